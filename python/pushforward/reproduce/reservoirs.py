"""Fixed dynamics on real and chaotic series: reservoirs, fixed poles and next-generation reservoirs, each beside its plain baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import datasets
from . import reservoirs_amplifier, reservoirs_chaos, reservoirs_link, reservoirs_tasks
from ._tasks import Task, TaskPlan, Tick, do_run

__all__ = ["TASKS", "Plan", "check_data", "default_tasks", "run"]

TASKS: dict[str, Task] = {
    **reservoirs_chaos.TASKS,
    **reservoirs_tasks.TASKS,
    **reservoirs_link.TASKS,
    **reservoirs_amplifier.TASKS,
}
NEEDS: dict[str, Callable[[], Any]] = {
    "laser": datasets.santafe_laser,
    "vowels": datasets.japanese_vowels,
    "silverbox": datasets.silverbox,
    "wiener-hammerstein": datasets.wiener_hammerstein,
    "amplifier": datasets.power_amplifier,
}
"""Tasks that read a file: the loader, which fails if it is not there."""


@dataclass(frozen=True)
class Plan(TaskPlan):
    """Tasks × seeds of this report. See :class:`._tasks.TaskPlan`.

    Examples
    --------
    >>> plan = Plan(tasks=("poles", "narma10"), n_seeds=2)
    >>> [(run["task"], run["seed"]) for run in plan.runs()]
    [('poles', 0), ('narma10', 0), ('narma10', 1)]
    """

    tasks: tuple[str, ...] = tuple(TASKS)
    registry: ClassVar[Mapping[str, Task]] = TASKS


def default_tasks() -> tuple[str, ...]:
    """All tasks."""
    return tuple(TASKS)


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
        if name in NEEDS:
            NEEDS[name]()
