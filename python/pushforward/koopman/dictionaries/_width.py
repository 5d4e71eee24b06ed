"""How far apart points are: the scale of functions that depend on distances."""

from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from ..._checks import positive_number
from ._base import Array

__all__ = ["median_distance", "width_of"]

N_POINTS = 500  # a median of their 124,750 distances is known to a per cent or so


def median_distance(Z: Array, rng: np.random.Generator) -> float:
    """Return the median distance between different points, of a draw where there are many."""
    points = np.asarray(Z if len(Z) <= N_POINTS else Z[np.sort(rng.choice(len(Z), N_POINTS, replace=False))], np.float64)
    distances = pdist(points)
    distances = distances[distances > 0]
    if not len(distances):
        raise ValueError(f"Z must have different points for the scale of their distances, got {len(Z)} equal one{'s' if len(Z) > 1 else ''}")
    return float(np.median(distances))


def width_of(width: Any, Z: Array, rng: np.random.Generator) -> float:
    """Return the setting, or where it is None the median distance."""
    return median_distance(Z, rng) if width is None else positive_number("width", width)
