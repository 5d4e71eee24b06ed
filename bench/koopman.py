"""``pushforward bench koopman``: sampled networks and Koopman least squares against NumPy and whatever Koopman packages are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pushforward import reference
from pushforward.kernels import sample_weights, sampled_rollout

from . import koopman_cases as cases
from .koopman_cases import Array, Layer, Orbit, fitted, threads
from .koopman_fits import fit, gram, long, wide
from .koopman_forecast import chunks, forecast
from .koopman_peers import package
from .report import Row
from .reservoir_field import agree
from .suite import Case
from .timing import Competitor, Session

GOAL_DTYPE = "float64"
CHECKED_STEPS, CHECKED_UNITS = 50, 50
CALLED_STEPS = 1000  # of a simulation


def sample(session: Session) -> Iterator[Row]:
    """Neurons from a million points, ten candidate pairs for each; swimnetworks takes a candidate for each point."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(cases.SAMPLED_ROWS, 3)).astype(session.dtype)
    Y = np.sin(X)
    small = min(CHECKED_UNITS, *session.choose(CHECKED_UNITS))
    error = agree("sample_weights", _rows(sample_weights(X, Y, small, seed=1)), _rows(reference.sample_weights(X, Y, small, seed=1)), session.dtype)
    for n in session.choose(*cases.SAMPLED):
        competitors = [Competitor("pushforward", _times(lambda: sample_weights(X, Y, n, seed=1)), most=64)]  # noqa: B023
        errors = {"pushforward": error}
        if session.dtype == "float64" and (swimnetworks := package("swimnetworks")) is not None:

            def published(n: int = n, Dense: Any = swimnetworks.Dense) -> Any:
                return Dense(layer_width=n, activation="tanh", parameter_sampler="tanh", random_seed=1).fit(X, Y)

            layer = published()
            found = sample_weights(X, Y, n, n_candidates="all", unique=False, seed=1)
            errors["swimnetworks"] = agree("n_candidates='all', unique=False", _rows(found), _rows((layer.weights.T, layer.biases[0])), session.dtype)
            competitors.append(Competitor("swimnetworks", _times(published), "process", most=64))
        timings = session.measure(*competitors)
        own = timings["pushforward"].microseconds()
        for name, timing in timings.items():
            us, mine = timing.microseconds(), name == "pushforward"
            yield Row(
                "sample", f"{n} of {len(X):,} points, {name}", us, us / 1e3 if mine else us / own, "{:.2f} ms" if mine else "ours {:.0f} × as fast",
                session.goal(cases.SAMPLE_MILLISECONDS if mine else cases.AHEAD), at_least=not mine, error=errors[name], timing=timing,
                numbers={"n_units": n, "n_rows": len(X)},
            )  # fmt: skip


def simulate(session: Session) -> Iterator[Row]:
    """The closed loop of a sampled network, one start and forty side by side, beside the same loop in NumPy."""
    for n in session.choose(cases.FORECAST_UNITS):
        orbit = Orbit(cases.FORECAST_ROWS // 5, 0.05, dtype=session.dtype)
        layer = orbit.layer(n)
        A = np.ascontiguousarray(fitted(orbit, layer).A)
        starts = np.ascontiguousarray(orbit.z[: 100 * cases.STARTS : 100, None][: cases.STARTS])
        competitors, errors = [], {}
        with threads(1):
            for form, h in (("alone", starts[:1]), (f"{len(starts)} starts", starts)):
                for name, run in (("pushforward", _compiled), ("NumPy", _loop)):
                    what = f"{form}, {name}"
                    errors[what] = agree(what, run(layer, A, h, CHECKED_STEPS), _truth(layer, A, h, CHECKED_STEPS), session.dtype)
                    competitors.append(Competitor(what, _steps(run, layer, A, h), multiple=CALLED_STEPS, most=1 << 16))
            timings = session.measure(*competitors)
        alone = timings["alone, pushforward"].microseconds()
        for what, timing in timings.items():
            us, n_series = timing.microseconds(), 1 if what.startswith("alone") else len(starts)
            figure, form, goal = us, "{:.2f} µs", cases.SIMULATE_MICROSECONDS if n == cases.FORECAST_UNITS else None
            if n_series > 1:
                figure, form, goal = n_series * alone / us, "{:.1f} × the rate alone", cases.SIMULATE_BATCH if n == cases.FORECAST_UNITS else None
            if what.endswith("NumPy"):
                figure, form, goal = us / timings[what.replace("NumPy", "pushforward")].microseconds(), "ours {:.1f} × as fast", cases.AHEAD
            yield Row(
                "simulate", f"{n} neurons, 3 outputs, {what}", us, figure, form, session.goal(goal), at_least=form != "{:.2f} µs", error=errors[what],
                timing=timing, note=f"{1e6 * n_series / us:,.0f} states/s, {us / n_series:.3g} µs each", numbers={"n_units": n, "n_series": n_series},
            )  # fmt: skip


def _compiled(layer: Layer, A: Array, h: Array, n_steps: int) -> Array:
    return sampled_rollout(h, n_steps, layer.W, layer.b, A, include_state=False, include_constant=False)


def _loop(layer: Layer, A: Array, h: Array, n_steps: int) -> Array:
    states, W, b, out, now = np.empty((len(h), n_steps, h.shape[2]), h.dtype), layer.W.T, layer.b, A.T, h[:, 0]
    for t in range(n_steps):
        now = states[:, t] = np.tanh(now @ W + b) @ out
    return states


def _truth(layer: Layer, A: Array, h: Array, n_steps: int) -> Array:
    """In float64, one start after the other."""
    return np.stack([_loop(Layer(layer.W.astype(float), layer.b.astype(float)), A.astype(float), one[None].astype(float), n_steps)[0] for one in h])


def _steps(run: Callable[..., Array], layer: Layer, A: Array, h: Array) -> Callable[[int], None]:
    def steps(n_steps: int) -> None:
        for _ in range(n_steps // CALLED_STEPS):
            run(layer, A, h, CALLED_STEPS)

    return steps


def _times(draw: Callable[[], object]) -> Callable[[int], None]:
    def run(n_times: int) -> None:
        for _ in range(n_times):
            draw()

    return run


def _rows(weights: tuple[Array, Array]) -> Array:
    return np.concatenate([weights[0], weights[1][:, None]], axis=1)


CASES: dict[str, Case] = {
    "fit": fit, "gram": gram, "long": long, "wide": wide, "chunks": chunks, "forecast": forecast, "sample": sample, "simulate": simulate,
}  # fmt: skip
ONLY_WHEN_NAMED = ("long", "wide")
