"""``pushforward bench rtrl``: exact online training against the machine's peak, against its own textbook form, and against others."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import cases
from .cases import Engine, Problem
from .million import million
from .peers import JaxRTRL, Reference, TorchTBPTT, scan_length
from .report import Row
from .streams import latency, orderbook, overhead
from .timing import Competitor, Session
from .truth import GemmRTRL, WrongAnswerError, checked, confirm, error_of, learnt


def textbook(session: Session) -> Iterator[Row]:
    """H = 1, K = 1: share of the peak, and two threads against one."""
    for n in session.choose(*cases.SIZES):
        problem = Problem(n, session.dtype)
        (one, error), two = checked_textbook(problem), Engine(problem, carry_every=1, n_threads=2)
        two.run(one.core.n_steps)
        if not np.array_equal(one.weights, two.weights):
            raise WrongAnswerError(f"H = 1, n = {n}: two threads give other numbers than one")
        threaded = session.n_threads > 1 and n in cases.TWO_THREADS
        timings = session.measure(Competitor("1", one.run), *([Competitor("2", two.run, "wall")] if threaded else []))
        us = timings["1"].microseconds()
        share = timings["1"].share_of_probes(problem.textbook_flop)
        fastest = problem.textbook_flop / (us * 1e-6) / session.gauge.peak
        yield Row(
            "h1", f"n = {n}, K = 1, H = 1", us, share, "{:.0%} of peak", session.goal(cases.PEAK_SHARE.get(n)), error=error, timing=timings["1"],
            note=f"peak by the probes beside; {fastest:.0%} of the fastest probe",
            numbers={"n_units": n, "flop": problem.textbook_flop, "share_of_fastest": fastest},
        )  # fmt: skip
        if threaded:
            wall = timings["1"].microseconds("wall"), timings["2"].microseconds()
            yield Row(
                "h1", f"n = {n}, K = 1, H = 1, 2 threads", wall[1], wall[0] / wall[1], "{:.2f} × 1 thread", session.goal(cases.TWO_THREADS[n]),
                error=error, timing=timings["2"], note=f"wall time; 1 thread {wall[0]:,.0f} µs",
                numbers={"n_units": n, "one_thread_wall": wall[0]},
            )  # fmt: skip


def block(session: Session) -> Iterator[Row]:
    """K = H = n: the block method at its best, against H = 1."""
    for n in session.choose(*cases.SIZES[1:]):
        problem = Problem(n, session.dtype)
        base, _ = checked_textbook(problem)
        engine, error = checked("K = H = n", problem, 2 * n, update_every=n, carry_every=n)
        timings = session.measure(Competitor("base", base.run), Competitor("block", engine.run, multiple=n))
        us, ratio = _against(timings, "block")
        goal_us = cases.BLOCK_MICROSECONDS.get(n)
        yield Row(
            "block", f"n = {n}, K = H = n", us, ratio, "{:.1f} × H=1", session.goal(cases.BLOCK_SPEEDUP.get(n)), error=error, timing=timings["block"],
            note=_on_a_fast_core(session.goal(goal_us)), numbers={"n_units": n, "textbook": us * ratio, "goal_microseconds": goal_us},
        )  # fmt: skip


def automatic(session: Session) -> Iterator[Row]:
    """K = 1 with H chosen by the library, against H = 1."""
    for n in session.choose(*cases.SIZES[:4]):
        problem = Problem(n, session.dtype)
        base, _ = checked_textbook(problem)
        engine, error = checked("K = 1", problem, 2 * Engine(problem).carry_every + 3)
        timings = session.measure(Competitor("base", base.run), Competitor("auto", engine.run, multiple=engine.carry_every))
        us, ratio = _against(timings, "auto")
        goal_us = cases.AUTO_MICROSECONDS.get(n)
        yield Row(
            "auto", f"n = {n}, K = 1, H = {engine.carry_every}", us, ratio, "{:.2f} × H=1", session.goal(cases.AUTO_SPEEDUP.get(n)), error=error,
            timing=timings["auto"], note=_on_a_fast_core(session.goal(goal_us)),
            numbers={"n_units": n, "carry_every": engine.carry_every, "textbook": us * ratio, "goal_microseconds": goal_us},
        )  # fmt: skip


def peers(session: Session) -> Iterator[Row]:
    """Ours and the others on the same net and stream, SGD at every step unless said, CPU time of the whole process."""
    tau = cases.TRUNCATION
    for n in session.choose(*cases.PEER_SIZES):
        problem, scan = Problem(n, session.dtype), scan_length(n)
        short = Engine(problem, tau, truncation=tau)
        short.run(3 * tau)
        exact, chunks, truncated = learnt(problem, 1, scan), learnt(problem, tau, 3 * tau), short.weights
        ours, blocked = Engine(problem), Engine(problem, tau)
        field = [  # name, entrant, steps come in multiples of (a sample has its share of block ends), what it must have learnt after how many
            _Entrant("pushforward", ours, ours.carry_every, exact, scan),
            _Entrant("pushforward, H = 1", Engine(problem, carry_every=1), 1, exact, scan),
            _Entrant("NumPy, tuned GEMM", GemmRTRL(problem), 1, exact, scan),
            _Entrant(f"pushforward, K = {tau}", blocked, math.lcm(tau, blocked.carry_every), chunks, 3 * tau, f"one update per {tau} steps"),
        ]
        if n <= 32:
            field.append(_Entrant("NumPy, the reference", Reference(problem), 1, exact, scan))
        if importlib.util.find_spec("jax"):
            field.append(_Entrant("JAX, one lax.scan", JaxRTRL(problem, scan), scan, exact, scan))
            field.append(_Entrant("JAX, jitted step from Python", JaxRTRL(problem, 0), 1, exact, scan))
        if importlib.util.find_spec("torch"):
            field.append(_Entrant(f"PyTorch, sliding TBPTT({tau})", TorchTBPTT(problem, sliding=True), 1, None, 1, "truncated: another gradient"))
            cut = TorchTBPTT(problem, sliding=False)
            note = f"truncated: another gradient; one update per {tau} steps"
            field.append(_Entrant(f"PyTorch, TBPTT({tau}) in chunks", cut, tau, truncated, 3 * tau, note))
        errors = {entrant.name: entrant.check(problem) for entrant in field}
        timings = session.measure(*(Competitor(e.name, e.learner.run, "process", e.multiple) for e in field))
        own = timings["pushforward"].microseconds()
        for e in field:
            us = timings[e.name].microseconds()
            yield Row(
                "peers", f"n = {n}, {e.name}", us, us / own, "{:.2f} × ours", error=errors[e.name], timing=timings[e.name], note=e.note,
                numbers={"n_units": n},
            )  # fmt: skip


CASES: dict[str, Callable[[Session], Iterator[Row]]] = {
    "h1": textbook, "block": block, "auto": automatic, "latency": latency, "orderbook": orderbook, "overhead": overhead, "peers": peers,
    "million": million,
}  # fmt: skip
ONLY_WHEN_NAMED = ("million",)


def run(session: Session, names: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of the cases named, each as soon as it is measured.

    A wrong answer is a row too, without a time: ``error`` is infinite and the note says what was wrong.
    """
    for name in names:
        try:
            yield from CASES[name](session)
        except WrongAnswerError as wrong:
            yield Row(name, "WRONG ANSWER", error=float("inf"), note=str(wrong))


@dataclass(frozen=True)
class _Entrant:
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
        error = error_of(self.learner.weights, self.expected, problem.start, problem.cell.n_params)
        return confirm(f"{self.name}, n = {problem.n_units}", error, problem.dtype)


def checked_textbook(problem: Problem) -> tuple[Engine, float]:
    """H = 1, and the error of what it learns in its first steps."""
    return checked("H = 1", problem, int(np.clip(2**20 // problem.n_units**2, 4, 64)), carry_every=1)


def _against(timings: dict[str, Any], name: str) -> tuple[float, float]:
    us = timings[name].microseconds()
    return us, timings["base"].microseconds() / us


def _on_a_fast_core(microseconds: float | None) -> str:
    return "" if microseconds is None else f"≤ {microseconds:g} µs on a 4 GHz AVX-512 core"
