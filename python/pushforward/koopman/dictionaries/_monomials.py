"""Products of powers of the state."""

import itertools
import math

import numpy as np

from ..._checks import is_int, positive_int
from ._base import CHUNK_NUMBERS, Array, Dictionary

__all__ = ["Monomials"]


class Monomials(Dictionary):
    """All monomials of degree ``min_degree`` to ``degree``, the degrees ascending.

    Parameters
    ----------
    degree : int
    min_degree : int
        1: the state itself comes first. 0: the constant comes too, as the last feature.

    Notes
    -----
    ψ(z) = [z_i | z_i z_j (i ≤ j) | z_i z_j z_k (i ≤ j ≤ k) | …], C(n_inputs + degree, degree) − 1 of them (Williams, Kevrekidis, Rowley 2015).
    A linear system maps those of one degree to themselves, with the products of its eigenvalues. Scale the state to numbers around 1: the
    tenth power of 100 leaves no digits for 100 itself.

    Examples
    --------
    >>> import pushforward as pf
    >>> dictionary = pf.koopman.Monomials(degree=2).fit([[2.0, 3.0]])
    >>> dictionary.names()
    ['z0', 'z1', 'z0^2', 'z0 z1', 'z1^2']
    >>> dictionary([[2.0, 3.0]])
    array([[2., 3., 4., 6., 9.]])
    """

    def __init__(self, degree: int = 3, min_degree: int = 1) -> None:
        self.degree = degree
        self.min_degree = min_degree

    def _draw(self, Z: Array, Z_next: Array | None, rng: np.random.Generator) -> None:
        positive_int("degree", self.degree)
        if not is_int(self.min_degree):
            raise TypeError(f"min_degree must be an int, got {self.min_degree!r}")
        if not 0 <= self.min_degree <= self.degree:
            raise ValueError(f"min_degree must lie in 0 … degree = {self.degree}, got {self.min_degree}")
        self._n_features = sum(self._count(p) for p in range(self.min_degree, self.degree + 1))

    def _count(self, degree: int) -> int:
        return math.comb(self._n_inputs + degree - 1, degree)

    @property
    def state_columns(self) -> slice | None:
        """The first ones, unless degree 1 is left out."""
        self._check_fitted()
        return slice(0, self._n_inputs) if self.min_degree <= 1 else None

    @property
    def constant_column(self) -> int | None:
        """The last one, with ``min_degree=0``."""
        self._check_fitted()
        return self._n_features - 1 if self.min_degree == 0 else None

    def _write(self, Z: Array, out: Array) -> None:
        # A column a snapshot: monomials of degree p that begin with z_j are z_j times the rows of degree p − 1 that begin with z_j or later, a block.
        n, wanted = self._n_inputs, [self._count(p) if p >= self.min_degree else 0 for p in range(1, self.degree + 1)]
        length = max(1, CHUNK_NUMBERS // max(self._n_features, n))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # found where it is used
            for first in range(0, len(Z), length):
                z = np.ascontiguousarray(Z[first : first + length].T)
                below, column = z, 0
                for p, count in enumerate(wanted, start=1):
                    if p > 1:
                        starts = [len(below) - math.comb(n - j + p - 2, p - 1) for j in range(n)]
                        below = np.concatenate([z[j] * below[starts[j] :] for j in range(n)])
                    if count:
                        out[first : first + length, column : column + count] = below.T
                        column += count
        if self.min_degree == 0:
            out[:, -1] = 1

    def names(self) -> list[str]:
        """Names of the features, such as ``z0^2 z1``; the constant is ``1``."""
        self._check_fitted()
        every, degrees = range(self._n_inputs), range(max(1, self.min_degree), self.degree + 1)
        products = [_name(places) for p in degrees for places in itertools.combinations_with_replacement(every, p)]
        return products + ["1"] * (self.min_degree == 0)


def _name(places: tuple[int, ...]) -> str:
    powers = [(i, places.count(i)) for i in sorted(set(places))]
    return " ".join(f"z{i}^{p}" if p > 1 else f"z{i}" for i, p in powers)
