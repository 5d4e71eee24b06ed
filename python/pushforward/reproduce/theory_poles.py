"""Paper 2602.21454: how hard poles are to find, what identifies them, and what training does to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import diagnostics
from .reservoirs_link import TASKS as LINK_TASKS
from .theory_common import PAPER, THEIR_FORM, Claim, Findings, Outcome, Task, Tick
from .theory_drift import DRIFT_CLAIMS, trained

__all__ = ["CLAIMS", "TASKS"]

PAIR = (0.75, 0.8)
CLAIMS = {
    "hessian": Claim(
        "The valley around two poles is narrow: the Hessian of the squared error has a large condition number", "2602.21454, Figure 1",
        "c = 0.75, d = 0.8, unit gains, infinitely many samples", PAPER,
        "eigenvalues 1.160130 and 106.459438, κ = 91.765098 (derived from the paper's function); to 6 digits",
        "eigenvalues {low:.6f} and {high:.6f}, κ = {kappa:.6f}",
    ),
    "fixed": Claim(
        "Fixed poles leave a better conditioned problem than free ones", "2602.21454, our reading of the abstract",
        "the same poles; κ of the gains alone against κ of poles and gains", THEIR_FORM,
        "256.44 against 4.478e7 (derived); counted as holding if smaller", "{gains:.2f} against {both:.4g}",
    ),
    "descent": Claim(
        "Gradient descent on poles needs many iterations", "2602.21454, abstract and Figure 1",
        "the same function, best constant rate, from 1e-4 beside the truth, as far along the valley as across", THEIR_FORM,
        "ln 10 / ln((κ+1)/(κ−1)) = 105.7 steps for a tenth of the error (derived; of κ = 2 it would be 2.1); within 5 %", "{steps:.4g} steps",
    ),
    "nonconvex": Claim(
        "Permutations make the loss over poles non-convex", "2602.21454, abstract and Figure 1", "f at (c, d), at (d, c) and half-way between", PAPER,
        "zero at both, positive between", "{here:.2g}, {there:.2g}; between {between:.4g}, smallest eigenvalue there {bent:.4g}",
    ),
    "lemma": Claim(
        "Distinct poles give independent sequences exactly from N = K samples on", "2602.21454, Lemma 3.1",
        "8 complex poles drawn in the ring 0.5 … 1, ten times", THEIR_FORM, "rank N for N < K, K from there on; for all N up to 24",
        "as stated in {agreed:.0f} of {checked:.0f} cases; largest condition number at N = K {worst:.3g}",
    ),
    "theorem": Claim(
        "N ≥ 2K samples without noise identify poles and gains up to order", "2602.21454, Theorem 3.2",
        "the same poles, random gains, N = 2K, recovered by a matrix pencil", THEIR_FORM, "poles recovered; error below 1e-6 in float64",
        "largest error {error:.2g}",
    ),
    **DRIFT_CLAIMS,
}  # fmt: skip


def poles(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Closed forms, identifiability, and trained recurrences; the seed draws poles, gains, the link and its networks."""
    found, rng = Findings(draws=seed == 0), np.random.default_rng(seed)
    _closed_forms(found)
    _identifiability(found, rng, s)
    tick(0.05)
    trained(found, s, seed, lambda share: tick(0.05 + 0.95 * share))
    return found.outcome


def _closed_forms(found: Findings) -> None:
    free = diagnostics.pole_hessian(PAIR)
    low, high = free.eigenvalues.tolist()
    near = [abs(a - b) < 5e-7 for a, b in ((low, 1.160130), (high, 106.459438), (free.condition_number, 91.765098))]
    found.claim("hessian", all(near), low=low, high=high, kappa=free.condition_number)
    gains, both = (diagnostics.pole_hessian(PAIR, variables=v).condition_number for v in ("gains", "both"))
    found.claim("fixed", gains < both, gains=gains, both=both)
    steps = _steps_of_descent(free)
    found.claim("descent", abs(steps / free.steps_per_digit - 1) < 0.05, steps=steps)
    here, there, between = (_error(np.array(z)) for z in (PAIR, PAIR[::-1], (sum(PAIR) / 2,) * 2))
    bent = float(np.linalg.eigvalsh(_curvature(np.full(2, sum(PAIR) / 2)))[0])
    found.claim("nonconvex", here < 1e-12 > there and between > 1e-9, here=here, there=there, between=between, bent=bent)
    found.diagnosis("hessian", free, "Poles free, gains one")
    found.diagnosis("hessian with gains", diagnostics.pole_hessian(PAIR, variables="both"), "Poles and gains free")


def _error(z: NDArray[np.float64], n: int = 400) -> float:
    """Σ_n (cⁿ + dⁿ − xⁿ − yⁿ)²."""
    t = np.arange(n)[:, None]
    return float(np.sum(((np.array(PAIR) ** t).sum(axis=1) - (z**t).sum(axis=1)) ** 2))


def _slope(z: NDArray[np.float64], n: int = 400) -> NDArray[np.float64]:
    t = np.arange(n)[:, None]
    residual = (np.array(PAIR) ** t).sum(axis=1) - (z**t).sum(axis=1)
    return np.asarray(-2 * residual @ (t * z ** np.maximum(t - 1, 0)))


def _curvature(z: NDArray[np.float64], h: float = 1e-5) -> NDArray[np.float64]:
    return np.stack([(_slope(z + e) - _slope(z - e)) / (2 * h) for e in h * np.eye(2)])


def _steps_of_descent(free: diagnostics.PoleHessian) -> float:
    """Steps for a tenth of the error, over three digits, from both ends of the spectrum at once."""
    vectors = np.linalg.eigh(free.matrix)[1]
    start = 1e-4 * vectors.sum(axis=1)
    z, n = np.array(PAIR) + start, 0
    while np.linalg.norm(z - PAIR) > 1e-3 * np.linalg.norm(start) and n < 100_000:
        z = z - 2 / (free.eigenvalues[0] + free.eigenvalues[-1]) * _slope(z)
        n += 1
    return n / 3


def _identifiability(found: Findings, rng: np.random.Generator, s: Mapping[str, Any]) -> None:
    k, agreed, worst, errors = s["n_poles"], [], 0.0, []
    for draw in range(s["n_draws"]):
        angles = 2 * np.pi * (np.arange(k) + rng.uniform(-0.3, 0.3, k)) / k  # apart, or float64 could not tell
        beta = rng.uniform(0.5, 1.0, k) * np.exp(1j * angles)
        gains = rng.uniform(0.5, 2.0, k) * np.exp(2j * np.pi * rng.uniform(size=k))
        for n in range(1, 3 * k + 1):
            judged = diagnostics.pole_identifiability(beta, n, gains)
            agreed.append(judged.rank == min(n, k))
            worst = max(worst, judged.condition_number if n == k else 0.0)
        exact = diagnostics.pole_identifiability(beta, 2 * k, gains)
        errors.append(np.inf if exact.recovery_error is None else exact.recovery_error)
        if draw == 0:
            found.diagnosis("identifiability", exact, f"{k} poles, 2K samples")
    found.claim("lemma", all(agreed), agreed=sum(agreed), checked=len(agreed), worst=worst)
    found.claim("theorem", [e < 1e-6 for e in errors], error=max(errors))
    found.diagnosis("identifiability of close poles", diagnostics.pole_identifiability(PAIR, 30), "The paper's pair")


_LINK = LINK_TASKS["training"].settings
TASKS = {
    "poles": Task(
        "Poles: narrow valleys, identifiability, and drift under training",
        poles,
        {name: _LINK[name] for name in ("n_pilots", "n_payload", "delay", "link", "trained_network", "modulation", "snr")}
        | {"fixed_poles": _LINK["fixed_poles"]["fixed poles + RLS"], "n_passes": 60, "n_poles": 8, "n_draws": 10},
        {},
        "Trained networks pass 60 times over 1,600 pilot samples. Fixed poles are read out by recursive least squares in one pass over the same.",
        quick={"n_pilots": 5, "n_payload": 5, "n_passes": 6, "n_draws": 2},
        seconds=120,
    ),
}
