"""Paper 2402.12241: diagonal networks from a symmetric start, their tangent kernel, memory, and projected descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import pushforward as pf

from .. import diagnostics
from .theory_common import OURS, PAPER, THEIR_FORM, Claim, Findings, Outcome, Task, Tick

__all__ = ["CLAIMS", "TASKS"]

NET = "tanh, α = 0.5, 2 normal inputs"
CLAIMS = {
    "zero": Claim(
        "From the symmetric start every output is zero", "2402.12241, symmetric initialisation", f"{NET}, 1,024 units, 16 series of 64 steps",
        THEIR_FORM, "0; within 1e-15 · T", "largest |F_t| {largest:.2g} for T = 64",
    ),
    "tangent": Claim(
        "The tangent features are those of the recursion: dH/dw = Σ w^k H_{t−k−1} Πσ', dH/du = Σ w^k X_{t−k} Πσ'", "2402.12241, tangent kernel",
        f"{NET}, 16 units, against differences of F, of fourth order", THEIR_FORM, "equal; within 1e-9 relative", "relative difference {error:.2g}",
    ),
    "limit": Claim(
        "The finite tangent kernel tends to that of infinite width", "2402.12241, tangent kernel",
        f"{NET}, widths 2⁶ … 2¹² against 2¹⁷ drawn neurons", THEIR_FORM, "a deviation as 1/√m: slope −0.5; within 0.15",
        "slope {slope:.3f}, from {first:.3f} to {last:.3f} of the kernel's norm",
    ),
    "short": Claim(
        "Below the cut-off α < 1/σ₁ gradients stay bounded in T", "2402.12241, cut-off of long-term memory", "tanh, α = 0.5, T = 64", THEIR_FORM,
        "within σ₀ σ₁ p_T and σ₁ p_T, p_T ≤ 1 / (1 − σ₁ α) = 2; growth a step at the end below 1.01",
        "p_T = {p:.3f}; largest |dH/dw| {w:.3f} and ‖dH/du‖ {u:.3f} (bounds {bound_w:.3f}, {bound_u:.3f})",
    ),
    "long bound": Claim(
        "From the cut-off on the bound is exponential in T", "2402.12241, cut-off of long-term memory", "tanh, α = 1.5, T = 64", THEIR_FORM,
        "p_T grows by σ₁ α = 1.5 a step; measured gradients within it", "p_T grows by {p:.4f} a step; measured by {growth:.4f}",
    ),
    "long softplus": Claim(
        "… and where the slope stays at σ₁ so do gradients", "2402.12241, cut-off of long-term memory", "softplus, α = 1.5, T = 64", OURS,
        "measured ‖dH/du‖ grows as the bound: within 5 %", "bound grows by {p:.4f} a step, measured by {growth:.4f}",
    ),
    "slope worst": Claim(
        "The linearisation error falls as 1/√m, even at the worst place found in the ball", "2402.12241, linearisation error",
        f"{NET}, widths 2⁶ … 2¹³, where projected ascent of the error leads in the ball (1, 1)", THEIR_FORM, "slope −0.5; within 0.1",
        "slope {slope:.3f}; error from {first:.3g} to {last:.3g}",
    ),
    "slope trained": Claim(
        "… and so where descent leads", "2402.12241, linearisation error", f"{NET}, the same widths, after 50 steps of descent", OURS,
        "at least as fast as −0.5 + 0.1", "slope {slope:.3f}; error from {first:.3g} to {last:.3g}",
    ),
    "descends": Claim(
        "Gradient descent learns a system of the class", "2402.12241, main theorems",
        f"{NET}, 1,024 units, a teacher with transport inside the ball", OURS, "risk below 5 % of the start's in 200 iterations",
        "plain {plain:.3g}, projected {projected:.3g} of the risk at the start",
    ),
    "gain below": Claim(
        "The factor 1/ε in iterations between the upper bounds of plain and projected descent is seen in runs: below the cut-off",
        "2402.12241 (upper bounds only)",
        "tanh, α = 0.5, teacher, widths 16 … 256", OURS, "plain over projected ∝ ε^−p, p = 1; counted as seen from p = 0.5",
        "p = {p:+.2f}; at ε = {epsilon:.2g}: plain {plain:.3g}, projected {projected:.3g} iterations",
    ),
    "gain above": Claim(
        "… and above it", "2402.12241 (upper bounds only)", "tanh, α = 1.5, teacher, widths 16 … 256", OURS, "the same",
        "p = {p:+.2f}; at ε = {epsilon:.2g}: plain {plain:.3g}, projected {projected:.3g} iterations",
    ),
    "log width": Claim(
        "A width that grows with the logarithm of the number of samples suffices", "2402.12241, abstract", "any", PAPER,
        "an upper bound with constants not at hand", "one that holds up to constants: no finite run contradicts it", testable=False,
    ),
}  # fmt: skip


def diagonal(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Run every check; the seed draws starts, inputs and teachers."""
    found, rng = Findings(draws=seed == 0), np.random.default_rng(seed)
    _start(found, rng, seed)
    _limit(found, rng, seed, s)
    tick(0.1)
    _memory(found, seed, s)
    tick(0.2)
    X, y = _taught(rng)
    _linear(found, X, y, seed, s)
    tick(0.6)
    _descent(found, X, y, seed, s)
    gain = diagnostics.projection_gain(seed=seed, n_iterations=s["n_iterations"], n_draws=1, n_units=s["gain_widths"])
    found.diagnosis("projection gain", gain)
    for k, key in enumerate(("gain below", "gain above")):
        rows = [row for row in gain.rows if row.alpha == gain.alpha[k]]
        both = [row for row in rows if np.isfinite(row.iterations).all()] or rows[:1]
        plain, projected = both[-1].iterations
        found.claim(key, gain.seen(k), p=float(gain.exponents[k]), epsilon=both[-1].epsilon, plain=plain, projected=projected)
    return found.outcome


def _started(n_units: int, X: Any, seed: int, alpha: float = 0.5) -> Any:
    """A network at its start."""
    return pf.DiagonalRNN(n_units, alpha=alpha, learning_rate=0.1, n_iterations=1, random_state=seed, n_threads=1).fit(X, np.zeros(X.shape[:2]))


def _start(found: Findings, rng: np.random.Generator, seed: int) -> None:
    X = rng.normal(size=(16, 64, 2))
    model = _started(1024, X, seed)
    F = pf.kernels.diagonal_forward(X, model.w_start_, model.U_start_, model.c_)
    largest = float(np.abs(F).max())
    found.claim("zero", largest <= 1e-15 * 64, largest=largest)
    X = X[:2, :12]
    w, U, c, h = 0.5 * rng.choice([-1.0, 1.0], 16), rng.normal(size=(16, 2)), rng.choice([-1.0, 1.0], 16), 1e-3
    features = pf.kernels.ntk_features(X, w, U, c)
    differences = np.empty_like(features)
    for i in range(16):
        for j in range(3):
            ends = []
            for move in (h, -h, 2 * h, -2 * h):
                moved = np.concatenate([w[:, None], U], axis=1)
                moved[i, j] += move
                ends.append(pf.kernels.diagonal_forward(X, moved[:, 0].copy(), moved[:, 1:].copy(), c))
            differences[:, :, i, j] = (8 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12 * h)
    error = float(np.linalg.norm(features - differences) / np.linalg.norm(features))
    found.claim("tangent", error < 1e-9, error=error)


def _limit(found: Findings, rng: np.random.Generator, seed: int, s: Mapping[str, Any]) -> None:
    X = rng.normal(size=(4, 8, 2))
    limit = pf.kernels.ntk_gram(X, alpha=0.5, n_samples=2**17, seed=seed)
    widths = [2**k for k in range(6, 13)]
    errors = []
    for m in widths:
        own = []
        for draw in range(s["n_kernels"]):
            model = _started(m, X, 1000 * seed + draw)
            gram = pf.kernels.ntk_gram(X, w=model.w_start_, U=model.U_start_, c=model.c_)
            own.append(np.linalg.norm(gram - limit.gram) / np.linalg.norm(limit.gram))
        errors.append(float(np.sqrt(np.mean(np.square(own)))))
    slope = float(np.polyfit(np.log(widths), np.log(errors), 1)[0])
    found.claim("limit", abs(slope + 0.5) < 0.15, slope=slope, first=errors[0], last=errors[-1])


def _memory(found: Findings, seed: int, s: Mapping[str, Any]) -> None:
    n = s["n_steps"]
    short, long, soft = (
        diagnostics.memory_cutoff(alpha, activation, n_steps=n, seed=seed) for alpha, activation in ((0.5, "tanh"), (1.5, "tanh"), (1.5, "softplus"))
    )
    largest = {"w": float(short.measured_w.max()), "u": float(short.measured_u.max())}
    bounds = {"bound_w": float(short.bound_w[-1]), "bound_u": float(short.bound_u[-1])}
    still = max(short.growth_w, short.growth_u) < 1.01
    found.claim("short", short.bounded and short.holds and still, p=float(short.p[-1]), **largest, **bounds)
    found.claim("long bound", not long.bounded and long.holds and abs(long.growth_bound - 1.5) < 0.01, p=long.growth_bound, growth=long.growth_u)
    found.claim("long softplus", soft.holds and abs(soft.growth_u / soft.growth_bound - 1) < 0.05, p=soft.growth_bound, growth=soft.growth_u)
    for caption, cutoff in {"memory below the cut-off": short, "memory above the cut-off": long, "memory of softplus": soft}.items():
        found.diagnosis(caption, cutoff)


def _taught(rng: np.random.Generator) -> tuple[Any, Any]:
    """16 series of 16 steps and what the package's own teacher of the paper's class makes of them."""
    from ..diagnostics._descents import teacher

    X = rng.normal(size=(16, 16, 2))
    return X, teacher(X, 0.5, (1.0, 1.0), "tanh", rng)


def _linear(found: Findings, X: Any, y: Any, seed: int, s: Mapping[str, Any]) -> None:
    model = pf.DiagonalRNN(alpha=0.5, learning_rate=1.0, n_iterations=50, random_state=seed, n_threads=1)
    for place, targets in (("worst", None), ("trained", y[:4])):
        error = diagnostics.linearisation_error(model, X[:4], targets, displacement=place, n_units=s["widths"], seed=seed)
        good = abs(error.slope + 0.5) <= 0.1 if place == "worst" else error.slope <= -0.4
        found.claim(f"slope {place}", good, slope=error.slope, first=float(error.error[0]), last=float(error.error[-1]))
        found.diagnosis(f"linearisation {place}", error)


def _descent(found: Findings, X: Any, y: Any, seed: int, s: Mapping[str, Any]) -> None:
    left: dict[str, float] = {}
    settings: dict[str, Any] = {"alpha": 0.5, "learning_rate": 1.0, "n_iterations": s["n_iterations"], "random_state": seed, "n_threads": 1}
    for name, projection in (("plain", None), ("projected", (1.0, 1.0))):
        risks = pf.DiagonalRNN(1024, projection=projection, **settings).fit(X, y).loss_curve_
        left[name] = float(risks[-1] / risks[0])
    found.claim("descends", [v < 0.05 for v in left.values()], **left)


TASKS = {
    "diagonal": Task(
        "Diagonal networks: start, tangent kernel, memory, projected descent",
        diagonal,
        {"n_steps": 64, "n_kernels": 6, "widths": [2**k for k in range(6, 14)], "gain_widths": [16, 32, 64, 128, 256], "n_iterations": 200},
        {},
        "Risk: mean over series and steps of (F − y)²; learning rates, radii, data and teacher are ours.",
        quick={"n_kernels": 2, "widths": [2**k for k in range(6, 10)], "gain_widths": [16, 64], "n_iterations": 40},
        seconds=90,
    ),
}
