"""Whole loops and single steps through the estimators: an order book, the cost of a call from Python, the slowest step of a thousand."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward import RecurrentClassifier, RecurrentRegressor, reference
from pushforward._learner import LearnerSettings
from pushforward.optim import SGD, Optimizer, RMSprop

from .cases import BOUNDED_TAIL, EVENTS, EVENTS_ONE_BY_ONE, OVERHEAD_MICROSECONDS, Engine, Problem, flat, parts_of
from .report import Row
from .timing import Competitor, Session, interruptions, no_garbage_collection
from .truth import checked, confirm, error_of

CHECKED_EVENTS = 300
LATENCY_UNITS = 64


def latency(session: Session) -> Iterator[Row]:
    """Time every single step of a stream, K = 1, by the clock on the wall; stretches in which the core was taken away are left out."""
    for n in session.choose(LATENCY_UNITS):
        problem = Problem(n, session.dtype)
        events = list(zip(problem.X, problem.Y, strict=True))
        engines, errors = {}, {}
        for mode in ("throughput", "bounded"):
            n_check = 2 * Engine(problem, latency=mode).carry_every + 3
            engines[mode], errors[mode] = checked(f"latency, {mode}", problem, n_check, _feed_one_by_one, latency=mode)
        for mode, (times, share) in step_times({mode: engine.core.learn_one for mode, engine in engines.items()}, events, session).items():
            p50, p99, p999 = np.percentile(times, [50, 99, 99.9]) / 1e3
            goal = session.goal(BOUNDED_TAIL) if mode == "bounded" else None
            note = f"p50 {p50:.2f}, p99 {p99:.2f}, p99.9 {p999:.2f} µs; {len(times)} steps, {share:.0%} undisturbed"
            yield Row(
                "latency", f"n = {n}, {mode}, H = {engines[mode].carry_every}", float(times.mean()) / 1e3, p999 / p50, "p99.9 = {:.2f} × p50", goal,
                at_least=False, error=errors[mode], note=note,
                numbers={"n_units": n, "p50": p50, "p99": p99, "p99.9": p999, "n_steps": len(times), "undisturbed": share},
            )  # fmt: skip


def step_times(
    learners: dict[str, Callable[[Any, Any], Any]], events: list[Any], session: Session, n_steps: int | None = None, stretch: int = 128
) -> dict[str, tuple[NDArray[np.int64], float]]:
    """Nanoseconds of every step in undisturbed stretches (in all, if they are fewer than a tenth), and the share of these.

    Of each learner ``n_steps`` undisturbed steps, if time allows.
    """
    wanted = max(2, session.effort.rounds * 12 if n_steps is None else -(-n_steps // stretch))
    good: dict[str, list[NDArray[np.int64]]] = {mode: [] for mode in learners}
    everything: dict[str, list[NDArray[np.int64]]] = {mode: [] for mode in learners}
    start, clock, place = time.perf_counter(), time.perf_counter_ns, 0
    times = np.zeros(stretch, np.int64)
    with no_garbage_collection():
        while not any(everything.values()) or (
            time.perf_counter() - start < session.effort.seconds and any(len(kept) < wanted for kept in good.values())
        ):
            place = (place + stretch) % max(1, len(events) - stretch)
            for mode, learn_one in learners.items():
                before = interruptions()
                for i, (x, y) in enumerate(events[place : place + stretch]):
                    begin = clock()
                    learn_one(x, y)
                    times[i] = clock() - begin
                everything[mode].append(times.copy())
                if interruptions() == before:
                    good[mode].append(times.copy())
    kept = {mode: good[mode] if 10 * len(good[mode]) >= len(everything[mode]) else everything[mode] for mode in learners}
    return {mode: (np.concatenate(kept[mode]), len(good[mode]) / len(everything[mode])) for mode in learners}


def _feed_one_by_one(engine: Engine, n_steps: int) -> None:
    _one_by_one(engine.core.learn_one, list(zip(engine.problem.X[:n_steps], engine.problem.Y[:n_steps], strict=True)))


def _one_by_one(learn_one: Callable[[Any, Any], float], events: list[Any]) -> None:
    for x, y in events:
        learn_one(x, y)


def overhead(session: Session) -> Iterator[Row]:
    """``learn_one`` of an estimator, event by event, less a step inside one ``run``."""
    for n in session.choose(16):
        problem = Problem(n, session.dtype)

        def make(optimizer: Optimizer, n: int = n) -> RecurrentRegressor:
            return RecurrentRegressor(n, optimizer=optimizer, dtype=session.dtype, n_threads=1)

        X, y = problem.X, problem.Y[:, 0].copy()
        events = list(zip(X, y.tolist(), strict=True))
        model, whole, engine = make(problem.optimizer), make(problem.optimizer), Engine(problem)
        start = _start(make, X, y)
        _one_by_one(model.learn_one, events[:CHECKED_EVENTS])
        found, expected = _weights(model), _weights(whole.partial_fit(X[:CHECKED_EVENTS], y[:CHECKED_EVENTS]))
        error = confirm("learn_one", error_of(found, expected, start, parts_of(model.cell_)), session.dtype)
        timings = session.measure(
            Competitor("learn_one", lambda k: _one_by_one(model.learn_one, events[:k]), multiple=engine.carry_every),  # noqa: B023  # used at once
            Competitor("run", engine.run, multiple=engine.carry_every),
        )
        one, run = (timings[name].microseconds() for name in ("learn_one", "run"))
        yield Row(
            "overhead", f"n = {n}, learn_one less a step inside run", one, one - run, "{:.2f} µs", session.goal(OVERHEAD_MICROSECONDS),
            at_least=False, error=error, timing=timings["learn_one"], note=f"inside run {run:.2f} µs",
            numbers={"n_units": n, "learn_one": one, "run": run},
        )  # fmt: skip


def orderbook(session: Session) -> Iterator[Row]:
    """Two inputs, three classes, RMSprop, one pass over the stream of a day; and its events one by one from Python."""
    X, y, source = _book(session)
    events = list(zip(X, y.tolist(), strict=True))
    for n in session.choose(16):
        for K, goal in EVENTS.items():

            def make(optimizer: Optimizer, n: int = n, K: int = K) -> RecurrentClassifier:
                return RecurrentClassifier(n, update_every=K, optimizer=optimizer, classes=3, dtype=session.dtype, n_threads=1)

            models = {"stream": make(RMSprop()), "learn_one": make(RMSprop())}
            expected, start = _reference(make, X[:CHECKED_EVENTS], y[:CHECKED_EVENTS], K)
            models["stream"].partial_fit(X[:CHECKED_EVENTS], y[:CHECKED_EVENTS])
            _one_by_one(models["learn_one"].learn_one, events[:CHECKED_EVENTS])
            errors = {
                name: confirm(f"order book, K = {K}, {name}", error_of(_weights(m), expected, start, parts_of(m.cell_)), session.dtype, slack=4)
                for name, m in models.items()
            }
            timings = session.measure(
                Competitor("stream", lambda k: models["stream"].partial_fit(X[:k], y[:k]), most=len(X)),  # noqa: B023
                Competitor("learn_one", lambda k: _one_by_one(models["learn_one"].learn_one, events[:k]), most=len(X)),  # noqa: B023
            )
            for name, least in (("stream", goal), ("learn_one", EVENTS_ONE_BY_ONE if K == 1 else None)):
                us = timings[name].microseconds()
                what = f"n = {n}, K = {K}, {'partial_fit' if name == 'stream' else 'learn_one from Python'}"
                yield Row(
                    "orderbook", what, us, 1e6 / us, "{:,.0f} events/s", session.goal(least), error=errors[name], timing=timings[name],
                    note=f"{source}, H = {models[name].carry_every_}",
                    numbers={"n_units": n, "update_every": K, "source": source, "n_events": len(X)},
                )  # fmt: skip


def _book(session: Session) -> tuple[NDArray[Any], NDArray[np.int64], str]:
    """The AMZN day when PUSHFORWARD_DATA has it (nothing is downloaded), else noise of the same shape."""
    folder = os.environ.get("PUSHFORWARD_DATA")
    if folder and list(Path(folder).glob("**/lobster_AMZN_2012-06-21_message_1.csv*")):
        from pushforward.datasets import lobster

        book = lobster(dtype=session.dtype)
        return book.X, book.y, "AMZN 2012-06-21"
    rng = np.random.default_rng(0)
    X = np.column_stack([np.round(rng.normal(size=50_000)), rng.uniform(-1, 1, size=50_000)]).astype(session.dtype)
    return X, 1 + np.sign(np.round(X[:, 1] + 0.5 * rng.normal(size=len(X)))).astype(np.int64), "generated"


def _reference(make: Callable[[Optimizer], Any], X: NDArray[Any], y: NDArray[Any], K: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights the slow oracle learns, in float64, and those it starts from."""
    model = make(SGD(0.0)).partial_fit(X[:1], y[:1])
    settings: LearnerSettings = model._settings_
    theta, *readout = (part.astype(float) for part in (model.theta_, model.W_out_, model.b_out_))
    result = reference.online_training(
        settings.cell, theta, tuple(readout), X.astype(float), y, loss="cross_entropy", optimizer=RMSprop(), update_every=K
    )
    return flat(result["theta"], result["W_out"], result["b_out"]), flat(theta, *readout)


def _start(make: Callable[[Optimizer], Any], X: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    return _weights(make(SGD(0.0)).partial_fit(X[:1], y[:1]))


def _weights(model: Any) -> NDArray[np.float64]:
    return flat(model.theta_, model.W_out_, model.b_out_)
