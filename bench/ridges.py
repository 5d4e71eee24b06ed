"""Ridge regression: a fit beside NumPy's ways to do the same, and the memory of a stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from pushforward.readout import Ridge

from .million import forget_peak_memory, peak_memory
from .report import Row
from .reservoir_cases import Array
from .reservoir_field import agree
from .timing import Competitor, Session

RIDGE = 1.0
STATES, ROWS_PER_STATE = 1000, 10
LONG_ROWS, LONG_STATES, CHUNK_ROWS = 1_000_000, 500, 4096
LONG_MEGABYTES = 64.0  # 2²⁰ bytes, above the chunk


@dataclass(frozen=True)
class Noise:
    """Features and targets that are noise.

    Parameters
    ----------
    n_features, n_steps : int
    dtype : {"float32", "float64"}
    """

    n_features: int
    n_steps: int
    dtype: str = "float64"

    @cached_property
    def X(self) -> Array:
        """(n_steps, n_features)."""
        return np.random.default_rng(0).normal(size=(self.n_steps, self.n_features)).astype(self.dtype)

    @cached_property
    def Y(self) -> Array:
        """(n_steps, 1)."""
        return np.random.default_rng(1).normal(size=(self.n_steps, 1)).astype(self.dtype)

    def weights(self, n_steps: int, forgetting: float = 1.0, ridge: float = RIDGE) -> NDArray[np.float64]:
        """Least squares, the square of each step's error weighted by λ to the steps since (n_features,)."""
        root = np.sqrt(forgetting) ** np.arange(n_steps, -1, -1.0)
        start = root[0] * np.sqrt(ridge) * np.eye(self.n_features)
        A = np.vstack([start, root[1:, None] * self.X[:n_steps]])
        b = np.concatenate([np.zeros(self.n_features), root[1:] * self.Y[:n_steps, 0]])
        weights: NDArray[np.float64] = np.linalg.lstsq(A, b)[0]
        return weights


def ridge(session: Session) -> Iterator[Row]:
    """A fit of ten rows for each state, by QR and by normal equations, against NumPy's ways to do the same."""
    for n in session.choose(STATES):
        noise = Noise(n, ROWS_PER_STATE * n, session.dtype)
        X, Y, expected = noise.X, noise.Y, noise.weights(ROWS_PER_STATE * n)
        for ours, *others in FIELDS:
            errors = {name: agree(f"ridge, {name}", FITS[name](X, Y)[:, 0], expected, session.dtype) for name in (ours, *others)}
            timings = session.measure(*(Competitor(name, _times(FITS[name], X, Y), most=64) for name in errors))
            for name, error in errors.items():
                us = timings[name].microseconds()
                yield Row(
                    "ridge", f"{len(X):,} × {n}, {name}", us, None if name == ours else us / timings[ours].microseconds(), "ours {:.2f} × as fast",
                    None if name == ours else session.goal(1.0), error=error, timing=timings[name], note=f"{us / 1e6:.3f} s a fit",
                    numbers={"n_features": n, "n_rows": len(X)},
                )  # fmt: skip


def memory(session: Session) -> Iterator[Row]:
    """A million rows, chunk after chunk: what is held above one chunk. The chunk is always the same, so that the answer is known."""
    for n in session.choose(LONG_STATES):
        n_chunks = LONG_ROWS // CHUNK_ROWS if n >= LONG_STATES else 3
        noise = Noise(n, CHUNK_ROWS, session.dtype)
        X, Y = noise.X, noise.Y
        for solver in ("qr", "gram"):
            model = Ridge(ridge=RIDGE, solver=solver, intercept=False)
            forget_peak_memory()
            before, start = peak_memory(), time.process_time()
            for _ in range(n_chunks):
                model.partial_fit(X, Y)
            found = model.W_out_[0]
            seconds, after = time.process_time() - start, peak_memory()
            error = agree(f"stream, {solver}", found, noise.weights(CHUNK_ROWS, ridge=RIDGE / n_chunks), session.dtype)
            held = None if before is None or after is None else (after - before) / (1 << 20)
            yield Row(
                "memory", f"{n_chunks * CHUNK_ROWS:,} × {n} in chunks of {CHUNK_ROWS:,}, {solver}", 1e6 * seconds / (n_chunks * CHUNK_ROWS), held,
                "{:.1f} MiB above the chunk", session.goal(LONG_MEGABYTES), at_least=False, error=error,
                note=f"{seconds:.1f} s; the chunk {X.nbytes / (1 << 20):.1f} MiB", numbers={"n_features": n, "n_rows": n_chunks * CHUNK_ROWS},
            )  # fmt: skip


def _ours(solver: str, X: Array, Y: Array) -> Array:
    weights: Array = Ridge(ridge=RIDGE, solver=solver, intercept=False).fit(X, Y).W_out_.T
    return weights


def _augmented(X: Array, Y: Array) -> tuple[Array, Array]:
    n = X.shape[1]
    return np.vstack([X, np.sqrt(RIDGE) * np.eye(n, dtype=X.dtype)]), np.vstack([Y, np.zeros((n, Y.shape[1]), X.dtype)])


def _by_qr(X: Array, Y: Array) -> Array:
    Q, R = np.linalg.qr(_augmented(X, Y)[0])
    weights: Array = linalg.solve_triangular(R, Q[: len(X)].T @ Y)
    return weights


def _by_lstsq(X: Array, Y: Array) -> Array:
    return np.linalg.lstsq(*_augmented(X, Y))[0]


def _by_normal_equations(X: Array, Y: Array) -> Array:
    return np.linalg.solve(X.T @ X + RIDGE * np.eye(X.shape[1], dtype=X.dtype), X.T @ Y)


FITS: dict[str, Callable[[Array, Array], Array]] = {
    "pushforward, QR": partial(_ours, "qr"),
    "numpy.linalg.qr": _by_qr,
    "numpy.linalg.lstsq": _by_lstsq,
    "pushforward, Gram": partial(_ours, "gram"),
    "NumPy, normal equations": _by_normal_equations,
}
FIELDS = (("pushforward, QR", "numpy.linalg.qr", "numpy.linalg.lstsq"), ("pushforward, Gram", "NumPy, normal equations"))


def _times(fit: Callable[[Array, Array], Array], X: Array, Y: Array) -> Callable[[int], None]:
    def run(n_times: int) -> None:
        for _ in range(n_times):
            fit(X, Y)

    return run
