"""Runs of one net from different starts under the same input (and the same noise), with their Jacobians."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .._learner import Core, LearnerSettings
from ..errors import DivergenceError
from ..optim import SGD
from ..reference.cells import bounded_slope, twin_of, weights_of
from ._second import SecondDerivatives
from ._subject import Subject

Floats = NDArray[np.float64]
ROUNDING = 100 * np.finfo(np.float64).eps  # runs closer than this, as a share of what they hold, have met


@dataclass
class Runs:
    """Per step, (n_steps,) each, up to the step that stopped being finite."""

    jacobian_norms: Floats  # largest ‖D_t‖₂ of the runs
    log_product: Floats
    log_flow: Floats  # of the first run
    influence_norm: Floats  # largest entry of J
    data_bound: Floats
    distance: dict[str, Floats | None]
    floor: dict[str, Floats]  # what rounding errors alone may come to
    state_start: float  # largest entries before the first step
    influence_start: float
    stopped: int | None


def couple(subject: Subject, n_starts: int, rng: np.random.Generator, second: bool) -> Runs:
    """Run, the first start being zero in everything."""
    cell, theta, X = subject.cell, subject.theta, subject.inputs
    starts = _starts(subject, n_starts, rng)
    states, influences = np.array([s for s, _ in starts]), np.array([J for _, J in starts])
    cores = [_core(subject, s, J) for s, J in starts]
    S = np.zeros((n_starts, cell.n_state, cell.n_params, cell.n_params) if second else 0)
    carry = SecondDerivatives(cast(Any, cell), theta) if second else None
    if second:
        for i in range(1, n_starts):
            half = rng.uniform(-1, 1, size=S[i].shape) * np.abs(influences[i]).max()
            S[i] = (half + half.transpose(0, 2, 1)) / 2
    jacobians = _jacobians(subject)
    flow, log_scale = np.eye(cell.n_state), 0.0
    bound = float(np.sqrt((influences**2).sum(axis=1)).max())
    size, start = float(np.abs(states).max()), float(np.abs(influences).max())
    rows: list[tuple[float, ...]] = []
    apart: dict[str, list[float]] = {"state": [], "influence": [], "second": []}
    floors: dict[str, list[float]] = {key: [] for key in apart}
    stopped, together = None, False
    for t, x in enumerate(X):
        before = states
        with np.errstate(over="ignore", invalid="ignore"):
            try:
                for core in cores:
                    core.gather(x[None, None], None, None, None, None)
            except DivergenceError:
                stopped = t
                break
            states, last = np.array([core.states()[0] for core in cores]), influences
            influences = np.array([core.influence(0) for core in cores])
            if carry is not None:
                S = np.array([carry(s, J, second, x)[2] for s, J, second in zip(before, last, S, strict=True)])
            if not (np.isfinite(influences).all() and np.isfinite(S).all()):
                stopped = t
                break
            seen = [jacobians(s, x, t) for s in (before[:1] if together else before)]
            norm = max(float(np.linalg.norm(D, 2)) for D, _ in seen)
            bound = norm * bound + max(column for _, column in seen)
            flow = seen[0][0] @ flow
            largest = float(np.linalg.norm(flow, 2))
            log_scale += np.log(largest) if largest > 0 else -np.inf
            flow = flow / largest if largest > 0 else flow
        rows.append((norm, log_scale, float(np.abs(influences).max()), bound))
        for key, values in (("state", states), ("influence", influences), ("second", S)):
            if len(values):
                apart[key].append(float(np.abs(values[1:] - values[0]).max()))
                floors[key].append(ROUNDING * float(np.abs(values).max()))
        together = apart["state"][-1] <= floors["state"][-1]  # from then on the first speaks for all
    if not rows:
        raise DivergenceError("a state or its derivative stopped being finite", 0, 0)
    norms, log_flow, influence_norm, data_bound = np.array(rows).T
    with np.errstate(divide="ignore"):
        log_product = np.cumsum(np.log(norms))
    distance = {key: np.array(values) if values else None for key, values in apart.items()}
    return Runs(
        norms, log_product, log_flow, influence_norm, data_bound, distance, {key: np.array(values) for key, values in floors.items()},
        size, start, stopped,
    )  # fmt: skip


def _starts(subject: Subject, n_starts: int, rng: np.random.Generator) -> list[tuple[Floats, Floats]]:
    """(h, J): zero, then h uniform in ±1 with J as a few steps from there leave it, every entry times a number in ±1 of its own."""
    cell = subject.cell
    starts = [(np.zeros(cell.n_state), np.zeros((cell.n_state, cell.n_params)))]
    for _ in range(n_starts - 1):
        state = rng.uniform(-1, 1, size=cell.n_state)
        core = _core(subject, state, starts[0][1])
        few = subject.inputs[: 2 + cell.n_state // 8]
        core.gather(np.ascontiguousarray(few[None]), None, None, None, None)
        reached = cast(Floats, core.influence(0))
        starts.append((state, reached * rng.uniform(-1, 1, size=reached.shape)))  # zeros of the structure stay zeros
    return starts


def _core(subject: Subject, state: Floats, influence: Floats) -> Core:
    """A learner that moves state and influence one step at a time; it is given no targets."""
    cell = subject.cell
    settings = LearnerSettings(
        cell, n_outputs=1, loss="squared_error", dtype=np.dtype(np.float64), optimizer=SGD(), carry_every=1, n_threads=1
    )
    core = settings.build()
    core.set_parameters(np.ascontiguousarray(subject.theta), np.zeros((1, cell.n_features)), np.zeros(1))
    core.set_states(state[None])
    core.set_influence(0, influence)
    return core


def _jacobians(subject: Subject) -> Callable[[Floats, Floats, int], tuple[Floats, float]]:
    """D_t and the largest column norm of ∂s_t/∂θ, from the NumPy twin of the cell."""
    cell, twin, weights = subject.cell, twin_of(subject.cell), weights_of(subject.cell, subject.theta)
    slopes, positions = bounded_slope(subject.theta, cell.bound), cell.positions()

    def at(state: Floats, x: Floats, tick: int) -> tuple[Floats, float]:
        D, parts, _ = twin.jacobians(cell, weights, state, x, tick)
        columns = [np.sqrt((parts[name] ** 2).sum(axis=0))[where >= 0] * slopes[where[where >= 0]] for name, where in positions.items()]
        return cast(Floats, D), float(np.concatenate(columns).max())

    return at
