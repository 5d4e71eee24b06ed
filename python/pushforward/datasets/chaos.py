"""Chaotic series: Mackey-Glass and Lorenz-63, by fourth-order Runge-Kutta."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def mackey_glass(n_steps: int, tau: float = 17.0, dt: float = 1.0, *, initial: float = 1.2, n_substeps: int = 10, transient: int = 250) -> Array:
    """Mackey-Glass delay equation.

    Parameters
    ----------
    n_steps : int
    tau : float
        Delay [s]; chaotic from about 16.8.
    dt : float
        Time between two samples [s].
    initial : float
        The constant past, x(t) for t ≤ 0.
    n_substeps : int
        Runge-Kutta steps a sample.
    transient : int
        Samples dropped at the start.

    Returns
    -------
    x : (n_steps,) ndarray of float64

    Notes
    -----
    dx/dt = 0.2 x(t − τ) / (1 + x(t − τ)^10) − 0.1 x(t). The delayed value is interpolated linearly between stored steps.

    Examples
    --------
    >>> x = mackey_glass(500)
    >>> x.shape, bool(0.2 < x.min() < x.max() < 1.4)
    ((500,), True)
    """
    if n_steps < 1 or n_substeps < 1 or transient < 0:
        raise ValueError(f"n_steps, n_substeps, transient: expected n ≥ 1, ≥ 1 and ≥ 0, got {n_steps}, {n_substeps}, {transient}")
    if not (tau > 0 and dt > 0 and tau >= dt / n_substeps):
        raise ValueError(f"tau, dt: expected 0 < dt / n_substeps ≤ tau, got {tau} and {dt}")
    h = dt / n_substeps
    lag = int(np.ceil(tau / h)) + 1
    x = [float(initial)] * (lag + 1)  # x[-1] is now, x[-1 - k] is k steps of h ago

    def delayed(ahead: float) -> float:
        back = tau / h - ahead
        whole = int(back)
        part = back - whole
        newer = x[-1 - whole]
        return newer + part * (x[-2 - whole] - newer)

    def slope(now: float, past: float) -> float:
        return 0.2 * past / (1.0 + past**10) - 0.1 * now

    samples = np.empty(n_steps)
    for t in range(-transient, n_steps):
        for _ in range(n_substeps):
            p0, p1, p2, now = delayed(0.0), delayed(0.5), delayed(1.0), x[-1]
            k1 = slope(now, p0)
            k2 = slope(now + 0.5 * h * k1, p1)
            k3 = slope(now + 0.5 * h * k2, p1)
            k4 = slope(now + h * k3, p2)
            x.append(now + h * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0)
        del x[: len(x) - lag - 1]
        if t >= 0:
            samples[t] = x[-1]
    return samples


def lorenz63(
    n_steps: int,
    dt: float = 0.01,
    initial: ArrayLike = (1.0, 1.0, 1.0),
    *,
    sigma: float = 10.0,
    rho: float = 28.0,
    beta: float = 8.0 / 3.0,
    transient: int = 1000,
) -> Array:
    """Lorenz's system of 1963.

    Parameters
    ----------
    n_steps : int
    dt : float
        Time between two samples and step of the integrator [s].
    initial : (3,) array-like
    sigma, rho, beta : float
    transient : int
        Samples dropped at the start.

    Returns
    -------
    states : (n_steps, 3) ndarray of float64

    Notes
    -----
    dx/dt = σ (y − x), dy/dt = x (ρ − z) − y, dz/dt = x y − β z.

    Examples
    --------
    >>> lorenz63(100).shape
    (100, 3)
    """
    if n_steps < 1 or transient < 0 or not dt > 0:
        raise ValueError(f"n_steps, transient, dt: expected ≥ 1, ≥ 0 and > 0, got {n_steps}, {transient}, {dt}")
    x, y, z = (float(v) for v in np.asarray(initial, dtype=np.float64).reshape(3))

    def slope(x: float, y: float, z: float) -> tuple[float, float, float]:
        return sigma * (y - x), x * (rho - z) - y, x * y - beta * z

    states = np.empty((n_steps, 3))
    for t in range(-transient, n_steps):
        a1, b1, c1 = slope(x, y, z)
        a2, b2, c2 = slope(x + 0.5 * dt * a1, y + 0.5 * dt * b1, z + 0.5 * dt * c1)
        a3, b3, c3 = slope(x + 0.5 * dt * a2, y + 0.5 * dt * b2, z + 0.5 * dt * c2)
        a4, b4, c4 = slope(x + dt * a3, y + dt * b3, z + dt * c3)
        x += dt * (a1 + 2.0 * a2 + 2.0 * a3 + a4) / 6.0
        y += dt * (b1 + 2.0 * b2 + 2.0 * b3 + b4) / 6.0
        z += dt * (c1 + 2.0 * c2 + 2.0 * c3 + c4) / 6.0
        if t >= 0:
            states[t] = x, y, z
    return states
