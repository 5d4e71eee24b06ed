"""How smooth the activations are: the constants that bounds on derivatives over time are made of."""

import math
from dataclasses import dataclass

from .._checks import one_of

__all__ = ["SmoothnessConstants", "smoothness_constants"]

_DENSITY = math.exp(-1) / math.sqrt(2 * math.pi)  # of the normal distribution at √2, where the slope of gelu is largest
_BELOW = 0.5 * math.erfc(-1)  # its distribution function there

CONSTANTS: dict[str, dict[str, float]] = {
    "tanh": {"sigma_0": 1.0, "sigma_1": 1.0, "sigma_2": 4 / (3 * math.sqrt(3))},
    "sigmoid": {"sigma_0": 1.0, "sigma_1": 0.25, "sigma_2": 1 / (6 * math.sqrt(3))},
    "softplus": {"sigma_1": 1.0, "sigma_2": 0.25},
    "gelu": {"sigma_1": _BELOW + math.sqrt(2) * _DENSITY, "sigma_2": math.sqrt(2 / math.pi)},
    "relu": {"sigma_1": 1.0},
}
_MISSING = {"sigma_0": "its values are not bounded", "sigma_2": "its slope jumps at 0"}


@dataclass(frozen=True)
class SmoothnessConstants:
    """σ0 = sup |σ|, σ1 = sup |σ'| and σ2 = sup |σ''| of an activation. Asking for one that does not exist is a ValueError.

    Attributes
    ----------
    activation : str
    known : dict of str to float
        Those that exist, by name.
    sigma_0, sigma_1, sigma_2 : float
    """

    activation: str
    known: dict[str, float]

    @property
    def sigma_0(self) -> float:
        """The largest |σ|."""
        return self._constant("sigma_0")

    @property
    def sigma_1(self) -> float:
        """The largest |σ'|: the Lipschitz constant of σ."""
        return self._constant("sigma_1")

    @property
    def sigma_2(self) -> float:
        """The largest |σ''|: the Lipschitz constant of σ'."""
        return self._constant("sigma_2")

    def _constant(self, name: str) -> float:
        if name not in self.known:
            raise ValueError(f"activation must have {name}, and {self.activation} has none: {_MISSING[name]}; it has {', '.join(self.known)}")
        return self.known[name]


def smoothness_constants(activation: str) -> SmoothnessConstants:
    """Largest value, slope and curvature of an activation.

    Parameters
    ----------
    activation : {"tanh", "sigmoid", "softplus", "gelu", "relu"}

    Returns
    -------
    SmoothnessConstants
        Its ``sigma_0``, ``sigma_1`` and ``sigma_2`` raise ValueError where the activation has none: softplus, gelu and relu are not bounded, and
        relu has no second derivative at 0.

    Raises
    ------
    ValueError
        When the activation is unknown.

    Notes
    -----
    tanh 1, 1, 4/(3√3); sigmoid 1, 1/4, 1/(6√3); softplus –, 1, 1/4; gelu –, Φ(√2) + √2 φ(√2) ≈ 1.1289 at a = √2, √(2/π) at 0; relu –, 1, –.
    These enter the bounds of Cayci and Eryilmaz 2024 (arXiv 2402.12241).

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.diagnostics.smoothness_constants("sigmoid").sigma_1
    0.25
    """
    one_of("activation", activation, CONSTANTS)
    return SmoothnessConstants(activation, dict(CONSTANTS[activation]))
