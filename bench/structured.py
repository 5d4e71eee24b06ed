"""Reservoirs whose W_rec never becomes a matrix, and fixed poles: a step of a thousand complex units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pushforward import reference
from pushforward._network import as_parts, echo_state_layer
from pushforward.reservoirs import CycleWithJumps, DelayLine, Ring

from .report import Row
from .reservoir_cases import Array, Network
from .reservoir_field import agree, repeat
from .timing import Competitor, Session

UNITS, STEPS, N_CHECK = 1000, 64, 40
MICROSECONDS = 1.0  # the goal, of linear units
POLES = "fixed poles"


def structured(session: Session) -> Iterator[Row]:
    """Linear units, and tanh units for information; states into the same array, of a size that stays in the cache, and into new ones."""
    dtype = np.result_type(session.dtype, np.complex64)
    for n in session.choose(UNITS):
        rng = np.random.default_rng(0)
        W_in, X = (_normal(rng, shape, dtype) for shape in ((n, 1), (STEPS, 1)))
        for name, make in {**OPERATORS, POLES: None}.items():
            for activation in ("identity", "tanh"):
                layer, expected = _described(make, W_in, X[:N_CHECK], activation, rng)
                networks = {reuse: Network(layer, dtype, reuse=reuse) for reuse in (True, False)}
                error = max(agree(name, network.advance(X[:N_CHECK]), expected, session.dtype) for network in networks.values())
                timings = session.measure(*(Competitor(str(k), repeat(v.advance, X), multiple=STEPS, most=1 << 14) for k, v in networks.items()))
                us, fresh = (timings[str(reuse)].microseconds() for reuse in (True, False))
                yield Row(
                    "structured", f"{name}, n = {n}, {dtype}, {activation}", us, us, "{:.2f} µs",
                    session.goal(MICROSECONDS) if activation == "identity" else None, at_least=False, error=error, timing=timings["True"],
                    note=f"states into new arrays {fresh:.2f} µs", numbers={"n_units": n, "new_arrays": fresh},
                )  # fmt: skip


def _normal(rng: np.random.Generator, shape: Any, dtype: np.dtype[Any]) -> Array:
    numbers: Array = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return numbers


def _described(make: Callable[[int], Any] | None, W_in: Array, X: Array, activation: str, rng: np.random.Generator) -> tuple[dict[str, Any], Array]:
    """The layer, and its states with everything written out, in double precision."""
    n, dtype, wide = len(W_in), W_in.dtype, np.complex128
    if make is None:
        poles = (0.95 * np.exp(2j * np.pi * rng.uniform(size=n))).astype(dtype)
        layer = {"kind": "fixed_poles", "n_units": n, "poles": as_parts(poles, dtype), "W_in": as_parts(W_in, dtype), "activation": activation}
        layer["bias"] = as_parts(np.zeros(n, dtype), dtype)
        return layer, reference.fixed_pole_states(poles.astype(wide), W_in.astype(wide), X.astype(wide), activation=activation)
    operator = make(n)
    W, s, states = operator.toarray().astype(wide), np.zeros(n, wide), np.empty((len(X), n), wide)
    for t, x in enumerate(X.astype(wide)):
        a = W @ s + W_in @ x
        s = states[t] = a if activation == "identity" else np.tanh(a.real) + 1j * np.tanh(a.imag)
    return echo_state_layer(operator, W_in, None, dtype, activation=activation), states


OPERATORS: dict[str, Callable[[int], Any] | None] = {
    "Ring": lambda n: Ring(n, 0.9),
    "DelayLine": lambda n: DelayLine(n, 0.7, 0.2),
    "CycleWithJumps": lambda n: CycleWithJumps(n, 0.7, 0.1, max(2, n // 20)),
}
