"""Least squares by normal equations: half of the work of an orthogonal method, and half of the digits."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from .. import _core
from ._solution import LeastSquaresSolution, check_rows, check_solve

Array = NDArray[Any]


class NormalEquations:
    """AᵀA and AᵀY of rows that come in chunks.

    Parameters
    ----------
    n_columns, n_targets : int
    dtype : {"float64", "float32"}
    """

    has_factors = False

    def __init__(self, n_columns: int, n_targets: int, dtype: str = "float64") -> None:
        self.dtype = np.dtype(dtype)
        self.n_columns, self.n_targets, self.n_rows = n_columns, n_targets, 0
        strip = _core.FOLD_STRIP_BYTES // self.dtype.itemsize
        self._left = -(-n_columns // strip) * strip
        self._H: Array = np.zeros((self._left + -(-n_targets // strip) * strip,) * 2, self.dtype)
        self._squares: Array = np.zeros(n_targets, self.dtype)

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """What fails within changes nothing."""
        before = {**self.__dict__, "_H": self._H.copy()}
        try:
            yield
        except BaseException:
            self.__dict__.update(before)
            raise

    def _add(self, rows: Array, targets: Array, weights: Array | None, names: tuple[str, str]) -> None:
        """Fold in what fits."""
        scale = None if weights is None else np.sqrt(weights).astype(self.dtype)
        rows, targets = np.ascontiguousarray(rows), np.ascontiguousarray(targets)
        _core.fold(None, rows, targets, scale, self._H, 0.0, False)
        scaled = targets if scale is None else targets * scale[:, None]
        self._squares = self._squares + np.einsum("ij,ij->j", scaled, scaled)
        if not (np.isfinite(np.diagonal(self._H)).all() and np.isfinite(self._squares).all()):
            check_rows(names, rows, targets)
            raise ValueError(f"{names[0]} and {names[1]} must be small enough for sums of squares in {self.dtype}")
        self.n_rows += len(rows)

    def merge(self, other: Self) -> Self:
        """Fold in all rows that another has seen."""
        self._H, self._squares, self.n_rows = self._H + other._H, self._squares + other._squares, self.n_rows + other.n_rows
        return self

    def part(self, n_columns: int, n_targets: int) -> "NormalEquations":
        """Return the problem of the first columns and the last targets, of the same rows."""
        smaller, end = NormalEquations(n_columns, n_targets, self.dtype.name), self._left + self.n_targets
        smaller._H[:n_columns, :n_columns] = self._H[:n_columns, :n_columns]
        smaller._H[smaller._left : smaller._left + n_targets, :n_columns] = self._H[end - n_targets : end, :n_columns]
        smaller._squares, smaller.n_rows = self._squares[-n_targets:], self.n_rows
        return smaller

    def export_state(self) -> dict[str, Array]:
        """Return all that it holds, as arrays."""
        return {"H": self._H.copy(), "squares": np.array(self._squares), "counts": np.array([self.n_rows])}

    def import_state(self, arrays: Mapping[str, Array]) -> None:
        """Take back what :meth:`export_state` gave."""
        self._H, self._squares, self.n_rows = np.array(arrays["H"]), np.array(arrays["squares"]), int(arrays["counts"][0])

    def solve(self, rcond: float = 1e-10, ridge: float = 0.0) -> LeastSquaresSolution:
        """Solve with all rows so far: eigenvalues of AᵀA below the rounding errors of its sums say nothing, and count as zero."""
        check_solve(rcond, ridge, self.n_rows)
        n = self.n_columns
        G, AY = self._H[:n, :n], self._H[self._left : self._left + self.n_targets, :n].T
        eigenvalues, V = eigh(G, lower=True, check_finite=False, driver="evd")
        eigenvalues, V = np.maximum(eigenvalues[::-1], 0), V[:, ::-1]
        rank = int(np.count_nonzero(eigenvalues > max(rcond**2, n * float(np.finfo(self.dtype).eps)) * eigenvalues[0]))
        V = V[:, :rank]
        coefficients = np.asarray(V @ ((V.T @ AY) / (eigenvalues[:rank, None] + self.dtype.type(ridge))))
        full = np.tril(G, -1)
        left = self._squares - 2 * np.einsum("ij,ij->j", coefficients, AY) + np.einsum("ij,ij->j", coefficients, full @ coefficients)
        left = left + np.einsum("ij,ij->j", coefficients, full.T @ coefficients + np.diagonal(G)[:, None] * coefficients)
        return LeastSquaresSolution(coefficients, np.sqrt(eigenvalues), rank, np.sqrt(np.maximum(left, 0)), self.n_rows)
