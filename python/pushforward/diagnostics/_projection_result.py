"""What both methods of descent needed, and whether it differs as the paper says."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..plot._common import figure_class, plain
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GainRow", "ProjectionGain"]

METHODS = ("plain", "projected")


@dataclass(frozen=True)
class GainRow:
    """What both methods need for one accuracy; infinite where it was not reached.

    Attributes
    ----------
    alpha : float
    below : bool
        Whether alpha is below the cut-off.
    epsilon : float
        Risk, as a share of that of the start.
    iterations : (float, float)
        Of plain and of projected descent, of the widest network.
    width : (float, float)
        The narrowest network that got there within the iterations allowed, plain and projected.
    """

    alpha: float
    below: bool
    epsilon: float
    iterations: tuple[float, float]
    width: tuple[float, float]


@dataclass(frozen=True)
class ProjectionGain(Diagnosis):
    """Projected against plain descent, each at its best learning rate.

    Attributes
    ----------
    alpha : (k,) ndarray of float64
    cutoff : float
        1 / sup|σ'|.
    epsilon : (e,) ndarray of float64
        Descending, as shares of the risk at the start.
    n_units : (n_widths,) ndarray of int
    iterations : (k, 2, n_widths, e) ndarray of float64
        Until the risk is at most epsilon, plain first, then projected: median over the starts; infinite where not reached.
    touched : (k,) ndarray of float64
        Share of the units of the widest network that end on the surface of the ball under projected descent at its best rate: with none, the
        projection does nothing.
    diverged : (k, 2) ndarray of float64
        Share of all runs, of any rate and width, in which numbers stopped being finite.
    n_iterations : int
        Allowed.
    exponents : (k,) ndarray of float64
        p in (iterations plain / projected) ∝ ε^{−p}, fitted; the paper's bounds differ by p = 1. NaN if fewer than two accuracies were reached by
        both.
    """

    alpha: NDArray[np.float64]
    cutoff: float
    epsilon: NDArray[np.float64]
    n_units: NDArray[np.int64]
    iterations: NDArray[np.float64]
    touched: NDArray[np.float64]
    diverged: NDArray[np.float64]
    n_iterations: int
    exponents: NDArray[np.float64]

    @property
    def rows(self) -> tuple[GainRow, ...]:
        """A table: one row for every alpha and epsilon."""
        found = []
        for (k, alpha), (e, epsilon) in itertools.product(enumerate(self.alpha.tolist()), enumerate(self.epsilon.tolist())):
            at = self.iterations[k, :, :, e]  # (2, n_widths)
            width = [float(self.n_units[np.isfinite(own)][0]) if np.isfinite(own).any() else np.inf for own in at]
            found.append(GainRow(alpha, alpha < self.cutoff, epsilon, (float(at[0, -1]), float(at[1, -1])), (width[0], width[1])))
        return tuple(found)

    def seen(self, k: int) -> bool:
        """Whether at alpha[k] the gain in iterations grows towards the paper's factor 1/ε (exponent of at least 1/2)."""
        return bool(self.exponents[k] >= 0.5)

    def summary(self) -> str:
        """For every alpha what both methods need for the smallest epsilon both reach, and whether the paper's factor is seen."""
        said = [
            f"Iterations (at {self.n_units[-1]} units) and width that descent needs to bring the risk down to a share ε of its start, within "
            f"{self.n_iterations} iterations, each method at its best learning rate."
        ]
        for k, alpha in enumerate(self.alpha.tolist()):
            side = "below" if alpha < self.cutoff else "at or above"
            rows = [row for row in self.rows if row.alpha == alpha]
            both = [row for row in rows if np.isfinite(row.iterations).all()]
            said.append(f"With alpha = {alpha:.3g}, {side} the cut-off {self.cutoff:.3g}:")
            if both:
                row = both[-1]
                said.append(
                    f"for ε = {row.epsilon:g} plain descent takes {row.iterations[0]:g} iterations and {_units(row.width[0])}, projected "
                    f"{row.iterations[1]:g} and {_units(row.width[1])};"
                )
            for j, name in enumerate(METHODS):
                alone = [row.epsilon for row in rows if np.isfinite(row.iterations[j]) and not np.isfinite(row.iterations[1 - j])]
                if alone:
                    said.append(f"{name} descent alone reaches ε = {min(alone):g};")
            if not both:
                said.append("no accuracy is reached by both;")
            verdict = "the paper's factor 1/ε is seen" if self.seen(k) else "the paper's factor 1/ε, one between upper bounds, is not seen"
            measured = "" if np.isnan(self.exponents[k]) else f" (plain / projected goes as (1/ε)^{self.exponents[k]:.2f})"
            said.append(f"{verdict}{measured}; {100 * self.touched[k]:.0f} % of the units end on the surface of the ball.")
        return " ".join(said)

    def plot(self) -> Figure:
        """Iterations against ε for both methods, one panel for every alpha."""
        figure = figure_class()(figsize=(1.2 + 4.0 * len(self.alpha), 4.0), dpi=120, layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(self.alpha), sharey=True))
        for k, axes in enumerate(panels):
            plain(axes)
            for j, name in enumerate(METHODS):
                counts = self.iterations[k, j, -1]
                reached = np.isfinite(counts)
                axes.loglog(self.epsilon[reached], np.maximum(counts[reached], 1), "o-" if j else "s--", color=f"C{j}", label=name)
            axes.set_xticks(self.epsilon, [f"{epsilon:g}" for epsilon in self.epsilon])
            axes.minorticks_off()
            axes.invert_xaxis()
            side = "below" if self.alpha[k] < self.cutoff else "at or above"
            axes.set_title(f"alpha = {self.alpha[k]:.3g}, {side} the cut-off", loc="left", fontsize="medium")
            axes.set_xlabel("risk, as a share of the start's")
        panels[0].set_ylabel(f"iterations, {self.n_units[-1]} units")
        panels[0].legend(frameon=False)
        return figure


def _units(width: float) -> str:
    return f"{width:g} units"
