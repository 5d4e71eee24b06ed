"""Sizes, data, seeds and goals, once for all; and the engine as the benchmarks drive it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward import cells
from pushforward._learner import LearnerSettings, initial_readout
from pushforward.optim import SGD

SIZES = (16, 32, 64, 128, 256)
PEER_SIZES = (16, 32, 64, 128)
TRUNCATION = 32

# Goals, float32, one thread.
PEAK_SHARE = {32: 0.65, 64: 0.80, 128: 0.85, 256: 0.85}
TWO_THREADS = {64: 1.8, 128: 1.8, 256: 1.8}
BLOCK_SPEEDUP = {32: 6.0, 64: 16.0, 128: 28.0, 256: 50.0}
BLOCK_MICROSECONDS = {32: 2.0, 64: 11.0, 128: 90.0, 256: 750.0}  # on a 4 GHz AVX-512 core
AUTO_SPEEDUP = {16: 1.0, 32: 1.8, 64: 4.5, 128: 9.0}
AUTO_MICROSECONDS = {16: 2.0, 32: 6.0, 64: 33.0, 128: 240.0}  # on such a core
BOUNDED_TAIL = 3.0  # p99.9 over the median
MILLION_SECONDS, MILLION_BYTES = 0.030, 6e9
EVENTS = {1: 400_000.0, 16: 1_200_000.0}  # per second, by update_every
EVENTS_ONE_BY_ONE = 150_000.0
OVERHEAD_MICROSECONDS = 2.0


@dataclass(frozen=True)
class Problem:
    """An Elman net with tanh units that learns noise from noise by SGD.

    Parameters
    ----------
    n_units : int
    dtype : {"float32", "float64"}
    n_steps : int
        Length of the stream.
    n_inputs, n_outputs, seed : int
    memory : int
        0: inputs of size one, as a user has them; the net contracts, and after a hundred steps nothing is left of J. Else W_rec is a rotation and
        the inputs are small enough for J to last so many steps: what is wrong with the transport of J across blocks then shows.
    """

    n_units: int
    dtype: str = "float32"
    n_steps: int = 4096
    n_inputs: int = 10
    n_outputs: int = 1
    seed: int = 0
    memory: int = 0

    @cached_property
    def cell(self) -> cells.Elman:
        """The cell; its gradient has n_units · (n_units + n_inputs + 1) numbers."""
        return cells.Elman(self.n_inputs, self.n_units)

    @property
    def optimizer(self) -> SGD:
        """Rate that keeps the read-out stable (‖s‖² is at most n_units) and moves the weights enough to be compared."""
        return SGD(learning_rate=0.1 / self.n_units)

    @cached_property
    def theta(self) -> NDArray[Any]:
        """Weights at the start (n_params,): drawn in float64 and rounded."""
        rows = self.cell.init(self.seed).reshape(self.n_units, -1)
        if self.memory:
            rows[:, : self.n_units] /= 0.9  # the cell starts from 0.9 times a rotation
        return rows.ravel().astype(self.dtype)

    @cached_property
    def readout(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """(W_out, b_out) at the start."""
        return initial_readout(self.n_outputs, self.n_units, np.random.default_rng(self.seed + 1), np.dtype(self.dtype))

    @cached_property
    def X(self) -> NDArray[Any]:
        """Inputs (n_steps, n_inputs)."""
        size = 2.0 / self.memory if self.memory else 1.0  # the product of that many slopes 1 − s² is then about 1/e
        return (size * np.random.default_rng(self.seed + 2).normal(size=(self.n_steps, self.n_inputs))).astype(self.dtype)

    @cached_property
    def Y(self) -> NDArray[Any]:
        """Targets (n_steps, n_outputs)."""
        return np.random.default_rng(self.seed + 3).normal(size=(self.n_steps, self.n_outputs)).astype(self.dtype)

    @property
    def start(self) -> NDArray[np.float64]:
        """All weights at the start, one vector."""
        return flat(self.theta, *self.readout)

    @property
    def textbook_flop(self) -> float:
        """Of one step of J ← D J: 2 n² n_params."""
        return 2.0 * self.n_units**2 * self.cell.n_params


class Engine:
    """The compiled learner on a problem's stream; every ``run(n)`` takes the first n steps of it in.

    Parameters
    ----------
    problem : Problem
    update_every : int
        K.
    carry_every : int, optional
        H; chosen by the cost model unless given.
    n_threads : int
    latency : {"throughput", "bounded"}
    truncation : int, optional
        Truncated back-propagation over so many steps in place of the exact gradient.
    """

    def __init__(
        self, problem: Problem, update_every: int = 1, carry_every: int | None = None, n_threads: int = 1, latency: str = "throughput",
        truncation: int | None = None,
    ) -> None:  # fmt: skip
        settings = LearnerSettings(
            problem.cell, problem.n_outputs, "squared_error", np.dtype(problem.dtype), gradient="rtrl" if truncation is None else "tbptt",
            truncation=truncation, update_every=update_every, carry_every=carry_every, latency=latency, optimizer=problem.optimizer,
            n_threads=n_threads,
        )  # fmt: skip
        self.problem, self.core = problem, settings.build()
        self.core.set_parameters(problem.theta, *problem.readout)
        self._X, self._Y = problem.X[None], problem.Y[None]

    @property
    def carry_every(self) -> int:
        """H in use."""
        return self.core.carry_every

    def run(self, n_steps: int) -> None:
        """Learn the first so many steps of the stream, in one call."""
        self.core.run(self._X[:, :n_steps], None, self._Y[:, :n_steps], None, None)

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector."""
        return flat(*self.core.parameters())


def flat(*arrays: NDArray[Any]) -> NDArray[np.float64]:
    """Concatenate weights."""
    return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])
