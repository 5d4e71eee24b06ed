"""What the suites share: running cases by name, a field of competitors on one problem, times held against a base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import Engine, Problem, parts_of
from .report import Row
from .timing import Competitor, Session, Timing
from .truth import WrongAnswerError, checked, confirm, error_of

Case = Callable[[Session], Iterator[Row]]
LONG = 128  # steps


def run(cases: Mapping[str, Case], session: Session, names: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of the cases named, each as soon as it is measured.

    A wrong answer is a row too, without a time: ``error`` is infinite and the note says what was wrong.
    """
    for name in names:
        try:
            yield from cases[name](session)
        except WrongAnswerError as wrong:
            yield Row(name, "WRONG ANSWER", error=float("inf"), note=str(wrong))


@dataclass(frozen=True)
class Entrant:
    """One of a field.

    Parameters
    ----------
    name : str
    learner : object
        With ``run(n_steps)`` and ``weights``, like :class:`Engine`.
    multiple : int
        Steps come in multiples of it (a sample has its share of block ends).
    expected : ndarray or None
        What it must have learnt after ``n_check`` steps; None: there is nothing to compare with.
    n_check : int
    note : str
    """

    name: str
    learner: Any
    multiple: int
    expected: NDArray[np.float64] | None
    n_check: int
    note: str = ""

    def check(self, problem: Problem) -> float | None:
        """Take the first steps, and compare."""
        self.learner.run(self.n_check)
        if self.expected is None:
            return None
        error = error_of(self.learner.weights, self.expected, problem.start, parts_of(problem.cell))
        return confirm(f"{self.name}, n = {problem.n_units}", error, problem.dtype)


def race(session: Session, case: str, what: str, problem: Problem, field: Sequence[Entrant]) -> Iterator[Row]:
    """Time a field on one problem, CPU time of the whole process; the first is what the others are held against."""
    errors = {entrant.name: entrant.check(problem) for entrant in field}
    timings = session.measure(*(Competitor(e.name, e.learner.run, "process", e.multiple) for e in field))
    own = timings[field[0].name].microseconds()
    for e in field:
        us = timings[e.name].microseconds()
        rate = f"{1e6 / us:,.0f} steps/s"
        yield Row(
            case, f"{what}, {e.name}", us, us / own, "{:.2f} × ours", error=errors[e.name], timing=timings[e.name],
            note=f"{rate}; {e.note}" if e.note else rate, numbers={"n_units": problem.n_units, "n_params": problem.cell.n_params},
        )  # fmt: skip


def against(timings: Mapping[str, Timing], name: str, base: str = "base") -> tuple[float, float]:
    """Microseconds of one competitor, and how many of them the base takes."""
    us = timings[name].microseconds()
    return us, timings[base].microseconds() / us


def checked_textbook(problem: Problem) -> tuple[Engine, float]:
    """H = 1, and the error of what it learns in its first steps."""
    return checked("H = 1", problem, int(np.clip(2**20 // problem.n_units**2, 4, 64)), carry_every=1)


def checked_every_step(problem: Problem, n_blocks: int = 2) -> tuple[Engine, float]:
    """K = 1 with H chosen by the library, and the error of what it learns in some blocks and a bit.

    Of blocks longer than :data:`LONG` it is one: an update at each of so many steps may make of the last digit the first.
    """
    H = Engine(problem).carry_every
    return checked("K = 1", problem, min(n_blocks * H, max(H, LONG)) + 3)


def checked_batch(problem: Problem) -> tuple[Engine, Engine, float]:
    """Series side by side, K = 1, H chosen by the library: with one thread, with two (the same numbers), and the error."""
    one, error = checked_every_step(problem, n_blocks=1)
    two = Engine(problem, n_threads=2)
    two.run(one.core.n_steps)
    if not np.array_equal(one.weights, two.weights):
        raise WrongAnswerError(f"{problem.n_series} series, n = {problem.n_units}: two threads give other numbers than one")
    return one, two, error
