"""Training in pieces, and the gradients at fixed weights on a stretch that training never sees."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import FloatArray
from .._gradients import Stream, twin_at
from .._learner import LearnerSettings

SETTLING = 200  # steps before the stretch that are run without a loss, for state and influence
WINDOWS = 500  # single gradients taken at most

Floats = NDArray[np.float64]


def pieces(X: NDArray[Any], batched: bool, start: int, stop: int) -> NDArray[Any]:
    """Steps start … stop−1."""
    return np.ascontiguousarray(X[:, start:stop] if batched else X[start:stop])


def gradients(settings: LearnerSettings, weights: Sequence[FloatArray], stream: Stream, settling: int) -> tuple[float, float, float]:
    """Loss and ‖∇L‖ of the stretch after ``settling`` steps, and the root mean square of ‖G − ∇L‖ over the single gradients G of the settings."""
    double = replace(settings, dtype=np.dtype(np.float64), carry_every=None)
    n_steps = stream[0].shape[1]
    exact = replace(double, gradient="rtrl", truncation=None, latency="throughput", feedback=None, update_every=n_steps)
    loss, (mean,) = _measured(exact, weights, stream, settling, [settling, n_steps])
    edges = list(range(settling, n_steps + 1, settings.update_every))[: WINDOWS + 1]
    _, single = _measured(double, weights, stream, settling, edges if len(edges) > 1 else [settling, n_steps])
    return loss, float(np.linalg.norm(mean)), float(np.sqrt(((single - mean) ** 2).sum(axis=1).mean()))


def _measured(
    settings: LearnerSettings, weights: Sequence[FloatArray], stream: Stream, settling: int, edges: Sequence[int]
) -> tuple[float, Floats]:
    """Mean loss a step, and mean gradients by (θ, W_out, b_out), a row for each window between edges: means over its steps and over series."""
    n_series, n_steps = stream[0].shape
    core, gather = twin_at(settings, weights, stream)

    def take(start: int, stop: int) -> float:
        return gather(start, stop, np.full((n_series, n_steps), start >= settling))

    def so_far() -> Floats:
        each = [np.concatenate([part.ravel() for part in core.gradient(i)]) for i in range(n_series)]
        total: Floats = np.sum(np.array(each, dtype=np.float64), axis=0)
        return total

    for start in range(0, settling, settings.update_every):
        take(start, min(settling, start + settings.update_every))
    before, total, means = np.zeros(1), 0.0, []
    for start, stop in pairwise(edges):
        total += take(start, stop)
        now = so_far()
        means.append((now - before) / ((stop - start) * n_series))
        before = now
    return total / (n_series * (edges[-1] - edges[0])), np.array(means)
