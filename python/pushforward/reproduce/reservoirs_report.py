"""The report of :mod:`.reservoirs`: Markdown, JSON and figures, without a date, from the runs there are."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .. import machine
from .reservoirs import TASKS, Plan
from .reservoirs_common import Measure
from .reservoirs_figures import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GOALS", "Goal", "Report"]

TITLE = "# Fixed dynamics: reservoirs, fixed poles, online read-outs"
READING = """\
Figures are means over seeds, ± the sample standard deviation where there are several; a seed draws the network and, where a task is
generated (NARMA-10, the link), the data too. Baselines that draw nothing have one run. **Bold**: the best mean of a column among models and
baselines. A dash: there is no such figure, as of a forecast that left the finite numbers.

Settings were chosen by a few runs on the first seeds of the same tasks, with the part that is scored in sight, and the networks were given more of
them than the baselines: a margin of a few per cent means little. NRMSE: root mean square error over the standard deviation of the training
part, all outputs together. Valid time: until the error first passes 0.4 standard deviations, over several starts along the part not learnt.
D_stsp: see `pushforward.metrics.state_space_divergence`; its floor is what a second true orbit scores, and a model near it is as good as can
be told."""
THEIRS = """\
The fixed-pole paper (arXiv 2602.21454) detects symbols with 32 units over a wireless link whose parameters it does not give: the link, its
parameters and all settings here are ours. Its closed-form figures (condition numbers) are checked as they stand. Data sets: see their loaders
in `pushforward.datasets`."""


@dataclasses.dataclass(frozen=True)
class Goal:
    """A figure that the best of some models is meant to reach by its mean over seeds: at most ``value``, or at least where high is good."""

    task: str
    measure: str
    value: float
    text: str
    models: tuple[str, ...]


GOALS = (
    Goal(
        "lorenz", "valid", 13.0, "Lorenz-63, closed loop: valid for at least 13 Lyapunov times (1,000 units, ridge 1e-12, default read-out)",
        ("echo state, 1,000, ridge 1e-12",),
    ),
    Goal("mackey-glass", "closed", 0.09, "Mackey-Glass, closed loop over 400 steps: NRMSE at most 0.09", ("echo state, 500",)),
    Goal(
        "amplifier", "forward", -36.7, "Amplifier: a model at least as good as the memory polynomial's −36.7 dB",
        ("fixed poles, 64, driven by powers", "complex echo state, 300"),
    ),
)  # fmt: skip


class Report:
    """All runs of a plan that ``find`` knows, put into words, numbers and figures.

    Parameters
    ----------
    plan : Plan
    find : callable
        A run's result, or ``None`` while it is missing.
    versions : mapping
        Of this package and what it runs on.
    """

    def __init__(self, plan: Plan, find: Callable[[dict[str, Any]], dict[str, Any] | None], versions: Mapping[str, str | None]) -> None:
        self.plan, self.versions = plan, dict(versions)
        self.runs = [(run, find(run)) for run in plan.runs()]
        self.n_missing = sum(result is None for _, result in self.runs)
        self.machine = machine.describe()
        self.tables = {name: self._collect(name) for name in plan.tasks}

    def _collect(self, name: str) -> dict[str, dict[str, list[float]]]:
        """Model → measure → figures over seeds; models in the order in which they first come."""
        table: dict[str, dict[str, list[float]]] = {}
        for run, result in self.runs:
            for row in result["rows"] if run["task"] == name and result is not None else []:
                figures = table.setdefault(row["model"], {})
                for measure, value in row.items():
                    if measure != "model" and value is not None:
                        figures.setdefault(measure, []).append(value)
        return table

    def goals(self) -> list[tuple[Goal, float | None, bool]]:
        """Each goal of the plan's tasks, what was reached, and whether that is enough."""
        found = []
        for goal in GOALS:
            if goal.task not in self.plan.tasks:
                continue
            low = TASKS[goal.task].measures[goal.measure].good == "low"
            means = [statistics.fmean(f[goal.measure]) for m, f in self.tables[goal.task].items() if m in goal.models and f.get(goal.measure)]
            best = None if not means else min(means) if low else max(means)
            found.append((goal, best, best is not None and (best <= goal.value if low else best >= goal.value)))
        return found

    def markdown(self) -> str:
        """The report as a Markdown text."""
        parts = [TITLE, f"{self._status()} Written by `pushforward reproduce reservoirs{' --quick' if self.plan.quick else ''}`."]
        if self.plan.quick:
            parts.append("**Quick sizes: a look at how the report comes out, not a result.**")
        goals = self.goals()
        if goals:
            parts += ["## Goals", "\n".join(_goal_line(*goal) for goal in goals)]
        for name in self.plan.tasks:
            if self.tables[name]:
                task = TASKS[name]
                parts += [f"## {task.title}", task.note, self._table(name)]
                if self._curve(name) is not None:
                    parts.append(f"![{task.title}](reservoirs-{name}.png)")
        parts += ["## How to read the tables", READING, "## What is others', and what is ours", THEIRS, "## Machine", self._machine()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, for JSON."""
        return {
            "report": "reservoirs",
            "plan": dataclasses.asdict(self.plan),
            "n_missing": self.n_missing,
            "goals": [dataclasses.asdict(goal) | {"reached": value, "met": met} for goal, value, met in self.goals()],
            "tables": self.tables,
            "runs": [run | {"result": result and {k: v for k, v in result.items() if k != "curve"}} for run, result in self.runs],
            "machine": self.machine,
            "versions": self.versions,
        }

    def figures(self) -> dict[str, Figure]:
        """One figure a task that has something to draw, by its file's name."""
        found = {}
        for name in self.plan.tasks:
            curve = self._curve(name)
            if curve is not None:
                found[f"reservoirs-{name}.png"] = figure_of(name, curve)
        return found

    def lines(self, name: str) -> list[list[str]]:
        """The table of a task as text, its heading first; the best of a column between two stars on each side."""
        measures = self._measures(name)
        means = {m: {model: statistics.fmean(f[m]) for model, f in self.tables[name].items() if f.get(m)} for m in measures}
        lines = [["model", *(measure.title for measure in measures.values())]]
        for model, figures in self.tables[name].items():
            line = [model]
            for m, measure in measures.items():
                text = _figure(figures.get(m, []), measure)
                rivals = {k: v for k, v in means[m].items() if not k.startswith(("another", "the stage"))}
                best = rivals and (max if measure.good == "high" else min)(rivals.values())
                line.append(f"**{text}**" if measure.good and model in rivals and len(rivals) > 1 and rivals[model] == best else text)
            lines.append(line)
        return lines

    def _measures(self, name: str) -> dict[str, Measure]:
        """Columns in which some model has a figure."""
        return {m: v for m, v in TASKS[name].measures.items() if any(f.get(m) for f in self.tables[name].values())}

    def _curve(self, name: str) -> dict[str, Any] | None:
        """What the figure of a task needs, if there is a figure: from its first seed, the table beside it."""
        first = next((r for run, r in self.runs if run["task"] == name and run["seed"] == 0), None)
        if first is None:
            return None
        if name.startswith("link-"):
            return {"table": self.tables[name]}
        return first["curve"] if first["curve"] and name != "narma10" else None

    def _status(self) -> str:
        n = len(self.runs)
        if self.n_missing:
            return f"**{self.n_missing} of {n} runs are missing**: this is what there is so far; the same command goes on."
        return f"All {n} runs are in."

    def _table(self, name: str) -> str:
        heading, *lines = self.lines(name)
        cells = [heading, ["---"] + ["---:"] * (len(heading) - 1), *lines]
        seeds = sum(run["task"] == name and result is not None for run, result in self.runs)
        return "\n".join(f"| {' | '.join(line)} |" for line in cells) + f"\n\nSeeds: {seeds}."

    def _machine(self) -> str:
        used = sorted({tuple(result["machine"].values()) for _, result in self.runs if result is not None})
        runs = "; ".join(f"{processor}, {isa}, pushforward {version}" for processor, isa, version in used)
        packages = ", ".join(f"{name} {version}" for name, version in self.versions.items() if version is not None)
        return f"Runs: {runs or 'none'}. Report: {self.machine['platform']}; {self.machine['build']['compiler']}; {packages}."


def _goal_line(goal: Goal, value: float | None, met: bool) -> str:
    return f"- {goal.text}: " + ("no figure yet." if value is None else f"{value:.4g}, **{'reached' if met else 'not reached'}**.")


def _figure(values: list[float], measure: Measure) -> str:
    if not values:
        return "—"
    mean = format(statistics.fmean(values), measure.format)
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):{measure.format}}"
