"""Forced Van der Pol: forecast under a given force, and steer to a point by LQR on the lifted model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from .. import datasets
from ..errors import ControlError
from .koopman_common import (
    FIT,
    RADIUS,
    Measure,
    Outcome,
    Task,
    Tick,
    against_horizon,
    fitted,
    horizon_curve,
    score_unchanged,
    shown,
    spectrum,
    squared,
)
from .koopman_models import Koopman

__all__ = ["TASKS"]

Array = NDArray[np.float64]
Controller = Callable[[Array], Any]


def forces(s: Mapping[str, Any], n: int, n_steps: int, rng: np.random.Generator) -> Array:
    """Random levels, each held for a few steps: (n, n_steps)."""
    levels = rng.uniform(-s["force"], s["force"], (n, -(-n_steps // s["held"])))
    return np.repeat(levels, s["held"], axis=1)[:, :n_steps]


def forced_van_der_pol(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Learn forced trajectories, forecast others, and steer the true system. The seed draws starts, forces and networks."""
    rng = np.random.default_rng([seed, 2])
    n_all, box = s["n_past"] + s["n_forecast"], s["box"]
    u = forces(s, s["n_train"], s["n_steps"], rng)
    train = datasets.van_der_pol(s["n_steps"], s["dt"], rng.uniform(-box, box, (s["n_train"], 2)), inputs=u)
    u_test = forces(s, s["n_test"], n_all, rng)
    test = datasets.van_der_pol(n_all, s["dt"], rng.uniform(-box, box, (s["n_test"], 2)), inputs=u_test)
    past, truth, driving = np.ascontiguousarray(test[:, : s["n_past"]]), test[:, s["n_past"] :], np.ascontiguousarray(u_test[:, :-1, None])
    places = rng.uniform(-box, box, (s["n_steered"], 2))
    deviation = train.reshape(-1, 2).std(axis=0)
    outcome, lines, ways = Outcome(), {}, {}

    def score(true: Array, forecast: Array) -> dict[str, float]:
        errors = squared(true, forecast)
        return {"closed": float(np.mean(errors)), "closed_median": float(np.median(errors))}

    for fit in fitted(s, seed, tick, list(train), [a[:, None] for a in u]):
        forecast = fit.model.forecast(past, s["n_forecast"], driving)
        steered: dict[str, float] = {}
        if isinstance(fit.model, Koopman):
            steered, ways[fit.name] = steer(s, places, functools.partial(controller_of, s, fit.model))
        outcome.add(fit.name, **score(truth, forecast), **steered, **fit.measures())
        lines[fit.name] = against_horizon(truth, forecast, deviation)
        if fit.is_first:
            outcome.curve = {"model": fit.name, "ahead": "s ahead", "states": ["x₁", "x₂"], "spectrum": spectrum(fit.model)}
            outcome.curve |= {"dt": s["dt"], "target": s["target"]}
            outcome.curve |= {"truth": [shown(x) for x in truth[:6]], "forecast": [shown(x) for x in forecast[:6]]}
    lines["no change"] = against_horizon(truth, score_unchanged(outcome, past, truth, score), deviation)
    for name, law in (("the true equation, linearised at the target", lambda: linearised(s)), ("no control", lambda: lambda x: 0.0)):
        steered, ways[name] = steer(s, places, law)
        outcome.add(name, **steered)
    outcome.curve |= horizon_curve(lines, s["dt"]) | {"steered": {name: way for name, way in ways.items() if way}}
    return outcome


def controller_of(s: Mapping[str, Any], model: Any) -> Controller:
    """LQR on the lifted model."""
    return model.model.lqr(np.asarray(s["Q"]), np.asarray(s["R"]), target=np.asarray(s["target"]))  # type: ignore[no-any-return]


def linearised(s: Mapping[str, Any]) -> Controller:
    """LQR on the equation, linearised at the target: what knowing it gives."""
    (x1, x2), mu, dt = s["target"], 1.0, s["dt"]
    slope = np.zeros((3, 3))
    slope[:2] = [[0.0, 1.0, 0.0], [-1.0 - 2.0 * mu * x1 * x2, mu * (1.0 - x1 * x1), 1.0]]
    step = scipy.linalg.expm(dt * slope)
    A, B, Q, R = step[:2, :2], step[:2, 2:], np.asarray(s["Q"]), np.asarray(s["R"])
    P = scipy.linalg.solve_discrete_are(A, B, Q, R)
    gain = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)[0]
    target = np.asarray(s["target"])
    hold = x1 - mu * (1.0 - x1 * x1) * x2  # the force that keeps x₂ where it is
    return lambda x: hold - gain @ (x - target)


def steer(s: Mapping[str, Any], places: Array, make: Callable[[], Controller]) -> tuple[dict[str, float], list[Any]]:
    """Steer the true system from each place; the mean cost, how many arrive, and the ways of the first few, state and force side by side.

    Cost: Σ_t (x − x*)ᵀ Q (x − x*) + (u − u*)ᵀ R (u − u*), over the steps; u* is what holds the true system at the target.
    """
    try:
        law = make()
    except (ValueError, ControlError):  # no such controller: the table has a gap there
        return {}, []
    Q, R, target = np.asarray(s["Q"]), np.asarray(s["R"])[0, 0], np.asarray(s["target"])
    hold = target[0] - (1.0 - target[0] ** 2) * target[1]
    x, cost, way = places, np.zeros(len(places)), []
    for _ in range(s["n_controlled"]):
        u = np.array([float(np.asarray(law(a)).reshape(-1)[0]) for a in x])
        way.append(np.concatenate([x, u[:, None]], axis=1))
        off = x - target
        cost += np.einsum("ni,ij,nj->n", off, Q, off) + R * (u - hold) ** 2
        with np.errstate(over="ignore", invalid="ignore"):
            x = datasets.van_der_pol(2, s["dt"], x, inputs=np.stack([u, u], axis=1))[:, 1]
        if not np.isfinite(x).all():
            return {"cost": float("inf"), "arrived": 0.0}, []
    near = np.linalg.norm(x - target, axis=1) < s["near"]
    found = {"cost": float(cost.mean()), "arrived": 100.0 * float(near.mean())}
    if hasattr(law, "report"):
        found["riccati"] = 100.0 * float(law.report.method == "riccati")
    return found, [shown(a) for a in np.stack(way, axis=1)[:6]]


_ESN: dict[str, Any] = {"kind": "echo state", "spectral_radius": 0.3, "input_scaling": 0.3, "bias_scaling": 0.5, "washout": 5, "ridge": 1e-9}
TASKS = {
    "forced-van-der-pol": Task(
        "Forced Van der Pol, and LQR on the lifted model",
        forced_van_der_pol,
        {
            "dt": 0.05, "box": 3.0, "force": 3.0, "held": 5, "n_train": 50, "n_steps": 200, "n_test": 50, "n_past": 10, "n_forecast": 200,
            "draws_data": True, "target": [1.0, 0.0], "Q": [[1.0, 0.0], [0.0, 1.0]], "R": [[0.1]], "n_steered": 20, "n_controlled": 200, "near": 0.1,
            "models": {
                "sampled, 128": {"kind": "sampled", "n_units": 128},
                "linear": {"kind": "linear"},
                "echo state, 128": _ESN | {"n_units": 128},
                "echo state, 300": _ESN | {"n_units": 300},
                "LSTM, 64": {"kind": "lstm", "n_units": 64, "n_forced": 10, "n_window": 40, "n_batch": 64, "n_updates": 2000, "learning_rate": 3e-3},
                "shPLRNN, 128": {
                    "kind": "shplrnn", "n_hidden": 128, "forcing": 0.1, "n_window": 40, "n_batch": 64, "n_updates": 4000, "learning_rate": 3e-3,
                },
            },
        },
        {
            "closed": Measure("forecast under a given force, MSE", ".2e"),
            "closed_median": Measure("median over starts", ".2e"),
            "cost": Measure("LQR: mean cost", ".2f"),
            "arrived": Measure("arrived [%]", ".0f", "high"),
            "riccati": Measure("by the plain Riccati equation [%]", ".0f", ""),
            "fit": FIT,
            "radius": RADIUS,
        },
        "50 trajectories of 200 steps of 0.05 s under a random force held for five steps are learnt; others are forecast with their force "
        "given. LQR: from 20 places to (1, 0), where a force of 1 holds the system, Q = I, R = 0.1, 10 s; arrived: within 0.1 at the end. The cost "
        "is summed over the steps.",
        quick={"n_train": 15, "n_steps": 100, "n_test": 5, "n_forecast": 60, "n_steered": 3, "n_controlled": 100, "torch_updates": 30},
        seeds=5,
        seconds=90,
    ),
}  # fmt: skip
"""Names of the tasks, and all that decides their numbers."""
