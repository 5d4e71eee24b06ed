"""What the grid of :mod:`.carries` says: each algorithm at its best learning rate, and exact against truncated seed by seed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .carries import ALGORITHMS, Plan
from .streams import DATA

__all__ = ["MEASURES", "Difference", "Row", "differences", "name_of", "speed", "spread", "summarise", "values"]

MEASURES = {"online": "online, last tenth", "held_out": "held out"}
Result = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One algorithm on one net, at the rate with the lowest mean online loss over the last tenth.

    ``results`` has one entry a seed, ``None`` where the run is missing; ``n_done``, ``n_diverged`` and ``n_all`` count over all rates.
    """

    data: str
    net: str
    gradient: str
    truncation: int | None
    learning_rate: float
    results: tuple[Result | None, ...]
    n_done: int
    n_diverged: int
    n_all: int
    at_edge: bool

    @property
    def algorithm(self) -> str:
        return name_of(self.gradient, self.truncation)


@dataclass(frozen=True)
class Difference:
    """rtrl − tbptt(truncation), in the unit of the data: mean over the seeds that both finished, and in how many of them rtrl is lower."""

    data: str
    net: str
    measure: str
    truncation: int
    mean: float
    n_lower: int
    n_seeds: int


def name_of(gradient: str, truncation: int | None) -> str:
    """Name an algorithm.

    Examples
    --------
    >>> name_of("rtrl", None), name_of("tbptt", 5)
    ('rtrl', 'tbptt τ = 5')
    """
    return gradient if truncation is None else f"{gradient} τ = {truncation}"


def summarise(plan: Plan, find: Callable[[dict[str, Any]], Result | None]) -> list[Row]:
    """One row for every data set, net and algorithm of which at least one run has finished; ``find`` gives a run's result by its task.

    A rate at which fewer runs diverged comes before one at which more did, whatever the loss of the others.
    """
    rows = []
    for data in plan.data:
        for net in plan.nets_of(data):
            for algorithm in ALGORITHMS:
                by_rate = {
                    rate: tuple(find(plan.task(data, net, algorithm, rate, seed)) for seed in range(plan.n_seeds)) for rate in plan.learning_rates
                }
                done = [result for results in by_rate.values() for result in results if result is not None]
                if not done:
                    continue
                best = min((rate for rate in by_rate if any(by_rate[rate])), key=lambda rate: _rank(by_rate[rate]))
                rows.append(
                    Row(
                        data, net, *algorithm, best, by_rate[best],
                        n_done=len(done),
                        n_diverged=sum(_diverged(result) for result in done),
                        n_all=plan.n_seeds * len(plan.learning_rates),
                        at_edge=len(by_rate) > 1 and best in (min(by_rate), max(by_rate)),
                    )
                )  # fmt: skip
    return rows


def values(row: Row, measure: str) -> dict[int, float]:
    """Figures of a row by seed, in the unit of its data; a run that is missing or diverged has none."""
    return {
        seed: result[measure] * DATA[row.data].per_nat
        for seed, result in enumerate(row.results)
        if result is not None and result[measure] is not None
    }


def spread(figures: Sequence[float]) -> tuple[float, float] | None:
    """Mean and sample standard deviation (nan for a single figure); ``None`` for none.

    Examples
    --------
    >>> spread([1.0, 2.0, 3.0])
    (2.0, 1.0)
    """
    if not figures:
        return None
    return statistics.fmean(figures), statistics.stdev(figures) if len(figures) > 1 else math.nan


def speed(row: Row) -> float | None:
    """Events a second of CPU time, the median over seeds."""
    rates = [result["events"] / result["seconds"] for result in row.results if result is not None and result["seconds"] > 0]
    return statistics.median(rates) if rates else None


def differences(rows: Sequence[Row]) -> list[Difference]:
    """Hold rtrl against every truncation, each at its own best rate; the same seed is the same starting weights."""
    found = []
    exact = {(row.data, row.net): row for row in rows if row.gradient == "rtrl"}
    for measure in MEASURES:
        for row in rows:
            if row.truncation is None or (row.data, row.net) not in exact:
                continue
            ours, theirs = values(exact[row.data, row.net], measure), values(row, measure)
            gaps = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
            if gaps:
                lower = sum(gap < 0 for gap in gaps)
                found.append(Difference(row.data, row.net, measure, row.truncation, statistics.fmean(gaps), lower, len(gaps)))
    return found


def _diverged(result: Result) -> bool:
    return result["diverged_at"] is not None


def _rank(results: Sequence[Result | None]) -> tuple[float, float]:
    done = [result for result in results if result is not None]
    losses = [result["online"] for result in done if result["online"] is not None]
    return sum(map(_diverged, done)) / len(done), statistics.fmean(losses) if losses else math.inf
