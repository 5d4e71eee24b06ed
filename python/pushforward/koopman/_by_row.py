"""What a Koopman model says of every row of a trajectory."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _series
from ._operators import Operators

__all__ = ["ByRow"]

Array = NDArray[Any]
CHUNK_NUMBERS = 1 << 21  # of features at a time


class ByRow(Operators):
    """Features and functions of them."""

    def lift(self, X: Any) -> Any:
        """Return the features ψ (n_steps, n_features) of trajectories (or of their only rows); NaN where delays reach before the start."""
        return self._by_row(X, lambda Z, _: self._drawn.features.lift(Z), self.n_features_)

    def eigenfunctions(self, X: Any) -> Any:
        """Return φ_j (n_steps, n_features) complex of trajectories: φ_j[t+1] ≈ λ_j φ_j[t]; NaN where delays reach before the start."""
        left = self._spectrum().left
        return self._by_row(X, lambda Z, _: self._drawn.features(Z) @ left, left.shape[1], left.dtype)

    def _by_row(
        self, X: Any, function: Callable[[Array, Array | None], Array], width: int, dtype: Any = None, inputs: Any = None, driven: bool = False
    ) -> Any:
        self._check_built()
        self._check_unchanged()
        embedding, layer = self._drawn.embedding, self._drawn.inputs if driven else None
        if driven:
            data, driving = self._data(X, inputs, "X", 1 - self.n_delays)
        else:
            data, driving = self._states("X", X), None
        outputs, d, numbers = [], embedding.n_delays, self.n_features_ * (embedding.width // self.n_features_ + 1)
        for i, H in enumerate(data.arrays):
            out = np.full((len(H), width), np.nan, self._type() if dtype is None else dtype)
            length = max(64, CHUNK_NUMBERS // numbers)
            for first in range(0, len(H) - d, length):
                rows = slice(first + d, min(first + d + length, len(H)))
                g = None if driving is None or layer is None else layer(driving[i][rows])
                out[rows] = function(embedding(H[first : rows.stop]), g)
            outputs.append(out)
        return data.like(outputs)

    def _states(self, name: str, X: Any) -> _series.Series:
        data = _series.series(name, X, self._type())
        if data.arrays[0].shape[1] != self.n_features_in_:
            raise ValueError(f"{name} must have {self.n_features_in_} columns (n_state), got {data.arrays[0].shape[1]}")
        return data
