"""The state as its own dictionary."""

import numpy as np

from ._base import Array, Dictionary

__all__ = ["Identity"]


class Identity(Dictionary):
    """The state itself: what is fitted with it is plain dynamic mode decomposition (of delays, Hankel DMD).

    Notes
    -----
    ψ(z) = z (Schmid 2010). With a constant beside it the operator is affine.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> A = np.array([[0.9, -0.2], [0.2, 0.9]])
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> pf.kernels.edmd(X, X @ A.T, pf.koopman.Identity().fit(X)).K.round(9)
    array([[ 0.9, -0.2],
           [ 0.2,  0.9]])
    """

    def _draw(self, Z: Array, Z_next: Array | None, rng: np.random.Generator) -> None:
        self._n_features = self._n_inputs

    @property
    def state_columns(self) -> slice:
        """All of them."""
        return slice(0, self.n_inputs)

    def _write(self, Z: Array, out: Array) -> None:
        out[...] = Z

    def names(self) -> list[str]:
        """Names of the features: z0, z1, …"""
        return [f"z{i}" for i in range(self.n_features)]
