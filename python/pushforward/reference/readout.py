"""Read-outs that learn online, in plain NumPy: the whole of P, one statement an equation."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .poles import split
from .random import normal_at

Array = NDArray[Any]


def _rows(X: ArrayLike, Y: ArrayLike, intercept: bool) -> tuple[Array, Array, Array]:
    """X with the constant behind it, Y, and W = 0."""
    x, y = np.asarray(X), np.asarray(Y)
    if intercept:
        x = np.hstack([x, np.ones((len(x), 1), x.dtype)])
    return x, y, np.zeros((y.shape[1], x.shape[1]), x.dtype)


def _parts(W: Array, intercept: bool) -> tuple[Array, Array]:
    """W_out, b_out."""
    return (W[:, :-1], W[:, -1]) if intercept else (W, np.zeros(len(W), W.dtype))


def rls(X: ArrayLike, Y: ArrayLike, forgetting: float = 1.0, ridge: float = 1e-6, intercept: bool = True) -> tuple[Array, Array, Array, Array]:
    """Recursive least squares with forgetting.

    Parameters
    ----------
    X : (n_steps, n_features) ndarray, real or complex
    Y : (n_steps, n_outputs) ndarray
    forgetting, ridge : float
    intercept : bool

    Returns
    -------
    predictions : (n_steps, n_outputs) ndarray
        Each made before its own update.
    W_out : (n_outputs, n_features) ndarray
    b_out : (n_outputs,) ndarray
    P : (n, n) ndarray

    Examples
    --------
    >>> predictions, W_out, b_out, P = rls([[1.0], [1.0]], [[2.0], [2.0]], ridge=1.0, intercept=False)
    >>> predictions[:, 0], W_out, P
    (array([0., 1.]), array([[1.33333333]]), array([[0.33333333]]))
    """
    x, y, W = _rows(X, Y, intercept)
    P = np.eye(x.shape[1], dtype=x.dtype) / ridge
    predictions = np.empty_like(y)
    for t in range(len(x)):
        u = P @ x[t]
        g = 1 / (forgetting + (x[t].conj() @ u).real)
        predictions[t] = W @ x[t]
        W = W + np.outer(y[t] - predictions[t], (g * u).conj())
        P = (P - g * np.outer(u, u.conj())) / forgetting
        P = (P + P.conj().T) / 2
    return predictions, *_parts(W, intercept), P


def lms(X: ArrayLike, Y: ArrayLike, learning_rate: float, epsilon: float | None = None, intercept: bool = True) -> tuple[Array, Array, Array]:
    """Least mean squares; with ``epsilon`` normalised by ε + ‖x‖².

    Parameters
    ----------
    X : (n_steps, n_features) ndarray, real or complex
    Y : (n_steps, n_outputs) ndarray
    learning_rate : float
    epsilon : float, optional
    intercept : bool

    Returns
    -------
    predictions : (n_steps, n_outputs) ndarray
    W_out : (n_outputs, n_features) ndarray
    b_out : (n_outputs,) ndarray

    Examples
    --------
    >>> lms([[1.0], [1.0]], [[1.0], [1.0]], 0.5, intercept=False)[0][:, 0]
    array([0. , 0.5])
    """
    x, y, W = _rows(X, Y, intercept)
    predictions = np.empty_like(y)
    for t in range(len(x)):
        rate = learning_rate if epsilon is None else learning_rate / (epsilon + np.sum(np.abs(x[t]) ** 2))
        predictions[t] = W @ x[t]
        W = W + rate * np.outer(y[t] - predictions[t], x[t].conj())
    return predictions, *_parts(W, intercept)


def force(
    W_rec: ArrayLike,
    W_feedback: ArrayLike,
    targets: ArrayLike,
    *,
    W_in: ArrayLike | None = None,
    inputs: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    leak_rate: ArrayLike = 1.0,
    activation: str = "tanh",
    forgetting: float = 1.0,
    ridge: float = 1.0,
    intercept: bool = False,
    noise: float = 0.0,
    seed: int = 0,
) -> tuple[Array, Array, Array, Array]:
    """Recursive least squares on the states of a network that hears its own output, from the zero state.

    Parameters
    ----------
    W_rec : (n_units, n_units) ndarray
    W_feedback : (n_units, n_outputs) ndarray
    targets : (n_steps, n_outputs) ndarray
    W_in : (n_units, n_inputs) ndarray, optional
    inputs : (n_steps, n_inputs) ndarray, optional
    bias : (n_units,) ndarray, optional
    leak_rate : float or (n_units,) ndarray
    activation : str
    forgetting, ridge, intercept
        As in :func:`rls`.
    noise : float
        Standard deviation of what is added to the argument of the activation.
    seed : int

    Returns
    -------
    outputs : (n_steps, n_outputs) ndarray
        Each made before its own update; this is what is fed back.
    W_out : (n_outputs, n_units) ndarray
    b_out : (n_outputs,) ndarray
    state : (n_units,) ndarray

    Examples
    --------
    >>> force([[0.0]], [[1.0]], [[1.0], [1.0]], bias=[1.0], activation="identity")[0][:, 0]
    array([0. , 0.5])
    """
    W, F, Y = np.asarray(W_rec), np.asarray(W_feedback), np.asarray(targets)
    s, y, n_parts = np.zeros(len(W), W.dtype), np.zeros(Y.shape[1], W.dtype), 1 + np.iscomplexobj(W)
    states, outputs = np.empty((len(Y), len(W)), W.dtype), np.empty_like(Y)
    W_out, b_out = np.zeros((Y.shape[1], len(W)), W.dtype), np.zeros(Y.shape[1], W.dtype)
    for t in range(len(Y)):
        a = W @ s + F @ y
        if W_in is not None and inputs is not None:
            a = a + np.asarray(W_in) @ np.asarray(inputs)[t]
        if bias is not None:
            a = a + np.asarray(bias)
        if noise:
            drawn = [normal_at(seed, 0, t, i) for i in range(len(W) * n_parts)]
            a = a + noise / np.sqrt(n_parts) * np.array(drawn).view(a.dtype if a.dtype.kind == "c" else np.float64).astype(a.dtype)
        s = (1 - np.asarray(leak_rate)) * s + np.asarray(leak_rate) * split(activation, a)
        states[t] = s
        y = W_out @ s + b_out
        outputs[t] = y
        _, W_out, b_out, _ = rls(states[: t + 1], Y[: t + 1], forgetting, ridge, intercept)  # afresh: slow, and independent of the loop
    return outputs, W_out, b_out, s
