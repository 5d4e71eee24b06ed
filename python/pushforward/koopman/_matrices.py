"""Square matrices as the spectral functions take them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

__all__ = ["root", "square"]

Array = NDArray[Any]


def square(name: str, values: ArrayLike) -> tuple[Array, np.dtype[Any]]:
    """Return a square matrix in double precision, and the dtype of what it came in."""
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not len(array):
        raise ValueError(f"{name} must be a square matrix, got shape {array.shape}")
    if array.dtype.kind not in "iufc":
        raise TypeError(f"{name} must be a matrix of numbers, got {array.dtype}")
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name} must be finite, got {array[row, column]} at row {row}, column {column}")
    kind = array.dtype if array.dtype.kind in "fc" else np.dtype(np.float64)
    return array.astype(np.complex128 if kind.kind == "c" else np.float64), kind


def real_square(name: str, values: ArrayLike) -> tuple[Array, np.dtype[Any]]:
    """Return a real square matrix in double precision, and the dtype of what it came in."""
    array, kind = square(name, values)
    if kind.kind == "c":
        raise TypeError(f"{name} must be real, got {kind}")
    return array, kind


def root(S: ArrayLike) -> Array:
    """F with Fᵀ F = S of a positive semidefinite S; small rows and columns of S keep their digits beside large ones."""
    G = np.asarray(S, np.float64)
    scale = np.sqrt(np.maximum(np.diagonal(G), 0.0))
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    squares, V = eigh(inverse[:, None] * G * inverse, check_finite=False)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0))[:, None] * V.T * scale)
