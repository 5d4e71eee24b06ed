"""Koopman models on their own, h[t+1] = A ψ(z[t]), and maps given by two functions, with their tangent vectors."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _series
from ..errors import DivergenceError
from ..koopman._embedding import Embedding
from ..koopman._lift import Lift
from ..koopman._model import KoopmanModel
from ..koopman._online import OnlineOperators
from ._lift_tangents import lift_tangents

__all__ = ["LoopOrbits", "MapOrbits", "functions_of", "loop_of", "starts_of"]

Array = NDArray[Any]


class LoopOrbits:
    """State [h[t] | h[t−1] | … | h[t−d]] (n_orbits, n_state (d + 1)), as the embedding lays it out; z = P (e − e_mean) where that is compressed.

    What an input adds to the next state is the same on neighbouring orbits: it moves states, not tangent vectors.
    """

    def __init__(self, lift: Lift, embedding: Embedding, A: Array, e: Array, forcing: Array | None = None) -> None:
        self.lift, self.P, self.A, self.e, self.t = lift, embedding.P, np.asarray(A, np.float64), np.asarray(e), 0
        self.mean, self.dtype, self.forcing = embedding.mean, e.dtype, forcing
        self.n_orbits, self.n_state = e.shape

    def size(self) -> float:
        """Largest entry of a state."""
        return float(np.abs(self.e).max())

    def advance(self, V: Array, n_steps: int) -> Array:
        """Move states and tangent vectors (n_orbits, n_state, k)."""
        for _ in range(n_steps):
            z = self.e if self.P is None or self.mean is None else (self.e - self.mean) @ self.P.T
            dz = V if self.P is None else np.asarray(self.P, np.float64) @ V
            dh = self.A @ lift_tangents(self.lift, z.astype(np.float64), dz)
            h = self.lift(np.ascontiguousarray(z)) @ self.A.T
            if self.forcing is not None:
                h = h + self.forcing[self.t]
            self.t += 1
            if not np.isfinite(h).all():
                raise DivergenceError("the model, run on its own, stopped being finite", self.t, int(np.argwhere(~np.isfinite(h))[0, 0]))
            self.e = np.concatenate([h.astype(self.dtype), self.e[:, : -h.shape[1]]], axis=1)
            V = np.concatenate([dh, V[:, : -dh.shape[1]]], axis=1)
        return V


class MapOrbits:
    """x ← step(x), V ← jacobian(x) V, of one state after the other."""

    def __init__(self, step: Callable[[Array], Any], jacobian: Callable[[Array], Any], starts: Array) -> None:
        self.step, self.jacobian, self.x, self.t = step, jacobian, starts, 0
        self.n_orbits, self.n_state = starts.shape

    def size(self) -> float:
        """Largest entry of a state."""
        return float(np.abs(self.x).max())

    def advance(self, V: Array, n_steps: int) -> Array:
        """Move states and tangent vectors (n_orbits, n_state, k)."""
        V = V.copy()
        n = self.n_state
        for _ in range(n_steps):
            self.t += 1
            for i, x in enumerate(self.x):
                D, after = np.asarray(self.jacobian(x), np.float64), np.asarray(self.step(x), np.float64)
                if D.shape != (n, n) or after.shape != (n,):
                    raise ValueError(f"step and jacobian must give ({n},) and ({n}, {n}) like the state, got {after.shape} and {D.shape}")
                if not (np.isfinite(after).all() and np.isfinite(D).all()):
                    raise DivergenceError("the state or the Jacobian stopped being finite", self.t, i)
                V[i] = D @ V[i]
                self.x[i] = after
        return V


def loop_of(model: KoopmanModel | OnlineOperators, X: Any, inputs: Any, n_starts: int, n_steps: int) -> LoopOrbits:
    """Orbits of a fitted model from rows of X, evenly apart."""
    model._check_built()
    model._check_unchanged()
    dtype, n_inputs = model._type(), getattr(model, "n_inputs_", getattr(model, "n_inputs", 0))
    if (inputs is None) != (n_inputs == 0):
        raise ValueError(f"inputs must be given exactly when the model has inputs, it has {n_inputs}")
    H = _series.series("X", np.atleast_2d(X) if np.ndim(X) == 1 else X, dtype)
    A, A_u = model.state_matrix_, model.state_input_matrix_
    if isinstance(model, OnlineOperators):
        lift, embedding, layer = model._lift, Embedding(model.n_features_in_), None
    else:
        lift, embedding, layer = model._drawn.features.lift, model._drawn.embedding, model._drawn.inputs
    d, n = embedding.n_delays, embedding.n_state
    if H.arrays[0].shape[1] != n or min(H.lengths) < d + 1:
        raise ValueError(f"X must be states of {n} numbers, {d + 1} in a row or more, got {H.arrays[0].shape[1]} and {min(H.lengths)}")
    windows = np.concatenate([a[np.arange(d, len(a))[:, None] - np.arange(d + 1)].reshape(-1, n * (d + 1)) for a in H.arrays])
    rows = windows[np.linspace(0, len(windows) - 1, min(n_starts, len(windows))).round().astype(int)]
    forcing = None
    if inputs is not None:
        given = _series.series("inputs", inputs, dtype)
        U = given.arrays[0]
        if len(given.arrays) != 1:
            raise ValueError(f"inputs must be one series, (n_steps, {n_inputs}), which acts on all starts alike, got {len(given.arrays)} series")
        if U.shape[1] != n_inputs or len(U) < n_steps:
            raise ValueError(f"inputs must have {n_inputs} columns and a row for each of transient + n_steps = {n_steps} steps, got {U.shape}")
        assert A_u is not None
        forcing = (U if layer is None else layer(U)) @ A_u.T
    return LoopOrbits(lift, embedding, A, np.ascontiguousarray(rows), forcing)


def functions_of(given: Any) -> tuple[Any, Any] | None:
    """(step, jacobian) of a pair or of an object that has both, or None."""
    if isinstance(given, tuple):
        if len(given) != 2 or not all(map(callable, given)):
            raise TypeError(f"model_or_system must be a pair of functions (step, jacobian), got a tuple of {len(given)}")
        return given
    pair = getattr(given, "step", None), getattr(given, "jacobian", None)
    return pair if all(map(callable, pair)) else None


def starts_of(X: Any) -> Array:
    """States (n_starts, n_state) that a map starts from."""
    starts = np.atleast_2d(np.array(X, dtype=np.float64))
    if starts.ndim != 2 or not starts.size or not np.isfinite(starts).all():
        raise ValueError(f"X must be finite numbers (n_state,) or (n_starts, n_state), the states a map starts from, got shape {np.shape(X)}")
    return starts
