"""Lorenz-63 and Rössler: where the free-running network lives (D_stsp), and for how long it follows the true orbit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import datasets, metrics
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
)

__all__ = ["TASKS"]

Array = NDArray[np.float64]


def _orbit(s: Mapping[str, Any], n_steps: int, initial: tuple[float, float, float]) -> Array:
    if s["system"] == "lorenz":
        return datasets.lorenz63(n_steps, dt=s["dt"], initial=initial)
    return datasets.rossler(n_steps, dt=s["dt"], initial=initial)


def chaos(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Learn one noiseless orbit; let the model run on from its end, and from many starts along a second orbit. The seed draws the networks."""
    n, n_life, horizon = s["n_train"], s["n_generated"], s["n_forecast"]
    orbit = _orbit(s, n + n_life, tuple(s["initial"][0]))
    train, home = orbit[:n], orbit[n:]
    second = _orbit(s, n_life, tuple(s["initial"][1]))
    places = np.linspace(0, n_life - horizon - s["n_past"], s["n_starts"]).astype(np.int64)
    past = np.stack([second[k : k + s["n_past"]] for k in places])
    truth = np.stack([second[k + s["n_past"] : k + s["n_past"] + horizon] for k in places])
    outcome, lines = Outcome(), {}

    def score(true: Array, forecast: Array) -> dict[str, float]:
        step = float(np.sqrt(np.mean(((true[:, 0] - forecast[:, 0]) / train.std(axis=0)) ** 2)))
        times = [
            metrics.valid_prediction_time(a, b, s["dt"], lyapunov_exponent=s["exponent"], reference=train)
            for a, b in zip(true, forecast, strict=True)
        ]
        return {"one_step": step, "valid": float(np.mean(times)), "valid_median": float(np.median(times))}

    for fit in fitted(s, seed, tick, [train]):
        forecast = fit.model.forecast(past, horizon, None)
        life = fit.model.forecast(train[None, -s["n_past"] :], n_life, None)[0]
        alive = bool(np.isfinite(life).all())  # counted as outside, an orbit that has blown up would score as one that knows nothing
        place = metrics.state_space_divergence(home, life, s["n_bins"]) if alive else None
        outcome.add(fit.name, **score(truth, forecast), d_stsp=place, **fit.measures())
        lines[fit.name] = against_horizon(truth, forecast, train.std(axis=0))
        if fit.is_first:
            outcome.curve = {"model": fit.name, "ahead": "Lyapunov times ahead", "states": s["axes"], "spectrum": spectrum(fit.model)}
            outcome.curve |= {"truth": [home[: s["n_drawn"]].round(4).tolist()], "forecast": [shown(life[: s["n_drawn"]], 4)]}
    if seed == 0:
        nothing = score_unchanged(outcome, past, truth, score)
        lines["no change"] = against_horizon(truth, nothing, train.std(axis=0))
    floor = _orbit(s, n_life, tuple(np.add(s["initial"][1], 0.01 * (seed + 1))))  # another one for every seed
    outcome.add("another true orbit (floor of D_stsp)", d_stsp=metrics.state_space_divergence(home, floor, s["n_bins"]))
    outcome.curve |= horizon_curve(lines, s["dt"] * s["exponent"])
    return outcome


def _measures(unit: str) -> dict[str, Measure]:
    return {
        "one_step": Measure("one step, RMSE / std", ".2e"),
        "d_stsp": Measure("D_stsp [nats]", ".3f", ""),
        "valid": Measure(f"valid time [{unit}], mean over starts", ".2f", "high"),
        "valid_median": Measure("median over starts", ".2f", "high"),
        "fit": FIT,
        "radius": RADIUS,
    }


_ESN: dict[str, Any] = {"kind": "echo state", "spectral_radius": 0.9, "input_scaling": 0.1, "bias_scaling": 0.5, "washout": 100, "ridge": 1e-10}
_ESN_SLOW = _ESN | {"spectral_radius": 0.1, "leak_rate": 0.5}
_LSTM = {"kind": "lstm", "n_units": 64, "n_forced": 20, "n_window": 60, "n_batch": 64, "n_updates": 1500, "learning_rate": 3e-3}
_SHPLRNN = {"kind": "shplrnn", "n_hidden": 200, "forcing": 0.1, "n_window": 60, "n_batch": 32, "n_updates": 3000, "learning_rate": 3e-3}
_QUICK = {"n_train": 2000, "n_generated": 2000, "n_forecast": 300, "n_starts": 4, "torch_updates": 20, "n_drawn": 1000}
TASKS = {
    "lorenz": Task(
        "Lorenz-63 (dt = 0.01 s, noiseless)",
        chaos,
        {
            "system": "lorenz", "axes": ["x", "", "z"], "dt": 0.01, "exponent": 0.9056, "initial": [[1.0, 1.0, 1.0], [-5.0, 3.0, 20.0]],
            "n_train": 50_000, "n_generated": 50_000, "n_past": 100, "n_forecast": 1600, "n_starts": 40, "n_bins": 30, "n_drawn": 4000,
            "models": {
                "sampled, 200": {"kind": "sampled", "n_units": 200},
                "sampled, 200, as published": AS_PUBLISHED | {"n_units": 200},
                "echo state, 200": _ESN | {"n_units": 200},
                "echo state, 1,000": _ESN | {"n_units": 1000},
                "LSTM, 64": _LSTM,
                "shPLRNN, 200": _SHPLRNN,
            },
        },
        _measures("Lyapunov times of 1.104 s"),
        "50,000 points are learnt; the network then runs on for 50,000, which are held against the true continuation (30 bins an axis), and is "
        "started 40 times along a second orbit. D_stsp below its floor only says that more cannot be told.",
        quick=_QUICK,
        seeds=5,
        seconds=110,
    ),
    "rossler": Task(
        "Rössler (dt = 0.1 s, noiseless)",
        chaos,
        {
            "system": "rossler", "axes": ["x", "y", ""], "dt": 0.1, "exponent": 0.0714, "initial": [[1.0, 1.0, 0.0], [2.0, -3.0, 0.1]],
            "n_train": 20_000, "n_generated": 20_000, "n_past": 100, "n_forecast": 3000, "n_starts": 40, "n_bins": 30, "n_drawn": 3000,
            "models": {
                "sampled, 300": {"kind": "sampled", "n_units": 300},
                "sampled, 300, as published": AS_PUBLISHED | {"n_units": 300},
                "echo state, 300": _ESN_SLOW | {"n_units": 300},
                "echo state, 1,000": _ESN_SLOW | {"n_units": 1000, "ridge": 1e-9},
                "LSTM, 64": _LSTM,
                "shPLRNN, 200": _SHPLRNN | {"forcing": 0.3},
            },
        },
        _measures("Lyapunov times of 14.0 s"),
        "20,000 points are learnt; the rest as for Lorenz-63, with 20,000 points generated.",
        quick=_QUICK,
        seeds=5,
        seconds=110,
    ),
}  # fmt: skip
"""Names of the tasks, and all that decides their numbers."""
