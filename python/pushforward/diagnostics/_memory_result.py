"""What is found about the memory of a diagonal network's gradient: numbers, a paragraph, a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..plot._common import figure_class, plain
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MemoryCutoff"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MemoryCutoff(Diagnosis):
    """Bounds on the derivatives of a neuron's state by its own weights, step after step, and the largest that were found.

    Attributes
    ----------
    activation : str
    alpha : float
        Size of the recurrent weights, w = ±alpha.
    factor : float
        σ1 alpha: by how much at most a derivative grows over a step.
    cutoff : float
        1/σ1: below this alpha derivatives stay bounded over any number of steps.
    bounded : bool
        alpha < cutoff. At the cut-off itself p_t = t, above it p_t grows as factorᵗ.
    p : (n_steps,) ndarray
        p_t = 1 + factor + … + factor^(t−1), t = 1 … n_steps; inf beyond the range of float64.
    bound_w, bound_u : (n_steps,) ndarray
        On |∂H_t/∂w| and ‖∂H_t/∂u‖₂.
    measured_w, measured_u : (n_steps,) ndarray
        The largest over neurons and series.
    growth_bound, growth_w, growth_u : float
        Factor a step, fitted to the logarithms of p, measured_w and measured_u over the last half of the steps; NaN with fewer than 4 steps.
    state_bound : (n_steps,) ndarray
        What was used for |H_{t−1}| in ``bound_w``: σ0, or the largest that was found.
    state_bound_measured : bool
        The latter: the activation has no σ0, so that ``bound_w`` holds on these inputs only.
    input_norm : float
        max ‖X_t‖₂ over series and steps.
    holds : bool
        Whether all that was measured lies within the bounds.
    """

    activation: str
    alpha: float
    factor: float
    cutoff: float
    bounded: bool
    p: Array
    bound_w: Array
    bound_u: Array
    measured_w: Array
    measured_u: Array
    growth_bound: float
    growth_w: float
    growth_u: float
    state_bound: Array
    state_bound_measured: bool
    input_norm: float

    @property
    def holds(self) -> bool:
        """Whether all that was measured lies within the bounds."""
        slack = 1 + 1e-9  # rounding
        return bool((self.measured_w <= slack * self.bound_w).all() and (self.measured_u <= slack * self.bound_u).all())

    def summary(self) -> str:
        """Say in one paragraph what was found, with the numbers."""
        n, cutoff = len(self.p), f"the cut-off alpha = {self.cutoff:.4g}"
        if self.bounded:
            verdict = f"below {cutoff}: derivatives stay bounded over any number of steps, p_t ≤ {1 / (1 - self.factor):.4g}"
        elif self.factor == 1:
            verdict = f"at {cutoff}: the bound grows in proportion to the number of steps, p_t = t"
        else:
            verdict = f"above {cutoff}: the bound grows exponentially, p_t ~ {self.factor:.4g}^t"
        text = (
            f"{self.activation} with |w| = alpha = {self.alpha:.4g} lies {verdict}. After {n} steps p = {self.p[-1]:.4g}; the largest |∂H/∂w| "
            f"found is {self.measured_w[-1]:.4g} (bound {self.bound_w[-1]:.4g}), the largest ‖∂H/∂u‖ {self.measured_u[-1]:.4g} (bound "
            f"{self.bound_u[-1]:.4g}, with ‖X_t‖₂ ≤ {self.input_norm:.4g}). "
        )
        if n >= 4:
            found = f"{self.growth_w:.4g} and {self.growth_u:.4g}"
            text += f"Over the last half of the steps p grows by {self.growth_bound:.4g} a step, what was found by {found}. "
        text += "All that was found lies within the bounds. " if self.holds else "Something found lies OUTSIDE the bounds. "
        if self.state_bound_measured:
            text += f"{self.activation} has no σ0: the bound on ∂H/∂w uses the largest states of these very runs, and is no bound for other inputs. "
        if not self.bounded and self.growth_u < 1 + 0.5 * (self.growth_bound - 1):
            why = "" if self.state_bound_measured else f" ({self.activation} saturates)"
            text += (
                f"What was found grows much more slowly than its bound: along these states slopes are smaller than σ1{why}. The bound is for the "
                "worst case, which this start and these inputs do not meet. "
            )
        return text.strip()

    def plot(self) -> Figure:
        """Draw bounds and the largest derivatives found against the step."""
        figure = figure_class()(figsize=(7.4, 3.6), dpi=120, layout="constrained")
        steps, both = np.arange(1, len(self.p) + 1), (("|∂H/∂w|", self.bound_w, self.measured_w), ("‖∂H/∂u‖", self.bound_u, self.measured_u))
        for axes, (name, bound, measured) in zip(figure.subplots(1, 2), both, strict=True):
            for values, colour, style, label in ((bound, "0.25", "--", "bound"), (measured, "C0", "-", "largest found")):
                shown = (values > 0) & np.isfinite(values)
                axes.plot(steps[shown], values[shown], color=colour, linestyle=style, linewidth=1.5, label=label)
            axes.set(xlabel="step", ylabel=name, yscale="log")
            plain(axes)
            axes.legend(frameon=False)
        side = "below" if self.bounded else "at" if self.factor == 1 else "above"
        figure.suptitle(f"{self.activation}, alpha = {self.alpha:.4g}: {side} the cut-off {self.cutoff:.4g}", x=0.02, ha="left", fontsize="medium")
        return figure
