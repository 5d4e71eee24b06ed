"""What read-outs that learn online share: how data go in and out of the extension module, and what a file holds."""

import contextlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import number, one_of, true_or_false
from .._estimator import Estimator
from .._network import as_parts, from_parts, n_parts, real_of
from .._series import DTYPES, Array, numbers
from ..errors import DivergenceError


class OnlineReadout(Estimator):
    """A linear read-out that learns from one event after the other."""

    # set by the subclasses' constructors (scikit-learn: as given, checked when used)
    intercept: bool
    dtype: str

    _evolving = ("_readout",)
    _kind: ClassVar[str]
    _readout: Any  # of the extension module

    @abstractmethod
    def _settings(self) -> dict[str, float]:
        """Check the numbers of the constructor; return them by the names of the extension."""

    # -- building ------------------------------------------------------------------------------------------------------------

    def _dtype(self) -> np.dtype[Any]:
        one_of("dtype", self.dtype, DTYPES)
        return np.dtype(self.dtype)

    def _build(self, n_features: int, n_outputs: int, flat: bool) -> None:
        dtype = self._dtype()
        true_or_false("intercept", self.intercept)
        if n_features == 0 or n_outputs == 0:
            raise ValueError(f"X and Y must have at least one column, got {n_features} and {n_outputs}")
        core = _core.ReadoutF32 if real_of(dtype) == np.float32 else _core.ReadoutF64
        sizes = {"kind": self._kind, "n_features": n_features, "n_outputs": n_outputs, "n_parts": n_parts(dtype)}
        self._readout = core({**sizes, "intercept": bool(self.intercept), **self._settings()})
        self._type_, self.n_features_in_, self.n_outputs_, self._flat_ = dtype, n_features, n_outputs, flat
        self._remember_settings()

    def _events(self, X: ArrayLike) -> Array:
        """X (n_steps, n_features), as many features as before."""
        rows = numbers("X", X, self._type_ if self._is_built() else self._dtype())
        if rows.ndim != 2 or len(rows) == 0:
            raise ValueError(f"X must be (n_steps, n_features) with at least one step, got shape {rows.shape}")
        if self._is_built() and rows.shape[1] != self.n_features_in_:
            raise ValueError(f"X must have {self.n_features_in_} columns (n_features), got {rows.shape[1]}")
        return rows

    def _targets(self, Y: ArrayLike, n_steps: int) -> tuple[Array, bool]:
        """Y as (n_steps, n_outputs), and whether it came without the axis of the outputs."""
        rows = numbers("Y", Y, self._type_ if self._is_built() else self._dtype())
        flat = rows.ndim == 1
        if rows.ndim not in (1, 2) or len(rows) != n_steps:
            raise ValueError(f"Y must be (n_steps,) or (n_steps, n_outputs) with the {n_steps} steps of X, got shape {rows.shape}")
        rows = rows[:, None] if flat else rows
        if self._is_built() and rows.shape[1] != self.n_outputs_:
            raise ValueError(f"Y must have {self.n_outputs_} columns (n_outputs), got {rows.shape[1]}")
        return rows, flat

    def _learnt(self, learn: Callable[[Array, Array], Array], x: Array, y: Array) -> Array | DivergenceError:
        """Predictions; or the divergence, which is no mistake: what was learnt before it stays."""
        try:
            return from_parts(learn(x, y), self._type_)
        except DivergenceError as error:
            return error

    # -- learning ------------------------------------------------------------------------------------------------------------

    def step(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Predict one event, then learn it.

        Parameters
        ----------
        x : (n_features,) ndarray
        y : (n_outputs,) ndarray, or a number

        Returns
        -------
        prediction : (n_outputs,) ndarray, or () as y is
            What was predicted before the update.

        Raises
        ------
        DivergenceError
            When the weights or P would stop being finite, or P positive definite. Nothing is learnt from this event.
        """
        if type(x) is np.ndarray and type(y) is np.ndarray and x.ndim == y.ndim == 1 and self._is_built():
            self._check_unchanged()
            try:  # the short way: real numbers that fit. What does not is named on the long one
                found: Array = self._readout.step(x, y)
                return found
            except (TypeError, ValueError):
                pass
        dtype = self._type_ if self._is_built() else self._dtype()
        event = x if type(x) is np.ndarray and x.dtype == dtype and x.flags.c_contiguous else numbers("x", x, dtype)
        target = numbers("y", y, dtype) if not np.isscalar(y) else numbers("y", np.asarray(y).tolist(), dtype).reshape(())
        flat = target.ndim == 0
        with contextlib.nullcontext() if self._is_built() else self._unchanged_by_mistakes():  # once built, no attribute changes here
            if event.ndim != 1 or target.ndim > 1:
                raise ValueError(f"x must be (n_features,) and y (n_outputs,) or a number, got shapes {event.shape} and {target.shape}")
            if not self._is_built():
                self._build(len(event), target.size, flat)
            self._check_unchanged()
            if len(event) != self.n_features_in_ or target.size != self.n_outputs_:
                expected = f"({self.n_features_in_},) and ({self.n_outputs_},)"
                raise ValueError(f"x and y must have shapes {expected}, got {event.shape} and {target.shape}")
            prediction = self._learnt(self._readout.step, as_parts(event, dtype), as_parts(target.reshape(-1), dtype))
        if isinstance(prediction, DivergenceError):
            raise prediction
        return prediction[0] if flat else prediction

    def run(self, X: ArrayLike, Y: ArrayLike) -> Array:
        """Predict and learn one event after the other: :meth:`step` in one loop, to the bit.

        Parameters
        ----------
        X : (n_steps, n_features) ndarray
        Y : (n_steps, n_outputs) or (n_steps,) ndarray

        Returns
        -------
        predictions : ndarray like Y
            Each made before its own update.

        Raises
        ------
        DivergenceError
            With the step. The steps before it have been learnt, that one has not.
        """
        with self._unchanged_by_mistakes():
            rows = self._events(X)
            targets, flat = self._targets(Y, len(rows))
            if not self._is_built():
                self._build(rows.shape[1], targets.shape[1], flat)
            self._check_unchanged()
            out = self._learnt(self._readout.run, as_parts(rows, self._type_), as_parts(targets, self._type_))
        if isinstance(out, DivergenceError):
            raise out
        return out[:, 0] if flat else out

    def predict(self, X: ArrayLike) -> Array:
        """Predict without learning.

        Parameters
        ----------
        X : (n_steps, n_features) ndarray

        Returns
        -------
        predictions : (n_steps, n_outputs) ndarray, or (n_steps,) if the first targets were so
        """
        self._check_built()
        out = from_parts(self._readout.predict(as_parts(self._events(X), self._type_)), self._type_)
        return out[:, 0] if self._flat_ else out

    def reset(self) -> Self:
        """Forget everything but the sizes."""
        self._check_built()
        self._readout.reset()
        return self

    # -- what can be read ----------------------------------------------------------------------------------------------------

    @property
    def W_out_(self) -> Array:
        """Weights (n_outputs, n_features). A copy."""
        self._check_built()
        return from_parts(self._readout.weights()[0], self._type_)

    @property
    def b_out_(self) -> Array:
        """Weights of the constant (n_outputs,). A copy."""
        self._check_built()
        return from_parts(self._readout.weights()[1], self._type_)

    def _to_file(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        self._check_built()
        self._check_unchanged()
        return {"n_features": self.n_features_in_, "n_outputs": self.n_outputs_, "flat": self._flat_}, dict(self._readout.export_state())

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self._build(int(facts["n_features"]), int(facts["n_outputs"]), bool(facts["flat"]))
        self._readout.import_state(dict(arrays))

    def __getstate__(self) -> dict[str, Any]:
        if not self._is_built():
            return dict(super().__getstate__())
        return {**super().__getstate__(), "_readout": self._to_file()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        file = state.pop("_readout", None)
        super().__setstate__(state)
        if file is not None:
            self._from_file(*file)


def forgetting_and_ridge(forgetting: Any, ridge: Any, dtype: np.dtype[Any]) -> dict[str, float]:
    """The numbers of recursive least squares."""
    info = np.finfo(dtype)
    return {
        "forgetting": number("forgetting", forgetting, "a number in (0, 1]", float(info.tiny), 1),
        "ridge": number("ridge", ridge, "a positive finite number whose inverse is finite too", float(4 / info.max), float(info.max), "(]"),
    }
