"""A network that hears its own output, and its read-out: how they are built, what can be read from them, and what a file holds."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import number, one_of, seed, true_or_false
from .._estimator import Estimator
from .._network import core_network, echo_state_layer, from_parts, n_parts, real_of
from .._series import DTYPES, Array, numbers
from ..cells import ACTIVATIONS
from ._base import forgetting_and_ridge


class FeedbackNetwork(Estimator):
    """See :class:`FORCE`."""

    # set by the constructor (scikit-learn: as given, checked when used)
    W_rec: Any
    W_feedback: ArrayLike
    W_in: ArrayLike | None
    bias: ArrayLike | None
    leak_rate: float | ArrayLike
    activation: str
    forgetting: float
    ridge: float
    intercept: bool
    noise: float
    dtype: str
    random_state: int

    _evolving = ("_network", "_readout")
    _network: Any  # both of the extension module
    _readout: Any

    # -- building ------------------------------------------------------------------------------------------------------------

    def _layer(self, noise: float) -> dict[str, Any]:
        dtype = np.dtype(self.dtype)
        n = self._n_units_
        W_in = np.zeros((n, 0), dtype) if self.W_in is None else self._matrix("W_in", self.W_in, (n, None))
        bias = None if self.bias is None else self._matrix("bias", self.bias, (n,))
        leak = np.asarray(self.leak_rate)
        if leak.dtype.kind not in "iuf" or leak.shape not in ((), (n,)) or not np.all((leak > 0) & (leak <= 1)):
            raise ValueError(f"leak_rate must be a number in (0, 1], or ({n},) of them, got {self.leak_rate!r}")
        from ..kernels._states import recurrent  # the kernels show the read-outs: not at the top

        W_rec = recurrent("W_rec", self.W_rec, n, dtype)
        return echo_state_layer(W_rec, W_in, bias, dtype, leak, self.activation, self._matrix("W_feedback", self.W_feedback, (n, None)), noise)

    def _matrix(self, name: str, values: Any, shape: tuple[int | None, ...]) -> Array:
        array = numbers(name, values, np.dtype(self.dtype))
        if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
            expected = ", ".join("…" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "")
            raise ValueError(f"{name} must have shape ({expected}), got {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite")
        return array

    def _build(self) -> None:
        one_of("dtype", self.dtype, DTYPES)
        one_of("activation", self.activation, ACTIVATIONS)
        seed("random_state", self.random_state)
        true_or_false("intercept", self.intercept)
        dtype = np.dtype(self.dtype)
        noise = number("noise", self.noise, "a non-negative finite number", 0, float(np.finfo(dtype).max))
        shape = np.shape(self.W_feedback)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"W_feedback must be (n_units, n_outputs), got shape {shape}")
        if getattr(self.W_rec, "shape", np.shape(self.W_rec)) != (shape[0], shape[0]):
            got = getattr(self.W_rec, "shape", np.shape(self.W_rec))
            raise ValueError(f"W_rec must be ({shape[0]}, {shape[0]}) like W_feedback's n_units, got shape {got}")
        self._n_units_, self.n_outputs_, self._type_ = shape[0], shape[1], dtype
        self._layer_ = self._layer(noise)
        self.n_features_in_ = int(self._layer_["W_in"].shape[1])
        settings = {"kind": "rls", "n_features": self._n_units_, "n_outputs": self.n_outputs_, "n_parts": n_parts(dtype)}
        settings |= {"intercept": bool(self.intercept), **forgetting_and_ridge(self.forgetting, self.ridge, dtype)}
        self._readout = (_core.ReadoutF32 if real_of(dtype) == np.float32 else _core.ReadoutF64)(settings)
        self._network = self._fresh_network(self._layer_)
        self._last_ = np.zeros(self.n_outputs_, dtype)
        self._flat_ = False
        self._remember_settings()

    def _fresh_network(self, layer: dict[str, Any]) -> Any:
        return core_network([layer], self.n_features_in_, self.n_outputs_, 1, False, int(self.random_state), self._type_)

    # -- what can be read, and what a file holds -----------------------------------------------------------------------------

    @property
    def W_out_(self) -> Array:
        """Weights (n_outputs, n_units). A copy."""
        self._check_built()
        return from_parts(self._readout.weights()[0], self._type_)

    @property
    def b_out_(self) -> Array:
        """Weights of the constant (n_outputs,). A copy."""
        self._check_built()
        return from_parts(self._readout.weights()[1], self._type_)

    @property
    def P_(self) -> Array:
        """P of the recursion (n, n), the constant last. A copy."""
        self._check_built()
        return from_parts(self._readout.covariance(), self._type_)

    @property
    def state_(self) -> Array:
        """State (n_units,). A copy."""
        self._check_built()
        state: Array = from_parts(self._network.states(), self._type_)[0]
        return state

    def _to_file(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        self._check_built()
        self._check_unchanged()
        arrays = {"state": self._network.states(), "ticks": self._network.ticks(), "last": self._last_}
        return {"flat": self._flat_}, arrays | {f"readout.{name}": a for name, a in self._readout.export_state().items()}

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self._build()
        self._flat_ = bool(facts["flat"])
        self._network.set_states(arrays["state"])
        self._network.set_ticks(arrays["ticks"])
        last = arrays["last"]
        self._last_ = self._matrix("last", last, (self.n_outputs_,))
        self._readout.import_state({name.removeprefix("readout."): a for name, a in arrays.items() if name.startswith("readout.")})

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in dict(super().__getstate__()).items() if name not in self._evolving}
        return state | ({"_file": self._to_file()} if self._is_built() else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        file = state.pop("_file", None)
        super().__setstate__(state)
        if file is not None:
            self._from_file(*file)
