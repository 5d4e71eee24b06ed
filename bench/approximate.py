"""The approximate algorithms on an Elman net with tanh units, in NumPy and float64, step by step: what their weights must be after training.

    a = W u,  u = [s; x; 1],  s ← tanh(a),  σ' = 1 − s²,  D = diag(σ') W_rec,  λ = W_outᵀ (ŷ − y);  each algorithm has its own J and its own λᵀJ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from pushforward.cells import Elman
from pushforward.reference.random import signs_at, uniform_at

from .cases import Problem, flat

Array = NDArray[np.float64]


class Twin(ABC):
    """Trains by SGD, one update every K steps.

    Parameters
    ----------
    problem : Problem
        With an Elman cell of tanh units, dense or sparse.
    update_every : int
        K.
    carry_every : int
        H, for UORO, of which it is a part.
    seed : int
        Of the algorithm's own draws.
    """

    def __init__(self, problem: Problem, update_every: int = 1, carry_every: int = 1, seed: int = 0) -> None:
        self.problem, self.every, self.carry_every, self.seed = problem, update_every, carry_every, seed
        w = problem.cell.unpack(problem.theta.astype(float))
        self.W = np.column_stack([w["W_rec"], w["W_in"], w["bias"]])
        self.heard = problem.cell.mask() if isinstance(problem.cell, Elman) else np.ones((problem.n_units,) * 2, bool)
        self.W_out, self.b_out = (part.astype(float) for part in problem.readout)
        self.start()

    @abstractmethod
    def start(self) -> None:
        """J is zero."""

    @abstractmethod
    def move(self, slope: Array, u: Array, tick: int) -> None:
        """J ← D J + ∂s/∂W, or what stands for it; σ' (n_units), u (n_units + n_inputs + 1)."""

    @abstractmethod
    def product(self, error: Array) -> Array:
        """λᵀJ (n_units, n_units + n_inputs + 1), or what stands for it; error (n_outputs)."""

    def run(self, n_steps: int) -> None:
        """Learn the first so many steps of the stream, from a zero state."""
        n, rate = self.problem.n_units, self.problem.optimizer.learning_rate / self.every
        exists = np.column_stack([self.heard, np.ones((n, self.problem.n_inputs + 1), bool)])
        sums = [np.zeros_like(part) for part in (self.W, self.W_out, self.b_out)]
        s = np.zeros(n)
        for t, (x, y) in enumerate(zip(self.problem.X[:n_steps], self.problem.Y[:n_steps], strict=True)):
            u = np.concatenate([s, x, [1.0]])
            s = np.tanh(self.W @ u)
            self.move(1 - s * s, u, t)
            error = self.W_out @ s + self.b_out - y
            for total, part in zip(sums, (self.product(error), np.outer(error, s), error), strict=True):
                total += part
            if (t + 1) % self.every == 0:
                self.W -= rate * exists * sums[0]
                self.W_out -= rate * sums[1]
                self.b_out -= rate * sums[2]
                sums = [np.zeros_like(part) for part in sums]

    @property
    def weights(self) -> Array:
        """All weights now, one vector."""
        n = self.problem.n_units
        parts = {"W_rec": self.W[:, :n], "W_in": self.W[:, n:-1], "bias": self.W[:, -1]}
        return flat(self.problem.cell.pack(parts), self.W_out, self.b_out)


class Snap(Twin):
    """SnAp-n (Menick et al. 2021): of unit i's columns of J the rows that its weights reach within n steps, and of D what lies between them."""

    order = 1

    def start(self) -> None:
        """J is zero."""
        n = self.problem.n_units
        reached = np.eye(n, dtype=bool)
        for _ in range(self.order - 1):
            reached = reached | (self.heard.astype(int) @ reached > 0)
        self._rows = [np.flatnonzero(column) for column in reached.T]
        self._own = [int(np.flatnonzero(rows == i)[0]) for i, rows in enumerate(self._rows)]
        self._J = [np.zeros((len(rows), self.W.shape[1])) for rows in self._rows]

    def move(self, slope: Array, u: Array, tick: int) -> None:
        """J_i ← D J_i + ∂s/∂W_i on the rows kept."""
        D = slope[:, None] * self.W[:, : self.problem.n_units]
        for i, rows in enumerate(self._rows):
            self._J[i] = D[np.ix_(rows, rows)] @ self._J[i]
            self._J[i][self._own[i]] += slope[i] * u

    def product(self, error: Array) -> Array:
        """Λᵀ J on the rows kept."""
        adjoint = error @ self.W_out
        return np.stack([adjoint[rows] @ J for rows, J in zip(self._rows, self._J, strict=True)])


class Snap2(Snap):
    """SnAp-2."""

    order = 2


class Eprop(Twin):
    """e-prop: of D the leak only, which an Elman cell has not; the error comes back through the read-out."""

    def start(self) -> None:
        """Nothing lasts longer than a step."""
        self._J = np.zeros_like(self.W)

    def move(self, slope: Array, u: Array, tick: int) -> None:
        """J_i ← σ'_i u."""
        self._J = np.outer(slope, u)

    def product(self, error: Array) -> Array:
        """λ_i J_i."""
        feedback: Array = (error @ self.feedback())[:, None] * self._J
        return feedback

    def feedback(self) -> Array:
        """What the error comes back through (n_outputs, n_units)."""
        return self.W_out


class Rflo(Eprop):
    """RFLO (Murray 2019): the same, and the error comes back through a fixed random matrix."""

    def feedback(self) -> Array:
        """Uniform in ±1/√n_units."""
        drawn = np.reshape([uniform_at(self.seed, 0, 0, k) for k in range(self.W_out.size)], self.W_out.shape)
        B: Array = (2 * drawn - 1) / np.sqrt(self.problem.n_units)
        return B


class Uoro(Twin):
    """UORO (Tallec and Ollivier 2017): J ≈ s̃ ⊗ θ̃ with the same signs ν as the kernel's; ‖θ̃‖ is measured every H steps and goes on by its mean."""

    def start(self) -> None:
        """Both factors are zero."""
        self._s, self._theta, self._size = np.zeros(self.problem.n_units), np.zeros_like(self.W), 0.0

    def move(self, slope: Array, u: Array, tick: int) -> None:
        """s̃ ← ρ₀ D s̃ + ρ₁ ν,  θ̃ ← θ̃ / ρ₀ + (νᵀ ∂s/∂W) / ρ₁."""
        nu = signs_at(self.seed, 0, tick, self.problem.n_units)
        moved, drawn = slope * (self.W[:, : len(nu)] @ self._s), np.outer(slope * nu, u)
        drawn[:, : len(nu)] *= self.heard
        rho_0, rho_1 = _balance(self._size, moved), _balance(drawn, nu)
        self._s, self._theta = rho_0 * moved + rho_1 * nu, self._theta / rho_0 + drawn / rho_1
        measured, mean = np.linalg.norm(self._theta), np.hypot(self._size / rho_0, np.linalg.norm(drawn) / rho_1)
        self._size = float(mean if (tick + 1) % self.carry_every else measured)

    def product(self, error: Array) -> Array:
        """(λᵀ s̃) θ̃."""
        return float(error @ self.W_out @ self._s) * self._theta


class Kronecker(Twin):
    """KF-RTRL (Mujika et al. 2018): J ≈ A ⊗ u' with the same signs as the kernel's."""

    def start(self) -> None:
        """Both factors are zero."""
        self._A, self._u = np.zeros((self.problem.n_units,) * 2), np.zeros(self.W.shape[1])

    def move(self, slope: Array, u: Array, tick: int) -> None:
        """u' ← c₁ p₁ u' + c₂ p₂ u,  A ← (c₁ / p₁) D A + (c₂ / p₂) diag(σ')."""
        c_1, c_2 = signs_at(self.seed, 0, tick, 2)
        moved = slope[:, None] * (self.W[:, : len(slope)] @ self._A)
        p_1, p_2 = _balance(moved, self._u), _balance(slope, u)
        self._u, self._A = c_1 * p_1 * self._u + c_2 * p_2 * u, c_1 / p_1 * moved + c_2 / p_2 * np.diag(slope)

    def product(self, error: Array) -> Array:
        """(Aᵀ λ) ⊗ u'."""
        return np.outer(error @ self.W_out @ self._A, self._u)


TWINS: dict[str, type[Twin]] = {"snap1": Snap, "snap2": Snap2, "eprop": Eprop, "rflo": Rflo, "uoro": Uoro, "kf": Kronecker}


def _balance(above: Array | float, below: Array) -> float:
    """√(‖above‖ / ‖below‖), 1 where there is nothing yet."""
    tiny = float(np.finfo(float).tiny)
    return float(np.sqrt((np.linalg.norm(above) + tiny) / (np.linalg.norm(below) + tiny)))
