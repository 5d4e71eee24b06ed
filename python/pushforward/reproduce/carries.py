"""Exact online gradients against truncated ones on real data, an update at every step (arXiv 2501.08040, sections 7.4 and 7.5)."""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import machine, metrics
from .._version import __version__
from ..errors import DivergenceError
from ..optim import InverseTime, RMSprop, optimizer_from_dict
from ..recurrent import RecurrentClassifier
from .streams import DATA, Series, load

__all__ = ["ALGORITHMS", "LEARNING_RATES", "Plan", "baseline", "model_for", "run", "seconds_per_event", "settings_of"]

ALGORITHMS: tuple[tuple[str, int | None], ...] = (("rtrl", None), *(("tbptt", tau) for tau in (1, 5, 10, 25, 50)))
LEARNING_RATES = (1e-3, 3e-3, 1e-2)
SMOOTHING, DECAY, CLIP_NORM = 0.999, 1e-5, 10.0
N_WINDOWS = 100  # points of a learning curve
QUICK_STEPS, QUICK_RATE = 3000, 3e-3
ACTIVATIONS = ("tanh", "elu", "relu", "sigmoid")


@dataclass(frozen=True)
class Plan:
    """The grid: data × nets × algorithms × learning rates × seeds.

    Parameters
    ----------
    data : tuple of str
        Names in :data:`pushforward.reproduce.streams.DATA`.
    nets : tuple of str, optional
        ``gru-N`` or ``elman-ACTIVATION-N``, N units; each is run on all data. Default: those of each data set.
    learning_rates : tuple of float
    n_seeds : int
        Seeds 0 … n_seeds − 1 of the starting weights, the same for every algorithm.
    steps : int, optional
        Events to learn, at most those of each data set, the default.

    Raises
    ------
    ValueError
        The message begins with the argument's name.

    Examples
    --------
    >>> plan = Plan(data=("lobster",), n_seeds=1)
    >>> plan.nets_of("lobster"), len(ALGORITHMS), len(plan.learning_rates)
    (('elman-tanh-16',), 6, 3)
    """

    data: tuple[str, ...] = tuple(DATA)
    nets: tuple[str, ...] | None = None
    learning_rates: tuple[float, ...] = LEARNING_RATES
    n_seeds: int = 3
    steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("data", "nets", "learning_rates"):
            values = getattr(self, name)
            if values is not None and (not values or len(set(values)) < len(values)):
                raise ValueError(f"{name}: expected at least one, each once, got {', '.join(map(str, values)) or 'none'}")
        for name in self.data:
            if name not in DATA:
                raise ValueError(f"data: expected names among {', '.join(DATA)}, got {name!r}")
        for net in self.nets or ():
            settings_of(net)
        for rate in self.learning_rates:
            if not 0 < rate < math.inf:
                raise ValueError(f"learning_rates: expected positive numbers, got {rate}")
        if self.n_seeds < 1:
            raise ValueError(f"seeds: expected a positive integer, got {self.n_seeds}")
        if self.steps is not None and self.steps < 100:
            raise ValueError(f"steps: expected at least 100, got {self.steps}")

    def nets_of(self, data: str) -> tuple[str, ...]:
        """Nets run on a data set."""
        return self.nets or DATA[data].nets

    def task(self, data: str, net: str, algorithm: tuple[str, int | None], rate: float, seed: int) -> dict[str, Any]:
        """All that decides the numbers of one run, for JSON."""
        optimizer = RMSprop(learning_rate=rate, smoothing=SMOOTHING, clip_norm=CLIP_NORM, schedule=InverseTime(decay=DECAY))
        return {
            "data": data, "sha256": load(data).sha256, "net": net, "gradient": algorithm[0], "truncation": algorithm[1], "seed": seed,
            "steps": min(self.steps or DATA[data].steps, DATA[data].steps), "dtype": "float32", "optimizer": optimizer.to_dict(),
        }  # fmt: skip

    def tasks(self) -> list[dict[str, Any]]:
        """All runs, one seed of everything before the next: a grid cut short is a grid of fewer seeds."""
        return [
            self.task(data, net, algorithm, rate, seed)
            for seed in range(self.n_seeds)
            for data in self.data
            for net in self.nets_of(data)
            for algorithm in ALGORITHMS
            for rate in self.learning_rates
        ]


def settings_of(net: str) -> dict[str, Any]:
    """Constructor arguments of a net by name.

    Examples
    --------
    >>> settings_of("elman-elu-50")
    {'cell': 'elman', 'activation': 'elu', 'n_units': 50}
    """
    cell, *rest = net.split("-")
    known = {"gru": 1, "elman": 2}.get(cell) == len(rest) and (cell == "gru" or rest[0] in ACTIVATIONS)
    if not known or not rest[-1].isdecimal() or int(rest[-1]) < 1:
        raise ValueError(f"nets: expected gru-N or elman-ACTIVATION-N with an activation among {', '.join(ACTIVATIONS)}, got {net!r}")
    activation = {"activation": rest[0]} if cell == "elman" else {}
    return {"cell": cell, **activation, "n_units": int(rest[-1])}


def model_for(task: dict[str, Any]) -> RecurrentClassifier:
    """The untrained model of a run: one thread, an update at every step."""
    series = load(task["data"])
    return RecurrentClassifier(
        **settings_of(task["net"]), gradient=task["gradient"], truncation=task["truncation"], update_every=1, dtype=task["dtype"],
        optimizer=optimizer_from_dict(task["optimizer"]), n_inputs=series.n_inputs, classes=series.n_classes, n_threads=1,
        random_state=task["seed"],
    )  # fmt: skip


def run(task: dict[str, Any], on_progress: Callable[[float], None]) -> dict[str, Any]:
    """Learn one stream once, then score what follows it with the weights as they are.

    Parameters
    ----------
    task : dict
        From :meth:`Plan.task`.
    on_progress : callable
        Called with the share done, a hundred times.

    Returns
    -------
    dict
        ``curve``: [events, mean nats of the window that ends there, each taken before its update]. ``online``: nats, mean over the last
        tenth. ``held_out``: nats, mean over the events that follow, at most a fifth as many as were learnt. ``seconds``: CPU time of this
        thread in ``partial_fit`` alone; ``wall_seconds``: the same by the clock. ``diverged_at``: the step at which a number
        stopped being finite; the run ends there and has neither ``online`` nor ``held_out``.
    """
    series, model, n = load(task["data"]), model_for(task), task["steps"]
    edges = [n * k // N_WINDOWS for k in range(N_WINDOWS + 1)]
    result: dict[str, Any] = {"curve": [], "online": None, "held_out": None, "diverged_at": None, "seconds": 0.0, "wall_seconds": 0.0}
    for start, stop in itertools.pairwise(edges):
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            model.partial_fit(series.X[start:stop], series.y[start:stop])
        except DivergenceError as error:
            result |= {"diverged_at": start + error.step, "reason": error.reason}
            break
        finally:
            result["seconds"] += time.thread_time() - cpu
            result["wall_seconds"] += time.perf_counter() - wall
        if not math.isfinite(model.loss_):  # the weights still are; the mean of the losses is not
            result |= {"diverged_at": start, "reason": "the loss stopped being finite"}
            break
        result["curve"].append([stop, model.loss_])
        on_progress(stop / n)
    result |= {"events": n if result["diverged_at"] is None else result["diverged_at"], "carry_every": model.carry_every_, "machine": _machine()}
    if result["diverged_at"] is None:
        last = range(N_WINDOWS - N_WINDOWS // 10, N_WINDOWS)
        total = math.fsum(result["curve"][k][1] * (edges[k + 1] - edges[k]) for k in last)
        result |= {"online": total / (n - edges[last[0]]), "held_out": held_out(model, series, n)}
    return result


def held_out(model: RecurrentClassifier, series: Series, n: int) -> float | None:
    """Cross-entropy [nats] of what follows the n events learnt, the state running on; ``None`` if a probability is not finite."""
    following = slice(n, n + max(1, n // 5))
    probabilities = model.predict_proba(series.X[following], state="current")
    return metrics.cross_entropy(series.y[following], probabilities) if np.isfinite(probabilities).all() else None


def baseline(task: dict[str, Any]) -> dict[str, float]:
    """Nats on the same two stretches of a predictor that knows the class frequencies of the events learnt and nothing else."""
    series, n = load(task["data"]), task["steps"]
    learnt, last, after = series.y[:n], series.y[n - n // 10 : n], series.y[n : n + max(1, n // 5)]
    return {
        name: metrics.class_frequency_entropy(y, learnt, n_classes=series.n_classes) for name, y in (("online", last), ("held_out", after))
    }


def seconds_per_event(task: dict[str, Any], n_events: int = 2000) -> float:
    """Measure a run's speed on its first events [s], to say how long a grid will take. The rate is next to zero: nothing diverges."""
    series, model = load(task["data"]), model_for(task | {"optimizer": task["optimizer"] | {"learning_rate": 1e-12}})
    model.partial_fit(series.X[:100], series.y[:100])
    start = time.perf_counter()
    model.partial_fit(series.X[100 : 100 + n_events], series.y[100 : 100 + n_events])
    return (time.perf_counter() - start) / n_events


@functools.cache
def _machine() -> dict[str, Any]:
    facts = machine.describe()
    return {"processor": facts["processor"], "isa": facts["isa"], "pushforward": __version__}
