"""``pushforward bench carries``: what each algorithm costs, as a multiple of a forward step of the same net."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pushforward.cells import Elman, make_cell

from .approximate import TWINS
from .cases import TRUNCATION, Engine, Problem, parts_of
from .report import Row
from .suite import Case
from .timing import Competitor, Session
from .truth import checked, confirm, error_of, replay

SIZES = (64, 256)
UPDATES = (1, 32)  # K
GOALS = {("snap1", 256): 3.0, ("uoro", 256): 6.0}  # times a forward step
KF_UP_TO = 64  # units: it multiplies matrices
CONNECTIVITY = 0.1
SPARSE = partial(make_cell, "elman", connectivity=CONNECTIVITY)


class Forward:
    """The net's forward step and read-out alone."""

    def __init__(self, problem: Problem) -> None:
        self._core, self._X = Engine(problem).core, problem.inputs
        self._rest = np.zeros((1, problem.cell.n_state), problem.dtype)

    def run(self, n_steps: int) -> None:
        """Predict the first so many steps of the stream."""
        self._core.predict(self._X[:, :n_steps], None, self._rest)


def truncation(gradient: str) -> int | None:
    """Steps back, of the algorithm that has such a limit."""
    return TRUNCATION if gradient == "tbptt" else None


def checked_steps(engine: Engine, update_every: int) -> int:
    """Two blocks and four updates, and a bit."""
    return max(2 * math.lcm(update_every, engine.carry_every), 4 * update_every) + 3


def checked_carry(problem: Problem, gradient: str, update_every: int, carry_every: int | None = None) -> tuple[Engine, float]:
    """Build an engine and compare what it learns in its first steps with NumPy's; before it, a twin of longer memory."""
    n_steps = checked_steps(Engine(problem, update_every, carry_every, gradient=gradient, truncation=truncation(gradient)), update_every)
    if gradient == "rtrl":
        return checked("rtrl", problem, n_steps, update_every=update_every)
    error = 0.0
    for case in (replace(problem, memory=TRUNCATION), problem):
        engine = Engine(case, update_every, carry_every, gradient=gradient, truncation=truncation(gradient))
        engine.run(n_steps)
        found = error_of(engine.weights, expected(engine, gradient, update_every, n_steps), case.start, parts_of(case.cell))
        error = max(error, confirm(f"{gradient}, n = {case.n_units}, K = {update_every}{', long memory' if case.memory else ''}", found, case.dtype))
    return engine, error


def expected(engine: Engine, gradient: str, update_every: int, n_steps: int) -> NDArray[np.float64]:
    """All weights after the first ``n_steps`` steps, in float64."""
    problem = engine.problem
    if gradient == "tbptt":
        return replay(problem, update_every, n_steps, truncation=TRUNCATION)
    twin = TWINS[gradient](problem, update_every, engine.carry_every)
    twin.run(n_steps)
    return twin.weights


def cost(gradient: str, session: Session) -> Iterator[Row]:
    """A training step, SGD every K steps, against a forward step."""
    sparse = gradient == "snap2"
    for n in session.choose(*(SIZES if gradient != "kf" else SIZES[:1])):
        if gradient == "kf" and n > KF_UP_TO:
            continue
        problem = Problem(n, session.dtype, make=SPARSE if sparse else Elman)
        forms: list[tuple[int, int | None]] = [(K, None) for K in UPDATES] + [(1, 1)] * (gradient == "uoro")  # H = 1: the algorithm as published
        engines = {form: checked_carry(problem, gradient, *form) for form in forms}
        timings = session.measure(
            Competitor("forward", Forward(problem).run, multiple=64),
            Competitor("least", Engine(problem, truncation=1).run),
            *(Competitor(str(form), engine.run, multiple=math.lcm(form[0], engine.carry_every)) for form, (engine, _) in engines.items()),
        )
        forward, least = (timings[name].microseconds() for name in ("forward", "least"))
        for (K, H), (engine, error) in engines.items():
            us = timings[str((K, H))].microseconds()
            name = f"{gradient}({TRUNCATION})" if gradient == "tbptt" else gradient
            kept = f", connectivity {CONNECTIVITY:g}" if sparse else ""
            yield Row(
                gradient, f"{name}, n = {n}{kept}, K = {K}, H = {engine.carry_every}{' as told' if H else ''}", us, us / forward, "{:.2f} × forward",
                session.goal(GOALS.get((gradient, n))), at_least=False, error=error, timing=timings[str((K, H))],
                note=f"forward step with read-out {forward:.2f} µs; with a gradient of one step and SGD at each {least:.2f} µs",
                numbers={"n_units": n, "update_every": K, "carry_every": engine.carry_every, "forward": forward, "least": least},
            )  # fmt: skip


CASES: dict[str, Case] = {name: partial(cost, name) for name in ("snap1", "uoro", "rflo", "eprop", "kf", "snap2", "tbptt", "rtrl")}
ONLY_WHEN_NAMED: tuple[str, ...] = ()
