"""Classes, of whole series or of every step."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin

from .._checks import one_of
from .._classes import classes_in, classes_of, codes_of, label_of, labels_of
from .._series import Array, Series
from ._events import EventModel
from ._parameters import PARAMETERS_WITHOUT_FEEDBACK, RESETS
from ._pooling import POOLINGS, pooled

__all__ = ["EchoStateClassifier"]


class EchoStateClassifier(ClassifierMixin, EventModel):
    __doc__ = f"""Echo state network with a linear read-out for classes, one a series or one a step.

    A series is (n_steps, n_inputs), several of one length (n_series, n_steps, n_inputs), several of any length a list. With a label for every series
    its features, averaged over time (``pooling``), are what the read-out sees; with a label for every step those of the step.
{PARAMETERS_WITHOUT_FEEDBACK}
    pooling : {{"mean", "last"}}
        For a label a series: the mean of its features over the steps behind the washout, or those of its last step.
    classes : array-like, optional
        All classes, needed when the first :meth:`partial_fit` does not show them all.

    Attributes
    ----------
    classes_ : ndarray
    W_out_, b_out_, state_, input_scaling_, n_inputs_, n_outputs_ : as of EchoStateRegressor

    Notes
    -----
    The read-out is fitted to 1 for the class and 0 for the others; the largest output is predicted. The reservoir is that of EchoStateRegressor.
{RESETS}
    With a label a series every series begins and ends within its call.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> rng = np.random.default_rng(0)
    >>> labels = np.array(["slow", "fast"] * 20)
    >>> X = [np.sin((0.2 if label == "slow" else 0.4) * np.arange(rng.integers(30, 60)))[:, None] for label in labels]
    >>> model = pf.EchoStateClassifier(n_units=50, ridge=1e-3).fit(X[:30], labels[:30])
    >>> float(model.score(X[30:], labels[30:]))
    1.0
    """

    def __init__(
        self, n_units: Any = 500, *, spectral_radius: Any = 0.9, input_scaling: Any = None, bias_scaling: Any = 0.5, leak_rate: Any = 1.0,
        connectivity: Any = None, topology: Any = "random", activation: Any = "tanh", proximity: Any = None, washout: Any = 0,
        noise: Any = 0.0, readout: Any = "ridge", ridge: float = 1e-2, solver: str = "qr", forgetting: float = 1.0,
        learning_rate: float | None = None, include_inputs: bool = True, intercept: bool = True, intrinsic_plasticity: str | None = None,
        plasticity_rate: float = 1e-3, plasticity_mean: float | None = None, plasticity_deviation: float = 0.3, plasticity_epochs: int = 1,
        pooling: str = "mean", classes: ArrayLike | None = None, dtype: str = "float64", random_state: int = 0,
    ) -> None:  # fmt: skip
        self.n_units, self.spectral_radius, self.input_scaling, self.bias_scaling = n_units, spectral_radius, input_scaling, bias_scaling
        self.leak_rate, self.connectivity, self.topology, self.activation = leak_rate, connectivity, topology, activation
        self.proximity, self.washout, self.noise, self.readout, self.ridge = proximity, washout, noise, readout, ridge
        self.solver, self.forgetting, self.learning_rate, self.include_inputs = solver, forgetting, learning_rate, include_inputs
        self.intercept, self.intrinsic_plasticity, self.plasticity_rate = intercept, intrinsic_plasticity, plasticity_rate
        self.plasticity_mean, self.plasticity_deviation, self.plasticity_epochs = plasticity_mean, plasticity_deviation, plasticity_epochs
        self.pooling, self.classes, self.dtype, self.random_state = pooling, classes, dtype, random_state

    feedback = False  # outputs are scores of classes: they are not fed back
    feedback_scaling = None

    def fit(self, X: Any, y: Any) -> Self:
        """Start afresh and learn these series, each from the zero state.

        Parameters
        ----------
        X : (n_series, n_steps, n_inputs) ndarray of the model's dtype, or list of (n_steps, n_inputs); with a label a step (n_steps, n_inputs) too
        y : (n_series,) labels, one a series; or one a step: (n_steps,), (n_series, n_steps), or a list of (n_steps,)

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; the model is as it was.
        DivergenceError
            When the reservoir leaves the finite numbers, with the step.
        """
        with self._unchanged_by_mistakes():
            self._forget()
            data = self._series(X)
            self._check_washout(data)
            self._learn(data, *self._labels(y, data))
            self._readout.weights()  # solved now: what is singular leaves the model as it was
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Learn more series (a label each), or go on with the series that stand (a label a step). Parameters as for :meth:`fit`."""
        with self._unchanged_by_mistakes():
            data = self._series(X)
            labels, per_step = self._labels(y, data)
            if not per_step:
                self._check_washout(data)
            self._learn(data, labels, per_step)
        return self

    def _labels(self, y: Any, X: Series) -> tuple[list[NDArray[Any]], bool]:
        """Labels, (n_steps,) of every series or (1,) of every series, and whether they are a step's."""
        nested = X.form == "list" and isinstance(y, (list, tuple)) and len(y) > 0 and np.ndim(y[0]) == 1
        whole = labels_of("y", y[0] if nested else y)
        per_step = nested or (X.form != "list" and whole.ndim == 1 + (X.form == "batch"))
        if X.form == "one" and whole.ndim == 0:
            per_step, whole = False, whole[None]
        if not per_step:
            if whole.shape != (len(X.arrays),):
                raise ValueError(f"y must hold a label for each of the {len(X.arrays)} series, or one for every step, got shape {whole.shape}")
            labels = [whole[i : i + 1] for i in range(len(whole))]
        else:
            labels = [labels_of("y", a) for a in y] if nested else [whole] if X.form == "one" else list(whole)
            if [a.shape for a in labels] != [(length,) for length in X.lengths]:
                raise ValueError(f"y must hold a label for every step of X ({X.lengths[:5]}), got {[len(a) for a in labels][:5]}")
        if self._is_built() and per_step != self.per_step_:
            raise ValueError(f"y must hold a label for every {'step' if self.per_step_ else 'series'} like before")
        return labels, per_step

    def _learn(self, X: Series, labels: list[NDArray[Any]], per_step: bool) -> None:
        if not self._is_built():
            one_of("pooling", self.pooling, POOLINGS)
            values = classes_in(np.concatenate(labels)) if self.classes is None else classes_of(self.classes)
            self._build(X, None, len(values))
            self.classes_, self.per_step_ = values, per_step
        Y = Series([self._one_hot(a, i) for i, a in enumerate(labels)], X.form)
        if per_step:
            self._learn_steps(X, Y)
            self._form_ = X.form
        else:
            features = pooled(self._reservoir, X, self._check_washout(X), self.pooling, noisy=True)
            self._readout.learn(features, np.concatenate(Y.arrays))

    def _one_hot(self, labels: NDArray[Any], series: int) -> Array:
        rows: Array = np.eye(len(self.classes_), dtype=self.dtype)[codes_of(labels, self.classes_, series)]
        return rows

    def decision_function(self, X: Any, state: str = "start") -> Any:
        """Outputs of the read-out: (n_series, n_classes), or with a label a step (n_steps, n_classes), or a batch or a list of these as X is."""
        self._check_built()
        data = self._series(X)
        if self.per_step_:
            return data.like(self._outputs(data, self._from(data, state))[0])
        if state != "start":
            raise ValueError(f"state must be 'start' with a label a series, got {state!r}")
        W, b = self._weights
        scores = pooled(self._reservoir, data, self._check_washout(data), self.pooling) @ W.T + b
        return scores[0] if data.form == "one" else scores

    def predict_proba(self, X: Any, state: str = "start") -> Any:
        """Softmax of the outputs, in the shape of :meth:`decision_function`. It sums to 1 and orders classes; it is not calibrated."""
        return _mapped(lambda scores: softmax(scores.real, axis=-1), self.decision_function(X, state))

    def predict(self, X: Any, state: str = "start") -> Any:
        """Most probable class of every series (n_series,), or of every step as the labels were; of a single series a scalar or (n_steps,).

        Parameters
        ----------
        X : as for :meth:`fit`
        state : {"start", "current"}
            With a label a step: from the zero state, or from where the series stand.
        """
        return _mapped(lambda scores: self.classes_[scores.real.argmax(axis=-1)], self.decision_function(X, state))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Fraction of labels predicted right; of steps those behind the washout count."""
        self._check_built()
        data = self._series(X)
        labels, per_step = self._labels(y, data)
        washout = self._check_washout(data)
        found = self.predict(X)
        each = [np.atleast_1d(a) for a in ([found] if data.form == "one" else found)]
        skip = washout if per_step else [0] * len(each)
        right = np.concatenate([(a == b)[w:] for a, b, w in zip(each, labels, skip, strict=True)])
        weights = None
        if sample_weight is not None:
            given = [np.atleast_1d(np.asarray(a, dtype=float)) for a in ([sample_weight] if data.form == "one" else sample_weight)]
            weights = np.concatenate([a[w:] for a, w in zip(given, skip, strict=True)])
        return float(np.average(right, weights=weights))

    def _target_of_one(self, y: Any) -> tuple[Array, bool]:
        if self._is_built() and not self.per_step_:
            raise ValueError("learn_one() needs labels of steps, this model has learnt labels of series")
        if not self._is_built():
            if self.classes is None:
                raise ValueError("classes must be given (in the constructor) when learn_one() comes first")
            self.classes_, self.per_step_ = classes_of(self.classes), True
        return self._one_hot(label_of(y), 0)[0], True

    def _shown_one(self, output: Array) -> Any:
        return self.classes_[int(output.real.argmax())]

    def _facts(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist(), "classes_dtype": self.classes_.dtype.str, "per_step": self.per_step_}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        self.classes_ = np.array(facts["classes"], dtype=facts["classes_dtype"])
        self.per_step_ = bool(facts["per_step"])


def _mapped(function: Any, scores: Any) -> Any:
    return [function(a) for a in scores] if isinstance(scores, list) else function(scores)
