"""What an approximate gradient costs: a model's own held against the exact one."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._arrays import FloatArray
from .._checks import positive_int, quoted
from .._gradients import Stream, compare, parts_of, stream_gradient
from .._learner import UNBIASED, LearnerSettings

__all__ = ["BiasRow", "GradientBias"]


@dataclass(frozen=True)
class BiasRow:
    """One part of the gradient, or all of it."""

    part: str  # "all", "theta" (the cell's weights), then W_rec, …, W_out, b_out
    n_params: int
    norm: float  # of the exact gradient
    relative_error: float  # ‖g − exact‖ / ‖exact‖; over several seeds the mean of theirs
    cosine: float  # between g and the exact one; over several seeds the mean of theirs
    relative_error_of_mean: float  # the same of the mean of g over the seeds
    cosine_of_mean: float


@dataclass(frozen=True)
class GradientBias:
    """What ``gradient_bias`` of a recurrent estimator found; ``print`` shows the table.

    Attributes
    ----------
    gradient : str
        The algorithm, as the estimator's argument names it.
    n_seeds : int
    table : tuple of BiasRow
        The whole gradient first, then all weights of the cell, then part by part.
    relative_error, cosine : float
        Of the whole gradient.
    """

    gradient: str
    n_seeds: int
    table: tuple[BiasRow, ...]

    @property
    def relative_error(self) -> float:
        """‖g − exact‖ / ‖exact‖ of the whole gradient."""
        return self.table[0].relative_error

    @property
    def cosine(self) -> float:
        """Cosine between the whole gradient and the exact one."""
        return self.table[0].cosine

    def __str__(self) -> str:
        several = self.n_seeds > 1
        width = max(len(row.part) for row in self.table)
        head = f"{self.gradient:<{width}} {'params':>9} {'relative error':>15} {'cosine':>9}"
        lines = [head + (f"   of the mean over {self.n_seeds} seeds" if several else "")]
        for row in self.table:
            line = f"{row.part:<{width}} {row.n_params:>9} {row.relative_error:>15.3e} {row.cosine:>9.5f}"
            lines.append(line + (f" {row.relative_error_of_mean:>15.3e} {row.cosine_of_mean:>9.5f}" if several else ""))
        return "\n".join(lines)


def gradient_bias(settings: LearnerSettings, weights: Sequence[FloatArray], stream: Stream, n_seeds: int) -> GradientBias:
    """Hold the settings' gradient against the exact one."""
    positive_int("n_seeds", n_seeds)
    if n_seeds > 1 and settings.gradient not in UNBIASED:
        raise ValueError(f"n_seeds belongs to gradient {quoted(UNBIASED)}, got {n_seeds} with gradient={settings.gradient!r}")
    truth = dataclasses.replace(
        settings, gradient="rtrl", dtype=np.dtype("float64"), truncation=None, carry_every=None, latency="throughput", feedback=None
    )
    exact = stream_gradient(truth, weights, stream)
    draws = [stream_gradient(dataclasses.replace(settings, seed=settings.seed + k), weights, stream) for k in range(n_seeds)]
    parts: dict[str, NDArray[np.int64]] = {}
    first = np.cumsum([0, *(a.size for a in exact)])
    parts["all"], parts["theta"] = np.arange(first[-1]), np.arange(first[1])
    parts |= {name: first[k] + at for name, (k, at) in parts_of(settings.cell, exact).items()}
    judge, *mine = (np.concatenate([a.ravel() for a in gradient]) for gradient in (exact, *draws))
    rows = []
    for name, at in parts.items():
        single = np.array([compare(g[at], judge[at]) for g in mine])
        of_mean, cosine_of_mean, norm = compare(np.mean([g[at] for g in mine], axis=0), judge[at])
        relative_error, cosine, _ = map(float, single.mean(axis=0))
        rows.append(BiasRow(name, len(at), norm, relative_error, cosine, of_mean, cosine_of_mean))
    return GradientBias(settings.gradient, n_seeds, tuple(rows))
