"""What a report made of tasks is: tasks that each give a table of models, a plan of tasks × seeds, and one run of it."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from .. import machine
from .._version import __version__

Tick = Callable[[float], None]


@dataclass
class Outcome:
    """What one run of a task gives.

    Attributes
    ----------
    rows : list of dict
        ``{"model": name, measure: value, …}``, models in the order of the table; ``None`` where a model has no such figure.
    curve : dict
        What the figures need, for JSON.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    curve: dict[str, Any] = field(default_factory=dict)

    def add(self, model: str, **measures: float | None) -> None:
        """Add a row; figures that are not finite become ``None``."""
        kept = {name: None if v is None or not np.isfinite(v) else float(v) for name, v in measures.items()}
        self.rows.append({"model": model, **kept})


@dataclass(frozen=True)
class Measure:
    """A column of a task's table: heading with unit, format of a number, and whether low or high is good (``""``: neither)."""

    title: str
    format: str = ".4f"
    good: str = "low"


class Work(Protocol):
    """One run of a task: settings (its sizes and parameters), seed, and whom to tell how far it is."""

    def __call__(self, settings: Mapping[str, Any], seed: int, tick: Tick, /) -> Outcome: ...


@dataclass(frozen=True)
class Task:
    """A task of a report.

    Attributes
    ----------
    title, note : str
    work : callable
        At the top of a module.
    settings, quick : dict
        All sizes and parameters, for JSON; ``quick`` is what replaces some of them under ``--quick``.
    measures : dict of str to Measure
    seeds : int
        Seeds that make sense: 1 where nothing is drawn.
    seconds : float
        Roughly what a run takes, for the estimate.
    """

    title: str
    work: Work
    settings: Mapping[str, Any]
    measures: Mapping[str, Measure]
    note: str = ""
    quick: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 3
    seconds: float = 20.0


@dataclass(frozen=True)
class TaskPlan:
    """Tasks × seeds. A report's own plan names its ``registry`` of tasks and takes them all by default.

    Parameters
    ----------
    tasks : tuple of str
        Names in the registry.
    n_seeds : int, optional
        Seeds 0 … n_seeds − 1; default what each task says, 1 if ``quick``. A task in which nothing is drawn has one run whatever is asked.
    quick : bool
        Smaller sizes: a look, not a result.

    Raises
    ------
    ValueError
        The message begins with the argument's name.
    """

    tasks: tuple[str, ...] = ()
    n_seeds: int | None = None
    quick: bool = False
    registry: ClassVar[Mapping[str, Task]] = {}

    def __post_init__(self) -> None:
        if not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"only: expected at least one task, each once, got {', '.join(self.tasks) or 'none'}")
        for name in self.tasks:
            if name not in self.registry:
                raise ValueError(f"only: expected names among {', '.join(self.registry)}, got {name!r}")
        if self.n_seeds is not None and self.n_seeds < 1:
            raise ValueError(f"seeds: expected a positive integer, got {self.n_seeds}")

    def seeds_of(self, name: str) -> int:
        """Runs of a task."""
        most = self.registry[name].seeds
        return most if most == 1 else self.n_seeds or (1 if self.quick else most)

    def run_of(self, name: str, seed: int) -> dict[str, Any]:
        """All that decides the numbers of one run, for JSON."""
        task = self.registry[name]
        settings = {**task.settings, **(task.quick if self.quick else {})}
        return {"task": name, "seed": seed, "settings": json.loads(json.dumps(settings))}

    def runs(self) -> list[dict[str, Any]]:
        """All runs, one seed of everything before the next: a grid cut short is a grid of fewer seeds."""
        most = max(self.seeds_of(name) for name in self.tasks)
        return [self.run_of(name, seed) for seed in range(most) for name in self.tasks if seed < self.seeds_of(name)]


def do_run(registry: Mapping[str, Task], task: dict[str, Any], on_progress: Tick) -> dict[str, Any]:
    """Do one run.

    Parameters
    ----------
    registry : mapping of str to Task
    task : dict
        From :meth:`TaskPlan.runs`.
    on_progress : callable
        Called with the share done.

    Returns
    -------
    dict
        ``rows``, ``curve`` (see :class:`Outcome`), ``seconds`` by the clock, ``machine``.
    """
    start = time.perf_counter()
    with threadpool_limits(limits=1):  # the grid has a process a CPU: NumPy's own threads would only wait for one another
        outcome = registry[task["task"]].work(task["settings"], task["seed"], on_progress)
    return {"rows": outcome.rows, "curve": outcome.curve, "seconds": time.perf_counter() - start, "machine": _machine()}


@functools.cache
def _machine() -> dict[str, Any]:
    facts = machine.describe()
    return {"processor": facts["processor"], "isa": facts["isa"], "pushforward": __version__}
