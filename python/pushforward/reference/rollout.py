"""The closed loop of a sampled network, one series and one step after the other."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .poles import ACTIVATIONS

Array = NDArray[Any]


def sampled_rollout(
    start: ArrayLike, n_steps: int, W: ArrayLike, b: ArrayLike, A: ArrayLike, A_u: ArrayLike | None = None, inputs: ArrayLike | None = None,
    activation: str = "tanh", include_state: bool = True, include_constant: bool = True, W_u: ArrayLike | None = None, b_u: ArrayLike | None = None,
    P: ArrayLike | None = None, e_mean: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Run a sampled network on its own: the twin of :func:`pushforward.kernels.sampled_rollout`, with its arguments.

    Parameters
    ----------
    start : (n_state,), (n_delays + 1, n_state) or (n_series, n_delays + 1, n_state) array-like
    n_steps : int
    W, b : (n_units, n_z) and (n_units,) array-like
    A : (n_state, n_features) array-like
    A_u : (n_state, n_input_features) array-like, optional
    inputs : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) array-like, optional
    activation : str
    include_state, include_constant : bool
    W_u, b_u : (n_input_features, n_inputs) and (n_input_features,) array-like, optional
    P, e_mean : (n_z, n_embedding) and (n_embedding,) array-like, optional

    Returns
    -------
    states : (n_steps, n_state) or (n_series, n_steps, n_state) ndarray

    Notes
    -----
    h[t+1] = A [z[t] | σ(W z[t] + b) | 1] + A_u g(u[t]),   z[t] = P ([h[t] | h[t−1] | … | h[t−d]] − e_mean).
    """
    W, b, A, σ = np.asarray(W), np.asarray(b), np.asarray(A), ACTIVATIONS[activation]
    history = np.asarray(start, W.dtype)
    if history.ndim == 3:
        several = [None] * len(history) if inputs is None else inputs
        settings = (activation, include_state, include_constant, W_u, b_u, P, e_mean)
        return np.array([sampled_rollout(h, n_steps, W, b, A, A_u, u, *settings) for h, u in zip(history, several, strict=True)])  # type: ignore[arg-type]
    known = list(np.atleast_2d(history))
    n_delays = len(known) - 1
    for t in range(n_steps):
        z = np.concatenate([known[-1 - k] for k in range(n_delays + 1)])
        if P is not None:
            z = np.asarray(P) @ (z if e_mean is None else z - np.asarray(e_mean))
        features = [z] * include_state + [σ(W @ z + b)] + [np.ones(1, W.dtype)] * include_constant
        h = A @ np.concatenate(features)
        if A_u is not None:
            u = np.asarray(inputs, W.dtype)[t]
            h = h + np.asarray(A_u) @ (u if W_u is None else σ(np.asarray(W_u) @ u + np.asarray(b_u)))
        known.append(h)
    return np.array(known[n_delays + 1 :])
