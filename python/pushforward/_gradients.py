"""The gradient that a learner follows, at fixed weights: gathered from a twin, part by part, held against another."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._arrays import FloatArray, Inputs
from ._learner import Core, LearnerSettings
from .cells import Cell

Stream: TypeAlias = tuple[Inputs, FloatArray | None, NDArray[np.int64] | None, NDArray[np.bool_] | None]
"""X, targets or classes, mask: as the kernels take them."""
Gather: TypeAlias = Callable[[int, int, NDArray[np.bool_] | None], float]
Parts: TypeAlias = dict[str, tuple[int, NDArray[np.int64]]]
"""Name of a part: which of θ, W_out, b_out it lies in, and at which flat positions."""


def stream_gradient(settings: LearnerSettings, weights: Sequence[FloatArray], stream: Stream) -> list[NDArray[np.float64]]:
    """Sum the gradients (θ, W_out, b_out) of all losses of a stream, every series from the zero state, asked for every ``update_every`` steps.

    The twin computes in the settings' precision; weights and data are rounded to it, the sum over series is in float64.
    """
    n_series, n_steps = stream[0].shape
    core, gather = twin_at(settings, weights, stream)
    for start in range(0, n_steps, settings.update_every):
        gather(start, min(n_steps, start + settings.update_every), stream[3])
    total = [np.zeros(a.shape) for a in weights]
    for i in range(n_series):
        for own, part in zip(total, core.gradient(i), strict=True):
            own += part
    return total


def twin_at(settings: LearnerSettings, weights: Sequence[FloatArray], stream: Stream) -> tuple[Core, Gather]:
    """A learner at these weights, all series from the zero state, and how it takes in steps start … stop−1 of the stream under a mask: their loss."""
    X, Y, labels, _ = stream
    core = settings.with_series(X.shape[0]).build()
    core.set_parameters(*(np.ascontiguousarray(a, dtype=settings.dtype) for a in weights))
    dense, goal = (None if a is None else a.astype(settings.dtype) for a in (X.dense, Y))

    def gather(start: int, stop: int, mask: NDArray[np.bool_] | None) -> float:
        return core.gather(*(None if a is None else np.ascontiguousarray(a[:, start:stop]) for a in (dense, X.tokens, goal, labels, mask)))[0]

    return core, gather


def one_series(stream: Stream, i: int) -> Stream:
    """Return the i-th series as a batch of one."""
    X, *rest = stream
    own: list[Any] = [None if a is None else a[i : i + 1] for a in (X.dense, X.tokens, *rest)]
    dense, tokens, Y, labels, mask = own
    return Inputs(dense, tokens, X.batched), Y, labels, mask


def parts_of(cell: Cell, weights: Sequence[FloatArray]) -> Parts:
    """The named parts of all that is trained; of sparse matrices what exists."""
    parts: Parts = {name: (0, at[at >= 0]) for name, at in cell.positions().items()}
    return parts | {name: (k, np.arange(weights[k].size)) for k, name in ((1, "W_out"), (2, "b_out"))}


def compare(mine: NDArray[np.float64], judge: NDArray[np.float64]) -> tuple[float, float, float]:
    """‖mine − judge‖ / ‖judge‖, the cosine between them, ‖judge‖."""
    norm, error, own = float(np.linalg.norm(judge)), float(np.linalg.norm(mine - judge)), float(np.linalg.norm(mine))
    relative = error / norm if norm > 0 else (0.0 if error == 0 else np.inf)
    cosine = float(mine @ judge) / (own * norm) if own > 0 and norm > 0 else (1.0 if own == norm else 0.0)
    return relative, cosine, norm
