"""Tangent vectors of models along the states that an input drives them through. Each is one orbit; noise and what is fed back are left out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import Inputs
from ..diagonal_rnn._model import DiagonalModel
from ..fixed_poles._model import FixedPoleModel
from ..recurrent._streaming import StreamingModel
from ..reference.cells import twin_of, weights_of
from ..reference.cells._functions import activation_slope
from ._states import cell_states, is_reservoir, silent
from .echo_state import _layers

__all__ = ["CellOrbit", "PoleOrbit", "ReservoirOrbit", "wide", "width_of"]

Array = NDArray[Any]


class CellOrbit:
    """A recurrent model's cell, its D_t those of its weights.

    Vectors go through the transposed product D_1ᵀ … D_Tᵀ, from the last step back: the singular values, and so the exponents, are those of
    D_T … D_1, and a cell knows the products D_tᵀ v without ever making D_t or ∂s_t/∂θ, which the Jacobians of its twin would cost.
    """

    n_orbits = 1

    def __init__(self, model: StreamingModel, X: Inputs, n_steps: int) -> None:
        self.cell, dtype, X = silent(model._settings_.cell), np.float64, X.steps(0, n_steps)
        states = cell_states(model, X)[0].astype(dtype)
        self.states = np.concatenate([np.zeros((1, self.cell.n_state)), states[:-1]])
        if X.dense is not None:
            self.inputs = X.dense[0].astype(dtype)
        else:
            assert X.tokens is not None
            self.inputs = np.eye(self.cell.n_inputs)[X.tokens[0]]
        self.twin, self.weights = twin_of(self.cell), weights_of(self.cell, model.theta_.astype(dtype))
        self.n_state, self.left = self.cell.n_state, len(states)

    def advance(self, V: Array, n_steps: int) -> Array:
        """Take the vectors back by so many steps."""
        columns = list(V[0].T)
        for _ in range(n_steps):
            self.left -= 1
            s, x = self.states[self.left], self.inputs[self.left]
            columns = [self.twin.pullback(self.cell, self.weights, s, x, None, v)[0] for v in columns]
        return np.stack(columns, axis=-1)[None]


class ReservoirOrbit:
    """Layers of echo state units: v^l ← (1 − a) O v^l + a σ'(u^l) (W_rec v^l + W_in v^{l−1}), v^0 = 0.

    Of complex units a vector holds real and imaginary parts: σ acts on the two, each with its own slope, so that the step is linear in real numbers
    only.
    """

    n_orbits = 1

    def __init__(self, layers: list[dict[str, Any]], X: Array) -> None:
        from ..kernels import reservoir_states  # kernels import the estimators' settings: not at the top

        heard, self.layers, self.t = X, [], 0
        self.complex = X.dtype.kind == "c"
        dtype: Any = np.complex128 if self.complex else np.float64
        for layer in layers:
            states = reservoir_states(**layer, inputs=heard)
            n, W, O = len(layer["W_in"]), wide(layer["W_rec"], dtype), layer.get("W_skip")
            before = np.concatenate([np.zeros((1, n)), states[:-1]]).astype(dtype)
            W_in, a = np.asarray(layer["W_in"], dtype), np.broadcast_to(np.asarray(layer.get("leak_rate", 1.0), np.float64), n)[:, None]
            u = (W @ before.T).T + heard.astype(dtype) @ W_in.T
            u = u if layer.get("bias") is None else u + np.asarray(layer["bias"], dtype)
            name = layer.get("activation", "tanh")
            slope = activation_slope(name, u.real), activation_slope(name, u.imag) if self.complex else None
            self.layers.append((W, W_in, a, None if O is None else wide(O, dtype), slope, n))
            heard = states
        self.n_units = sum(layer[-1] for layer in self.layers)
        self.n_state = self.n_units * (2 if self.complex else 1)

    def advance(self, V: Array, n_steps: int) -> Array:
        """Take the vectors on by so many steps."""
        v = V[0, : self.n_units] + 1j * V[0, self.n_units :] if self.complex else V[0]
        for _ in range(n_steps):
            below, parts, first = None, [], 0
            for W, W_in, a, O, slope, n in self.layers:
                own = v[first : first + n]
                pushed = W @ own if below is None else W @ own + W_in @ below
                real, imag = slope
                if imag is None:
                    moved = real[self.t][:, None] * pushed
                else:
                    moved = real[self.t][:, None] * pushed.real + 1j * (imag[self.t][:, None] * pushed.imag)
                below = (1 - a) * (own if O is None else O @ own) + a * moved
                parts.append(below)
                first += n
            v, self.t = np.concatenate(parts), self.t + 1
        return (np.concatenate([v.real, v.imag]) if self.complex else v)[None]


class PoleOrbit:
    """Units with poles, v ← σ'(a) β v: of complex units a vector of the real parts and of the imaginary ones, on which σ acts apart.

    A real network keeps real and imaginary part of a pair β, β̄ at k and k + 1, k even.
    """

    n_orbits = 1

    def __init__(self, model: FixedPoleModel, X: Array) -> None:
        states, beta, n, name = model.states(X), model.poles_, model.n_units_, model.activation
        before, fed = np.concatenate([np.zeros((1, n), states.dtype), states[:-1]]), X @ model.W_in_.T + model.bias_
        self.t, self.own, self.other = 0, beta.real, np.arange(n)  # s_i ← own_i s_i + turn_i s_other(i)
        if model._type_.kind == "c":
            u = beta * before + fed
            self.own, self.turn = np.tile(beta.real, 2), np.concatenate([-beta.imag, beta.imag])
            self.other = np.concatenate([self.other + n, self.other])
            self.slope = np.concatenate([activation_slope(name, u.real), activation_slope(name, u.imag)], axis=1).astype(np.float64)
        else:
            self.turn = -beta.imag  # zero of real poles; of a pair −b and b
            paired = beta.imag != 0
            self.other[paired] ^= 1
            self.slope = activation_slope(name, self.own * before + self.turn * before[:, self.other] + fed).astype(np.float64)
        self.n_state = len(self.own)

    def advance(self, V: Array, n_steps: int) -> Array:
        """Take the vectors on by so many steps."""
        v: Array = V[0]
        for _ in range(n_steps):
            v = self.slope[self.t, :, None] * (self.own[:, None] * v + self.turn[:, None] * v[self.other])
            self.t += 1
        return v[None]


def wide(W: Any, dtype: Any) -> Any:
    """Recurrent weights in double precision; an operator stays one."""
    return W.astype(dtype) if hasattr(W, "astype") else W if hasattr(W, "toarray") else np.asarray(W, dtype)


def width_of(model: Any) -> tuple[np.dtype[Any], int]:
    """Precision and width of what drives a model."""
    if isinstance(model, FixedPoleModel):
        model._check_built()
        return model._type_, model.n_inputs_
    if isinstance(model, DiagonalModel):
        model._check_built()
        return model._type(), model.n_inputs_
    if not is_reservoir(model):
        known = "a fitted model, arguments of a reservoir, a pair of functions or a system"
        raise TypeError(f"model_or_system must be {known}, got {type(model).__name__}")
    W_in = np.asarray(_layers(model)[0]["W_in"])
    return W_in.dtype, W_in.shape[1]
