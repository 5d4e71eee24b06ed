"""Units that hear themselves alone: their states, the gradient of their poles, and poles that learn beside a read-out."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..optim import Optimizer
from .optim import Moments, update

Array = NDArray[Any]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "tanh": np.tanh,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
}
SLOPES: dict[str, Callable[[Array], Array]] = {  # as functions of the output
    "identity": np.ones_like,
    "relu": lambda s: (s > 0).astype(s.dtype),
    "tanh": lambda s: 1 - s**2,
    "sigmoid": lambda s: s * (1 - s),
    "elu": lambda s: np.where(s > 0, 1, 1 + s),
}


def split(activation: str, a: Array) -> Array:
    """Apply an activation, of complex numbers to the real and to the imaginary part."""
    f = ACTIVATIONS[activation]
    return f(a.real) + 1j * f(a.imag) if np.iscomplexobj(a) else f(a)


def fixed_pole_states(
    poles: ArrayLike, W_in: ArrayLike, inputs: ArrayLike, state: ArrayLike | None = None, activation: str = "identity",
    bias: ArrayLike | None = None, out: Array | None = None, allow_unstable: bool = False,
) -> Array:  # fmt: skip
    """States of s[t] = σ(β ∘ s[t−1] + W_in x[t] + b).

    Parameters
    ----------
    poles : (n_units,) ndarray, real or complex
    W_in : (n_units, n_inputs) ndarray
    inputs : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) ndarray
    state : (n_units,) or (n_series, n_units) ndarray, optional
    activation : {"identity", "relu", "tanh", "sigmoid", "elu"}
    bias : (n_units,) ndarray, optional
    out : ndarray, optional
        Where to write the states.
    allow_unstable : bool
        Take poles on or outside the unit circle.

    Returns
    -------
    states : (n_steps, n_units) or (n_series, n_steps, n_units) ndarray

    Examples
    --------
    >>> fixed_pole_states([0.5], [[1.0]], [[1.0], [0.0], [0.0]])[:, 0]
    array([1.  , 0.5 , 0.25])
    """
    beta, W, X = np.asarray(poles), np.asarray(W_in), np.asarray(inputs)
    if not allow_unstable and (np.abs(beta) >= 1).any():
        raise ValueError(f"poles must lie inside the unit circle, got {beta[np.abs(beta).argmax()]}")
    b = np.zeros(len(beta), beta.dtype) if bias is None else np.asarray(bias)
    s = np.zeros((*X.shape[:-2], len(beta)), np.result_type(beta, W, X, b)) if state is None else np.asarray(state)
    states = []
    for t in range(X.shape[-2]):
        s = split(activation, beta * s + X[..., t, :] @ W.T + b)
        states.append(s)
    return np.stack(states, axis=-2, out=out)


def pole_gradient(
    poles: Array, W_in: Array, readout: tuple[Array, Array], inputs: Array, targets: Array, activation: str = "identity", include_inputs: bool = False
) -> tuple[float, dict[str, Array]]:
    """Σ_t ½‖e[t]‖² and its gradient, e = targets − (W_out [s | x] + b_out), from the zero state.

    Parameters
    ----------
    poles : (n_units,) ndarray
    W_in : (n_units, n_inputs) ndarray
    readout : (W_out, b_out)
        (n_outputs, n_features) and (n_outputs,) ndarrays.
    inputs, targets : (n_steps, n_inputs) and (n_steps, n_outputs) ndarrays
    activation : str
        Complex poles: identity.
    include_inputs : bool

    Returns
    -------
    loss : float
    gradient : dict
        ``poles`` (n_units,) and ``W_in`` (n_units, n_inputs); complex: ∂/∂re + i ∂/∂im.

    Notes
    -----
    J ← σ'(s) (s[t−1] + β J), V_i ← σ'(s) (x_i + β V_i); gradient −Σ_o e_o conj(W_out[o] J).

    Examples
    --------
    >>> loss, gradient = pole_gradient(np.array([0.5]), np.ones((1, 1)), (np.ones((1, 1)), np.zeros(1)), np.eye(2, 1), np.zeros((2, 1)))
    >>> loss, gradient["poles"]
    (0.625, array([0.5]))
    """
    W_out, b_out = readout
    s, J, V = np.zeros_like(poles), np.zeros_like(poles), np.zeros_like(W_in)
    loss, gradient = 0.0, {"poles": np.zeros_like(poles), "W_in": np.zeros_like(W_in)}
    zero = np.zeros_like(poles)
    for x, y in zip(inputs, targets, strict=True):
        s, J, V = influence_step(poles, W_in, zero, x, s, J, V, activation)
        e = y - W_out @ (np.concatenate([s, x]) if include_inputs else s) - b_out
        d = W_out[:, : len(s)].conj().T @ e
        loss += 0.5 * float(np.sum(np.abs(e) ** 2))
        gradient["poles"] -= d * J.conj()
        gradient["W_in"] -= d[:, None] * V.conj()
    return loss, gradient


def influence_step(
    poles: Array, W_in: Array, bias: Array, x: Array, s: Array, J: Array, V: Array, activation: str = "identity"
) -> tuple[Array, Array, Array]:
    """Return s, ∂s/∂β (n_units,) and ∂s/∂W_in (n_units, n_inputs) after one step."""
    after = split(activation, poles * s + W_in @ x + bias)
    slope = SLOPES[activation](after.real)
    return after, slope * (s + poles * J), slope[:, None] * (x + poles[:, None] * V)


def pole_learning(
    poles: Array, W_in: Array, inputs: Array, targets: Array, optimizer: Optimizer, step: Callable[[Array, Array], Array],
    weights: Callable[[], Array], activation: str = "identity", include_inputs: bool = False, learn_input_weights: bool = False,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Learn poles and a read-out together: at every step the read-out predicts and learns, then the poles take one update.

    Parameters
    ----------
    poles, W_in, inputs, targets, activation, include_inputs : as in :func:`pole_gradient`
    optimizer : Optimizer
    step : callable
        step(features, target) → the read-out's prediction, before it learns from the target.
    weights : callable
        weights() → W_out (n_outputs, n_features) as it stands.
    learn_input_weights : bool

    Returns
    -------
    predictions : (n_steps, n_outputs) ndarray
    poles : (n_units,) ndarray
    W_in : (n_units, n_inputs) ndarray
    """
    poles, W_in, zero = poles.copy(), W_in.copy(), np.zeros_like(poles)
    s, J, V = np.zeros_like(poles), np.zeros_like(poles), np.zeros_like(W_in)
    moments, predictions = None, []
    for x, y in zip(inputs, targets, strict=True):
        s, J, V = influence_step(poles, W_in, zero, x, s, J, V, activation)
        W_out = weights()
        predictions.append(step(np.concatenate([s, x]) if include_inputs else s, y))
        d = W_out[:, : len(s)].conj().T @ (y - predictions[-1])
        theta, g = poles[:, None], -(d * J.conj())[:, None]
        if learn_input_weights:
            theta, g = np.hstack([theta, W_in]), np.hstack([g, -d[:, None] * V.conj()])
        moments = moments or Moments.zeros(_real(theta))
        new, moments = update(optimizer, _real(theta), _real(g), moments)
        theta = new.view(theta.dtype).reshape(theta.shape)
        poles, W_in = theta[:, 0].copy(), theta[:, 1:].copy() if learn_input_weights else W_in
    return np.array(predictions), poles, W_in


def _real(a: Array) -> Array:
    return np.ascontiguousarray(a).view(a.real.dtype).ravel()
