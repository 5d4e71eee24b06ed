"""Sets of poles, in discrete time. A real network has the complex ones in conjugate pairs, side by side."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import is_number, one_of, positive_int

__all__ = ["POLE_SETS", "check_stable", "make_poles"]

POLE_SETS = ("ring", "disc", "real", "log_spaced")


def make_poles(poles: str | ArrayLike, n_units: int, radius: Any, rng: np.random.Generator, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return (n_units,) poles for a network of ``dtype``.

    Of a real network they are real, or complex with every conjugate beside its partner, at 2 k and 2 k + 1, and the real ones after the pairs.
    """
    if not isinstance(poles, str):
        given = np.asarray(poles)
        if given.ndim != 1 or given.size == 0 or given.dtype.kind not in "iufc":
            raise ValueError(f"poles must be one of {', '.join(POLE_SETS)}, or an array (n_units,) of numbers, got {poles!r}")
        if not np.isfinite(given).all():
            raise ValueError(f"poles must be finite, got {given[~np.isfinite(given)][0]}")
        return _for(given, dtype)
    one_of("poles", poles, POLE_SETS)
    positive_int("n_units", n_units)
    low, high = _range(poles, radius)
    if poles == "log_spaced":
        slow, fast = -1 / math.log(high), -1 / math.log(low)
        return np.exp(-1 / np.geomspace(slow, fast, n_units)).astype(dtype)
    if poles == "real":
        return rng.uniform(low, high, n_units).astype(dtype)
    if dtype.kind == "c":
        angles = 2 * np.pi * ((np.arange(n_units) + 0.5) / n_units if poles == "ring" else rng.random(n_units))
        return np.asarray(_radii(poles, low, high, n_units, rng) * np.exp(1j * angles)).astype(dtype)
    n_pairs = n_units // 2  # the same ring: its upper half, and for an odd number the pole at −radius
    angles = 2 * np.pi * (np.arange(n_pairs) + 0.5) / n_units if poles == "ring" else np.pi * rng.random(n_pairs)
    upper = _radii(poles, low, high, n_pairs, rng) * np.exp(1j * angles)
    real = [-_radii(poles, low, high, 1, rng)[0]] if n_units % 2 else []
    return np.concatenate([np.stack([upper, upper.conj()], axis=1).ravel(), real])


def check_stable(poles: NDArray[Any], allow_unstable: bool) -> None:
    """Refuse poles on or outside the unit circle."""
    size = np.abs(poles)
    if not allow_unstable and (size >= 1).any():
        worst = int(size.argmax())
        found = f"{poles[worst]} at {worst} (|β| = {size[worst]:.6g})"
        raise ValueError(f"poles must lie inside the unit circle, got {found}; allow_unstable=True lets them pass")


def _range(poles: str, radius: Any) -> tuple[float, float]:
    """Where radii lie; of real poles, where the poles do."""
    pair = isinstance(radius, (tuple, list, np.ndarray))
    if pair and len(radius) != 2:
        raise ValueError(f"radius must be a number or a pair (low, high), got {radius!r}")
    for number in radius if pair else [radius]:
        if not is_number(number):
            raise TypeError(f"radius must be a number or a pair (low, high), got {radius!r}")
    lowest = {"ring": radius, "disc": 0.0, "log_spaced": 0.1}
    low, high = (float(end) for end in radius) if pair else (float(lowest.get(poles, -radius)), float(radius))
    above = low > 0 if poles == "log_spaced" else low >= 0 or poles == "real"
    if not (above and low <= high < math.inf) or (poles == "log_spaced" and not low < high < 1):
        expected = {"real": "low ≤ high", "log_spaced": "0 < low < high < 1, low 0.1 unless given"}.get(poles, "0 ≤ low ≤ high")
        raise ValueError(f"radius must have {expected} for poles={poles!r}, got {radius!r}")
    return low, high


def _radii(poles: str, low: float, high: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if poles == "ring":
        return rng.uniform(low, high, n)
    return np.sqrt(rng.uniform(low**2, high**2, n))  # as many in equal areas


def _for(given: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Poles as given, for a real network with their conjugates beside them."""
    if dtype.kind == "c" or given.dtype.kind != "c":
        return given.astype(dtype)
    lower = list(given[given.imag < 0])
    pairs: list[Any] = []
    for pole in given[given.imag > 0]:
        match = next((i for i, other in enumerate(lower) if np.isclose(other, pole.conjugate(), rtol=1e-7, atol=0)), None)
        if match is None:
            raise ValueError(f"poles of a real network must come in conjugate pairs, got {pole} without {pole.conjugate()}")
        lower.pop(match)
        pairs += [pole, pole.conjugate()]
    if lower:
        raise ValueError(f"poles of a real network must come in conjugate pairs, got {lower[0]} without {lower[0].conjugate()}")
    real = given[given.imag == 0]
    return np.array([*pairs, *real]) if pairs else real.real.astype(dtype)
