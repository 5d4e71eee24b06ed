"""Reports made of tasks, ``pushforward reproduce reservoirs``, ``koopman`` and ``theory``: plan, how long the runs take, what is said and written."""

from __future__ import annotations

import importlib
from typing import Any

from pushforward.cli._carries_grid import names, option_errors
from pushforward.cli._settings import InputError

QUICK_SHARE = 0.1  # of the time of a full run, roughly


class TasksGrid:
    """What the command needs to know of a report.

    Parameters
    ----------
    name : {"reservoirs", "koopman", "theory"}
        Of the report.
    only, seeds, quick
        As given on the command line, ``None`` where they were not.
    """

    def __init__(self, name: str, only: str | None, seeds: int | None, *, quick: bool) -> None:
        self.name, self._report = name, importlib.import_module(f"pushforward.reproduce.{name}")
        with option_errors():
            self.plan: Any = self._report.Plan(tasks=self._report.default_tasks() if only is None else names(only), n_seeds=seeds, quick=quick)

    def tasks(self) -> list[dict[str, Any]]:
        """All runs; data that cannot be had is the caller's mistake."""
        try:
            self._report.check_data(self.plan)
        except (OSError, ValueError) as error:
            raise InputError(f"--only: {error}") from error
        tasks: list[dict[str, Any]] = self.plan.runs()
        return tasks

    def work(self) -> Any:
        """What does a run."""
        return self._report.run

    def weights(self, tasks: list[dict[str, Any]], waiting: list[dict[str, Any]], log: Any) -> list[float]:
        """Seconds that each waiting run is expected to take: as a finished one of the same task, or a guess."""
        share = QUICK_SHARE if self.plan.quick else 1.0
        seconds = {name: self._report.TASKS[name].seconds * share for name in self.plan.tasks}
        for task in tasks:
            result = log.result(task)
            if result is not None:
                seconds[task["task"]] = result["seconds"]
        return [seconds[task["task"]] for task in waiting]

    def report(self, log: Any, versions: dict[str, str | None]) -> Any:
        """The report from the runs there are."""
        words = importlib.import_module(f"pushforward.reproduce.{self.name}_report")
        return words.Report(self.plan, log.result, versions)

    def title(self, task: dict[str, Any]) -> str:
        """Name a run."""
        return f"{task['task']} seed {task['seed']}"

    def outcome(self, result: dict[str, Any]) -> str:
        """Say in a line what a run gave."""
        rows = "claims" if self.name == "theory" else "models"
        return f"{len(result['rows'])} {rows}, {result['seconds']:.1f} s"

    def tables(self, report: Any) -> list[tuple[str, list[list[str]]]]:
        """Tables for the terminal: title, lines with the heading first."""
        found = []
        for name in self.plan.tasks:
            lines = [[cell.replace("**", "") for cell in line] for line in report.lines(name)]
            if len(lines) > 1:
                found.append((self._report.TASKS[name].title, lines))
        return found
