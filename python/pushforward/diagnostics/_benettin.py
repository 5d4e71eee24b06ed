"""Growth of tangent vectors along orbits, by QR: the method of Benettin, Galgani, Giorgilli and Strelcyn (1980), many orbits side by side.

    V ← D_t V,   every few steps V = Q R,   V ← Q:   exponent i is the mean of log R_ii a step
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Growth", "Orbits", "growth_of"]

Array = NDArray[Any]
LONGEST = 64  # steps between two factorisations at most
SPREAD = 4.0  # by which logarithms of R_ii within a stretch should differ at most: then V is far from singular to rounding errors


class Orbits(Protocol):
    """States that move, with tangent vectors along."""

    @property
    def n_state(self) -> int: ...
    @property
    def n_orbits(self) -> int: ...
    def advance(self, V: Array, n_steps: int) -> Array:
        """Move all states on by n_steps; return D V of the tangent vectors V (n_orbits, n_state, k)."""
        ...


class Growth(NamedTuple):
    """What tangent vectors did.

    Attributes
    ----------
    steps : (n_checks,) ndarray of int
        Steps since the transient, at the end of each stretch.
    logs : (n_checks, n_orbits, k) ndarray of float64
        Σ log R_ii within each stretch.
    """

    steps: NDArray[np.int64]
    logs: NDArray[np.float64]


def growth_of(orbits: Orbits, k: int, n_steps: int, transient: int, n_checks: int, rng: np.random.Generator) -> Growth:
    """Follow k tangent vectors of every orbit over ``n_steps`` after a transient, in which they find their directions.

    How many steps go between two factorisations is learnt in the transient, from how fast vectors part; after it, it only falls.
    """
    V = np.linalg.qr(rng.normal(size=(orbits.n_orbits, orbits.n_state, k)))[0]
    interval, done = 1, 0
    while done < transient:
        length = min(interval, transient - done)
        V, logs = _factored(_advanced(orbits, V, length))
        done += length
        spread = _spread(logs)
        if length == interval:
            interval = min(LONGEST, 2 * interval) if spread < SPREAD / 4 else max(1, interval // 2) if spread > SPREAD else interval
    edges = np.linspace(0, n_steps, n_checks + 1).round().astype(np.int64)
    total = np.zeros((n_checks, orbits.n_orbits, k))
    for check in range(n_checks):
        at = edges[check]
        while at < edges[check + 1]:
            length = int(min(interval, edges[check + 1] - at))
            V, logs = _factored(_advanced(orbits, V, length))
            total[check] += logs
            at += length
            if _spread(logs) > 4 * SPREAD:
                interval = max(1, interval // 2)
    return Growth(edges[1:], total)


def _advanced(orbits: Orbits, V: Array, n_steps: int) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # a state that is lost is named where it is
        return orbits.advance(V, n_steps)


def _factored(V: Array) -> tuple[Array, Array]:
    """Q and log |R_ii| of every orbit; −∞ where a direction is lost."""
    Q, R = np.linalg.qr(V)
    with np.errstate(divide="ignore"):
        return Q, np.log(np.abs(np.diagonal(R, axis1=-2, axis2=-1)))


def _spread(logs: Array) -> float:
    return float(np.max(logs.max(axis=-1) - logs.min(axis=-1))) if np.isfinite(logs).all() else np.inf
