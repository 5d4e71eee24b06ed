"""Cells whose units hear nobody but themselves: exact real-time recurrent learning keeps one number (or two) a weight."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import init as _init
from .._checks import is_number, one_of, within
from ._base import ACTIVATIONS, Cell
from ._checks import positive
from ._layout import Column, Rows


@dataclass(frozen=True)
class Diagonal(Cell):
    """The diagonal cell: h ← σ(w_rec ∘ h + W_in x + bias).

    Parameters
    ----------
    n_inputs, n_units : int, positive
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
    weight_bound : float, optional
        c > 0: every entry w of θ enters as φ(w) = c tanh(w / c).

    Notes
    -----
    arXiv 2402.12241 (there without bias). θ is one row ``[w_rec | W_in | bias]`` a unit.
    Starts from w_rec uniform in ±0.9 unless told (:func:`pushforward.init.own_weights`). The scheme ``"symmetric"`` is the paper's start:
    w_rec = ±0.9, W_in standard normal, two equal halves of units and a read-out ±1/√n_units of opposite sign, so that the output is zero.

    Examples
    --------
    >>> cell = Diagonal(n_inputs=2, n_units=1000)
    >>> cell.n_params
    4000
    >>> cell.unpack(cell.init(seed=0))["w_rec"].shape
    (1000,)
    """

    activation: str = "tanh"
    weight_bound: float | None = None

    name: ClassVar[str] = "diagonal"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("activation", self.activation, ACTIVATIONS)
        if self.weight_bound is not None:
            object.__setattr__(self, "weight_bound", positive("weight_bound", self.weight_bound, float))

    def _groups(self) -> Sequence[Rows | Column]:
        return [Rows(self.n_units, [("w_rec", None), ("W_in", self.n_inputs), ("bias", None)])]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        if scheme == "symmetric":
            w_rec, W_in = _init.symmetric(self.n_units, self.n_inputs, rng)
        else:
            one_of("scheme", "uniform" if scheme is None else scheme, (*_init.OWN_SCHEMES, "symmetric"))
            w_rec = _init.own_weights("uniform" if scheme is None else scheme, self.n_units, rng)
            W_in = _init.input_weights(self.n_units, self.n_inputs, rng)
        return {"w_rec": w_rec, "W_in": W_in, "bias": np.zeros(self.n_units)}

    def initial_readout(self, n_outputs: int, scheme: str | None, rng: np.random.Generator) -> NDArray[np.float64] | None:
        """Draw the read-out's matrix where the start asks for one of its own."""
        return _init.symmetric_readout(n_outputs, self.n_units, rng) if scheme == "symmetric" else None


@dataclass(frozen=True)
class ELSTM(Cell):
    """An LSTM with element-wise recurrence: every unit's gates see the inputs and the unit's own output.

    Parameters
    ----------
    n_inputs, n_units : int, positive
    weight_bound : float, optional
        As in :class:`Diagonal`.

    Notes
    -----
    State [h; c], of which the read-out sees h. With a^g = w_rec_g ∘ h + W_in_g x + bias_g:

        c ← σ(a^forget) ∘ c + σ(a^input) ∘ tanh(a^cell),    h ← σ(a^output) ∘ tanh(c)

    An LSTM (Hochreiter and Schmidhuber 1997; Gers and others 2000) whose recurrent matrices are diagonal. The eLSTM of Irie and others
    (arXiv 2305.19044), made for the same end, ties its forget and input gates and feeds c back instead of h.
    θ is, gate by gate, one row ``[w_rec | W_in | bias]`` a unit. Starts as :class:`Diagonal`, the forget gate with bias 1.

    Examples
    --------
    >>> cell = ELSTM(n_inputs=2, n_units=3)
    >>> cell.n_state, cell.n_features, cell.unpack(cell.init(seed=0))["bias_forget"]
    (6, 3, array([1., 1., 1.]))
    """

    weight_bound: float | None = None

    name: ClassVar[str] = "elstm"
    GATES: ClassVar[tuple[str, ...]] = ("input", "forget", "cell", "output")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_bound is not None:
            object.__setattr__(self, "weight_bound", positive("weight_bound", self.weight_bound, float))

    @property
    def n_state(self) -> int:
        """Length of the state [h; c]."""
        return 2 * self.n_units

    def _groups(self) -> Sequence[Rows | Column]:
        return [Rows(self.n_units, [("w_rec", None), ("W_in", self.n_inputs), ("bias", None)], self.GATES)]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        weights = {}
        for gate in self.GATES:
            weights[f"w_rec_{gate}"] = _init.own_weights("uniform" if scheme is None else scheme, self.n_units, rng)
            weights[f"W_in_{gate}"] = _init.input_weights(self.n_units, self.n_inputs, rng)
            weights[f"bias_{gate}"] = np.full(self.n_units, 1.0 if gate == "forget" else 0.0)
        return weights


@dataclass(frozen=True)
class LRU(Cell):
    """A linear recurrent unit: s ← λ ∘ s + γ ∘ (B x), complex, with poles λ = exp(−exp(ν) + iθ) inside the unit circle.

    Parameters
    ----------
    n_inputs, n_units : int, positive
    r_min, r_max : float
        The start's poles lie in the ring r_min ≤ |λ| ≤ r_max, uniform by area; 0 ≤ r_min < r_max < 1. The default remembers 2 to 100 steps.
    max_phase : float
        The start's phases are uniform in [0, max_phase), 0 < max_phase ≤ 2π. The default is π: the conjugate of a pole adds nothing for real inputs.

    Notes
    -----
    γ = √(1 − |λ|²) keeps the state's size that of white-noise inputs, whatever the poles; it is a function of ν and is differentiated as one.
    State [Re s; Im s], both of which the read-out sees (2 n_units numbers). Orvieto and others, arXiv 2303.06349, whose γ is learnt by itself
    after this start; learnt online by Zucchet and others, arXiv 2305.15947. Stack it with other cells for what is not linear.
    θ is ``nu``, ``phase`` (n_units each), then the rows of Re B (``W_in_real``) and Im B (``W_in_imag``), at the start normal of variance
    1 / (2 n_inputs).

    Examples
    --------
    >>> cell = LRU(n_inputs=1, n_units=4, r_min=0.9, r_max=0.99)
    >>> nu = cell.unpack(cell.init(seed=0))["nu"]
    >>> bool(np.all(np.abs(np.exp(-np.exp(nu)) - 0.945) < 0.045)), cell.n_state, cell.n_features
    (True, 8, 8)
    """

    r_min: float = 0.4
    r_max: float = 0.99
    max_phase: float = math.pi

    name: ClassVar[str] = "lru"

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("r_min", "r_max", "max_phase"):
            value = getattr(self, field)
            if not is_number(value):
                raise TypeError(f"{field} must be a float, got {value!r}")
        if not 0 <= self.r_min < self.r_max < 1:
            raise ValueError(f"r_min and r_max must satisfy 0 ≤ r_min < r_max < 1, got r_min {self.r_min!r} and r_max {self.r_max!r}")
        if not within(self.max_phase, 0, 2 * math.pi, "(]"):
            raise ValueError(f"max_phase must lie in (0, 2π], got {self.max_phase!r}")
        for field in ("r_min", "r_max", "max_phase"):
            object.__setattr__(self, field, float(getattr(self, field)))

    @property
    def n_state(self) -> int:
        """Length of the state [Re s; Im s]."""
        return 2 * self.n_units

    @property
    def n_features(self) -> int:
        """Length of what the read-out sees: all of it."""
        return 2 * self.n_units

    def core_settings(self) -> dict[str, Any]:
        """What the extension module builds this cell from."""
        return {"name": self.name, "n_inputs": self.n_inputs, "n_units": self.n_units}

    def _groups(self) -> Sequence[Rows | Column]:
        return [Column("nu", self.n_units), Column("phase", self.n_units), Rows(self.n_units, [("W_in", self.n_inputs)], ("real", "imag"))]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        one_of("scheme", "ring" if scheme is None else scheme, ("ring",))
        nu, phase = _init.ring(self.n_units, self.r_min, self.r_max, self.max_phase, rng)
        real, imag = rng.normal(scale=math.sqrt(0.5 / self.n_inputs), size=(2, self.n_units, self.n_inputs))
        return {"nu": nu, "phase": phase, "W_in_real": real, "W_in_imag": imag}
