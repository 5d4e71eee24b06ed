"""Least squares from rows in chunks: one pass, a factor in memory, the accuracy of an SVD of all rows."""

import contextlib
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, lstsq, svd

from .._checks import one_of, positive_int
from .._rows import rows_of, weights_of
from ._folding import Folding
from ._solution import LeastSquaresSolution, check_solve

__all__ = ["StreamingLeastSquares"]

Array = NDArray[Any]
FEW_TARGETS = 8  # columns for each: with more of these a solution without singular vectors is not quicker
CLEAR = 1000  # rounding errors: without singular vectors the values are good to 30 of them only, too few for a cut-off that is nearer


class StreamingLeastSquares(Folding):
    """Least squares with rows that come in chunks; what is kept does not grow with their number.

    Parameters
    ----------
    n_columns, n_targets : int
        Of A and of Y.
    dtype : {"float64", "float32"}

    Attributes
    ----------
    n_rows : int
        Rows seen.

    Notes
    -----
    Kept are the triangle R of A = Q R, Qᵀ Y, and the Gram matrix of the residuals, S = Yᵀ (I − Q Qᵀ) Y. A chunk X with targets Y_X is measured by
    what is known: Z = X R⁻¹ (a triangular solve), W = Y_X − Z Qᵀ Y. With I + Zᵀ Z = L Lᵀ and P = L⁻¹ Zᵀ W

        R ← Lᵀ R,    Qᵀ Y ← Lᵀ Qᵀ Y + P,    S ← S + Wᵀ W − Pᵀ P.

    This is CholeskyQR with R as the preconditioner: I + Zᵀ Z is well conditioned whatever A is, so that nothing is lost by forming it, and the
    work is one triangular solve and one Gram matrix: 2 n_rows n_columns² operations, as many as Householder's, all in products of matrices. Many
    chunks go with one R; a rank-n_columns update follows when the number of rows has grown fourfold. While R knows too little (the first rows, a
    direction never seen before: Zᵀ Z is large) rows go in by Householder reflections. A starts with rows of rounding errors, ε times the size of its
    columns, so that R is never singular. Singular values are those of A to rounding errors relative to the largest (Demmel, Grigori, Hoemmen,
    Langou 2012 on QR in chunks; Fukaya et al. 2020 on CholeskyQR). All this is chosen by measurement: LAPACK's tpqrt reaches a third of the speed.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.random.default_rng(0).normal(size=(1000, 3))
    >>> Y = A @ [[1.0], [2.0], [3.0]]
    >>> solution = StreamingLeastSquares(3, 1).update(A[:300], Y[:300]).update(A[300:], Y[300:]).solve()
    >>> solution.coefficients[:, 0].round(12), solution.rank
    (array([1., 2., 3.]), 3)
    """

    has_factors = True

    def __init__(self, n_columns: int, n_targets: int, dtype: str = "float64") -> None:
        positive_int("n_columns", n_columns)
        positive_int("n_targets", n_targets)
        self.dtype = np.dtype(dtype)
        one_of("dtype", self.dtype.name, ("float32", "float64"))
        self.n_columns, self.n_targets, self.n_rows = int(n_columns), int(n_targets), 0
        self._prepare()

    def update(self, A: ArrayLike, Y: ArrayLike, weights: ArrayLike | None = None) -> Self:
        """Fold rows in; a mistake changes nothing.

        Parameters
        ----------
        A : (n_rows, n_columns) ndarray of this dtype
        Y : (n_rows, n_targets) ndarray
        weights : (n_rows,) array-like, optional
            Non-negative; a row of weight w counts as w rows.

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; of rows that are not finite the numbers.
        """
        rows, targets = rows_of("A", A, self.dtype), rows_of("Y", Y, self.dtype)
        for name, part, width in (("A", rows, self.n_columns), ("Y", targets, self.n_targets)):
            if part.shape != (len(rows), width):
                raise ValueError(f"{name} must have shape ({len(rows)}, {width}), got {part.shape}")
        with self._kept():
            self._add(rows, targets, None if weights is None else weights_of("weights", weights, len(rows), some=False), ("A", "Y"))
        return self

    def merge(self, other: Self) -> Self:
        """Fold in all rows that another has seen.

        Parameters
        ----------
        other : StreamingLeastSquares of the same size and dtype
        """
        if type(other) is not type(self):
            raise TypeError(f"other must be a {type(self).__name__}, got {type(other).__name__}")
        if (other.n_columns, other.n_targets, other.dtype) != (self.n_columns, self.n_targets, self.dtype):
            got = f"{other.n_columns} columns and {other.n_targets} targets of {other.dtype}"
            raise ValueError(f"other must have {self.n_columns} columns and {self.n_targets} targets of {self.dtype}, got {got}")
        R, C, S = other._factors()
        self._factors()
        with self._kept():
            if other.n_rows:
                self._reflect(R, C)
                self._S, self._known = self._S + S, self._known + other._known
            self.n_rows += other.n_rows
        return self

    def solve(self, rcond: float = 1e-10, ridge: float = 0.0) -> LeastSquaresSolution:
        """Solve with all rows so far.

        Parameters
        ----------
        rcond : float
            Singular values of at most ``rcond`` times the largest count as zero, like in :func:`numpy.linalg.lstsq`; not below the rounding
            error of the dtype.
        ridge : float

        Raises
        ------
        ValueError
            When ``rcond`` or ``ridge`` is negative, or there are no rows.
        """
        check_solve(rcond, ridge, self.n_rows)
        R, C, _ = self._factors()
        eps = float(np.finfo(self.dtype).eps)
        cut = max(rcond, eps)
        if not ridge and CLEAR * eps <= cut < 1 and FEW_TARGETS * self.n_targets <= self.n_columns:
            with contextlib.suppress(LinAlgError):  # no singular vectors are formed
                coefficients, _, rank, s = lstsq(R, C, cut, check_finite=False, lapack_driver="gelsd")
                return LeastSquaresSolution(coefficients, s, int(rank), self._residuals(coefficients), self.n_rows)
        try:
            U, s, Vt = svd(R, check_finite=False)
        except LinAlgError:  # the quick algorithm may fail to converge
            U, s, Vt = svd(R, check_finite=False, lapack_driver="gesvd")
        rank = int(np.count_nonzero(s > cut * s[0]))
        filtered = 1 / (s[:rank] + self.dtype.type(ridge) / s[:rank])  # no squares: they would leave the range of the dtype first
        coefficients = Vt[:rank].T @ (filtered[:, None] * (U[:, :rank].T @ C))
        return LeastSquaresSolution(coefficients, s, rank, self._residuals(coefficients), self.n_rows)

    def _residuals(self, coefficients: Array) -> Array:
        left = self._C - self._R @ coefficients
        return np.asarray(np.sqrt(np.maximum(np.diagonal(self._S), 0) + (left**2).sum(axis=0)))

    def part(self, n_columns: int, n_targets: int) -> "StreamingLeastSquares":
        """Return the problem of the first columns and the last targets, of the same rows."""
        R, C, S = self._factors()
        smaller, last = StreamingLeastSquares(n_columns, n_targets, self.dtype.name), C[:, self.n_targets - n_targets :]
        smaller._R, smaller._C = np.asfortranarray(R[:n_columns, :n_columns]), np.asfortranarray(last[:n_columns])
        smaller._S = S[-n_targets:, -n_targets:] + last[n_columns:].T @ last[n_columns:]
        smaller.n_rows, smaller._known = self.n_rows, self._known
        return smaller

    @property
    def R(self) -> Array:
        """(n_columns, n_columns): the triangle, its diagonal not negative."""
        R = self._factors()[0]
        return R * self._signs()[:, None]

    @property
    def QTY(self) -> Array:
        """(n_columns, n_targets): Qᵀ Y."""
        C = self._factors()[1]
        return C * self._signs()[:, None]

    @property
    def residual_gram(self) -> Array:
        """(n_targets, n_targets): Yᵀ (I − Q Qᵀ) Y."""
        return np.array(self._factors()[2])
