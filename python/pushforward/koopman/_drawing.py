"""What is drawn from the first data and then stays: the embedding, the dictionary, the layer of inputs, what is standard."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._embedding import Embedding
from ._lift import InputLayer, Lift, StandardLift, input_scale
from .dictionaries import Dictionary, Sampled

__all__ = ["Drawn", "draw"]

Array = NDArray[Any]
MOST_ROWS = 50_000  # that dictionaries are drawn from


class Drawn(NamedTuple):
    """What a model holds beside what least squares has seen."""

    embedding: Embedding
    features: StandardLift
    inputs: InputLayer | None


def draw(
    trajectories: Sequence[Array], inputs: Sequence[Array] | None, dictionary: Dictionary, *, n_delays: int, n_components: int | None,
    include_state: bool, include_constant: bool, input_layer: Sampled | None, weight_scaling: float, rng: np.random.Generator,
) -> Drawn:  # fmt: skip
    """Draw all of it, in this order, from at most MOST_ROWS pairs of snapshots (components: from all).

    Sampled layers are given standard z and increments of the standard state, and their weights are brought back to the units of the data.
    """
    embedding = Embedding(trajectories[0].shape[1], n_delays)
    if n_components is not None:
        embedding = embedding.compressed(trajectories, n_components)
    every = isinstance(dictionary, Sampled) and dictionary.n_candidates == "all"
    chosen = _chosen([len(H) - n_delays - 1 for H in trajectories], None if every else MOST_ROWS, rng)
    pairs = [(H, t + n_delays) for H, t in zip(trajectories, chosen, strict=True)]
    Z = np.concatenate([embedding.at(H, t) for H, t in pairs])
    now, after = (np.concatenate([H[t + k] for H, t in pairs]) for k in (0, 1))
    with np.errstate(invalid="ignore"):
        change = (after - now) / _spread(now)
    fitted = _sampled(dictionary, Z, change, weight_scaling, rng) if isinstance(dictionary, Sampled) else dictionary.fit(Z, after, rng)
    lift = Lift(fitted, include_state, include_constant)
    features = StandardLift.of(lift, Z, embedding.n_state if embedding.P is None else 0)
    if inputs is None:
        return Drawn(embedding, features, None)
    U = np.concatenate([u[t] for u, (_, t) in zip(inputs, pairs, strict=True)])
    if input_layer is None:
        return Drawn(embedding, features, InputLayer(U.shape[1], input_scale(U)))
    layer = _sampled(input_layer, U, change, weight_scaling, rng)
    return Drawn(embedding, features, InputLayer(U.shape[1], np.ones(layer.n_features, U.dtype), layer.W_, layer.b_, layer.activation))


def _chosen(lengths: list[int], most: int | None, rng: np.random.Generator) -> list[Array]:
    """Snapshots of each trajectory, counted from its first that has a past, in order."""
    total = sum(lengths)
    if most is None or total <= most:
        return [np.arange(n) for n in lengths]
    ends = np.cumsum(lengths)
    flat = np.sort(rng.integers(total, size=most))
    at = np.searchsorted(flat, np.concatenate([[0], ends]))
    return [flat[first:last] - (end - n) for first, last, end, n in zip(at[:-1], at[1:], ends, lengths, strict=True)]


def _sampled(dictionary: Sampled, Z: Array, change: Array, weight_scaling: float, rng: np.random.Generator) -> Sampled:
    mean, spread = Z.mean(axis=0), _spread(Z)
    fitted = dictionary.fit((Z - mean) / spread, change, rng)
    fitted = copy.copy(fitted)
    factor = Z.dtype.type(weight_scaling if dictionary.scheme == "pairs" else 1.0)
    W = factor * fitted.W_ / spread
    fitted.W_, fitted.b_ = np.ascontiguousarray(W), factor * fitted.b_ - W @ mean
    return fitted


def _spread(Z: Array) -> Array:
    with np.errstate(over="ignore"):
        spread = Z.std(axis=0, dtype=np.float64)
    return np.where(np.isfinite(spread) & (spread > 0), spread, 1.0).astype(Z.dtype)
