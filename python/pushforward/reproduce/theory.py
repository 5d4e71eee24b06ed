"""What the four papers prove, checked by :mod:`pushforward.diagnostics`: every claim beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from . import theory_diagonal, theory_poles, theory_rtrl, theory_stability
from ._tasks import Task, TaskPlan, Tick, do_run
from .theory_common import Claim

__all__ = ["CLAIMS", "TASKS", "Plan", "check_data", "default_tasks", "run"]

TASKS: dict[str, Task] = {**theory_rtrl.TASKS, **theory_poles.TASKS, **theory_diagonal.TASKS, **theory_stability.TASKS}
CLAIMS: dict[str, dict[str, Claim]] = {
    "rtrl": theory_rtrl.CLAIMS, "poles": theory_poles.CLAIMS, "diagonal": theory_diagonal.CLAIMS, "stability": theory_stability.CLAIMS,
}  # fmt: skip
"""Of every task, by name: what its runs judge, and what cannot be tested."""


@dataclass(frozen=True)
class Plan(TaskPlan):
    """Tasks × seeds of this report. See :class:`._tasks.TaskPlan`.

    Examples
    --------
    >>> [(run["task"], run["seed"]) for run in Plan(tasks=("rtrl", "poles"), n_seeds=2).runs()]
    [('rtrl', 0), ('poles', 0), ('rtrl', 1), ('poles', 1)]
    """

    tasks: tuple[str, ...] = tuple(TASKS)
    registry: ClassVar[Mapping[str, Task]] = TASKS


def default_tasks() -> tuple[str, ...]:
    """All tasks: none needs data that is not made here."""
    return tuple(TASKS)


def run(task: dict[str, Any], on_progress: Tick) -> dict[str, Any]:
    """Do one run. See :func:`._tasks.do_run`."""
    return do_run(TASKS, task, on_progress)


def check_data(plan: Plan) -> None:
    """Everything is generated: there is nothing to read."""
