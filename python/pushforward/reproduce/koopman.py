"""Sampled recurrent networks without a gradient (arXiv 2410.23467): the paper's table run again, beside reservoirs and trained networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from . import koopman_chaos, koopman_control, koopman_oscillators, koopman_weather
from ._tasks import Task, TaskPlan, Tick, do_run
from .koopman_models import has_torch
from .koopman_weather import SOURCES

__all__ = ["TASKS", "Plan", "check_data", "default_tasks", "run"]

TASKS: dict[str, Task] = {**koopman_oscillators.TASKS, **koopman_chaos.TASKS, **koopman_control.TASKS, **koopman_weather.TASKS}
OPTIONAL = ("weather-jena",)
"""Tasks whose file may not be given away: left out unless it is there, or asked for by name."""


@dataclass(frozen=True)
class Plan(TaskPlan):
    """Tasks × seeds of this report. See :class:`._tasks.TaskPlan`.

    Examples
    --------
    >>> plan = Plan(tasks=("lorenz", "rossler"), n_seeds=2)
    >>> [(run["task"], run["seed"]) for run in plan.runs()]
    [('lorenz', 0), ('rossler', 0), ('lorenz', 1), ('rossler', 1)]
    """

    tasks: tuple[str, ...] = tuple(name for name in TASKS if name not in OPTIONAL)
    registry: ClassVar[Mapping[str, Task]] = TASKS

    def run_of(self, name: str, seed: int) -> dict[str, Any]:
        """All that decides the numbers of one run, for JSON: without PyTorch it has fewer models, so that is a setting too."""
        run = super().run_of(name, seed)
        run["settings"]["torch"] = has_torch()
        return run


def default_tasks() -> tuple[str, ...]:
    """All tasks whose data is there, or ought to be."""
    return tuple(name for name in TASKS if name not in OPTIONAL or _is_there(name))


def run(task: dict[str, Any], on_progress: Tick) -> dict[str, Any]:
    """Do one run. See :func:`._tasks.do_run`."""
    return do_run(TASKS, task, on_progress)


def check_data(plan: Plan) -> None:
    """Read the files that the plan's tasks need.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or is not the one expected.
    """
    for name in plan.tasks:
        source = TASKS[name].settings.get("source")
        if source is not None:
            SOURCES[source][0]()


def _is_there(name: str) -> bool:
    try:
        SOURCES[TASKS[name].settings["source"]][0]()
    except FileNotFoundError:
        return False
    return True
