"""The answers by other roads, in NumPy: the textbook recursion as one matrix product a step, and a reverse sweep over the whole past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import Engine, Problem, flat

TOLERANCE = {"float32": 5e-3, "float64": 1e-9}


class WrongAnswerError(Exception):
    """What was timed does not compute what it should."""


class GemmRTRL:
    """Textbook recursion, tuned: J as one (n, n · q) matrix, two buffers, the immediate part added through a view of its diagonal blocks.

    J_t = D_t J_{t−1} + ∂s_t/∂θ,  G = (dL/ds) J_t; q = n_units + n_inputs + 1.

    Parameters
    ----------
    problem : Problem
    update_every : int
    dtype : optional
        The problem's unless given.
    """

    def __init__(self, problem: Problem, update_every: int = 1, dtype: str | None = None) -> None:
        kind = dtype or problem.dtype
        n, q = problem.n_units, problem.n_units + problem.n_inputs + 1
        self.W = problem.theta.reshape(n, q).astype(kind)
        self.W_out, self.b_out = (part.astype(kind) for part in problem.readout)
        self._X, self._Y = problem.X.astype(kind), problem.Y.astype(kind)
        self._rate, self._every, self._phase = problem.optimizer.learning_rate / update_every, update_every, 0
        self._u, self._J, self._spare = np.ones(q, kind), np.zeros((n, n * q), kind), np.zeros((n, n * q), kind)
        self._u[:n] = 0
        self._sums = [np.zeros_like(part) for part in (self.W, self.W_out, self.b_out)]

    def run(self, n_steps: int) -> None:
        """Learn the first so many steps of the stream."""
        for x, y in zip(self._X[:n_steps], self._Y[:n_steps], strict=True):
            self._step(x, y)

    def _step(self, x: NDArray[Any], y: NDArray[Any]) -> None:
        n, q = self.W.shape
        u = self._u
        u[n:-1] = x
        s = np.tanh(self.W @ u)
        slope = 1 - s * s
        np.matmul(slope[:, None] * self.W[:, :n], self._J, out=self._spare)
        self._J, self._spare = self._spare, self._J
        diagonal = np.einsum("iiq->iq", self._J.reshape(n, n, q))
        diagonal += slope[:, None] * u
        u[:n] = s
        error = self.W_out @ s + self.b_out - y
        parts = ((error @ self.W_out @ self._J).reshape(n, q), np.outer(error, s), error)
        for total, part in zip(self._sums, parts, strict=True):
            total += part
        self._phase = (self._phase + 1) % self._every
        if self._phase == 0:
            for weights, total in zip((self.W, self.W_out, self.b_out), self._sums, strict=True):
                weights -= self._rate * total
                total[...] = 0

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector."""
        return flat(self.W, self.W_out, self.b_out)


def replay(problem: Problem, update_every: int, n_steps: int) -> NDArray[np.float64]:
    """Train without any influence matrix, in float64: each update sweeps back to the first step of all, every step with its own weights.

    λ_s = dL_s/ds + D_{s+1}ᵀ λ_{s+1},  G = Σ_s (∂s_s/∂θ)ᵀ λ_s: cheap for few updates, O(n_steps² n²) for many.

    Returns
    -------
    weights : ndarray
        All weights after ``n_steps`` steps, one vector.
    """
    n, q = problem.n_units, problem.n_units + problem.n_inputs + 1
    W, (W_out, b_out) = problem.theta.reshape(n, q).astype(float), (part.astype(float) for part in problem.readout)
    rate, s = problem.optimizer.learning_rate / update_every, np.zeros(n)
    past: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []  # u_s, σ'_s, W of each step
    errors: list[tuple[NDArray[Any], NDArray[Any]]] = []  # of the steps since the last update: ŷ − y, s
    for t in range(n_steps):
        u = np.concatenate([s, problem.X[t], [1.0]])
        s = np.tanh(W @ u)
        past.append((u, 1 - s * s, W))
        errors.append((W_out @ s + b_out - problem.Y[t], s))
        if (t + 1) % update_every:
            continue
        adjoint, G = np.zeros(n), np.zeros_like(W)
        for back, (u, slope, W_then) in enumerate(reversed(past)):
            if back < len(errors):
                adjoint = adjoint + errors[-1 - back][0] @ W_out
            delta = slope * adjoint
            G += np.outer(delta, u)
            adjoint = delta @ W_then[:, :n]
        W = W - rate * G
        W_out, b_out = W_out - rate * sum(np.outer(e, s) for e, s in errors), b_out - rate * sum(e for e, _ in errors)
        errors.clear()
    return flat(W, W_out, b_out)


def learnt(problem: Problem, update_every: int, n_steps: int) -> NDArray[np.float64]:
    """All weights after the first ``n_steps`` steps, in float64, by the cheaper of the two roads."""
    if update_every > 1:
        return replay(problem, update_every, n_steps)
    recursion = GemmRTRL(problem, dtype="float64")
    recursion.run(n_steps)
    return recursion.weights


def error_of(found: NDArray[np.float64], expected: NDArray[np.float64], start: NDArray[np.float64], n_params: int) -> float:
    """Relative error of what was *learnt*, ‖found − expected‖ / ‖expected − start‖, of θ or of the read-out, whichever is worse.

    Unlike in the error of the weights, nothing hides in it.
    """
    parts = (slice(n_params), slice(n_params, None))
    return max(float(np.linalg.norm((found - expected)[part]) / np.linalg.norm((expected - start)[part])) for part in parts)


def checked(
    what: str, problem: Problem, n_steps: int, feed: Callable[[Engine, int], None] = Engine.run, **settings: Any
) -> tuple[Engine, float]:
    """Build an engine and compare what it learns in its first steps; before it, a twin whose J lasts as long as these steps.

    Parameters
    ----------
    what : str
        For the message.
    problem : Problem
    n_steps : int
        Several blocks.
    feed : callable
        ``feed(engine, n)`` gives an engine the first n steps.
    settings : dict
        Of :class:`Engine`.

    Returns
    -------
    engine : Engine
        Ready to be timed.
    error : float
        The larger of the two.
    """
    error = 0.0
    for case in (replace(problem, memory=n_steps), problem):
        engine = Engine(case, **settings)
        feed(engine, n_steps)
        expected = learnt(case, settings.get("update_every", 1), n_steps)
        found = error_of(engine.weights, expected, case.start, case.cell.n_params)
        error = max(error, confirm(f"{what}, n = {case.n_units}{', long memory' if case.memory else ''}", found, case.dtype))
    return engine, error


def confirm(what: str, error: float, dtype: str, slack: float = 1.0) -> float:
    """Return the error, or raise :class:`WrongAnswerError` when it is beyond the tolerance of the dtype."""
    if not error <= TOLERANCE[dtype] * slack:
        raise WrongAnswerError(f"{what}: relative error {error:.1e}, allowed {TOLERANCE[dtype] * slack:.0e}")
    return error
