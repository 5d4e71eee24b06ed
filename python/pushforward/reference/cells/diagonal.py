"""The diagonal cell: h ← σ(a), a = w_rec ∘ h + W_in x + bias."""

import numpy as np

from ...cells import Diagonal
from ...cells._checks import FloatArray
from ._functions import activation, activation_slope, unit_rows
from ._twin import Jacobians, Pullback, Weights


def pre_activation(w: Weights, h: FloatArray, x: FloatArray) -> FloatArray:
    """a (n_units,)."""
    return w["w_rec"] * h + w["W_in"] @ x + w["bias"]


def step(cell: Diagonal, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """h_t."""
    return activation(cell.activation, pre_activation(w, s, x))


def jacobians(cell: Diagonal, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂h_t/∂h, ∂h_t/∂weights, ∂h_t/∂x."""
    M = np.diag(activation_slope(cell.activation, pre_activation(w, s, x)))
    return M * w["w_rec"], {"w_rec": M * s, "W_in": unit_rows(M, x), "bias": M}, M @ w["W_in"]


def pullback(cell: Diagonal, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/dh_t back to dL/dh, dL/dweights, dL/dx."""
    delta = activation_slope(cell.activation, pre_activation(w, s, x)) * adjoint
    return delta * w["w_rec"], {"w_rec": delta * s, "W_in": np.outer(delta, x), "bias": delta}, delta @ w["W_in"]
