"""Training with an influence that stays within a unit, dense and plain: exact for element-wise cells, else SnAp-1, RFLO and e-prop."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell
from ..cells._checks import FloatArray
from ..optim import Optimizer
from ._series import Readout, as_series, features, to_state
from .approximate import snap_mask
from .cells import bounded, dynamics_jacobian, immediate_jacobian, step, twin_of, weights_of
from .losses import readout_gradient
from .optim import Moments, update
from .random import uniform_at

GRADIENTS = ("rtrl", "snap1", "rflo", "eprop")
FEEDBACKS = ("random", "transposed")


def leak_jacobian(cell: Cell, theta: FloatArray, state: FloatArray, x: FloatArray, tick: int | None = None) -> FloatArray:
    """Return what a unit's states do to themselves in D_t = ∂s_t/∂s_{t-1} without recurrent weights, (n_state, n_state).

    Notes
    -----
    D_t − Σ_W M_W [W 0] over the recurrent matrices W (n_units, n_units), which see the first n_units states; M_W = ∂s_t/∂(W s_{t-1}) is the
    derivative with respect to the bias beside it. Of the rest, the entries between states k n_units + i and l n_units + i of one unit i.

    Examples
    --------
    >>> from pushforward.cells import Leaky
    >>> leak_jacobian(Leaky(1, 1, leak_rate=0.25), np.ones(3), np.ones(1), np.ones(1))
    array([[0.75]])
    """
    w = weights_of(cell, theta)
    D, parts, _ = twin_of(cell).jacobians(cell, w, state, x, tick)
    leak = D.copy()
    for name, W in w.items():
        if name.startswith("W_rec"):
            beside = name.replace("W_rec", "bias_rec")
            M = parts[beside if beside in parts else name.replace("W_rec", "bias")]
            leak[:, : cell.n_units] -= M @ W
    unit = np.arange(cell.n_state) % cell.n_units
    leak[unit[:, None] != unit] = 0
    return leak


def random_feedback(seed: int, n_outputs: int, n_features: int, dtype: Any = "float64") -> FloatArray:
    """Draw B (n_outputs, n_features) as the kernel does: uniform in ±1/√n_features, row by row.

    Examples
    --------
    >>> bool(np.all(np.abs(random_feedback(0, 2, 4)) <= 0.5))
    True
    """
    draws = [uniform_at(seed, 0, 0, k) for k in range(n_outputs * n_features)]
    B: FloatArray = ((2 * np.reshape(draws, (n_outputs, n_features)) - 1) / np.sqrt(n_features)).astype(dtype)
    return B


def local_training(
    cell: Cell,
    theta: FloatArray,
    readout: Readout,
    inputs: NDArray[Any],
    targets: NDArray[Any],
    *,
    gradient: str,
    optimizer: Optimizer,
    loss: str = "squared_error",
    update_every: int = 1,
    mask: NDArray[np.bool_] | None = None,
    readout_bound: float | None = None,
    feedback: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Train on one series as it comes, from a zero state.

    Parameters
    ----------
    cell, theta, readout, inputs, targets, loss, optimizer, update_every, mask, readout_bound
        As in :func:`online_training`.
    gradient : {"rtrl", "snap1", "rflo", "eprop"}
        ``rtrl`` keeps the whole influence: the same as ``online_training``.
    feedback : {"random", "transposed"}, optional
        How ``rflo`` (random unless given) and ``eprop`` (transposed) bring the error at the output back to the units.
    seed : int
        Of the random matrix.

    Returns
    -------
    result : dict
        ``theta``, ``W_out``, ``b_out`` as trained; ``history (n_updates, n_params)``, θ after every update; ``state (n_state,)``;
        ``influence (n_state, n_params)``; ``pending (n_params,)``, the gradient of the losses since the last update.

    Notes
    -----
    J_t = D_t J_{t-1} + ∂s_t/∂θ, G_t = λ_tᵀ J_t with λ_t = W_outᵀ δ_t, and instead

        snap1           J_t = mask ∘ (D_t J_{t-1} + ∂s_t/∂θ), the mask being where ∂s_t/∂θ may differ from zero (arXiv 2006.07232)
        rflo, eprop     D_t as if the recurrent weights were zero, and with random feedback λ_t = B δ_t
                        (Murray 2019, eLife 8:e43299; Bellec et al. 2020, Nat. Commun. 11:3625)

    Examples
    --------
    Without recurrent weights nothing is lost:

    >>> from pushforward.cells import Leaky
    >>> from pushforward.optim import SGD
    >>> cell, theta, readout = Leaky(1, 1), np.array([0.0, 1.0, 0.0]), (np.ones((1, 1)), np.zeros(1))
    >>> x, still = np.ones((5, 1)), SGD(learning_rate=0.0)
    >>> results = [local_training(cell, theta, readout, x, x, gradient=name, optimizer=still) for name in ("rtrl", "eprop")]
    >>> np.allclose(results[0]["influence"], results[1]["influence"])
    True
    """
    if gradient not in GRADIENTS:
        raise ValueError(f"gradient must be one of {', '.join(GRADIENTS)}, got {gradient!r}")
    local, reached = gradient in ("rflo", "eprop"), snap_mask(cell, 1)
    if local and not _within_units(cell, reached):
        raise ValueError(f"gradient {gradient!r} is not defined for {cell!r}: its gates move other units' states")
    feedback = feedback or ("random" if gradient == "rflo" else "transposed")
    if feedback not in FEEDBACKS:
        raise ValueError(f"feedback must be one of {', '.join(FEEDBACKS)}, got {feedback!r}")
    series = as_series(cell, theta, readout, inputs, targets, loss=loss, state=None, mask=mask, readout_bound=readout_bound)
    theta, W_out, b_out, s = series.theta, series.W_out, series.b_out, series.state
    n_params, dtype = theta.size, theta.dtype
    kept = reached if gradient == "snap1" else np.ones((cell.n_state, n_params), bool)
    B = random_feedback(seed, len(b_out), cell.n_features, dtype) if local and feedback == "random" else None

    weights = np.concatenate([theta, W_out.ravel(), b_out])
    moments, pending, n_pending = Moments.zeros(weights), np.zeros_like(weights), 0
    J, history = np.zeros((cell.n_state, n_params), dtype), []
    for t, x in enumerate(series.inputs):
        D = (leak_jacobian if local else dynamics_jacobian)(cell, theta, s, x, t)
        J = np.where(kept, D @ J + immediate_jacobian(cell, theta, s, x, t), dtype.type(0))
        s = step(cell, theta, s, x, t)
        if series.mask[t]:
            seen = features(cell, s)
            part = readout_gradient(W_out, b_out, seen, series.targets[t], loss, readout_bound)
            error = part.b_out if readout_bound is None else _error(W_out, b_out, seen, series.targets[t], loss, readout_bound)
            back = to_state(cell, part.state if B is None else error @ B)
            pending, n_pending = pending + np.concatenate([back @ J, part.W_out.ravel(), part.b_out]), n_pending + 1
        if (t + 1) % update_every or not n_pending:
            continue
        weights, moments = update(optimizer, weights, pending / n_pending, moments)
        theta, W_flat, b_out = np.split(weights, [n_params, n_params + W_out.size])
        W_out = W_flat.reshape(W_out.shape)
        history.append(theta)
        pending, n_pending = np.zeros_like(weights), 0
    return {
        "theta": theta,
        "W_out": W_out,
        "b_out": b_out,
        "history": np.array(history, dtype).reshape(-1, n_params),
        "state": s,
        "influence": J,
        "pending": pending[:n_params],
    }


def _within_units(cell: Cell, reached: NDArray[np.bool_]) -> bool:
    """Whether every parameter moves the states of one unit only within a step."""
    if cell.n_state % cell.n_units:
        return False
    units = reached.reshape(-1, cell.n_units, reached.shape[1]).any(axis=0)
    return bool(np.all(units.sum(axis=0) <= 1))


def _error(W_out: FloatArray, b_out: FloatArray, seen: FloatArray, target: Any, loss: str, readout_bound: float) -> FloatArray:
    """δ of a bounded read-out: the gradient of b_out at weights that enter as they are."""
    return readout_gradient(bounded(W_out, readout_bound), bounded(b_out, readout_bound), seen, target, loss, None).b_out
