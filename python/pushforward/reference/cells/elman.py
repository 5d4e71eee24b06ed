"""Elman's cell: s_t = σ(a), a = W_rec s + W_in x + bias."""

import numpy as np

from ...cells import Elman
from ...cells._checks import FloatArray
from ._functions import activation, activation_slope, unit_rows
from ._twin import Jacobians, Pullback, Weights


def pre_activation(w: Weights, s: FloatArray, x: FloatArray) -> FloatArray:
    """a (n_units,)."""
    return w["W_rec"] @ s + w["W_in"] @ x + w["bias"]


def step(cell: Elman, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """s_t."""
    return activation(cell.activation, pre_activation(w, s, x))


def jacobians(cell: Elman, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂s_t/∂s, ∂s_t/∂weights, ∂s_t/∂x."""
    M = np.diag(activation_slope(cell.activation, pre_activation(w, s, x)))
    return M @ w["W_rec"], {"W_rec": unit_rows(M, s), "W_in": unit_rows(M, x), "bias": M}, M @ w["W_in"]


def pullback(cell: Elman, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/ds_t back to dL/ds, dL/dweights, dL/dx."""
    delta = activation_slope(cell.activation, pre_activation(w, s, x)) * adjoint
    return delta @ w["W_rec"], {"W_rec": np.outer(delta, s), "W_in": np.outer(delta, x), "bias": delta}, delta @ w["W_in"]
