"""``pushforward bench rtrl``: exact online training against the machine's peak, against its own textbook form, and against others."""

from __future__ import annotations

import importlib.util
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
from .truth import GemmRTRL, WrongAnswerError, confirm, error_of, replay


def textbook(session: Session) -> Iterator[Row]:
    """H = 1, K = 1: share of the peak, and two threads against one."""
    for n in session.choose(*cases.SIZES):
        problem = Problem(n, session.dtype)
        one, two = checked_textbook(problem), Engine(problem, carry_every=1, n_threads=2)
        two.run(one.core.n_steps)
        if not np.array_equal(one.weights, two.weights):
            raise WrongAnswerError(f"H = 1, n = {n}: two threads give other numbers than one")
        threaded = session.n_threads > 1 and n in cases.TWO_THREADS
        timings = session.measure(Competitor("1", one.run), *([Competitor("2", two.run, "wall")] if threaded else []))
        us = timings["1"].microseconds()
        share = problem.textbook_flop / (us * 1e-6) / session.gauge.peak
        beside = share / timings["1"].quality()
        yield Row(
            "h1", f"n = {n}, K = 1, H = 1", us, share, "{:.0%} of peak", session.goal(cases.PEAK_SHARE.get(n)), error=one.error, timing=timings["1"],
            note=f"{beside:.0%} of the probes beside", numbers={"n_units": n, "flop": problem.textbook_flop, "share_of_probes": beside},
        )  # fmt: skip
        if threaded:
            wall = timings["1"].microseconds("wall"), timings["2"].microseconds()
            yield Row(
                "h1", f"n = {n}, K = 1, H = 1, 2 threads", wall[1], wall[0] / wall[1], "{:.2f} × 1 thread", session.goal(cases.TWO_THREADS[n]),
                error=one.error, timing=timings["2"], note=f"wall time; 1 thread {wall[0]:,.0f} µs",
                numbers={"n_units": n, "one_thread_wall": wall[0]},
            )  # fmt: skip


def block(session: Session) -> Iterator[Row]:
    """K = H = n: the block method at its best, against H = 1."""
    for n in session.choose(*cases.SIZES[1:]):
        problem = Problem(n, session.dtype)
        base, engine = checked_textbook(problem), Engine(problem, update_every=n, carry_every=n)
        engine.run(2 * n)
        error = confirm(f"K = H = n = {n}", error_of(engine.weights, replay(problem, n, 2 * n), problem.start), session.dtype)
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
        base, engine = checked_textbook(problem), Engine(problem)
        truth, n_check = GemmRTRL(problem, dtype="float64"), 2 * engine.carry_every + 3
        engine.run(n_check)
        truth.run(n_check)
        error = confirm(f"K = 1, H = {engine.carry_every}, n = {n}", error_of(engine.weights, truth.weights, problem.start), session.dtype)
        timings = session.measure(Competitor("base", base.run), Competitor("auto", engine.run))
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
        truth, short = GemmRTRL(problem, dtype="float64"), Engine(problem, tau, truncation=tau)
        truth.run(scan)
        short.run(3 * tau)
        exact, chunks, truncated = truth.weights, replay(problem, tau, 3 * tau), short.weights
        field = [  # name, entrant, steps come in multiples of, what it must have learnt after how many steps
            _Entrant("pushforward", Engine(problem), 1, exact, scan),
            _Entrant("pushforward, H = 1", Engine(problem, carry_every=1), 1, exact, scan),
            _Entrant("NumPy, tuned GEMM", GemmRTRL(problem), 1, exact, scan),
            _Entrant(f"pushforward, K = {tau}", Engine(problem, tau), tau, chunks, 3 * tau, f"one update per {tau} steps"),
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
        ours = timings["pushforward"].microseconds()
        for e in field:
            us = timings[e.name].microseconds()
            yield Row(
                "peers", f"n = {n}, {e.name}", us, us / ours, "{:.1f} × ours", error=errors[e.name], timing=timings[e.name], note=e.note,
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
        return confirm(f"{self.name}, n = {problem.n_units}", error_of(self.learner.weights, self.expected, problem.start), problem.dtype)


class _Checked(Engine):
    error: float


def checked_textbook(problem: Problem) -> _Checked:
    """H = 1, after its first steps have been compared with NumPy's."""
    engine, truth = _Checked(problem, carry_every=1), GemmRTRL(problem, dtype="float64")
    n_check = int(np.clip(2**20 // problem.n_units**2, 4, 64))
    engine.run(n_check)
    truth.run(n_check)
    engine.error = confirm(f"H = 1, n = {problem.n_units}", error_of(engine.weights, truth.weights, problem.start), problem.dtype)
    return engine


def _against(timings: dict[str, Any], name: str) -> tuple[float, float]:
    us = timings[name].microseconds()
    return us, timings["base"].microseconds() / us


def _on_a_fast_core(microseconds: float | None) -> str:
    return "" if microseconds is None else f"≤ {microseconds:g} µs on a 4 GHz AVX-512 core"
