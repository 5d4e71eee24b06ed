"""Real targets."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from .. import _arrays
from .._arrays import FloatArray, Inputs
from .._checks import positive_int
from ..cells import Cell
from ..optim import Optimizer
from ._parameters import PARAMETERS
from ._streaming import StreamingModel

__all__ = ["RecurrentRegressor"]


class RecurrentRegressor(RegressorMixin, StreamingModel):
    __doc__ = f"""Recurrent network with a linear read-out for real targets, trained online on ½‖y − ŷ‖².
{PARAMETERS}
    loss : {{"squared_error"}}
        Any other loss: :meth:`step` and :meth:`feedback`.
    n_outputs : int, optional
        Needed only when :meth:`step` comes before any targets.

    Attributes
    ----------
    loss_ : float
        Mean loss of the last partial_fit, each step's taken before it was learnt.
    loss_history_ : list of float
        One figure a partial_fit.
    theta_, W_out_, b_out_, state_, influence_ : ndarray
        Copies of what evolves.
    n_steps_ : int
        Steps taken in so far.

    Notes
    -----
    State, influence and optimiser persist from call to call until :meth:`reset_state`: a stream is ``partial_fit`` in time order.
    Williams and Zipser (1989); arXiv 2501.08040, (2.24)-(2.26).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).normal(size=(2000, 1)).astype("float32")
    >>> y = np.concatenate([[0, 0], X[:-2, 0]]).astype("float32")  # what came in two steps ago
    >>> model = pf.RecurrentRegressor(n_units=8, random_state=0).partial_fit(X, y)
    >>> model.partial_fit(X, y).loss_history_[1] < model.loss_history_[0]
    True
    """

    def __init__(
        self, n_units: int = 50, *, cell: str | Cell = "elman", activation: str | None = None, dt: float | None = None,
        leak_rate: float | None = None, weight_bound: float | None = None, readout_bound: float | None = None,
        connectivity: Any = None, gradient: str = "rtrl", truncation: int | None = None, error_feedback: str | None = None, update_every: int = 1,
        carry_every: int | str = "auto", latency: str = "throughput", optimizer: Optimizer | None = None, init: str | None = None,
        loss: str = "squared_error", n_inputs: int | None = None, n_outputs: int | None = None, n_epochs: int = 1, dtype: str = "float32",
        n_threads: int | None = None, random_state: int = 0,
    ) -> None:  # fmt: skip
        self.n_units, self.cell, self.activation, self.dt, self.leak_rate = n_units, cell, activation, dt, leak_rate
        self.weight_bound, self.readout_bound, self.connectivity = weight_bound, readout_bound, connectivity
        self.gradient, self.truncation, self.error_feedback = gradient, truncation, error_feedback
        self.update_every, self.carry_every, self.latency = update_every, carry_every, latency
        self.optimizer, self.init, self.loss, self.n_inputs, self.n_outputs = optimizer, init, loss, n_inputs, n_outputs
        self.n_epochs, self.dtype, self.n_threads, self.random_state = n_epochs, dtype, n_threads, random_state

    def partial_fit(self, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None) -> Self:
        """Go on learning the stream with these steps.

        Parameters
        ----------
        X : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) ndarray of the model's dtype; or int tokens (n_steps,) or (n_series, n_steps)
        y : (n_steps,) or (n_steps, n_outputs) ndarray, with (n_series, …) in front for a batch
        mask : (n_steps,) or (n_series, n_steps) ndarray of bool, optional
            False where a step has no target; it is then not learnt from, and ``y`` there is not used (but must be finite).

        Raises
        ------
        DivergenceError
            When a number stopped being finite; the weights are those before that step.
        """
        self._check_loss()
        data = self._inputs(X)
        self._check_series(data)
        Y, flat = _arrays.targets(y, np.dtype(self.dtype), data.batched)
        self._check_steps(data, Y)
        expected = self.n_outputs if self._learner is None else self.n_outputs_
        if expected is not None and expected != Y.shape[2]:
            raise ValueError(f"y must have {expected} columns (n_outputs), got {Y.shape[2]}")
        if self._learner is None:
            with self._unchanged_by_mistakes():
                self._build(self._width_of(data), Y.shape[2], data.shape[0], self.loss)
                self._flat_ = flat
                self._run(data, Y, None, mask)
        else:
            self._run(data, Y, None, mask)
        self._flat_ = flat
        return self

    def _check_loss(self) -> None:
        if self.loss != "squared_error":
            hint = "classes are for RecurrentClassifier, any other loss goes through step() and feedback()"
            raise ValueError(f"loss must be squared_error, got {self.loss!r}; {hint}")

    def _build_without_targets(self, n_inputs: int, n_series: int) -> None:
        self._check_loss()
        if self.n_outputs is None:
            raise ValueError("n_outputs must be given (in the constructor) when step() comes before any targets, got None")
        positive_int("n_outputs", self.n_outputs)
        self._build(n_inputs, self.n_outputs, n_series, self.loss)
        self._flat_ = False

    def _targets_for_kernel(self, X: Inputs, y: ArrayLike) -> tuple[FloatArray, None]:
        Y = _arrays.targets(y, np.dtype(self.dtype), X.batched)[0]
        self._check_steps(X, Y)
        return Y, None

    def _facts(self) -> dict[str, Any]:
        return {"flat": self._flat_}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        self._flat_ = bool(facts["flat"])

    def predict(self, X: ArrayLike, state: str = "start") -> FloatArray:
        """Outputs for a sequence; the model does not change.

        Parameters
        ----------
        X : as for :meth:`partial_fit`
        state : {"start", "current"}
            From the zero state, or from where the stream stands.

        Returns
        -------
        y : ndarray, (n_steps,) or (n_steps, n_outputs) as the targets were, with (n_series, …) in front for a batch
        """
        outputs, batched = self._outputs(X, state)
        outputs = outputs[..., 0] if self._flat_ else outputs
        return outputs if batched else outputs[0]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: NDArray[Any] | None = None) -> float:
        """R² of :meth:`predict` from the zero state, over all steps of all series, averaged over outputs.

        Parameters
        ----------
        X, y
            As for :meth:`partial_fit`.
        sample_weight : (n_steps,) or (n_series, n_steps) ndarray, optional
        """
        data = self._inputs(X)
        targets, _ = _arrays.targets(y, np.dtype(self.dtype), data.batched)
        self._check_steps(data, targets)
        outputs, _ = self._outputs(X, "start")
        weights = None if sample_weight is None else np.ravel(sample_weight)
        return float(r2_score(targets.reshape(-1, self.n_outputs_), outputs.reshape(-1, self.n_outputs_), sample_weight=weights))

    def learn_one(self, x: Any, y: Any) -> float:
        """Learn one event of one series; return its loss, taken before.

        Parameters
        ----------
        x : (n_inputs,) ndarray or int token
        y : float or (n_outputs,) ndarray
        """
        if self._learner is None:
            first = self._first_event(x)
            self.partial_fit(first, _arrays.real("y", y, np.dtype(self.dtype)).reshape(1, *np.shape(y)))
            return self.loss_history_.pop()  # a figure a partial_fit: this was none
        try:
            loss = self._learner.learn_one(x, y)
        except TypeError:  # not an array of our dtype: coerce, or say what is wrong
            loss = self._learner.learn_one(self._event_of_one(x), _arrays.real("y", y, np.dtype(self.dtype)))
        return loss

    def predict_one(self, x: ArrayLike, advance: bool = False) -> Any:
        """Output for the next event; the state moves on only with ``advance=True`` (without learning).

        Returns
        -------
        y : float or (n_outputs,) ndarray, as the targets were; (n_series,) or (n_series, n_outputs) for several series
        """
        output = self._next_output(x, advance)
        if not self._flat_:
            return output
        return output[..., 0] if output.ndim > 1 else float(output[0])
