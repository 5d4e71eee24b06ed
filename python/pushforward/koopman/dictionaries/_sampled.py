"""A hidden layer that is sampled from pairs of data points."""

import numpy as np

from ..._checks import renamed
from ...kernels import sample_weights, sampled_features
from ._base import Array, Dictionary

__all__ = ["Sampled"]


class Sampled(Dictionary):
    """A layer of units σ(W z + b) whose weights are pairs of data points.

    Parameters
    ----------
    n_units : int
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
    scheme : {"pairs", "random"}
        "random": normal weights and uniform biases, for which the data do not matter.
    n_candidates : int or "all", optional
        Of how many candidate pairs the units are chosen; ten a unit unless given.
    unique : bool
        No pair twice.

    Attributes
    ----------
    W_ : (n_units, n_inputs) ndarray
        Of a fitted one, like b_.
    b_ : (n_units,) ndarray

    Notes
    -----
    See :func:`pushforward.kernels.sample_weights`; more units stand where what follows (``Z_next``) changes fast (Bolager et al. 2023,
    arXiv 2306.16830).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> Z = np.random.default_rng(0).normal(size=(100, 3))
    >>> features = pf.koopman.Sampled(n_units=20).fit(Z[:-1], Z[1:], rng=0)
    >>> features(Z).shape
    (100, 20)
    """

    _drawn = ("W_", "b_")
    W_: Array
    b_: Array

    def __init__(
        self, n_units: int = 200, activation: str = "tanh", scheme: str = "pairs", n_candidates: int | str | None = None, unique: bool = True
    ) -> None:
        self.n_units = n_units
        self.activation = activation
        self.scheme = scheme
        self.n_candidates = n_candidates
        self.unique = unique

    def _draw(self, Z: Array, Z_next: Array | None, rng: np.random.Generator) -> None:
        with renamed(y="Z_next"):
            self.W_, self.b_ = sample_weights(Z, Z_next, self.n_units, self.activation, self.scheme, self.n_candidates, self.unique, rng)
        self._n_features = len(self.b_)

    def _write(self, Z: Array, out: Array) -> None:
        sampled_features(Z, self.W_, self.b_, self.activation, out)

    def names(self) -> list[str]:
        """Names of the features: the activation and the number of the unit."""
        return [f"{self.activation}(w{i}·z + b{i})" for i in range(self.n_features)]
