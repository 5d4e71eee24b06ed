"""Two oscillators, by fourth-order Runge-Kutta, many starts at once: Van der Pol, free or forced, and Rössler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
#: slope(x, u) → dx/dt. A state is a list of its components, each a number or (n_series,); so is an input.
Slope = Callable[[list[Any], list[Any]], list[Any]]


def van_der_pol(
    n_steps: int,
    dt: float = 0.1,
    initial: ArrayLike = (2.0, 0.0),
    *,
    mu: float = 1.0,
    inputs: ArrayLike | None = None,
    n_substeps: int = 4,
    transient: int = 0,
) -> Array:
    """Van der Pol's oscillator, free or forced.

    Parameters
    ----------
    n_steps : int
    dt : float
        Time between two samples [s].
    initial : (2,) or (n_series, 2) array-like
        Position and velocity; the first sample, unless there is a transient.
    mu : float
        Damping; 0 is the harmonic oscillator.
    inputs : (n_steps,) or (n_series, n_steps) array-like, optional
        Acceleration; ``inputs[t]`` is held from sample t to sample t + 1, so the last one is not used.
    n_substeps : int
        Runge-Kutta steps a sample.
    transient : int
        Samples dropped at the start, without input.

    Returns
    -------
    states : (n_steps, 2) or (n_series, n_steps, 2) ndarray of float64

    Raises
    ------
    ValueError

    Notes
    -----
    dx₁/dt = x₂, dx₂/dt = μ (1 − x₁²) x₂ − x₁ + u. For μ = 1 the limit cycle has period 6.663287 s and amplitude 2.008620.

    Examples
    --------
    >>> van_der_pol(100).shape, van_der_pol(100, initial=[[1.0, 0.0], [0.0, 3.0]], inputs=np.ones((2, 100))).shape
    ((100, 2), (2, 100, 2))
    """
    start = _start(initial, 2)
    force = _inputs(inputs, start, n_steps)

    def slope(x: list[Any], u: list[Any]) -> list[Any]:
        push = mu * (1.0 - x[0] * x[0]) * x[1] - x[0]
        return [x[1], push + u[0] if u else push]

    return _integrate(slope, start, n_steps, dt, n_substeps, transient, force)


def rossler(
    n_steps: int,
    dt: float = 0.1,
    initial: ArrayLike = (1.0, 1.0, 0.0),
    *,
    a: float = 0.2,
    b: float = 0.2,
    c: float = 5.7,
    n_substeps: int = 4,
    transient: int = 1000,
) -> Array:
    """Rössler's system of 1976.

    Parameters
    ----------
    n_steps : int
    dt : float
        Time between two samples [s].
    initial : (3,) or (n_series, 3) array-like
    a, b, c : float
    n_substeps : int
        Runge-Kutta steps a sample.
    transient : int
        Samples dropped at the start.

    Returns
    -------
    states : (n_steps, 3) or (n_series, n_steps, 3) ndarray of float64

    Raises
    ------
    ValueError

    Notes
    -----
    dx/dt = −y − z, dy/dt = x + a y, dz/dt = b + z (x − c).

    Examples
    --------
    >>> rossler(100).shape
    (100, 3)
    """

    def slope(x: list[Any], u: list[Any]) -> list[Any]:
        return [-x[1] - x[2], x[0] + a * x[1], b + x[2] * (x[0] - c)]

    return _integrate(slope, _start(initial, 3), n_steps, dt, n_substeps, transient, None)


def _integrate(slope: Slope, start: Array, n_steps: int, dt: float, n_substeps: int, transient: int, force: Array | None) -> Array:
    """Sample a trajectory; ``start`` (n_series, n_state) or (n_state,), ``force`` (…, n_steps, n_inputs)."""
    if n_steps < 1 or n_substeps < 1 or transient < 0 or not dt > 0:
        raise ValueError(f"n_steps, n_substeps, transient, dt: expected ≥ 1, ≥ 1, ≥ 0 and > 0, got {n_steps}, {n_substeps}, {transient} and {dt}")
    h = dt / n_substeps
    one = start.ndim == 1  # plain numbers are ten times faster than arrays of one
    x: list[Any] = start.tolist() if one else list(start.T)
    states = np.empty((*start.shape[:-1], n_steps, start.shape[-1]))
    for t in range(-transient, n_steps):
        if t >= 0:
            states[..., t, :] = x if one else np.stack(x, axis=-1)
        u: list[Any] = []
        if force is not None and t >= 0:
            u = force[t].tolist() if one else list(force[:, t].T)
        for _ in range(n_substeps):
            k1 = slope(x, u)
            k2 = slope([v + 0.5 * h * k for v, k in zip(x, k1, strict=True)], u)
            k3 = slope([v + 0.5 * h * k for v, k in zip(x, k2, strict=True)], u)
            k4 = slope([v + h * k for v, k in zip(x, k3, strict=True)], u)
            x = [v + h * (p + 2.0 * q + 2.0 * r + s) / 6.0 for v, p, q, r, s in zip(x, k1, k2, k3, k4, strict=True)]
    return states


def _start(initial: ArrayLike, n_state: int) -> Array:
    start = np.asarray(initial, dtype=np.float64)
    if start.ndim not in (1, 2) or start.shape[-1] != n_state or not start.size or not np.isfinite(start).all():
        raise ValueError(f"initial: expected finite numbers ({n_state},) or (n_series, {n_state}), got shape {start.shape}")
    return start


def _inputs(inputs: ArrayLike | None, start: Array, n_steps: int) -> Array | None:
    """The inputs with their one channel last, or ``None``."""
    if inputs is None:
        return None
    force = np.asarray(inputs, dtype=np.float64)
    expected = (*start.shape[:-1], n_steps)
    if force.shape != expected or not np.isfinite(force).all():
        raise ValueError(f"inputs: expected finite numbers {expected}, got shape {force.shape}")
    return force[..., None]
