"""Where the named parts of a cell's weights stand in θ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Positions: TypeAlias = dict[str, NDArray[np.int64]]
"""Name of a part: the positions of its numbers in θ, in the part's shape; −1 where a number does not exist (no connection)."""


@dataclass(frozen=True)
class Rows:
    """Units whose weights are rows of θ, gate by gate: each row holds the parts one after the other.

    Parameters
    ----------
    n_units : int
    parts : sequence of (name, n)
        n numbers a row, an array (n_units, n); None: one number, an array (n_units,).
    gates : sequence of str
        Appended to the names, ``W_rec_reset``; one empty string: no gates.
    sources : (n_units, k) ndarray of int64, optional
        Of a sparse first part: the columns that exist, −1 after the last.
    """

    n_units: int
    parts: Sequence[tuple[str, int | None]]
    gates: Sequence[str] = ("",)
    sources: NDArray[np.int64] | None = None

    @property
    def _widths(self) -> list[int]:
        return [1 if n is None else n for _, n in self.parts]

    def _counts(self) -> NDArray[np.int64]:
        """Numbers of the first part that exist, for every unit."""
        return np.full(self.n_units, self._widths[0]) if self.sources is None else np.sum(self.sources >= 0, axis=1)

    @property
    def n_params(self) -> int:
        """Numbers in θ."""
        return len(self.gates) * (int(self._counts().sum()) + self.n_units * sum(self._widths[1:]))

    def place(self, start: int) -> tuple[Positions, int]:
        """Positions from ``start`` on, and where they end."""
        found: Positions = {}
        widths, counts = self._widths, self._counts()
        row_length = counts + sum(widths[1:])
        for gate in self.gates:
            row_starts = start + np.concatenate([[0], np.cumsum(row_length)[:-1]])
            offset = row_starts
            for k, (name, n) in enumerate(self.parts):
                if k == 0 and self.sources is not None:
                    at = np.full((self.n_units, widths[0]), -1, dtype=np.int64)
                    unit, j = np.nonzero(self.sources >= 0)
                    at[unit, self.sources[unit, j]] = offset[unit] + j
                    offset = offset + counts
                else:
                    at = (offset[:, None] + np.arange(widths[k])).astype(np.int64)
                    offset = offset + widths[k]
                found[f"{name}_{gate}" if gate else name] = at[:, 0] if n is None else at
            start += int(row_length.sum())
        return found, start


@dataclass(frozen=True)
class Column:
    """One number a unit, an array (n_units,)."""

    name: str
    n_units: int

    @property
    def n_params(self) -> int:
        """Numbers in θ."""
        return self.n_units

    def place(self, start: int) -> tuple[Positions, int]:
        """Positions from ``start`` on, and where they end."""
        return {self.name: np.arange(start, start + self.n_units, dtype=np.int64)}, start + self.n_units


def positions(groups: Sequence[Rows | Column]) -> Positions:
    """Positions of all parts, group after group."""
    found: Positions = {}
    start = 0
    for group in groups:
        parts, start = group.place(start)
        found |= parts
    return found
