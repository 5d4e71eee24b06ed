"""Arguments of controllers, and the input that holds a target."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import lsq_linear

from ._riccati import Coordinates, coordinates

__all__ = ["LiftedModel", "Problem", "bounds", "lifted_state", "problem", "weight"]

Array = NDArray[Any]
Lift = Callable[[Array], Array]


@dataclass(frozen=True)
class LiftedModel:
    """ψ[t+1] = K ψ[t] + B u[t], h = C ψ, in double precision, and the dtype it came in."""

    K: Array
    B: Array
    C: Array
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Problem:
    """A model, what it is to be steered to, and at which cost."""

    at: Coordinates
    Q: Array
    R: Array
    target: Array
    psi_target: Array
    u_target: Array
    steady_residual: float
    lift: Lift
    dtype: np.dtype[Any]


def problem(
    K: ArrayLike, B: ArrayLike, C: ArrayLike, Q: ArrayLike, R: ArrayLike, target: ArrayLike | None, lift: Lift, psi_target: ArrayLike | None,
    factor: ArrayLike | None, rcond: float, steady_tolerance: float, constant_column: int | None, u_bounds: tuple[Array, Array] | None = None,
) -> Problem:  # fmt: skip
    """Check everything and find the input that holds the target."""
    model = lifted_model(K, B, C)
    D, n_inputs = model.B.shape
    n_state = len(model.C)
    if not 0 <= rcond < 1:
        raise ValueError(f"rcond must lie in [0, 1), got {rcond!r}")
    if not steady_tolerance > 0:
        raise ValueError(f"steady_tolerance must be positive, got {steady_tolerance!r}")
    wanted = np.zeros(n_state) if target is None else finite("target", target, (n_state,))
    state_cost, input_cost = weight("Q", Q, n_state, False), weight("R", R, n_inputs, True)
    rows = None
    if factor is not None:
        rows = np.asarray(factor, np.float64)
        rows = finite("factor", rows, (len(rows) if rows.ndim else 0, D))
    one = getattr(lift, "constant_column", None) if constant_column is None else constant_column
    if one is not None and not (isinstance(one, (int, np.integer)) and 0 <= one < D):
        raise ValueError(f"constant_column must be a column of the {D} features, got {one!r}")
    at = coordinates(model.K, model.B, model.C, rows, rcond, None if one is None else int(one))
    if psi_target is None:
        psi = lifted_state(lift, wanted.astype(model.dtype), D, "target")
    else:
        psi = finite("psi_target", psi_target, (D,))
    u, residual = _holding(model, at, wanted, psi, u_bounds, steady_tolerance)
    return Problem(at, state_cost, input_cost, wanted, psi, u, residual, lift, model.dtype)


def lifted_model(K: ArrayLike, B: ArrayLike, C: ArrayLike) -> LiftedModel:
    """Check shapes and numbers."""
    k = np.asarray(K)
    if k.ndim != 2 or k.shape[0] != k.shape[1] or not len(k):
        raise ValueError(f"K must be a square matrix (n_features, n_features), got shape {k.shape}")
    dtype = k.dtype if k.dtype == np.float32 else np.dtype(np.float64)
    b, c = np.asarray(B), np.asarray(C)
    for name, array, fixed, shape in (("B", b, 0, f"({len(k)}, n_inputs)"), ("C", c, 1, f"(n_state, {len(k)})")):
        if array.ndim != 2 or array.shape[fixed] != len(k) or not array.size:
            raise ValueError(f"{name} must have shape {shape} beside K, got {array.shape}")
    return LiftedModel(finite("K", k, k.shape), finite("B", b, b.shape), finite("C", c, c.shape), dtype)


def finite(name: str, values: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return finite real numbers of this shape in double precision."""
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array.astype(np.float64)


def weight(name: str, values: ArrayLike, n: int, definite: bool) -> Array:
    """Return a symmetric positive (semi)definite (n, n) matrix from a number, a diagonal or a matrix."""
    array = np.asarray(values)
    if array.ndim < 2:
        array = np.diag(np.broadcast_to(array, (n,)) if array.ndim == 0 else finite(name, array, (n,)))
    array = finite(name, array, (n, n))
    if not np.allclose(array, array.T, rtol=1e-10, atol=1e-12 * np.abs(array).max()):
        raise ValueError(f"{name} must be symmetric")
    smallest, largest = np.linalg.eigvalsh(array)[[0, -1]]
    if smallest < -1e-10 * max(largest, 0) or (definite and smallest <= 1e-14 * largest) or (not definite and largest <= 0):
        kind = "positive definite" if definite else "positive semidefinite and not zero"
        raise ValueError(f"{name} must be {kind}, its eigenvalues lie in [{smallest:g}, {largest:g}]")
    return np.asarray((array + array.T) / 2)


def bounds(names: tuple[str, str], low: ArrayLike | None, high: ArrayLike | None, n: int) -> tuple[Array, Array]:
    """Return lower and upper bounds (n,); None and infinities are no bound."""
    both = []
    for name, values, none in zip(names, (low, high), (-np.inf, np.inf), strict=True):
        array = np.asarray(none if values is None else values)
        if array.dtype.kind not in "iuf" or array.shape not in ((), (n,)) or np.isnan(array).any():
            raise ValueError(f"{name} must be a number or ({n},) numbers, got {array.dtype} of shape {array.shape}")
        both.append(np.broadcast_to(array.astype(np.float64), (n,)).copy())
    if not (both[0] < both[1]).all():
        at = int(np.flatnonzero(~(both[0] < both[1]))[0])
        raise ValueError(f"{names[0]} must lie below {names[1]}, got {both[0][at]:g} and {both[1][at]:g} at {at}")
    return both[0], both[1]


def lifted_state(lift: Lift, x: Array, n_features: int, name: str) -> Array:
    """ψ (n_features,) of one state."""
    psi = np.asarray(lift(x), np.float64)
    if psi.shape != (n_features,):
        raise ValueError(f"lift must give ({n_features},) features of {name}, got shape {psi.shape}")
    if not np.isfinite(psi).all():
        raise ValueError(f"{name} must be finite and have finite features")
    return psi


def _holding(
    model: LiftedModel, at: Coordinates, target: Array, psi: Array, u_bounds: tuple[Array, Array] | None, tolerance: float
) -> tuple[Array, float]:
    """u* = argmin ‖(C (K ψ* + B u − ψ*)) / scale‖, and what is left of it."""
    drift, effect = model.C @ (model.K @ psi - psi), model.C @ model.B
    if at.motion is not None:  # without input: what only inputs move has next to none
        scale = np.hypot(at.motion, np.linalg.norm(effect, axis=1))
        scale = np.maximum(scale, 1e-12 * scale.max())
    else:
        scale = np.full(len(drift), np.linalg.norm(drift) + np.linalg.norm(effect, 2))
    if not scale.all():
        scale = np.ones(len(drift))
    a, b = effect / scale[:, None], -drift / scale
    free = u_bounds is None or not np.isfinite(u_bounds).any()
    u = np.linalg.lstsq(a, b, rcond=1e-10)[0] if free else lsq_linear(a, b, bounds=u_bounds).x
    residual = np.abs(a @ u - b)
    if not residual.max() <= tolerance:
        within = "" if free else " within its bounds"
        raise ValueError(
            f"target must be a state that an input holds; no input{within} holds {target.tolist()}: at best, with u = {u.tolist()}, the model "
            f"leaves it by {residual.max():.3g} of what states move in a step (state {int(residual.argmax())}; steady_tolerance is {tolerance:g})"
        )
    return u, float(residual.max())
