"""Paper 2501.08040: contraction, the influence's bound, second derivatives, convergence, and what truncation costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pushforward as pf

from .. import diagnostics
from .theory_common import OURS, PAPER, THEIR_FORM, Claim, Findings, Outcome, Task, Tick

__all__ = ["CLAIMS", "TASKS"]

Array = NDArray[np.float64]

NET = "one layer h ← σ(φ(A) x + φ(B) h), 8 units, 2 bounded inputs"
CLAIMS = {
    "sigmoid": Claim(
        "The derivatives of the sigmoid are bounded", "2501.08040, Lemma 2.9", "first to fourth derivative on a grid of 2,000,001 points in ±20",
        PAPER, "1/4, 1/(6√3) = 0.0962250, 1/8, 0.1276839 (derived); to 6 digits", "{first:.7f}, {second:.7f}, {third:.7f}, {fourth:.7f}",
    ),
    "contraction": Claim(
        "With small bounded weights state and influence forget their start geometrically", "2501.08040, Assumption 2.10, Proposition 3.10",
        f"{NET}, C_φ = 0.4: N C_φ / 4 = 0.8; two runs under the same input", THEIR_FORM,
        "a factor a step of at most N C_φ / 4 in the state, below 1 in the influence",
        "constant {constant:.2f}; state {state:.4f}, influence {influence:.4f} a step",
    ),
    "second": Claim(
        "So do the second derivatives", "2501.08040, Theorem 3.11, Lemmas 3.7 to 3.9", "the same", THEIR_FORM, "a factor a step below 1",
        "{second:.4f} a step",
    ),
    "influence": Claim(
        "The influence is bounded: |dS/dA| ≤ C_φ' C_X / (4 − N C_φ) and a term that decays", "2501.08040, Lemma 3.5", "the same", THEIR_FORM,
        "measured ≤ bound at every step", "largest share of the bound {share:.3f}, at last {last:.3f}",
    ),
    "strong": Claim(
        "Where the condition fails, nothing is guaranteed", "2501.08040, Assumption 2.10 (only sufficient)",
        "tanh, 8 units, weights of spectral radius 3, bound 8: N C_φ = 64; weak input", OURS,
        "runs from different starts need not meet: they do not here",
        "constant {constant:.0f}; state changes by {state:.4f} a step; small differences by {flow:.4f}",
    ),
    "hessian": Claim(
        "The forward second derivatives obey their recursion", "2501.08040, section 2.4", f"{NET}, 30 steps, against central differences of dS/dθ",
        THEIR_FORM, "equal but for the differences' own error; within 1e-7 relative", "relative difference {error:.2g}",
    ),
    "converges": Claim(
        "Exact online training with a Robbins-Monro rate: the gradient of the stationary loss goes to zero", "2501.08040, Theorem 6.1",
        f"{NET}; a teacher of the same kind; rate 0.5 / (1 + t / 2,000)", OURS,
        "→ 0 in the limit, which no run reaches; counted as holding if all conditions hold and the norm on held-out steps falls below a fifth",
        "‖∇J‖ from {start:.3g} to {end:.3g} (a factor {ratio:.3g}) in {steps:,.0f} steps",
    ),
    "fluctuation": Claim(
        "The fluctuation term vanishes", "2501.08040, (2.28) and section 4", "the same", OURS,
        "rate × noise falls towards zero; counted as holding below a tenth of the start (over 80,000 steps the rate alone falls to 1/41)",
        "from {start:.3g} to {end:.3g} (a factor {ratio:.3g})",
    ),
    "constant rate": Claim(
        "A constant rate breaks Σ α² < ∞: the fluctuation need not vanish", "2501.08040, Assumption 2.14", "the same with a constant rate of 0.5",
        OURS, "named as a breach; fluctuation at last larger than with the falling rate",
        "fluctuation at last {constant:.3g} against {falling:.3g}",
    ),
    "exact": Claim(
        "Real-time recurrent learning follows the exact gradient, truncation a biased one", "2501.08040, section 1",
        "tanh, 16 units, orthogonal start of radius 0.9, 300 steps of white input, targets up to 10 steps back", OURS,
        "relative error of the gradient by the cell's weights zero (below 1e-9) against some per cent or more; less the longer the truncation",
        "RTRL {rtrl:.2g}; truncation at 1: {t1:.2g}, 2: {t2:.2g}, 4: {t4:.2g}, 8: {t8:.2g}, 16: {t16:.2g}",
    ),
    "lower loss": Claim(
        "RTRL reaches a lower loss than truncated back-propagation", "2501.08040, section 7", "sizes, rates and truncations of the paper unknown",
        PAPER, "curves without numbers", "the settings are not known; `pushforward reproduce carries` runs 7.4 and 7.5 with ours", testable=False,
    ),
}  # fmt: skip


def rtrl(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Run every check; the seed draws weights, inputs and teacher."""
    found, rng = Findings(draws=seed == 0), np.random.default_rng(seed)
    top = _sigmoid_maxima()
    near = np.abs(np.subtract(top, (0.25, 1 / (6 * np.sqrt(3)), 0.125, 0.1276839))) < 1e-7
    found.claim("sigmoid", bool(near.all()), first=top[0], second=top[1], third=top[2], fourth=top[3])
    _contraction(found, rng, seed, s)
    tick(0.1)
    _hessian(found, rng)
    _bias(found, rng, seed)
    tick(0.2)
    _convergence(found, rng, seed, s, lambda share: tick(0.2 + 0.8 * share))
    return found.outcome


def _sigmoid_maxima() -> list[float]:
    """sup of |σ'|, |σ''|, |σ'''|, |σ''''| on a fine grid, from polynomials in σ."""
    p = 1 / (1 + np.exp(-np.linspace(-20, 20, 2_000_001)))
    q = p * (1 - p)
    derivatives = (q, q * (1 - 2 * p), q * (1 - 6 * q), q * (1 - 2 * p) * (1 - 12 * q))
    return [float(np.abs(d).max()) for d in derivatives]


def _net(bound: float, activation: str = "sigmoid") -> pf.cells.Elman:
    return pf.cells.Elman(n_inputs=2, n_units=8, activation=activation, weight_bound=bound)


def _contraction(found: Findings, rng: np.random.Generator, seed: int, s: Mapping[str, Any]) -> None:
    cell, X = _net(0.4), rng.uniform(-1, 1, size=(s["n_coupled"], 2))
    theta = rng.uniform(-1, 1, cell.n_params)
    weak = diagnostics.rtrl_contraction((cell, theta), X, seed=seed, second=True, n_steps=len(X))
    rate, constant = weak.rate, float(weak.constant or np.nan)
    found.claim("contraction", weak.contracts and rate["state"] <= constant and rate["influence"] < 1,
                constant=constant, state=rate["state"], influence=rate["influence"])  # fmt: skip
    found.claim("second", rate["second"] < 1, second=rate["second"])
    share = weak.influence_norm / weak.influence_bound
    found.claim("influence", bool((share <= 1 + 1e-12).all()), share=float(share.max()), last=float(share[-1]))
    found.diagnosis("contraction", weak, "N C_φ / 4 = 0.8")
    strong_cell = _net(8.0, "tanh")
    drawn = rng.normal(size=(8, 8))
    W = drawn * (3.0 / np.abs(np.linalg.eigvals(drawn)).max())
    heavy = strong_cell.pack({"W_rec": 8 * np.arctanh(W / 8), "W_in": 0.1 * rng.normal(size=(8, 2)), "bias": np.zeros(8)})
    strong = diagnostics.rtrl_contraction((strong_cell, heavy), 0.1 * X, seed=seed, second=False, n_steps=len(X))
    found.claim("strong", not strong.contracts, constant=float(strong.constant or np.nan), state=strong.rate["state"], flow=strong.rate["flow"])
    found.diagnosis("no contraction", strong, "Spectral radius 3")


def _hessian(found: Findings, rng: np.random.Generator) -> None:
    """Differences of the influence along every weight against the tensor."""
    cell, X, h = _net(0.8), rng.uniform(-1, 1, size=(30, 2)), 1e-5
    theta = rng.uniform(-1, 1, cell.n_params)
    _, _, second = pf.kernels.forward_hessian(cell, theta, X)
    exact = second.toarray()
    steps = h * np.eye(cell.n_params)
    ends = [[pf.kernels.forward_sensitivity(cell, theta + sign * e, X)[1] for sign in (1, -1)] for e in steps]
    differences = np.stack([(up - down) / (2 * h) for up, down in ends], axis=-1)
    error = float(np.linalg.norm(exact - differences) / np.linalg.norm(exact))
    found.claim("hessian", error < 1e-7, error=error)


def _bias(found: Findings, rng: np.random.Generator, seed: int) -> None:
    X = rng.normal(size=(300, 2))
    y = sum(0.7**k * np.concatenate([np.zeros((k, 1)), X[: len(X) - k, :1]]) for k in (1, 4, 10))
    settings: dict[str, Any] = {"n_units": 16, "activation": "tanh", "dtype": "float64", "random_state": seed, "n_threads": 1}
    errors: dict[str, float] = {}
    ways: dict[str, dict[str, Any]] = {f"t{k}": {"gradient": "tbptt", "truncation": k} for k in (1, 2, 4, 8, 16)}
    for name, own in [("rtrl", {"gradient": "rtrl"}), *ways.items()]:
        model = pf.RecurrentRegressor(**settings, **own, optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X, y)
        bias = diagnostics.gradient_bias(model, X, y)
        errors[name] = bias.table[1].relative_error  # of the cell's weights: a read-out's gradient is exact either way
        if name == "t4":
            found.diagnosis("bias of a truncation at 4", bias)
    cut = [errors[f"t{k}"] for k in (1, 2, 4, 8, 16)]
    found.claim("exact", errors["rtrl"] < 1e-9 and cut[0] > 0.01 and cut == sorted(cut, reverse=True), **errors)


def _convergence(found: Findings, rng: np.random.Generator, seed: int, s: Mapping[str, Any], tick: Tick) -> None:
    X = rng.uniform(-1, 1, size=(s["n_stream"], 2))
    y = _taught(X, rng)
    settings: dict[str, Any] = {
        "n_units": 8, "activation": "sigmoid", "weight_bound": 0.4, "readout_bound": 2.0, "dtype": "float64", "random_state": seed, "n_threads": 1,
    }  # fmt: skip
    falling = pf.SGD(learning_rate=0.5, schedule=pf.optim.InverseTime(decay=1 / 2000))
    results = {}
    for k, (name, optimizer) in enumerate({"falling": falling, "constant": pf.SGD(learning_rate=0.5)}.items()):
        results[name] = diagnostics.rtrl_convergence(pf.RecurrentRegressor(**settings, optimizer=optimizer), X, y, n_checks=s["n_checks"])
        found.diagnosis(f"convergence with a {name} rate", results[name], f"A {name} rate")
        tick((k + 1) / 2)
    good, bad = results["falling"], results["constant"]
    start, end = float(good.gradient_norm[0]), float(good.gradient_norm[-1])
    found.claim("converges", good.within_theorem and end < 0.2 * start, start=start, end=end, ratio=end / start, steps=float(good.steps[-1]))
    first, last = float(good.fluctuation[0]), float(good.fluctuation[-1])
    found.claim("fluctuation", last < 0.1 * first, start=first, end=last, ratio=last / first)
    found.claim("constant rate", not bad.robbins_monro and bad.fluctuation[-1] > last, constant=float(bad.fluctuation[-1]), falling=last)


def _taught(X: Array, rng: np.random.Generator) -> Array:
    """What a net of the same kind with a linear read-out makes of the stream, and noise of ±0.05: (n_steps, 1)."""
    teacher = _net(0.4)
    weights = {name: 0.4 * np.tanh(w / 0.4) for name, w in teacher.unpack(rng.uniform(-2, 2, teacher.n_params)).items()}
    driven, h, states = X @ weights["W_in"].T + weights["bias"], np.zeros(8), np.empty((len(X), 8))
    for t, heard in enumerate(driven):
        h = states[t] = 1 / (1 + np.exp(-(weights["W_rec"] @ h + heard)))
    return np.asarray(states @ rng.uniform(-1, 1, (8, 1)) + 0.05 * rng.uniform(-1, 1, (len(X), 1)))


TASKS = {
    "rtrl": Task(
        "Exact online training: contraction, convergence, bias",
        rtrl,
        {"n_coupled": 300, "n_stream": 100_000, "n_checks": 9},
        {},
        "Weights are drawn uniformly in ±1 before the bound φ(w) = C tanh(w / C).",
        quick={"n_coupled": 120, "n_stream": 10_000, "n_checks": 4},
        seconds=30,
    ),
}
