"""Temperature a day and a week ahead, from the week before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import datasets
from .koopman_common import FIT, RADIUS, RUNAWAY, Measure, Outcome, Task, Tick, fitted, horizon_curve, shown, spectrum

__all__ = ["SOURCES", "TASKS"]

Array = NDArray[np.float64]
DAY, WEEK = 24, 168  # hours
YEAR = 365.2425 * DAY
SOURCES: dict[str, tuple[Callable[[], datasets.WeatherSeries], str]] = {
    "Melbourne": (datasets.australian_temperature, "Melbourne"),
    "Jena": (datasets.jena_climate, "T (degC)"),
    "Jena 2020": (datasets.jena_2020_part, "T_degC"),
}
"""Where each series comes from: the loader, and the column."""


def hourly(series: datasets.WeatherSeries, column: str) -> tuple[Array, Array]:
    """Mean of the readings of every full hour, (n_hours,), gaps filled linearly, and the hours since the start of 1970 on the local clock."""
    values = series.column(column)
    good = np.isfinite(values)
    stamp = (series.times[good].astype("datetime64[s]").astype(np.int64) // 3600).astype(np.int64)
    first = stamp[0]
    count = np.bincount(stamp - first)
    mean = np.bincount(stamp - first, weights=values[good]) / np.maximum(count, 1)
    hours = np.arange(len(count))
    return np.interp(hours, hours[count > 0], mean[count > 0]), (first + hours).astype(np.float64)


def calendar(hours: Array, cycles: list[str]) -> Array:
    """Sine and cosine of the time of day, and if asked of the time of year, (n_hours, 2 or 4): known for the future too."""
    periods = {"day": DAY, "year": YEAR}
    angles = [2 * np.pi * hours / periods[cycle] for cycle in cycles]
    return np.stack([wave(angle) for angle in angles for wave in (np.sin, np.cos)], axis=1)


def habit(hours: Array, temperature: Array, cycles: list[str], asked: Array) -> Array:
    """What is usual at this time of day and year: least squares on three harmonics of each cycle and their products."""

    def features(at: Array) -> Array:
        waves = [calendar(harmonic * at, [cycle]) for cycle in cycles for harmonic in (1, 2, 3)]
        each = [np.concatenate([np.ones((len(at), 1)), *waves[3 * k : 3 * k + 3]], axis=1) for k in range(len(cycles))]
        joint = each[0]
        for more in each[1:]:
            joint = (joint[:, :, None] * more[:, None, :]).reshape(len(at), -1)
        return joint

    return np.asarray(features(asked) @ np.linalg.lstsq(features(hours), temperature, rcond=None)[0])


def weather(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Learn the first part, score the last from a start a day. The seed draws the networks."""
    load, column = SOURCES[s["source"]]
    temperature, hours = hourly(load(), column)
    temperature, hours = temperature[-s["n_hours"] :], hours[-s["n_hours"] :]
    n = int(s["share"] * len(temperature))
    x, u = temperature[:, None], calendar(hours, s["calendar"])
    starts = np.arange(n + WEEK, len(x) - WEEK, s["every"])  # not a whole number of days: at every hour of the day in turn
    past = np.stack([x[k - WEEK : k] for k in starts])
    truth = np.stack([x[k : k + WEEK] for k in starts])
    driving = np.stack([u[k - WEEK : k + WEEK - 1] for k in starts])
    outcome, lines = Outcome(), {}

    def score(name: str, forecast: Array, **more: float) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            rmse = np.sqrt(np.mean((truth - forecast)[..., 0] ** 2, axis=0))
            rmse[~(rmse < RUNAWAY)] = np.nan
            day, week = (float(np.sqrt(np.mean(rmse[:n] ** 2))) for n in (DAY, WEEK))
        outcome.add(name, hour=float(rmse[0]), day=day, at_day=float(rmse[DAY - 1]), week=week, at_week=float(rmse[-1]), **more)
        lines[name] = rmse

    for fit in fitted(s, seed, tick, [x[:n]], [u[:n]]):
        forecast = fit.model.forecast(past, WEEK, driving)
        score(fit.name, forecast, **fit.measures())
        if fit.is_first:
            outcome.curve = {"model": fit.name, "ahead": "hours ahead", "spectrum": spectrum(fit.model), "label": s["unit"]}
            some = np.linspace(0, len(starts) - 1, 3).astype(int)
            outcome.curve |= {"past": [shown(past[k, -2 * DAY :], 2) for k in some]}
            outcome.curve |= {"truth": [shown(truth[k], 2) for k in some], "forecast": [shown(forecast[k], 2) for k in some]}
    if seed == 0:
        usual = habit(hours[:n], temperature[:n], s["calendar"], hours)[:, None]
        score("what is usual at this time", np.stack([usual[k : k + WEEK] for k in starts]))
        score("the same hour of the last day", np.stack([np.tile(x[k - DAY : k], (WEEK // DAY, 1)) for k in starts]))
        score("no change", np.repeat(past[:, -1:], WEEK, axis=1))
    outcome.curve |= horizon_curve(lines, 1.0)
    return outcome


def _measures(unit: str) -> dict[str, Measure]:
    return {
        "hour": Measure(f"RMSE [{unit}]: next hour", ".3f"),
        "day": Measure("first day", ".3f"),
        "at_day": Measure("after 1 day", ".3f"),
        "week": Measure("first week", ".3f"),
        "at_week": Measure("after 1 week", ".3f"),
        "fit": FIT,
        "radius": RADIUS,
    }


def _settings(source: str, unit: str, cycles: list[str], echo_ridge: float) -> dict[str, Any]:
    delays = {"n_delays": WEEK - 1}
    sampled = {"kind": "sampled", "n_units": 256, "ridge": 10.0, **delays}
    return {
        "source": source, "unit": unit, "calendar": cycles, "n_hours": 200_000, "share": 0.8, "every": 25,
        "models": {
            "sampled, 256": sampled,
            "sampled, 256, 24 principal components": sampled | {"delay_compression": 24},
            "linear": {"kind": "linear", "ridge": 10.0, **delays},
            "echo state, 300": {
                "kind": "echo state", "n_units": 300, "spectral_radius": 0.95, "input_scaling": 0.1, "bias_scaling": 0.5, "washout": WEEK,
                "ridge": echo_ridge,
            },
            "LSTM, 64": {"kind": "lstm", "n_units": 64, "n_forced": 48, "n_window": 96, "n_batch": 32, "n_updates": 600, "learning_rate": 3e-3},
            "shPLRNN, 256, 24 principal components": {
                "kind": "shplrnn", "n_hidden": 256, "forcing": 0.1, "n_components": 24, "n_window": 48, "n_batch": 32, "n_updates": 2000,
                "learning_rate": 1e-3, **delays,
            },
        },
    }  # fmt: skip


_NOTE = (
    "Hourly means; the state is the temperature of the last week, the inputs are sine and cosine of the time of day and of year. One model a row, "
    "run freely from hour to hour for a week, from a start every 25 hours of the last fifth; nothing of the future but the calendar is known."
)
_QUICK = {"n_hours": 4000, "calendar": ["day"], "every": 50, "torch_updates": 10}
TASKS = {
    "weather": Task(
        "Temperature of Melbourne, one day and one week ahead", weather, _settings("Melbourne", "°C", ["day", "year"], 1e-6), _measures("°C"),
        _NOTE, _QUICK, 5, 120,
    ),
    "weather-jena": Task(
        "Temperature of Jena, one day and one week ahead", weather, _settings("Jena", "°C", ["day", "year"], 1e-6), _measures("°C"),
        _NOTE, _QUICK, 5, 150,
    ),
    "weather-jena-2020": Task(
        "Temperature of Jena, part of 2020, one day and one week ahead",
        weather,
        _settings("Jena 2020", "std", ["day"], 1e-4),
        _measures("std"),
        "Eight months, standardised by their publisher. " + _NOTE.replace(" and of year", ""),
        _QUICK,
        5,
        50,
    ),
}  # fmt: skip
"""Names of the tasks, and all that decides their numbers."""
