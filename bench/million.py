"""A million parameters: one block of a thousand steps, and a hundred columns of J against the recursion of these columns alone."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import MILLION_BYTES, MILLION_SECONDS, Engine, Problem
from .report import Row
from .timing import Session
from .truth import confirm

N_COLUMNS, N_READS = 100, 3
SLACK = 2.0  # of the tolerance: thousands of steps in float32, beside a recursion in float64


def million(session: Session) -> Iterator[Row]:
    """K = H = n = 1,000, two blocks: the first starts from J = 0 and is warm-up, the second is timed; then J is read."""
    for n in session.choose(1000):
        problem = Problem(n, session.dtype, n_steps=2 * n + N_READS, memory=2 * n)
        forget_peak_memory()
        X, Y = problem.X[None], problem.Y[None]
        engine = Engine(problem, update_every=n, carry_every=n, n_threads=session.n_threads)
        weights = [problem.theta.astype(float)]
        engine.core.run(X[:, :n], None, Y[:, :n], None, None)
        weights.append(engine.core.parameters()[0].astype(float))
        before, start, cpu = session.gauge.read(), time.perf_counter(), time.process_time()
        engine.core.run(X[:, n : 2 * n], None, Y[:, n : 2 * n], None, None)
        seconds, cpu = (time.perf_counter() - start) / n, (time.process_time() - cpu) / n / session.n_threads
        quality = min(before[1], session.gauge.read()[1])
        theta, W_out, b_out = engine.core.parameters()
        weights.append(theta.astype(float))

        # J is read without a copy of it: a loss λᵀs at one step has the gradient λᵀJ; the sum over a few of them, at successive steps.
        reads = slice(2 * n, 2 * n + N_READS)
        for t in range(2 * n, 2 * n + N_READS):
            engine.core.gather(X[:, t : t + 1], None, Y[:, t : t + 1], None, None)
        found = engine.core.gradient(0)[0].astype(float)
        bytes_ = peak_memory()
        columns = np.random.default_rng(problem.seed + 4).choice(problem.cell.n_params, min(N_COLUMNS, problem.cell.n_params), replace=False)
        expected = _gradient_of_columns(problem, weights, columns, reads, W_out.astype(float), b_out.astype(float))
        error = float(np.linalg.norm(found[columns] - expected) / np.linalg.norm(expected))
        confirm(f"{len(columns)} columns of J, n = {n}", error, session.dtype, SLACK)

        numbers = {"n_units": n, "n_params": problem.cell.n_params, "n_threads": session.n_threads, "quality": quality, "n_columns": len(columns)}
        numbers["cpu_per_thread"] = cpu
        what = f"n = {n}, K = H = n, {session.n_threads} threads"
        yield Row(
            "million", what, 1e6 * seconds, 1e3 * seconds, "{:.3g} ms/step", session.goal(MILLION_SECONDS * 1e3), at_least=False, error=error,
            note=f"{problem.cell.n_params:,} parameters, {len(columns)} columns of J checked; {1e3 * cpu:.3g} ms CPU a thread; probes {quality:.0%}",
            numbers=numbers,
        )  # fmt: skip
        if bytes_ is not None:
            yield Row("million", f"{what}: peak memory", None, bytes_ / 1e9, "{:.2f} GB", session.goal(MILLION_BYTES / 1e9), at_least=False)


def _gradient_of_columns(
    problem: Problem, weights: list[NDArray[np.float64]], columns: NDArray[np.int64], reads: slice, W_out: NDArray[Any], b_out: NDArray[Any]
) -> NDArray[np.float64]:
    """Σ over the steps read of (dL/ds) J[:, columns], by J_t[:, c] = D_t J_{t−1}[:, c] + ∂s_t/∂θ_c in float64; block b has weights[b]."""
    n, q = problem.n_units, problem.n_units + problem.n_inputs + 1
    units, presynaptic, at = columns // q, columns % q, np.arange(len(columns))
    s, J, total = np.zeros(n), np.zeros((n, len(columns))), np.zeros(len(columns))
    for t in range(reads.stop):
        W = weights[t // n if t < reads.start else -1].reshape(n, q)
        u = np.concatenate([s, problem.X[t], [1.0]])
        s = np.tanh(W @ u)
        slope = 1 - s * s
        J = slope[:, None] * (W[:, :n] @ J)
        J[units, at] += slope[units] * u[presynaptic]
        if t >= reads.start:
            total += (W_out @ s + b_out - problem.Y[t]) @ W_out @ J
    return total


def forget_peak_memory() -> None:
    """Let the peak of this process start again from what it uses now, where Linux allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> float | None:
    """Bytes: the most this process has held since :func:`forget_peak_memory`; None where it cannot be known."""
    if os.path.exists("/proc/self/status"):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii", errors="replace"))
        return 1024.0 * int(found[1]) if found else None
    return None
