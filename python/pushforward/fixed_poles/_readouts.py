"""The two read-outs of a network with fixed poles, and the poles that learn beside one of them."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._checks import is_number, within
from .._network import from_parts, n_parts, real_of
from .._series import Array
from ..optim import Optimizer, RMSprop
from ..readout._ridge import Ridge


class Owner(Protocol):
    """What is read of the estimator."""

    n_inputs_: int
    n_outputs_: int
    _n_features_: int
    _type_: np.dtype[Any]
    readout: str
    forgetting: float
    ridge: float | None
    include_inputs: bool
    learn_poles: bool
    learn_input_weights: bool
    optimizer: Optimizer | None


class OnlineReadout:
    """Recursive least squares in the extension module: ``core`` is handed to what steps the network."""

    def __init__(self, model: Owner) -> None:
        self._dtype = model._type_
        settings = {"kind": "rls", "n_features": model._n_features_, "n_outputs": model.n_outputs_, "n_parts": n_parts(model._type_)}
        settings |= {"intercept": True, "forgetting": float(model.forgetting), "ridge": ridge_of(model)}
        self.core = (_core.ReadoutF32 if real_of(model._type_) == np.float32 else _core.ReadoutF64)(settings)

    def weights(self) -> tuple[Array, Array]:
        """(W_out, b_out)."""
        W, b = self.core.weights()
        return from_parts(W, self._dtype), from_parts(b, self._dtype)

    def export_state(self) -> dict[str, NDArray[Any]]:
        """Return all that evolves."""
        return dict(self.core.export_state())

    def import_state(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take back what :meth:`export_state` gave."""
        self.core.import_state(arrays)


class RidgeReadout:
    """Ridge regression on everything seen so far; solved when the weights are asked for."""

    def __init__(self, model: Owner) -> None:
        self._shape, self._dtype = (model.n_outputs_, model._n_features_), model._type_
        self._ridge = Ridge(ridge=ridge_of(model))
        self._empty = True

    def partial_fit(self, features: Array, targets: Array) -> None:
        """Take rows (n_steps, n_features) and (n_steps, n_outputs) in."""
        self._ridge.partial_fit(features, targets)
        self._empty = False

    def weights(self) -> tuple[Array, Array]:
        """(W_out, b_out); zeros before the first rows."""
        if self._empty:
            return np.zeros(self._shape, self._dtype), np.zeros(self._shape[0], self._dtype)
        return self._ridge.solve()

    def export_state(self) -> dict[str, NDArray[Any]]:
        """Return what the rows seen so far have come to."""
        return {} if self._empty else self._ridge.export_state()

    def import_state(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take back what :meth:`export_state` gave."""
        self._empty = not arrays
        if arrays:
            self._ridge.import_state(arrays)


def ridge_of(model: Owner) -> float:
    """The ridge given, or what the precision bears: P starts from its inverse, and single precision has 7 digits."""
    if model.ridge is not None:
        return float(model.ridge)
    return 1e-2 if real_of(model._type_) == np.float32 else 1e-6


def make_readout(model: Owner) -> OnlineReadout | RidgeReadout:
    """Build the read-out that the settings speak of."""
    forgetting, ridge = model.forgetting, model.ridge if model.ridge is not None else ridge_of(model)
    for name, value in (("forgetting", forgetting), ("ridge", ridge)):
        if not is_number(value):
            raise TypeError(f"{name} must be a number, got {value!r}")
    if not within(forgetting, 0, 1, "(]"):
        raise ValueError(f"forgetting must be in (0, 1], got {forgetting!r}")
    if model.readout == "ridge":
        if forgetting != 1:
            raise ValueError(f"forgetting must be 1 for readout='ridge', which weighs all steps alike, got {forgetting!r}")
        if model.learn_poles:
            raise ValueError("learn_poles needs readout='rls', which learns at every step as the poles do, got readout='ridge'")
        if not within(ridge, 0):
            raise ValueError(f"ridge must be a non-negative finite number, got {ridge!r}")
        return RidgeReadout(model)
    if not within(ridge, 0, ends="(]"):
        raise ValueError(f"ridge must be positive and finite for readout='rls', whose first P is its inverse, got {ridge!r}")
    return OnlineReadout(model)


def pole_learner(model: Owner, layer: dict[str, Any]) -> Any:
    """Build poles that learn, at the zero state."""
    optimizer = RMSprop(learning_rate=1e-4) if model.optimizer is None else model.optimizer
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an optimiser such as pushforward.Adam(learning_rate=1e-4), got {optimizer!r}")
    settings = {"n_inputs": model.n_inputs_, "n_outputs": model.n_outputs_, "n_parts": n_parts(model._type_)}
    settings |= {"include_inputs": bool(model.include_inputs), "learn_input_weights": bool(model.learn_input_weights)}
    kind = _core.PoleLearnerF32 if real_of(model._type_) == np.float32 else _core.PoleLearnerF64
    return kind(layer, settings, optimizer.config())
