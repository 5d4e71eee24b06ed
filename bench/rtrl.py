"""``pushforward bench rtrl``: exact online training against the machine's peak, against its own textbook form, and against others."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator

import numpy as np

from . import cases
from .cases import Engine, Problem
from .million import million
from .peers import JaxRTRL, Reference, TorchTBPTT, scan_length
from .report import Row
from .streams import latency, orderbook, overhead
from .suite import Case, Entrant, against, checked_every_step, checked_textbook, race
from .timing import Competitor, Session
from .truth import GemmRTRL, WrongAnswerError, checked, learnt, replay


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
        us, ratio = against(timings, "block")
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
        engine, error = checked_every_step(problem)
        timings = session.measure(Competitor("base", base.run), Competitor("auto", engine.run, multiple=engine.carry_every))
        us, ratio = against(timings, "auto")
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
        exact, chunks, truncated = learnt(problem, 1, scan), learnt(problem, tau, 3 * tau), replay(problem, tau, 3 * tau, truncation=tau)
        ours, blocked = Engine(problem), Engine(problem, tau)
        field = [  # name, learner, steps come in multiples of (a sample has its share of block ends), what it must have learnt after how many
            Entrant("pushforward", ours, ours.carry_every, exact, scan),
            Entrant("pushforward, H = 1", Engine(problem, carry_every=1), 1, exact, scan),
            Entrant("NumPy, tuned GEMM", GemmRTRL(problem), 1, exact, scan),
            Entrant(f"pushforward, K = {tau}", blocked, math.lcm(tau, blocked.carry_every), chunks, 3 * tau, f"one update per {tau} steps"),
        ]
        if n <= 32:
            field.append(Entrant("NumPy, the reference", Reference(problem), 1, exact, scan))
        if importlib.util.find_spec("jax"):
            field.append(Entrant("JAX, one lax.scan", JaxRTRL(problem, scan), scan, exact, scan))
            field.append(Entrant("JAX, jitted step from Python", JaxRTRL(problem, 0), 1, exact, scan))
        if importlib.util.find_spec("torch"):
            field.append(Entrant(f"PyTorch, sliding TBPTT({tau})", TorchTBPTT(problem, sliding=True), 1, None, 1, "truncated: another gradient"))
            cut = TorchTBPTT(problem, sliding=False)
            note = f"truncated: another gradient; one update per {tau} steps"
            field.append(Entrant(f"PyTorch, TBPTT({tau}) in chunks", cut, tau, truncated, 3 * tau, note))
        yield from race(session, "peers", f"n = {n}", problem, field)


CASES: dict[str, Case] = {
    "h1": textbook, "block": block, "auto": automatic, "latency": latency, "orderbook": orderbook, "overhead": overhead, "peers": peers,
    "million": million,
}  # fmt: skip
ONLY_WHEN_NAMED = ("million",)


def _on_a_fast_core(microseconds: float | None) -> str:
    return "" if microseconds is None else f"≤ {microseconds:g} µs on a 4 GHz AVX-512 core"
