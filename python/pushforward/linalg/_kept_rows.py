"""Least squares by a singular value decomposition of all rows, which are kept: the slow way that the others are held against."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd

from ._solution import LeastSquaresSolution, check_rows, check_solve

Array = NDArray[Any]


class KeptRows:
    """All rows of A and Y.

    Parameters
    ----------
    n_columns, n_targets : int
    dtype : {"float64", "float32"}
    """

    has_factors = True

    def __init__(self, n_columns: int, n_targets: int, dtype: str = "float64") -> None:
        self.dtype = np.dtype(dtype)
        self.n_columns, self.n_targets, self.n_rows = n_columns, n_targets, 0
        self._rows: list[tuple[Array, Array]] = []

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """What fails within changes nothing."""
        before = {**self.__dict__, "_rows": list(self._rows)}
        try:
            yield
        except BaseException:
            self.__dict__.update(before)
            raise

    def _add(self, rows: Array, targets: Array, weights: Array | None, names: tuple[str, str]) -> None:
        """Keep what fits."""
        check_rows(names, rows, targets)
        scale = np.ones((1, 1), self.dtype) if weights is None else np.sqrt(weights).astype(self.dtype)[:, None]
        self._rows.append((rows * scale, targets * scale))
        self.n_rows += len(rows)

    def merge(self, other: Self) -> Self:
        """Keep all rows of another too."""
        self._rows, self.n_rows = self._rows + other._rows, self.n_rows + other.n_rows
        return self

    def part(self, n_columns: int, n_targets: int) -> "KeptRows":
        """Return the problem of the first columns and the last targets, of the same rows."""
        smaller = KeptRows(n_columns, n_targets, self.dtype.name)
        smaller._rows, smaller.n_rows = [(A[:, :n_columns], Y[:, -n_targets:]) for A, Y in self._rows], self.n_rows
        return smaller

    def export_state(self) -> dict[str, Array]:
        """Return all that it holds, as arrays."""
        if not self._rows:
            return {"A": np.zeros((0, self.n_columns), self.dtype), "Y": np.zeros((0, self.n_targets), self.dtype)}
        A, Y = self._all()
        return {"A": A, "Y": Y}

    def import_state(self, arrays: Mapping[str, Array]) -> None:
        """Take back what :meth:`export_state` gave."""
        self._rows, self.n_rows = [(np.array(arrays["A"]), np.array(arrays["Y"]))], len(arrays["A"])

    def _all(self) -> tuple[Array, Array]:
        self._rows = [(np.concatenate([a for a, _ in self._rows]), np.concatenate([y for _, y in self._rows]))]
        return self._rows[0]

    def solve(self, rcond: float = 1e-10, ridge: float = 0.0) -> LeastSquaresSolution:
        """Solve with all rows so far."""
        check_solve(rcond, ridge, self.n_rows)
        A, Y = self._all()
        U, s, Vt = svd(A, full_matrices=False, check_finite=False)
        rank = int(np.count_nonzero(s > max(rcond, float(np.finfo(self.dtype).eps)) * s[0]))
        coefficients = Vt[:rank].T @ ((1 / (s[:rank] + self.dtype.type(ridge) / s[:rank]))[:, None] * (U[:, :rank].T @ Y))
        values = np.zeros(self.n_columns, self.dtype)
        values[: len(s)] = s
        return LeastSquaresSolution(coefficients, values, rank, np.linalg.norm(Y - A @ coefficients, axis=0), self.n_rows)

    def _triangular(self) -> tuple[Array, Array, Array]:
        A, Y = self._all()
        Q, R = np.linalg.qr(np.concatenate([A, np.zeros((max(0, A.shape[1] - len(A)), A.shape[1]), self.dtype)]))
        left = Q[: len(A)].T @ Y
        rest = Y - Q[: len(A)] @ left
        return R, left, rest.T @ rest

    @property
    def R(self) -> Array:
        """The triangle of A = Q R."""
        return self._triangular()[0]

    @property
    def QTY(self) -> Array:
        """Qᵀ Y."""
        return self._triangular()[1]

    @property
    def residual_gram(self) -> Array:
        """Yᵀ (I − Q Qᵀ) Y."""
        return self._triangular()[2]
