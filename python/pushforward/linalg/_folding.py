"""Rows into the factor of a least-squares problem: :class:`StreamingLeastSquares` has the mathematics."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, blas, lapack

from .. import _core
from ._solution import check_rows

Array = NDArray[Any]
LIMIT = 100.0  # of the diagonal of Zᵀ Z: it costs two digits of I + Zᵀ Z at most
TOGETHER = 32  # reflections of a Householder step
BLOCK = 1152  # rows of a Householder step, at most
FEW = 192  # rows: fewer wait for company
GROWTH = 3  # rows of H a row of R: it takes n_columns³ operations to bring R up to date
TILE = 64  # rows transposed at a time: a line of memory is still in the cache when its next number is wanted
SQUARE = 256  # of blocks of triangles


def _by_rows(R: Array) -> Array:
    """Return R (n, n), upper triangular and in order of columns, in order of rows."""
    rows = np.zeros(R.shape, R.dtype)
    for first in range(0, len(R), TILE):
        rows[first : first + TILE, first:] = R[first : first + TILE, first:]
    return rows


def _product(U: Array, R: Array) -> Array:
    """R ← U R, both upper triangular, block by block: BLAS would not see that R is."""
    for i in range(0, len(R), SQUARE):
        for j in range(i, len(R), SQUARE):
            R[i : i + SQUARE, j : j + SQUARE] = U[i : i + SQUARE, i : j + SQUARE] @ R[i : j + SQUARE, j : j + SQUARE]
    return R


class Folding:
    """R, Qᵀ Y (here C) and S of the rows so far; of those since R was last brought up to date the Gram matrix H of [Z | W]."""

    dtype: np.dtype[Any]
    n_columns: int
    n_targets: int
    n_rows: int
    _own: Array | None = None  # R, if nobody else has it: it may be overwritten

    def _prepare(self) -> None:
        strip = _core.FOLD_STRIP_BYTES // self.dtype.itemsize
        self._left = -(-self.n_columns // strip) * strip
        width = self._left + -(-self.n_targets // strip) * strip
        n, k = self.n_columns, self.n_targets
        self._R: Array = np.zeros((n, n), self.dtype, order="F")
        self._C: Array = np.zeros((n, k), self.dtype, order="F")
        self._S: Array = np.zeros((k, k), self.dtype)
        self._H: Array = np.zeros((width, width), self.dtype)
        self._known = self._new = 0  # rows in R, and in H
        self._T: Array | None = None
        self._few: list[tuple[Array, Array]] = []  # rows that wait

    def export_state(self) -> dict[str, Array]:
        """Return all that it holds, as arrays; :meth:`import_state` goes on from there to the bit."""
        few = {"few": np.concatenate([np.hstack(pair) for pair in self._few])} if self._few else {}
        counts = np.array([self.n_rows, self._known, self._new])
        return {"R": np.array(self._R), "QTY": np.array(self._C), "residual_gram": np.array(self._S), "H": self._H.copy(), "counts": counts, **few}

    def import_state(self, arrays: Mapping[str, Array]) -> None:
        """Take back what :meth:`export_state` gave."""
        few = arrays.get("few", np.zeros((0, self.n_columns + self.n_targets), self.dtype))
        wanted = {"R": self._R.shape, "QTY": self._C.shape, "residual_gram": self._S.shape, "H": self._H.shape}
        for name, shape in wanted.items():
            if arrays[name].shape != shape or arrays[name].dtype != self.dtype:
                raise ValueError(f"arrays: '{name}' must be {self.dtype} of shape {shape}, got {arrays[name].dtype} of {arrays[name].shape}")
        if few.ndim != 2 or few.shape[1] != self.n_columns + self.n_targets or few.dtype != self.dtype:
            raise ValueError(f"arrays: 'few' must be {self.dtype} with {self.n_columns + self.n_targets} columns, got {few.dtype} of {few.shape}")
        n_rows, known, new = map(int, arrays["counts"])
        self._R, self._C = np.array(arrays["R"], order="F"), np.array(arrays["QTY"], order="F")
        self._S, self._H, self._T = np.array(arrays["residual_gram"]), np.array(arrays["H"], order="C"), None
        self.n_rows, self._known, self._new = n_rows, known, new
        self._few = [(few[:, : self.n_columns].copy(), few[:, self.n_columns :].copy())] if len(few) else []

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """What fails within changes nothing."""
        self._own = None
        before = {**self.__dict__, "_H": self._H.copy(), "_few": list(self._few)}
        try:
            yield
        except BaseException:
            self.__dict__.update(before)
            raise
        self._own = None

    def _add(self, rows: Array, targets: Array, weights: Array | None, names: tuple[str, str]) -> None:
        """Fold in what fits; errors call the parts by ``names``."""
        scale = None if weights is None else np.sqrt(weights).astype(self.dtype)
        if len(rows) + sum(len(waiting) for waiting, _ in self._few) < FEW:
            check_rows(names, rows, targets)
            if len(rows):
                self._few.append((rows.copy(), targets.copy()) if scale is None else self._scaled(rows, targets, scale))
        else:
            self._flush()
            self._fold(np.ascontiguousarray(rows), np.ascontiguousarray(targets), scale, names)
        self.n_rows += len(rows)

    def _signs(self) -> Array:
        return np.where(np.diagonal(self._R) < 0, -1, 1).astype(self.dtype)

    def _factors(self) -> tuple[Array, Array, Array]:
        """R, C and S with nothing left beside them."""
        if self._few or self._new:
            with self._kept():
                self._flush()
                self._refresh()
        return self._R, self._C, self._S

    def _flush(self) -> None:
        if self._few:
            rows, targets = (np.concatenate(parts) for parts in zip(*self._few, strict=True))
            with self._kept():
                self._fold(rows, targets, None, ("A", "Y"))
                self._few = []

    def _fold(self, X: Array, Y: Array, scale: Array | None, names: tuple[str, str]) -> None:
        first, n_rows = 0, len(X)
        while first < n_rows:
            if self._known >= 2 * self.n_columns:
                last = min(n_rows, first + GROWTH * self._known - self._new)
                if self._T is None:
                    self._T = _core.pack_fold(_by_rows(self._R), np.ascontiguousarray(self._C))
                some = None if scale is None else scale[first:last]
                taken = _core.fold(self._T, X[first:last], Y[first:last], some, self._H, LIMIT, True)
                self._new += taken
                first += taken
                if first == last:
                    if self._new >= GROWTH * self._known:
                        self._refresh()
                    continue
            last = min(n_rows, first + BLOCK)
            rows, targets = X[first:last], Y[first:last]
            if not (np.isfinite(rows).all() and np.isfinite(targets).all()):
                check_rows(names, X, Y)
            if scale is not None:
                rows, targets = self._scaled(rows, targets, scale[first:last])
            self._refresh()
            self._reflect(rows, targets)
            self._known += (last - first) * bool(np.diagonal(self._R).any())
            first = last

    def _scaled(self, rows: Array, targets: Array, scale: Array) -> tuple[Array, Array]:
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = rows * scale[:, None], targets * scale[:, None]
        if not all(np.isfinite(part).all() for part in scaled):
            raise ValueError(f"weights must be small enough that rows times their roots are finite in {self.dtype}")
        return scaled

    def _reflect(self, rows: Array, targets: Array) -> None:
        """[R; rows] = Q' R' by Householder reflections."""
        R, n = self._R, self.n_columns
        if not np.diagonal(R).any():
            if not rows.any():  # nothing to know a size from
                self._S = self._S + targets.T @ targets
                return
            eps, sizes = np.finfo(self.dtype).eps, np.abs(rows).max(axis=0)
            R = self._own = np.asfortranarray(np.diag(eps * np.maximum(sizes, max(eps * sizes.max(), np.finfo(self.dtype).tiny / eps))))
        tpqrt, tpmqrt = (getattr(lapack, ("d" if self.dtype == np.float64 else "s") + name) for name in ("tpqrt", "tpmqrt"))
        V = np.array(rows, order="F")
        R, V, reflections, _ = tpqrt(0, min(TOGETHER, n), R, V, overwrite_a=R is self._own, overwrite_b=1)
        C, rest, _ = tpmqrt(0, V, reflections, self._C, np.asfortranarray(targets), trans="T")
        self._check_lengths(R, C)
        self._R, self._C, self._S, self._T, self._own = R, C, self._S + rest.T @ rest, None, R

    def _check_lengths(self, R: Array, C: Array) -> None:
        longest = 1 / np.finfo(self.dtype).tiny  # of what is longer the reciprocal, which the kernels take, is flushed to zero
        if not (np.abs(np.diagonal(R)).max() <= longest and np.isfinite(R).all() and np.isfinite(C).all()):
            raise ValueError(f"rows must be small enough that the length of a column is at most {longest:.2g}, for {self.dtype}")

    def _refresh(self) -> None:
        """What H holds goes into R, C and S."""
        if not self._new:
            return
        n, right = self.n_columns, slice(self._left, self._left + self.n_targets)
        letter = "d" if self.dtype == np.float64 else "s"
        potrf, trsm = getattr(lapack, letter + "potrf"), getattr(blas, letter + "trsm")
        G = self._H.T  # its upper triangle counts
        square = np.asfortranarray(G[:n, :n])
        square[np.diag_indices(n)] += 1
        U, failed = potrf(square, lower=0, clean=1, overwrite_a=1)  # Lᵀ
        if failed:
            raise LinAlgError(f"I + Zᵀ Z is not positive at {failed}: rows must be small enough for sums of squares in {self.dtype}")
        P = trsm(1, U, G[:n, right], side=0, lower=0, trans_a=1)
        upper = np.triu(G[right, right], 1)
        WW = upper + upper.T + np.diag(np.diagonal(G[right, right]))
        with np.errstate(over="ignore", invalid="ignore"):
            C = np.asfortranarray(U @ self._C + P)
            R = _product(U, self._R if self._R is self._own else self._R.copy(order="F"))
        self._check_lengths(R, C)
        self._R, self._C, self._S, self._T, self._own = R, C, self._S + WW - P.T @ P, None, R
        self._H[:] = 0
        self._known, self._new = self._known + self._new, 0
