"""Sampled layers: neurons from pairs of data points, one candidate after the other, and their features."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .poles import ACTIVATIONS

Array = NDArray[Any]


def sample_weights(
    X: ArrayLike, y: ArrayLike | None, n_units: int, activation: str = "tanh", scheme: str = "pairs", n_candidates: int | str | None = None,
    unique: bool = True, seed: int | np.random.Generator | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Sample the weights of a hidden layer: the twin of :func:`pushforward.kernels.sample_weights`, with its arguments and its draws.

    Parameters
    ----------
    X : (n, n_inputs) ndarray
    y : (n,) or (n, n_targets) ndarray, optional
    n_units : int
    activation, scheme : str
    n_candidates : int or "all", optional
    unique : bool
    seed : int or numpy.random.Generator, optional

    Returns
    -------
    W : (n_units, n_inputs) ndarray
    b : (n_units,) ndarray

    Notes
    -----
    w = s1 (x2 − x1) / ‖x2 − x1‖², b = −⟨w, x1⟩ − s2, with a probability in proportion to max |y2 − y1| / ‖x2 − x1‖.
    """
    data = np.asarray(X)
    targets = None if y is None else np.reshape(np.asarray(y, np.float64), (len(data), -1))
    rng = np.random.default_rng(seed)
    n, n_inputs = data.shape
    if scheme == "random":
        normal = rng.normal(size=(n_units, n_inputs))
        return normal.astype(data.dtype), rng.uniform(-np.pi, np.pi, size=n_units).astype(data.dtype)
    count = n_candidates
    if n_candidates is None:
        count = 10 * n_units
    elif n_candidates == "all":
        count = n * int(np.ceil(n_units / n))
    points = np.asarray(data, np.float64)
    pairs, weights = candidates(points, targets, int(count), n_units, unique, rng)  # type: ignore[arg-type]
    s2 = {"tanh": np.log(3) / 2, "sigmoid": np.log(3)}.get(activation, 0.0)
    s1 = 2 * s2 if s2 > 0 else 1.0
    W, b = np.empty((n_units, n_inputs)), np.empty(n_units)
    for k, chosen in enumerate(choice(weights, n_units, unique, rng)):
        x1, x2 = points[pairs[chosen][0]], points[pairs[chosen][1]]
        W[k] = s1 * (x2 - x1) / np.sum((x2 - x1) ** 2)
        b[k] = -W[k] @ x1 - s2
    return W.astype(data.dtype), b.astype(data.dtype)


def candidates(
    X: Array, Y: Array | None, count: int, n_units: int, unique: bool, rng: np.random.Generator
) -> tuple[list[tuple[int, int]], list[float]]:
    """Draw pairs of rows and what speaks for each."""
    n = len(X)
    pairs: list[tuple[int, int]] = []
    seen: set[frozenset[int]] = set()
    everything = unique and n * (n - 1) // 2 <= count
    for _ in range(8 if unique and not everything else 1):
        if everything:
            drawn = [(i, j) for i in range(n) for j in range(i + 1, n)]
            turned = rng.integers(2, size=len(drawn))
            drawn = [(j, i) if turn else (i, j) for (i, j), turn in zip(drawn, turned, strict=True)]
        else:
            first = rng.integers(n, size=count)
            drawn = [(int(i), int(i + step) % n) for i, step in zip(first, rng.integers(1, n, size=count), strict=True)]
        for i, j in drawn:
            if unique and frozenset((i, j)) in seen:
                continue
            if np.any(X[i] != X[j]):
                seen.add(frozenset((i, j)))
                pairs.append((i, j))
        if len(pairs) >= n_units:
            break
    return pairs, [1.0 if Y is None else float(np.max(np.abs(Y[j] - Y[i])) / np.linalg.norm(X[j] - X[i])) for i, j in pairs]


def choice(weights: list[float], n_units: int, unique: bool, rng: np.random.Generator) -> list[int]:
    """Draw candidates in proportion to their weights; all alike where these are all zero."""
    if unique:
        e = rng.exponential(size=len(weights))
        keys = [(e_k / w if w > 0 else np.inf, e_k) for e_k, w in zip(e, weights, strict=True)]
        return sorted(range(len(keys)), key=keys.__getitem__)[:n_units]
    p = np.asarray(weights) / np.sum(weights) if np.sum(weights) > 0 else np.full(len(weights), 1 / len(weights))
    return [int(k) for k in rng.choice(len(weights), size=n_units, p=p)]


def sampled_features(X: ArrayLike, W: ArrayLike, b: ArrayLike, activation: str = "tanh", out: Array | None = None) -> Array:
    """Features σ(X Wᵀ + b) of a sampled layer.

    Parameters
    ----------
    X : (n, n_inputs) ndarray
    W : (n_units, n_inputs) ndarray
    b : (n_units,) ndarray
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
    out : (n, n_units) ndarray, optional

    Returns
    -------
    features : (n, n_units) ndarray
    """
    features = ACTIVATIONS[activation](np.asarray(X) @ np.asarray(W).T + np.asarray(b))
    if out is None:
        return features
    out[...] = features
    return out
