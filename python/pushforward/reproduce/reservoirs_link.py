"""A simulated wireless link (arXiv 2602.21454): who detects the symbols, and what training the recurrence does to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pushforward as pf

from .. import datasets, metrics, optim
from ..datasets import OFDMLink
from .reservoirs_common import LeastSquares, Measure, Outcome, Task, Tick, delayed, lagged

__all__ = ["TASKS"]

ComplexArray = NDArray[np.complex128]
Detector = Callable[[OFDMLink, ComplexArray, int, int], ComplexArray]


def link(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Symbol error rate of every detector at every signal-to-noise ratio; the seed draws symbols, channel, noise and networks."""
    errors: dict[str, dict[str, float]] = {}
    for k, snr in enumerate(s["snrs"]):
        sent = datasets.ofdm_link(s["n_pilots"], s["n_payload"], s["modulation"], snr, seed=seed, **s["link"])
        for name, estimate in _detect(sent, s, seed).items():
            errors.setdefault(name, {})[f"snr_{snr}"] = _errors(sent, estimate)
        tick((k + 1) / len(s["snrs"]))
    outcome = Outcome()
    for name, found in errors.items():
        outcome.add(name, **found)
    return outcome


def _errors(link: OFDMLink, estimate: ComplexArray | None) -> float:
    """Symbol error rate of the payload, from symbols (n_blocks, n_subcarriers) or from samples; a detector that diverged guesses."""
    if estimate is None:
        return 1.0 - 1.0 / len(link.points)
    symbols = link.demodulate(estimate) if estimate.ndim == 1 else estimate
    return metrics.symbol_error_rate(link.symbols[link.n_pilots :], symbols[link.n_pilots :], link.points)


def _signals(link: OFDMLink, delay: int) -> tuple[ComplexArray, ComplexArray]:
    """What is heard (n_samples + delay, 1), scaled to power one over the pilots, and what was sent ``delay`` samples before."""
    heard = np.append(link.received, np.zeros(delay))
    heard = heard / np.sqrt(np.mean(np.abs(heard[: link.n_pilot_samples]) ** 2))
    return heard[:, None], np.asarray(delayed(np.append(link.sent, np.zeros(delay)), delay))


def _detect(link: OFDMLink, s: Mapping[str, Any], seed: int) -> dict[str, ComplexArray | None]:
    """Estimates of every detector: samples as sent, or symbols."""
    delay, n = s["delay"], link.n_pilot_samples
    X, y = _signals(link, delay)
    found: dict[str, ComplexArray | None] = {}
    for name, settings in s["fixed_poles"].items():
        found[name] = pf.FixedPoleRegressor(**settings, random_state=seed).fit(X[:n], y[:n]).predict(X)[delay:]
    for name, settings in s["echo_state"].items():
        found[name] = pf.EchoStateRegressor(**settings, random_state=seed).fit(X[:n], y[:n]).predict(X)[delay:]
    for name, (optimizer, settings) in s["trained_poles"].items():
        found[name] = _trained_poles(X, y, n, optim.optimizer_from_dict(optimizer), settings, s["passes"], seed, delay)
    for name, (optimizer, settings) in s["trained_network"].items():
        model = _network(optimizer, settings, seed)
        try:
            model.fit(_pairs(X[:n]), _pairs(y[:n, None]))
            for _ in range(s["passes"] - 1):
                model.reset_state().partial_fit(_pairs(X[:n]), _pairs(y[:n, None]))
            found[name] = _complex(model.predict(_pairs(X)))[delay:]
        except pf.DivergenceError:
            found[name] = None
    lags = range(s["n_taps"])
    equaliser = LeastSquares(1e-6).fit(lagged(X, lags)[:n], y[:n])
    found[f"linear equaliser, {s['n_taps']} taps"] = equaliser.predict(lagged(X, lags))[delay:]
    heard, pilots = link.demodulate(link.received), link.symbols[: link.n_pilots]
    gains = np.sum(heard[: link.n_pilots] * pilots.conj(), axis=0) / np.sum(np.abs(pilots) ** 2, axis=0)
    found["one tap a subcarrier (usual OFDM receiver)"] = heard / gains
    return found


def _trained_poles(
    X: ComplexArray, y: ComplexArray, n: int, optimizer: Any, settings: Mapping[str, Any], passes: int, seed: int, delay: int
) -> ComplexArray | None:
    """Poles that follow the gradient, a pass over the pilots after the other; ``None`` when one of them is carried out of the unit circle."""
    model = pf.FixedPoleRegressor(**settings, learn_poles=True, readout="rls", optimizer=optimizer, random_state=seed)
    try:
        model.fit(X[:n], y[:n])
        for _ in range(passes - 1):
            model.reset_state()
            model.partial_fit(X[:n], y[:n])
        return np.asarray(model.predict(X))[delay:]
    except pf.DivergenceError:
        return None


def _network(optimizer: Mapping[str, Any], settings: Mapping[str, Any], seed: int) -> Any:
    return pf.RecurrentRegressor(**settings, optimizer=optim.optimizer_from_dict(dict(optimizer)), n_threads=1, random_state=seed)


def _pairs(z: ComplexArray) -> NDArray[np.float64]:
    """(n, k) complex → (n, 2 k) real: in-phase and quadrature."""
    return np.ascontiguousarray(np.concatenate([z.real, z.imag], axis=1))


def _complex(pairs: NDArray[np.float64]) -> ComplexArray:
    return np.asarray(pairs[:, 0] + 1j * pairs[:, 1])


def training(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Follow an Elman network trained on the pilots again and again: gradient norm, κ(W_rec), |λ|max, error; fixed poles beside."""
    sent = datasets.ofdm_link(s["n_pilots"], s["n_payload"], s["modulation"], s["snr"], seed=seed, **s["link"])
    delay, n, outcome = s["delay"], sent.n_pilot_samples, Outcome()
    X, y = _signals(sent, delay)
    runs = len(s["trained_network"])
    curves: dict[str, list[list[float]]] = {}
    for k, (name, (optimizer, settings)) in enumerate(s["trained_network"].items()):
        model, curve = _network(optimizer, settings, seed), curves.setdefault(name, [])
        curve_of, diverged = _pairs(X[:n]), False
        for done in range(s["n_passes"] + 1):
            try:
                if done:
                    model.reset_state()
                    model.partial_fit(curve_of, _pairs(y[:n, None]))
                else:
                    model.partial_fit(curve_of[:1], _pairs(y[:1, None]))
                curve.append([float(done), *_look(model, X, y, n)])
            except pf.DivergenceError:
                diverged = True
                break
            tick((k + done / s["n_passes"]) / runs)
        estimate = None if diverged else _complex(model.predict(_pairs(X)))[delay:]
        first, last = curve[0], curve[-1]
        outcome.add(
            name, ser=_errors(sent, estimate), nmse=None if estimate is None else _payload_nmse(sent, estimate),
            condition_first=first[2], condition=last[2], radius_first=first[3], radius=last[3], gradient=last[1] / first[1],
        )  # fmt: skip
    for name, settings in s["fixed_poles"].items():
        fixed = pf.FixedPoleRegressor(**settings, random_state=seed).fit(X[:n], y[:n])
        estimate = np.asarray(fixed.predict(X))[delay:]
        size = np.abs(fixed.poles_)
        outcome.add(
            name, ser=_errors(sent, estimate), nmse=_payload_nmse(sent, estimate),
            condition_first=size.max() / size.min(), condition=size.max() / size.min(), radius_first=size.max(), radius=size.max(),
        )  # fmt: skip
        curves[name] = [[0.0, 0.0, 0.0, 0.0, metrics.nmse_db(y[n:], np.asarray(fixed.predict(X))[n:])]]
    outcome.curve = {"columns": ["pass", "gradient norm", "κ(W_rec)", "|λ|max", "payload NMSE [dB]"], "curves": curves}
    return outcome


def _look(model: Any, X: ComplexArray, y: ComplexArray, n: int) -> list[float]:
    """Norm of the exact gradient of the mean loss over the pilots, κ(W_rec), |λ|max, NMSE of the payload [dB]."""
    W_rec = model.cell_.unpack(model.theta_)["W_rec"].reshape(model.n_units, model.n_units)
    readout = model.W_out_, model.b_out_
    _, gradient, *_ = pf.kernels.block_gradient(model.cell_, model.theta_, readout, _pairs(X[:n]), _pairs(y[:n, None]), carry="none", n_threads=1)
    norm = float(np.sqrt(sum(np.sum(part**2) for part in gradient.values()))) / n
    values = np.abs(np.linalg.eigvals(W_rec))
    error = metrics.nmse_db(y[n:], _complex(model.predict(_pairs(X)))[n:])
    return [norm, float(np.linalg.cond(W_rec)), float(values.max()), error]


def _payload_nmse(link: OFDMLink, estimate: ComplexArray) -> float:
    return metrics.nmse_db(link.sent[link.n_pilot_samples :], estimate[link.n_pilot_samples :])


_FIXED: dict[str, Any] = {"n_units": 32, "poles": "ring", "radius": 0.9, "dtype": "complex128", "ridge": 1e-3}
_ELMAN: dict[str, Any] = {"n_units": 32, "cell": "elman", "activation": "tanh", "dtype": "float64"}
_OPTIMIZERS = {
    "SGD": optim.SGD(learning_rate=1e-2), "RMSprop": optim.RMSprop(learning_rate=1e-3), "Adam": optim.Adam(learning_rate=1e-3),
}  # fmt: skip
_SLOWER = {
    "SGD": optim.SGD(learning_rate=1e-4), "RMSprop": optim.RMSprop(learning_rate=1e-4), "Adam": optim.Adam(learning_rate=1e-4),
}  # fmt: skip
_LINK: dict[str, Any] = {
    "n_pilots": 20, "n_payload": 100, "delay": 10, "n_taps": 32, "snrs": [0, 5, 10, 15, 20, 25, 30],
    "link": {"n_subcarriers": 64, "cyclic_prefix": 16, "n_taps": 4, "amplifier": "rapp", "back_off_db": 6.0},
    "fixed_poles": {
        "fixed poles + RLS": _FIXED | {"readout": "rls"},
        "fixed poles + ridge": _FIXED | {"readout": "ridge"},
    },
    "echo_state": {
        "complex echo state + ridge": {
            "n_units": 32, "spectral_radius": 0.9, "input_scaling": 0.03, "bias_scaling": 0.0, "ridge": 1e-3, "washout": 20, "dtype": "complex128",
        },
    },
    "passes": 10,
    "trained_poles": {f"trained poles, {name}": [o.to_dict(), _FIXED] for name, o in _SLOWER.items()},
    "trained_network": {f"trained network, {name}": [o.to_dict(), _ELMAN] for name, o in _OPTIMIZERS.items()},
}  # fmt: skip
_QUICK: dict[str, Any] = {"n_pilots": 10, "n_payload": 10, "snrs": [10, 20], "passes": 2}
_NOTE = (
    "64 subcarriers, prefix 16, a channel of 4 taps, Rapp amplifier 6 dB below saturation, 20 pilot blocks (1,600 samples), 100 blocks "
    "to detect, a decision delay of 10 samples; 32 units each. The receiver with one tap a subcarrier knows where blocks begin, the others do not. "
    "A detector that diverged counts as guessing."
)


def _link_task(modulation: str, title: str) -> Task:
    measures = {f"snr_{snr}": Measure(f"{snr} dB", ".4f") for snr in _LINK["snrs"]}
    return Task(title, link, _LINK | {"modulation": modulation}, measures, _NOTE, quick=_QUICK, seconds=60)


TASKS = {
    "link-qpsk": _link_task("qpsk", "Wireless link, QPSK: symbol error rate against signal-to-noise ratio"),
    "link-16qam": _link_task("16qam", "Wireless link, 16-QAM: symbol error rate against signal-to-noise ratio"),
    "training": Task(
        "Wireless link, 16-QAM at 25 dB: what training does to the recurrence",
        training,
        {name: _LINK[name] for name in ("n_pilots", "n_payload", "delay", "link", "fixed_poles", "trained_network")}
        | {"modulation": "16qam", "snr": 25, "n_passes": 60},
        {
            "ser": Measure("symbol error rate", ".4f"),
            "nmse": Measure("payload NMSE [dB]", ".2f"),
            "condition_first": Measure("κ(W_rec) at first", ".3g", ""),
            "condition": Measure("at last", ".3g", ""),
            "radius_first": Measure("largest abs λ at first", ".3f", ""),
            "radius": Measure("at last", ".3f", ""),
            "gradient": Measure("gradient norm, last / first", ".3g", ""),
        },
        "60 passes over 1,600 pilot samples, an exact gradient and an update a sample. κ of fixed poles is that of their diagonal matrix.",
        quick={"n_pilots": 5, "n_payload": 5, "n_passes": 3},
        seconds=90,
    ),
}
"""Names of the tasks, and all that decides their numbers."""
