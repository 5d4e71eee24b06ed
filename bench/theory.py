"""``pushforward bench theory``: wide diagonal networks, their tangent kernel, second derivatives; against NumPy, differences and the core's peak."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward import reference
from pushforward.cells import Elman
from pushforward.kernels import block_gradient, diagonal_gradient, forward_hessian, hessian_vector_product, ntk_gram

from .koopman_cases import threads
from .report import Row
from .reservoir_field import agree
from .suite import Case
from .timing import Competitor, Session
from .truth import WrongAnswerError

Array = NDArray[Any]

GOAL_DTYPE = "float32"
UNITS, N_SERIES, N_STEPS, N_INPUTS = 4096, 256, 64, 8
CHECKED, NUMPY_SERIES = 4, 16  # series; NumPy has an easier time with a few of them, whose influence fits its caches
PEAK_SHARE, NUMPY_AHEAD = 0.30, 10.0  # goals, float32, one thread
NTK_UNITS, NTK_SERIES = 1024, 16
HESSIAN_UNITS, HESSIAN_INPUTS, HESSIAN_STEPS = (8, 16), 4, 32
PRODUCT_UNITS, PRODUCT_STEPS = (16, 64), 128
CHECKED_UNITS, CHECKED_STEPS = 6, 12
FUNCTION_FLOP = {"float32": 21, "float64": 38}
"""Of one tanh as it is computed (simd/tanh.hpp): additions and multiplications, and one for the division, by whatever steps it is done."""


@dataclass(frozen=True)
class Wide:
    """A diagonal network at a random start, inputs and targets of noise.

    Parameters
    ----------
    n_units, n_series : int
    dtype : str
    n_steps, n_inputs : int
    """

    n_units: int
    n_series: int
    dtype: str = "float32"
    n_steps: int = N_STEPS
    n_inputs: int = N_INPUTS

    @cached_property
    def weights(self) -> tuple[Array, Array, Array]:
        """(w, U, c)."""
        rng, m = np.random.default_rng(0), self.n_units
        w, U, c = 0.5 * rng.choice([-1.0, 1.0], m), rng.normal(size=(m, self.n_inputs)), rng.choice([-1.0, 1.0], m)
        return w.astype(self.dtype), U.astype(self.dtype), c.astype(self.dtype)

    @cached_property
    def data(self) -> tuple[Array, Array]:
        """(X, Y); the first series are the same whatever their number."""
        rng, steps = np.random.default_rng(1), (self.n_series, self.n_steps)
        noise = rng.normal(size=(*steps, self.n_inputs + 1)).astype(self.dtype)
        return np.ascontiguousarray(noise[..., :-1]), np.ascontiguousarray(noise[..., -1])

    @property
    def flop(self) -> float:
        """Of one gradient, what is needed for it and no more.

        A unit's step takes ⟨u, x⟩ and its gradient (4 n_inputs), w H + ⟨u, x⟩ (2), σ, c H (2), σ' (2), δ (3) and δ H (2).
        """
        return float(self.n_series * self.n_steps * self.n_units) * (4 * self.n_inputs + 11 + FUNCTION_FLOP[self.dtype])

    def first(self, n_series: int) -> Wide:
        """The same network on so many series."""
        return replace(self, n_series=n_series)

    def gradient(self, function: Callable[..., Any], *settings: Any) -> Array:
        """The loss and all that follows, one vector."""
        loss, gradient = function(*self.data, *self.weights, *settings)
        return np.concatenate([[loss], gradient["w"], gradient["U"].ravel()])


def diagonal(session: Session) -> Iterator[Row]:
    """One exact gradient of a wide network over many series; the checks take a few of them, and all, as the sum of two halves."""
    for m in session.choose(UNITS):
        whole = Wide(m, N_SERIES, session.dtype)
        few, some = whole.first(min(CHECKED, N_SERIES)), whole.first(min(NUMPY_SERIES, N_SERIES))
        expected = few.gradient(_in_double)
        errors = {"pushforward": max(agree("diagonal_gradient", few.gradient(diagonal_gradient), expected, session.dtype), _halves(whole))}
        errors["two threads"] = errors["pushforward"]
        if not np.array_equal(whole.gradient(diagonal_gradient, "tanh", 2), whole.gradient(diagonal_gradient, "tanh", 1)):
            raise WrongAnswerError(f"diagonal_gradient, {m} units: two threads give other numbers than one")
        for name, function in NUMPY.items():
            errors[name] = agree(name, few.gradient(function), expected, session.dtype)
        timings = session.measure(
            Competitor("pushforward", _times(partial(whole.gradient, diagonal_gradient, "tanh", 1)), most=64),
            Competitor("two threads", _times(partial(whole.gradient, diagonal_gradient, "tanh", 2)), "wall", most=64),
            *(Competitor(name, _times(partial(some.gradient, function)), "process", most=64) for name, function in NUMPY.items()),
        )
        share = timings["pushforward"].share_of_probes(whole.flop)
        times = {name: timing.microseconds() for name, timing in timings.items()}
        for name in NUMPY:
            times[name] *= whole.n_series / some.n_series
        for name, figure, form, goal in (
            ("pushforward", share, "{:.0%} of the peak", PEAK_SHARE),
            ("two threads", times["pushforward"] / times["two threads"], "{:.2f} × one", None),
            ("NumPy", times["NumPy"] / times["pushforward"], "ours {:.0f} × as fast", NUMPY_AHEAD),
            ("NumPy backwards", times["NumPy backwards"] / times["pushforward"], "ours {:.1f} × as fast", None),
        ):
            yield Row(
                "diagonal", f"{m} units, {N_SERIES} × {N_STEPS} steps, {N_INPUTS} inputs, {name}", times[name], figure, form, session.goal(goal),
                error=errors[name], timing=timings[name], note=f"{times[name] / 1e3:.1f} ms a gradient, {whole.flop / 1e3 / times[name]:.1f} GFLOP/s",
                numbers={"n_units": m, "flop": whole.flop},
            )  # fmt: skip


def _backwards(X: Array, Y: Array, w: Array, U: Array, c: Array) -> tuple[float, dict[str, Array]]:
    """Back-propagation through all steps, as one would write it in NumPy for speed; tanh."""
    n_series, n_steps, _ = X.shape
    scale = X.dtype.type(1 / math.sqrt(len(w)))
    H = np.zeros((n_steps + 1, n_series, len(w)), X.dtype)
    for t in range(n_steps):
        np.tanh(w * H[t] + X[:, t] @ U.T, out=H[t + 1])
    residual = H[1:] @ c * scale - Y.T
    delta, g_w, g_U = np.zeros_like(H[0]), np.zeros_like(w), np.zeros_like(U)
    for t in range(n_steps - 1, -1, -1):
        delta = (1 - H[t + 1] ** 2) * (scale * residual[t][:, None] + w * delta)
        g_w += np.einsum("si,si->i", delta, H[t])
        g_U += delta.T @ X[:, t]
    return 0.5 * float(np.sum(residual**2)), {"w": c * g_w, "U": c[:, None] * g_U}


def _in_double(X: Array, Y: Array, *weights: Array) -> Any:
    w, U, c = (a.astype(np.float64) for a in weights)
    return reference.diagonal_gradient(X.astype(np.float64), Y.astype(np.float64), w, U, c)


def _halves(whole: Wide) -> float:
    """The error of the gradient of all series against the sum over two parts of them."""
    (X, Y), at = whole.data, whole.n_series // 3 + 1
    parts = [diagonal_gradient(X[part], Y[part], *whole.weights) for part in (slice(None, at), slice(at, None))]
    total = sum(np.concatenate([[loss], g["w"], g["U"].ravel()]) for loss, g in parts)
    return agree("the sum of two parts", whole.gradient(diagonal_gradient), np.asarray(total), whole.dtype)


def ntk(session: Session) -> Iterator[Row]:
    """The tangent kernel of all steps of some series, beside features written out and multiplied."""
    for m in session.choose(NTK_UNITS):
        net = Wide(m, NTK_SERIES, session.dtype)
        X, few = net.data[0], net.data[0][:CHECKED]
        w, U, c = (a.astype(np.float64) for a in net.weights)
        expected: Any = reference.ntk_gram(few.astype(np.float64), None, w, U, c)
        errors = {name: agree(name, gram(few, None, *net.weights), expected, session.dtype) for name, gram in GRAMS.items()}
        with threads(1):
            timings = session.measure(*(Competitor(name, _times(partial(gram, X, None, *net.weights)), most=64) for name, gram in GRAMS.items()))
        points = X.shape[0] * X.shape[1]
        yield from _against_numpy("ntk", f"{m} units, {points} points, {N_INPUTS} inputs", timings, errors, {"n_units": m, "n_points": points})


def hessian(session: Session) -> Iterator[Row]:
    """All second derivatives of an Elman net's states."""
    for n in session.choose(*HESSIAN_UNITS):
        cell, X = Elman(HESSIAN_INPUTS, n), _noise(HESSIAN_STEPS, HESSIAN_INPUTS, session.dtype)
        theta = cell.init(0).astype(session.dtype)
        expected = reference.forward_hessian(cell, theta.astype(np.float64), X.astype(np.float64))[2]
        found = forward_hessian(cell, theta, X)[2].toarray()
        errors = {"pushforward": agree("forward_hessian", found, expected, session.dtype)}
        errors["NumPy"] = agree("reference.forward_hessian", reference.forward_hessian(cell, theta, X)[2], expected, session.dtype)
        timings = session.measure(
            Competitor("pushforward", _times(partial(forward_hessian, cell, theta, X, n_threads=1)), most=64),
            Competitor("NumPy", _times(partial(reference.forward_hessian, cell, theta, X)), most=64),
        )
        numbers = {"n_units": n, "n_params": cell.n_params}
        yield from _against_numpy("hessian", f"{n} units, {cell.n_params:,} parameters, {len(X)} steps", timings, errors, numbers)


def hvp(session: Session) -> Iterator[Row]:
    """A Hessian-vector product beside one exact gradient that hands out the influence as well; two give a central difference."""
    wide = np.float64
    for n in session.choose(*PRODUCT_UNITS):
        small = _Product(min(n, CHECKED_UNITS), CHECKED_STEPS, session.dtype)
        expected = small.of(reference.hessian_vector_product, wide)
        error = agree("hessian_vector_product", small.of(hessian_vector_product), expected, session.dtype)
        problem = _Product(n, PRODUCT_STEPS, session.dtype)
        timings = session.measure(
            Competitor("product", _times(partial(problem.of, hessian_vector_product)), most=256),
            Competitor("gradient", _times(problem.gradient), most=256),
        )
        us, gradient = (timings[name].microseconds() for name in ("product", "gradient"))
        yield Row(
            "hvp", f"{n} units, {problem.cell.n_params:,} parameters, {PRODUCT_STEPS} steps", us, us / gradient, "{:.2f} × block_gradient",
            error=error, timing=timings["product"], note=f"which hands out the influence and takes {gradient:,.0f} µs",
            numbers={"n_units": n, "n_params": problem.cell.n_params},
        )  # fmt: skip


class _Product:
    """An Elman net on noise, and a direction of its weights."""

    def __init__(self, n_units: int, n_steps: int, dtype: str) -> None:
        self.cell = Elman(HESSIAN_INPUTS, n_units)
        theta, (X, Y, W_out) = self.cell.init(0), (_noise(*shape, "float64") for shape in ((n_steps, HESSIAN_INPUTS), (n_steps, 1), (1, n_units)))
        self._arrays = tuple(a.astype(dtype) for a in (theta, W_out, np.zeros(1), X, Y, _noise(self.cell.n_params, 1, "float64")[:, 0]))

    def arguments(self, dtype: Any = None) -> tuple[Any, ...]:
        theta, W_out, b_out, X, Y, _ = (a if dtype is None else a.astype(dtype) for a in self._arrays)
        return self.cell, theta, (W_out, b_out), X, Y

    def gradient(self) -> None:
        cell, theta, readout, X, Y = self.arguments()
        block_gradient(cell, theta, readout, X, Y, n_threads=1)

    def of(self, function: Callable[..., Any], dtype: Any = None) -> Array:
        """H v."""
        v = self._arrays[-1]
        product = function(*self.arguments(dtype), {"theta": v if dtype is None else v.astype(dtype)}, n_threads=1)[2]
        return np.concatenate([product["theta"], product["W_out"].ravel(), product["b_out"]])


def _noise(n_rows: int, n_columns: int, dtype: str) -> Array:
    noise: Array = np.random.default_rng(n_rows + n_columns).normal(size=(n_rows, n_columns))
    return noise.astype(dtype)


def _against_numpy(case: str, what: str, timings: Any, errors: dict[str, float], numbers: dict[str, Any]) -> Iterator[Row]:
    us = {name: timing.microseconds() for name, timing in timings.items()}
    for name, timing in timings.items():
        figure = us["NumPy"] / us["pushforward"] if name == "NumPy" else None
        yield Row(case, f"{what}, {name}", us[name], figure, "ours {:.1f} × as fast", error=errors[name], timing=timing, numbers=numbers)


def _times(run_once: Callable[[], object]) -> Callable[[int], None]:
    def run(n_times: int) -> None:
        for _ in range(n_times):
            run_once()

    return run


NUMPY: dict[str, Callable[..., Any]] = {"NumPy": reference.diagonal_gradient, "NumPy backwards": _backwards}  # the first carries ∂H/∂(w, U)
GRAMS: dict[str, Callable[..., Any]] = {"pushforward": ntk_gram, "NumPy": reference.ntk_gram}
CASES: dict[str, Case] = {"diagonal": diagonal, "ntk": ntk, "hessian": hessian, "hvp": hvp}
ONLY_WHEN_NAMED: tuple[str, ...] = ()
