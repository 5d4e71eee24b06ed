"""Memory, classification, system identification and the closed-form figures of fixed poles."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pushforward as pf

from .. import datasets, metrics
from .reservoirs_common import LeastSquares, Measure, Outcome, Task, Tick, lagged

__all__ = ["TASKS"]

Array = NDArray[np.float64]
PAIRS = {(0.75, 0.8): 91.765098, (0.75, 0.76): 2412.5, (0.5, 0.6): 63.957, (0.9, 0.95): 29.270}
"""Two poles → condition number of the Hessian over them, unit gains (arXiv 2602.21454, Figure 1, is the first)."""


def narma10(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """NARMA-10: learn one series, score another; the seed draws both, and the reservoir."""
    X, y = datasets.narma10(s["n_train"], seed=2 * seed)
    X_test, y_test = datasets.narma10(s["n_test"], seed=2 * seed + 1)
    skip, outcome = s["n_skipped"], Outcome()

    def score(name: str, predicted: Array) -> None:
        outcome.add(name, nrmse=metrics.nrmse(y_test[skip:], predicted[skip:]))

    models: dict[str, Any] = {name: pf.EchoStateRegressor(**v, random_state=seed) for name, v in s["echo_state"].items()}
    models |= {name: pf.FixedPoleRegressor(**v, random_state=seed) for name, v in s["fixed_poles"].items()}
    models |= {name: pf.NVARRegressor(**v) for name, v in s["nvar"].items()}
    for k, (name, model) in enumerate(models.items()):
        model.fit(X, y)
        score(name, model.predict(X_test))
        tick((k + 1) / len(models))
    lags = range(s["n_lags"])
    linear = LeastSquares().fit(lagged(X, lags)[skip:], y[skip:])
    score(f"linear, {s['n_lags']} lags", linear.predict(lagged(X_test, lags)))
    score("training mean", np.full(len(y_test), y.mean()))
    outcome.curve = {"truth": y_test[skip : skip + 200].tolist(), "X": X_test[skip : skip + 200, 0].tolist()}
    return outcome


def vowels(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Japanese vowels: which of nine speakers."""
    train, test = datasets.japanese_vowels()
    outcome = Outcome()
    models: dict[str, Any] = {name: pf.EchoStateClassifier(**v, random_state=seed) for name, v in s["echo_state"].items()}
    models |= {name: pf.FixedPoleClassifier(**v, random_state=seed) for name, v in s["fixed_poles"].items()}
    for k, (name, model) in enumerate(models.items()):
        model.fit(train.X, train.y)
        _score_labels(outcome, name, test.y, np.asarray(model.predict(test.X)))
        tick((k + 1) / len(models))
    if seed == 0:
        means, targets = np.stack([x.mean(axis=0) for x in train.X]), np.eye(9)[train.y]
        linear = LeastSquares(1e-6).fit(means, targets)
        found = linear.predict(np.stack([x.mean(axis=0) for x in test.X])).argmax(axis=1)
        _score_labels(outcome, "linear on the mean frame", test.y, found)
        _score_labels(outcome, "most frequent", test.y, np.full(len(test.y), np.bincount(test.y).argmax()))
    return outcome


def _score_labels(outcome: Outcome, name: str, true: NDArray[np.int64], found: NDArray[Any]) -> None:
    outcome.add(name, errors=int(np.sum(true != found)), accuracy=100.0 * metrics.accuracy(true, found))


def identification(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Silverbox or Wiener-Hammerstein: simulate the output from the input alone."""
    record = datasets.silverbox() if s["data"] == "silverbox" else datasets.wiener_hammerstein()
    train = record.train if s["n_train"] is None else datasets.InputOutput(record.train.u[: s["n_train"]], record.train.y[: s["n_train"]])
    u_mean, u_scale, y_scale = train.u.mean(), train.u.std(), train.y.std()
    X, y = ((train.u - u_mean) / u_scale)[:, None], train.y / y_scale
    tests = {name: (((part.u - u_mean) / u_scale)[:, None], part.y) for name, part in record.tests.items()}
    taps = {name: range(s["taps"].get(name, 1)) for name in (*s["echo_state"], *s["fixed_poles"])}
    skip, outcome = s["n_skipped"], Outcome()

    def score(name: str, predict: Any) -> Array:
        first, errors = np.empty(0), {}
        for k, (test, (u, target)) in enumerate(tests.items()):
            error = (target - np.asarray(predict(u)) * y_scale)[skip:]
            errors[test] = 1e3 * float(np.sqrt(np.mean(error**2)))
            first = error if k == 0 else first
        outcome.add(name, **errors)
        return first

    models: dict[str, Any] = {name: pf.EchoStateRegressor(**v, random_state=seed) for name, v in s["echo_state"].items()}
    models |= {name: pf.FixedPoleRegressor(**v, random_state=seed) for name, v in s["fixed_poles"].items()}
    errors = {}
    for k, (name, model) in enumerate(models.items()):
        model.fit(lagged(X, taps[name]), y)
        errors[name] = score(name, functools.partial(_driven, model, taps[name]))
        tick((k + 1) / (len(models) + 1))
    if seed == 0:
        lags = range(s["n_lags"])
        linear = LeastSquares().fit(lagged(X, lags)[s["n_lags"] :], y[s["n_lags"] :])
        name = f"linear, {s['n_lags']} taps"
        errors[name] = score(name, functools.partial(_driven, linear, lags))
        score("training mean", lambda u: np.full(len(u), y.mean()))
        shown = slice(2000, 2600)
        truth = next(iter(record.tests.values())).y[skip:][shown]
        outcome.curve = {"truth": (1e3 * truth).tolist(), "errors": {name: (1e3 * error[shown]).tolist() for name, error in errors.items()}}
    return outcome


def _driven(model: Any, taps: range, u: Array) -> Array:
    """Output of a model that hears the last inputs; NaN throughout when it leaves the finite numbers."""
    try:
        return np.asarray(model.predict(lagged(u, taps)))
    except pf.DivergenceError:
        return np.full(len(u), np.nan)


def poles(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Condition numbers of two-pole fits: over the poles, over poles and gains, over the gains alone."""
    outcome = Outcome()
    for pair, stated in PAIRS.items():
        found = pf.diagnostics.pole_hessian(np.array(pair)).condition_number
        summed = np.linalg.cond(_hessian(pair, s["n_terms"], over="poles"))
        outcome.add(f"poles {pair[0]:g} and {pair[1]:g}, unit gains", stated=stated, condition=found, summed=summed)
        tick(0.5)
    for over, stated in (("both", 4.478e7), ("gains", 256.44)):
        name = {"both": "poles and gains of 0.75 and 0.8", "gains": "gains alone, poles fixed at 0.75 and 0.8"}[over]
        outcome.add(name, stated=stated, condition=None, summed=np.linalg.cond(_hessian((0.75, 0.8), s["n_terms"], over=over)))
    return outcome


def _hessian(pair: tuple[float, float], n_terms: int, over: str) -> Array:
    """2 Jᵀ J of Σ_n (Σ_k b_k β_kⁿ − h_n)² at its minimum, all b = 1, by summing; J holds ∂/∂β = n βⁿ⁻¹ and ∂/∂b = βⁿ."""
    n = np.arange(n_terms, dtype=np.float64)[:, None]
    beta = np.array(pair)
    by_pole, by_gain = n * beta ** np.maximum(n - 1, 0), beta**n
    J = {"poles": by_pole, "gains": by_gain, "both": np.concatenate([by_gain, by_pole], axis=1)}[over]
    return np.asarray(2.0 * J.T @ J)


_FADING: dict[str, Any] = {"spectral_radius": 0.9, "leak_rate": 1.0, "bias_scaling": 0.5, "washout": 200}
_MILLIVOLTS = {"multisine": Measure("multisine test, RMSE [mV]", ".3f"), "arrow": Measure("arrow test, RMSE [mV]", ".3f")}
TASKS = {
    "narma10": Task(
        "NARMA-10",
        narma10,
        {
            "n_train": 4000, "n_test": 2000, "n_skipped": 200, "n_lags": 50,
            "echo_state": {
                "echo state, 500": _FADING | {"n_units": 500, "input_scaling": 0.1, "spectral_radius": 0.99, "ridge": 1e-8},
                "echo state, 1,000": _FADING | {"n_units": 1000, "input_scaling": 0.1, "spectral_radius": 0.99, "ridge": 1e-8},
            },
            "fixed_poles": {
                "fixed poles, 200, tanh": {
                    "n_units": 200, "poles": "ring", "radius": 0.9, "activation": "tanh", "readout": "ridge", "ridge": 1e-8, "washout": 200,
                    "dtype": "float64",
                },
            },
            "nvar": {"NVAR": {"n_delays": 20, "stride": 1, "order": 2, "ridge": 1e-6}},
        },
        {"nrmse": Measure("test NRMSE", ".4f")},
        "4,000 steps learnt, 2,000 of another series scored after 200 skipped.",
        quick={"n_train": 1000, "n_test": 500},
        seconds=8,
    ),
    "vowels": Task(
        "Japanese vowels",
        vowels,
        {
            "echo_state": {
                "echo state, 500": {"n_units": 500, "spectral_radius": 0.9, "leak_rate": 1.0, "input_scaling": 1.0, "washout": 0, "ridge": 0.1},
            },
            "fixed_poles": {
                "fixed poles, 100": {"n_units": 100, "poles": "real", "radius": 0.9, "activation": "tanh", "readout": "ridge", "ridge": 1.0},
            },
        },
        {"errors": Measure("wrong of 370", ".1f"), "accuracy": Measure("right [%]", ".2f", "high")},
        "270 utterances learnt, 370 to name.",
        seconds=10,
    ),
    "silverbox": Task(
        "Silverbox",
        identification,
        {
            "data": "silverbox", "n_train": None, "n_skipped": 100, "n_lags": 150, "taps": {"echo state, 1,000, 40 taps": 40},
            "echo_state": {
                "echo state, 500, hears its own output": _FADING | {
                    "n_units": 500, "spectral_radius": 0.6, "input_scaling": 0.03, "feedback": True, "feedback_scaling": 0.1, "ridge": 1e-6,
                },
                "echo state, 1,000, 40 taps": _FADING | {"n_units": 1000, "input_scaling": 0.01, "spectral_radius": 0.99, "ridge": 1e-6},
            },
            "fixed_poles": {
                "fixed poles, 100, identity": {
                    "n_units": 100, "poles": "ring", "radius": 0.9, "activation": "identity", "readout": "ridge", "ridge": 1e-6, "washout": 200,
                    "dtype": "float64",
                },
            },
        },
        _MILLIVOLTS,
        "Simulation from the input alone; 65,062 samples learnt; the first 100 of each test are not scored. The arrow grows past what was learnt.",
        quick={"n_train": 5000},
        seconds=90,
    ),
    "wiener-hammerstein": Task(
        "Wiener-Hammerstein benchmark 2009",
        identification,
        {
            "data": "wiener-hammerstein", "n_train": None, "n_skipped": 1000, "n_lags": 150, "taps": {"echo state, 1,000, 40 taps": 40},
            "echo_state": {
                "echo state, 1,000": _FADING | {"n_units": 1000, "input_scaling": 0.03, "spectral_radius": 0.99, "ridge": 1e-8},
                "echo state, 1,000, 40 taps": _FADING | {"n_units": 1000, "input_scaling": 0.02, "spectral_radius": 0.5, "ridge": 1e-6},
            },
            "fixed_poles": {
                "fixed poles, 100, identity": {
                    "n_units": 100, "poles": "ring", "radius": 0.9, "activation": "identity", "readout": "ridge", "ridge": 1e-6, "washout": 200,
                    "dtype": "float64",
                },
            },
        },
        {"test": Measure("test RMSE [mV]", ".3f")},
        "Simulation from the input alone; 100,000 samples learnt; the first 1,000 of the 78,800 to test are not scored, as usual.",
        quick={"n_train": 5000},
        seconds=120,
    ),
    "poles": Task(
        "Two poles: condition numbers of the Hessian (arXiv 2602.21454)",
        poles,
        {"n_terms": 4000},
        {
            "stated": Measure("stated or derived", ".8g", ""),
            "condition": Measure("pole_hessian", ".8g", ""),
            "summed": Measure("summed over 4,000 terms", ".8g", ""),
        },
        "Fixing the poles turns the fit into linear least squares, better conditioned by orders of magnitude than with the poles free.",
        seeds=1,
        seconds=0.1,
    ),
}  # fmt: skip
"""Names of the tasks, and all that decides their numbers."""
