"""Paper 2602.21454, Figures 2 and 3: what training does to the poles of a recurrence, on a simulated link, and how fixed poles do beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import pushforward as pf

from .. import datasets, diagnostics, optim
from .reservoirs_link import _complex, _errors, _network, _pairs, _signals
from .theory_common import OURS, PAPER, Claim, Findings, Tick

__all__ = ["DRIFT_CLAIMS", "trained"]

LINK = "our link: 16-QAM at 25 dB, 64 subcarriers, 4 taps, Rapp amplifier; 32 units (the paper's number), SGD, RMSprop and Adam, an update a sample"


def _signs(mark: str, kind: str, start: str) -> dict[str, Claim]:
    """What the paper's figures show of trained recurrences, from one kind of start."""
    by = "SGD {{sgd:{0}}}, RMSprop {{rmsprop:{0}}}, Adam {{adam:{0}}}"
    setting = f"{LINK}; {start}"
    return {
        f"plateaus{mark}": Claim(
            f"The gradient norm of a network with trained recurrence has long plateaus ({kind} start)", "2602.21454, Figure 2, left", setting, OURS,
            "a stretch of a fifth of training in which the smoothed norm changes by less than 10 %",
            "share of training in plateaus: " + by.format(".2f"),
        ),
        f"kappa{mark}": Claim(
            f"Training makes κ(W_rec) grow ({kind} start)", "2602.21454, Figure 2, middle", setting, OURS,
            "medians of first and last quarter 5 % apart, rank correlation with time at least 0.5", "last over first: " + by.format(".3g"),
        ),
        f"radius{mark}": Claim(
            f"Training lets |λ| drift past 1 ({kind} start)", "2602.21454, Figure 3", setting, OURS,
            "largest |λ| above 1 on the way; of the runs in which it was at most 1 at first",
            "largest |λ| on the way: " + by.format(".3f") + " (at first {first:.3f})",
        ),
        f"stays{mark}": Claim(
            f"… and stay there ({kind} start)", "2602.21454, Figure 3", setting, OURS, "largest |λ| above 1 at last; of the same runs",
            "largest |λ| at last: " + by.format(".3f"),
        ),
    }  # fmt: skip


DRIFT_CLAIMS = {
    **_signs("", "orthogonal", "W_rec begins as 0.9 of an orthogonal matrix: κ = 1, the least there is"),
    **_signs(" normal", "normal", "W_rec begins with normal entries of variance 0.9² / 32"),
    "detection": Claim(
        "Fixed poles detect symbols better than a trained network, from the same few pilots", "2602.21454, abstract (numerical results)",
        "the same link; fixed poles on a ring of radius 0.9 with RLS against all six trained networks", OURS, "a lower symbol error rate than each",
        "fixed {fixed:.4f}; trained {best:.4f} at best, {worst:.4f} at worst",
    ),
    "states": Claim(
        "Fixed poles give stable and well-conditioned states from little data", "2602.21454, abstract", "the same; states over the pilots", OURS,
        "poles inside the unit circle, and a condition number of the states below that of each trained network",
        "largest |λ| {radius:.3f}; condition number {fixed:.3g} against {best:.3g} at best, {worst:.3g} at worst",
    ),
    "paper-link": Claim(
        "The figures of the paper's own link", "2602.21454, Figures 2 and 3", "parameters of the link unknown to us", PAPER,
        "curves without numbers", "the link, the optimisers and their rates are not known to us", testable=False,
    ),
}  # fmt: skip


def trained(found: Findings, s: Mapping[str, Any], seed: int, tick: Tick) -> None:
    """Follow trained recurrences on the pilots of a link; fixed poles beside them."""
    sent = datasets.ofdm_link(s["n_pilots"], s["n_payload"], s["modulation"], s["snr"], seed=seed, **s["link"])
    delay, n = s["delay"], sent.n_pilot_samples
    X, y = _signals(sent, delay)
    errors, conditions = [], []
    ways = [(mark, init, name, *way) for mark, init in (("", None), (" normal", "scaled_normal")) for name, way in s["trained_network"].items()]
    drifts: dict[str, dict[str, diagnostics.PoleDrift]] = {"": {}, " normal": {}}
    for k, (mark, init, name, optimizer, settings) in enumerate(ways):

        def part(share: float, before: int = k) -> None:
            tick((before + share) / len(ways))

        name = name.rpartition(" ")[2]  # of the optimiser
        drift, model = _followed(optimizer, {**settings, "init": init}, seed, X, y, n, s["n_passes"], part)
        errors.append(_errors(sent, None if model is None else _complex(model.predict(_pairs(X)))[delay:]))
        conditions.append(np.inf if model is None else _condition(diagnostics.effective_rank(model, _pairs(X[:n]))))
        drifts[mark][name.lower()] = drift
        found.diagnosis(f"drift {name}{mark}", drift, f"Trained by {name} from {'a normal' if mark else 'an orthogonal'} start")
    for mark, own in drifts.items():
        trends = {name: d.condition_trend for name, d in own.items()}
        found.claim(f"plateaus{mark}", [bool(d.plateaus) for d in own.values()], **{name: d.plateau_share for name, d in own.items()})
        found.claim(f"kappa{mark}", [t.direction == "grows" for t in trends.values()], **{name: t.last / t.first for name, t in trends.items()})
        sizes = {name: d.radius for name, d in own.items()}
        inside = [d for d in own.values() if d.radius[0] <= 1]  # from a start outside nothing drifts past 1
        past = [bool(d.radius.max() > 1) for d in inside]
        found.claim(f"radius{mark}", past, **{name: float(r.max()) for name, r in sizes.items()}, first=float(sizes["sgd"][0]))
        found.claim(f"stays{mark}", [d.drifts_out for d in inside], **{name: float(r[-1]) for name, r in sizes.items()})
    fixed = pf.FixedPoleRegressor(**s["fixed_poles"], random_state=seed).fit(X[:n], y[:n])
    error, used = _errors(sent, np.asarray(fixed.predict(X))[delay:]), diagnostics.effective_rank(fixed, X[:n])
    found.diagnosis("states of fixed poles", used, "States of fixed poles")
    size, condition = float(np.abs(fixed.poles_).max()), _condition(used)
    best, worst = min(conditions), max(conditions)
    found.claim("states", [size < 1 and condition < other for other in conditions], radius=size, fixed=condition, best=best, worst=worst)
    found.claim("detection", [error < other for other in errors], fixed=error, best=min(errors), worst=max(errors))


def _followed(
    optimizer: dict[str, Any], settings: Mapping[str, Any], seed: int, X: Any, y: Any, n: int, n_passes: int, tick: Tick
) -> tuple[diagnostics.PoleDrift, Any]:
    """W_rec and the norm of the exact gradient over the pilots, before training and after every pass; and the model, unless it diverged."""
    model, history, norms = _network(optimizer, settings, seed), [], []
    inputs, targets = _pairs(X[:n]), _pairs(y[:n, None])
    model.set_params(optimizer=optim.SGD(learning_rate=0.0)).partial_fit(inputs[:1], targets[:1])
    history.append(model.cell_.unpack(model.theta_)["W_rec"])
    norms.append(_norm(model, inputs, targets))
    model = _network(optimizer, settings, seed)
    try:
        for done in range(n_passes):
            (model.reset_state() if done else model).partial_fit(inputs, targets)
            history.append(model.cell_.unpack(model.theta_)["W_rec"])
            norms.append(_norm(model, inputs, targets))
            tick((done + 1) / n_passes)
    except pf.DivergenceError:
        return diagnostics.pole_drift(history * (1 if len(history) > 1 else 2), norms * (1 if len(norms) > 1 else 2)), None
    return diagnostics.pole_drift(history, norms), model


def _condition(states: diagnostics.EffectiveRank) -> float:
    """Largest singular value of the centred states over the smallest."""
    low = float(states.singular_values[-1])
    return float(states.singular_values[0]) / low if low > 0 else np.inf


def _norm(model: Any, inputs: Any, targets: Any) -> float:
    """Of the exact gradient of the mean loss, by all weights."""
    weights = model.theta_, (model.W_out_, model.b_out_)
    _, gradient, *_ = pf.kernels.block_gradient(model.cell_, *weights, inputs, targets, carry="none", n_threads=1)
    return float(np.sqrt(sum(np.sum(part**2) for part in gradient.values()))) / len(inputs)
