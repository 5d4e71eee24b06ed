"""The LSTM with element-wise recurrence: a^g = w_rec_g ∘ h + W_in_g x + bias_g; c ← f ∘ c + i ∘ g, h ← o ∘ tanh(c)."""

import numpy as np

from ...cells import ELSTM
from ...cells._checks import FloatArray
from ._functions import activation, unit_rows
from ._twin import Jacobians, Pullback, Weights


def gates(cell: ELSTM, w: Weights, h: FloatArray, x: FloatArray) -> dict[str, FloatArray]:
    """Every gate's output (n_units,)."""
    a = {gate: w[f"w_rec_{gate}"] * h + w[f"W_in_{gate}"] @ x + w[f"bias_{gate}"] for gate in cell.GATES}
    return {gate: activation("tanh" if gate == "cell" else "sigmoid", a[gate]) for gate in cell.GATES}


def step(cell: ELSTM, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """[h; c]."""
    h, c = np.split(s, 2)
    y = gates(cell, w, h, x)
    c = y["forget"] * c + y["input"] * y["cell"]
    return np.concatenate([y["output"] * np.tanh(c), c])


def jacobians(cell: ELSTM, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂s_t/∂s, ∂s_t/∂weights, ∂s_t/∂x."""
    h, c = np.split(s, 2)
    y = gates(cell, w, h, x)
    tanh_c = np.tanh(y["forget"] * c + y["input"] * y["cell"])
    dh_dc = y["output"] * (1 - tanh_c**2)  # of the new c
    dc = {  # ∂c_t/∂a, gate by gate
        "input": y["input"] * (1 - y["input"]) * y["cell"],
        "forget": y["forget"] * (1 - y["forget"]) * c,
        "cell": y["input"] * (1 - y["cell"] ** 2),
        "output": np.zeros_like(c),
    }
    dh = {gate: dh_dc * dc[gate] for gate in cell.GATES}
    dh["output"] = y["output"] * (1 - y["output"]) * tanh_c
    M = {gate: np.vstack([np.diag(dh[gate]), np.diag(dc[gate])]) for gate in cell.GATES}
    D = np.block([[np.diag(np.zeros_like(h)), np.diag(dh_dc * y["forget"])], [np.diag(np.zeros_like(h)), np.diag(y["forget"])]])
    parts: Weights = {}
    dx = np.zeros((cell.n_state, cell.n_inputs), s.dtype)
    for gate in cell.GATES:
        D[:, : cell.n_units] += M[gate] * w[f"w_rec_{gate}"]
        dx += M[gate] @ w[f"W_in_{gate}"]
        parts |= {f"w_rec_{gate}": M[gate] * h, f"W_in_{gate}": unit_rows(M[gate], x), f"bias_{gate}": M[gate]}
    return D, parts, dx


def pullback(cell: ELSTM, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/ds_t back to dL/ds, dL/dweights, dL/dx."""
    h, c = np.split(s, 2)
    to_h, to_c = np.split(adjoint, 2)
    y = gates(cell, w, h, x)
    tanh_c = np.tanh(y["forget"] * c + y["input"] * y["cell"])
    to_c = to_c + to_h * y["output"] * (1 - tanh_c**2)
    to_gate = {"input": to_c * y["cell"], "forget": to_c * c, "cell": to_c * y["input"], "output": to_h * tanh_c}
    before, dx = np.zeros_like(h), np.zeros_like(x)
    parts: Weights = {}
    for gate in cell.GATES:
        slope = 1 - y[gate] ** 2 if gate == "cell" else y[gate] * (1 - y[gate])
        delta = to_gate[gate] * slope
        before = before + delta * w[f"w_rec_{gate}"]
        dx = dx + delta @ w[f"W_in_{gate}"]
        parts |= {f"w_rec_{gate}": delta * h, f"W_in_{gate}": np.outer(delta, x), f"bias_{gate}": delta}
    return np.concatenate([before, to_c * y["forget"]]), parts, dx
