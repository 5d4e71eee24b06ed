"""The second derivatives of a state, carried forward in time as a full tensor."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell, Elman, Linear
from ..cells._checks import FloatArray
from ._series import as_carried, as_inputs, as_theta
from .cells import activation, activation_slope, bounded, bounded_slope

__all__ = ["activation_curvature", "bounded_curvature", "forward_hessian"]


def activation_curvature(name: str, a: FloatArray) -> FloatArray:
    """σ''(a), entry by entry; 0 at the kink of a ReLU, the limit from below, 1, where that of an ELU jumps."""
    s = activation(name, a)
    if name == "tanh":
        return -2 * s * (1 - s * s)
    if name == "sigmoid":
        return s * (1 - s) * (1 - 2 * s)
    if name == "elu":
        return np.where(a > 0, 0, np.exp(np.minimum(a, 0))).astype(a.dtype)
    return np.zeros_like(a)  # identity, relu


def bounded_curvature(weights: FloatArray, bound: float | None) -> FloatArray:
    """φ''(w) of φ(w) = c tanh(w / c); 0 without a bound."""
    if bound is None:
        return np.zeros_like(weights)
    t: FloatArray = np.tanh(weights / bound)
    return -2 * t * (1 - t * t) / bound


def forward_hessian(
    cell: Cell, theta: FloatArray, inputs: NDArray[Any], state: FloatArray | None = None, n_threads: int | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Run a cell over a series, carrying first and second derivatives of its state with respect to every weight.

    Parameters
    ----------
    cell : Elman or Linear
    theta : (n_params,) ndarray of float32 or float64
    inputs : (n_steps, n_inputs) ndarray of theta's dtype, or (n_steps,) ndarray of integer tokens
    state : (n_state,) ndarray, optional
        s_0; zero if left out.
    n_threads : int, optional
        Of the kernel, where it changes the speed; here it changes nothing.

    Returns
    -------
    states : (n_steps, n_state) ndarray
    influence : (n_state, n_params) ndarray
        J_T = ds_T/dθ.
    second : (n_state, n_params, n_params) ndarray
        S_T = d²s_T/dθ²; of the kernel, the same packed.

    Notes
    -----
    With z the pre-activations and C[k, p, l] = ∂²z_k/∂θ_p ∂s_l:
    D_pq z = W_rec S_{t−1} + C J_{t−1} + (C J_{t−1})ᵀ + ∂²z/∂θ_p ∂θ_q, and S_t = σ''(z) D_p z D_q z + σ'(z) D_pq z;
    arXiv 2501.08040, section 2.4.

    Examples
    --------
    h ← a h + x from h = 1 without input: d²h_3/da² = 6 a.

    >>> from pushforward.cells import Linear
    >>> _, _, second = forward_hessian(Linear(1, 1), np.array([0.5, 1.0, 0.0]), np.zeros((3, 1)), state=np.ones(1))
    >>> second[0, 0, 0]
    np.float64(3.0)
    """
    if not isinstance(cell, (Elman, Linear)):
        raise TypeError(f"cell must be a cell of the kinds elman, linear, got {cell!r}")
    theta = as_theta(cell, theta)
    inputs = as_inputs(cell, inputs, theta.dtype)
    s = as_carried("state", state, (cell.n_state,), theta.dtype)
    kind, keep, gain = (cell.activation, 0.0, 1.0) if isinstance(cell, Elman) else ("identity", float(cell.dt is not None), cell.dt or 1.0)
    w, at = cell.unpack(bounded(theta, cell.bound)), cell.positions()
    slope, curvature = bounded_slope(theta, cell.bound), bounded_curvature(theta, cell.bound)

    n, n_params = cell.n_state, cell.n_params
    C = np.zeros((n, n_params, n), theta.dtype)
    for k, l in np.argwhere(at["W_rec"] >= 0):
        p = at["W_rec"][k, l]
        C[k, p, l] = slope[p]
    J, S = np.zeros((n, n_params), theta.dtype), np.zeros((n, n_params, n_params), theta.dtype)
    states = np.empty((len(inputs), n), theta.dtype)
    for t, x in enumerate(inputs):
        u = _presynaptic(at, n_params, s, x)
        z = w["W_rec"] @ s + w["W_in"] @ x + w["bias"]
        D_z = w["W_rec"] @ J + u * slope
        crossed = np.einsum("kpl,lq->kpq", C, J)
        D_zz = np.einsum("kl,lpq->kpq", w["W_rec"], S) + crossed + crossed.transpose(0, 2, 1)
        diagonal = np.arange(n_params)
        D_zz[:, diagonal, diagonal] += u * curvature
        first, second = activation_slope(kind, z), activation_curvature(kind, z)
        bend = np.einsum("k,kp,kq->kpq", second, D_z, D_z)
        S = (keep * S + gain * (bend + first[:, None, None] * D_zz)).astype(theta.dtype)
        J = (keep * J + gain * first[:, None] * D_z).astype(theta.dtype)
        s = states[t] = keep * s + gain * activation(kind, z)
    return states, J, S


def _presynaptic(at: dict[str, NDArray[np.int64]], n_params: int, s: FloatArray, x: FloatArray) -> FloatArray:
    """∂z_k/∂w_p with the state held fixed, (n_units, n_params): what unit k multiplies its weight p with."""
    u = np.zeros((len(s), n_params), s.dtype)
    for k in range(len(s)):
        for name, numbers in (("W_rec", s), ("W_in", x)):
            exists = at[name][k] >= 0
            u[k, at[name][k][exists]] = numbers[exists]
        u[k, at["bias"][k]] = 1
    return u
