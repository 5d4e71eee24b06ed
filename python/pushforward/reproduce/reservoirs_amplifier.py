"""A measured power amplifier: models of it, and predistortion of its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import pushforward as pf

from .. import datasets, metrics
from .reservoirs_common import LeastSquares, Measure, Outcome, Task, Tick, memory_polynomial

__all__ = ["TASKS"]

ComplexArray = NDArray[np.complex128]


class Model(Protocol):
    """A map of a complex baseband series to another of the same length."""

    def fit(self, x: ComplexArray, y: ComplexArray) -> Any: ...

    def predict(self, x: ComplexArray) -> ComplexArray: ...


class Polynomial:
    """Memory polynomial by least squares."""

    def __init__(self, lags: list[int], orders: list[int]) -> None:
        self.lags, self.orders = range(*lags), range(*orders)

    def fit(self, x: ComplexArray, y: ComplexArray) -> Polynomial:
        self.map = LeastSquares(1e-13).fit(memory_polynomial(x, self.lags, self.orders), y)
        return self

    def predict(self, x: ComplexArray) -> ComplexArray:
        return self.map.predict(memory_polynomial(x, self.lags, self.orders))


class Driven:
    """A network driven by powers of the input, one sample ahead (the polynomial sees it too), scaled to mean square one.

    Parameters
    ----------
    network : estimator
    ahead : int
        Samples of the future it hears.
    orders : list of int
        Columns x |x|^(order − 1) that drive it.
    """

    def __init__(self, network: Any, ahead: int, orders: list[int]) -> None:
        self.network, self.ahead, self.orders = network, ahead, range(*orders)

    def fit(self, x: ComplexArray, y: ComplexArray) -> Driven:
        drive = self._drive(x)
        self.scale = np.sqrt(np.mean(np.abs(drive) ** 2, axis=0))
        self.level = np.sqrt(np.mean(np.abs(y) ** 2))
        self.network.fit(drive / self.scale, y / self.level)
        return self

    def predict(self, x: ComplexArray) -> ComplexArray:
        return np.asarray(self.network.predict(self._drive(x) / self.scale) * self.level)

    def _drive(self, x: ComplexArray) -> ComplexArray:
        return memory_polynomial(x, range(-self.ahead, 1), self.orders)


def _models(s: Mapping[str, Any], seed: int) -> dict[str, Model]:
    models: dict[str, Model] = {}
    for name, v in s["fixed_poles"].items():
        models[name] = Driven(pf.FixedPoleRegressor(**v["network"], random_state=seed), v["ahead"], v["orders"])
    for name, v in s["echo_state"].items():
        models[name] = Driven(pf.EchoStateRegressor(**v["network"], random_state=seed), v["ahead"], v["orders"])
    if seed == 0:
        models |= {name: Polynomial(**v) for name, v in s["polynomials"].items()}
    return models


def amplifier(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Model the amplifier, then learn its inverse from its output and put it before two models of the amplifier.

    Indirect learning: the post-inverse, fitted to give x from y / G, is used as the predistorter. G is the gain that takes the peak of the
    input to the peak of the measured output: what a predistorter can hope for without more drive than was measured.
    """
    data, outcome = datasets.power_amplifier(), Outcome()
    train, test = data.train, data.test
    if s["n_train"] is not None:
        train = datasets.ComplexRecord(train.x[: s["n_train"]], train.y[: s["n_train"]])
    gain = float(np.abs(train.y).max() / np.abs(train.x).max())
    stages = {name: Polynomial(**v).fit(train.x, train.y) for name, v in s["stages"].items()}
    models = _models(s, seed)
    limit, spectra = float(np.abs(train.x).max()), {}
    for k, (name, model) in enumerate(models.items()):
        forward = metrics.nmse_db(test.y, model.fit(train.x, train.y).predict(test.x))
        inverse = _models(s, seed)[name].fit(train.y / gain, train.x)
        drive = inverse.predict(test.x)
        clipped = drive * np.minimum(1.0, limit / np.maximum(np.abs(drive), 1e-300))
        after = {stage: _linearity(gain * test.x, amp.predict(clipped)) for stage, amp in stages.items()}
        outcome.add(name, forward=forward, **after)
        if seed == 0:
            spectra[name] = _spectrum(next(iter(stages.values())).predict(clipped))
        tick((k + 1) / len(models))
    if seed == 0:
        before = {stage: _linearity(gain * test.x, amp.predict(test.x)) for stage, amp in stages.items()}
        outcome.add("no predistortion", forward=metrics.nmse_db(test.y, _best_gain(test.x, test.y) * test.x), **before)
        for name, amp in stages.items():
            outcome.add(f"the stage in {name}", forward=metrics.nmse_db(test.y, amp.predict(test.x)))
        spectra |= {"no predistortion": _spectrum(next(iter(stages.values())).predict(test.x)), "input": _spectrum(gain * test.x)}
        outcome.curve = {
            "spectra": spectra, "gain": gain, "x": np.abs(test.x[:2000]).round(5).tolist(),
            "y": np.abs(test.y[:2000]).round(5).tolist(), "phase": np.angle(test.y[:2000] / test.x[:2000]).round(5).tolist(),
        }  # fmt: skip
    return outcome


def _best_gain(x: ComplexArray, y: ComplexArray) -> complex:
    return complex(np.vdot(x, y) / np.vdot(x, x))


def _linearity(wanted: ComplexArray, found: ComplexArray) -> float:
    """NMSE [dB] of a signal against the one wanted, up to one complex factor, which a receiver takes out anyway."""
    return metrics.nmse_db(found, _best_gain(wanted, found) * wanted)


def _spectrum(z: ComplexArray, n: int = 256) -> list[float]:
    """Power density [dB, any level], averaged over half-overlapping Hann windows, from −½ to ½ of the sample rate."""
    window = np.hanning(n)
    parts = [np.abs(np.fft.fftshift(np.fft.fft(window * z[k : k + n]))) ** 2 for k in range(0, len(z) - n + 1, n // 2)]
    return np.asarray((10.0 * np.log10(np.mean(parts, axis=0))).round(2)).tolist()  # type: ignore[no-any-return]


TASKS = {
    "amplifier": Task(
        "Measured power amplifier (OpenDPD, DPA_100MHz)",
        amplifier,
        {
            "n_train": None,
            "fixed_poles": {
                "fixed poles, 64, driven by powers": {
                    "network": {
                        "n_units": 64, "poles": "ring", "radius": 0.8, "readout": "ridge", "ridge": 1e-4, "washout": 50, "dtype": "complex128",
                    },
                    "ahead": 1, "orders": [1, 8],
                },
            },
            "echo_state": {
                "complex echo state, 300": {
                    "network": {
                        "n_units": 300, "spectral_radius": 0.4, "input_scaling": 0.3, "bias_scaling": 0.5, "ridge": 1e-6, "washout": 50,
                        "dtype": "complex128",
                    },
                    "ahead": 1, "orders": [1, 4],
                },
            },
            "polynomials": {
                "memory polynomial, lags −1 … 5, orders 1 … 5": {"lags": [-1, 6], "orders": [1, 6]},
                "linear, lags −1 … 5": {"lags": [-1, 6], "orders": [1, 2]},
            },
            "stages": {
                "memory polynomial 1 … 5": {"lags": [-1, 6], "orders": [1, 6]}, "memory polynomial 1 … 9": {"lags": [-2, 9], "orders": [1, 10]},
            },
        },
        {
            "forward": Measure("model of the amplifier, test NMSE [dB]", ".2f"),
            "memory polynomial 1 … 5": Measure("predistorted, amplifier = memory polynomial 1 … 5, NMSE [dB]", ".2f"),
            "memory polynomial 1 … 9": Measure("predistorted, amplifier = memory polynomial 1 … 9, NMSE [dB]", ".2f"),
        },
        "**Predistortion is judged on models of the amplifier**, not on the amplifier: two memory polynomials fitted to its record. The inverse "
        "is learnt from the measured output (indirect learning), and its drive is clipped to the amplitude that was measured.",
        quick={"n_train": 4000},
        seconds=60,
    ),
}  # fmt: skip
"""Names of the tasks, and all that decides their numbers."""
