"""Models that hear their own outputs, with tangent vectors through the whole of a step: state, output, input. All in double precision.

What is complex moves as real and imaginary part: an activation acts on the two apart, so that the step is linear in real numbers only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _series
from ..echo_state.regressor import EchoStateRegressor
from ..errors import DivergenceError
from ..nvar._model import NVARModel
from ..reference.cells._functions import activation, activation_slope
from ._driven import wide

__all__ = ["DelayLoop", "EchoLoop", "closes_its_loop", "delay_loop_of", "echo_loop_of"]

Array = NDArray[Any]
STARTS = 16  # pieces of an echo state model's orbit that are followed side by side


class EchoLoop:
    """Echo state units that hear y[t], W_out applied to what they were before; columns are a state and its tangent vectors, of every orbit.

        s^l ← (1 − a) O s^l + a σ(W s^l + W_in s^{l−1} + bias),   s^0 = y;    y ← W_s s + W_x y + b_out

    With feedback s^0 is the input u, the first layer hears W_feedback y as well, and y ← W_s s + W_x u + b_out. The state is s, or [s | y] where W_x
    makes the next output depend on this one.
    """

    def __init__(self, layers: list[dict[str, Any]], W_out: Array, b_out: Array, s: Array, y: Array, inputs: Array | None = None) -> None:
        self.complex = s.dtype.kind == "c"
        dtype: Any = np.complex128 if self.complex else np.float64
        self.layers, self.t, self.n_orbits, self.n_units = [], 0, *s.shape
        for layer in layers:
            n, W, O, bias = len(layer["W_in"]), wide(layer["W_rec"], dtype), layer.get("W_skip"), layer.get("bias")
            leak = np.broadcast_to(np.asarray(layer.get("leak_rate", 1.0), np.float64), n)[:, None, None]
            a = None if np.all(leak == 1) else leak
            bias = np.zeros((n, 1), dtype) if bias is None else np.asarray(bias, dtype)[:, None]
            W_in, name = np.asarray(layer["W_in"], dtype), layer.get("activation", "tanh")
            self.layers.append((W, W_in, bias, a, None if O is None else wide(O, dtype), name, n))
        W_out, self.b = np.asarray(W_out, dtype), np.asarray(b_out, dtype)[:, None]
        self.W_s, W_x = W_out[:, : self.n_units], W_out[:, self.n_units :]
        self.s, self.y = s.T.astype(dtype), y.T.astype(dtype)  # (n_units, n_orbits), (n_outputs, n_orbits)
        if inputs is None:
            self.W_back, self.W_x, self.heard, self.shown = self.layers[0][1], W_x if W_x.size else None, None, None
        else:
            u = inputs.astype(dtype)
            self.W_back, self.W_x, self.heard = np.asarray(layers[0]["W_feedback"], dtype), None, u @ self.layers[0][1].T
            self.shown = u @ W_x.T if W_x.size else None
        self.n_numbers = self.n_units + (0 if self.W_x is None else len(self.y))
        self.n_state = self.n_numbers * (2 if self.complex else 1)

    def size(self) -> float:
        """Largest entry of a state."""
        return float(max(np.abs(self.s).max(), np.abs(self.y).max()))

    def advance(self, V: Array, n_steps: int) -> Array:
        """Move states and tangent vectors (n_orbits, n_state, k)."""
        V = _parts_joined(V) if self.complex else V
        v = V.transpose(1, 0, 2)
        s = np.concatenate([self.s[:, :, None], v[: self.n_units]], axis=2)  # (n_units, n_orbits, 1 + k)
        y = np.concatenate([self.y[:, :, None], _product(self.W_s, s[:, :, 1:]) if self.W_x is None else v[self.n_units :]], axis=2)
        for _ in range(n_steps):
            s, y = self._step(s, y)
            self.t += 1
            lost = ~(np.isfinite(s[:, :, 0]).all(axis=0) & np.isfinite(y[:, :, 0]).all(axis=0))
            if lost.any():
                raise DivergenceError("the model, run on its own, stopped being finite", self.t, int(np.argmax(lost)))
        self.s, self.y = s[:, :, 0].copy(), y[:, :, 0].copy()
        v = s[:, :, 1:] if self.W_x is None else np.concatenate([s[:, :, 1:], y[:, :, 1:]])
        V = np.ascontiguousarray(v.transpose(1, 0, 2))
        return _joined_parts(V) if self.complex else V

    def _step(self, s: Array, y: Array) -> tuple[Array, Array]:
        parts: list[Array] = []
        pushed, first = _product(self.W_back, y), 0
        if self.heard is not None:
            pushed[:, :, 0] += self.heard[self.t][:, None]
        for i, (W, W_in, bias, a, O, name, n) in enumerate(self.layers):
            own = s[first : first + n]
            u = _product(W, own) + (pushed if i == 0 else _product(W_in, parts[-1]))
            u[:, :, 0] += bias
            for part in (u.real, u.imag) if self.complex else (u,):
                _activate(name, part)
            parts.append(u if a is None else (1 - a) * (own if O is None else _product(O, own)) + a * u)
            first += n
        s = np.concatenate(parts)
        after = _product(self.W_s, s)
        if self.W_x is not None:
            after += _product(self.W_x, y)
        after[:, :, 0] += self.b if self.shown is None else self.b + self.shown[self.t][:, None]
        return s, after


class DelayLoop:
    """x[t+1] = W_out [linear | monomials of it] + b_out (+ x[t]), linear = [x_t | x_{t−s} | …]. State [x_{t−span} | … | x_t]."""

    def __init__(self, model: NVARModel, x: Array) -> None:
        self.complex = x.dtype.kind == "c"
        dtype: Any = np.complex128 if self.complex else np.float64
        self.delays, self.increment, self.t = model._delays, model.predict_increment, 0
        self.W, self.b, self.x = model.W_out_.astype(dtype), model.b_out_.astype(dtype), x.astype(dtype)  # x (n_orbits, span + 1, n_inputs)
        self.n_orbits, self.n_state = len(x), x[0].size * (2 if self.complex else 1)

    def size(self) -> float:
        """Largest entry of a state."""
        return float(np.abs(self.x).max())

    def advance(self, V: Array, n_steps: int) -> Array:
        """Move states and tangent vectors (n_orbits, n_state, k)."""
        k, m = V.shape[2], self.x.shape[2]
        v = (_parts_joined(V) if self.complex else V).reshape(*self.x.shape, k)
        seen = self.delays.span - self.delays.stride * np.arange(self.delays.n_delays)
        for _ in range(n_steps):
            features = self.delays.features(self.x)[:, 0]
            linear, dl = features[:, : self.delays.n_linear], v[:, seen].reshape(self.n_orbits, -1, k)
            after, dy, column = features @ self.W.T + self.b, self.W[:, : self.delays.n_linear] @ dl, self.delays.n_linear
            for places in self.delays.products:
                for j in range(len(places)):  # the product rule
                    others = np.prod(linear[:, np.delete(places, j, axis=0)], axis=1)
                    dy = dy + self.W[:, column : column + places.shape[1]] @ (others[:, :, None] * dl[:, places[j]])
                column += places.shape[1]
            if self.increment:
                after, dy = after + self.x[:, -1], dy + dl[:, :m]
            self.t += 1
            if not np.isfinite(after).all():
                raise DivergenceError("the model, run on its own, stopped being finite", self.t, int(np.argwhere(~np.isfinite(after))[0, 0]))
            self.x, v = np.concatenate([self.x[:, 1:], after[:, None]], axis=1), np.concatenate([v[:, 1:], dy[:, None]], axis=1)
        V = v.reshape(self.n_orbits, -1, k)
        return _joined_parts(V) if self.complex else V


def closes_its_loop(model: Any) -> bool:
    """Whether this is an echo state model whose outputs can be what it hears next."""
    return isinstance(model, EchoStateRegressor)


def echo_loop_of(model: EchoStateRegressor, inputs: Any, n_starts: int | None, n_measured: int, transient: int) -> EchoLoop:
    """Orbits of a fitted model from where its series stand.

    Unless inputs say what belongs to which step, each series goes on by itself, and where it comes every n_measured steps is a start as well: what is
    measured are then the pieces, side by side, of one long orbit a series.
    """
    model._check_built()
    model._check_unchanged()
    forcing = _forcing(model, inputs, n_measured + transient)
    if forcing is None and model.n_inputs_ != model.n_outputs_:
        said = f"got {model.n_outputs_} outputs for {model.n_inputs_} inputs; X would drive the model"
        raise ValueError(f"model_or_system needs as many outputs as inputs to run on its own, {said}")
    stand = model._settle()
    if stand is None:
        raise ValueError("model_or_system must have a series under way, where its orbit starts: predict(X, advance=True) brings it to the end of X")
    W, b = model._weights
    s, y, count = [stand.states], [model._output_at(stand, W, b)], n_starts or max(STARTS, stand.n_series)
    while forcing is None and len(s) * stand.n_series < count:
        try:
            stand = model._reservoir.close(n_measured, stand, W, b, y[-1])[1]
        except DivergenceError as error:
            raise DivergenceError("the model, run on its own, stopped being finite", (len(s) - 1) * n_measured + error.step, error.series) from None
        s.append(stand.states)
        assert stand.outputs is not None  # a closed loop knows them
        y.append(stand.outputs)
    states, outputs = np.concatenate(s), np.concatenate(y)
    chosen = np.linspace(0, len(states) - 1, min(count, len(states))).round().astype(int)
    return EchoLoop(model._reservoir_layers(), W, b, states[chosen], outputs[chosen], forcing)


def delay_loop_of(model: NVARModel, X: Any, n_starts: int) -> DelayLoop:
    """Orbits of a fitted model from stretches of X, evenly apart, or from where its stream stands."""
    model._check_built()
    model._check_unchanged()
    if model.n_inputs_ != model.n_outputs_:
        said = f"got {model.n_outputs_} outputs for {model.n_inputs_} inputs"
        raise ValueError(f"model_or_system needs as many outputs as inputs to run on its own, {said}")
    arrays, n = [model._past] if X is None else model._data(X).arrays, model._delays.span + 1
    if min(map(len, arrays)) < n:
        whose = "the stream of the model" if X is None else "X"
        raise ValueError(f"{whose} must have at least (n_delays − 1) stride + 1 = {n} steps, got {min(map(len, arrays))}")
    windows = np.concatenate([x[np.arange(len(x) - n + 1)[:, None] + np.arange(n)] for x in arrays])
    return DelayLoop(model, windows[np.linspace(0, len(windows) - 1, min(n_starts, len(windows))).round().astype(int)])


def _forcing(model: EchoStateRegressor, inputs: Any, n_steps: int) -> Array | None:
    if not model.feedback:
        if inputs is not None:
            raise ValueError("inputs must not be given without feedback: outputs take their place")
        return None
    if inputs is None:
        raise ValueError("inputs must be given with feedback=True: outputs are fed back beside them; X would drive the model without feedback")
    found = _series.series("inputs", inputs, np.dtype(model.dtype))
    u = found.arrays[0]
    if found.form != "one" or u.shape[1] != model.n_inputs_ or len(u) < n_steps:
        expected = f"one series of {model.n_inputs_} columns with a row for each of transient + n_steps = {n_steps} steps"
        raise ValueError(f"inputs must be {expected}, got {found.form} of {found.lengths[:5]} steps with {u.shape[1]} columns")
    return u


def _product(W: Any, z: Array) -> Array:
    """W z of many columns (n, n_orbits, 1 + k)."""
    found: Array = np.asarray(W @ z.reshape(len(z), -1)).reshape(W.shape[0], *z.shape[1:])
    return found


def _activate(name: str, u: Array) -> None:
    """In the place of u, real numbers: σ of the first column, σ' of it times the others."""
    a = u[:, :, :1].copy()
    u[:, :, :1] = activation(name, a)
    u[:, :, 1:] *= activation_slope(name, a)


def _parts_joined(V: Array) -> Array:
    half = V.shape[1] // 2
    joined: Array = V[:, :half] + 1j * V[:, half:]
    return joined


def _joined_parts(v: Array) -> Array:
    return np.concatenate([v.real, v.imag], axis=1)
