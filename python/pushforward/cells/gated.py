"""Cells with gates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import init as _init
from .._checks import one_of
from ._checks import Connectivity, positive
from ._layout import Column, Rows
from ._sparse import SparseCell

RESETS = ("after", "before")


@dataclass(frozen=True)
class GatedCell(SparseCell):
    """What the cells with gates share: bounds, and how each gate's weights are drawn."""

    gates: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bound is not None:
            object.__setattr__(self, "weight_bound", positive("weight_bound", self.bound, float))

    def _rows(self, gates: Sequence[str]) -> Rows:
        parts = [("W_rec", self.n_units), ("W_in", self.n_inputs), ("bias", None)]
        return Rows(self.n_units, parts, gates=gates, sources=self.sources())

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        weights = {}
        for gate in self.gates:
            weights[f"W_rec_{gate}"] = _init.recurrent_weights("orthogonal" if scheme is None else scheme, self.n_units, rng, self.mask())
            weights[f"W_in_{gate}"] = _init.input_weights(self.n_units, self.n_inputs, rng)
            weights[f"bias_{gate}"] = np.zeros(self.n_units)
        return weights


@dataclass(frozen=True)
class GRU(GatedCell):
    """The gated recurrent unit, its reset gate applied after the recurrent product as PyTorch does, or before it.

    Parameters
    ----------
    n_inputs, n_units : int, positive
    reset : {"after", "before"}
        Whether r multiplies W_rec_candidate s + bias_rec_candidate, or s.
    weight_bound, connectivity, connectivity_seed
        As in :class:`Elman`; one mask for all gates.

    Notes
    -----
    With σ the logistic function,

        r = σ(W_rec_reset s + W_in_reset x + bias_reset),   z = σ(W_rec_update s + W_in_update x + bias_update),
        m = tanh(W_in_candidate x + bias_candidate + r ∘ (W_rec_candidate s + bias_rec_candidate))      reset="after"
        m = tanh(W_in_candidate x + bias_candidate + W_rec_candidate (r ∘ s))                           reset="before"
        s ← (1 − z) ∘ m + z ∘ s.

    Cho et al. (2014), arXiv 1406.1078, is the form "before". θ is the rows ``[W_rec | W_in | bias]`` of the reset gate, then of the update gate,
    then of the candidate; "after" has for the latter ``[W_rec]``, bias_rec_candidate, ``[W_in | bias]``.
    Every W_rec starts as 0.9 Q, Q orthogonal, unless told; every bias as zero.

    Examples
    --------
    >>> GRU(n_inputs=2, n_units=3).n_params, GRU(n_inputs=2, n_units=3, reset="before").n_params
    (57, 54)
    """

    reset: str = "after"
    weight_bound: float | None = None
    connectivity: Connectivity | None = None
    connectivity_seed: int = 0

    name: ClassVar[str] = "gru"
    gates: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("reset", self.reset, RESETS)

    def _groups(self) -> Sequence[Rows | Column]:
        if self.reset == "before":
            return [self._rows(self.gates)]
        recurrent = Rows(self.n_units, [("W_rec", self.n_units)], gates=("candidate",), sources=self.sources())
        forward = Rows(self.n_units, [("W_in", self.n_inputs), ("bias", None)], gates=("candidate",))
        return [self._rows(self.gates[:2]), recurrent, Column("bias_rec_candidate", self.n_units), forward]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        return super()._draw(scheme, rng) | ({"bias_rec_candidate": np.zeros(self.n_units)} if self.reset == "after" else {})


@dataclass(frozen=True)
class LSTM(GatedCell):
    """Long short-term memory; its state is [h; c], what the read-out sees is h.

    Parameters
    ----------
    n_inputs, n_units : int, positive
    weight_bound, connectivity, connectivity_seed
        As in :class:`Elman`; one mask for all gates.

    Notes
    -----
    With σ the logistic function, and a_g = W_rec_g h + W_in_g x + bias_g for g = input, forget, cell, output,

        c ← σ(a_forget) ∘ c + σ(a_input) ∘ tanh(a_cell),   h ← σ(a_output) ∘ tanh(c).

    Hochreiter and Schmidhuber (1997) with the forget gate of Gers, Schmidhuber and Cummins (2000), without peepholes. θ is the rows
    ``[W_rec | W_in | bias]`` of these gates, one gate after the other.
    Every W_rec starts as 0.9 Q, Q orthogonal, unless told; the bias of the forget gate as 1 (Jozefowicz et al. 2015), the others as zero.

    Examples
    --------
    >>> cell = LSTM(n_inputs=2, n_units=3)
    >>> cell.n_state, cell.n_features, cell.n_params
    (6, 3, 72)
    """

    weight_bound: float | None = None
    connectivity: Connectivity | None = None
    connectivity_seed: int = 0

    name: ClassVar[str] = "lstm"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "cell", "output")

    @property
    def n_state(self) -> int:
        """Length of the state [h; c]."""
        return 2 * self.n_units

    def _groups(self) -> Sequence[Rows | Column]:
        return [self._rows(self.gates)]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        return super()._draw(scheme, rng) | {"bias_forget": np.ones(self.n_units)}
