"""Online training, one update every few steps while the series runs on: the trajectory every learner must reproduce."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell
from ..cells._checks import FloatArray
from ..optim import Optimizer
from ._series import Readout, as_series, features, to_state
from .cells import dynamics_jacobian, immediate_jacobian, step
from .losses import readout_gradient
from .optim import Moments, update

GRADIENTS = ("rtrl", "tbptt")


def online_training(
    cell: Cell,
    theta: FloatArray,
    readout: Readout,
    inputs: NDArray[Any],
    targets: NDArray[Any],
    *,
    loss: str = "squared_error",
    optimizer: Optimizer,
    update_every: int = 1,
    mask: NDArray[np.bool_] | None = None,
    gradient: str = "rtrl",
    truncation: int | None = None,
    readout_bound: float | None = None,
) -> dict[str, Any]:
    """Train on one series as it comes, from a zero state.

    Parameters
    ----------
    cell, theta, readout, inputs, targets, loss, mask, readout_bound
        As in :func:`block_gradient`.
    optimizer : Optimizer
    update_every : int
        K: one update after every K steps, with the gradient of the *mean* of the losses since the last update; no update where
        there was none. Steps after the last multiple of K are run but not learnt from.
    gradient : {"rtrl", "tbptt"}
    truncation : int, optional
        τ ≥ K, for ``tbptt``: how many steps an update looks back; K if left out.

    Returns
    -------
    result : dict
        ``theta``, ``W_out``, ``b_out`` as trained; ``losses (n_steps,)``, made before the step is learnt, 0 where there is none;
        ``history (n_updates, n_params)``, θ after every update; ``state (n_state,)``;
        ``influence (n_state, n_params)``, or None for ``tbptt``.

    Notes
    -----
    Everything at step t uses the weights of step t, once: J_t = D_t J_{t-1} + ∂s_t/∂θ with D_t taken at θ_t, G_t = (dL_t/ds_t) J_t,
    and J is kept across updates (arXiv 2501.08040, (2.24)-(2.26)). ``tbptt`` keeps the last τ steps' D_s and ∂s_s/∂θ, each with the
    weights it was run with, and sweeps back over them at every update: with τ ≥ n_steps it equals ``rtrl``.

    Examples
    --------
    >>> from pushforward.cells import Linear
    >>> from pushforward.optim import SGD
    >>> x = np.ones((200, 1))
    >>> start = np.array([0.5, 0.1, 0.0]), (np.ones((1, 1)), np.zeros(1))
    >>> result = online_training(Linear(1, 1), *start, x, 2 * x, optimizer=SGD(learning_rate=0.02))
    >>> bool(result["losses"][-1] < 1e-3 * result["losses"][0]), result["history"].shape
    (True, (200, 3))
    """
    tau = update_every if truncation is None else truncation
    if update_every < 1:
        raise ValueError(f"update_every must be a positive int, got {update_every!r}")
    if gradient not in GRADIENTS:
        raise ValueError(f"gradient must be one of {', '.join(GRADIENTS)}, got {gradient!r}")
    if gradient == "tbptt" and tau < update_every:
        raise ValueError(f"truncation must be at least update_every = {update_every}, got {truncation!r}")
    series = as_series(cell, theta, readout, inputs, targets, loss=loss, state=None, mask=mask, readout_bound=readout_bound)
    theta, W_out, b_out, s = series.theta, series.W_out, series.b_out, series.state
    n_params = theta.size

    weights = np.concatenate([theta, W_out.ravel(), b_out])
    moments, pending, n_pending = Moments.zeros(weights), np.zeros_like(weights), 0
    J = np.zeros((cell.n_state, n_params), theta.dtype)
    window: deque[list[FloatArray]] = deque(maxlen=tau)  # of steps: D, ∂s/∂θ, dL/ds if it has not been learnt from yet
    losses, history = np.zeros(len(series.inputs), theta.dtype), []
    for t, x in enumerate(series.inputs):
        D, I = dynamics_jacobian(cell, theta, s, x, t), immediate_jacobian(cell, theta, s, x, t)
        J = D @ J + I
        s = step(cell, theta, s, x, t)
        window.append([D, I, np.zeros_like(s)])
        if series.mask[t]:
            part = readout_gradient(W_out, b_out, features(cell, s), series.targets[t], loss, readout_bound)
            losses[t], n_pending = part.loss, n_pending + 1
            window[-1][2] = to_state(cell, part.state)
            pending += np.concatenate([window[-1][2] @ J, part.W_out.ravel(), part.b_out])
        if (t + 1) % update_every or not n_pending:
            continue
        if gradient == "tbptt":
            pending[:n_params] = _sweep(window)
        weights, moments = update(optimizer, weights, pending / n_pending, moments)
        theta, W_flat, b_out = np.split(weights, [n_params, n_params + W_out.size])
        W_out = W_flat.reshape(W_out.shape)
        history.append(theta)
        pending, n_pending = np.zeros_like(weights), 0
        for kept in window:
            kept[2] = np.zeros_like(s)
    return {
        "theta": theta,
        "W_out": W_out,
        "b_out": b_out,
        "losses": losses,
        "history": np.array(history, theta.dtype).reshape(-1, n_params),
        "state": s,
        "influence": J if gradient == "rtrl" else None,
    }


def _sweep(window: "deque[list[FloatArray]]") -> FloatArray:
    """Back over the steps kept: λ ← λ + dL_s/ds, g ← g + λ ∂s_s/∂θ, λ ← λ D_s."""
    adjoint, g = np.zeros_like(window[-1][2]), np.zeros(window[-1][1].shape[1], window[-1][1].dtype)
    for D, I, loss_slope in reversed(window):
        adjoint = adjoint + loss_slope
        g = g + adjoint @ I
        adjoint = adjoint @ D
    return g
