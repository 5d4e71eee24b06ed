"""Read-outs as an echo state model uses them: one that is solved in closed form, those that learn event by event."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core, io
from .._checks import fraction, non_negative, one_of
from .._estimator import Estimator
from .._network import as_parts, from_parts, n_parts, real_of
from .._series import Array
from ..readout._base import OnlineReadout
from ..readout._online import LMS, NLMS, RLS
from ..readout._ridge import Ridge

RIDGE = 1e-8  # of least squares in closed form, unless given
ONLINE = ("rls", "nlms", "lms")
NAMES = ("ridge", *ONLINE)


class Readout:
    """A read-out with its sizes; one of ``ridge`` and ``core`` is there."""

    def __init__(self, name: str, dtype: np.dtype[Any], n_features: int, n_outputs: int, settings: dict[str, Any]) -> None:
        self.name, self.dtype, self.n_features, self.n_outputs, self.settings = name, dtype, n_features, n_outputs, settings
        self.is_online = name in ONLINE
        self.ridge: Ridge | None = None if self.is_online else Ridge(**settings)
        self.core: Any = self._make_core() if self.is_online else None

    def _make_core(self) -> Any:
        sizes = {"kind": self.name, "n_features": self.n_features, "n_outputs": self.n_outputs, "n_parts": n_parts(self.dtype)}
        kind = _core.ReadoutF32 if real_of(self.dtype) == np.float32 else _core.ReadoutF64
        return kind(sizes | self.settings)

    def learn(self, features: Array, targets: Array) -> None:
        """Take rows (n_steps, n_features) and (n_steps, n_outputs) in."""
        if self.ridge is not None:
            self.ridge.partial_fit(features, targets)
        else:
            self.core.run(as_parts(features, self.dtype), as_parts(targets, self.dtype))

    def weights(self) -> tuple[Array, Array]:
        """W_out (n_outputs, n_features) and b_out (n_outputs,)."""
        if self.ridge is None:
            W, b = self.core.weights()
            return from_parts(W, self.dtype), from_parts(b, self.dtype)
        if not self.ridge._is_built():
            raise ValueError("nothing has been learnt yet: no step came behind the washout")
        return self.ridge.solve()

    def copy(self) -> "Readout":
        """Return a read-out that goes on from here by itself."""
        return copy.deepcopy(self)

    def export_state(self) -> dict[str, NDArray[Any]]:
        """Return all that evolves; nothing of a closed form that has seen no rows."""
        if self.ridge is not None:
            return self.ridge.export_state() if self.ridge._is_built() else {}
        return dict(self.core.export_state())

    def import_state(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on where the read-out stood that gave these arrays."""
        if self.ridge is None:
            self.core.import_state(arrays)
        elif arrays:
            self.ridge.import_state(io.Arrays(arrays))
            if (self.ridge.n_features_in_, self.ridge.n_outputs_, self.ridge._dtype_) != (self.n_features, self.n_outputs, self.dtype):
                raise ValueError("path: 'readout.sizes' do not fit the reservoir")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "core": None if self.core is None else self.export_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays = state.pop("core")
        self.__dict__.update(state)
        self.core = None
        if arrays is not None:
            self.core = self._make_core()
            self.core.import_state(arrays)


def make_readout(model: Any, dtype: np.dtype[Any], n_features: int, n_outputs: int) -> Readout:
    """Build the read-out that the settings speak of: one by name, or one like that given."""
    given = model.readout
    if not isinstance(given, str):
        return _like(given, dtype, n_features, n_outputs)
    one_of("readout", given, NAMES)
    _check(model)
    intercept = {"intercept": bool(model.intercept)}
    if given == "ridge":
        ridge = RIDGE if model.ridge is None else float(model.ridge)
        return Readout(given, dtype, n_features, n_outputs, intercept | {"ridge": ridge, "solver": model.solver})
    if given == "rls":
        return _like(RLS(forgetting=model.forgetting, ridge=model.ridge, dtype=dtype.name, **intercept), dtype, n_features, n_outputs)
    rate = {} if model.learning_rate is None else {"learning_rate": model.learning_rate}
    return _like((LMS if given == "lms" else NLMS)(dtype=dtype.name, **rate, **intercept), dtype, n_features, n_outputs)


def _like(given: Any, dtype: np.dtype[Any], n_features: int, n_outputs: int) -> Readout:
    """A read-out with the settings of another, which stays as it is."""
    name = type(given).__name__.lower()
    if not isinstance(given, Estimator) or name not in NAMES:
        raise TypeError(f"readout must be one of {', '.join(NAMES)}, or a Ridge, RLS, NLMS or LMS of pushforward.kernels, got {given!r}")
    settings = given.get_params(deep=False)
    if settings["dtype"] not in (None, dtype.name):
        raise ValueError(f"readout must have dtype={dtype.name!r} like the model, got {settings['dtype']!r}")
    if isinstance(given, OnlineReadout):
        settings = given._settings() | {"intercept": settings["intercept"]}  # checked
    elif isinstance(settings["ridge"], (list, tuple, np.ndarray)):
        raise ValueError(f"readout must have one ridge value, got {settings['ridge']!r}")
    return Readout(name, dtype, n_features, n_outputs, settings)


def _check(model: Any) -> None:
    """Refuse numbers that no read-out can take."""
    if model.ridge is not None:
        non_negative("ridge", model.ridge)
    fraction("forgetting", model.forgetting)
    one_of("solver", model.solver, ("qr", "gram"))
