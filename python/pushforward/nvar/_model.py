"""A vector autoregression from the first data to the saved file."""

import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _series
from .._checks import one_of
from .._estimator import Estimator
from .._series import DTYPES, Array, Series
from ..readout._ridge import Ridge
from ._features import Delays


class NVARModel(Estimator):
    """Delays, a read-out, and where the stream stands. See the estimator."""

    # set by the constructor (scikit-learn: as given, checked when used)
    n_delays: int
    stride: int
    order: Any
    intercept: bool
    ridge: Any
    solver: str
    predict_increment: bool
    dtype: str

    _evolving: ClassVar[tuple[str, ...]] = ("_delays", "_readout", "_past")
    _delays: Delays
    _readout: Ridge
    _past: Array  # what the delays still see of the stream: the last span + 1 inputs, or fewer

    # -- building ------------------------------------------------------------------------------------------------------------

    def _type(self) -> np.dtype[Any]:
        one_of("dtype", self.dtype, DTYPES)
        return np.dtype(self.dtype)

    def _build(self, n_inputs: int, n_outputs: int, flat: bool) -> None:
        if self.predict_increment and n_inputs != n_outputs:
            raise ValueError(f"predict_increment needs as many outputs as inputs, got {n_outputs} outputs for {n_inputs} inputs")
        if isinstance(self.ridge, (list, tuple, np.ndarray)):
            raise ValueError(f"ridge must be one number, got {self.ridge!r}")
        self._delays = Delays(n_inputs, self.n_delays, self.stride, self.order)
        self.n_features_ = self._delays.n_features
        self.n_inputs_, self.n_outputs_, self.n_features_in_, self._flat_ = n_inputs, n_outputs, n_inputs, flat
        self._readout = Ridge(self.ridge, solver=self.solver, intercept=self.intercept, dtype=self._type().name)
        self._past = np.empty((0, n_inputs), self._type())
        self._remember_settings()

    def _data(self, X: Any, name: str = "X") -> Series:
        data = _series.series(name, X, self._type())
        if self._is_built():
            self._check_unchanged()
            if data.arrays[0].shape[1] != self.n_inputs_:
                raise ValueError(f"{name} must have {self.n_inputs_} columns (n_inputs), got {data.arrays[0].shape[1]}")
        return data

    # -- learning ------------------------------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike | list[Array], y: Any) -> Self:
        """Start afresh and learn these series; the stream stands at the end of the last.

        Parameters
        ----------
        X : (n_steps, n_inputs) ndarray of the model's dtype, (n_series, n_steps, n_inputs), or list of series of any length
        y : (n_steps,) or (n_steps, n_outputs) ndarray, or a batch or a list of them as X is
            For a forecast the next input: ``fit(x[:-1], x[1:])``.

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; the model is as it was.
        SingularReadoutError
            With the ridge that would cure it.
        """
        with self._unchanged_by_mistakes():
            self._forget()
            self._learn(X, y, restart=True)
            self._readout.solve()
        return self

    def partial_fit(self, X: ArrayLike | list[Array], y: Any) -> Self:
        """Go on learning: one series continues the stream, of several each begins anew. Parameters as for :meth:`fit`."""
        with self._unchanged_by_mistakes():
            self._learn(X, y, restart=False)
        return self

    def _learn(self, X: Any, y: Any, restart: bool) -> None:
        data = self._data(X)
        targets, flat = _series.targets("y", y, data, self._type())
        if not self._is_built():
            self._build(data.arrays[0].shape[1], targets.arrays[0].shape[1], flat)
        if targets.arrays[0].shape[1] != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} columns (n_outputs), got {targets.arrays[0].shape[1]}")
        restart = restart or data.form != "one"
        delays, readout = self._delays, copy.deepcopy(self._readout)  # a mistake half-way leaves nothing behind
        if restart and min(data.lengths) <= delays.span:
            raise ValueError(f"X must have more than (n_delays − 1) stride = {delays.span} steps in every series, got {min(data.lengths)}")
        for x, Y in zip(data.arrays, targets.arrays, strict=True):
            past = self._past[:0] if restart else delays.tail(self._past, delays.span)
            whole = np.concatenate([past, x])
            for first, features in delays.pieces(whole):
                at = first - len(past)
                wanted = Y[at : at + len(features)]
                readout.partial_fit(features, wanted - x[at : at + len(features)] if self.predict_increment else wanted)
            self._past = delays.tail(np.concatenate([self._past[: 0 if restart else None], x]), delays.span + 1)
        self._readout = readout

    def reset_state(self) -> Self:
        """End the stream: a new series begins. What was learnt stays."""
        self._check_built()
        self._past = self._past[:0]
        return self

    @property
    def W_out_(self) -> Array:
        """Weights (n_outputs, n_features): of the linear part, the newest values first, then of the monomials. A copy."""
        self._check_built()
        return self._readout.W_out_

    @property
    def b_out_(self) -> Array:
        """Constant (n_outputs,). A copy."""
        self._check_built()
        return self._readout.b_out_

    # -- what a file holds ---------------------------------------------------------------------------------------------------

    def _to_file(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        self._check_built()
        self._check_unchanged()
        held = self._readout.export_state() if self._readout._is_built() else {}
        facts = {"n_inputs": self.n_inputs_, "n_outputs": self.n_outputs_, "flat": self._flat_, "learnt": bool(held)}
        return facts, {"past": self._past, **{f"readout.{name}": a for name, a in held.items()}}

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self._build(facts["n_inputs"], facts["n_outputs"], bool(facts["flat"]))
        past = arrays["past"]
        if past.dtype != self._type() or past.ndim != 2 or past.shape[1] != self.n_inputs_:
            raise ValueError(f"path: 'past' must be (n_steps, {self.n_inputs_}) of {self._type()}, got shape {past.shape} of {past.dtype}")
        self._past = past
        if facts["learnt"]:
            self._readout.import_state({name: arrays[f"readout.{name}"] for name in ("sizes", "factor")})
            sizes = self._readout.n_features_in_, self._readout.n_outputs_, self._readout._dtype_
            if sizes != (self.n_features_, self.n_outputs_, self._type()):
                raise ValueError("path: 'readout.sizes' do not fit the settings")
