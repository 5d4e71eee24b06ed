"""The answers by other roads, in NumPy: the textbook recursion as one matrix product a step, and a reverse sweep over the whole past."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward import reference
from pushforward.cells import Elman
from pushforward.reference.cells import twin_of

from .cases import Engine, Problem, flat, parts_of

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


def replay(problem: Problem, update_every: int, n_steps: int, truncation: int | None = None) -> NDArray[np.float64]:
    """Train without any influence matrix, in float64: each update sweeps back to the first step of all, every step with its own weights.

    λ_s = dL_s/ds + D_{s+1}ᵀ λ_{s+1},  G = Σ_s (∂s_s/∂θ)ᵀ λ_s, by the cell's reverse in the reference: cheap for few updates, O(n_steps²) for many.

    Parameters
    ----------
    problem : Problem
    update_every, n_steps : int
    truncation : int, optional
        No further back than so many steps.

    Returns
    -------
    weights : ndarray
        All weights after ``n_steps`` steps, one vector.
    """
    cell, twin = problem.cell, twin_of(problem.cell)
    theta, (W_out, b_out) = problem.theta.astype(float), (part.astype(float) for part in problem.readout)
    rate, seen = problem.optimizer.learning_rate / (update_every * problem.n_series), slice(cell.first_feature, cell.first_feature + cell.n_features)
    X, Y, w = problem.inputs.astype(float), problem.targets.astype(float), cell.unpack(theta)
    states = np.zeros((problem.n_series, cell.n_state))
    past: list[list[tuple[dict[str, NDArray[Any]], NDArray[Any], NDArray[Any], int]]] = [[] for _ in states]  # W, state before, input, tick
    errors: list[list[tuple[NDArray[Any], NDArray[Any]]]] = [[] for _ in states]  # of the steps since the last update: ŷ − y, what the read-out saw
    for t in range(n_steps):
        for i, s in enumerate(states.copy()):
            past[i].append((w, s, X[i, t], t))
            states[i] = twin.step(cell, w, s, X[i, t], t)
            errors[i].append((W_out @ states[i, seen] + b_out - Y[i, t], states[i, seen].copy()))
        if (t + 1) % update_every:
            continue
        G = {name: np.zeros_like(part) for name, part in w.items()}
        for steps, losses in zip(past, errors, strict=True):
            adjoint: NDArray[Any] = np.zeros(cell.n_state)
            for back, (w_then, s, x, tick) in enumerate(reversed(steps[-(truncation or len(steps)) :])):
                if back < len(losses):
                    adjoint[seen] += losses[-1 - back][0] @ W_out
                adjoint, parts, _ = twin.pullback(cell, w_then, s, x, tick, adjoint)
                for name, part in parts.items():
                    G[name] += part
        together = [loss for losses in errors for loss in losses]
        for name, at in cell.positions().items():
            theta[at[at >= 0]] -= rate * G[name][at >= 0]
        w = cell.unpack(theta)
        W_out, b_out = W_out - rate * sum(np.outer(e, s) for e, s in together), b_out - rate * sum(e for e, _ in together)
        errors = [[] for _ in states]
    return flat(theta, W_out, b_out)


def forward(problem: Problem, update_every: int, n_steps: int) -> NDArray[np.float64]:
    """Train by the dense influence matrix of ``pushforward.reference``, in float64: O(n_steps), whatever is updated."""
    p, (W_out, b_out) = problem, (part.astype(float) for part in problem.readout)
    X, Y = (part[:n_steps].astype(float) for part in (p.X, p.Y))
    found = reference.online_training(p.cell, p.theta.astype(float), (W_out, b_out), X, Y, optimizer=p.optimizer, update_every=update_every)
    return flat(*(found[name] for name in ("theta", "W_out", "b_out")))


def learnt(problem: Problem, update_every: int, n_steps: int) -> NDArray[np.float64]:
    """All weights after the first ``n_steps`` steps, in float64, by the cheapest of the roads."""
    cell, plain = problem.cell, problem.cell == Elman(problem.n_inputs, problem.n_units)
    sweeps = n_steps * n_steps / (2 * update_every) * (1e-4 + 6e-9 * cell.n_params)  # seconds, roughly
    dense = n_steps * cell.n_state * cell.n_params * (4e-9 + 3e-11 * cell.n_state if plain else 2e-8 + 1e-10 * cell.n_state)
    if problem.n_series > 1 or sweeps < dense:
        return replay(problem, update_every, n_steps)
    if not plain:
        return forward(problem, update_every, n_steps)
    recursion = GemmRTRL(problem, update_every, dtype="float64")
    recursion.run(n_steps)
    return recursion.weights


def error_of(
    found: NDArray[np.float64], expected: NDArray[np.float64], start: NDArray[np.float64], parts: Sequence[NDArray[np.int64]]
) -> float:
    """Relative error of what was *learnt*, ‖found − expected‖ / ‖expected − start‖, of any part of θ or of the read-out, whichever is worst.

    Unlike in the error of the weights, nothing hides in it. A part that learns next to nothing (below a tenth of all θ) is held against that tenth:
    of so little, float32 may keep only a few digits.
    """
    n_params = max(int(at.max()) for at in parts) + 1
    wrong, moved = np.abs(found - expected), expected - start
    least = 0.1 * float(np.linalg.norm(moved[:n_params]))
    errors = [float(np.linalg.norm(wrong[at])) / max(float(np.linalg.norm(moved[at])), least) for at in parts]
    return max(float(np.linalg.norm(wrong[n_params:]) / np.linalg.norm(moved[n_params:])), *errors)


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
        found = error_of(engine.weights, expected, case.start, parts_of(case.cell))
        error = max(error, confirm(f"{what}, n = {case.n_units}{', long memory' if case.memory else ''}", found, case.dtype))
    return engine, error


def confirm(what: str, error: float, dtype: str, slack: float = 1.0) -> float:
    """Return the error, or raise :class:`WrongAnswerError` when it is beyond the tolerance of the dtype."""
    if not error <= TOLERANCE[dtype] * slack:
        raise WrongAnswerError(f"{what}: relative error {error:.1e}, allowed {TOLERANCE[dtype] * slack:.0e}")
    return error
