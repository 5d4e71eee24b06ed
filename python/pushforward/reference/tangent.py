"""The tangent kernel of wide diagonal networks: features by carrying derivatives forward in time, and their Gram matrix."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .diagonal_network import smooth

Array = NDArray[Any]

N_BATCHES = 32  # of neurons in a Monte Carlo estimate, at most


class NTKEstimate(NamedTuple):
    """What a Monte Carlo estimate of the tangent kernel of infinite width gives; see :class:`pushforward.kernels.NTKEstimate`."""

    gram: Array
    standard_error: Array
    n_samples: int


def ntk_features(X: Array, w: Array, U: Array, c: Array, activation: str = "tanh") -> Array:
    """Derivatives of the output at every step by the weights of every neuron.

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray
    w : (n_units,) ndarray
    U : (n_units, n_inputs) ndarray
    c : (n_units,) ndarray
    activation : {"tanh", "sigmoid", "softplus", "gelu"}

    Returns
    -------
    features : (n_series, n_steps, n_units, n_inputs + 1) or (n_steps, n_units, n_inputs + 1) ndarray
        ∂F_t/∂(w_i, u_i).

    Examples
    --------
    >>> ntk_features(np.ones((2, 1)), np.zeros(1), np.zeros((1, 1)), np.ones(1), "sigmoid")
    array([[[0.   , 0.25 ]],
    <BLANKLINE>
           [[0.125, 0.25 ]]])
    """
    batch = X if X.ndim == 3 else X[None]
    (n_series, n_steps, d), m = batch.shape, len(w)
    H, J_w, J_U = np.zeros((n_series, m), X.dtype), np.zeros((n_series, m), X.dtype), np.zeros((n_series, m, d), X.dtype)
    features = np.empty((n_series, n_steps, m, d + 1), X.dtype)
    scale = c / X.dtype.type(math.sqrt(m))
    for t in range(n_steps):
        value, slope = smooth(activation, w * H + batch[:, t] @ U.T)
        J_w = slope * (H + w * J_w)
        J_U = slope[:, :, None] * (batch[:, t, None, :] + w[:, None] * J_U)
        H = value
        features[:, t, :, 0] = scale * J_w
        features[:, t, :, 1:] = scale[:, None] * J_U
    return features.reshape(*X.shape[:-1], m, d + 1)


def ntk_gram(
    X: Array, X_other: Array | None = None, w: Array | None = None, U: Array | None = None, c: Array | None = None, activation: str = "tanh",
    alpha: float | None = None, n_samples: int | None = None, seed: int | None = None,
) -> Array | NTKEstimate:  # fmt: skip
    """Inner products of the features of all points, or their mean over neurons w = ±α, u ~ N(0, I).

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) or (n_steps, n_inputs) ndarray
    X_other : ndarray, optional
        Likewise; X unless given.
    w, U, c : ndarrays, optional
        The network of finite width.
    activation : {"tanh", "sigmoid", "softplus", "gelu"}
    alpha : float, optional
    n_samples : int, optional
        Neurons drawn, instead of w, U and c.
    seed : int, optional

    Returns
    -------
    gram : (n_points, n_points_other) ndarray
        Or an :class:`NTKEstimate`.

    Examples
    --------
    >>> ntk_gram(np.ones((2, 1)), None, np.zeros(1), np.zeros((1, 1)), np.ones(1), "sigmoid")
    array([[0.0625  , 0.0625  ],
           [0.0625  , 0.078125]])
    """
    other = X if X_other is None else X_other
    if w is not None and U is not None and c is not None:
        ours, theirs = (ntk_features(points, w, U, c, activation).reshape(-1, len(w) * (U.shape[1] + 1)) for points in (X, other))
        product: Array = ours @ theirs.T
        return product
    if alpha is None or n_samples is None:
        raise ValueError("ntk_gram needs w, U and c, or alpha and n_samples")
    rng, d = np.random.default_rng(0 if seed is None else seed), X.shape[-1]
    n_batches = min(n_samples, N_BATCHES)
    sizes = [n_samples // n_batches + (b < n_samples % n_batches) for b in range(n_batches)]
    means = []
    for size in sizes:
        signs, units = rng.integers(2, size=size) * 2 - 1, rng.normal(size=(size, d)).astype(X.dtype)
        means.append(ntk_gram(X, X_other, (alpha * signs).astype(X.dtype), units, np.ones(size, X.dtype), activation))
    weights, batches = np.array(sizes)[:, None, None], np.array(means, np.float64)
    mean = (weights * batches).sum(0) / n_samples
    variance = (weights * (batches - mean) ** 2).sum(0) / (n_batches - 1)  # of one neuron
    return NTKEstimate(mean.astype(X.dtype), np.sqrt(variance / n_samples).astype(X.dtype), n_samples)
