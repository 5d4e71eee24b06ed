"""Targets that are classes: of every step, or one a series; complex symbols too."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from .. import _series
from .._classes import classes_in, classes_of, codes_of, label_of, labels_of
from .._network import as_parts
from .._series import Array, Series
from ..optim import Optimizer
from ._model import FixedPoleModel
from ._parameters import PARAMETERS

__all__ = ["FixedPoleClassifier"]


class FixedPoleClassifier(ClassifierMixin, FixedPoleModel):
    __doc__ = f"""Network with fixed poles and a linear read-out, for classes by least squares.

    Classes that are complex numbers (the points of a constellation) are what the read-out says: one output, decided by the nearest point. Of other
    classes it says 1 for the one that is right and 0 for the others, and the largest decides. Classes may come for every step, or one a series:
    then the read-out learns it at every step, and its mean over the steps after the washout decides.
{PARAMETERS}
    classes : array, optional
        All of them, where the first data may not show every one; else those of the first data.

    Attributes
    ----------
    classes_ : (n_classes,) ndarray
    poles_, W_in_, bias_, W_out_, b_out_, state_ : ndarray
        Copies of what there is.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> rng = np.random.default_rng(0)
    >>> symbols = rng.choice([1 + 1j, 1 - 1j, -1 + 1j, -1 - 1j], size=2000)  # QPSK through two taps and noise
    >>> received = symbols + 0.4j * np.roll(symbols, 1) + 0.1 * rng.normal(size=2000)
    >>> model = pf.FixedPoleClassifier(n_units=8, dtype="complex128").fit(received[:1000, None], symbols[:1000])
    >>> model.score(received[1000:, None], symbols[1000:]) > 0.98
    True
    """

    def __init__(
        self, poles: str | ArrayLike = "ring", n_units: int = 32, *, radius: Any = 0.9, input_scaling: float = 1.0, bias_scaling: float = 0.0,
        activation: str = "identity", readout: str = "rls", forgetting: float = 1.0, ridge: float | None = None, include_inputs: bool = True,
        washout: int = 0, allow_unstable: bool = False, learn_poles: bool = False, learn_input_weights: bool = False,
        optimizer: Optimizer | None = None, classes: ArrayLike | None = None, dtype: str = "float64", random_state: int = 0,
    ) -> None:  # fmt: skip
        self.poles, self.n_units, self.radius, self.input_scaling, self.bias_scaling = poles, n_units, radius, input_scaling, bias_scaling
        self.activation, self.readout, self.forgetting, self.ridge = activation, readout, forgetting, ridge
        self.include_inputs, self.washout, self.allow_unstable = include_inputs, washout, allow_unstable
        self.learn_poles, self.learn_input_weights, self.optimizer = learn_poles, learn_input_weights, optimizer
        self.classes, self.dtype, self.random_state = classes, dtype, random_state

    def _targets(self, y: Any, X: Series) -> list[Array]:
        labels, per_series = _labels(y, X)
        if not self._is_built():
            self._set_classes(classes_in(np.concatenate(labels)) if self.classes is None else classes_of(self.classes))
            self._per_series_ = per_series
        elif per_series != self._per_series_:
            raise ValueError(f"y must be {'one class a series' if self._per_series_ else 'a class for every step'}, as before, got the other")
        codes = [self._points_[codes_of(each, self.classes_, i)] for i, each in enumerate(labels)]
        return [np.repeat(code, n, axis=0) for code, n in zip(codes, X.lengths, strict=True)] if per_series else codes

    def _set_classes(self, classes: NDArray[Any]) -> None:
        dtype = self._dtype()
        if classes.dtype.kind == "c" and dtype.kind != "c":
            raise TypeError(f"y must be real like the model ({dtype}), got complex classes; give the model dtype='complex128'")
        self.classes_ = classes
        self._points_ = classes[:, None].astype(dtype) if classes.dtype.kind == "c" else np.eye(len(classes), dtype=dtype)

    def _facts(self) -> dict[str, Any]:
        points = self.classes_.dtype.kind == "c"
        listed = [[c.real, c.imag] for c in self.classes_.tolist()] if points else self.classes_.tolist()
        return {"classes": listed, "classes_dtype": self.classes_.dtype.str, "per_series": self._per_series_}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        kind = np.dtype(facts["classes_dtype"])
        self._set_classes(np.array([complex(*c) for c in facts["classes"]] if kind.kind == "c" else facts["classes"], kind))
        self._per_series_ = bool(facts["per_series"])

    def decision_function(self, X: ArrayLike | list[Array], state: str = "start") -> Any:
        """What decides: the read-out's outputs, of complex symbols the negative squared distance to each; the model does not change.

        Parameters
        ----------
        X : as for :meth:`fit`
        state : {"start", "current"}
            From the zero state, or from where the stream stands.

        Returns
        -------
        decision : (n_steps, n_classes) ndarray, with (n_series, …) in front for a batch, a list for a list; one a series: (n_series, n_classes)
        """
        data, outputs = self._outputs(X, state)
        if not self._per_series_:
            return data.like([self._decision(y) for y in outputs])
        self._check_washout(data)
        return np.stack([self._decision(y[self.washout :].mean(axis=0)) for y in outputs])

    def _decision(self, outputs: Array) -> Array:
        if self.classes_.dtype.kind == "c":
            return np.asarray(-(np.abs(outputs - self._points_[:, 0]) ** 2))
        return outputs.real

    def predict(self, X: ArrayLike | list[Array], state: str = "start") -> Any:
        """Class of each step, (n_steps,) or (n_series, n_steps), or one a series (n_series,); arguments as :meth:`decision_function`."""
        decision = self.decision_function(X, state)
        if isinstance(decision, list):
            return [self.classes_[d.argmax(axis=-1)] for d in decision]
        return self.classes_[decision.argmax(axis=-1)]

    def score(self, X: ArrayLike | list[Array], y: Any, sample_weight: None = None) -> float:
        """Share of classes that :meth:`predict` gets right from the zero state, over the steps after the washout, or over series."""
        data = self._data(X, "start")
        labels, per_series = _labels(y, data)
        if per_series != self._per_series_:
            raise ValueError(f"y must be {'one class a series' if self._per_series_ else 'a class for every step'}, as in fit, got the other")
        found = self.predict(X)
        if per_series:
            return float(np.mean(np.concatenate(labels) == found))
        self._check_washout(data)
        found = [found] if data.form == "one" else list(found)
        return float(np.mean(np.concatenate([(a == b)[self.washout :] for a, b in zip(labels, found, strict=True)])))

    def learn_one(self, x: Any, y: Any) -> Any:
        """Learn one event of the stream; return the class the model took it for before it was told.

        Parameters
        ----------
        x : (n_inputs,) ndarray
        y : class
        """
        if not self._is_built():
            if self.classes is None:
                raise ValueError("classes must be given (in the constructor) when learn_one comes first")
            with self._unchanged_by_mistakes():
                self._set_classes(classes_of(self.classes))
                self._per_series_ = False
                self._build(_series.numbers("x", x, self._dtype()).size, self._points_.shape[1])
                return self._one(x, y)
        return self._one(x, y)

    def _one(self, x: Any, y: Any) -> Any:
        target = self._points_[codes_of(label_of(y, points=True), self.classes_)[0]]
        return self.classes_[self._decision(self._learn_event(x, as_parts(target, self._type_))).argmax()]

    def predict_one(self, x: ArrayLike, advance: bool = False) -> Any:
        """Class of the next event; the state moves on only with ``advance=True`` (without learning)."""
        return self.classes_[self._decision(self._next_output(x, advance)).argmax()]


def _labels(y: Any, X: Series) -> tuple[list[NDArray[Any]], bool]:
    """Classes of every series, and whether there is one a series."""
    if X.form == "list" and _series.is_list_of_series(y, 1):
        labels = [labels_of("y", each, points=True) for each in y]
    else:
        whole = labels_of("y", y, points=True)
        if X.form != "one" and whole.ndim == 1 and len(whole) == len(X.arrays):
            return list(whole[:, None]), True
        labels = [whole] if X.form == "one" else list(whole)
    if any(each.ndim != 1 for each in labels) or [len(each) for each in labels] != X.lengths:
        shapes = [each.shape for each in labels[:3]]
        raise ValueError(f"y must hold a class for every step of X, or one for each of several series, got shapes {shapes}")
    return labels, False
