"""Functions of the distance from centres."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from ..._checks import one_of, positive_int
from ...linalg._solution import named_rows
from ._base import CHUNK_NUMBERS, Array, Dictionary
from ._width import width_of

__all__ = ["RadialBasis"]

POINTS_A_CENTRE = 50  # that k-means sees


def _gaussian(s: Array) -> None:
    s *= -0.5
    np.exp(s, out=s)


def _multiquadric(s: Array) -> None:
    s += 1
    np.sqrt(s, out=s)


def _inverse_multiquadric(s: Array) -> None:
    _multiquadric(s)
    np.reciprocal(s, out=s)


def _thin_plate(s: Array) -> None:
    s *= 0.5 * np.log(s, out=np.zeros_like(s), where=s > 0)  # r² ln r = s ln(s) / 2


PROFILES: dict[str, Callable[[Array], None]] = {  # of s = (r / width)², in place
    "gaussian": _gaussian,
    "multiquadric": _multiquadric,
    "inverse_multiquadric": _inverse_multiquadric,
    "thin_plate": _thin_plate,
}


class RadialBasis(Dictionary):
    """Functions of the distance r from centres, divided by a width.

    Parameters
    ----------
    n_units : int
        Number of centres; at most that of different data points.
    profile : {"gaussian", "multiquadric", "inverse_multiquadric", "thin_plate"}
    width : float, optional
        In the units of the state; the median distance between points unless given.
    centers : {"data", "kmeans"} or (n_units, n_inputs) array-like
        Data points drawn without repeats, the means of clusters of them, or those given, whose number then counts.

    Attributes
    ----------
    centers_ : (n_units, n_inputs) ndarray
        Of a fitted one, like width_.
    width_ : (1,) ndarray

    Notes
    -----
    With q = r / width: exp(−q² / 2), √(1 + q²), 1 / √(1 + q²), q² ln q (Williams, Kevrekidis, Rowley 2015 use the last, with the means of
    clusters). Distances are sums of squared differences in double precision, not differences of squares.

    Examples
    --------
    >>> import pushforward as pf
    >>> dictionary = pf.koopman.RadialBasis(profile="inverse_multiquadric", width=1.0, centers=[[0.0, 0.0], [3.0, 4.0]])
    >>> dictionary.fit([[0.0, 0.0]])([[0.0, 0.0]]).round(4)
    array([[1.    , 0.1961]])
    """

    _drawn = ("centers_", "width_")
    centers_: Array
    width_: Array

    def __init__(self, n_units: int = 100, profile: str = "gaussian", width: float | None = None, centers: str | ArrayLike = "data") -> None:
        self.n_units = n_units
        self.profile = profile
        self.width = width
        self.centers = centers

    def _draw(self, Z: Array, Z_next: Array | None, rng: np.random.Generator) -> None:
        one_of("profile", self.profile, PROFILES)
        self.centers_ = self._centers(Z, rng)
        self.width_ = np.array([width_of(self.width, Z, rng)], Z.dtype)
        self._n_features = len(self.centers_)

    def _centers(self, Z: Array, rng: np.random.Generator) -> Array:
        if not isinstance(self.centers, str):
            given = np.array(self.centers, Z.dtype, order="C")
            if given.ndim != 2 or given.shape[1] != self._n_inputs or not len(given):
                raise ValueError(f"centers must be (n_units, {self._n_inputs}), as wide as Z, got shape {given.shape}")
            named_rows("centers", given)
            return given
        one_of("centers", self.centers, ("data", "kmeans"))
        positive_int("n_units", self.n_units)
        n = self.n_units if self.centers == "data" else POINTS_A_CENTRE * self.n_units
        points = _different(Z, n, rng)
        if len(points) < self.n_units:
            raise ValueError(f"n_units must be at most the number of different points in Z, which is {len(points)}, got {self.n_units}")
        if self.centers == "data":
            return points
        means = KMeans(self.n_units, n_init=1, random_state=int(rng.integers(1 << 31))).fit(points).cluster_centers_
        return np.ascontiguousarray(means, Z.dtype)

    def _write(self, Z: Array, out: Array) -> None:
        profile, scale = PROFILES[self.profile], float(self.width_[0]) ** -2
        centers = np.asarray(self.centers_, np.float64)
        length = max(1, CHUNK_NUMBERS // self._n_features)
        with np.errstate(over="ignore", under="ignore"):
            for first in range(0, len(Z), length):
                squares = cdist(np.asarray(Z[first : first + length], np.float64), centers, "sqeuclidean")
                squares *= scale
                profile(squares)
                out[first : first + length] = squares

    def names(self) -> list[str]:
        """Names of the features: the profile and the number of the centre."""
        return [f"{self.profile}(‖z − c{i}‖)" for i in range(self.n_features)]


def _different(Z: Array, n: int, rng: np.random.Generator) -> Array:
    """Up to n different rows, in a random order; only as many are looked at as it takes."""
    order = rng.permutation(len(Z))
    size = min(len(Z), 2 * n)
    while True:
        rows = Z[order[:size]]
        first = np.sort(np.unique(rows, axis=0, return_index=True)[1])
        if len(first) >= n or size == len(Z):
            return np.ascontiguousarray(rows[first[:n]])
        size = min(len(Z), 4 * size)
