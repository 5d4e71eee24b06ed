"""The systems of :mod:`pushforward.datasets` with their tangent vectors, by fourth-order Runge-Kutta on both at once, many starts side by side.

    dx/dt = f(x)      dV/dt = Df(x) V
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DivergenceError

__all__ = ["FLOWS", "Flow", "FlowOrbits", "MackeyGlassOrbits"]

Array = NDArray[np.float64]
#: f(x, V) of x (n_state, n_orbits) and V (n_state, k, n_orbits) → dx/dt and Df(x) V, given the parameters of the system.
Slope = Callable[..., tuple[list[Array], list[Array]]]


def _lorenz63(x: Array, V: Array, sigma: float, rho: float, beta: float) -> tuple[list[Array], list[Array]]:
    X, Y, Z = x
    return (
        [sigma * (Y - X), X * (rho - Z) - Y, X * Y - beta * Z],
        [sigma * (V[1] - V[0]), (rho - Z) * V[0] - V[1] - X * V[2], Y * V[0] + X * V[1] - beta * V[2]],
    )


def _rossler(x: Array, V: Array, a: float, b: float, c: float) -> tuple[list[Array], list[Array]]:
    X, Y, Z = x
    return [-Y - Z, X + a * Y, b + Z * (X - c)], [-V[1] - V[2], V[0] + a * V[1], Z * V[0] + (X - c) * V[2]]


def _van_der_pol(x: Array, V: Array, mu: float) -> tuple[list[Array], list[Array]]:
    X, Y = x
    return [Y, mu * (1.0 - X * X) * Y - X], [V[1], (-2.0 * mu * X * Y - 1.0) * V[0] + mu * (1.0 - X * X) * V[1]]


class Flow(NamedTuple):
    """A system, with the settings that make its exponents good to some 0.002 in a few seconds."""

    slope: Slope | None
    parameters: dict[str, float]
    dt: float
    n_steps: int
    transient: int
    n_starts: int
    start: tuple[float, ...]  # the starts lie around it


FLOWS = {
    "lorenz63": Flow(_lorenz63, {"sigma": 10.0, "rho": 28.0, "beta": 8.0 / 3.0}, 0.01, 10_000, 2_000, 256, (1.0, 1.0, 20.0)),
    "rossler": Flow(_rossler, {"a": 0.2, "b": 0.2, "c": 5.7}, 0.02, 15_000, 5_000, 128, (1.0, 1.0, 0.0)),
    "van_der_pol": Flow(_van_der_pol, {"mu": 1.0}, 0.02, 10_000, 2_000, 16, (2.0, 0.0)),
    "mackey_glass": Flow(None, {"tau": 17.0}, 0.25, 20_000, 4_000, 32, (1.2,)),
}


class FlowOrbits:
    """Orbits of a flow, from starts that lie around the system's own."""

    def __init__(self, flow: Flow, parameters: dict[str, float], dt: float, n_orbits: int, rng: np.random.Generator) -> None:
        assert flow.slope is not None
        self.slope, self.parameters, self.dt = flow.slope, parameters, dt
        self.n_state, self.n_orbits, self.steps = len(flow.start), n_orbits, 0
        self.x = np.array(flow.start)[:, None] + rng.uniform(-0.5, 0.5, size=(self.n_state, n_orbits))

    def advance(self, V: Array, n_steps: int) -> Array:
        """Move states and tangent vectors (n_orbits, n_state, k)."""
        n, h = self.n_state, self.dt
        z = np.concatenate([self.x[:, None], V.transpose(1, 2, 0)], axis=1)  # (n_state, 1 + k, n_orbits): state and vectors as one
        for _ in range(n_steps):
            k1 = self._slopes(z)
            k2 = self._slopes(z + (0.5 * h) * k1)
            k3 = self._slopes(z + (0.5 * h) * k2)
            k4 = self._slopes(z + h * k3)
            k2 += k3
            k2 *= 2.0
            k2 += k1
            k2 += k4
            k2 *= h / 6.0
            z += k2
        self.steps += n_steps
        self.x = z[:, 0].copy()
        if not np.isfinite(z).all():
            lost = int(np.argwhere(~np.isfinite(z))[0, 2])
            raise DivergenceError(f"an orbit stopped being finite (its integrator takes steps of {h:g})", self.steps, lost)
        return np.ascontiguousarray(z[:, 1:].transpose(2, 0, 1)).reshape(self.n_orbits, n, -1)

    def _slopes(self, z: Array) -> Array:
        dx, dV = self.slope(z[:, 0], z[:, 1:], **self.parameters)
        out = np.empty_like(z)
        for i in range(self.n_state):
            out[i, 0], out[i, 1:] = dx[i], dV[i]
        return out


class MackeyGlassOrbits:
    """dx/dt = 0.2 x(t − τ) / (1 + x(t − τ)^10) − 0.1 x(t), on a grid that divides τ: the state is x on the grid from t − τ to t.

    The delayed value halfway between grid points is that of the cubic through four of them; tangent vectors follow the same steps.
    """

    def __init__(self, tau: float, dt: float, n_orbits: int, rng: np.random.Generator) -> None:
        self.lag = max(4, int(np.ceil(tau / dt - 1e-9)))
        self.dt, self.n_state, self.n_orbits, self.steps = tau / self.lag, self.lag + 1, n_orbits, 0
        self.x = np.full((self.n_state, n_orbits, 1), 1.2) + rng.uniform(-0.3, 0.3, size=(1, n_orbits, 1))  # oldest first

    def advance(self, V: Array, n_steps: int) -> Array:
        """Move states and tangent vectors (n_orbits, n_state, k)."""
        h, n, k = self.dt, self.n_state, V.shape[2]
        z = np.empty((n + n_steps, self.n_orbits, 1 + k))  # z[t, :, 0] the state, the others tangent vectors; z[t] is n − 1 steps before the last
        z[:n, :, :1], z[:n, :, 1:] = self.x, V.transpose(1, 0, 2)
        for t in range(n, n + n_steps):
            old = t - n
            first, last = z[old], z[old + 1]
            # The cubic through t − τ − h … t − τ + 2 h needs a point that is gone, so that one further on takes its place.
            half = 0.3125 * z[old] + 0.9375 * z[old + 1] - 0.3125 * z[old + 2] + 0.0625 * z[old + 3]
            now = z[t - 1]
            p1, p2, p4 = _delayed(first), _delayed(half), _delayed(last)
            k1 = p1 - 0.1 * now
            k2 = p2 - 0.1 * (now + 0.5 * h * k1)
            k3 = p2 - 0.1 * (now + 0.5 * h * k2)
            k4 = p4 - 0.1 * (now + h * k3)
            z[t] = now + h * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0
        self.steps += n_steps
        self.x = z[-n:, :, :1].copy()
        if not np.isfinite(z[-1]).all():
            raise DivergenceError("an orbit stopped being finite", self.steps, int(np.argwhere(~np.isfinite(z[-1]))[0, 0]))
        return np.ascontiguousarray(z[-n:, :, 1:].transpose(1, 0, 2))


def _delayed(z: Array) -> Array:
    """0.2 x / (1 + x^10) and its derivative in the directions beside it."""
    x, power = z[:, :1], z[:, :1] ** 10
    out = np.empty_like(z)
    out[:, :1] = 0.2 * x / (1.0 + power)
    out[:, 1:] = 0.2 * (1.0 - 9.0 * power) / (1.0 + power) ** 2 * z[:, 1:]
    return out
