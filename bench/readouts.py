"""Recursive least squares beside its peers, and the slowest of a hundred thousand steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from pushforward.fixed_poles import FixedPoleRegressor
from pushforward.readout import RLS

from .report import Row
from .reservoir_cases import AHEAD, Array
from .reservoir_field import agree
from .reservoir_peers import NumpyRLS, RcLibRLS, ReservoirPyRLS, installed
from .ridges import RIDGE, Noise
from .streams import step_times
from .timing import Competitor, Session

FORGETTING = 0.999
FEATURES = (100, 500)
STEPS = 1024  # at least two for each feature: P grows without end in directions that are never seen
RESERVOIRPY = {100: 8.0, 500: 7.0}  # times as fast
LATENCY, LATENCY_STEPS, LATENCY_FEATURES = 2.0, 100_000, (32, 100)  # p99 over the median


class OursRLS:
    """The kernel."""

    def __init__(self, n_features: int, forgetting: float, ridge: float, dtype: str = "float64") -> None:
        self.kernel = RLS(forgetting=forgetting, ridge=ridge, intercept=False, dtype=dtype)

    def learn(self, X: Array, Y: Array) -> None:
        """Row after row."""
        self.kernel.run(X, Y)

    @property
    def weights(self) -> Array:
        """(n_features,)."""
        weights: Array = self.kernel.W_out_[0]
        return weights


def rls(session: Session) -> Iterator[Row]:
    """A step with one output: of many in one call, and of one in a call from Python."""
    for n in session.choose(*FEATURES):
        noise = Noise(n, max(STEPS, 2 * n), session.dtype)
        kinds: dict[str, tuple[Callable[..., Any], float | None]] = {"pushforward": (partial(OursRLS, dtype=session.dtype), None)}
        if session.dtype == "float64":
            known = {"reservoirpy": (ReservoirPyRLS, RESERVOIRPY.get(n)), "rclib": (RcLibRLS, AHEAD)}
            kinds |= {name: kind for name, kind in known.items() if installed(name)}
        kinds["NumPy"] = NumpyRLS, None
        for form in ("many in a call", "one in a call"):
            yield from _field(session, noise, form, {name: (kind(n, FORGETTING, RIDGE), goal) for name, (kind, goal) in kinds.items()})


def _field(session: Session, noise: Noise, form: str, learners: dict[str, tuple[Any, float | None]]) -> Iterator[Row]:
    n, errors, competitors = noise.n_features, {}, []
    expected = noise.weights(2 * n, FORGETTING)
    for name, (learner, _) in learners.items():
        learn = _told(learner, noise, form)
        learn(2 * n)
        errors[name] = agree(f"RLS, {name}, {form}", learner.weights, expected, session.dtype)
        competitors.append(Competitor(name, learn, most=noise.n_steps))
    timings = session.measure(*competitors)
    own = timings["pushforward"].microseconds()
    for name, (_, goal) in learners.items():
        us = timings[name].microseconds()
        yield Row(
            "rls", f"{n} features, λ = {FORGETTING:g}, {form}, {name}", us, None if name == "pushforward" else us / own, "ours {:.2f} × as fast",
            session.goal(goal), error=errors[name], timing=timings[name], note=f"{1e6 / us:,.0f} updates/s", numbers={"n_features": n},
        )  # fmt: skip


def _told(learner: Any, noise: Noise, form: str) -> Callable[[int], None]:
    """Learn the first so many rows."""
    rows = [(noise.X[t : t + 1], noise.Y[t : t + 1]) for t in range(noise.n_steps)]

    def one_by_one(n_steps: int) -> None:
        learn = learner.learn
        for x, y in rows[:n_steps]:
            learn(x, y)

    def step_by_step(n_steps: int) -> None:
        step = learner.kernel.step
        for x, y in rows[:n_steps]:
            step(x[0], y[0])

    if form == "many in a call":
        return lambda n_steps: learner.learn(noise.X[:n_steps], noise.Y[:n_steps])
    return step_by_step if isinstance(learner, OursRLS) else one_by_one


def latency(session: Session) -> Iterator[Row]:
    """Time every single step from Python by the clock on the wall; stretches in which the core was taken away are left out."""
    for n in session.choose(*LATENCY_FEATURES):
        noise = Noise(n, max(STEPS, 2 * n), session.dtype)
        learner = OursRLS(n, FORGETTING, RIDGE, session.dtype)
        _told(learner, noise, "one in a call")(2 * n)
        errors = {"RLS.step": agree("RLS.step", learner.weights, noise.weights(2 * n, FORGETTING), session.dtype)}
        one, whole = (FixedPoleRegressor(n_units=n, ridge=RIDGE, dtype=session.dtype) for _ in range(2))
        for x, y in zip(noise.X[:n, :1], noise.Y[:n], strict=True):
            one.learn_one(x, y)
        whole.partial_fit(noise.X[:n, :1], noise.Y[:n])
        errors["FixedPoleRegressor.learn_one"] = agree("learn_one", one.W_out_, whole.W_out_, session.dtype)
        told: dict[str, tuple[Callable[[Any, Any], Any], Array]] = {
            "RLS.step": (learner.kernel.step, noise.X),
            "FixedPoleRegressor.learn_one": (one.learn_one, noise.X[:, :1].copy()),
        }
        for name, (step, X) in told.items():
            times, share = step_times({name: step}, list(zip(X, noise.Y, strict=True)), session, LATENCY_STEPS)[name]
            p50, p99 = np.percentile(times, [50, 99]) / 1e3
            note = f"p50 {p50:.2f}, p99 {p99:.2f} µs; {len(times):,} steps, {share:.0%} undisturbed"
            what = f"{name}, {n} {'features' if name == 'RLS.step' else 'units'}"
            yield Row(
                "latency", what, float(times.mean()) / 1e3, p99 / p50, "p99 = {:.2f} × p50", session.goal(LATENCY), at_least=False,
                error=errors[name], note=note, numbers={"n": n, "p50": p50, "p99": p99, "n_steps": len(times), "undisturbed": share},
            )  # fmt: skip
