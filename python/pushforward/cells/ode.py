"""Cells in continuous time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import init as _init
from .._checks import is_int, non_negative, one_of, positive_number
from ._base import ACTIVATIONS
from ._checks import Connectivity
from ._layout import Column, Rows
from ._sparse import SparseCell

DECAYS = ("diagonal", "dense", "gram")


@dataclass(frozen=True)
class NeuralODE(SparseCell):
    """One Euler step of dh/dt = −A h + σ(W_rec h + W_in x + bias), or of the stochastic equation with noise.

    Parameters
    ----------
    n_inputs, n_units : int, positive
    dt : float
        Length of the step, > 0.
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
        σ; ELU has α = 1.
    decay : {"diagonal", "dense", "gram"}
        A: diag(``decay``), ``decay`` (n_units,); any matrix ``decay`` (n_units, n_units); or L Lᵀ, positive semi-definite whatever is learnt,
        with L = ``decay_root`` (n_units, n_units).
    noise : float
        σ_ξ ≥ 0: every step adds noise √dt ξ to h, ξ standard normal, when learning and in the kernels; predictions are without.
    noise_seed : int
        ξ is a function of this seed, the series' number, the step and the unit: a run can be repeated, and resumed, to the bit.
    connectivity, connectivity_seed
        Of W_rec, as in :class:`Elman`.

    Notes
    -----
    h ← h + dt (−A h + σ(W_rec h + W_in x + bias)) + noise √dt ξ: Euler-Maruyama; the neural ODEs and SDEs of arXiv 2501.08040, section 7.3.
    The gradient is that along the path: of the loss as a function of θ with ξ held fixed.
    θ is one row ``[W_rec | W_in | bias]`` a unit, then the decay. A starts as the identity, with "dense" and "gram" plus a tenth of a Wishart matrix
    (:func:`pushforward.init.positive_definite`), shrunk where dt is so long that a step would overshoot: dt λ ≤ 1 for its eigenvalues λ.
    W_rec starts as that of :class:`Elman`.

    Examples
    --------
    >>> cell = NeuralODE(n_inputs=2, n_units=3, dt=0.1, decay="gram", noise=0.05)
    >>> cell.n_params, list(cell.positions())
    (27, ['W_rec', 'W_in', 'bias', 'decay_root'])
    """

    dt: float
    activation: str = "tanh"
    decay: str = "diagonal"
    noise: float = 0.0
    noise_seed: int = 0
    connectivity: Connectivity | None = None
    connectivity_seed: int = 0

    name: ClassVar[str] = "neural_ode"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("decay", self.decay, DECAYS)
        object.__setattr__(self, "dt", positive_number("dt", self.dt, "a positive finite number"))
        object.__setattr__(self, "noise", non_negative("noise", self.noise, "a non-negative finite number"))
        if not (is_int(self.noise_seed) and 0 <= self.noise_seed < 2**63):
            raise ValueError(f"noise_seed must be an int in 0 … 2^63 - 1, got {self.noise_seed!r}")
        object.__setattr__(self, "noise_seed", int(self.noise_seed))

    def _groups(self) -> Sequence[Rows | Column]:
        rows = Rows(self.n_units, [("W_rec", self.n_units), ("W_in", self.n_inputs), ("bias", None)], sources=self.sources())
        if self.decay == "diagonal":
            return [rows, Column("decay", self.n_units)]
        return [rows, Rows(self.n_units, [("decay" if self.decay == "dense" else "decay_root", self.n_units)])]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        W_rec = _init.recurrent_weights("orthogonal" if scheme is None else scheme, self.n_units, rng, self.mask())
        weights = {"W_rec": W_rec, "W_in": _init.input_weights(self.n_units, self.n_inputs, rng), "bias": np.zeros(self.n_units)}
        if self.decay == "diagonal":
            return weights | {"decay": np.full(self.n_units, 1.0 / max(1.0, self.dt))}
        A = _init.positive_definite(self.n_units, self.dt, rng)
        if self.decay == "dense":
            return weights | {"decay": A}
        values, vectors = np.linalg.eigh(A)
        return weights | {"decay_root": (vectors * np.sqrt(values)) @ vectors.T}
