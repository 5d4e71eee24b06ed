"""Dense cells whose recurrence may be sparse."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import is_int
from ._base import Cell
from ._checks import Connectivity, connectivity, sources


@dataclass(frozen=True)
class SparseCell(Cell):
    """A cell with a recurrent matrix that a fixed mask may thin out. Subclasses declare ``connectivity`` and ``connectivity_seed``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self._connectivity
        if given is not None:
            object.__setattr__(self, "connectivity", connectivity(given, self.n_units))
        seed = getattr(self, "connectivity_seed", 0)
        if not (is_int(seed) and seed >= 0):
            raise ValueError(f"connectivity_seed must be a non-negative int, got {seed!r}")
        object.__setattr__(self, "connectivity_seed", int(seed))

    @property
    def _connectivity(self) -> Connectivity | None:
        return getattr(self, "connectivity", None)

    def sources(self) -> NDArray[np.int64] | None:
        """Which units each unit hears, (n_units, k), −1 after its last; None when it hears all."""
        return sources(self._connectivity, self.n_units, getattr(self, "connectivity_seed", 0))

    def mask(self) -> NDArray[np.bool_]:
        """True where unit i hears unit j, (n_units, n_units)."""
        heard = self.sources()
        if heard is None:
            return np.ones((self.n_units, self.n_units), dtype=bool)
        mask = np.zeros((self.n_units, self.n_units), dtype=bool)
        unit, k = np.nonzero(heard >= 0)
        mask[unit, heard[unit, k]] = True
        return mask

    def core_settings(self) -> dict[str, Any]:
        """What the extension module builds this cell from."""
        heard = self.sources()
        return super().core_settings() | ({} if heard is None else {"sources": heard.ravel().tolist()})
