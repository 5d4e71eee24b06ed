"""Van der Pol's oscillator in closed loop: both components seen, and the first alone with delays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import datasets
from .koopman_common import (
    AS_PUBLISHED,
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

__all__ = ["TASKS"]

Array = NDArray[np.float64]


def starts(s: Mapping[str, Any], n: int, rng: np.random.Generator) -> Array:
    """Draw starts in the square |x₁|, |x₂| ≤ box."""
    return rng.uniform(-s["box"], s["box"], (n, 2))


def van_der_pol(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Learn short trajectories from random starts; forecast others. The seed draws starts and networks."""
    rng = np.random.default_rng([seed, 1])
    seen = slice(0, s["n_seen"])
    train = datasets.van_der_pol(s["n_steps"], s["dt"], starts(s, s["n_train"], rng))[..., seen]
    test = datasets.van_der_pol(s["n_past"] + s["n_forecast"], s["dt"], starts(s, s["n_test"], rng))[..., seen]
    past, truth = np.ascontiguousarray(test[:, : s["n_past"]]), test[:, s["n_past"] :]
    deviation = train.reshape(-1, train.shape[2]).std(axis=0)
    outcome, lines = Outcome(), {}

    def score(true: Array, forecast: Array) -> dict[str, float]:
        errors = squared(true, forecast)
        step = float(np.mean((true[:, 0] - forecast[:, 0]) ** 2))
        return {"one_step": step, "closed": float(np.mean(errors)), "closed_median": float(np.median(errors)), "closed_worst": float(np.max(errors))}

    for fit in fitted(s, seed, tick, list(train)):
        forecast = fit.model.forecast(past, s["n_forecast"], None)
        outcome.add(fit.name, **score(truth, forecast), **fit.measures())
        lines[fit.name] = against_horizon(truth, forecast, deviation)
        if fit.is_first:
            outcome.curve = {"model": fit.name, "ahead": "s ahead", "states": ["x₁", "x₂"], "spectrum": spectrum(fit.model)}
            outcome.curve |= {"truth": [shown(x) for x in truth[:6]], "forecast": [shown(x) for x in forecast[:6]]}
    lines["no change"] = against_horizon(truth, score_unchanged(outcome, past, truth, score), deviation)
    outcome.curve |= horizon_curve(lines, s["dt"])
    return outcome


_MEASURES = {
    "one_step": Measure("one step, MSE", ".2e"),
    "closed": Measure("closed loop, MSE", ".2e"),
    "closed_median": Measure("median over starts", ".2e"),
    "closed_worst": Measure("worst start", ".2e"),
    "fit": FIT,
    "radius": RADIUS,
}
_ESN: dict[str, Any] = {"kind": "echo state", "spectral_radius": 0.3, "input_scaling": 0.3, "bias_scaling": 0.5, "washout": 5, "ridge": 1e-9}
_ESN_1 = _ESN | {"input_scaling": 1.0, "ridge": 1e-12}
_LSTM = {"kind": "lstm", "n_units": 64, "n_forced": 10, "n_window": 40, "n_batch": 64, "n_updates": 2000, "learning_rate": 3e-3}
_SHPLRNN = {"kind": "shplrnn", "n_hidden": 80, "forcing": 0.1, "n_window": 40, "n_batch": 64, "n_updates": 4000, "learning_rate": 3e-3}
_SETTINGS: dict[str, Any] = {
    "dt": 0.1, "box": 3.0, "n_train": 50, "n_steps": 200, "n_test": 50, "n_past": 10, "n_forecast": 200, "n_seen": 2, "draws_data": True,
    "models": {
        "sampled, 80": {"kind": "sampled", "n_units": 80},
        "sampled, 80, as published": AS_PUBLISHED | {"n_units": 80},
        "linear": {"kind": "linear"},
        "echo state, 80": _ESN | {"n_units": 80},
        "echo state, 300": _ESN | {"n_units": 300},
        "LSTM, 64": _LSTM,
        "shPLRNN, 80": _SHPLRNN,
    },
}  # fmt: skip
_QUICK = {"n_train": 10, "n_steps": 100, "n_test": 5, "n_forecast": 60, "torch_updates": 30}
TASKS = {
    "van-der-pol": Task(
        "Van der Pol, both components seen",
        van_der_pol,
        _SETTINGS,
        _MEASURES,
        "50 trajectories of 200 steps of 0.1 s (20 s, three turns) from random starts are learnt, 50 others forecast for 200 steps. The sampled "
        "network needs one state to start from; networks with a memory are given ten.",
        quick=_QUICK,
        seeds=5,
        seconds=60,
    ),
    "van-der-pol-h1": Task(
        "Van der Pol, the first component alone: six delays, two principal components",
        van_der_pol,
        _SETTINGS | {
            "n_seen": 1,
            "models": {
                "sampled, 80": {"kind": "sampled", "n_units": 80, "n_delays": 6, "delay_compression": 2},
                "sampled, 80, no compression": {"kind": "sampled", "n_units": 80, "n_delays": 6},
                "linear, no compression": {"kind": "linear", "n_delays": 6},
                "echo state, 80": _ESN_1 | {"n_units": 80},
                "echo state, 300": _ESN_1 | {"n_units": 300},
                "LSTM, 64": _LSTM,
                "shPLRNN, 80": _SHPLRNN | {"n_delays": 6, "n_components": 2},
            },
        },
        _MEASURES,
        "The same trajectories, of which only x₁ is seen. The shPLRNN lives in the same two principal components; networks with a memory are given "
        "ten values, three more than the others see. Seven delayed values lie near a surface: uncompressed, nothing holds a free run there.",
        quick=_QUICK,
        seeds=5,
        seconds=60,
    ),
}  # fmt: skip
"""Names of the tasks, and all that decides their numbers."""
