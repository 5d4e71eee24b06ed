"""Long short-term memory: c_t = f ∘ c + i ∘ g, h_t = o ∘ tanh(c_t), and the state is [h; c]."""

import numpy as np

from ...cells import LSTM
from ...cells._checks import FloatArray
from ._functions import activation, unit_rows
from ._twin import Jacobians, Pullback, Weights

GATES = {"input": "sigmoid", "forget": "sigmoid", "cell": "tanh", "output": "sigmoid"}


def gates(w: Weights, h: FloatArray, x: FloatArray) -> dict[str, FloatArray]:
    """i, f, g, o (n_units,) each."""
    return {gate: activation(sigma, w[f"W_rec_{gate}"] @ h + w[f"W_in_{gate}"] @ x + w[f"bias_{gate}"]) for gate, sigma in GATES.items()}


def step(cell: LSTM, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """s_t."""
    h, c = np.split(s, 2)
    y = gates(w, h, x)
    c = y["forget"] * c + y["input"] * y["cell"]
    return np.concatenate([y["output"] * np.tanh(c), c])


def jacobians(cell: LSTM, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂s_t/∂s, ∂s_t/∂weights, ∂s_t/∂x."""
    h, c = np.split(s, 2)
    y, zero = gates(w, h, x), np.zeros((cell.n_units, cell.n_units), s.dtype)
    i, f, g, o = y["input"], y["forget"], y["cell"], y["output"]
    tau = np.tanh(f * c + i * g)
    dh_dc = np.diag(o * (1 - tau**2))  # of the new c
    dc = {"input": np.diag(g * i * (1 - i)), "forget": np.diag(c * f * (1 - f)), "cell": np.diag(i * (1 - g**2)), "output": zero}
    dh = {gate: dh_dc @ dc[gate] for gate in GATES} | {"output": np.diag(tau * o * (1 - o))}
    M = {gate: np.vstack([dh[gate], dc[gate]]) for gate in GATES}  # ∂s_t/∂a of the gate
    D_h = sum((M[gate] @ w[f"W_rec_{gate}"] for gate in GATES), np.zeros((cell.n_state, cell.n_units), s.dtype))
    D_x = sum((M[gate] @ w[f"W_in_{gate}"] for gate in GATES), np.zeros((cell.n_state, cell.n_inputs), s.dtype))
    D_c = np.vstack([dh_dc @ np.diag(f), np.diag(f)])
    parts: Weights = {}
    for gate in GATES:
        parts |= {f"W_rec_{gate}": unit_rows(M[gate], h), f"W_in_{gate}": unit_rows(M[gate], x), f"bias_{gate}": M[gate]}
    return np.hstack([D_h, D_c]), parts, D_x


def pullback(cell: LSTM, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/ds_t back to dL/ds, dL/dweights, dL/dx: the step's lines in reverse."""
    h, c = np.split(s, 2)
    y = gates(w, h, x)
    i, f, g, o = y["input"], y["forget"], y["cell"], y["output"]
    tau = np.tanh(f * c + i * g)
    d_h, d_c = np.split(adjoint, 2)
    d_o, d_tau = d_h * tau, d_h * o
    d_c = d_c + d_tau * (1 - tau**2)
    d_f, d_i, d_g = d_c * c, d_c * g, d_c * i
    d_a = {"input": d_i * i * (1 - i), "forget": d_f * f * (1 - f), "cell": d_g * (1 - g**2), "output": d_o * o * (1 - o)}
    before_h, dx = np.zeros_like(h), np.zeros_like(x)
    parts: Weights = {}
    for gate, delta in d_a.items():
        before_h = before_h + w[f"W_rec_{gate}"].T @ delta
        dx = dx + w[f"W_in_{gate}"].T @ delta
        parts |= {f"W_rec_{gate}": np.outer(delta, h), f"W_in_{gate}": np.outer(delta, x), f"bias_{gate}": delta}
    return np.concatenate([before_h, d_c * f]), parts, dx
