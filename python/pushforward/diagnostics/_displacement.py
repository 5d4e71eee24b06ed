"""Places in the ball around a symmetric start: at random, where descent leads, and where the network is farthest from linear."""

from typing import Any

import numpy as np

from ..diagonal_rnn import DiagonalRNN
from ..diagonal_rnn._linear import linear_output
from ..diagonal_rnn._start import Array, into_ball, symmetric_start
from ..kernels import diagonal_forward, diagonal_gradient

ROUNDS, STEPS = 5, 4  # of the ascent: rounds with a new residual, and steps of each


class Network:
    """A network at its start, a ball around it, and series that drive it; float64."""

    def __init__(self, model: DiagonalRNN, n_units: int, ball: tuple[float, float], X: Array, rng: np.random.Generator) -> None:
        self.start = symmetric_start(n_units, X.shape[2], model.alpha, rng, X.dtype)
        self.radii = tuple(rho / np.sqrt(n_units) for rho in ball)
        self.X, self.activation, self.n_threads, self.rng = X, model.activation, model.n_threads, rng

    def error(self, w: Array, U: Array) -> Array:
        """F(θ) − ⟨∇F(θ_0), θ − θ_0⟩, (n_series, n_steps)."""
        w_start, U_start, c = self.start
        linear: Array = linear_output(self.X, w_start, U_start, c, w - w_start, U - U_start, self.activation)
        outputs: Array = diagonal_forward(self.X, w, U, c, self.activation) - linear
        return outputs

    def random(self) -> tuple[Array, Array]:
        """Every unit on the surface of its ball, in a direction of its own."""
        w_start, U_start, _ = self.start
        directions = self.rng.normal(size=U_start.shape)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        w = w_start + self.radii[0] * self.rng.choice([-1.0, 1.0], len(w_start))
        return into_ball(w, w_start, self.radii[0]), into_ball(U_start + self.radii[1] * directions, U_start, self.radii[1])

    def worst(self) -> tuple[Array, Array]:
        """Where ‖error‖ is largest: projected gradient ascent.

        The gradient of ⟨r, error⟩ is (∇F(θ) − ∇F(θ_0)) r, and units do not see each other in it: each climbs its own c_i × curvature, along r. r is
        1 first, then the error itself, which makes the norm grow: ‖error'‖ ≥ ⟨error, error'⟩ / ‖error‖.
        """
        w_start, U_start, _ = self.start
        w, U = self.random()
        best, found = -1.0, (w, U)
        r = np.ones(self.X.shape[:2])
        for _ in range(ROUNDS):
            at_start = self._pulled(w_start, U_start, r)
            for _ in range(STEPS):
                g_w, g_U = (a - b for a, b in zip(self._pulled(w, U, r), at_start, strict=True))
                size = np.hypot(np.linalg.norm(g_w), np.linalg.norm(g_U))
                if size == 0:
                    break
                # To second order the gradient is linear in the shift: a step of the length of the shift is a step of power iteration
                step = np.hypot(np.linalg.norm(w - w_start), np.linalg.norm(U - U_start)) / size
                w, U = into_ball(w + step * g_w, w_start, self.radii[0]), into_ball(U + step * g_U, U_start, self.radii[1])
            r = self.error(w, U)
            norm = float(np.linalg.norm(r))
            if norm > best:
                best, found = norm, (w, U)
        return found

    def trained(self, model: DiagonalRNN, y: Array) -> tuple[Array, Array]:
        """Where the model's own descent leads."""
        w_start, U_start, c = self.start
        settings: dict[str, Any] = model.get_params(deep=False) | {"n_units": len(w_start), "dtype": "float64"}
        twin = DiagonalRNN(**settings)
        twin._build(self.X.shape[2], flat=True, start=(w_start, U_start, c))
        twin._descend(self.X, y)
        return twin._weights()

    def _pulled(self, w: Array, U: Array, r: Array) -> tuple[Array, Array]:
        """∇F(θ) r: the gradient of the squared error when the residual is r."""
        c = self.start[2]
        targets = diagonal_forward(self.X, w, U, c, self.activation) - r
        _, gradient = diagonal_gradient(self.X, targets, w, U, c, self.activation, self.n_threads)
        return gradient["w"], gradient["U"]
