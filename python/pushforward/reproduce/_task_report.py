"""The report on a plan of tasks: Markdown, JSON and figures, without a date, from the runs there are."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .. import machine
from ._tasks import Measure, Task, TaskPlan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Goal:
    """A figure that the best of some models is meant to reach by its mean over seeds: at most ``value``, or at least where high is good."""

    task: str
    measure: str
    value: float
    text: str
    models: tuple[str, ...]


class TaskReport:
    """All runs of a plan that ``find`` knows, put into words, numbers and figures. A report's own class gives the texts and draws.

    Parameters
    ----------
    plan : TaskPlan
    find : callable
        A run's result, or ``None`` while it is missing.
    versions : mapping
        Of this package and what it runs on.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    reading: ClassVar[str]
    theirs: ClassVar[str]
    goals_: ClassVar[tuple[Goal, ...]] = ()
    no_rivals: ClassVar[tuple[str, ...]] = ()  # rows whose name begins so are never the best

    def __init__(self, plan: TaskPlan, find: Callable[[dict[str, Any]], dict[str, Any] | None], versions: Mapping[str, str | None]) -> None:
        self.plan, self.versions = plan, dict(versions)
        self.runs = [(run, find(run)) for run in plan.runs()]
        self.n_missing = sum(result is None for _, result in self.runs)
        self.machine = machine.describe()
        self.tables = {name: self._collect(name) for name in plan.tasks}

    def figure_of(self, name: str, curve: Mapping[str, Any]) -> dict[str, Figure]:
        """Figures of a task from its curve: what each shows (its caption, also the end of its file's name; ``""`` for the only one) → figure."""
        raise NotImplementedError

    def curve_of(self, name: str, curve: dict[str, Any] | None) -> dict[str, Any] | None:
        """What the figures of a task need, given the curve of its first seed (``None``: not there yet); ``None`` where there is none to draw."""
        return curve or None

    def captions(self, name: str, curve: Mapping[str, Any]) -> tuple[str, ...]:
        """The keys of :meth:`figure_of`, without drawing."""
        return ("",)

    def spread(self, values: list[float], measure: Measure) -> str:
        """Figures over seeds as text."""
        if not values:
            return "—"
        mean = format(statistics.fmean(values), measure.format)
        return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):{measure.format}}"

    def how_to_read(self) -> str:
        """What the tables hold."""
        return self.reading

    def goals(self) -> list[tuple[Goal, float | None, bool]]:
        """Each goal of the plan's tasks, what was reached, and whether that is enough."""
        found = []
        for goal in self.goals_:
            if goal.task not in self.plan.tasks:
                continue
            low = self._task(goal.task).measures[goal.measure].good != "high"
            means = [statistics.fmean(f[goal.measure]) for m, f in self.tables[goal.task].items() if m in goal.models and f.get(goal.measure)]
            best = None if not means else min(means) if low else max(means)
            found.append((goal, best, best is not None and (best <= goal.value if low else best >= goal.value)))
        return found

    def markdown(self) -> str:
        """The report as a Markdown text."""
        parts = [self.title, f"{self._status()} Written by `pushforward reproduce {self.name}{' --quick' if self.plan.quick else ''}`."]
        if self.plan.quick:
            parts.append("**Quick sizes: a look at how the report comes out, not a result.**")
        goals = self.goals()
        if goals:
            parts += ["## Goals", "\n".join(_goal_line(*goal) for goal in goals)]
        for name in self.plan.tasks:
            if self.tables[name]:
                task = self._task(name)
                parts += [f"## {task.title}", task.note, self._table(name)]
                curve = self._curve(name)
                if curve is not None:
                    parts += [f"![{task.title}{caption and f': {caption}'}]({self._file(name, caption)})" for caption in self.captions(name, curve)]
        parts += ["## How to read the tables", self.how_to_read(), "## What is others', and what is ours", self.theirs, "## Machine", self._machine()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, for JSON."""
        return {
            "report": self.name,
            "plan": dataclasses.asdict(self.plan),
            "n_missing": self.n_missing,
            "goals": [dataclasses.asdict(goal) | {"reached": value, "met": met} for goal, value, met in self.goals()],
            "tables": self.tables,
            "runs": [run | {"result": result and {k: v for k, v in result.items() if k != "curve"}} for run, result in self.runs],
            "machine": self.machine,
            "versions": self.versions,
        }

    def figures(self) -> dict[str, Figure]:
        """The figures of every task that has something to draw, by their files' names."""
        found: dict[str, Figure] = {}
        for name in self.plan.tasks:
            curve = self._curve(name)
            if curve is not None:
                found |= {self._file(name, caption): figure for caption, figure in self.figure_of(name, curve).items()}
        return found

    def lines(self, name: str) -> list[list[str]]:
        """The table of a task as text, its heading first; the best of a column between two stars on each side."""
        measures = {m: v for m, v in self._task(name).measures.items() if any(f.get(m) for f in self.tables[name].values())}
        means = {m: {model: statistics.fmean(f[m]) for model, f in self.tables[name].items() if f.get(m)} for m in measures}
        lines = [["model", *(measure.title for measure in measures.values())]]
        for model, figures in self.tables[name].items():
            line = [model]
            for m, measure in measures.items():
                text = self.spread(figures.get(m, []), measure)
                rivals = {k: v for k, v in means[m].items() if not k.startswith(self.no_rivals)} if self.no_rivals else means[m]
                best = rivals and (max if measure.good == "high" else min)(rivals.values())
                line.append(f"**{text}**" if measure.good and model in rivals and len(rivals) > 1 and rivals[model] == best else text)
            lines.append(line)
        return lines

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

    def _task(self, name: str) -> Task:
        return self.plan.registry[name]

    def _file(self, name: str, caption: str) -> str:
        return "-".join([self.name, name, *caption.split()]) + ".png"

    def _curve(self, name: str) -> dict[str, Any] | None:
        first = next((r for run, r in self.runs if run["task"] == name and run["seed"] == 0), None)
        return None if first is None else self.curve_of(name, first["curve"])

    def _status(self) -> str:
        n = len(self.runs)
        if self.n_missing:
            return f"**{self.n_missing} of {n} runs are missing**: this is what there is so far; the same command goes on."
        return f"All {n} runs are in."

    def _table(self, name: str) -> str:
        heading, *lines = self.lines(name)
        cells = [heading, ["---"] + ["---:"] * (len(heading) - 1), *lines]
        cells = [[cell.replace("|", "\\|") for cell in line] for line in cells]
        seeds = sum(run["task"] == name and result is not None for run, result in self.runs)
        return "\n".join(f"| {' | '.join(line)} |" for line in cells) + f"\n\nSeeds: {seeds}."

    def _machine(self) -> str:
        used = sorted({tuple(result["machine"].values()) for _, result in self.runs if result is not None})
        runs = "; ".join(f"{processor}, {isa}, pushforward {version}" for processor, isa, version in used)
        packages = ", ".join(f"{name} {version}" for name, version in self.versions.items() if version is not None)
        return f"Runs: {runs or 'none'}. Report: {self.machine['platform']}; {self.machine['build']['compiler']}; {packages}."


def _goal_line(goal: Goal, value: float | None, met: bool) -> str:
    return f"- {goal.text}: " + ("no figure yet." if value is None else f"{value:.4g}, **{'reached' if met else 'not reached'}**.")
