"""A network with fixed poles and its read-out: how they are built, what can be read from them, and what a file holds."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _series
from .._checks import one_of, seed, within
from .._estimator import Estimator
from .._network import as_parts, core_network, from_parts
from .._series import DTYPES, Array
from ..cells import ACTIVATIONS
from ..optim import Optimizer
from ._poles import check_stable, make_poles
from ._readouts import OnlineReadout, RidgeReadout, make_readout, pole_learner


class FixedPoleBase(Estimator):
    """Poles, input weights, state and read-out, from the first data to the saved file."""

    # set by the subclasses' constructors (scikit-learn: as given, checked when used)
    poles: str | ArrayLike
    n_units: int
    radius: Any
    input_scaling: float
    bias_scaling: float
    activation: str
    readout: str
    forgetting: float
    ridge: float | None
    include_inputs: bool
    washout: int
    allow_unstable: bool
    learn_poles: bool
    learn_input_weights: bool
    optimizer: Optimizer | None
    dtype: str
    random_state: int

    _evolving = ("_network", "_readout", "_learner")
    _network: Any  # where the stream stands; None where the poles learn
    _learner: Any  # poles that learn, with their own state; else None
    _readout: OnlineReadout | RidgeReadout

    # -- building ------------------------------------------------------------------------------------------------------------

    def _dtype(self) -> np.dtype[Any]:
        one_of("dtype", self.dtype, DTYPES)
        return np.dtype(self.dtype)

    def _build(self, n_inputs: int, n_outputs: int) -> None:
        dtype = self._dtype()
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("readout", self.readout, ("rls", "ridge"))
        seed("random_state", self.random_state)
        _series.per_series("washout", self.washout, 1)
        for name in ("input_scaling", "bias_scaling"):
            value = getattr(self, name)
            if not within(value, 0):
                raise ValueError(f"{name} must be a non-negative finite number, got {value!r}")
        rng = np.random.default_rng(self.random_state)
        poles = make_poles(self.poles, self.n_units, self.radius, rng, dtype)
        poles = poles.astype(dtype if poles.dtype.kind == dtype.kind else np.result_type(dtype, np.complex64))  # conjugate pairs of a real network
        check_stable(poles, self.allow_unstable)
        W_in = self.input_scaling * _uniform(rng, (len(poles), n_inputs), dtype)
        bias = self.bias_scaling * _uniform(rng, (len(poles),), dtype)
        layer = {"poles": as_parts(poles, poles.dtype), "W_in": as_parts(W_in, dtype), "bias": as_parts(bias, dtype)}
        self._assemble({"kind": "fixed_poles", "n_units": len(poles), "activation": self.activation, **layer}, n_inputs, n_outputs)

    def _assemble(self, layer: dict[str, Any], n_inputs: int, n_outputs: int) -> None:
        self._layer_, self.n_inputs_, self.n_outputs_ = layer, n_inputs, n_outputs
        self.n_features_in_ = n_inputs
        self._type_ = np.dtype(self.dtype)
        self._seen_ = 0  # steps since the state was zero
        self._n_features_ = int(layer["n_units"]) + (n_inputs if self.include_inputs else 0)
        self._readout = make_readout(self)
        if self.learn_poles:
            self._network, self._learner = None, pole_learner(self, layer)
        else:
            self._network, self._learner = self._fresh_network(), None
        self._remember_settings()

    def _fresh_network(self) -> Any:
        """A network of one series at the zero state."""
        layer = self._layer_ | (self._weights() if self.learn_poles else {})
        return core_network([layer], self.n_inputs_, 0, 1, bool(self.include_inputs), 0, self._type_)

    # -- what can be read ----------------------------------------------------------------------------------------------------

    def _weights(self) -> dict[str, Array]:
        """Poles and input weights as they stand, as the extension takes them."""
        self._check_built()
        if self._learner is None:
            return {name: self._layer_[name] for name in ("poles", "W_in")}
        weights = self._learner.weights()
        learnt = {"poles": weights[0].copy(), "W_in": self._layer_["W_in"]}
        if self.learn_input_weights:
            learnt["W_in"] = np.ascontiguousarray(weights[1:].transpose(1, 0, 2))
        return learnt

    @property
    def n_units_(self) -> int:
        """Number of units: of poles."""
        self._check_built()
        return int(self._layer_["n_units"])

    @property
    def poles_(self) -> Array:
        """Poles (n_units,), as they stand where they learn. Complex in a real network: conjugates side by side, the real ones last. A copy."""
        poles = self._weights()["poles"]
        pairs = self._type_.kind == "f" and poles.shape[-1] == 2
        return from_parts(poles, np.result_type(self._type_, np.complex64) if pairs else self._type_).copy()

    @property
    def W_in_(self) -> Array:
        """Input weights (n_units, n_inputs). A copy."""
        return from_parts(self._weights()["W_in"], self._type_).copy()

    @property
    def bias_(self) -> Array:
        """Bias of the units (n_units,). A copy."""
        self._check_built()
        return from_parts(self._layer_["bias"], self._type_).copy()

    @property
    def W_out_(self) -> Array:
        """Read-out weights (n_outputs, n_features): of the states, then of the inputs with ``include_inputs``. A copy."""
        self._check_built()
        return self._readout.weights()[0]

    @property
    def b_out_(self) -> Array:
        """Read-out bias (n_outputs,). A copy."""
        self._check_built()
        return self._readout.weights()[1]

    @property
    def state_(self) -> Array:
        """Current state (n_units,) of the stream. A copy."""
        self._check_built()
        states = self._network.states()[0] if self._learner is None else self._learner.state()
        return from_parts(states, self._type_).copy()

    # -- what a file holds ---------------------------------------------------------------------------------------------------

    def _facts(self) -> dict[str, Any]:
        """What else the file of this estimator must hold."""
        return {}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        """The counterpart of _facts."""

    def _to_file(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        self._check_built()
        self._check_unchanged()
        facts = {"n_inputs": self.n_inputs_, "n_outputs": self.n_outputs_, "n_units": self.n_units_, "seen": self._seen_, **self._facts()}
        arrays = {f"layer.{name}": self._layer_[name] for name in ("poles", "W_in", "bias")}
        arrays |= {f"readout.{name}": a for name, a in self._readout.export_state().items()}
        if self._learner is None:
            arrays["state"] = self._network.states()
        else:
            arrays |= {f"learner.{name}": a for name, a in self._learner.export_state().items()}
        return facts, arrays

    def _from_file(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        layer = {name: arrays[f"layer.{name}"] for name in ("poles", "W_in", "bias")}
        self._assemble(
            {"kind": "fixed_poles", "n_units": facts["n_units"], "activation": self.activation, **layer}, facts["n_inputs"], facts["n_outputs"]
        )
        self._readout.import_state(_below("readout.", arrays))
        if self._learner is None:
            self._network.set_states(arrays["state"])
        else:
            self._learner.import_state(_below("learner.", arrays))
        self._seen_ = int(facts["seen"])
        self._take_facts(facts)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in dict(super().__getstate__()).items() if name not in self._evolving}
        if self._is_built():
            state["_file"] = self._to_file()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        file = state.pop("_file", None)
        super().__setstate__(state)
        if file is not None:
            self._from_file(*file)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Numbers of variance 1/3: uniform in (−1, 1); complex, real and imaginary part in (−1, 1) / √2."""
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    return np.asarray((rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)) / np.sqrt(2)).astype(dtype)


def _below(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
