"""How series go through a network with fixed poles, and what its read-out learns from them."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import _series
from .._checks import one_of
from .._network import as_parts, from_parts
from .._series import Array, Series
from ..errors import DivergenceError
from ._base import FixedPoleBase
from ._readouts import OnlineReadout, RidgeReadout

CHUNK_NUMBERS = 1 << 20  # of features held at a time


class FixedPoleModel(FixedPoleBase):
    """A network with fixed poles that learns a stream as it comes. See the estimators."""

    # -- learning ------------------------------------------------------------------------------------------------------------

    @abstractmethod
    def _targets(self, y: Any, X: Series) -> list[Array]:
        """What the read-out is to say, (n_steps, n_outputs) of every series; on the way the model learns the form of y."""

    def fit(self, X: ArrayLike | list[Array], y: Any) -> Self:
        """Start afresh and learn; every series begins at the zero state, and the stream stands at the end of the last.

        Parameters
        ----------
        X : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) ndarray of the model's dtype, or a list of (n_steps, n_inputs)
        y : targets, see :meth:`partial_fit`

        Raises
        ------
        DivergenceError
            When a number stopped being finite.
        SingularReadoutError
            With the ridge that would cure it; the model is as it was.
        """
        data = _series.series("X", X, self._dtype())
        self._check_washout(data)
        with self._unchanged_by_mistakes():
            self._forget()
            self._learn(data, self._targets(y, data), restart=True)
            if isinstance(self._readout, RidgeReadout):
                self._readout.weights()  # a singular one is named here, and the model is as it was
        return self

    def partial_fit(self, X: ArrayLike | list[Array], y: Any) -> Self:
        """Go on learning: one series continues the stream, of several each begins at the zero state.

        Parameters
        ----------
        X : as for :meth:`fit`
        y : targets of every step, or as the class says

        Raises
        ------
        DivergenceError
            When a number stopped being finite; what was learnt before that step stays.
        """
        data = _series.series("X", X, self._dtype())
        if data.form != "one":
            self._check_washout(data)
        if not self._is_built():
            with self._unchanged_by_mistakes():
                self._learn(data, self._targets(y, data), restart=True)
        else:
            self._check_unchanged()
            self._check_width(data)
            self._learn(data, self._targets(y, data), restart=data.form != "one")
        return self

    def _learn(self, data: Series, targets: list[Array], restart: bool) -> None:
        if not self._is_built():
            self._build(data.arrays[0].shape[1], targets[0].shape[1])
        for i, (x, y) in enumerate(zip(data.arrays, targets, strict=True)):
            if restart:
                self.reset_state()
            try:
                self._stream(x, y)
            except DivergenceError as error:
                raise DivergenceError(error.reason, error.step, i) from None

    def _stream(self, x: Array, y: Array) -> None:
        """Steps of the stream: those of the washout only move the state."""
        skip = min(len(x), max(0, self.washout - self._seen_))
        if skip:
            for _ in self._drive(self._learner or self._network, x[:skip]):
                pass
            self._seen_ += skip
        if skip == len(x):
            return
        try:
            self._learn_steps(np.ascontiguousarray(x[skip:]), np.ascontiguousarray(y[skip:]))
        except DivergenceError as error:
            raise DivergenceError(error.reason, error.step + skip) from None
        self._seen_ += len(x) - skip

    def _learn_steps(self, x: Array, y: Array) -> None:
        if isinstance(self._readout, RidgeReadout):
            first = 0
            for features in self._drive(self._network, x):
                self._readout.partial_fit(features, y[first : first + len(features)])
                first += len(features)
        elif self._learner is not None:
            self._learner.learn(self._readout.core, as_parts(x, self._type_), as_parts(y, self._type_))
        else:
            last = as_parts(np.zeros(self.n_outputs_, self._type_), self._type_)
            self._network.learn(self._readout.core, as_parts(x[None], self._type_), as_parts(y[None], self._type_), "none", last)

    def _drive(self, machine: Any, x: Array) -> Iterator[Array]:
        """Features (n_steps, n_features) of a stretch after the other; each only as long as it is looked at."""
        length = max(64, CHUNK_NUMBERS // self._n_features_)
        features = np.empty((min(length, len(x)), self._n_features_), self._type_)
        for first in range(0, len(x), length):
            piece = np.ascontiguousarray(x[first : first + length])
            out = features[: len(piece)]
            try:
                if machine is self._learner and machine is not None:
                    out = from_parts(machine.run(as_parts(piece, self._type_)), self._type_)
                else:
                    machine.run(as_parts(piece[None], self._type_), None, as_parts(out[None], self._type_))
            except DivergenceError as error:
                raise DivergenceError(error.reason, error.step + first) from None
            yield out

    # -- running -------------------------------------------------------------------------------------------------------------

    def _outputs(self, X: ArrayLike | list[Array], state: str) -> tuple[Series, list[Array]]:
        """The series, and the read-out's outputs (n_steps, n_outputs) of each."""
        data = self._data(X, state)
        W, b = self._readout.weights()
        return data, [np.concatenate([f @ W.T + b for f in pieces]) for pieces in self._features(data, state)]

    def _features(self, data: Series, state: str) -> Iterator[Iterator[Array]]:
        for i, x in enumerate(data.arrays):
            network = self._fresh_network()
            if state == "current":
                network.set_states(as_parts(self.state_[None], self._type_))
            yield self._named(self._drive(network, x), i)

    def _named(self, pieces: Iterator[Array], i: int) -> Iterator[Array]:
        try:
            yield from pieces
        except DivergenceError as error:
            raise DivergenceError(error.reason, error.step, i) from None

    def _data(self, X: ArrayLike | list[Array], state: str) -> Series:
        self._check_built()
        self._check_unchanged()
        one_of("state", state, ("start", "current"))
        data = _series.series("X", X, self._type_)
        self._check_width(data)
        if state == "current" and data.form != "one":
            raise ValueError(f"X must be one series (n_steps, n_inputs) to go on from the current state, got {len(data.arrays)} series")
        return data

    def states(self, X: ArrayLike | list[Array], state: str = "start") -> Any:
        """States (n_steps, n_units) for a sequence, with (n_series, …) in front for a batch, a list for a list; the model does not change.

        Parameters
        ----------
        X : as for :meth:`fit`
        state : {"start", "current"}
            From the zero state, or from where the stream stands.
        """
        data, n = self._data(X, state), self.n_units_
        return data.like([np.concatenate([f[:, :n] for f in pieces]) for pieces in self._features(data, state)])

    def reset_state(self) -> Self:
        """Set the state to zero: a new series begins, and with it a washout. The read-out stays, and poles that learn stay where they are."""
        self._check_built()
        if self._learner is not None:
            self._learner.restart()
        else:
            self._network.set_states(np.zeros_like(self._network.states()))
        self._seen_ = 0
        return self

    def _event(self, name: str, value: Any, n: int) -> Array:
        """One event (n, n_parts), as the extension takes it."""
        if not (type(value) is np.ndarray and value.dtype == self._type_ and value.flags.c_contiguous):
            value = _series.numbers(name, value, self._type_)
        if value.size != n or value.ndim > 1:
            raise ValueError(f"{name} must have shape ({n},), got {value.shape}")
        return as_parts(value.reshape(n), self._type_)

    def _learn_event(self, x: Any, target: Array) -> Array:
        """Prediction (n_outputs,) of one event, made before it was learnt; target (n_outputs, n_parts)."""
        if not isinstance(self._readout, OnlineReadout):
            raise ValueError("learn_one needs readout='rls', got readout='ridge', which learns in closed form: partial_fit takes many steps at once")
        event = self._event("x", x, self.n_inputs_)
        if self._seen_ < self.washout:
            if not np.isfinite(target).all():
                raise ValueError(f"y must be finite, got {from_parts(target, self._type_)}")
            return self._pass(event)
        machine = self._learner if self._learner is not None else self._network
        prediction: Array = from_parts(machine.learn_one(self._readout.core, event, target), self._type_)
        self._seen_ += 1
        return prediction

    def _pass(self, event: Array) -> Array:
        """Take one event in without learning; return the output (n_outputs,)."""
        machine = self._learner if self._learner is not None else self._network
        (features,) = self._drive(machine, from_parts(event, self._type_)[None])
        self._seen_ += 1
        W, b = self._readout.weights()
        output: Array = features[0] @ W.T + b
        return output

    def _next_output(self, x: Any, advance: bool) -> Array:
        self._check_built()
        event = self._event("x", x, self.n_inputs_)
        if advance:
            return self._pass(event)
        output: Array = self._outputs(from_parts(event, self._type_)[None], "current")[1][0][0]
        return output

    # -- checks and what can be read -----------------------------------------------------------------------------------------

    def _check_width(self, data: Series) -> None:
        if data.arrays[0].shape[1] != self.n_inputs_:
            raise ValueError(f"X must have {self.n_inputs_} columns (n_inputs), got {data.arrays[0].shape[1]}")

    def _check_washout(self, data: Series) -> None:
        _series.per_series("washout", self.washout, 1)
        if self.washout >= min(data.lengths):
            raise ValueError(f"washout must be shorter than every series, got {self.washout} for {min(data.lengths)} steps")
