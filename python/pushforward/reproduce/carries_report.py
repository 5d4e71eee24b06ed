"""The report of :mod:`.carries`: Markdown, JSON and figures, without a date, from the runs there are."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import machine
from .carries import ALGORITHMS, CLIP_NORM, DECAY, N_WINDOWS, SMOOTHING, Plan, baseline
from .carries_summary import MEASURES, Difference, Row, differences, name_of, speed, spread, summarise, values
from .streams import DATA

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Report", "columns"]

TITLE = "# Exact online gradients against truncated ones, with an update at every step"
THEIRS = """\
From arXiv 2501.08040, sections 7.4 and 7.5: the question; 1,000,000 characters of Shakespeare; GRU-type nets of 10 and 20 units, Elman nets
of 10 and 50 units with tanh and ELU; the order book's two inputs (previous change of the mid-price, queue imbalance), its three classes and
a single-layer Elman net; cross-entropy; RMSprop with a decaying rate; TBPTT at several truncations. The paper shows curves and prints no
figures, so there is none to hold these against.

Ours, a guess wherever the paper is silent: everything else. RMSprop with smoothing {smoothing}, the rate falling as rate / (1 + {decay} ·
updates), gradients clipped to norm {clip}; the learning rates {rates}; τ in {taus}; an update at every step, by the gradient of that step's
loss alone (TBPTT: a sliding window of the last τ steps); a softmax read-out trained along; float32; one pass; the GRU with its reset gate
after the recurrent product, as in PyTorch. These settings were chosen beforehand by a few runs on seeds 0 to 2 of the same text, most of
them with TBPTT: at an update a step the usual smoothing of 0.99 lost half a bit per character, and without clipping Elman ELU 50 diverged
in one seed of three with RTRL and with TBPTT (τ = 50) already at rate 0.001. RMSprop's running mean starts at zero, so the first steps are
up to {burst:.0f} times the rate. The file is Tiny Shakespeare. For the order book: 16 units and tanh by default, features as they are; **one day of
57,515 events stands in for the paper's about 180 million**, so its result can be neither confirmed nor refuted here."""
READING = """\
*Online*: mean loss over the last tenth of the stream, each taken before its update. *Held out*: the events that follow, at most a fifth as
many as were learnt, with the weights as they are, which on a stream that changes is no test of an online learner. TBPTT has five
truncations to be lowest with, rtrl one chance. ± is the sample standard deviation over seeds. Each algorithm stands at the learning rate
with the lowest mean online loss (a rate at which more runs diverged comes after one at which fewer did); * marks a best rate at the edge of
the grid, where a wider grid might do better. Events/s: CPU time of `partial_fit` alone, one thread, median over seeds. Every run, at every
rate, is in `carries.json`; with its learning curve in `runs.jsonl`."""


class Report:
    """All runs of a plan that ``find`` knows, put into words, numbers and figures.

    Parameters
    ----------
    plan : Plan
    find : callable
        A task's result, or ``None`` while it is missing.
    versions : mapping
        Of this package and what it runs on.
    """

    def __init__(self, plan: Plan, find: Callable[[dict[str, Any]], dict[str, Any] | None], versions: Mapping[str, str | None]) -> None:
        self.plan, self.versions = plan, dict(versions)
        self.runs = [(task, find(task)) for task in plan.tasks()]
        self.n_missing = sum(result is None for _, result in self.runs)
        self.rows = summarise(plan, find)
        self.differences = differences(self.rows)
        self.baselines = {name: baseline(plan.task(name, plan.nets_of(name)[0], ALGORITHMS[0], 1.0, 0)) for name in plan.data}
        self.machine = machine.describe()

    def markdown(self) -> str:
        """The report as a Markdown text."""
        parts = [TITLE, f"{self._status()} Written by `pushforward reproduce carries`."]
        for name in self.plan.data:
            rows = [row for row in self.rows if row.data == name]
            if rows:
                parts += [f"## {DATA[name].title}", self._stream(name), *self._verdicts(name), self._table(name, rows)]
                parts += [f"![learning curves](carries-{name}.png)", *self._differences(name)]
        rates = ", ".join(f"{rate:g}" for rate in self.plan.learning_rates)
        taus = ", ".join(str(tau) for _, tau in ALGORITHMS if tau is not None)
        parts += ["## How to read the tables", READING, "## What is the paper's, and what is ours"]
        ours = {"smoothing": SMOOTHING, "clip": f"{CLIP_NORM:g}", "decay": f"{DECAY:g}", "burst": (1 - SMOOTHING) ** -0.5}
        parts += [THEIRS.format(rates=rates, taus=taus, **ours), "## Machine", self._machine()]
        return "\n\n".join(parts) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, for JSON."""
        return {
            "report": "carries",
            "plan": dataclasses.asdict(self.plan),
            "n_missing": self.n_missing,
            "baselines_nats": self.baselines,
            "best": [
                {name: value for name, value in dataclasses.asdict(row).items() if name != "results"}
                | {measure: values(row, measure) for measure in MEASURES}
                | {"unit": DATA[row.data].unit, "events_per_second": speed(row)}
                for row in self.rows
            ],
            "differences": [dataclasses.asdict(difference) for difference in self.differences],
            "runs": [task | {"result": result and {k: v for k, v in result.items() if k != "curve"}} for task, result in self.runs],
            "machine": self.machine,
            "versions": self.versions,
        }

    def figures(self) -> dict[str, Figure]:
        """One figure a data set, by its file's name."""
        from ..plot import learning_curves

        drawn = {}
        for name in self.plan.data:
            panels: dict[str, dict[str, Any]] = {}
            for row in self.rows:
                curves = {seed: r["curve"] for seed, r in enumerate(row.results) if r is not None and r["diverged_at"] is None}
                if row.data == name and curves:
                    table = np.full((len(row.results), N_WINDOWS), np.nan)
                    for seed, curve in curves.items():
                        events, table[seed] = np.transpose(curve)
                    panels.setdefault(row.net, {})[row.algorithm] = events, table * DATA[name].per_nat
            if panels:
                unit, level = DATA[name].unit, self.baselines[name]["online"] * DATA[name].per_nat
                drawn[f"carries-{name}.png"] = learning_curves(
                    panels, xlabel=f"{DATA[name].event}s learnt", ylabel=f"online loss [{unit}]", reference="rtrl",
                    title=f"{DATA[name].title}\nmean over seeds, shaded from the lowest to the highest", baselines={"class frequencies": level},
                )  # fmt: skip
        return drawn

    def _status(self) -> str:
        n = len(self.runs)
        if self.n_missing:
            return f"**{self.n_missing} of {n} runs are missing**: this is what there is so far; the same command goes on."
        return f"All {n} runs are in."

    def _stream(self, name: str) -> str:
        steps = next(task["steps"] for task, _ in self.runs if task["data"] == name)
        online, after = (self.baselines[name][measure] * DATA[name].per_nat for measure in MEASURES)
        return (
            f"{steps:,} {DATA[name].event}s learnt; losses in {DATA[name].unit}; seeds: {self.plan.n_seeds}. "
            f"Knowing only the class frequencies scores {online:.4f} online and {after:.4f} held out."
        )

    def _table(self, name: str, rows: Sequence[Row]) -> str:
        heading, *lines = columns(rows)
        table = [f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *lines)]
        return "\n".join(table + self._divergences(name))

    def _divergences(self, name: str) -> list[str]:
        """Where a number stopped being finite, by net, algorithm and rate."""
        found: dict[tuple[int, int, float], list[int]] = {}
        nets = self.plan.nets_of(name)
        for task, result in self.runs:
            if task["data"] == name and result is not None and result["diverged_at"] is not None:
                kind = nets.index(task["net"]), task["truncation"] or 0, task["optimizer"]["learning_rate"]
                found.setdefault(kind, []).append(result["diverged_at"])
        texts = [
            f"{nets[net]}, {'rtrl' if not tau else name_of('tbptt', tau)}, rate {rate:g}: {', '.join(map(str, steps))}"
            for (net, tau, rate), steps in sorted(found.items())
        ]
        return ["", f"Diverged, at step: {'; '.join(texts)}."] if texts else []

    def _verdicts(self, name: str) -> list[str]:
        """Who has the lowest mean, net by net, also where it is not rtrl."""
        lines = []
        for net in self.plan.nets_of(name):
            rows = [row for row in self.rows if (row.data, row.net) == (name, net)]
            if len(rows) > 1 and any(row.gradient == "rtrl" for row in rows):
                lines += [f"- {net}, {label}: {self._verdict(rows, measure)}." for measure, label in MEASURES.items()]
        return ["\n".join(lines)] if lines else []

    def _verdict(self, rows: Sequence[Row], measure: str) -> str:
        means = {row.truncation: found[0] for row in rows if (found := spread(list(values(row, measure).values()))) is not None}
        order = sorted(means, key=lambda truncation: means[truncation])
        if None not in means:
            return "**rtrl has no figure**, every run at its best rate diverged" + (f"; lowest is tbptt τ = {order[0]}" if order else "")
        if len(order) == 1:
            return "only rtrl has a figure, every run of tbptt at its best rates diverged"
        place = order.index(None)
        rival = order[1] if place == 0 else order[0]
        gaps = [d for d in self.differences if (d.data, d.net, d.measure, d.truncation) == (rows[0].data, rows[0].net, measure, rival)]
        text = "rtrl is lowest" if place == 0 else f"**rtrl is number {place + 1} of {len(order)}**"
        if gaps:
            gap, other = gaps[0], f"tbptt τ = {rival}, the {'next' if place == 0 else 'lowest'}"
            text += f", {abs(gap.mean):.4f} {'below' if gap.mean < 0 else 'above'} {other} (lower in {gap.n_lower} of {gap.n_seeds} seeds)"
        return text

    def _differences(self, name: str) -> list[str]:
        taus = [tau for _, tau in ALGORITHMS if tau is not None]
        lines = [f"| net | | {' | '.join(f'τ = {tau}' for tau in taus)} |", "|---|---|" + "---|" * len(taus)]
        for net in self.plan.nets_of(name):
            for measure, label in MEASURES.items():
                gaps = {d.truncation: d for d in self.differences if (d.data, d.net, d.measure) == (name, net, measure)}
                if gaps:
                    lines.append(f"| {net} | {label} | {' | '.join(_gap(gaps[tau]) if tau in gaps else '—' for tau in taus)} |")
        if len(lines) == 2:
            return []
        text = f"rtrl − tbptt in {DATA[name].unit}, each at its best rate (below zero: rtrl is better), and in how many of the seeds rtrl is lower:"
        return [text, "\n".join(lines)]

    def _machine(self) -> str:
        used = sorted({tuple(result["machine"].values()) for _, result in self.runs if result is not None})
        learnt = "; ".join(f"{processor}, {isa}, pushforward {version}" for processor, isa, version in used)
        packages = ", ".join(f"{name} {version}" for name, version in self.versions.items() if version is not None)
        return f"Runs: {learnt or 'none'}. Report: {self.machine['platform']}; {self.machine['build']['compiler']}; {packages}."


def columns(rows: Sequence[Row]) -> list[list[str]]:
    """The table of results as text, its heading first."""
    table = [["net", "algorithm", "best rate", *MEASURES.values(), "events/s", "runs"]]
    for row in rows:
        figures = [_figure(spread(list(values(row, measure).values()))) for measure in MEASURES]
        rate, events = f"{row.learning_rate:g}{'*' if row.at_edge else ''}", speed(row)
        runs = f"{row.n_done} of {row.n_all}" + (f", {row.n_diverged} diverged" if row.n_diverged else "")
        table.append([row.net, row.algorithm, rate, *figures, "" if events is None else f"{events:,.0f}", runs])
    return table


def _figure(found: tuple[float, float] | None) -> str:
    if found is None:
        return "—"
    mean, deviation = found
    return f"{mean:.4f}" + ("" if math.isnan(deviation) else f" ± {deviation:.4f}")


def _gap(difference: Difference) -> str:
    return f"{difference.mean + 0.0:+.4f} ({difference.n_lower} of {difference.n_seeds})"
