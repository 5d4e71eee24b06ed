"""What every figure of merit asks of its arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def numbers(values: ArrayLike, name: str) -> NDArray[Any]:
    """Finite numbers in double precision, real or complex, (n_steps,) or (n_steps, n_outputs)."""
    array = in_double(values)
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name}: expected (n_steps,) or (n_steps, n_outputs) with at least one step, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers")
    return array


def in_double(values: ArrayLike) -> NDArray[Any]:
    """Numbers as float64, or complex128 if they are complex."""
    array = np.asarray(values)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def labels_of(values: ArrayLike, name: str, n_classes: int | None) -> NDArray[Any]:
    """Integers from 0 on, (n_steps,)."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integer labels, got {array.dtype}")
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name}: expected (n_steps,) labels, at least one, got shape {array.shape}")
    if array.min() < 0 or (n_classes is not None and array.max() >= n_classes):
        raise ValueError(
            f"{name}: expected labels in 0 … {'n_classes − 1' if n_classes is None else n_classes - 1}, got {array.min()} … {array.max()}"
        )
    return array
