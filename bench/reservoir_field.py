"""A field of runners on the same inputs: all checked, all timed in turn, the first held against the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .report import Row
from .reservoir_cases import Array
from .timing import Competitor, Session
from .truth import confirm

SLACK = {"float32": 0.1, "float64": 1.0}  # times the tolerance of what is trained: nothing here is
Advance = Callable[[Array], Any]
"""From inputs (n_steps, …) to what becomes of them; goes on from where the last call stopped."""


@dataclass(frozen=True)
class Runner:
    """One of a field.

    Parameters
    ----------
    name : str
    advance : callable
    expected : ndarray
        What the first steps of the inputs must give, as many as there are here.
    goal : float, optional
        Times faster than it the first of the field is to be.
    note : str
    """

    name: str
    advance: Advance
    expected: Array
    goal: float | None = None
    note: str = ""

    def check(self, X: Array, dtype: str) -> float:
        """Take the first steps, and compare."""
        found = self.advance(X[..., : self.expected.shape[-2], :])
        return agree(self.name, found, self.expected, dtype)

    def competitor(self, X: Array) -> Competitor:
        """Take all of X in, again and again."""
        return Competitor(self.name, repeat(self.advance, X), multiple=X.shape[-2], most=1 << 16)


def agree(what: str, found: Any, expected: Array, dtype: str) -> float:
    """Relative error in norm, or :class:`WrongAnswerError`."""
    if np.shape(found) != expected.shape:
        raise ValueError(f"{what}: shape {np.shape(found)}, expected {expected.shape}")
    return confirm(what, float(np.linalg.norm(found - expected) / np.linalg.norm(expected)), dtype, SLACK[dtype])


def repeat(advance: Advance, X: Array) -> Callable[[int], None]:
    """Take so many steps, a multiple of those of X."""

    def run(n_steps: int) -> None:
        for _ in range(n_steps // X.shape[-2]):
            advance(X)

    return run


@dataclass(frozen=True)
class Race:
    """A field on the same inputs; the first is ours, and held against the others.

    Parameters
    ----------
    case, what : str
    X : ndarray, (n_steps, …)
    runners : sequence of Runner
    numbers : dict
        For the JSON.
    """

    case: str
    what: str
    X: Array
    runners: Sequence[Runner]
    numbers: dict[str, Any] = field(default_factory=dict)

    def rows(self, session: Session, bound: Competitor | None = None) -> Iterator[Row]:
        """Check all, time all in turn. ``bound``: what no step of ours can be faster than; our row gives the share of it."""
        errors = {runner.name: runner.check(self.X, session.dtype) for runner in self.runners}
        timings = session.measure(*(runner.competitor(self.X) for runner in self.runners), *([] if bound is None else [bound]))
        own, limit = timings[self.runners[0].name].microseconds(), None if bound is None else timings[bound.name].microseconds()
        for runner in self.runners:
            us, rate = timings[runner.name].microseconds(), f"{1e6 / timings[runner.name].microseconds():,.0f} steps/s"
            row = Row(
                self.case, f"{self.what}, {runner.name}", us, us / own, "ours {:.2f} × as fast", session.goal(runner.goal),
                error=errors[runner.name], timing=timings[runner.name], note=f"{rate}; {runner.note}" if runner.note else rate,
                numbers={**self.numbers, "steps_per_second": 1e6 / us, "bound": limit},
            )  # fmt: skip
            if runner is self.runners[0]:
                row.figure, row.form = (None, "") if bound is None or limit is None else (limit / us, f"{{:.0%}} of {bound.name}")
            yield row
