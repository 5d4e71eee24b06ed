"""What the tasks of :mod:`.koopman` share: fit every model, forecast in closed loop, and score."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._tasks import Measure, Outcome, Task, Tick
from .koopman_models import Koopman, Model, Unchanged, make

__all__ = [
    "AS_PUBLISHED", "FIT", "RADIUS", "RUNAWAY", "Fitted", "Measure", "Outcome", "Task", "Tick", "against_horizon", "fitted", "horizon_curve",
    "score_unchanged", "shown", "spectrum", "squared",
]  # fmt: skip

Array = NDArray[np.float64]
FIT = Measure("fit [CPU s]", ".3g", "")
RADIUS = Measure("largest |λ| of K", ".4f", "")
N_SHOWN = 2000  # points of a drawn line
RUNAWAY = 1e3  # standard deviations of the truth
N_HORIZONS = 400  # points of a line of errors
AS_PUBLISHED: dict[str, Any] = {
    "kind": "sampled", "include_state": False, "include_constant": False, "weight_scaling": 1.0, "n_candidates": "all", "unique": False,
}  # fmt: skip
"""The sampled network without what the library adds: neurons alone, of the published steepness, from as many candidate pairs as points."""
NEEDS_TORCH = ("lstm", "shplrnn")


@dataclass
class Fitted:
    """A model that has learnt: its name, how long that took in seconds of the processor, and what is known of the figures to come."""

    name: str
    model: Model
    seconds: float
    is_first: bool

    def measures(self) -> dict[str, float]:
        """Fit time and, of a Koopman model, the largest |λ| beside the 1 that belongs to the constant."""
        found = {"fit": self.seconds}
        if isinstance(self.model, Koopman):
            values = np.asarray(self.model.model.eigenvalues_)
            if self.model.model.include_constant:
                values = np.delete(values, np.argmin(np.abs(values - 1.0)))
            found["radius"] = float(np.abs(values).max())
        return found


def fitted(s: Mapping[str, Any], seed: int, tick: Tick, trajectories: Sequence[Array], inputs: Sequence[Array] | None = None) -> Iterator[Fitted]:
    """Fit the models of ``s["models"]`` one after another; where the data is the same for all seeds, those that draw nothing for the first only."""
    chosen = {
        name: settings for name, settings in s["models"].items()
        if (s["torch"] or settings["kind"] not in NEEDS_TORCH) and (seed == 0 or s.get("draws_data") or settings["kind"] != "linear")
    }  # fmt: skip
    weight = {name: 8.0 if settings["kind"] in NEEDS_TORCH else 1.0 for name, settings in chosen.items()}
    total, done = sum(weight.values()), 0.0
    for k, (name, settings) in enumerate(chosen.items()):

        def part(share: float, before: float = done, mine: float = weight[name]) -> None:
            tick((before + 0.9 * mine * share) / total)

        if settings["kind"] in NEEDS_TORCH and "torch_updates" in s:
            settings = {**settings, "n_updates": s["torch_updates"]}
        model = make(settings, seed)
        start = time.process_time()
        model.fit(trajectories, inputs, part)
        yield Fitted(name, model, time.process_time() - start, k == 0)
        done += weight[name]
        tick(done / total)


def against_horizon(truth: Array, forecast: Array, scale: Array | float = 1.0) -> Array:
    """Error after 1, 2, … steps, (n_steps,): root mean square over components in units of ``scale``, median over series."""
    with np.errstate(over="ignore", invalid="ignore"):
        errors = np.sqrt(np.mean(((truth - forecast) / scale) ** 2, axis=2))
    return np.asarray(np.median(np.where(np.isnan(errors), np.inf, errors), axis=0))


def horizon_curve(lines: Mapping[str, Array], dt: float) -> dict[str, Any]:
    """Errors by model for the figure, of every so many steps, and how long that is."""
    step = -(-max(map(len, lines.values())) // N_HORIZONS)
    errors = {name: [float(f"{v:.5g}") for v in values[step - 1 :: step] if v < RUNAWAY] for name, values in lines.items()}
    return {"errors": {name: line for name, line in errors.items() if line}, "errors_dt": dt * step}


def squared(truth: Array, forecast: Array) -> Array:
    """Mean square error of every series, (n_series,); infinite where a forecast has run away."""
    with np.errstate(over="ignore", invalid="ignore"):
        errors = np.mean((truth - forecast) ** 2, axis=(1, 2))
    return np.where(errors < RUNAWAY**2 * truth.var(), errors, np.inf)


def score_unchanged(outcome: Outcome, past: Array, truth: Array, score: Callable[[Array, Array], dict[str, float]]) -> Array:
    """Add the row of the last state going on for ever; return its forecast."""
    forecast = Unchanged().forecast(past, truth.shape[1], None)
    outcome.add("no change", **score(truth, forecast))
    return forecast


def shown(values: Any, digits: int = 5) -> list[Any]:
    """At most :data:`N_SHOWN` rows for JSON, evenly apart; up to where the finite numbers are left."""
    rows = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
    rows = rows[: len(rows) if finite.all() else int(np.argmin(finite))]
    step = max(1, -(-len(rows) // N_SHOWN))
    return np.asarray(np.clip(rows[::step], -1e6, 1e6).round(digits)).tolist()  # type: ignore[no-any-return]


def spectrum(model: Model) -> dict[str, Any]:
    """Eigenvalues of K and their residuals, for the figure; nothing of another kind of model."""
    if not isinstance(model, Koopman):
        return {}
    values = np.asarray(model.model.eigenvalues_)
    residuals = np.asarray(model.model.eigenpair_residuals_)
    return {"real": values.real.tolist(), "imag": values.imag.tolist(), "residuals": residuals.tolist()}
