"""Real-time recurrent learning as Williams and Zipser (1989) wrote it: the influence matrix carried forward in time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell
from ..cells._checks import FloatArray
from ._series import Readout, as_carried, as_inputs, as_series, as_theta, features, to_state
from .cells import dynamics_jacobian, immediate_jacobian, step
from .losses import readout_gradient

CARRIES = ("exact", "none")


def forward_sensitivity(
    cell: Cell,
    theta: FloatArray,
    inputs: NDArray[Any],
    state: FloatArray | None = None,
    influence: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Run a cell over a series, carrying the derivative of its state with respect to every weight.

    Parameters
    ----------
    cell : Cell
    theta : (n_params,) ndarray of float32 or float64
    inputs : (n_steps, n_inputs) ndarray of theta's dtype, or (n_steps,) ndarray of integer tokens
    state : (n_state,) ndarray, optional
        s_0; zero if left out.
    influence : (n_state, n_params) ndarray, optional
        J_0 = ds_0/dθ; zero if left out.

    Returns
    -------
    states : (n_steps, n_state) ndarray
        s_1 … s_T.
    influence : (n_state, n_params) ndarray
        J_T.

    Notes
    -----
    J_t = D_t J_{t-1} + ∂s_t/∂θ, D_t = ∂s_t/∂s_{t-1}; arXiv 2501.08040, (2.20)-(2.21).

    Examples
    --------
    h ← a h + x from h = 1 without input: dh_3/da = 3 a².

    >>> from pushforward.cells import Linear
    >>> states, influence = forward_sensitivity(Linear(1, 1), np.array([0.5, 1.0, 0.0]), np.zeros((3, 1)), state=np.ones(1))
    >>> states[:, 0], influence[0, 0]
    (array([0.5  , 0.25 , 0.125]), np.float64(0.75))
    """
    theta = as_theta(cell, theta)
    inputs = as_inputs(cell, inputs, theta.dtype)
    s = as_carried("state", state, (cell.n_state,), theta.dtype)
    J = as_carried("influence", influence, (cell.n_state, cell.n_params), theta.dtype)
    states = np.empty((len(inputs), cell.n_state), theta.dtype)
    for t, x in enumerate(inputs):
        J = dynamics_jacobian(cell, theta, s, x, t) @ J + immediate_jacobian(cell, theta, s, x, t)
        s = states[t] = step(cell, theta, s, x, t)
    return states, J


def block_gradient(
    cell: Cell,
    theta: FloatArray,
    readout: Readout,
    inputs: NDArray[Any],
    targets: NDArray[Any],
    loss: str = "squared_error",
    state: FloatArray | None = None,
    influence: FloatArray | None = None,
    carry: str = "exact",
    mask: NDArray[np.bool_] | None = None,
    readout_bound: float | None = None,
    carry_every: int | None = None,
    n_threads: int | None = None,
) -> tuple[float, dict[str, FloatArray], FloatArray, FloatArray | None]:
    """Gradient of the **sum** of the losses of a block of steps, at fixed weights.

    Parameters
    ----------
    cell, theta, inputs, state
        As in :func:`forward_sensitivity`.
    readout : (W_out, b_out)
        ŷ = W_out s + b_out; (n_outputs, n_units) and (n_outputs,) ndarrays.
    targets : (n_steps, n_outputs) ndarray, or (n_steps,) ndarray of integer classes for cross-entropy
    loss : {"squared_error", "cross_entropy"}
        ½ ‖y − ŷ‖² summed over outputs, or −log softmax(ŷ)[class].
    influence : (n_state, n_params) ndarray, optional
        J at the start of the block, ignored by ``carry="none"``.
    carry : {"exact", "none"}
        ``none`` forgets what happened before the block (truncated back-propagation).
    mask : (n_steps,) ndarray of bool, optional
        Steps with a loss; the others' targets are not looked at.
    readout_bound : float, optional
        c > 0: W_out and b_out enter as c tanh(w / c).
    carry_every, n_threads : int, optional
        Of the kernel, where they change its speed; here they change nothing.

    Returns
    -------
    loss : float
    gradient : dict
        ``theta (n_params,)``, ``W_out (n_outputs, n_units)``, ``b_out (n_outputs,)``.
    state : (n_state,) ndarray
    influence : (n_state, n_params) ndarray, or None from ``carry="none"``

    Notes
    -----
    dL/dθ = Σ_t (dL_t/ds_t) J_t; arXiv 2501.08040, (2.24)-(2.26), summed over the block instead of followed by an update.

    Examples
    --------
    >>> from pushforward.cells import Linear
    >>> cell, theta, readout = Linear(1, 1), np.array([0.5, 1.0, 0.0]), (np.ones((1, 1)), np.zeros(1))
    >>> loss, gradient, state, influence = block_gradient(cell, theta, readout, np.ones((2, 1)), np.zeros((2, 1)))
    >>> loss, gradient["theta"], state
    (1.625, array([1.5 , 3.25, 3.25]), array([1.5]))
    """
    if carry not in CARRIES:
        raise ValueError(f"carry must be one of {', '.join(CARRIES)}, got {carry!r}")
    series = as_series(cell, theta, readout, inputs, targets, loss=loss, state=state, mask=mask, readout_bound=readout_bound)
    theta, s = series.theta, series.state
    J = as_carried("influence", None if carry == "none" else influence, (cell.n_state, cell.n_params), theta.dtype)
    total = 0.0
    gradient = {"theta": np.zeros_like(theta), "W_out": np.zeros_like(series.W_out), "b_out": np.zeros_like(series.b_out)}
    for t, (x, target, has_loss) in enumerate(zip(series.inputs, series.targets, series.mask, strict=True)):
        J = dynamics_jacobian(cell, theta, s, x, t) @ J + immediate_jacobian(cell, theta, s, x, t)
        s = step(cell, theta, s, x, t)
        if has_loss:
            part = readout_gradient(series.W_out, series.b_out, features(cell, s), target, loss, readout_bound)
            total += part.loss
            gradient["theta"] += to_state(cell, part.state) @ J
            gradient["W_out"] += part.W_out
            gradient["b_out"] += part.b_out
    return total, gradient, s, (J if carry == "exact" else None)
