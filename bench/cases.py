"""Sizes, data, seeds and goals, once for all; and the engine as the benchmarks drive it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward import cells
from pushforward._learner import LearnerSettings, initial_readout
from pushforward.optim import SGD

MakeCell = Callable[[int, int], cells.Cell]
"""From n_inputs and n_units."""

SIZES = (16, 32, 64, 128, 256)
PEER_SIZES = (16, 32, 64, 128)
TRUNCATION = 32
RECURRENT = ("W_rec", "w_rec")  # names of recurrent weights without a gate
READOUT_SCALE = {(True, False): 1.0, (True, True): 4.0, (False, False): 3.0, (False, True): 8.0}
"""Times W_out's start, by (plain, lasting): more where states are small."""

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
    """A net that learns noise from noise by SGD: an Elman net with tanh units unless said.

    Parameters
    ----------
    n_units : int
    dtype : {"float32", "float64"}
    n_steps : int
        Length of the stream.
    n_inputs, n_outputs, seed : int
    memory : int
        0: inputs of size one, as a user has them; the net contracts, and after a hundred steps nothing is left of J. Else the recurrence is a
        rotation, or gates hold what there is, and the inputs are small enough for J to last so many steps: what is wrong with the transport of J
        across blocks then shows.
    make : callable
        The cell, from n_inputs and n_units.
    n_series : int
        Streams side by side.
    readout_scale : float
        Of W_out's start: more where the weights would otherwise move by too little for float32 to show it.
    """

    n_units: int
    dtype: str = "float32"
    n_steps: int = 4096
    n_inputs: int = 10
    n_outputs: int = 1
    seed: int = 0
    memory: int = 0
    make: MakeCell = cells.Elman
    n_series: int = 1
    readout_scale: float = 1.0

    @cached_property
    def cell(self) -> cells.Cell:
        """The cell; of an Elman net the gradient has n_units · (n_units + n_inputs + 1) numbers."""
        return self.make(self.n_inputs, self.n_units)

    @property
    def plain(self) -> bool:
        """Whether there is recurrence that no gate holds."""
        return any(name.rpartition(".")[2] in RECURRENT for name in self.cell.positions())

    @property
    def optimizer(self) -> SGD:
        """Rate that keeps the read-out stable (‖s‖² is at most n_units) and moves the weights enough to be compared."""
        return SGD(learning_rate=0.1 / self.n_units)

    @cached_property
    def theta(self) -> NDArray[Any]:
        """Weights at the start (n_params,): drawn in float64 and rounded."""
        theta = self.cell.init(self.seed)
        return (self.cell.pack(_lasting(self.cell.unpack(theta), self.memory)) if self.memory else theta).astype(self.dtype)

    @cached_property
    def readout(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """(W_out, b_out) at the start."""
        W_out, b_out = initial_readout(self.n_outputs, self.cell.n_features, np.random.default_rng(self.seed + 1), np.dtype(self.dtype))
        least = READOUT_SCALE[self.plain, self.memory > 0]
        return (W_out * max(least, self.readout_scale)).astype(self.dtype), b_out

    @cached_property
    def inputs(self) -> NDArray[Any]:
        """Of all series (n_series, n_steps, n_inputs)."""
        size = 2.0 / self.memory if self.memory and self.plain else 1.0  # without gates the product of that many slopes 1 − s² is then about 1/e
        X: NDArray[Any] = size * np.random.default_rng(self.seed + 2).normal(size=(self.n_series, self.n_steps, self.n_inputs))
        return X.astype(self.dtype)

    @cached_property
    def targets(self) -> NDArray[Any]:
        """Of all series (n_series, n_steps, n_outputs)."""
        size = max(1.0, 0.5 * math.sqrt(self.n_units)) if self.memory and self.plain else 1.0  # or float32 rounds off what the small inputs teach
        Y: NDArray[Any] = size * np.random.default_rng(self.seed + 3).normal(size=(self.n_series, self.n_steps, self.n_outputs))
        return Y.astype(self.dtype)

    @property
    def X(self) -> NDArray[Any]:
        """Inputs of the first series (n_steps, n_inputs)."""
        first: NDArray[Any] = self.inputs[0]
        return first

    @property
    def Y(self) -> NDArray[Any]:
        """Targets of the first series (n_steps, n_outputs)."""
        first: NDArray[Any] = self.targets[0]
        return first

    @property
    def start(self) -> NDArray[np.float64]:
        """All weights at the start, one vector."""
        return flat(self.theta, *self.readout)

    @property
    def textbook_flop(self) -> float:
        """Of one step of J ← D J: 2 n_state n_units n_params. D of a dense layer has n_state rows of n_units numbers (LSTM: n_state = 2 n_units)."""
        return 2.0 * self.cell.n_state * self.n_units * self.cell.n_params


def _lasting(weights: dict[str, NDArray[Any]], memory: int) -> dict[str, NDArray[Any]]:
    """Weights of a net that keeps for so many steps what it has seen: rotations, poles on the unit circle, gates that hold."""
    for name, values in weights.items():
        part = name.rpartition(".")[2]
        if part in RECURRENT:  # these cells start from 0.9 times a rotation, or from fractions
            values[...] = values / 0.9 if values.ndim == 2 else np.sign(values)
        elif part in ("bias_update", "bias_forget"):
            values += math.log(max(2.0, memory / 4))
        elif part == "nu":  # |λ| = exp(−exp(ν))
            values[...] = -math.log(memory)
    return weights


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
    gradient : str
        The algorithm, unless truncated.
    """

    def __init__(
        self, problem: Problem, update_every: int = 1, carry_every: int | None = None, n_threads: int = 1, latency: str = "throughput",
        truncation: int | None = None, gradient: str = "rtrl",
    ) -> None:  # fmt: skip
        settings = LearnerSettings(
            problem.cell, problem.n_outputs, "squared_error", np.dtype(problem.dtype), gradient=gradient if truncation is None else "tbptt",
            truncation=truncation, update_every=update_every, carry_every=carry_every, latency=latency, optimizer=problem.optimizer,
            n_threads=n_threads, n_series=problem.n_series,
        )  # fmt: skip
        self.problem, self.core = problem, settings.build()
        self.core.set_parameters(problem.theta, *problem.readout)
        self._X, self._Y = problem.inputs, problem.targets

    @property
    def carry_every(self) -> int:
        """H in use."""
        return self.core.carry_every

    def run(self, n_steps: int) -> None:
        """Learn the first so many steps of the stream, in one call."""
        X, Y = (np.ascontiguousarray(part[:, :n_steps]) for part in (self._X, self._Y))
        self.core.run(X, None, Y, None, None)

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector."""
        return flat(*self.core.parameters())


def parts_of(cell: cells.Cell) -> list[NDArray[np.int64]]:
    """Where in θ its named parts stand, gate by gate and layer by layer."""
    return [at[at >= 0] for at in cell.positions().values()]


def flat(*arrays: NDArray[Any]) -> NDArray[np.float64]:
    """Concatenate weights."""
    return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])
