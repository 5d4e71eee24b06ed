"""Fixed dynamics on real and chaotic series: reservoirs, fixed poles and next-generation reservoirs, each beside its plain baselines."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threadpoolctl import threadpool_limits

from .. import datasets, machine
from .._version import __version__
from . import reservoirs_amplifier, reservoirs_chaos, reservoirs_link, reservoirs_tasks
from .reservoirs_common import Task

__all__ = ["TASKS", "Plan", "check_data", "run"]

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
class Plan:
    """Tasks × seeds.

    Parameters
    ----------
    tasks : tuple of str
        Names in :data:`TASKS`.
    n_seeds : int, optional
        Seeds 0 … n_seeds − 1; default what each task says, 1 if ``quick``. A task in which nothing is drawn has one run whatever is asked.
    quick : bool
        Smaller sizes: a look, not a result.

    Raises
    ------
    ValueError
        The message begins with the argument's name.

    Examples
    --------
    >>> plan = Plan(tasks=("poles", "narma10"), n_seeds=2)
    >>> [(run["task"], run["seed"]) for run in plan.runs()]
    [('poles', 0), ('narma10', 0), ('narma10', 1)]
    """

    tasks: tuple[str, ...] = tuple(TASKS)
    n_seeds: int | None = None
    quick: bool = False

    def __post_init__(self) -> None:
        if not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"only: expected at least one task, each once, got {', '.join(self.tasks) or 'none'}")
        for name in self.tasks:
            if name not in TASKS:
                raise ValueError(f"only: expected names among {', '.join(TASKS)}, got {name!r}")
        if self.n_seeds is not None and self.n_seeds < 1:
            raise ValueError(f"seeds: expected a positive integer, got {self.n_seeds}")

    def seeds_of(self, name: str) -> int:
        """Runs of a task."""
        most = TASKS[name].seeds
        return most if most == 1 else self.n_seeds or (1 if self.quick else most)

    def run_of(self, name: str, seed: int) -> dict[str, Any]:
        """All that decides the numbers of one run, for JSON."""
        task = TASKS[name]
        settings = {**task.settings, **(task.quick if self.quick else {})}
        return {"task": name, "seed": seed, "settings": json.loads(json.dumps(settings))}

    def runs(self) -> list[dict[str, Any]]:
        """All runs, one seed of everything before the next: a grid cut short is a grid of fewer seeds."""
        most = max(self.seeds_of(name) for name in self.tasks)
        return [self.run_of(name, seed) for seed in range(most) for name in self.tasks if seed < self.seeds_of(name)]


def run(task: dict[str, Any], on_progress: Callable[[float], None]) -> dict[str, Any]:
    """Do one run.

    Parameters
    ----------
    task : dict
        From :meth:`Plan.runs`.
    on_progress : callable
        Called with the share done.

    Returns
    -------
    dict
        ``rows``, ``curve`` (see :class:`.reservoirs_common.Outcome`), ``seconds`` by the clock, ``machine``.
    """
    start = time.perf_counter()
    with threadpool_limits(limits=1):  # the grid has a process a CPU: NumPy's own threads would only wait for one another
        outcome = TASKS[task["task"]].work(task["settings"], task["seed"], on_progress)
    return {"rows": outcome.rows, "curve": outcome.curve, "seconds": time.perf_counter() - start, "machine": _machine()}


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


@functools.cache
def _machine() -> dict[str, Any]:
    facts = machine.describe()
    return {"processor": facts["processor"], "isa": facts["isa"], "pushforward": __version__}
