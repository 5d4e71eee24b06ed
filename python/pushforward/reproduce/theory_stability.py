"""Stability and memory of what was fitted: Koopman spectra, Lyapunov exponents, effective rank, echo states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import pushforward as pf

from .. import datasets, diagnostics
from .koopman_common import AS_PUBLISHED
from .theory_common import OURS, Claim, Findings, Outcome, Task, Tick

__all__ = ["CLAIMS", "TASKS"]

RESERVOIR = "100 tanh units, input scaling 0.1"
CLAIMS = {
    "spectrum": Claim(
        "Van der Pol: the eigenvalues of the sampled network's K lie inside the unit disc", "2410.23467, experiment on Van der Pol",
        "80 tanh neurons (the paper's); 50 trajectories of 200 steps of 0.1 s, least squares as published (ours)", OURS,
        "largest |λ| at most 1, up to 1e-9",
        "{outside:.2g} of {count:.0f} outside, largest |λ| {largest:.6f}; beyond their residual: {growing:.2g}",
    ),
    "lorenz": Claim(
        "The largest Lyapunov exponent of Lorenz-63 is 0.9056", "literature (Viswanath 1998); a check of the tool",
        "the equations, 4th-order Runge-Kutta", OURS, "0.9056; within 0.01", "{exponent:.4f} ± {error:.4f} per second",
    ),
    "learnt lorenz": Claim(
        "A sampled network learns the chaos of Lorenz-63", "2410.23467, experiment on Lorenz-63",
        "200 tanh neurons (the paper's); 50,000 points, dt 0.01 (ours); run on its own", OURS, "its exponent is that of the system; within 0.05",
        "{exponent:.4f} ± {error:.4f} per second, Kaplan-Yorke dimension {dimension:.3f} (of the system 2.06)",
    ),
    "forgets": Claim(
        "A reservoir of spectral radius 0.9 has fading memory", "a rule of thumb (Jaeger 2001 proves it for a largest singular value below 1)",
        f"{RESERVOIR}, radius 0.9, white input", OURS, "runs from different starts meet",
        "rate {rate:.4f} a step; largest conditional Lyapunov factor {factor:.4f}",
    ),
    "remembers": Claim(
        "One of radius 1.5 under weak input has not", "Jaeger 2001", f"{RESERVOIR}, radius 1.5, input a hundredth", OURS,
        "runs from different starts stay apart; each may still attract what is near it, then the factor is below 1",
        "rate {rate:.4f} a step; factor {factor:.4f}",
    ),
    "agree": Claim(
        "Both diagnoses measure the same rate: exp of the largest conditional exponent", "definition", "radius 0.9, the same input", OURS,
        "within 2 %", "{rate:.4f} against {factor:.4f}",
    ),
}  # fmt: skip


def stability(s: Mapping[str, Any], seed: int, tick: Tick) -> Outcome:
    """Run every check; the seed draws starts, networks, reservoirs and inputs."""
    found, rng = Findings(draws=seed == 0), np.random.default_rng([seed, 1])
    _spectrum(found, rng, seed, s)
    tick(0.1)
    _lorenz(found, seed, s)
    tick(0.7)
    _reservoirs(found, rng, seed, s)
    return found.outcome


def _sampled(n_units: int, seed: int) -> Any:
    return pf.SampledRNN(n_units, **{name: value for name, value in AS_PUBLISHED.items() if name != "kind"}, random_state=seed)


def _spectrum(found: Findings, rng: np.random.Generator, seed: int, s: Mapping[str, Any]) -> None:
    dt = 0.1
    model = _sampled(80, seed).fit(list(datasets.van_der_pol(s["n_steps"], dt, rng.uniform(-3, 3, (s["n_train"], 2)))))
    spectrum = diagnostics.koopman_spectrum(model, dt=dt)
    growing = np.nan if spectrum.n_growing is None else float(spectrum.n_growing)
    figures = {"outside": float(spectrum.n_outside), "count": float(len(spectrum.modulus)), "largest": float(spectrum.modulus[0])}
    found.claim("spectrum", spectrum.stable, **figures, growing=growing)
    found.diagnosis("spectrum", spectrum, "Van der Pol, 80 sampled neurons")
    found.diagnosis("rank", diagnostics.effective_rank(model, datasets.van_der_pol(s["n_steps"], dt, rng.uniform(-3, 3, 2))), "Their lifted states")


def _lorenz(found: Findings, seed: int, s: Mapping[str, Any]) -> None:
    system = diagnostics.lyapunov("lorenz63", seed=seed, n_steps=s["n_system"])
    found.claim("lorenz", abs(system.exponents[0] - 0.9056) < 0.01, exponent=float(system.exponents[0]), error=float(system.standard_error[0]))
    found.diagnosis("lorenz", system, "Lorenz-63")
    orbit = datasets.lorenz63(s["n_orbit"], dt=0.01, initial=(1.0, 1.0, 1.0))
    model = pf.SampledRNN(200, random_state=seed).fit(orbit)
    try:
        learnt = diagnostics.lyapunov(model, orbit, dt=0.01, n_steps=s["n_free"], n_exponents=3, seed=seed)
    except pf.DivergenceError:
        found.claim("learnt lorenz", holds=False)
        return
    dimension = np.nan if learnt.kaplan_yorke_dimension is None else learnt.kaplan_yorke_dimension
    found.claim("learnt lorenz", abs(learnt.exponents[0] - 0.9056) < 0.05, exponent=float(learnt.exponents[0]),
                error=float(learnt.standard_error[0]), dimension=dimension)  # fmt: skip
    found.diagnosis("learnt lorenz", learnt, "The sampled network on its own")


def _reservoirs(found: Findings, rng: np.random.Generator, seed: int, s: Mapping[str, Any]) -> None:
    W_in, X = 0.1 * rng.normal(size=(100, 1)), rng.normal(size=(s["n_driven"], 1))
    rates = {}
    for key, radius, size, wanted in (("forgets", 0.9, 1.0, True), ("remembers", 1.5, 0.01, False)):
        reservoir = {"W_rec": pf.reservoirs.random(100, spectral_radius=radius, random_state=seed), "W_in": W_in, "bias": None}
        index = diagnostics.echo_state_index(reservoir, size * X, seed=seed)
        growth = diagnostics.lyapunov(reservoir, size * X, n_exponents=1, seed=seed)
        rates[key] = index.rate, float(np.exp(growth.exponents[0]))
        good = index.fading_memory is wanted and (growth.exponents[0] < 0 or not wanted)
        found.claim(key, good, rate=rates[key][0], factor=rates[key][1])
        found.diagnosis(f"echo state radius {radius:g}", index, f"Radius {radius:g}")
        found.diagnosis(f"conditional exponent radius {radius:g}", growth, f"Radius {radius:g}")
    rate, factor = rates["forgets"]
    found.claim("agree", abs(rate / factor - 1) < 0.02, rate=rate, factor=factor)


TASKS = {
    "stability": Task(
        "Stability and memory of what was fitted",
        stability,
        {"n_train": 50, "n_steps": 200, "n_system": 20_000, "n_orbit": 50_000, "n_free": 10_000, "n_driven": 1000},
        {},
        "",
        quick={"n_train": 10, "n_steps": 100, "n_system": 5_000, "n_orbit": 5_000, "n_free": 2_000, "n_driven": 300},
        seconds=60,
    ),
}
