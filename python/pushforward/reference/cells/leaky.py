"""Elman's cell with a leak: s_t = (1 − α) s + α σ(a), a = W_rec s + W_in x + bias; α given, or σ(leak_logit)."""

import numpy as np

from ...cells import Leaky
from ...cells._checks import FloatArray
from ._functions import activation, activation_slope, unit_rows
from ._twin import Jacobians, Pullback, Weights


def pre_activation(w: Weights, s: FloatArray, x: FloatArray) -> FloatArray:
    """a (n_units,)."""
    return w["W_rec"] @ s + w["W_in"] @ x + w["bias"]


def rates(cell: Leaky, w: Weights, s: FloatArray) -> FloatArray:
    """α (n_units,)."""
    return activation("sigmoid", w["leak_logit"]) if cell.learn_leak else np.full_like(s, cell.leak_rate)


def step(cell: Leaky, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """s_t."""
    alpha = rates(cell, w, s)
    return (1 - alpha) * s + alpha * activation(cell.activation, pre_activation(w, s, x))


def jacobians(cell: Leaky, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂s_t/∂s, ∂s_t/∂weights, ∂s_t/∂x."""
    alpha, a = rates(cell, w, s), pre_activation(w, s, x)
    M = np.diag(alpha * activation_slope(cell.activation, a))
    parts = {"W_rec": unit_rows(M, s), "W_in": unit_rows(M, x), "bias": M}
    if cell.learn_leak:
        parts["leak_logit"] = np.diag((activation(cell.activation, a) - s) * activation_slope("sigmoid", w["leak_logit"]))
    return np.diag(1 - alpha) + M @ w["W_rec"], parts, M @ w["W_in"]


def pullback(cell: Leaky, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/ds_t back to dL/ds, dL/dweights, dL/dx."""
    alpha, a = rates(cell, w, s), pre_activation(w, s, x)
    y = activation(cell.activation, a)
    d_alpha, d_y = adjoint * y - adjoint * s, adjoint * alpha
    d_a = d_y * activation_slope(cell.activation, a)
    parts = {"W_rec": np.outer(d_a, s), "W_in": np.outer(d_a, x), "bias": d_a}
    if cell.learn_leak:
        parts["leak_logit"] = d_alpha * alpha * (1 - alpha)
    return adjoint - adjoint * alpha + w["W_rec"].T @ d_a, parts, w["W_in"].T @ d_a
