"""A wide network of units that hear themselves alone, with a fixed read-out: what it says, and the gradient of all its weights."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[Any]

SMOOTH_ACTIVATIONS = ("tanh", "sigmoid", "softplus", "gelu")


def smooth(activation: str, a: Array) -> tuple[Array, Array]:
    """Return σ(a) and σ'(a).

    Parameters
    ----------
    activation : {"tanh", "sigmoid", "softplus", "gelu"}
        gelu is a Φ(a) with the normal distribution itself, not an approximation of it.
    a : ndarray

    Returns
    -------
    value, slope : ndarrays of the shape and dtype of ``a``

    Examples
    --------
    >>> [float(part) for part in smooth("softplus", np.array(0.0))]
    [0.6931471805599453, 0.5]
    """
    if activation == "tanh":
        value = np.tanh(a)
        return value, 1 - value**2
    if activation == "sigmoid":
        value = special.expit(a)
        return value, value * special.expit(-a)
    if activation == "softplus":
        return np.logaddexp(a.dtype.type(0), a), special.expit(a)
    if activation == "gelu":
        below = special.ndtr(a)
        return a * below, below + a * np.exp(-(a**2) / 2) / a.dtype.type(math.sqrt(2 * math.pi))
    raise ValueError(f"activation must be one of {', '.join(SMOOTH_ACTIVATIONS)}, got {activation!r}")


def diagonal_forward(X: Array, w: Array, U: Array, c: Array, activation: str = "tanh") -> Array:
    """Outputs of the network, from the zero state.

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray
    w : (n_units,) ndarray
    U : (n_units, n_inputs) ndarray
    c : (n_units,) ndarray
    activation : {"tanh", "sigmoid", "softplus", "gelu"}

    Returns
    -------
    F : (n_series, n_steps) or (n_steps,) ndarray

    Notes
    -----
    H_t^i = σ(w_i H_{t−1}^i + ⟨u_i, X_t⟩), F_t = (1/√m) Σ_i c_i H_t^i.

    Examples
    --------
    >>> diagonal_forward(np.ones((2, 1)), np.zeros(4), np.ones((4, 1)), np.ones(4), "sigmoid")
    array([1.46211716, 1.46211716])
    """
    batch = X if X.ndim == 3 else X[None]
    H = np.zeros((len(batch), len(w)), X.dtype)
    F = np.empty(batch.shape[:2], X.dtype)
    for t in range(batch.shape[1]):
        H, _ = smooth(activation, w * H + batch[:, t] @ U.T)
        F[:, t] = H @ c / X.dtype.type(math.sqrt(len(w)))
    return F.reshape(X.shape[:-1])


def diagonal_gradient(
    X: Array, Y: Array, w: Array, U: Array, c: Array, activation: str = "tanh", n_threads: int | None = None
) -> tuple[float, dict[str, Array]]:
    """½ Σ_{j,t} (F_t(X_j) − Y_jt)² and its gradient with respect to w and U, by carrying ∂H/∂w and ∂H/∂U forward in time.

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray
    Y : (n_series, n_steps) or (n_steps,) ndarray
    w : (n_units,) ndarray
    U : (n_units, n_inputs) ndarray
    c : (n_units,) ndarray
    activation : {"tanh", "sigmoid", "softplus", "gelu"}
    n_threads : int, optional
        Without a meaning here.

    Returns
    -------
    loss : float
    gradient : dict
        ``w`` (n_units,) and ``U`` (n_units, n_inputs).

    Notes
    -----
    ∂H_t/∂w ← σ'(a_t) (H_{t−1} + w ∂H_{t−1}/∂w),   ∂H_t/∂u ← σ'(a_t) (X_t + w ∂H_{t−1}/∂u).

    Examples
    --------
    >>> loss, gradient = diagonal_gradient(np.ones((1, 1)), np.zeros(1), np.zeros(4), np.zeros((4, 1)), np.ones(4), "sigmoid")
    >>> loss, gradient["U"].ravel()
    (0.5, array([0.125, 0.125, 0.125, 0.125]))
    """
    batch = X if X.ndim == 3 else X[None]
    residual_scale = X.dtype.type(1 / math.sqrt(len(w)))
    targets = Y.reshape(batch.shape[:2])
    H = np.zeros((len(batch), len(w)), X.dtype)
    J_w, J_U = np.zeros_like(H), np.zeros((*H.shape, batch.shape[2]), X.dtype)
    loss, gradient = 0.0, {"w": np.zeros_like(w), "U": np.zeros_like(U)}
    for t in range(batch.shape[1]):
        x = batch[:, t]
        value, slope = smooth(activation, w * H + x @ U.T)
        J_w = slope * (H + w * J_w)
        J_U = slope[:, :, None] * (x[:, None, :] + w[:, None] * J_U)
        H = value
        residual = H @ c * residual_scale - targets[:, t]
        loss += 0.5 * float(residual @ residual)
        gradient["w"] += c * (residual @ J_w) * residual_scale
        gradient["U"] += c[:, None] * np.tensordot(residual, J_U, 1) * residual_scale
    return loss, gradient
