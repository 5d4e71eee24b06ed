"""What the diagnoses of poles share: checks of poles and gains, lists of them in words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._classes import array_of

Array = NDArray[Any]  # real or complex

__all__ = ["distinct_poles", "gains_of", "listed", "numbers"]


def numbers(name: str, values: ArrayLike) -> Array:
    """(n_poles,) finite numbers as float64 or complex128."""
    array = array_of(name, values)
    if array.dtype.kind not in "iufc" or array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must be numbers of shape (n_poles,), got {array.dtype} of shape {array.shape}")
    found: Array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got {found}")
    return found


def distinct_poles(poles: ArrayLike) -> Array:
    """Poles no two of which are equal."""
    beta = numbers("poles", poles)
    if len(np.unique(beta)) < len(beta):
        raise ValueError(f"poles must be distinct: equal ones cannot be told apart, got {beta}")
    return beta


def gains_of(gains: ArrayLike | None, beta: Array) -> Array:
    """A gain a pole, one unless given."""
    if gains is None:
        return np.ones_like(beta)
    b = numbers("gains", gains)
    if b.shape != beta.shape:
        raise ValueError(f"gains must have the shape of poles, {beta.shape}, got {b.shape}")
    return b


def listed(values: Array, most: int = 4) -> str:
    """Say the numbers, or how many there are.

    Examples
    --------
    >>> listed(np.array([0.75, 0.8])), listed(np.linspace(0, 0.5, 9))
    ('0.75, 0.8', '9 of size 0 … 0.5')
    """
    if len(values) <= most:
        return ", ".join(f"{v:.6g}" for v in values.tolist())
    sizes = np.abs(values)
    return f"{len(values)} of size {sizes.min():.4g} … {sizes.max():.4g}"
