"""The linear cell: s_t = a, or s + dt a; a = W_rec s + W_in x + bias."""

import numpy as np

from ...cells import Linear
from ...cells._checks import FloatArray
from ._functions import unit_rows
from ._twin import Jacobians, Pullback, Weights


def step(cell: Linear, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """s_t."""
    a = w["W_rec"] @ s + w["W_in"] @ x + w["bias"]
    return a if cell.dt is None else s + cell.dt * a


def jacobians(cell: Linear, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂s_t/∂s, ∂s_t/∂weights, ∂s_t/∂x."""
    eye = np.eye(cell.n_units, dtype=s.dtype)
    M = eye if cell.dt is None else cell.dt * eye
    D = M @ w["W_rec"] if cell.dt is None else eye + M @ w["W_rec"]
    return D, {"W_rec": unit_rows(M, s), "W_in": unit_rows(M, x), "bias": M}, M @ w["W_in"]


def pullback(cell: Linear, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/ds_t back to dL/ds, dL/dweights, dL/dx."""
    delta = adjoint if cell.dt is None else cell.dt * adjoint
    before = delta @ w["W_rec"] if cell.dt is None else adjoint + delta @ w["W_rec"]
    return before, {"W_rec": np.outer(delta, s), "W_in": np.outer(delta, x), "bias": delta}, delta @ w["W_in"]
