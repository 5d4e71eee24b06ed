"""Hold a model's own gradient against full back-propagation through time and against finite differences."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _arrays, reference
from ._checks import positive_int
from ._learner import gather_gradient
from .recurrent._model import RecurrentModel

__all__ = ["GradientReport", "GradientRow", "check_gradient"]


@dataclass(frozen=True)
class GradientRow:
    """One group of parameters against one judge."""

    group: str  # W_rec, W_in, bias, W_out, b_out
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
        lines = [f"{'group':<8} {'against':<20} {'compared':>8} {'relative error':>15} {'cosine':>13}"]
        for r in self.table:
            lines.append(f"{r.group:<8} {r.against:<20} {r.n_compared:>8} {r.relative_error:>15.2e} {r.cosine:>13.10f}")
        return "\n".join(lines)


def check_gradient(
    model: RecurrentModel, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None, n_differences: int = 50, seed: int = 0
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
    data = model._inputs(X)
    model._check_not_empty(data)
    Y, labels = model._targets_for_kernel(data, y)
    known = None if mask is None else _arrays.mask(mask, data.batched, data.shape)
    if known is not None and not known.any():
        raise ValueError("mask must be True somewhere: without a loss there is no gradient to check")
    positive_int("n_differences", n_differences)
    twin = settings.with_series(data.shape[0]).build()
    theta, W_out, b_out = core.parameters()
    twin.set_parameters(theta, W_out, b_out)
    gather_gradient(twin, data, Y, labels, known, settings.update_every)
    cell, wide = settings.cell, [a.astype(np.float64) for a in (theta, W_out, b_out)]

    def split(parts: Any) -> dict[str, NDArray[np.float64]]:
        return {k: v.astype(np.float64).ravel() for k, v in (cell.unpack(parts[0]) | {"W_out": parts[1], "b_out": parts[2]}).items()}

    def series(i: int) -> dict[str, Any]:
        inputs = data.dense[i].astype(np.float64) if data.dense is not None else data.tokens[i] if data.tokens is not None else None
        targets = Y[i].astype(np.float64) if Y is not None else labels[i] if labels is not None else None
        options = {"loss": settings.loss, "mask": None if known is None else known[i], "readout_bound": settings.readout_bound}
        return {"inputs": inputs, "targets": targets, **options}

    mine = [np.zeros_like(a) for a in wide]
    true = [np.zeros_like(a) for a in wide]
    for i in range(data.shape[0]):
        gradient = reference.full_bptt(cell, wide[0], (wide[1], wide[2]), **series(i))[1]
        for k, (own, name) in enumerate(zip(twin.gradient(i), ("theta", "W_out", "b_out"), strict=True)):
            mine[k] += own
            true[k] += gradient[name]

    def loss(parts: list[NDArray[np.float64]]) -> float:
        return sum(reference.full_bptt(cell, parts[0], (parts[1], parts[2]), **series(i))[0] for i in range(data.shape[0]))

    rng = np.random.default_rng(seed)
    judged, exact = split(mine), split(true)
    positions = split_positions(cell.unpack(np.arange(theta.size, dtype=np.float64)), wide)
    table = []
    for group, (part, where) in positions.items():
        table.append(_row(group, "full BPTT", judged[group], exact[group]))
        chosen = np.sort(rng.permutation(len(where))[:n_differences])
        differences = np.array([_difference(loss, wide, part, int(where[c])) for c in chosen])
        table.append(_row(group, "finite differences", judged[group][chosen], differences))
    return GradientReport(table)


def split_positions(theta_groups: dict[str, Any], parts: list[NDArray[np.float64]]) -> dict[str, tuple[int, NDArray[np.int64]]]:
    """Where each group's numbers lie: (which of theta, W_out, b_out; flat positions in it)."""
    groups = {name: (0, values.ravel().astype(np.int64)) for name, values in theta_groups.items()}
    return groups | {"W_out": (1, np.arange(parts[1].size)), "b_out": (2, np.arange(parts[2].size))}


def _difference(
    loss: Callable[[list[NDArray[np.float64]]], float], parts: list[NDArray[np.float64]], part: int, position: int
) -> float:
    h = 1e-6 * max(1.0, abs(float(parts[part].flat[position])))
    values = []
    for sign in (1.0, -1.0):
        moved = [a.copy() for a in parts]
        moved[part].flat[position] += sign * h
        values.append(loss(moved))
    return (values[0] - values[1]) / (2 * h)


def _row(group: str, against: str, mine: NDArray[np.float64], judge: NDArray[np.float64]) -> GradientRow:
    norm, error, own = float(np.linalg.norm(judge)), float(np.linalg.norm(mine - judge)), float(np.linalg.norm(mine))
    relative = error / norm if norm > 0 else (0.0 if error == 0 else np.inf)
    cosine = float(mine @ judge) / (own * norm) if own > 0 and norm > 0 else (1.0 if own == norm else 0.0)
    return GradientRow(group, against, judge.size, relative, cosine, norm)
