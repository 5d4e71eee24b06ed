"""Classes."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin

from .. import _arrays
from .._arrays import FloatArray, Inputs
from .._classes import array_of, classes_in, classes_of, codes_of, labels_of
from ..cells import Cell
from ..optim import Optimizer
from ._parameters import PARAMETERS
from ._streaming import StreamingModel

__all__ = ["RecurrentClassifier"]


class RecurrentClassifier(ClassifierMixin, StreamingModel):
    __doc__ = f"""Recurrent network with a softmax read-out for classes, trained online on cross-entropy (nats).
{PARAMETERS}
    classes : int or array-like, optional
        All classes, or their number (then 0 … classes − 1). Needed when the first data do not show them all.

    Attributes
    ----------
    classes_ : (n_classes,) ndarray
    loss_, loss_history_, theta_, W_out_, b_out_, state_, influence_, n_steps_
        As in :class:`RecurrentRegressor`.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> text = np.tile([0, 1, 2, 1], 500)  # tokens; the next one is the class to predict
    >>> model = pf.RecurrentClassifier(n_units=8, n_inputs=3, classes=3, random_state=0)
    >>> model.partial_fit(text[:-1], text[1:]).score(text[:-1], text[1:]) > 0.9
    True
    """

    def __init__(
        self, n_units: int = 50, *, cell: str | Cell = "elman", activation: str | None = None, dt: float | None = None,
        leak_rate: float | None = None, weight_bound: float | None = None, readout_bound: float | None = None,
        connectivity: Any = None, gradient: str = "rtrl", truncation: int | None = None, error_feedback: str | None = None, update_every: int = 1,
        carry_every: int | str = "auto", latency: str = "throughput", optimizer: Optimizer | None = None, init: str | None = None,
        n_inputs: int | None = None, classes: ArrayLike | int | None = None, n_epochs: int = 1, dtype: str = "float32",
        n_threads: int | None = None, random_state: int = 0,
    ) -> None:  # fmt: skip
        self.n_units, self.cell, self.activation, self.dt, self.leak_rate = n_units, cell, activation, dt, leak_rate
        self.weight_bound, self.readout_bound, self.connectivity = weight_bound, readout_bound, connectivity
        self.gradient, self.truncation, self.error_feedback = gradient, truncation, error_feedback
        self.update_every, self.carry_every, self.latency = update_every, carry_every, latency
        self.optimizer, self.init, self.n_inputs, self.classes = optimizer, init, n_inputs, classes
        self.n_epochs, self.dtype, self.n_threads, self.random_state = n_epochs, dtype, n_threads, random_state

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | int | None = None, mask: ArrayLike | None = None) -> Self:
        """Go on learning the stream with these steps.

        Parameters
        ----------
        X : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) ndarray of the model's dtype; or int tokens (n_steps,) or (n_series, n_steps)
        y : (n_steps,) or (n_series, n_steps) ndarray of classes
        classes : int or array-like, optional
            As in the constructor; the first call, without them, takes the classes in ``y``. Later ones may only repeat them.
        mask : (n_steps,) or (n_series, n_steps) ndarray of bool, optional
            False where a step has no target; ``y`` there is not used (but must be a known class).

        Raises
        ------
        DivergenceError
            When a number stopped being finite; the weights are those before that step.
        """
        data = self._inputs(X)
        self._check_series(data)
        Y = _arrays.labels(y, data.batched)
        self._check_steps(data, Y)
        if self._learner is None:
            with self._unchanged_by_mistakes():
                self._build_for(self._width_of(data), data.shape[0], classes, Y)
                self._run(data, None, self._codes(Y), mask)
        else:
            if classes is not None and not np.array_equal(_values(classes), self.classes_):
                raise ValueError(f"classes must be those of the first call ({', '.join(map(str, self.classes_))}), got {classes!r}")
            self._run(data, None, self._codes(Y), mask)
        return self

    def predict_proba(self, X: ArrayLike, state: str = "start") -> FloatArray:
        """Class probabilities for a sequence, (n_steps, n_classes) or (n_series, n_steps, n_classes); the model does not change.

        Parameters
        ----------
        X : as for :meth:`partial_fit`
        state : {"start", "current"}
            From the zero state, or from where the stream stands.
        """
        outputs, batched = self._outputs(X, state)
        probabilities: FloatArray = softmax(outputs, axis=-1)
        return probabilities if batched else probabilities[0]

    def predict(self, X: ArrayLike, state: str = "start") -> NDArray[Any]:
        """Most probable class of each step, (n_steps,) or (n_series, n_steps); arguments as :meth:`predict_proba`."""
        outputs, batched = self._outputs(X, state)
        best: NDArray[Any] = self.classes_[outputs.argmax(axis=-1)]
        return best if batched else best[0]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: NDArray[Any] | None = None) -> float:
        """Accuracy of :meth:`predict` from the zero state, over all steps of all series."""
        data = self._inputs(X)
        truth = _arrays.labels(y, data.batched)
        self._check_steps(data, truth)
        correct = self.predict(X).ravel() == truth.ravel()
        return float(np.average(correct, weights=None if sample_weight is None else np.ravel(sample_weight)))

    def learn_one(self, x: Any, y: Any) -> float:
        """Learn one event of one series; return its loss in nats, taken before.

        Parameters
        ----------
        x : (n_inputs,) ndarray or int token
        y : class
        """
        if self._learner is None:
            self.partial_fit(self._first_event(x), array_of("y", y)[None])
            return self.loss_history_.pop()  # a figure a partial_fit: this was none
        label = y if self._plain_ else self._code_of_one(y)
        try:
            return self._learner.learn_one(x, label)
        except TypeError:  # not an array of our dtype: coerce, or say what is wrong
            return self._learner.learn_one(self._event_of_one(x), self._code_of_one(y))

    def predict_proba_one(self, x: ArrayLike, advance: bool = False) -> FloatArray:
        """Class probabilities (n_classes,) for the next event; the state moves on only with ``advance=True`` (without learning)."""
        probabilities: FloatArray = softmax(self._next_output(x, advance), axis=-1)
        return probabilities

    def predict_one(self, x: ArrayLike, advance: bool = False) -> Any:
        """Most probable class for the next event; ``advance`` as in :meth:`predict_proba_one`."""
        return self.classes_[self._next_output(x, advance).argmax(axis=-1)]

    def _build_for(self, n_inputs: int, n_series: int, classes: ArrayLike | int | None, Y: NDArray[Any] | None) -> None:
        known = classes if classes is not None else self.classes
        if known is None and Y is None:
            raise ValueError("classes must be given (in the constructor) when step() comes before any targets")
        values = _values(known) if known is not None else classes_in(np.asarray(Y))
        self._build(n_inputs, len(values), n_series, "cross_entropy")
        self._set_classes(values)

    def _build_without_targets(self, n_inputs: int, n_series: int) -> None:
        self._build_for(n_inputs, n_series, None, None)

    def _code_of_one(self, y: Any) -> int:
        label = labels_of("y", y)
        if label.ndim != 0:
            raise ValueError(f"y must be one class, got shape {label.shape}")
        return int(self._codes(label[None, None]).item())

    def _targets_for_kernel(self, X: Inputs, y: ArrayLike) -> tuple[None, NDArray[np.int64]]:
        Y = _arrays.labels(y, X.batched)
        self._check_steps(X, Y)
        return None, self._codes(Y)

    def _facts(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist(), "classes_dtype": self.classes_.dtype.str}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        self._set_classes(np.array(facts["classes"], dtype=facts["classes_dtype"]))

    def _set_classes(self, values: NDArray[Any]) -> None:
        self.classes_ = values
        self._plain_ = bool(values.dtype.kind in "iu" and np.array_equal(values, np.arange(len(values))))

    def _codes(self, Y: NDArray[Any]) -> NDArray[np.int64]:
        """Positions in ``classes_``; an unknown class is named with its place."""
        if self._plain_ and Y.dtype.kind in "iu":
            return np.ascontiguousarray(Y, dtype=np.int64)  # their range is checked by the kernel
        return codes_of(Y, self.classes_)


def _values(classes: ArrayLike | int) -> NDArray[Any]:
    """All classes, sorted, from themselves or their number."""
    if isinstance(classes, (int, np.integer)):
        if classes < 2:
            raise ValueError(f"classes must be at least 2, got {classes}")
        return np.arange(classes)
    return classes_of(classes)
