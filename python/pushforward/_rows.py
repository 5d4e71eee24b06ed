"""Rows of numbers as the factors of linalg take them, and what is asked of them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._series import Array, numbers


def constant(n_rows: int, dtype: np.dtype[Any]) -> Array:
    """A column of ones that takes no memory."""
    return np.broadcast_to(np.ones((1, 1), dtype), (n_rows, 1))


def is_constant(part: Array) -> bool:
    """Tell whether this is such a column."""
    return part.shape[1] == 1 and len(part) > 1 and part.strides[0] == 0 and bool(part[0, 0] == 1)


def rows_of(name: str, values: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Return (n_rows, k) numbers of exactly ``dtype``, an array as it is."""
    array = values if isinstance(values, np.ndarray) and values.dtype == dtype else numbers(name, values, dtype)
    if array.ndim != 2:
        hint = "; one column: reshape(-1, 1)" if array.ndim == 1 else ""
        raise ValueError(f"{name} must have two axes (n_rows, n_columns), got shape {array.shape}{hint}")
    return array


def weights_of(name: str, values: ArrayLike, n_rows: int, some: bool = True) -> NDArray[Any]:
    """Return one finite non-negative number a row, with ``some`` not all zero."""
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    if array.shape != (n_rows,):
        raise ValueError(f"{name} must have shape ({n_rows},), one for each row, got {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any():
        at = int(np.flatnonzero(~(np.isfinite(array) & (array >= 0)))[0])
        raise ValueError(f"{name} must be finite and not negative, got {array[at]} at row {at}")
    if some and n_rows and not (array > 0).any():
        raise ValueError(f"{name} must not all be zero")
    return array


def check_finite(name: str, rows: Array, first: int = 0) -> None:
    """Refuse what is not finite, with its place; ``first`` is the number of the first row."""
    if not np.isfinite(rows).all():
        step, column = np.argwhere(~np.isfinite(rows))[0]
        raise ValueError(f"{name} must be finite, got {rows[step, column]} at step {first + step}, column {column}")
