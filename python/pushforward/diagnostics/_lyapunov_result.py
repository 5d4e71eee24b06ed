"""Lyapunov exponents, their errors and what they mean."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..plot._common import figure_class, plain
from ._benettin import Growth
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Lyapunov", "judged"]

Array = NDArray[Any]
BLOCKS = 16  # stretches whose means give the standard error, at least
ERRORS = 3.0  # standard errors within which an exponent is not to be told from zero
OUTWARD = float(np.log(1e3))  # beyond so many times where they started, states may be running away
DRAWN = 12  # exponents in a figure


@dataclass(frozen=True)
class Lyapunov(Diagnosis):
    """Lyapunov exponents: rates at which neighbouring orbits part or meet.

    Attributes
    ----------
    exponents : (n_exponents,) ndarray of float64
        Descending, per second or per step; −∞ where a direction dies at once.
    standard_error : (n_exponents,) ndarray of float64
        From the spread of independent stretches; NaN with one stretch, or where an exponent is infinite.
    running : (n_checks, n_exponents) ndarray of float64
        Estimate after the time so far.
    time : (n_checks,) ndarray of float64
        Time after the transient, of each orbit.
    kaplan_yorke_dimension : float or None
        j + (λ_1 + … + λ_j) / |λ_{j+1}|, j the most exponents whose sum is not negative; None where more exponents would be needed.
    resolution : float
        Exponents nearer to zero are not to be told from it: three standard errors, and at least an e-fold over the whole run.
    unit : {"s", "step"}
    n_state, n_orbits : int
    driven : bool
        Whether an input drives the states: exponents are then conditional ones, along this input.
    verdict : {"chaotic", "neutral", "contracting", "unbounded"}
        Sign of the largest exponent, to its resolution; "unbounded" where orbits part because they themselves grow without end: no chaos.
    """

    exponents: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    running: NDArray[np.float64]
    time: NDArray[np.float64]
    kaplan_yorke_dimension: float | None
    resolution: float
    unit: str
    n_state: int
    n_orbits: int
    driven: bool
    verdict: str

    def summary(self) -> str:
        """Say in one paragraph what was found, with the numbers."""
        largest, error = self.exponents[0], self.standard_error[0]
        sure = f" ± {error:.2g}" if np.isfinite(error) else ""
        kind = "conditional Lyapunov exponent along this input" if self.driven else "Lyapunov exponent"
        said = f"The largest {kind} is {largest:.4g}{sure} per {self.unit}"
        said += f" ({len(self.exponents)} of {self.n_state} computed, over {self.time[-1]:.6g} {self._unit_of_time()} of {self._orbits()}): "
        said += {
            ("chaotic", False): "chaos: what is not known of a state grows by a factor e in {time}",
            ("chaotic", True): "neighbouring states part, by a factor e in {time}: NO fading memory along this input",
            ("neutral", False): "not to be told from zero, as on a periodic or quasi-periodic orbit",
            ("neutral", True): "not to be told from zero: states neither meet nor part, at the edge of fading memory",
            ("unbounded", False): "orbits part by a factor e in {time}, but they also run away as fast: growth without bound and NOT chaos",
            ("unbounded", True): "orbits part by a factor e in {time}, but they also run away as fast: growth without bound and NOT chaos",
            ("contracting", False): "neighbouring orbits meet, by a factor e in {time}: the orbit ends in a fixed point, or in a cycle of the map",
            ("contracting", True): "neighbouring states meet, by a factor e in {time}: the echo state property along this input, for starts near it",
        }[self.verdict, self.driven].format(time=self._e_folding())
        if self.kaplan_yorke_dimension is not None and not self.driven:
            said += f". The sum of the exponents is {self.exponents.sum():.5g}, " if len(self.exponents) == self.n_state else ". The "
            said += f"{'the ' if said.endswith(', ') else ''}Kaplan-Yorke dimension {self.kaplan_yorke_dimension:.4g}"
        return said + "."

    def plot(self) -> Figure:
        """Draw the estimates against time, the last within three standard errors."""
        figure = figure_class()(figsize=(6.8, 4.2), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        for i in range(min(DRAWN, len(self.exponents))):
            if not np.isfinite(self.exponents[i]):
                continue
            mark = "o" if len(self.time) == 1 else None
            axes.plot(self.time, self.running[:, i], color=f"C{i % 10}", linewidth=1.4, marker=mark, label=f"{self.exponents[i]:.4g}")
            if np.isfinite(self.standard_error[i]):
                low, high = self.exponents[i] + ERRORS * self.standard_error[i] * np.array([-1, 1])
                axes.axhspan(low, high, color=f"C{i % 10}", alpha=0.15, linewidth=0)
        axes.axhline(0.0, color="0.25", linewidth=0.9)
        sizes = np.abs(self.exponents[:DRAWN][np.isfinite(self.exponents[:DRAWN])])
        if len(sizes) > 1 and 0 < 5 * sizes[0] < sizes.max():  # or else the largest could not be seen
            axes.set_yscale("symlog", linthresh=2 * sizes[0])
        axes.set(xlabel=f"time of each orbit [{self._unit_of_time()}]", ylabel=f"exponent [1 / {self.unit}]")
        axes.set_title(self.verdict, loc="left", fontsize="medium")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize="small", ncols=2)
        plain(axes)
        return figure

    def _unit_of_time(self) -> str:
        return "s" if self.unit == "s" else "steps"

    def _orbits(self) -> str:
        return "one orbit" if self.n_orbits == 1 else f"each of {self.n_orbits} orbits"

    def _e_folding(self) -> str:
        rate = abs(float(self.exponents[0]))
        if rate == 0:
            return "no time"
        return f"{1 / rate:.4g} {self._unit_of_time()}" if np.isfinite(rate) else "less than a step"


def judged(growth: Growth, dt: float | None, n_state: int, driven: bool, outward: float = 0.0) -> Lyapunov:
    """Exponents, errors, dimension and verdict from the growth of tangent vectors, and from the log by which the states themselves grew."""
    step, (n_checks, n_orbits, _) = 1.0 if dt is None else float(dt), growth.logs.shape
    time: NDArray[np.float64] = (growth.steps * step).astype(np.float64)
    with np.errstate(invalid="ignore"):
        running = np.cumsum(growth.logs.mean(axis=1), axis=0) / time[:, None]
        order = np.argsort(-running[-1], kind="stable")
        running, logs = running[:, order], growth.logs[:, :, order]
        per_orbit = min(n_checks, -(-BLOCKS // n_orbits))
        cuts = np.linspace(0, n_checks, per_orbit + 1).round().astype(int)
        lengths = np.diff(np.concatenate([[0.0], time])[cuts])
        means = np.stack([logs[a:b].sum(axis=0) for a, b in itertools.pairwise(cuts)]) / lengths[:, None, None]
        blocks = means.reshape(-1, means.shape[2])
        error = np.full(len(order), np.nan) if len(blocks) < 2 else blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
    exponents = running[-1]
    resolution = max(ERRORS * (float(error[0]) if np.isfinite(error[0]) else 0.0), 1.0 / float(time[-1]))
    verdict = "chaotic" if exponents[0] > resolution else "contracting" if exponents[0] < -resolution else "neutral"
    if verdict == "chaotic" and outward > OUTWARD and outward > 0.5 * exponents[0] * float(time[-1]):
        verdict = "unbounded"
    dimension = None if verdict == "unbounded" else _kaplan_yorke(np.where(np.abs(exponents) <= resolution, 0.0, exponents), n_state)
    unit = "step" if dt is None else "s"
    return Lyapunov(exponents, error, running, time, dimension, resolution, unit, n_state, n_orbits, driven, verdict)


def _kaplan_yorke(exponents: Array, n_state: int) -> float | None:
    sums = np.cumsum(exponents)
    falls = np.flatnonzero(sums < 0)
    if not len(falls):
        return float(n_state) if len(exponents) == n_state else None
    j = int(falls[0])
    return j + (float(sums[j - 1] / abs(exponents[j])) if j else 0.0)
