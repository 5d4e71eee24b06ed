"""Chaotic series, one step ahead and in closed loop: Mackey-Glass, Lorenz-63 and the Santa Fe laser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pushforward as pf

from .. import datasets, metrics
from .reservoirs_common import LeastSquares, Measure, Outcome, Task, Tick, lagged

__all__ = ["TASKS"]

Array = NDArray[np.float64]
LORENZ_EXPONENT = 0.9056  # 1/s, at σ = 10, ρ = 28, β = 8/3
MACKEY_GLASS_EXPONENT = 0.0058  # 1/s, at τ = 17
N_CURVE = 2000  # points of a drawn series


class _Linear:
    """Autoregression of a few lags, with the calls of the other models."""

    def __init__(self, n_lags: int) -> None:
        self.n_lags = n_lags

    def fit(self, X: Array, y: Array) -> _Linear:
        self.map = LeastSquares().fit(lagged(X, range(self.n_lags))[self.n_lags :], y[self.n_lags :])
        return self

    def predict(self, X: Array) -> Array:
        return self.map.predict(lagged(X, range(self.n_lags)))

    def simulate(self, n_steps: int, warmup: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # an unstable one blows up; that is scored, not raised
            return self.map.simulate(n_steps, warmup, self.n_lags)


def _models(s: Mapping[str, Any], seed: int) -> dict[str, Any]:
    models: dict[str, Any] = {}
    for name, settings in s["echo_state"].items():
        models[name] = pf.EchoStateRegressor(**settings, random_state=seed)
    if seed == 0:  # nothing is drawn in these
        for name, settings in s["nvar"].items():
            models[name] = pf.NVARRegressor(**settings)
        models[f"linear, {s['n_lags']} lags"] = _Linear(s["n_lags"])
    return models


def _forecasts(model: Any, series: Array, starts: NDArray[np.int64], n_steps: int, n_warmup: int) -> list[Array]:
    """Closed loops that follow ``series[:start]``; one that leaves the finite numbers ends in NaN."""
    return [_closed(model, n_steps, series[start - n_warmup : start]) for start in starts.tolist()]


def _closed(model: Any, n_steps: int, warmup: Array) -> Array:
    try:
        return np.asarray(model.simulate(n_steps, warmup=warmup))
    except pf.DivergenceError:
        return np.full((n_steps, warmup.shape[1]), np.nan)


def _chaos(series: Array, s: Mapping[str, Any], seed: int, tick: Tick, *, dt: float, exponent: float, other: Array) -> Outcome:
    """Learn the next value on ``series[:n_train]``; score one step and the closed loop on what follows.

    ``other``: a second true orbit, as long as what is generated; where it lives differs from where the first does only by chance.
    """
    n, horizon, warmup = s["n_train"], s["horizon"], s["n_warmup"]
    mean, deviation = series[:n].mean(axis=0), series[:n].std(axis=0)
    z, z_other = (series - mean) / deviation, (other - mean) / deviation
    starts = np.linspace(n, len(z) - horizon, s["n_starts"]).astype(np.int64)
    truth = [z[start : start + horizon] for start in starts.tolist()]
    outcome = Outcome()
    models = _models(s, seed)
    home = _embedded(z[n:], s["embedding"])
    for k, (name, model) in enumerate(models.items()):
        model.fit(z[: n - 1], z[1:n])
        after = z[n - warmup :]
        step = metrics.nrmse(after[warmup:], model.predict(after[:-1])[warmup - 1 :], reference=z[:n])
        forecasts = _forecasts(model, z, starts, horizon, warmup)
        times = [metrics.valid_prediction_time(a, b, dt, lyapunov_exponent=exponent, reference=z[:n]) for a, b in zip(truth, forecasts, strict=True)]
        errors = [_nrmse(a[: s["n_scored"]], b[: s["n_scored"]], z[:n]) for a, b in zip(truth, forecasts, strict=True)]
        life = _closed(model, s["n_generated"], z[n - warmup : n])
        alive = bool(np.isfinite(life).all())  # counted as outside, an orbit that has blown up would score as one that knows nothing
        place = metrics.state_space_divergence(home, _embedded(life, s["embedding"]), s["n_bins"]) if alive else None
        outcome.add(name, one_step=step, **_summary(errors, times), d_stsp=place)
        if k == 0 and seed == 0:
            outcome.curve = {
                "dt": dt, "exponent": exponent, "valid": float(times[0]), "model": name, "delays": s["embedding"],
                "truth": _short(truth[0]), "forecast": _short(forecasts[0]), "life": _short(_embedded(life, s["embedding"])), "home": _short(home),
            }  # fmt: skip
        tick((k + 1) / len(models))
    if seed == 0:
        nothing = [np.repeat(z[start - 1 : start], horizon, axis=0) for start in starts.tolist()]
        times = [metrics.valid_prediction_time(a, b, dt, lyapunov_exponent=exponent, reference=z[:n]) for a, b in zip(truth, nothing, strict=True)]
        errors = [_nrmse(a[: s["n_scored"]], b[: s["n_scored"]], z[:n]) for a, b in zip(truth, nothing, strict=True)]
        step = metrics.nrmse(z[n:], z[n - 1 : -1], reference=z[:n])
        outcome.add("no change", one_step=step, **_summary(errors, times))
        floor = metrics.state_space_divergence(home, _embedded(z_other[: s["n_generated"]], s["embedding"]), s["n_bins"])
        outcome.add("another true orbit (floor of D_stsp)", d_stsp=floor)
    return outcome


def _short(points: Array) -> list[list[float]]:
    """The start of a series, to four decimals; where it has left the finite numbers it ends."""
    finite = np.isfinite(points).all(axis=1)
    end = len(points) if finite.all() else int(np.argmin(finite))
    return np.asarray(np.clip(points[: min(end, N_CURVE)], -1e3, 1e3).round(4)).tolist()  # type: ignore[no-any-return]


def _summary(errors: list[float], times: list[float]) -> dict[str, float]:
    """Over the starts. An error that is not finite makes the mean missing."""
    return {
        "closed": float(np.mean(errors)), "closed_median": float(np.median(np.nan_to_num(errors, nan=np.inf))),
        "valid": float(np.mean(times)), "valid_median": float(np.median(times)),
    }  # fmt: skip


def _nrmse(true: Array, forecast: Array, reference: Array) -> float:
    return metrics.nrmse(true, forecast, reference=reference) if np.isfinite(forecast).all() else float("nan")


def _embedded(z: Array, delays: list[int] | None) -> Array:
    """The series itself, or for a scalar one delayed copies side by side."""
    if delays is None:
        return z
    return np.concatenate([z[max(delays) - d : len(z) - d] for d in delays], axis=1)


def lorenz(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Lorenz-63, all three coordinates seen."""
    length = s["n_train"] + s["n_test"]
    series = datasets.lorenz63(length, dt=s["dt"])
    other = datasets.lorenz63(s["n_generated"], dt=s["dt"], initial=(-5.0, 3.0, 20.0))
    return _chaos(series, s, seed, tick, dt=s["dt"], exponent=LORENZ_EXPONENT, other=other)


def mackey_glass(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Mackey-Glass, τ = 17, a sample a second."""
    length = s["n_train"] + s["n_test"]
    series = datasets.mackey_glass(length)[:, None]
    other = datasets.mackey_glass(s["n_generated"], initial=0.6)[:, None]
    return _chaos(series, s, seed, tick, dt=1.0, exponent=MACKEY_GLASS_EXPONENT, other=other)


def laser(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Santa Fe laser; its Lyapunov exponent is not agreed on, so valid times are in samples."""
    train, test = datasets.santafe_laser()
    series = np.concatenate([train, test])[:, None]
    other = series[-s["n_generated"] :]
    return _chaos(series[: s["n_train"] + s["n_test"]], s, seed, tick, dt=1.0, exponent=1.0, other=other)


def _measures(scored: str, unit: str) -> dict[str, Measure]:
    """The columns, with what is scored and the unit of time."""
    return {
        "one_step": Measure("one step, NRMSE", ".2e"),
        "closed": Measure(f"{scored}, NRMSE, mean", ".3g"),
        "closed_median": Measure("median", ".3g"),
        "valid": Measure(f"valid time [{unit}], mean", ".2f", "high"),
        "valid_median": Measure("median", ".2f", "high"),
        "d_stsp": Measure("D_stsp [nats]", ".3f"),
    }


_ESN: dict[str, Any] = {"spectral_radius": 0.9, "input_scaling": 0.1, "bias_scaling": 0.5, "leak_rate": 1.0, "washout": 100}
TASKS = {
    "mackey-glass": Task(
        "Mackey-Glass (τ = 17, one sample a second)",
        mackey_glass,
        {
            "n_train": 4000, "n_test": 12_000, "n_starts": 10, "n_warmup": 300, "horizon": 1500, "n_scored": 400, "n_generated": 10_000,
            "embedding": [0, 6, 12], "n_bins": 30, "n_lags": 20,
            "echo_state": {
                "echo state, 500": _ESN | {"n_units": 500, "spectral_radius": 0.99, "input_scaling": 0.2, "ridge": 1e-10},
                "echo state, 500, peers' settings":
                    _ESN | {"n_units": 500, "spectral_radius": 0.99, "leak_rate": 0.3, "input_scaling": 1.0, "bias_scaling": 1.0, "ridge": 1e-4},
            },
            "nvar": {"NVAR": {"n_delays": 6, "stride": 4, "order": [2, 3], "ridge": 1e-8}},
        },
        _measures("closed loop over 400 steps", "Lyapunov times of 172 s"),
        "RK4 with ten substeps a sample. Exponent 0.0058 per second. D_stsp: 30 bins an axis, delays 0, 6, 12.",
        quick={"n_train": 1500, "n_test": 2500, "n_starts": 3, "horizon": 600, "n_generated": 1500},
        seconds=15,
    ),
    "lorenz": Task(
        "Lorenz-63 (dt = 0.02 s, noiseless)",
        lorenz,
        {
            "dt": 0.02, "n_train": 10_000, "n_test": 30_000, "n_starts": 20, "n_warmup": 200, "horizon": 1400, "n_scored": 200,
            "n_generated": 30_000, "embedding": None, "n_bins": 30, "n_lags": 10,
            "echo_state": {
                "echo state, 1,000, ridge 1e-12": _ESN | {"n_units": 1000, "ridge": 1e-12},
                "echo state, 1,000, normal equations, ridge 1e-9": _ESN | {"n_units": 1000, "ridge": 1e-9, "solver": "gram"},
                "echo state, 300, ridge 1e-8": _ESN | {"n_units": 300, "ridge": 1e-8},
            },
            "nvar": {"NVAR": {"n_delays": 3, "stride": 1, "order": [2, 3], "ridge": 1e-10, "predict_increment": True}},
        },
        _measures("closed loop over 4 s", "Lyapunov times of 1.104 s"),
        "RK4, one step a sample. Exponent 0.9056 per second; 20 starts along an orbit not learnt. "
        "D_stsp: 30 bins an axis over three axes. The normal equations are singular at ridge 1e-12 and refused; 1e-9 is near the least they take.",
        quick={"n_train": 2000, "n_test": 4000, "n_starts": 3, "horizon": 800, "n_generated": 3000},
        seconds=40,
    ),
    "laser": Task(
        "Santa Fe laser",
        laser,
        {
            "n_train": 4000, "n_test": 3000, "n_starts": 20, "n_warmup": 200, "horizon": 300, "n_scored": 100, "n_generated": 3000,
            "embedding": [0, 2, 4], "n_bins": 20, "n_lags": 20,
            "echo_state": {
                "echo state, 500": _ESN | {"n_units": 500, "input_scaling": 0.5, "ridge": 1e-3},
                "echo state, 1,000": _ESN | {"n_units": 1000, "input_scaling": 0.5, "ridge": 1e-3},
            },
            "nvar": {"NVAR": {"n_delays": 8, "stride": 1, "order": [2, 3], "ridge": 0.1}},
        },
        _measures("closed loop over 100 samples", "samples"),
        "The first 4,000 samples are learnt, the 3,000 that follow are scored, from 20 starts. D_stsp: 20 bins an axis, delays 0, 2, 4.",
        quick={"n_train": 1000, "n_test": 1000, "n_starts": 3, "n_generated": 1000},
        seconds=15,
    ),
}  # fmt: skip
"""Names of the tasks, and all that decides their numbers."""
