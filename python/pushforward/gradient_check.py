"""Hold a model's own gradient against full back-propagation through time and against finite differences."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import reference
from ._checks import positive_int
from ._gradients import Stream, compare, one_series, parts_of, stream_gradient
from ._learner import LearnerSettings
from .recurrent._streaming import StreamingModel

__all__ = ["GradientReport", "GradientRow", "check_gradient"]

Weights: TypeAlias = list[NDArray[np.float64]]  # θ, W_out, b_out


@dataclass(frozen=True)
class GradientRow:
    """One group of parameters against one judge."""

    group: str  # a part of the cell's weights (W_rec, W_in, bias, …), W_out, b_out
    against: str  # "full BPTT" or "finite differences"
    n_compared: int
    relative_error: float  # ‖g − judge‖ / ‖judge‖
    cosine: float
    norm: float  # ‖judge‖


@dataclass(frozen=True)
class GradientReport:
    """What :func:`check_gradient` found.

    Attributes
    ----------
    relative_error : float
        The worst over parameter groups and judges.
    cosine : float
        The worst (smallest).
    table : list of GradientRow
    """

    table: list[GradientRow]

    @property
    def relative_error(self) -> float:
        """Worst ‖g − judge‖ / ‖judge‖."""
        return max(row.relative_error for row in self.table)

    @property
    def cosine(self) -> float:
        """Smallest cosine between the model's gradient and a judge."""
        return min(row.cosine for row in self.table)

    def __str__(self) -> str:
        width = max(len(row.group) for row in self.table)
        lines = [f"{'group':<{width}} {'against':<20} {'compared':>8} {'relative error':>15} {'cosine':>13}"]
        for r in self.table:
            lines.append(f"{r.group:<{width}} {r.against:<20} {r.n_compared:>8} {r.relative_error:>15.2e} {r.cosine:>13.10f}")
        return "\n".join(lines)


def check_gradient(
    model: StreamingModel, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None, n_differences: int = 50, seed: int = 0
) -> GradientReport:
    """Compare the gradient that ``model`` follows with the true one, on given data and the model's present weights.

    Parameters
    ----------
    model : RecurrentRegressor or RecurrentClassifier that has seen data
        It is not changed. Its own settings decide how its gradient is computed: precision, carry, truncation, update_every.
    X, y, mask
        As for ``model.partial_fit``; each series starts from the zero state. The judges are plain NumPy: a few hundred steps are enough.
    n_differences : int
        Parameters of each group held against finite differences, drawn at random.
    seed : int

    Returns
    -------
    report : GradientReport
        ``relative_error``, ``cosine`` (the worst over parameter groups) and the ``table`` of all; ``print(report)`` shows it.

    Notes
    -----
    The gradient is of the sum of the losses of all steps, gathered as training would: asked for every ``update_every`` steps, weights fixed.
    The judges run in float64: reverse mode over the whole sequence, and central differences of the loss with step 1e-6 · max(1, |w|).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    >>> exact = pf.RecurrentRegressor(n_units=5, dtype="float64").partial_fit(X, y)
    >>> pf.check_gradient(exact, X, y).relative_error < 1e-6
    True
    >>> truncated = pf.RecurrentRegressor(n_units=5, dtype="float64", gradient="tbptt", update_every=2).partial_fit(X, y)
    >>> pf.check_gradient(truncated, X, y).relative_error > 0.01
    True
    """
    core, settings = model._core(), model._settings_
    stream = model._stream_for_kernels(X, y, mask)
    positive_int("n_differences", n_differences)
    weights = core.parameters()
    wide = [a.astype(np.float64) for a in weights]
    mine, true = [np.zeros_like(a) for a in wide], [np.zeros_like(a) for a in wide]
    judges = []
    for i in range(stream[0].shape[0]):
        own = stream_gradient(settings, weights, one_series(stream, i))
        judges.append(_judge(settings, one_series(stream, i)))
        gradient = judges[i](wide)[1]
        for k, name in enumerate(("theta", "W_out", "b_out")):
            mine[k] += own[k]
            true[k] += gradient[name]

    def loss(moved: Weights) -> float:
        return float(sum(judge(moved)[0] for judge in judges))

    rng = np.random.default_rng(seed)
    table = []
    for group, (k, where) in parts_of(settings.cell, wide).items():
        whole, exact = mine[k].flat[where], true[k].flat[where]
        chosen = np.sort(rng.permutation(len(where))[:n_differences])
        differences = np.array([_difference(loss, wide, k, int(where[c])) for c in chosen])
        for against, g, judged in (("full BPTT", whole, exact), ("finite differences", whole[chosen], differences)):
            relative_error, cosine, norm = compare(g, judged)
            table.append(GradientRow(group, against, len(g), relative_error, cosine, norm))
    return GradientReport(table)


def _judge(settings: LearnerSettings, stream: Stream) -> Callable[[Weights], Any]:
    """Full back-propagation over one series, as a function of the weights."""
    X, *rest = stream
    inputs = X.dense[0].astype(np.float64) if X.dense is not None else X.tokens[0] if X.tokens is not None else None
    Y, labels, mask = (None if a is None else a[0] for a in rest)
    assert inputs is not None  # one of the two always is
    targets = labels if Y is None else Y.astype(np.float64)
    assert targets is not None
    return lambda w: reference.full_bptt(
        settings.cell, w[0], (w[1], w[2]), inputs, targets, loss=settings.loss, mask=mask, readout_bound=settings.readout_bound
    )


def _difference(loss: Callable[[Weights], float], weights: Weights, part: int, position: int) -> float:
    h = 1e-6 * max(1.0, abs(float(weights[part].flat[position])))
    values = []
    for sign in (1.0, -1.0):
        moved = [a.copy() for a in weights]
        moved[part].flat[position] += sign * h
        values.append(loss(moved))
    return (values[0] - values[1]) / (2 * h)
