"""One series that goes on event by event: reservoir step and read-out step are one call."""

from typing import Any

import numpy as np

from .._network import as_parts, from_parts, n_parts, real_of
from .._series import Array, Series, check_finite
from ..errors import DivergenceError
from ._readouts import Readout
from ._reservoir import Reservoir, Stand


class Live:
    """A machine that holds the state of one series, beside its read-out."""

    def __init__(self, reservoir: Reservoir, readout: Readout, stand: Stand, skip: int) -> None:
        self.reservoir, self.readout, self.before, self.skip = reservoir, readout, stand, skip
        self.machine = reservoir.machine(1, noisy=True)
        reservoir.place(self.machine, stand.states, stand.ticks)
        self.count = 0
        self.dtype, self.real, self.parts = reservoir.dtype, real_of(reservoir.dtype), n_parts(reservoir.dtype)
        self.x = stand.inputs[0]
        self.heard = stand.outputs[0] if reservoir.n_feedback and stand.outputs is not None else None
        self.shape = (readout.n_outputs,)

    def stand(self) -> Stand:
        """Return where the series has come."""
        states = from_parts(self.machine.states(), self.reservoir.dtype)
        heard = None if self.heard is None else np.array(self.heard)[None]
        return Stand(states, self.machine.ticks(), self.before.seen + self.count, np.array(self.x)[None], heard)

    def takes(self, x: Any, y: Any) -> bool:
        """Tell whether these are plain arrays of the right type and shape, one piece each."""
        if type(x) is not np.ndarray or type(y) is not np.ndarray or x.shape != self.x.shape or y.shape != self.shape:
            return False
        return x.dtype == self.dtype and y.dtype == self.dtype and x.flags.c_contiguous and y.flags.c_contiguous

    def learn_one(self, x: Array, y: Array) -> Array:
        """Learn one event x (n_inputs,), y (n_outputs,); return the prediction (n_outputs,) made before."""
        if self.skip > 0 or self.heard is not None:
            check_finite("y", Series([y[None]], "one"))
            row: Array = self.run(x[None], y[None])[0]
            return row
        real, parts = self.real, self.parts
        prediction: Array = self.machine.learn_one(self.readout.core, x.view(real).reshape(-1, parts), y.view(real).reshape(-1, parts))
        self.count += 1
        self.x = x.copy()
        return prediction.reshape(-1).view(self.dtype)

    def run(self, X: Array, Y: Array) -> Array:
        """Learn a stretch X (n_steps, n_inputs), Y (n_steps, n_outputs); return the predictions made before each event."""
        skip, out = min(self.skip, len(X)), []
        if skip:
            W, b = self.readout.weights()
            out.append(self._look(X[:skip], Y[:skip]) @ W.T + b)  # heard, not learnt
        if skip < len(X):
            try:
                out.append(self._learn(X[skip:], Y[skip:]))
            except DivergenceError as error:
                raise DivergenceError(error.reason, skip + error.step) from None
        self.skip -= skip
        self.count += len(X)
        self.x = X[-1].copy()
        return np.concatenate(out)

    def _look(self, X: Array, Y: Array) -> Array:
        dtype, reservoir = self.reservoir.dtype, self.reservoir
        features = np.empty((1, len(X), reservoir.n_features), dtype)
        heard: Any = None
        if self.heard is not None:
            heard = np.concatenate([self.heard[None], Y[:-1]])
        self.machine.run(
            as_parts(np.ascontiguousarray(X[None]), dtype), None if heard is None else as_parts(heard[None], dtype), as_parts(features, dtype)
        )
        if heard is not None:
            self.heard = Y[-1].copy()
        rows: Array = features[0]
        return rows

    def _learn(self, X: Array, Y: Array) -> Array:
        dtype = self.reservoir.dtype
        last = np.zeros(Y.shape[1], dtype) if self.heard is None else self.heard
        kind = "none" if self.heard is None else "targets"
        out = self.machine.learn(
            self.readout.core, as_parts(np.ascontiguousarray(X[None]), dtype), as_parts(np.ascontiguousarray(Y[None]), dtype), kind,
            as_parts(np.ascontiguousarray(last), dtype),
        )  # fmt: skip
        if self.heard is not None:
            self.heard = Y[-1].copy()
        rows: Array = from_parts(out, dtype)[0]
        return rows
