"""A field of fits on the same snapshots: each runs a few times between the others, with its memory, and its answer is held against an SVD's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .koopman_cases import RCOND, Array, Layer, Next
from .koopman_peers import lstsq
from .million import forget_peak_memory, peak_memory
from .timing import Competitor, Session, Timing, no_garbage_collection, take_sample
from .truth import WrongAnswerError

ROUNDS = 3
LONGEST = 4.0  # s: what takes longer runs once


@dataclass(frozen=True)
class Snapshots:
    """A trajectory with its features, for those who want them whole, and what an SVD of them all makes of it.

    Parameters
    ----------
    h : ndarray, (n + 1, n_state)
    layer : Layer
    """

    h: Array
    layer: Layer

    @cached_property
    def psi(self) -> Array:
        """(n + 1, n_features)."""
        return self.layer(self.h)

    @cached_property
    def C(self) -> Array:
        """(n_state, n_features): h ≈ C ψ."""
        C: Array = np.linalg.lstsq(self.psi, self.h, rcond=max(RCOND, float(np.finfo(self.h.dtype).eps)))[0].T
        return C

    def error(self, found: Next) -> float:
        """Of the next state, relative, over the trajectory."""
        wrong = found(self.psi[:-1]) - self.h[1:]
        return float(np.linalg.norm(wrong) / np.linalg.norm(self.h[1:]))

    @cached_property
    def least(self) -> float:
        """The error of an SVD."""
        return self.error(lstsq(self.psi, self.h, self.C))


@dataclass
class Entrant:
    """One of a field.

    Parameters
    ----------
    name : str
    fit : callable
        To be timed.
    allowed : float
        Largest error, times an SVD's; of methods without its accuracy ``at_most`` says what is no answer any more.
    at_most : float
        Largest relative error.
    """

    name: str
    fit: Callable[[], Next]
    allowed: float = float("inf")
    at_most: float = float("inf")
    timing: Timing = field(default_factory=lambda: Timing("process", 1))
    megabytes: list[float] = field(default_factory=list)
    error: float = float("nan")

    def run(self, session: Session) -> Next:
        """Fit once, between two probes."""
        answers: list[Next] = []
        forget_peak_memory()
        before = peak_memory()
        sample = take_sample(Competitor(self.name, lambda _: answers.append(self.fit()), "process"), 1, session.gauge)
        after = peak_memory()
        self.timing.samples.append(sample)
        if before is not None and after is not None:
            self.megabytes.append((after - before) / (1 << 20))
        return answers[0]

    def check(self, snapshots: Snapshots, found: Next) -> None:
        """Hold the answer against an SVD's."""
        self.error = snapshots.error(found)
        limit = min(self.allowed * snapshots.least, self.at_most)
        if not self.error <= limit:
            raise WrongAnswerError(f"{self.name}: relative error {self.error:.1e} of the next state, allowed {limit:.1e}")

    @property
    def seconds(self) -> float:
        """CPU time of a fit."""
        return self.timing.microseconds() / 1e6

    def note(self, snapshots: Snapshots) -> str:
        """Time, accuracy, memory."""
        memory = f", {statistics.median(self.megabytes):,.0f} MiB" if self.megabytes else ""
        return f"{self.seconds:.3g} s{memory}, error {self.error / snapshots.least:.3g} × an SVD's"

    @property
    def numbers(self) -> dict[str, Any]:
        """For the JSON."""
        return {"seconds": self.seconds, "megabytes": self.megabytes, "relative_error": self.error}


def contest(session: Session, snapshots: Snapshots, entrants: Sequence[Entrant], rounds: int = ROUNDS) -> None:
    """Run all in turn, check all; the slow ones once."""
    start = time.perf_counter()
    with no_garbage_collection():
        for done in range(rounds):
            for entrant in entrants:
                if done and entrant.timing.samples[0].process > LONGEST:
                    continue
                found = entrant.run(session)
                if not done:
                    entrant.check(snapshots, found)
            if time.perf_counter() - start > session.effort.seconds and session.effort.seconds < LONGEST:
                break
