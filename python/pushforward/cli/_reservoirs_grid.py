"""``pushforward reproduce reservoirs``: its plan from the options, how long its runs take, what it says and writes."""

from __future__ import annotations

from typing import Any

from pushforward.cli._carries_grid import names, option_errors
from pushforward.cli._settings import InputError

QUICK_SHARE = 0.1  # of the time of a full run, roughly


class ReservoirsGrid:
    """What the command needs to know of a report.

    Parameters
    ----------
    only, seeds, quick
        As given on the command line, ``None`` where they were not.
    """

    name = "reservoirs"

    def __init__(self, only: str | None, seeds: int | None, *, quick: bool) -> None:
        from pushforward.reproduce.reservoirs import TASKS, Plan

        with option_errors():
            self.plan: Any = Plan(tasks=tuple(TASKS) if only is None else names(only), n_seeds=seeds, quick=quick)

    def tasks(self) -> list[dict[str, Any]]:
        """All runs; data that cannot be had is the caller's mistake."""
        from pushforward.reproduce.reservoirs import check_data

        try:
            check_data(self.plan)
        except (OSError, ValueError) as error:
            raise InputError(f"--only: {error}") from error
        tasks: list[dict[str, Any]] = self.plan.runs()
        return tasks

    def work(self) -> Any:
        """What does a run."""
        from pushforward.reproduce import reservoirs

        return reservoirs.run

    def weights(self, tasks: list[dict[str, Any]], waiting: list[dict[str, Any]], log: Any) -> list[float]:
        """Seconds that each waiting run is expected to take: as a finished one of the same task, or a guess."""
        from pushforward.reproduce.reservoirs import TASKS

        share = QUICK_SHARE if self.plan.quick else 1.0
        seconds = {name: TASKS[name].seconds * share for name in self.plan.tasks}
        for task in tasks:
            result = log.result(task)
            if result is not None:
                seconds[task["task"]] = result["seconds"]
        return [seconds[task["task"]] for task in waiting]

    def report(self, log: Any, versions: dict[str, str | None]) -> Any:
        """The report from the runs there are."""
        from pushforward.reproduce.reservoirs_report import Report

        return Report(self.plan, log.result, versions)

    def title(self, task: dict[str, Any]) -> str:
        """Name a run."""
        return f"{task['task']} seed {task['seed']}"

    def outcome(self, result: dict[str, Any]) -> str:
        """Say in a line what a run gave."""
        return f"{len(result['rows'])} models, {result['seconds']:.1f} s"

    def tables(self, report: Any) -> list[tuple[str, list[list[str]]]]:
        """Tables for the terminal: title, lines with the heading first."""
        from pushforward.reproduce.reservoirs import TASKS

        found = []
        for name in self.plan.tasks:
            lines = [[cell.replace("**", "") for cell in line] for line in report.lines(name)]
            if len(lines) > 1:
                found.append((TASKS[name].title, lines))
        return found
