"""What the NumPy twin of a cell says: a step, its Jacobians, and independently of these its reverse."""

from typing import Any, Protocol, TypeAlias

from ...cells._checks import FloatArray

Weights: TypeAlias = dict[str, FloatArray]
"""Parts of θ by name, after any bound."""
Jacobians: TypeAlias = tuple[FloatArray, Weights, FloatArray]
"""∂s_t/∂s (n_state, n_state); ∂s_t/∂w (n_state, *shape of w) for every part w; ∂s_t/∂x (n_state, n_inputs)."""
Pullback: TypeAlias = tuple[FloatArray, Weights, FloatArray]
"""dL/ds (n_state,); dL/dw in w's shape for every part w; dL/dx (n_inputs,)."""


class Twin(Protocol):
    """A module of this folder. ``tick`` counts the steps of a series, for cells with noise; None: no noise."""

    def step(self, cell: Any, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray: ...
    def jacobians(self, cell: Any, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians: ...
    def pullback(self, cell: Any, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback: ...
