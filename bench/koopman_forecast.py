"""The Lorenz system in closed loop from the same sampled neurons: how far each way to solve sees; and a fit in pieces beside the fit of the whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from pushforward.kernels import EDMDAccumulator

from . import koopman_cases as cases
from .koopman_cases import Array, Layer, Next, Orbit, by_matrix, fitted, threads
from .koopman_field import Snapshots
from .koopman_fits import AS_GOOD, NO_ANSWER, operator
from .koopman_peers import GRAM_GRADE, SVD_GRADE, Peer, present
from .report import Row
from .timing import Session
from .truth import WrongAnswerError

STEPS = (0.05, 0.01)  # s between snapshots: goals are for the first
LENGTH = 16.0  # Lyapunov times of a forecast
QUICK_STARTS, QUICK_SEEDS = 6, 1
CHUNKS, PARTS = 37, 4
NO_PIECES = {"float64": 1e-7, "float32": 2e-2}  # relative error of what pieces predict: no answer beyond


@dataclass
class Tally:
    """What one way has seen, over seeds and starts."""

    times: list[float] = field(default_factory=list)  # Lyapunov times
    seconds: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)  # of one step
    least: list[float] = field(default_factory=list)  # an SVD's


Way = Callable[[Orbit, Layer, Snapshots], tuple[Next, Layer]]
"""From a trajectory, a layer and its features to the next state, and the layer it takes."""


def ours(orbit: Orbit, layer: Layer, data: Snapshots, **settings: Any) -> tuple[Next, Layer]:
    """One pass, lifting included."""
    return by_matrix(fitted(orbit, layer, **settings).A), layer


def by_gram(orbit: Orbit, layer: Layer, data: Snapshots) -> tuple[Next, Layer]:
    """Normal equations."""
    return operator(orbit, layer, "gram"), layer


def with_state(orbit: Orbit, layer: Layer, data: Snapshots) -> tuple[Next, Layer]:
    """The state and a constant stand among the features."""
    return ours(orbit, Layer(layer.W, layer.b, True, True), data)


def with_twin(orbit: Orbit, layer: Layer, data: Snapshots) -> tuple[Next, Layer]:
    """The last neuron is the first again."""
    W, b = layer.W.copy(), layer.b.copy()
    W[-1], b[-1] = W[0], b[0]
    return ours(orbit, Layer(W, b), data)


def at_random(orbit: Orbit, layer: Layer, data: Snapshots) -> tuple[Next, Layer]:
    """Weights for which the data do not matter."""
    return ours(orbit, orbit.layer(len(layer.b), scheme="random"), data)


def by_peer(peer: Peer, orbit: Orbit, layer: Layer, data: Snapshots) -> tuple[Next, Layer]:
    """The features are handed over."""
    return peer(data.psi, data.h, data.C), layer


def forecast(session: Session) -> Iterator[Row]:
    """Valid prediction time, noiseless data."""
    quick = session.effort.seconds < 5
    n_starts, n_seeds = (QUICK_STARTS, QUICK_SEEDS) if quick else (cases.STARTS, cases.SEEDS)
    for n in session.choose(cases.FORECAST_UNITS):
        known = n == cases.FORECAST_UNITS and not quick
        for dt in STEPS:
            ways: dict[str, tuple[Way, float | None]] = {
                "pushforward": (ours, cases.FORECAST),
                "pushforward, the state among the features": (with_state, cases.FORECAST_WITH_STATE),
                "pushforward, a neuron twice": (with_twin, cases.FORECAST_WITH_TWIN),
            }
            if dt == STEPS[0]:
                ways |= {"pushforward, solver gram": (by_gram, None), "pushforward, random weights": (at_random, None)}
                ways |= {peer.name: (partial(by_peer, peer), None) for peer in present(SVD_GRADE + GRAM_GRADE, session.dtype)}
            else:
                ways |= {peer.name: (partial(by_peer, peer), None) for peer in SVD_GRADE if peer.name == "NumPy, lstsq, next state"}
            tallies = _seen(session, n, dt, n_starts, n_seeds, {name: way for name, (way, _) in ways.items()})
            base = float(np.median(tallies["pushforward"].seconds))
            for name, tally in tallies.items():
                goal = session.goal(ways[name][1]) if known and dt == STEPS[0] else None
                yield _row(f"{n} neurons, {cases.FORECAST_ROWS:,} snapshots {dt:g} s apart, {name}", tally, base, goal)
            twin = tallies["pushforward, a neuron twice"]
            worst = max(e / least for e, least in zip(twin.errors, twin.least, strict=True))
            if dt == STEPS[0]:
                what = f"{n} neurons, one of them twice: one-step error"
                goal = session.goal(cases.TWIN_ERROR)
                yield Row("forecast", what, None, worst, "{:.2f} × an SVD's of all", goal, at_least=False, error=max(twin.errors))


def _seen(session: Session, n: int, dt: float, n_starts: int, n_seeds: int, ways: dict[str, Way]) -> dict[str, Tally]:
    n_steps = int(LENGTH / cases.EXPONENT / dt)
    orbit = Orbit(cases.FORECAST_ROWS, dt, n_starts * n_steps, session.dtype)
    starts = orbit.n_rows + n_steps * np.arange(n_starts)
    truth = np.stack([orbit.z[start + 1 : start + 1 + n_steps] for start in starts]).astype(float)
    tallies = {name: Tally() for name in ways}
    for seed in range(n_seeds):
        layer = orbit.layer(n, seed)
        data = Snapshots(orbit.learnt, layer)
        data.least, data.C  # noqa: B018  made before a clock runs
        for name, way in ways.items():
            tally, start = tallies[name], time.process_time()
            try:
                with threads(1):
                    found, lift = way(orbit, layer, data)
            except np.linalg.LinAlgError:
                tally.times += [0.0] * n_starts
                continue
            tally.seconds.append(time.process_time() - start)
            tally.errors.append((data if lift is layer else Snapshots(data.h, lift)).error(found))
            tally.least.append(data.least)
            if not tally.errors[-1] <= limit(name, data.least, session.dtype):
                raise WrongAnswerError(f"{name}: relative error {tally.errors[-1]:.1e} of the next state")
            seen = closed_loop(found, lift, orbit.z[starts], n_steps)
            wrong = np.sqrt(np.mean((truth - seen) ** 2, axis=2))  # orbits are in standard deviations
            bad = np.logical_not(wrong < cases.THRESHOLD)
            tally.times += list(dt * cases.EXPONENT * np.where(bad.any(axis=1), bad.argmax(axis=1), n_steps))
    return tallies


def limit(name: str, least: float, dtype: str) -> float:
    """Largest relative error of the next state that passes."""
    if name.startswith("pushforward") and "gram" not in name and "random" not in name:
        return least * (3.0 if "," in name else AS_GOOD[dtype])
    return NO_ANSWER


def closed_loop(found: Next, layer: Layer, h: Array, n_steps: int) -> Array:
    """(n_starts, n_steps, n_state), lifted anew at every step; what stops being finite stays so."""
    states = np.empty((len(h), n_steps, h.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(n_steps):
            finite = np.asarray(np.isfinite(h).all(axis=1))
            h = found(layer(np.ascontiguousarray(np.where(finite[:, None], h, 0), layer.W.dtype)))
            h[~finite] = np.nan
            states[:, t] = h
    return states


def _row(what: str, tally: Tally, base: float, goal: float | None) -> Row:
    figure, seconds = float(np.median(tally.times)), float(np.median(tally.seconds)) if tally.seconds else None
    note = f"{min(tally.times):.1f} … {max(tally.times):.1f} over {len(tally.times)} starts, {cases.THRESHOLD:g} σ"
    if seconds is not None:
        ratio = max(e / least for e, least in zip(tally.errors, tally.least, strict=True))
        note += f"; fit {seconds:.3g} s, {seconds / base:.2g} × ours; one step {ratio:.3g} × an SVD's error"
    return Row(
        "forecast", what, None, figure, "{:.1f} Lyapunov times", goal, error=max(tally.errors, default=None), note=note,
        numbers={"times": tally.times, "seconds": tally.seconds, "errors": tally.errors},
    )  # fmt: skip


def chunks(session: Session) -> Iterator[Row]:
    """Uneven chunks, and accumulators merged, beside the whole at once: what they predict."""
    for n in session.choose(cases.FORECAST_UNITS):
        orbit = Orbit(cases.FORECAST_ROWS, dtype=session.dtype)
        layer, h = orbit.layer(n), orbit.learnt
        psi = layer(h[:-1])
        cuts = np.sort(np.random.default_rng(0).choice(np.arange(1, len(h) - 1), CHUNKS - 1, replace=False))
        ends = [0, *(int(cut) for cut in cuts), len(h) - 1]
        for target in ("state", "observables"):

            def pieces(first: int, last: int, target: str = target) -> EDMDAccumulator:
                accumulator = EDMDAccumulator(layer, h.shape[1], target, dtype=session.dtype)  # noqa: B023
                for i in range(first, last):
                    accumulator.update(h[ends[i] : ends[i + 1] + 1])  # noqa: B023  the next begins with the last
                return accumulator

            batch = fitted(orbit, layer, target)
            merged = pieces(0, CHUNKS // PARTS)
            for part in range(1, PARTS):
                merged.merge(pieces(part * CHUNKS // PARTS, (part + 1) * CHUNKS // PARTS))
            for name, accumulator in ((f"{CHUNKS} uneven chunks", pieces(0, CHUNKS)), (f"{PARTS} accumulators merged", merged)):
                found = accumulator.solve(cases.RCOND)
                one, other = ((r.A if r.K is None else r.K) for r in (found, batch))
                error = float(np.linalg.norm(psi @ (one - other).T) / np.linalg.norm(psi @ other.T))
                if not error < NO_PIECES[session.dtype]:
                    raise WrongAnswerError(f"{name}: relative error {error:.1e}")
                yield Row(
                    "chunks", f"{orbit.n_rows:,} × {n}, {'operator' if target == 'observables' else 'next state'}, {name}", None, error,
                    "{:.0e} beside one batch", session.goal(cases.CHUNKS_ERROR), at_least=False, error=error, numbers={"n_units": n},
                )  # fmt: skip
