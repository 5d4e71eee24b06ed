"""States of a reservoir, one step and one series after the other, and its closed loop."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .poles import split
from .random import normal_at

Array = NDArray[Any]


def reservoir_states(
    W_rec: Any, W_in: ArrayLike, bias: ArrayLike | None, inputs: ArrayLike, state: ArrayLike | None = None, leak_rate: ArrayLike = 1.0,
    activation: str = "tanh", W_feedback: ArrayLike | None = None, feedback: ArrayLike | None = None, noise: float = 0.0, seed: int | None = None,
    W_skip: Any = None, out: Array | None = None,
) -> Array:  # fmt: skip
    """Run a reservoir: the twin of :func:`pushforward.kernels.reservoir_states`, with its arguments.

    Parameters
    ----------
    W_rec, W_skip : (n_units, n_units) ndarray, SciPy sparse array or operator of :mod:`pushforward.reservoirs`
    W_in : (n_units, n_inputs) array-like
    bias : (n_units,) array-like or None
    inputs : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) ndarray
    state : (n_units,) or (n_series, n_units) array-like, optional
    leak_rate : float or (n_units,) array-like
    activation : str
    W_feedback, feedback : array-like, optional
    noise : float
    seed : int, optional
    out : ndarray, optional

    Returns
    -------
    states : (n_steps, n_units) or (n_series, n_steps, n_units) ndarray

    Notes
    -----
    s[t] = (1 − a) ∘ (O s[t−1]) + a ∘ σ(W_rec s[t−1] + W_in x[t] + bias + W_feedback y[t] + noise ξ[t]).
    """
    X = np.asarray(inputs)
    batched = X.ndim == 3
    drive, W, W_x = X if batched else X[None], matrix(W_rec), np.asarray(W_in)
    n, n_series, n_steps = len(W_x), len(drive), drive.shape[1]
    O = np.eye(n) if W_skip is None else matrix(W_skip)
    a = np.asarray(leak_rate)
    states = np.empty((n_series, n_steps, n), X.dtype)
    for b in range(n_series):
        s = np.zeros(n, X.dtype) if state is None else np.reshape(np.asarray(state, X.dtype), (-1, n))[b]
        for t in range(n_steps):
            u = W @ s + W_x @ drive[b, t]
            if bias is not None:
                u = u + np.asarray(bias)
            if W_feedback is not None:
                u = u + np.asarray(W_feedback) @ np.reshape(np.asarray(feedback), (n_series, n_steps, -1))[b, t]
            if noise > 0:
                u = u + noise * draws(seed or 0, b, t, n, X.dtype)
            s = ((1 - a) * (O @ s) + a * split(activation, u)).astype(X.dtype)
            states[b, t] = s
    found = states if batched else states[0]
    if out is None:
        return found
    out[...] = found
    return out


def simulate(
    W_rec: Any, W_in: ArrayLike, bias: ArrayLike | None, W_out: ArrayLike, b_out: ArrayLike, n_steps: int, state: ArrayLike, last: ArrayLike,
    leak_rate: ArrayLike = 1.0, activation: str = "tanh", include_inputs: bool = False,
) -> Array:  # fmt: skip
    """Close the loop of a reservoir over one series: x[t] = y[t−1], y[t] = W_out [s[t] | x[t]] + b_out.

    Parameters
    ----------
    W_rec, W_in, bias, leak_rate, activation
        As for :func:`reservoir_states`.
    W_out : (n_outputs, n_features) array-like
    b_out : (n_outputs,) array-like
    n_steps : int
    state : (n_units,) array-like
    last : (n_outputs,) array-like
        y before the first step.
    include_inputs : bool

    Returns
    -------
    outputs : (n_steps, n_outputs) ndarray
    """
    s, y, outputs = np.asarray(state), np.asarray(last), []
    for _ in range(n_steps):
        x = y
        s = reservoir_states(W_rec, W_in, bias, x[None], s, leak_rate, activation)[0]
        y = np.asarray(W_out) @ (np.concatenate([s, x]) if include_inputs else s) + np.asarray(b_out)
        outputs.append(y)
    return np.array(outputs)


def draws(seed: int, series: int, tick: int, n: int, dtype: "np.dtype[Any]") -> Array:
    """ξ of one step: number unit · n_parts + part of the tick; of complex units, variance ½ in either part."""
    parts = np.array([normal_at(seed, series, tick, index) for index in range(n * (2 if dtype.kind == "c" else 1))])
    found: Array = (parts[0::2] + 1j * parts[1::2]) / np.sqrt(2) if dtype.kind == "c" else parts
    return found


def matrix(W: Any) -> Array:
    """W_rec as an array, whatever it is."""
    found: Array = W.toarray() if hasattr(W, "toarray") else np.asarray(W)
    return found
