"""Is a learning rate one that the convergence theorem is about?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from .._checks import is_number, within
from ..optim import Constant, Exponential, InverseTime, Optimizer, Schedule, Step
from ..plot._common import figure_class, plain
from ._result import Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RobbinsMonro", "robbins_monro"]

NEAR = 0.1  # exponents this near 1/2 or 1 that still move may be a logarithm's: no verdict
SETTLED = 1e-3  # an exponent that moves less over ten doublings is taken as found
OCTAVES = np.arange(0, 41)


@dataclass(frozen=True)
class RobbinsMonro(Diagnosis):
    """Whether learning rates meet α_t ≥ α_{t+1}, Σ α_t = ∞, Σ α_t² < ∞ (Robbins and Monro 1951; arXiv 2501.08040, Assumption 2.14).

    Attributes
    ----------
    monotone : bool
        Whether the rate never rises.
    sum_diverges, sum_of_squares_converges : bool or None
        None: cannot be told from the rates.
    by_formula : bool
        Whether the schedule is a known one, so that the verdict is a proof. Else it is read off the rates at t = 2⁰ … 2⁴⁰: evidence.
    reason : str
        Each condition that breaks, and why.
    times, rates : (n,) ndarray
        Rates that were looked at.
    """

    monotone: bool
    sum_diverges: bool | None
    sum_of_squares_converges: bool | None
    by_formula: bool
    reason: str
    times: NDArray[np.int64]
    rates: NDArray[np.float64]

    @property
    def holds(self) -> bool:
        """Whether all three conditions do."""
        return self.monotone and self.sum_diverges is True and self.sum_of_squares_converges is True

    def summary(self) -> str:
        """Say in one paragraph which conditions hold."""
        said = "meets" if self.holds else "does NOT meet"
        how = "by its formula" if self.by_formula else "judged by its values up to t = 2^40, which is evidence and no proof"
        return f"The learning rate {said} the conditions of Robbins and Monro ({how}): {self.reason}."

    def plot(self) -> Figure:
        """Draw the rates over the number of updates, beside 1/t and 1/√t."""
        figure = figure_class()(figsize=(5.6, 4.0), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        shown = (self.rates > 0) & (self.times > 0)
        t, rates = self.times[shown], self.rates[shown]
        if len(t):
            axes.loglog(t, rates, color="C0", label="rate")
            axes.loglog(t, rates[-1] * (t[-1] / t), ":", color="0.4", label="1/t: slower, or else the sum is finite")
            axes.loglog(t, rates[-1] * np.sqrt(t[-1] / t), "--", color="0.4", label="1/√t: faster, or else that of squares is infinite")
            axes.set_ylim(rates.min() / 3, rates.max() * 30)
            axes.legend(fontsize=8)
        axes.set_xlabel("updates t")
        axes.set_ylabel("learning rate")
        plain(axes)
        return figure


def robbins_monro(rate: Optimizer | Schedule | Callable[[int], float]) -> RobbinsMonro:
    """Hold learning rates against the conditions under which online training is proved to converge.

    Parameters
    ----------
    rate : Optimizer, Schedule, or function
        The rate of update t = 0, 1, …; of an optimiser its ``rate``, of a schedule its ``multiplier``. What else an optimiser does with a gradient is
        not judged here (:func:`rtrl_convergence` does).

    Returns
    -------
    RobbinsMonro

    Raises
    ------
    TypeError, ValueError
        For what is no rate: a negative number, NaN, no function.

    Notes
    -----
    Too slow (constant, 1/√t): Σ α² = ∞, the noise of single gradients never dies out. Too fast (geometric, 1/t²): Σ α < ∞, the weights come to rest
    at a distance from the start that no amount of data can exceed. A rate that is none of the package's schedules is a power of t to the eye:
    α(2t)/α(t) = 2^(−p), p > 1 too fast, p ≤ 1/2 too slow.

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.diagnostics.robbins_monro(pf.SGD(0.1, schedule=pf.InverseTime(decay=0.01))).holds
    True
    >>> print(pf.diagnostics.robbins_monro(pf.SGD(0.1)).reason)
    sum of squares: a constant rate makes sum alpha^2 infinite, so that the noise of single gradients never dies out
    """
    schedule = rate.schedule if isinstance(rate, Optimizer) else rate
    function = rate.rate if isinstance(rate, Optimizer) else rate.multiplier if isinstance(rate, Schedule) else rate
    if not callable(function):
        raise TypeError(f"rate must be an optimiser, a schedule, or a function of t, got {type(rate).__name__}")
    times = np.unique(np.concatenate([np.arange(257), *(2**OCTAVES + k for k in (-1, 0, 1))]))
    rates = np.array([_value(function, int(t)) for t in times])
    monotone = bool(np.all(np.diff(rates) <= 0))
    if not rates[:256].any():
        return RobbinsMonro(monotone, False, True, True, "sum: the rate is zero, nothing is learnt", times, rates)
    known = _by_formula(cast(Schedule, schedule))
    if not monotone:
        k = int(np.argmax(np.diff(rates) > 0))
        rises = f"monotone: the rate rises after t = {times[k]}, from {rates[k]:.4g} to {rates[k + 1]:.4g} (its sums were not judged)"
        return RobbinsMonro(False, None, None, False, rises, times, rates)
    diverges, converges, reasons = known if known is not None else _by_values(rates[np.searchsorted(times, 2**OCTAVES)])
    said = "; ".join(reasons) or "it never rises, sum alpha = inf, sum alpha^2 < inf"
    return RobbinsMonro(True, diverges, converges, known is not None, said, times, rates)


def _value(function: Callable[[int], float], t: int) -> float:
    given: Any = function(t)
    if not is_number(given):
        raise TypeError(f"rate must give a number for every t, got {given!r} at t = {t}")
    if not within(given, 0):
        raise ValueError(f"rate must be finite and not negative, got {given!r} at t = {t}")
    return float(given)


TOO_FAST = "sum: {} makes sum alpha finite, so that the weights come to rest wherever they have got to"
TOO_SLOW = "sum of squares: {} makes sum alpha^2 infinite, so that the noise of single gradients never dies out"
Verdict = tuple[bool | None, bool | None, list[str]]


def _by_formula(schedule: Schedule) -> Verdict | None:
    """The verdict on the package's own schedules; InverseTime takes no other powers than those that hold."""
    if type(schedule) is InverseTime:
        return True, True, []
    if type(schedule) is Constant or (type(schedule) in (Exponential, Step) and cast(Exponential, schedule).factor == 1):
        return True, False, [TOO_SLOW.format("a constant rate")]
    if type(schedule) in (Exponential, Step):
        return False, True, [TOO_FAST.format(f"a geometric fall by {cast(Exponential, schedule).factor:g} at a time")]
    return None


def _by_values(rates: NDArray[np.float64]) -> Verdict:
    """From the rates at t = 2^k: the exponent p of t^(−p), as far as it settles."""
    if rates[-1] == 0:
        return False, True, [TOO_FAST.format("a rate that reaches zero")]
    powers = -np.diff(np.log2(rates))
    p, moved = float(powers[-1]), float(np.ptp(powers[-10:]))
    settled, words = moved < SETTLED, "a constant rate" if p == 0 else f"a rate like t^-{p:.3g}"
    p = round(p, 3) if settled else p

    def beyond(edge: float) -> bool | None:
        return p > edge if settled or abs(p - edge) > NEAR else None

    diverges = None if beyond(1.0) is None else not beyond(1.0)
    converges = beyond(0.5)
    reasons = [] if diverges else [TOO_FAST.format(words)] if diverges is False else [f"sum: {words} is too near 1/t to tell"]
    reasons += [] if converges else [TOO_SLOW.format(words)] if converges is False else [f"sum of squares: {words} is too near 1/sqrt(t) to tell"]
    return diverges, converges, reasons
