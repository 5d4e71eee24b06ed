"""Sizes, data and goals of the suite of sampled networks, once for all, and our side of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pushforward as pf
from pushforward import datasets
from pushforward.kernels import EDMDAccumulator, EDMDResult, sample_weights, sampled_features

Array = NDArray[Any]
Next = Callable[[Array], Array]
"""From features (n, n_features) to the next states (n, n_state)."""

UNITS, ROWS_PER_UNIT = 500, 200  # 100,000 rows
LONG_ROWS_PER_UNIT = 2000  # a million
WIDE_UNITS, WIDE_ROWS_PER_UNIT = 2000, 500  # a million
CHECKED_ROWS_PER_UNIT = 40  # rows that long fits are checked on, by an SVD of these alone
FORECAST_UNITS, FORECAST_ROWS = 200, 50_000
SAMPLED, SAMPLED_ROWS = (200, 500, 2000), 1_000_000
STARTS, SEEDS = 40, 5
EXPONENT = 0.9056  # of the Lorenz system [1/s]
THRESHOLD = 0.4  # standard deviations
RCOND = 1e-10

# Goals, float64, one thread unless said.
CHUNKED_QR, SVD_PEERS, AHEAD = 2.0, 10.0, 1.0  # times as fast
PEAK_SHARE = 0.60
OPERATOR = 3.5  # times the fit of the next state
GRAM_SECONDS = 1.0
LONG_SECONDS, LONG_MEGABYTES = 12.0, 100.0  # memory above the input
WIDE_SECONDS, WIDE_MEGABYTES = 60.0, 500.0  # two threads, by the wall
FORECAST, FORECAST_WITH_STATE, FORECAST_WITH_TWIN = 10.0, 10.5, 9.0  # Lyapunov times
TWIN_ERROR = 2.0  # times the SVD's
CHUNKS_ERROR = 1e-9
SAMPLE_MILLISECONDS = 5.0
SIMULATE_MICROSECONDS, SIMULATE_BATCH = 1.5, 4.0


@dataclass(frozen=True)
class Layer:
    """Features [z | tanh(W z + b) | 1], the first and the last if they are included.

    Parameters
    ----------
    W, b : ndarray
    include_state, include_constant : bool
    """

    W: Array
    b: Array
    include_state: bool = False
    include_constant: bool = False

    @property
    def n_features(self) -> int:
        """Columns of what comes out."""
        return len(self.b) + int(self.W.shape[1]) * self.include_state + self.include_constant

    @property
    def state_columns(self) -> slice | None:
        """Where the state stands, if it does."""
        return slice(0, self.W.shape[1]) if self.include_state else None

    @property
    def constant_column(self) -> int | None:
        """Where the constant stands, if it does."""
        return self.n_features - 1 if self.include_constant else None

    def __call__(self, Z: Array) -> Array:
        """(n, n_features)."""
        psi = np.empty((len(Z), self.n_features), Z.dtype)
        first = self.W.shape[1] * self.include_state
        if self.include_state:
            psi[:, :first] = Z
        if self.include_constant:
            psi[:, -1] = 1
        sampled_features(Z, self.W, self.b, out=psi[:, first : first + len(self.b)])
        return psi

    def by_numpy(self, Z: Array) -> Array:
        """Its twin, in float64."""
        W, b, Z = (part.astype(float) for part in (self.W, self.b, Z))
        parts = [Z] * self.include_state + [np.tanh(Z @ W.T + b)] + [np.ones((len(Z), 1))] * self.include_constant
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True)
class Orbit:
    """A trajectory of the Lorenz system without noise, in standard deviations of what is learnt from.

    Parameters
    ----------
    n_rows : int
        Pairs of snapshots to learn from.
    dt : float
        Between snapshots, and step of the integrator [s].
    n_more : int
        Steps that follow.
    dtype : {"float32", "float64"}
    """

    n_rows: int
    dt: float = 0.01
    n_more: int = 0
    dtype: str = "float64"

    @cached_property
    def z(self) -> Array:
        """(n_rows + 1 + n_more, 3)."""
        h = datasets.lorenz63(self.n_rows + 1 + self.n_more, self.dt)
        learnt = h[: self.n_rows]
        return np.ascontiguousarray((h - learnt.mean(axis=0)) / learnt.std(axis=0), self.dtype)

    @property
    def learnt(self) -> Array:
        """(n_rows + 1, 3): one trajectory."""
        return self.z[: self.n_rows + 1]

    def layer(self, n_units: int, seed: int = 0, scheme: str = "pairs", **included: bool) -> Layer:
        """Sample a layer from the trajectory."""
        W, b = sample_weights(self.learnt[:-1], self.learnt[1:], n_units, scheme=scheme, seed=seed)
        return Layer(W, b, **included)


def fitted(orbit: Orbit, layer: Layer, target: str = "state", solver: str = "auto", rcond: float = RCOND) -> EDMDResult:
    """Lift and fit, chunk after chunk; what is timed."""
    accumulator = EDMDAccumulator(layer, orbit.learnt.shape[1], target, dtype=orbit.dtype, solver=solver)
    return accumulator.update(orbit.learnt).solve(rcond)


def by_matrix(A: Array) -> Next:
    """ψ ↦ A ψ; A (n_state, n_features)."""
    return lambda psi: psi @ A.T


def by_operator(K: Array, C: Array) -> Next:
    """ψ ↦ C K ψ."""
    return lambda psi: (psi @ K.T) @ C.T


@contextmanager
def threads(n: int) -> Iterator[None]:
    """So many threads of ours."""
    before = pf.get_num_threads()
    pf.set_num_threads(n)
    try:
        yield
    finally:
        pf.set_num_threads(before)
