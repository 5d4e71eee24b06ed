"""One Euler step: h ← h + dt (−A h + σ(a)) + noise √dt ξ, a = W_rec h + W_in x + bias; A = diag(decay), decay, or L Lᵀ with L = decay_root."""

import math

import numpy as np

from ...cells import NeuralODE
from ...cells._checks import FloatArray
from ..random import normal_at
from ._functions import activation, activation_slope, unit_rows
from ._twin import Jacobians, Pullback, Weights


def pre_activation(w: Weights, h: FloatArray, x: FloatArray) -> FloatArray:
    """a (n_units,)."""
    return w["W_rec"] @ h + w["W_in"] @ x + w["bias"]


def decay_matrix(cell: NeuralODE, w: Weights) -> FloatArray:
    """A (n_units, n_units)."""
    if cell.decay == "gram":
        return w["decay_root"] @ w["decay_root"].T
    return np.diag(w["decay"]) if cell.decay == "diagonal" else w["decay"]


def noise(cell: NeuralODE, tick: int | None, like: FloatArray) -> FloatArray:
    """What the step adds (n_units,); the first series' numbers."""
    if cell.noise == 0 or tick is None:
        return np.zeros_like(like)
    draws = [normal_at(cell.noise_seed, 0, tick, unit) for unit in range(cell.n_units)]
    return (cell.noise * math.sqrt(cell.dt) * np.array(draws)).astype(like.dtype)


def step(cell: NeuralODE, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """h_t."""
    drift = activation(cell.activation, pre_activation(w, s, x)) - decay_matrix(cell, w) @ s
    return s + cell.dt * drift + noise(cell, tick, s)


def jacobians(cell: NeuralODE, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂h_t/∂h, ∂h_t/∂weights, ∂h_t/∂x."""
    eye = np.eye(cell.n_units, dtype=s.dtype)
    M = cell.dt * np.diag(activation_slope(cell.activation, pre_activation(w, s, x)))
    D = eye - cell.dt * decay_matrix(cell, w) + M @ w["W_rec"]
    parts = {"W_rec": unit_rows(M, s), "W_in": unit_rows(M, x), "bias": M}
    if cell.decay == "diagonal":
        parts["decay"] = -cell.dt * np.diag(s)
    elif cell.decay == "dense":
        parts["decay"] = unit_rows(-cell.dt * eye, s)
    else:  # ∂(L Lᵀ h)_k/∂L_ij = δ_ki (Lᵀh)_j + L_kj h_i
        L = w["decay_root"]
        parts["decay_root"] = -cell.dt * (unit_rows(eye, L.T @ s) + L[:, None, :] * s[None, :, None])
    return D, parts, M @ w["W_in"]


def pullback(cell: NeuralODE, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/dh_t back to dL/dh, dL/dweights, dL/dx."""
    to_drift = cell.dt * adjoint
    delta = activation_slope(cell.activation, pre_activation(w, s, x)) * to_drift
    before = adjoint + delta @ w["W_rec"]
    parts = {"W_rec": np.outer(delta, s), "W_in": np.outer(delta, x), "bias": delta}
    if cell.decay == "diagonal":
        parts["decay"] = -to_drift * s
        before = before - w["decay"] * to_drift
    elif cell.decay == "dense":
        parts["decay"] = -np.outer(to_drift, s)
        before = before - to_drift @ w["decay"]
    else:
        L = w["decay_root"]
        to_y = -(to_drift @ L)  # y = Lᵀ h, of which −L y is in the drift
        parts["decay_root"] = -np.outer(to_drift, L.T @ s) + np.outer(s, to_y)
        before = before + L @ to_y
    return before, parts, delta @ w["W_in"]
