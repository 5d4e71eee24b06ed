"""Cosines of random directions and phases."""

import numpy as np

from ..._checks import positive_int
from ._base import CHUNK_NUMBERS, Array, Dictionary
from ._width import width_of

__all__ = ["RandomFourier"]


class RandomFourier(Dictionary):
    """Cosines whose products approximate a Gaussian kernel.

    Parameters
    ----------
    n_units : int
    width : float, optional
        Of the Gaussian, in the units of the state; the median distance between points unless given.

    Attributes
    ----------
    W_ : (n_units, n_inputs) ndarray
        Of a fitted one, like b_.
    b_ : (n_units,) ndarray

    Notes
    -----
    ψ(z) = √(2 / n_units) cos(W z + b), w ~ N(0, 1 / width²), b ~ U(0, 2π): the mean of ψ(x) · ψ(z) over draws is exp(−‖x − z‖² / (2 width²)),
    and a draw is off by some 1 / √n_units (Rahimi and Recht 2007).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> Z = np.random.default_rng(0).normal(size=(2, 3))
    >>> psi = pf.koopman.RandomFourier(n_units=10_000, width=2.0).fit(Z, rng=0)(Z)
    >>> bool(abs(psi[0] @ psi[1] - np.exp(-np.sum((Z[0] - Z[1]) ** 2) / 8)) < 0.03)
    True
    """

    _drawn = ("W_", "b_")
    W_: Array
    b_: Array

    def __init__(self, n_units: int = 200, width: float | None = None) -> None:
        self.n_units = n_units
        self.width = width

    def _draw(self, Z: Array, Z_next: Array | None, rng: np.random.Generator) -> None:
        positive_int("n_units", self.n_units)
        width = width_of(self.width, Z, rng)
        self.W_ = (rng.normal(size=(self.n_units, self._n_inputs)) / width).astype(Z.dtype)
        self.b_ = rng.uniform(0.0, 2 * np.pi, size=self.n_units).astype(Z.dtype)
        self._n_features = int(self.n_units)

    def _write(self, Z: Array, out: Array) -> None:
        scale = Z.dtype.type(np.sqrt(2.0 / self._n_features))
        length = max(1, CHUNK_NUMBERS // self._n_features)
        for first in range(0, len(Z), length):
            piece = Z[first : first + length] @ self.W_.T
            piece += self.b_
            np.cos(piece, out=piece)
            np.multiply(piece, scale, out=out[first : first + length])

    def names(self) -> list[str]:
        """Names of the features: the number of the unit."""
        return [f"cos(w{i}·z + b{i})" for i in range(self.n_features)]
