"""Elman's cell with a leak."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import init as _init
from .._checks import fraction, one_of, true_or_false
from ._base import ACTIVATIONS
from ._checks import Connectivity, positive
from ._layout import Column, Rows
from ._sparse import SparseCell


@dataclass(frozen=True)
class Leaky(SparseCell):
    """Elman's cell with a leak: s ← (1 − α) s + α σ(W_rec s + W_in x + bias).

    Parameters
    ----------
    n_inputs, n_units : int, positive
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
        σ; ELU has α = 1.
    leak_rate : float
        α, in (0, 1]; with ``learn_leak`` where it starts, below 1.
    learn_leak : bool
        Whether every unit learns an α of its own, α_i = 1 / (1 + exp(−leak_logit_i)).
    weight_bound, connectivity, connectivity_seed
        As in :class:`Elman`. The bound holds for leak_logit as well, which must start at 0.9 of it or less.

    Notes
    -----
    θ is one row ``[W_rec | W_in | bias]`` a unit, then leak_logit where it is learnt.
    Starts from W_rec = 0.9 Q, Q orthogonal, unless told.

    Examples
    --------
    >>> cell = Leaky(n_inputs=2, n_units=3, leak_rate=0.25, learn_leak=True)
    >>> cell.n_params, cell.unpack(cell.init(seed=0))["leak_logit"].round(4)
    (21, array([-1.0986, -1.0986, -1.0986]))
    """

    activation: str = "tanh"
    leak_rate: float = 0.5
    learn_leak: bool = False
    weight_bound: float | None = None
    connectivity: Connectivity | None = None
    connectivity_seed: int = 0

    name: ClassVar[str] = "leaky"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("activation", self.activation, ACTIVATIONS)
        object.__setattr__(self, "leak_rate", fraction("leak_rate", self.leak_rate))
        true_or_false("learn_leak", self.learn_leak)
        object.__setattr__(self, "learn_leak", bool(self.learn_leak))
        if self.weight_bound is not None:
            object.__setattr__(self, "weight_bound", positive("weight_bound", self.weight_bound, float))
        if not self.learn_leak:
            return
        if self.leak_rate == 1:
            raise ValueError("leak_rate must be below 1 where it is learnt (learn_leak), got 1.0")
        if self.weight_bound is not None and abs(self._logit) > 0.9 * self.weight_bound:
            raise ValueError(
                f"leak_rate must have a logit within ±0.9 weight_bound = ±{0.9 * self.weight_bound:g} where it is learnt (learn_leak), "
                f"got {self.leak_rate!r} with a logit of {self._logit:g}"
            )

    @property
    def _logit(self) -> float:
        return math.log(self.leak_rate / (1 - self.leak_rate))

    def _groups(self) -> Sequence[Rows | Column]:
        rows = Rows(self.n_units, [("W_rec", self.n_units), ("W_in", self.n_inputs), ("bias", None)], sources=self.sources())
        return [rows, Column("leak_logit", self.n_units)] if self.learn_leak else [rows]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        W_rec = _init.recurrent_weights("orthogonal" if scheme is None else scheme, self.n_units, rng, self.mask())
        weights = {"W_rec": W_rec, "W_in": _init.input_weights(self.n_units, self.n_inputs, rng), "bias": np.zeros(self.n_units)}
        return weights | ({"leak_logit": np.full(self.n_units, self._logit)} if self.learn_leak else {})
