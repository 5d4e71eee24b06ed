"""Where descent starts, the ball around it, and the way back into the ball."""

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._checks import is_number, within

Array: TypeAlias = NDArray[Any]


def symmetric_start(n_units: int, n_inputs: int, alpha: float, rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """Draw weights at which every output is zero: each unit of the first half has a twin in the second that is read with the opposite sign.

    Parameters
    ----------
    n_units : int
        m, even.
    n_inputs : int
    alpha : float
    rng : numpy.random.Generator
    dtype : numpy dtype

    Returns
    -------
    w : (n_units,) ndarray, ±α
    U : (n_units, n_inputs) ndarray, N(0, 1)
    c : (n_units,) ndarray, ±1
    """
    half = n_units // 2
    w = alpha * rng.choice([-1.0, 1.0], size=half)
    U = rng.normal(size=(half, n_inputs))
    c = rng.choice([-1.0, 1.0], size=half)
    return np.tile(w, 2).astype(dtype), np.tile(U, (2, 1)).astype(dtype), np.concatenate([c, -c]).astype(dtype)


def into_ball(weights: Array, start: Array, radius: float) -> Array:
    """Return the nearest weights within ``radius`` of the start, unit by unit; what lies inside is returned as it is.

    Distances are those of float64, and hold exactly: what rounding puts outside is moved towards the start by single units in the last place.
    So the projection is idempotent to the bit.

    Parameters
    ----------
    weights, start : (n_units,) or (n_units, n_inputs) ndarray
    radius : float

    Returns
    -------
    ndarray like ``weights``
    """
    centre = start.astype(np.float64)
    shift, far = _distance(weights, centre)
    outside = far > radius
    if not outside.any():
        return weights
    inside = weights.copy()
    shrunk = shift[outside] * (radius / far[outside]).reshape(-1, *(1,) * (weights.ndim - 1))
    inside[outside] = (centre[outside] + shrunk).astype(weights.dtype)
    while True:
        outside = _distance(inside, centre)[1] > radius
        if not outside.any():
            return inside
        inside[outside] = np.nextafter(inside[outside], start[outside])


def _distance(weights: Array, centre: Array) -> tuple[Array, Array]:
    """Shift of every unit from the start, and its norm."""
    shift = weights.astype(np.float64) - centre
    if shift.ndim == 1:
        return shift, np.abs(shift)
    largest = np.abs(shift).max(axis=1, initial=0.0)
    scale = np.where(largest > 1e100, largest, 1.0)  # squares must not overflow
    return shift, scale * np.linalg.norm(shift / scale[:, None], axis=1)


def radii(projection: Any, n_units: int) -> tuple[float, float] | None:
    """Radii ρ_w/√m and ρ_u/√m from the constructor's argument, or None."""
    if projection is None:
        return None
    expected = "None or two finite non-negative radii (rho_w, rho_u)"
    if not isinstance(projection, (tuple, list, np.ndarray)) or len(projection) != 2:
        raise TypeError(f"projection must be {expected}, got {projection!r}")
    for radius in projection:
        if not is_number(radius):
            raise TypeError(f"projection must be {expected}, got {projection!r}")
        if not within(radius, 0):
            raise ValueError(f"projection must be {expected}, got {projection!r}")
    return float(projection[0]) / math.sqrt(n_units), float(projection[1]) / math.sqrt(n_units)
