"""Diagonal cells: ten thousand units against a plain sweep over the memory that a step must touch, and a million units in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward.cells import make_cell

from .cases import Engine, Problem, flat, parts_of
from .million import forget_peak_memory, peak_memory
from .report import Row
from .suite import against
from .timing import Competitor, Session
from .truth import confirm, error_of

SWEEPS = 1.3
MILLION_BYTES = 2.0**30
MILLION_SLACK = 4.0  # of the tolerance: of weights so many each moves by little
UPDATES = (1, 16)  # K
LINE = 64  # bytes: rows are padded to whole lines of the cache
CHECKED_STEPS = 32
READOUT = 1.0  # W_out is uniform in ± this

make = partial(make_cell, "diagonal")


def diagonal(n_units: int, dtype: str, memory: int = 0) -> Problem:
    """A diagonal cell whose read-out is large enough for ten thousand units and more to move by more than float32 rounds off."""
    return Problem(n_units, dtype, memory=memory, make=make, readout_scale=READOUT * np.sqrt(n_units))


class DiagonalRTRL:
    """The exact recursion in float64, where J has one number a parameter: h_i = tanh(w_i h_i + ⟨u_i, x⟩ + b_i).

    J_i ← σ'(a_i) (w_i J_i + [h_i; x; 1]),  G_i = (dL/dh_i) J_i.

    Parameters
    ----------
    problem : Problem
    update_every : int
    """

    def __init__(self, problem: Problem, update_every: int = 1) -> None:
        self._problem, self._every, self._phase = problem, update_every, 0
        w = problem.cell.unpack(problem.theta.astype(float))
        self._W = np.column_stack([w["w_rec"], w["W_in"], w["bias"]])
        self._W_out, self._b_out = (part.astype(float) for part in problem.readout)
        self._h, self._J = np.zeros(len(self._W)), np.zeros_like(self._W)
        self._sums = [np.zeros_like(part) for part in (self._W, self._W_out, self._b_out)]

    def run(self, n_steps: int) -> None:
        """Learn the first so many steps of the stream."""
        rate = self._problem.optimizer.learning_rate / self._every
        for x, y in zip(self._problem.X[:n_steps].astype(float), self._problem.Y[:n_steps].astype(float), strict=True):
            u = np.column_stack([self._h, np.tile(np.append(x, 1.0), (len(self._h), 1))])
            self._h = np.tanh(np.einsum("ij,ij->i", self._W, u))
            self._J *= self._W[:, :1]
            self._J += u
            self._J *= (1 - self._h**2)[:, None]
            error = self._W_out @ self._h + self._b_out - y
            for total, part in zip(self._sums, ((error @ self._W_out)[:, None] * self._J, np.outer(error, self._h), error), strict=True):
                total += part
            self._phase = (self._phase + 1) % self._every
            if self._phase == 0:
                for weights, total in zip((self._W, self._W_out, self._b_out), self._sums, strict=True):
                    weights -= rate * total
                    total[...] = 0

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector."""
        parts = {"w_rec": self._W[:, 0], "W_in": self._W[:, 1:-1], "bias": self._W[:, -1]}
        return flat(self._problem.cell.pack(parts), self._W_out, self._b_out)


def check(problem: Problem, update_every: int, n_steps: int, weights: NDArray[np.float64], slack: float = 1.0) -> float:
    """Error of weights that have learnt the first so many steps."""
    truth = DiagonalRTRL(problem, update_every)
    truth.run(n_steps)
    error = error_of(weights, truth.weights, problem.start, parts_of(problem.cell))
    return confirm(f"diagonal, n = {problem.n_units}, K = {update_every}", error, problem.dtype, slack)


def sweep(session: Session) -> Iterator[Row]:
    """A training step as a multiple of the fastest plain sweep (read and write) over parameters and influence, as large as they lie in memory."""
    for n in session.choose(10_000):
        problem = diagonal(n, session.dtype)
        engines: dict[int, Engine] = {}
        errors: dict[int, float] = {}
        for K in UPDATES:
            for case in (diagonal(n, session.dtype, CHECKED_STEPS), problem):
                engines[K] = Engine(case, K)
                engines[K].run(CHECKED_STEPS)
                errors[K] = max(errors.get(K, 0.0), check(case, K, CHECKED_STEPS, engines[K].weights))
        numbers = padded_numbers(problem)
        sweeps = {name: Competitor(name, partial(_repeat, once)) for name, once in plain_sweeps(numbers, session.dtype).items()}
        multiples = {K: int(np.lcm(K, engine.carry_every)) for K, engine in engines.items()}
        timings = session.measure(*sweeps.values(), *(Competitor(f"K{K}", e.run, multiple=multiples[K]) for K, e in engines.items()))
        best = min(sweeps, key=lambda name: timings[name].microseconds())
        n_bytes = numbers * np.dtype(session.dtype).itemsize
        for K, engine in engines.items():
            us, gain = against(timings, f"K{K}", best)
            rate = 2 * n_bytes / (us * gain) / 1e3
            yield Row(
                "diagonal-sweep", f"n = {n:,}, K = {K}, H = {engine.carry_every}", us, 1 / gain, "{:.2f} × sweep", session.goal(SWEEPS),
                at_least=False, error=errors[K], timing=timings[f"K{K}"],
                note=f"sweep ({best}) of {n_bytes / 1e6:.3g} MB: {us * gain:,.1f} µs, {rate:.0f} GB/s read and written",
                numbers={"n_units": n, "update_every": K, "bytes": n_bytes, "sweeps": {name: timings[name].microseconds() for name in sweeps}},
            )  # fmt: skip


def padded_numbers(problem: Problem) -> int:
    """Numbers in parameters and influence, as they lie in memory: two arrays of one padded row a unit."""
    in_line = LINE // np.dtype(problem.dtype).itemsize
    row = problem.cell.n_params // problem.n_units
    return 2 * problem.n_units * (-(-row // in_line) * in_line)


def plain_sweeps(numbers: int, dtype: str) -> dict[str, Callable[[], object]]:
    """Ways to read and write so many numbers in place."""
    start = LINE // np.dtype(dtype).itemsize
    room = np.ones(numbers + start, dtype)
    skip = -(room.ctypes.data // room.itemsize) % start
    a = room[skip : skip + numbers]  # begins with a line
    bits = a.view(f"u{a.itemsize}")
    one = a.dtype.type(1)
    return {
        "a = −a": lambda: np.negative(a, out=a), "a = 1 · a": lambda: np.multiply(a, one, out=a), "a = not a": lambda: np.invert(bits, out=bits),
    }  # fmt: skip


def _repeat(once: Callable[[], object], n: int) -> None:
    for _ in range(n):
        once()


def million(session: Session) -> Iterator[Row]:
    """A million units: how much the process grows, and events a second; each K in a process of its own."""
    for n in session.choose(1_000_000):
        for K in UPDATES:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "weights.npy"
                command = [sys.executable, "-m", __spec__.name, str(n), session.dtype, str(K), str(file)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found = json.loads(done.stdout)
                weights = np.load(file).astype(float)
            error = check(diagonal(n, session.dtype), K, found["n_steps"], weights, MILLION_SLACK)
            us, growth = 1e6 * found["seconds"], found["grown"]
            what = f"n = {n:,}, K = {K}, H = {found['carry_every']}"
            yield Row(
                "diagonal-million", what, us, 1e6 / us, "{:,.1f} events/s", error=error, numbers=found,
                note=f"{found['n_params']:,} parameters; CPU time of one thread",
            )  # fmt: skip
            if growth is not None:
                goal = session.goal(MILLION_BYTES / 1e9) if n >= 1_000_000 else None
                yield Row("diagonal-million", f"{what}: the process grows by", None, growth / 1e9, "{:.3f} GB", goal, at_least=False, error=error)


def child(n_units: int, dtype: str, update_every: int, file: str) -> dict[str, Any]:
    """Draw the weights, build, learn a block and two more of them that are timed: all in the memory counted from before."""
    forget_peak_memory()
    before = peak_memory()
    problem = diagonal(n_units, dtype)
    engine = Engine(problem, update_every)
    block = int(np.lcm(update_every, engine.carry_every))
    X, Y = problem.inputs, problem.targets
    engine.core.run(X[:, :block], None, Y[:, :block], None, None)
    start = time.thread_time()
    engine.core.run(X[:, block : 3 * block], None, Y[:, block : 3 * block], None, None)
    seconds = (time.thread_time() - start) / (2 * block)
    peak = peak_memory()
    np.save(file, engine.weights.astype(dtype))
    return {
        "n_units": n_units, "update_every": update_every, "carry_every": engine.carry_every, "n_params": problem.cell.n_params, "n_steps": 3 * block,
        "seconds": seconds, "grown": None if before is None or peak is None else peak - before,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(child(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])))
