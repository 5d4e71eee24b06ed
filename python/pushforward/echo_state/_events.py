"""One event at a time, and what can be read from an echo state model."""

from abc import abstractmethod
from typing import Any

import numpy as np

from .._checks import one_of
from .._series import DTYPES, Array, Series, check_finite, numbers, per_series
from ._live import Live
from ._running import RunningModel


class EventModel(RunningModel):
    """An echo state model that also takes single events."""

    _flat_: bool

    def learn_one(self, x: Any, y: Any) -> Any:
        """Learn one event of one series; return the prediction made before. For read-outs that learn event by event.

        The first ``washout`` events of a series are heard and not learnt.

        Parameters
        ----------
        x : (n_inputs,) ndarray
        y : as one step of the targets

        Returns
        -------
        y : as :meth:`predict_one` gives it
        """
        if self._live is not None and not hasattr(self, "classes_") and self._live.takes(x, y):  # the common case
            return self._shown_one(self._live.learn_one(x, y))
        with self._unchanged_by_mistakes():
            row = self._event(x)
            target, flat = self._target_of_one(y)
            check_finite("y", Series([target[None]], "one"))
            if not self._is_built():
                self._check_event_settings()
                self._build(Series([row[None]], "one"), None, len(target))
                self._flat_ = flat
            elif target.shape != (self.n_outputs_,):
                raise ValueError(f"y must have {self.n_outputs_} outputs, got {len(target)}")
            return self._shown_one(self._going_on().learn_one(row, target))

    def predict_one(self, x: Any, advance: bool = False) -> Any:
        """Output for the next event of one series; the series moves on only with ``advance=True`` (without learning).

        Returns
        -------
        y : as one step of the targets
        """
        self._check_built()
        row = self._event(x)
        if not advance:
            outputs, _ = self._outputs(Series([row[None]], "one"), self._start_or_stand(Series([row[None]], "one")))
            return self._shown_one(outputs[0][0])
        stand = self._start_or_stand(Series([row[None]], "one"))
        outputs, self._stand = self._outputs(Series([row[None]], "one"), stand)
        self._form_ = "one"
        return self._shown_one(outputs[0][0])

    def _event(self, x: Any) -> Array:
        one_of("dtype", self.dtype, DTYPES)
        row = numbers("x", x, np.dtype(self.dtype))
        if row.ndim != 1 or row.size == 0:
            raise ValueError(f"x must be (n_inputs,), got shape {row.shape}")
        if self._is_built():
            self._check_unchanged()
            if len(row) != self.n_inputs_:
                raise ValueError(f"x must have shape ({self.n_inputs_},), got {row.shape}")
        check_finite("x", Series([row[None]], "one"))
        return row

    def _check_event_settings(self) -> None:
        if getattr(self, "input_scaling", None) is None:
            raise ValueError("input_scaling must be given when learn_one() comes first: one event cannot tell it")
        if self.feedback and getattr(self, "feedback_scaling", None) is None:
            raise ValueError("feedback_scaling must be given when learn_one() comes first: one event cannot tell it")
        if self.intrinsic_plasticity is not None:
            raise ValueError("intrinsic_plasticity adapts to the first data: partial_fit must come before learn_one()")

    def _going_on(self) -> Live:
        if not self._readout.is_online:
            raise ValueError(f"readout must learn event by event (rls, nlms or lms) for learn_one(), got {self._readout.name}; use partial_fit()")
        if self._live is None:
            stand = self._stand if self._stand is not None else self._reservoir.start(1)
            if stand.n_series != 1:
                raise ValueError(f"learn_one() goes on with one series, the model has {stand.n_series}; reset_state() ends them")
            (washout,) = per_series("washout", self.washout, 1)
            self._live = Live(self._reservoir, self._readout, stand, max(0, washout - int(stand.seen[0])))
            self._form_ = "one"
        return self._live

    @abstractmethod
    def _target_of_one(self, y: Any) -> tuple[Array, bool]:
        """The target of one event (n_outputs,), and whether it came without that axis."""

    @abstractmethod
    def _shown_one(self, output: Array) -> Any:
        """One output as the user sees it."""

    # -- what can be read ----------------------------------------------------------------------------------------------------

    @property
    def W_out_(self) -> Array:
        """Read-out weights (n_outputs, n_features). A copy."""
        return self._weights[0].copy()

    @property
    def b_out_(self) -> Array:
        """Read-out bias (n_outputs,). A copy."""
        return self._weights[1].copy()

    @property
    def state_(self) -> Array:
        """Where the series stand: (n_state,), or (n_series, n_state). A copy."""
        self._check_built()
        stand = self._settle()
        states = self._reservoir.start(1).states if stand is None else stand.states.copy()
        return states[0] if len(states) == 1 else states
