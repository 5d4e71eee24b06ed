"""Factors of a matrix whose rows come in chunks: what least squares needs of it, however many rows there were."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas, lapack

from .._checks import one_of, positive_int
from .._rows import check_finite, is_constant, rows_of, weights_of
from .._series import DTYPES, Array

__all__ = ["StreamingGram", "StreamingQR"]

LETTERS = dict(zip(DTYPES, "sdcz", strict=True))  # of the LAPACK routines
BUFFER_NUMBERS = 1 << 22  # at most, of the rows that are folded in at a time
BLOCKING = ((24, 4, 4080), (64, 4, 1016), (128, 8, 504), (256, 16, 504), (640, 24, 504), (np.inf, 48, 2040))  # up to n columns: reflections, rows
TILE = 64  # rows copied at a time: a page of the buffer, a row of the source

Parts = Sequence[Array]  # (n_rows, k) arrays that stand side by side


class StreamingFactor:
    """What :class:`StreamingQR` and :class:`StreamingGram` share: a square array that rows are folded into."""

    def __init__(self, n_columns: int, dtype: str = "float64") -> None:
        positive_int("n_columns", n_columns)
        self.dtype = np.dtype(dtype)
        one_of("dtype", self.dtype.name, DTYPES)
        self.n_columns, self.n_rows = int(n_columns), 0
        self._square: Array = np.zeros((self.n_columns, self.n_columns), self.dtype, order="F")

    def update(self, *blocks: ArrayLike, weights: ArrayLike | None = None) -> Self:
        """Fold rows in; a mistake changes nothing.

        Parameters
        ----------
        *blocks : (n_rows, k) ndarrays of this dtype
            They stand side by side, ``n_columns`` columns together, and are never joined: no copy of the chunk is made.
        weights : (n_rows,) array-like, optional
            Non-negative; a row of weight w counts as w rows.

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; what is not finite with its place.
        """
        names = ["rows"] if len(blocks) == 1 else [f"rows[{i}]" for i in range(len(blocks))]
        parts = [rows_of(name, block, self.dtype) for name, block in zip(names, blocks, strict=True)]
        if not parts or sum(part.shape[1] for part in parts) != self.n_columns or len({len(part) for part in parts}) != 1:
            raise ValueError(f"rows must be (n_rows, {self.n_columns}), or blocks that give it side by side, got {[part.shape for part in parts]}")
        self._fold(parts, names, None if weights is None else weights_of("weights", weights, len(parts[0])))
        return self

    def merge(self, other: Self) -> Self:
        """Fold in all rows that another factor has seen.

        Parameters
        ----------
        other : of the same class, dtype and ``n_columns``
        """
        if type(other) is not type(self):
            raise TypeError(f"other must be a {type(self).__name__}, got {type(other).__name__}")
        if (other.n_columns, other.dtype) != (self.n_columns, self.dtype):
            raise ValueError(f"other must have {self.n_columns} columns of {self.dtype}, got {other.n_columns} of {other.dtype}")
        self._square, self.n_rows = self._merged(other), self.n_rows + other.n_rows
        return self

    def _fold(self, parts: Parts, names: Sequence[str], weights: NDArray[Any] | None) -> None:
        """Fold in what is known to fit."""
        with np.errstate(all="ignore"):  # what is not finite is found afterwards
            square = self._folded(parts, names, weights)
        if not np.isfinite(square).all():
            named = " and ".join(name for name in names if name != "intercept")
            raise ValueError(f"{named} must be small enough for sums of squares in {self.dtype}")
        self._square, self.n_rows = square, self.n_rows + len(parts[0])

    def _folded(self, parts: Parts, names: Sequence[str], weights: NDArray[Any] | None) -> Array:
        raise NotImplementedError

    def _merged(self, other: Self) -> Array:
        raise NotImplementedError

    def _routine(self, of: Any, name: str) -> Any:
        return getattr(of, LETTERS[self.dtype.name] + name)


class StreamingQR(StreamingFactor):
    """QR factorisation A = Q R of a matrix whose rows come in chunks; only the triangle R is kept.

    Parameters
    ----------
    n_columns : int
    dtype : {"float64", "float32", "complex128", "complex64"}

    Attributes
    ----------
    R : (n_columns, n_columns) ndarray
    n_rows : int
        Rows seen.

    Notes
    -----
    [R; chunk] = Q' R' by Householder reflections that leave the zeros of R alone (LAPACK's tpqrt): a chunk costs 2 n_rows n_columns² operations, and
    the result is as accurate as a QR factorisation of all rows at once. It is backward stable; Rᴴ R = Aᴴ A of :class:`StreamingGram` squares the
    condition number. Columns to the right may be right-hand sides: the R of [A | B] holds that of A, Qᴴ B, and a triangle as long as the residual.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.random.default_rng(0).normal(size=(1000, 4))
    >>> R = StreamingQR(4).update(A[:300]).update(A[300:]).R
    >>> bool(np.allclose(R.T @ R, A.T @ A))
    True
    """

    @property
    def R(self) -> Array:
        """The triangle, its diagonal real and not negative: then it is unique. A copy."""
        diagonal = np.diagonal(self._square)
        size = np.abs(diagonal)
        phase = np.where(size > 0, diagonal.conj() / np.where(size > 0, size, 1), 1)
        return np.asarray(np.triu(self._square) * phase[:, None], self.dtype)

    def _blocking(self) -> tuple[int, int]:
        """Reflections and rows taken together, as measured: long columns for narrow matrices, and a column never a whole number of pages."""
        n = self.n_columns
        together, rows = next((together, rows) for limit, together, rows in BLOCKING if n <= limit)
        return min(together, n), max(1, min(rows, BUFFER_NUMBERS // n))

    def _folded(self, parts: Parts, names: Sequence[str], weights: NDArray[Any] | None) -> Array:
        n_rows, (together, height) = len(parts[0]), self._blocking()
        tpqrt, square = self._routine(lapack, "tpqrt"), self._square.copy(order="F")
        work = np.empty(min(height, n_rows) * self.n_columns, self.dtype)
        for first in range(0, n_rows, height):
            rows = min(height, n_rows - first)
            block = work[: rows * self.n_columns].reshape((rows, self.n_columns), order="F")
            column = 0
            for part, name in zip(parts, names, strict=True):
                chunk = part[first : first + rows]
                check_finite(name, chunk, first)
                for at in range(0, rows, TILE):
                    block[at : at + TILE, column : column + part.shape[1]] = chunk[at : at + TILE]
                column += part.shape[1]
            if weights is not None:
                block *= np.sqrt(weights[first : first + rows, None]).astype(block.real.dtype)
            square = tpqrt(0, together, square, block, overwrite_a=1, overwrite_b=1)[0]
        return square

    def _merged(self, other: "StreamingQR") -> Array:
        """[R; R_other] = Q' R', both triangles."""
        tpqrt = self._routine(lapack, "tpqrt")
        return np.asarray(tpqrt(self.n_columns, self._blocking()[0], self._square, np.triu(other._square))[0])


class StreamingGram(StreamingFactor):
    """Gram matrix Aᴴ A of a matrix whose rows come in chunks: half the work of :class:`StreamingQR` or less, and half the digits.

    Parameters
    ----------
    n_columns : int
    dtype : {"float64", "float32", "complex128", "complex64"}

    Attributes
    ----------
    G : (n_columns, n_columns) ndarray
    n_rows : int
        Rows seen.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.arange(6.0).reshape(3, 2)
    >>> StreamingGram(2).update(A[:2]).update(A[2:]).G
    array([[20., 26.],
           [26., 35.]])
    """

    @property
    def G(self) -> Array:
        """The whole matrix. A copy."""
        upper = np.triu(self._square, 1)
        return np.asarray((np.triu(self._square) + upper.conj().T).conj())

    def _folded(self, parts: Parts, names: Sequence[str], weights: NDArray[Any] | None) -> Array:
        # What is kept is the upper triangle of Aᵀ Ā, the conjugate of G: BLAS takes rows in C order as the columns of Aᵀ, without a copy.
        square = self._square.copy(order="F")
        bounds = np.cumsum([0, *(part.shape[1] for part in parts)])
        for rows in self._pieces(parts, weights):
            for i, (low, high) in enumerate(itertools.pairwise(bounds)):
                for j in range(i, len(parts)):
                    square[low:high, bounds[j] : bounds[j + 1]] += self._product(rows[i], rows[j])
            if not np.isfinite(np.diagonal(square)).all():  # a sum of squares forgets nothing
                for part, name in zip(parts, names, strict=True):
                    check_finite(name, part)
        return square

    def _product(self, a: Array, b: Array) -> Array:
        """aᵀ b̄ of (n_rows, p) and (n_rows, q); of a with itself only the upper triangle need be there."""
        if is_constant(a):
            return np.ones(len(b), b.dtype) @ b if b.dtype.kind == "f" else b.sum(axis=0).conj()
        if self.dtype.kind == "f":
            return a.T @ a if a is b else (b.T @ a).T  # NumPy takes half the products of a matrix with itself
        return np.asarray(self._routine(blas, "herk")(1, a.T) if a is b else self._routine(blas, "gemm")(1, a.T, b.T, trans_b=2))

    def _pieces(self, parts: Parts, weights: NDArray[Any] | None) -> Iterator[list[Array]]:
        """Rows of every part, in C order: as they are where that is so already, else copies of a few at a time."""
        n_rows = len(parts[0])
        whole = weights is None and all(part.flags.c_contiguous or is_constant(part) for part in parts)
        height = n_rows if whole else max(1, BUFFER_NUMBERS // self.n_columns)
        for first in range(0, n_rows, max(1, height)):
            rows = [part[first : first + height] for part in parts]
            if weights is not None:
                scale = np.sqrt(weights[first : first + height, None]).astype(self.dtype.char.lower())
                rows = [chunk * scale for chunk in rows]
            yield [chunk if whole else np.ascontiguousarray(chunk) for chunk in rows]

    def _merged(self, other: "StreamingGram") -> Array:
        return np.asarray(self._square + other._square)
