"""One step of a cell and its two Jacobians, dense."""

import numpy as np

from ..cells import Cell, Elman, FloatArray, Linear


def activation(name: str, a: FloatArray) -> FloatArray:
    """σ(a), entry by entry."""
    if name == "identity":
        return a.copy()
    if name == "relu":
        return np.maximum(a, 0)
    if name == "tanh":
        return np.tanh(a)
    if name == "sigmoid":
        small = np.exp(-np.abs(a))  # never overflows
        return np.where(a >= 0, 1 / (1 + small), small / (1 + small))
    if name == "elu":
        return np.where(a > 0, a, np.expm1(np.minimum(a, 0)))
    raise ValueError(f"activation must be one of identity, relu, tanh, sigmoid, elu, got {name!r}")


def activation_slope(name: str, a: FloatArray) -> FloatArray:
    """σ'(a), entry by entry; 0 at the kink of a ReLU."""
    s = activation(name, a)
    if name == "identity":
        return np.ones_like(a)
    if name == "relu":
        return (a > 0).astype(a.dtype)
    if name == "tanh":
        return 1 - s * s
    if name == "sigmoid":
        return s * (1 - s)
    return np.where(a > 0, 1, np.exp(np.minimum(a, 0))).astype(a.dtype)  # elu


def bounded(weights: FloatArray, bound: float | None) -> FloatArray:
    """φ(w) = c tanh(w / c); w itself without a bound."""
    return weights.copy() if bound is None else bound * np.tanh(weights / bound)


def bounded_slope(weights: FloatArray, bound: float | None) -> FloatArray:
    """φ'(w) = 1 − tanh²(w / c); 1 without a bound."""
    return np.ones_like(weights) if bound is None else 1 - np.tanh(weights / bound) ** 2


def rows(cell: Cell, theta: FloatArray) -> FloatArray:
    """θ as (n_units, n_units + n_inputs + 1): one row ``[W_rec | W_in | bias]`` per unit."""
    return theta.reshape(cell.n_units, cell.n_units + cell.n_inputs + 1)


def bound_of(cell: Cell) -> float | None:
    """The cell's ``weight_bound``; only the two cells written here are known."""
    if not isinstance(cell, (Elman, Linear)):
        raise TypeError(f"cell must be an Elman or a Linear, got {cell!r}")
    return cell.weight_bound


def presynaptic(state: FloatArray, x: FloatArray) -> FloatArray:
    """u = [s_{t-1}; x_t; 1]."""
    return np.concatenate([state, x, np.ones(1, state.dtype)])


def pre_activation(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray) -> FloatArray:
    """a = φ(W) u, (n_units,)."""
    return bounded(rows(cell, theta), bound_of(cell)) @ presynaptic(state, x)


def step(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray) -> FloatArray:
    """s_t from s_{t-1} (n_state,) and x_t (n_inputs,)."""
    a = pre_activation(cell, theta, state, x)
    if isinstance(cell, Elman):
        return activation(cell.activation, a)
    dt = getattr(cell, "dt", None)
    return a if dt is None else state + dt * a


def gate_sensitivity(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray) -> FloatArray:
    """The diagonal of M_t = ∂s_t/∂a_t, (n_units,)."""
    a = pre_activation(cell, theta, state, x)
    if isinstance(cell, Elman):
        return activation_slope(cell.activation, a)
    dt = getattr(cell, "dt", None)
    return np.ones_like(a) if dt is None else np.full_like(a, dt)


def dynamics_jacobian(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray) -> FloatArray:
    """D_t = ∂s_t/∂s_{t-1}, (n_state, n_state): diag(M_t) φ(W_rec), plus I for an Euler step."""
    W_rec = bounded(rows(cell, theta), bound_of(cell))[:, : cell.n_units]
    D = np.diag(gate_sensitivity(cell, theta, state, x)) @ W_rec
    return D if getattr(cell, "dt", None) is None else np.eye(cell.n_state, dtype=theta.dtype) + D


def immediate_jacobian(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray) -> FloatArray:
    """∂s_t/∂θ with s_{t-1} held fixed, (n_state, n_params): unit i sees only its own row, M_t[i] u ∘ φ'(θ_i)."""
    M, u = gate_sensitivity(cell, theta, state, x), presynaptic(state, x)
    slopes = bounded_slope(rows(cell, theta), bound_of(cell))
    I = np.zeros((cell.n_state, cell.n_units, u.size), theta.dtype)
    for i in range(cell.n_units):
        I[i, i] = M[i] * u * slopes[i]
    return I.reshape(cell.n_state, cell.n_params)
