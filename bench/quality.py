"""The Lorenz system in closed loop from the same states: how far each way to solve for the read-out sees."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from pushforward import datasets, metrics
from pushforward._network import echo_state_layer
from pushforward.readout import Ridge

from .report import Row
from .reservoir_cases import N_CHECK, Array, Network
from .reservoir_field import agree
from .timing import Session

UNITS, RIDGE, LYAPUNOV_TIMES = 1000, 1e-12, 13.0  # the goal, of QR
DT, EXPONENT = 0.02, 0.9056  # s, 1/s
WASHOUT, TRAIN, WARMUP, HORIZON, STARTS = 200, 10_000, 500, 1500, 20  # steps, and forecasts whose median counts
DENSITY, INPUT_SCALING, BIAS = 0.02, 0.1, 0.5

Readout = tuple[NDArray[np.float64], NDArray[np.float64]]


def lorenz(session: Session) -> Iterator[Row]:
    """Valid prediction time, noiseless data, in double precision."""
    for n in session.choose(UNITS):
        n_forecasts = STARTS if session.effort.seconds > 5 else 3
        length = TRAIN + WARMUP + HORIZON * (n_forecasts + 1)
        series = datasets.lorenz63(length, DT)
        z = (series - series[:TRAIN].mean(axis=0)) / series[:TRAIN].std(axis=0)
        network, states_of = _reservoir(n)
        states = network.from_rest(z[: TRAIN - 1])
        error = agree("states", states[:N_CHECK], states_of(z[:N_CHECK]), "float64")
        features, targets = states[WASHOUT:], z[WASHOUT + 1 : TRAIN]
        for name, fit in SOLVERS.items():
            start = time.process_time()
            try:
                readout = fit(features, targets)
            except (np.linalg.LinAlgError, ArithmeticError, ValueError) as failure:
                yield Row("lorenz", f"n = {n}, ridge {RIDGE:g}, {name}", None, error=error, note=f"failed: {failure}"[:120])
                continue
            seconds = time.process_time() - start
            times = []
            for first in range(TRAIN + WARMUP, length - HORIZON + 1, HORIZON)[:n_forecasts]:
                warm = network.from_rest(z[first - WARMUP : first])
                found = network.simulate(readout, HORIZON, last=warm[-1] @ readout[0].T + readout[1])
                # the loop hears its first forecast, z[first], before it says the next
                found = np.vstack([warm[-1] @ readout[0].T + readout[1], found[:-1]])
                truth = z[first : first + HORIZON]
                times.append(metrics.valid_prediction_time(truth, found, DT, lyapunov_exponent=EXPONENT, reference=z[:TRAIN]))
            figure = float(np.median(times))
            yield Row(
                "lorenz", f"n = {n}, ridge {RIDGE:g}, {name}", None, figure, "{:.1f} Lyapunov times",
                session.goal(LYAPUNOV_TIMES) if name == "QR" and n == UNITS else None, error=error,
                note=f"{min(times):.1f} … {max(times):.1f} over {len(times)} starts; fit {seconds:.2f} s", numbers={"n_units": n, "times": times},
            )  # fmt: skip


def _reservoir(n: int) -> tuple[Network, Callable[[Array], Array]]:
    """Build it, and what its states must be."""
    rng = np.random.default_rng(0)
    W = sparse.random_array((n, n), density=DENSITY, format="csr", rng=rng, data_sampler=lambda size: rng.normal(size=size))
    W = W * (0.9 / np.abs(np.linalg.eigvals(W.toarray())).max())
    W_in, bias = INPUT_SCALING * rng.uniform(-1, 1, (n, 3)), rng.uniform(-BIAS, BIAS, n)

    def states_of(X: Array) -> Array:
        s, states = np.zeros(n), np.empty((len(X), n))
        for t, x in enumerate(X):
            s = states[t] = np.tanh(W @ s + W_in @ x + bias)
        return states

    return Network(echo_state_layer(W, W_in, bias, np.dtype(float)), float, 3), states_of


def _ours(solver: str, X: Array, Y: Array) -> Readout:
    model = Ridge(ridge=RIDGE, solver=solver).fit(X, Y)
    return model.W_out_, model.b_out_


def _normal_equations(X: Array, Y: Array, solve: Callable[[Array, Array], Array]) -> Readout:
    A = np.hstack([X, np.ones((len(X), 1))])
    W = solve(A.T @ A + RIDGE * np.eye(A.shape[1]), A.T @ Y)
    return np.ascontiguousarray(W[:-1].T), W[-1].copy()


SOLVERS: dict[str, Callable[[Array, Array], Readout]] = {
    "QR": lambda X, Y: _ours("qr", X, Y),
    "Gram + Cholesky": lambda X, Y: _ours("gram", X, Y),
    "NumPy, normal equations": lambda X, Y: _normal_equations(X, Y, np.linalg.solve),
    "SciPy, normal equations by Cholesky": lambda X, Y: _normal_equations(X, Y, lambda A, B: linalg.cho_solve(linalg.cho_factor(A), B)),
}
