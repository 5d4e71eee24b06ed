"""How a stream goes through a recurrent model: whole stretches, single events, predictions."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _arrays
from .._arrays import FloatArray, Inputs
from .._checks import one_of, positive_int, renamed, series_index
from .._gradients import Stream
from ..cells import Cell
from ._bias import GradientBias, gradient_bias
from ._model import RecurrentModel
from ._settings import DTYPES


class StreamingModel(RecurrentModel):
    """A recurrent model that learns a stream as it comes. See the estimators."""

    def _width_of(self, X: Inputs) -> int:
        """n_inputs, from the model if it is built, else from the data (tokens: from n_inputs=, or the largest seen)."""
        if self._learner is not None:
            return int(self.n_inputs_)
        self._tokens_ = X.tokens is not None
        told = self.cell.n_inputs if isinstance(self.cell, Cell) else self.n_inputs
        if X.dense is not None:
            width = int(X.dense.shape[2])
            if told is not None and told != width:
                raise ValueError(f"X must have n_inputs = {told} columns, got {width}")
            return width
        assert X.tokens is not None
        return told if told is not None else int(X.tokens.max(initial=0)) + 1

    def _inputs(self, X: ArrayLike) -> Inputs:
        one_of("dtype", self.dtype, DTYPES)
        dtype = np.dtype(self.dtype)
        if self._learner is None:
            return _arrays.inputs(X, dtype)
        self._check_unchanged()
        data = _arrays.inputs(X, dtype, dense=not self._tokens_)
        if data.dense is not None and data.dense.shape[2] != self.n_inputs_:
            raise ValueError(f"X must have {self.n_inputs_} columns (n_inputs), got {data.dense.shape[2]}")
        return data

    def _check_not_empty(self, X: Inputs) -> None:
        n_series, n_steps = X.shape
        if n_steps == 0 or n_series == 0:
            raise ValueError(f"X must have at least one series of at least one step, got {n_series} series of {n_steps} steps")

    def _check_series(self, X: Inputs) -> None:
        self._check_not_empty(X)
        if self._learner is not None and X.shape[0] != self.n_series_:
            raise ValueError(f"X must have {self.n_series_} series like the data before it, got {X.shape[0]}; fit() starts afresh")

    def _check_steps(self, X: Inputs, Y: NDArray[Any]) -> None:
        if Y.shape[:2] != X.shape:
            raise ValueError(f"y must have as many series and steps as X {X.shape}, got {Y.shape[:2]}")

    def _run(self, X: Inputs, Y: FloatArray | None, labels: NDArray[np.int64] | None, mask: ArrayLike | None) -> None:
        steps = None if mask is None else _arrays.mask(mask, X.batched, X.shape)
        total, n_terms = self._core().run(X.dense, X.tokens, Y, labels, steps)
        self.loss_ = total / n_terms if n_terms else float("nan")
        self.loss_history_.append(self.loss_)

    def _outputs(self, X: ArrayLike, state: str) -> tuple[FloatArray, bool]:
        """Raw outputs (n_series, n_steps, n_outputs), and whether X was a batch."""
        core, data = self._core(), self._inputs(X)
        one_of("state", state, ("start", "current"))
        self._check_not_empty(data)
        n_series = data.shape[0]
        if state == "current" and n_series != self.n_series_:
            raise ValueError(f"X must have {self.n_series_} series to go on from the current state, got {n_series}")
        states = core.states() if state == "current" else np.zeros((n_series, self._settings_.cell.n_state), self.dtype)
        return core.predict(data.dense, data.tokens, states)[0], data.batched

    def _next_output(self, x: ArrayLike, advance: bool) -> FloatArray:
        """Output (n_outputs,) of the next event, or of one per series (n_series, n_outputs)."""
        core, data = self._core(), self._event(x)
        if advance:
            output = self.step(x)
            core.close()  # no feedback: nothing is learnt from it
            return output
        with renamed(X="x"):
            outputs, _ = core.predict(data.dense, data.tokens, core.states())
        return outputs[0, 0] if self.n_series_ == 1 else outputs[:, 0]

    def _begin(self, x: ArrayLike) -> None:
        """Build for a first event that comes before any targets."""
        one_of("dtype", self.dtype, DTYPES)
        tokens = _arrays.is_integer(x)
        event = np.asarray(x) if tokens else _arrays.real("x", x, np.dtype(self.dtype))
        if event.ndim not in ((0, 1) if tokens else (1, 2)) or event.size == 0:
            expected = "an int token or (n_series,) of them" if tokens else "(n_inputs,) or (n_series, n_inputs)"
            raise ValueError(f"x must be {expected}, got shape {event.shape}")
        first = event.reshape(-1, 1) if tokens else event.reshape(-1, 1, event.shape[-1])
        with self._unchanged_by_mistakes(), renamed(X="x"):
            data = _arrays.inputs(first, np.dtype(self.dtype))
            self._build_without_targets(self._width_of(data), data.shape[0])
            self._event(x)

    def _stream_for_kernels(self, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None) -> Stream:
        """A stream to take gradients on; the model has been built."""
        data = self._inputs(X)
        self._check_not_empty(data)
        Y, labels = self._targets_for_kernel(data, y)
        known = None if mask is None else _arrays.mask(mask, data.batched, data.shape)
        if known is not None and not known.any():
            raise ValueError("mask must be True somewhere: without a loss there is no gradient")
        return data, Y, labels, known

    @abstractmethod
    def _build_without_targets(self, n_inputs: int, n_series: int) -> None:
        """Build from what the constructor was told about the outputs."""

    def _event_of_one(self, x: Any) -> Any:
        return int(x) if _arrays.is_integer(x) and np.ndim(x) == 0 else _arrays.real("x", x, np.dtype(self.dtype))

    def _first_event(self, x: Any) -> NDArray[Any]:
        """One event as a series of one step."""
        one_of("dtype", self.dtype, DTYPES)
        return np.asarray(self._event_of_one(x))[None]

    def _event(self, x: ArrayLike) -> Inputs:
        """One event per series as a batch of one step."""
        n_series = self.n_series_
        if _arrays.is_integer(x) and self._tokens_:
            tokens = np.ascontiguousarray(x, dtype=np.int64).reshape(-1, 1)
            if tokens.shape[0] != n_series:
                raise ValueError(f"x must hold one token per series ({n_series}), got shape {np.shape(x)}")
            return Inputs(None, tokens, n_series > 1)
        dense = _arrays.real("x", x, np.dtype(self.dtype))
        expected = (self.n_inputs_,) if n_series == 1 else (n_series, self.n_inputs_)
        if dense.shape not in (expected, (n_series, self.n_inputs_)):
            raise ValueError(f"x must have shape {expected}, got {dense.shape}")
        return Inputs(dense.reshape(n_series, 1, self.n_inputs_), None, n_series > 1)

    def step(self, x: ArrayLike) -> FloatArray:
        """Take one event in and return the raw output, for a loss of your own: give its derivative to :meth:`feedback`.

        Parameters
        ----------
        x : (n_inputs,) ndarray or int token; (n_series, n_inputs) or (n_series,) for several series

        Returns
        -------
        output : (n_outputs,) ndarray, or (n_series, n_outputs)
            Logits for a classifier.
        """
        if self._learner is None:
            self._begin(x)
        core, data = self._core(), self._event(x)
        outputs = core.step(*(None if a is None else np.ascontiguousarray(a[:, 0]) for a in (data.dense, data.tokens)))
        return outputs[0] if self.n_series_ == 1 else outputs

    def feedback(self, d_output: ArrayLike) -> Self:
        """Learn the last :meth:`step` from the derivative of its loss with respect to its output; a step without feedback has no loss.

        Parameters
        ----------
        d_output : (n_outputs,) ndarray, or (n_series, n_outputs)
        """
        core, gradient = self._core(), _arrays.real("d_output", d_output, np.dtype(self.dtype))
        whole = (self.n_series_, self.n_outputs_)
        if gradient.shape not in (whole, whole[1:] if self.n_series_ == 1 else whole):
            raise ValueError(f"d_output must have shape {whole[1:] if self.n_series_ == 1 else whole}, got {gradient.shape}")
        core.feedback(gradient.reshape(whole))
        return self

    @abstractmethod
    def partial_fit(self, X: ArrayLike, y: ArrayLike, *, mask: ArrayLike | None = None) -> Self:
        """Go on learning the stream with these steps."""

    def fit(self, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None) -> Self:
        """Start afresh and learn ``n_epochs`` passes, each from a zero state; else as :meth:`partial_fit`."""
        positive_int("n_epochs", self.n_epochs)
        with self._unchanged_by_mistakes():
            self._forget()
            for _ in range(self.n_epochs):
                if self._learner is not None:
                    self.reset_state()
                self.partial_fit(X, y, mask=mask)
        return self

    def gradient_bias(self, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None, n_seeds: int = 1) -> GradientBias:
        """Compare the gradient that this model follows with the exact one, on given data and its present weights; it is not changed.

        Parameters
        ----------
        X, y, mask
            As for :meth:`partial_fit`; any number of series, each from the zero state.
        n_seeds : int
            For "uoro" and "kf", which are right in the mean only: draws to take, and to average.

        Returns
        -------
        bias : GradientBias
            ``relative_error`` and ``cosine`` of the whole gradient, and the ``table`` part by part; ``print(bias)`` shows it.

        Notes
        -----
        Both are the gradient of the sum of the losses, weights fixed, asked for every ``update_every`` steps as training would. The model's own is
        computed with its ``gradient`` and ``dtype``; the exact one by real-time recurrent learning in float64.

        Examples
        --------
        >>> import numpy as np, pushforward as pf
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> model = pf.RecurrentRegressor(n_units=5, dtype="float64", gradient="snap1").partial_fit(X, X[:, 0])
        >>> bias = model.gradient_bias(X, X[:, 1])
        >>> 0.5 < bias.cosine < 0.999, 0.01 < bias.relative_error < 1.0
        (True, True)
        """
        core = self._core()
        return gradient_bias(self._settings_, core.parameters(), self._stream_for_kernels(X, y, mask), n_seeds)

    def reset_state(self, series: list[int] | None = None) -> Self:
        """Set state and influence to zero, of all series or of the ones listed; weights and optimiser stay.

        Parameters
        ----------
        series : list of int, optional
        """
        core = self._core()
        if series is not None and not isinstance(series, (list, tuple, range, np.ndarray)):
            raise TypeError(f"series must be a list of ints, got {series!r}")
        numbers = range(self.n_series_) if series is None else [series_index(i, self.n_series_) for i in series]
        for i in numbers:
            core.reset(i)
        return self
