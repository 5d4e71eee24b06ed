"""Weights of a linear read-out from what a stream left: a triangle or a Gram matrix of [1 | X | Y]."""

from typing import Any

import numpy as np
from scipy.linalg import lapack, svdvals

from .._series import Array
from ..errors import SingularReadoutError
from ..linalg import StreamingGram, StreamingQR
from ..linalg._factors import LETTERS, StreamingFactor

Solution = tuple[Array, Array]  # (n_rows of W, n_outputs), and the squared norm of the residuals (n_outputs,)


def solve(factor: StreamingFactor, n_features: int, free: bool, ridge: float) -> Solution:
    """Minimise ‖[1 X] W − Y‖² + ridge ‖W‖²; with ``free`` the first row of W costs nothing.

    n_features counts the rows of W: the constant too, if there is one.
    """
    if isinstance(factor, StreamingQR):
        return _from_triangle(factor.R, n_features, free, ridge)
    assert isinstance(factor, StreamingGram)
    return _from_gram(factor._square.conj(), n_features, free, ridge)


def _from_triangle(R: Array, n_features: int, free: bool, ridge: float) -> Solution:
    """[R; √ridge I] = Q' R', then R' W = Q'ᴴ y.

    The constant stands first: what is below its row of R is the triangle of the centred features, so that it drops out of the penalty exactly.
    """
    skip, letter, p = int(free), LETTERS[R.dtype.name], n_features
    triangle = R[skip:, skip:]
    n = p - skip
    if ridge == 0:
        _check_rank(R[:p, :p])
    elif n:
        below = np.zeros((n, len(triangle)), R.dtype, order="F")
        np.fill_diagonal(below, np.sqrt(ridge))
        triangle = getattr(lapack, f"{letter}tpqrt")(n, min(32, len(triangle)), triangle, below)[0]
    W = np.empty((p, R.shape[1] - p), R.dtype)
    W[skip:], singular = getattr(lapack, f"{letter}trtrs")(triangle[:n, :n], triangle[:n, n:]) if n else (W[skip:], 0)
    if singular or not np.isfinite(W[skip:]).all():
        raise _singular(R[:p, :p], "ridge is too small for these features")
    if free:
        W[0] = (R[0, p:] - R[0, 1:p] @ W[1:]) / R[0, 0]
    misfit = R[:p, p:] - R[:p, :p] @ W
    return W, np.sum(np.abs(misfit) ** 2, axis=0) + np.sum(np.abs(R[p:, p:]) ** 2, axis=0)


def _check_rank(triangle: Array) -> None:
    """Columns, that of the constant too, are independent, whatever the units of each: σ_min > p ε σ_max once they are of one length."""
    p = len(triangle)
    lengths = np.linalg.norm(triangle, axis=0)
    if not lengths.all():
        raise _singular(triangle, f"{np.sum(lengths == 0)} features are zero")
    equal = triangle / lengths
    rounding = np.finfo(triangle.dtype).eps
    reciprocal, _ = getattr(lapack, f"{LETTERS[triangle.dtype.name]}trcon")(equal)
    if reciprocal > 10 * p * p * rounding:  # an estimate within a factor, in the norm of column sums: far from the limit, no need for singular values
        return
    values = svdvals(equal)
    rank = int(np.sum(values > p * rounding * values[0]))
    if rank < p:
        raise _singular(triangle, f"only {rank} of {p} columns (features and constant) are linearly independent in {triangle.dtype}")


def _singular(triangle: Array, reason: str) -> SingularReadoutError:
    """√ridge a digit above the rounding error p ε σ_max: it damps the directions that np.linalg.lstsq cuts off."""
    size = float(svdvals(triangle)[0]) if np.isfinite(triangle).all() else float(np.finfo(triangle.dtype).max) ** 0.25
    return SingularReadoutError(reason, _rounded_up((10 * len(triangle) * float(np.finfo(triangle.dtype).eps) * (size or 1.0)) ** 2, triangle.dtype))


def _from_gram(upper: Array, n_features: int, free: bool, ridge: float) -> Solution:
    """(Xᴴ X + ridge I) W = Xᴴ Y by Cholesky's factorisation of the upper triangle, features scaled to one length."""
    p = n_features
    A, C = upper[:p, :p], upper[:p, p:]
    W = _cholesky(A, C, free, ridge)
    if W is None:
        size = float(np.real(np.diagonal(A)).sum()) or 1.0  # the largest eigenvalue or more
        cure = _rounded_up(float(np.finfo(A.dtype).eps) * size, A.dtype)
        while _cholesky(A, C, free, cure) is None:
            cure *= 10
        raise SingularReadoutError(f"the normal equations of {p - free} features with ridge={ridge:g} are singular in {A.dtype}", cure)
    # ‖Y − X W‖² = ‖Y‖² − 2 Re Wᴴ C + Wᴴ A W, and A W = C − ridge W
    squares = np.real(np.diagonal(upper[p:, p:])) - np.real(np.sum(W.conj() * C, axis=0)) - ridge * np.sum(np.abs(W[int(free) :]) ** 2, axis=0)
    return W, np.maximum(squares, 0)


def _cholesky(A: Array, C: Array, free: bool, ridge: float) -> Array | None:
    """Solve, or return None where A + ridge I is not positive definite to working precision."""
    diagonal = np.real(np.diagonal(A)).copy()
    diagonal[int(free) :] += ridge
    if not (diagonal > 0).all():
        return None
    scale = 1 / np.sqrt(diagonal)
    scaled = A * scale
    scaled *= scale[:, None]
    np.fill_diagonal(scaled, 1)
    letter = LETTERS[A.dtype.name]
    factor, failed = getattr(lapack, f"{letter}potrf")(scaled, clean=0)
    if failed:
        return None
    if ridge == 0:  # rounding errors alone may have kept it positive
        norm = np.abs(np.triu(scaled) + np.triu(scaled, 1).conj().T).sum(axis=0).max()
        if getattr(lapack, f"{letter}pocon")(factor, norm)[0] < np.finfo(A.dtype).eps:
            return None
    W: Array = getattr(lapack, f"{letter}potrs")(factor, C * scale[:, None])[0] * scale[:, None]
    return W if np.isfinite(W).all() else None


def _rounded_up(value: float, dtype: np.dtype[Any]) -> float:
    """To one digit; and no smaller than what the dtype can add."""
    value = max(value, float(np.finfo(dtype).tiny))
    digit = 10.0 ** np.floor(np.log10(value))
    return float(f"{np.ceil(value / digit) * digit:.0e}")
