"""One step of a cell, its Jacobians and its reverse, dense and plain: one module a cell, by names; here from θ and back.

``tick`` counts the steps of a series, for cells with noise; None: no noise.
"""

from typing import cast

import numpy as np

from ...cells import Cell
from ...cells._checks import FloatArray
from . import diagonal, elman, elstm, gru, leaky, linear, lru, lstm, neural_ode, stack
from ._functions import activation, activation_slope, bounded, bounded_slope
from ._twin import Twin, Weights

__all__ = [
    "activation", "activation_slope", "bounded", "bounded_slope",
    "dynamics_jacobian", "immediate_jacobian", "input_jacobian", "pullback", "step",
]  # fmt: skip

TWINS = {
    "elman": elman, "linear": linear, "leaky": leaky, "gru": gru, "lstm": lstm, "diagonal": diagonal, "lru": lru, "elstm": elstm,
    "neural_ode": neural_ode, "stack": stack,
}  # fmt: skip


def twin_of(cell: Cell) -> Twin:
    """The module that speaks for a cell."""
    if not isinstance(cell, Cell) or cell.name not in TWINS:
        raise TypeError(f"cell must be one of {', '.join(TWINS)}, got {cell!r}")
    return cast(Twin, TWINS[cell.name])


def weights_of(cell: Cell, theta: FloatArray) -> Weights:
    """The parts of θ by name, as the cell uses them."""
    return cell.unpack(bounded(theta, cell.bound))


def step(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray, tick: int | None = None) -> FloatArray:
    """s_t from s_{t-1} (n_state,) and x_t (n_inputs,)."""
    return twin_of(cell).step(cell, weights_of(cell, theta), state, x, tick)


def dynamics_jacobian(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray, tick: int | None = None) -> FloatArray:
    """D_t = ∂s_t/∂s_{t-1}, (n_state, n_state)."""
    return twin_of(cell).jacobians(cell, weights_of(cell, theta), state, x, tick)[0]


def immediate_jacobian(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray, tick: int | None = None) -> FloatArray:
    """∂s_t/∂θ with s_{t-1} held fixed, (n_state, n_params)."""
    parts = twin_of(cell).jacobians(cell, weights_of(cell, theta), state, x, tick)[1]
    I = np.zeros((cell.n_state, cell.n_params), theta.dtype)
    for name, at in cell.positions().items():
        I[:, at[at >= 0]] = parts[name][:, at >= 0]
    slopes: FloatArray = bounded_slope(theta, cell.bound)
    return I * slopes


def input_jacobian(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray, tick: int | None = None) -> FloatArray:
    """∂s_t/∂x_t, (n_state, n_inputs)."""
    return twin_of(cell).jacobians(cell, weights_of(cell, theta), state, x, tick)[2]


def pullback(
    cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray, adjoint: FloatArray, tick: int | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """From dL/ds_t (n_state,) back to dL/ds_{t-1} (n_state,), the step's dL/dθ (n_params,), and dL/dx_t (n_inputs,)."""
    before, parts, dx = twin_of(cell).pullback(cell, weights_of(cell, theta), state, x, tick, adjoint)
    gradient = np.zeros(cell.n_params, theta.dtype)
    for name, at in cell.positions().items():
        gradient[at[at >= 0]] = parts[name][at >= 0]
    return before, gradient * bounded_slope(theta, cell.bound), dx
