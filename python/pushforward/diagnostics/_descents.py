"""Runs of descent until a risk is reached, and a teacher that they can learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..diagonal_rnn import DiagonalRNN
from ..diagonal_rnn._linear import linear_output
from ..diagonal_rnn._start import Array, symmetric_start
from ..errors import DivergenceError

N_TEACHER = 4096  # units whose mean stands for the expectation
PIECE = 20  # iterations between two looks at the risk


def teacher(X: Array, alpha: float, ball: tuple[float, float], activation: str, rng: np.random.Generator) -> Array:
    """E[⟨v(w, u), ∇H_t(w, u)⟩] for v_w = ρ_w sin(2 u_1), v_u = ρ_u 1[w > 0] e_1: (n_series, n_steps)."""
    w, U, c = symmetric_start(N_TEACHER, X.shape[2], alpha, rng, X.dtype)
    v_U = np.zeros_like(U)
    v_U[:, 0] = ball[1] * (w > 0)
    share = c / np.sqrt(N_TEACHER)  # c_i v_i / √m against the read-out c_i / √m: a mean
    return linear_output(X, w, U, c, share * ball[0] * np.sin(2 * U[:, 0]), share[:, None] * v_U, activation)


class Descents:
    """Descent on one problem from several starts, at several rates and widths."""

    def __init__(
        self, model: DiagonalRNN, alpha: float, X: Array, y: Array, shares: NDArray[np.float64], n_iterations: int, n_draws: int, seed: int
    ) -> None:
        self.settings: dict[str, Any] = model.get_params(deep=False) | {"alpha": alpha, "dtype": "float64", "average": False}
        self.X, self.y, self.shares, self.n_iterations = X, y, shares, n_iterations
        self.seeds = range(seed, seed + n_draws)

    def run(self, n_units: int, projection: Any, rates: list[float]) -> tuple[NDArray[np.float64], float, float]:
        """Iterations to every share, the median over starts of the best rate's; share of runs lost; share of units on the ball's surface."""
        counts, lost, touched = np.empty((len(self.seeds), len(self.shares))), 0, []
        for k, seed in enumerate(self.seeds):
            found, surfaces = [], []
            for rate in rates:
                one, whole, surface = self._one(n_units, projection, rate, seed)
                found.append(one)
                surfaces.append(surface)
                lost += not whole
            counts[k] = np.min(found, axis=0)
            best = min(range(len(rates)), key=lambda r: found[r][::-1].tolist())  # the smallest share counts first
            touched.append(surfaces[best])
        return np.median(counts, axis=0), lost / (len(rates) * len(self.seeds)), float(np.mean(touched))

    def _one(self, n_units: int, projection: Any, rate: float, seed: int) -> tuple[NDArray[np.float64], bool, float]:
        """Iterations to every share, whether all numbers stayed finite, and the share of units on the surface."""
        own = {"n_units": n_units, "projection": projection, "learning_rate": rate, "random_state": seed}
        model, whole = DiagonalRNN(**(self.settings | own)), True
        goal = self.shares[-1] * float(np.mean(self.y**2))
        done = 0
        while done < self.n_iterations + 1:  # a risk is known when its iterate is stepped from
            model.n_iterations = min(PIECE, self.n_iterations + 1 - done)
            try:
                model.partial_fit(self.X, self.y)
            except DivergenceError:
                whole = False
                break
            done += model.n_iterations
            if model.loss_curve_.min() <= goal:
                break
        risks = model.loss_curve_ / float(np.mean(self.y**2))
        counts = np.array([float(np.argmax(risks <= share)) if (risks <= share).any() else np.inf for share in self.shares])
        return counts, whole, _on_surface(model)


def _on_surface(model: DiagonalRNN) -> float:
    """Share of the units with a weight on the surface of its ball."""
    if model.projection is None:
        return 0.0
    far_w = np.abs(model.w_last_ - model.w_start_) * np.sqrt(model.n_units)
    far_U = np.linalg.norm(model.U_last_ - model.U_start_, axis=1) * np.sqrt(model.n_units)
    return float(np.mean((far_w >= 0.999 * model.projection[0]) | (far_U >= 0.999 * model.projection[1])))
