"""The states that a fitted model runs through under an input, whatever the model."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import Inputs
from .._series import series
from ..cells import Cell, Stack
from ..diagonal_rnn._model import DiagonalModel
from ..fixed_poles._model import FixedPoleModel
from ..koopman._model import KoopmanModel
from ..koopman._online import OnlineOperators
from ..optim import SGD
from ..recurrent._streaming import StreamingModel
from ..reference.diagonal_network import smooth

__all__ = ["cell_states", "diagonal_units", "is_model", "is_reservoir", "silent", "states_of"]

Array = NDArray[Any]


def is_model(model: Any) -> bool:
    """Whether this is something that X drives, and not an array."""
    return is_reservoir(model) or hasattr(model, "get_params")


def is_reservoir(model: Any) -> bool:
    """Whether this has a reservoir, or is the arguments of one, or a list of them."""
    listed = isinstance(model, (list, tuple)) and len(model) > 0 and isinstance(model[0], dict)
    return hasattr(model, "_reservoir_layers") or isinstance(model, dict) or listed


def states_of(model: Any, X: Any) -> list[Array]:
    """States (n_steps, n_units) of every series from the zero state; of a Koopman model the lifted states of the steps that have a past."""
    from ..kernels import reservoir_states  # kernels import the estimators' settings: not at the top
    from .echo_state import _layers

    if isinstance(model, StreamingModel):
        model._core()
        data = model._inputs(X)
        model._check_not_empty(data)
        return list(cell_states(model, data))
    if isinstance(model, FixedPoleModel):
        return _as_list(model.states(X))
    if isinstance(model, KoopmanModel):
        model._check_built()
        model._check_unchanged()
        return [np.asarray(model._drawn.features.lift(model._drawn.embedding(H))) for H in _series("X", X, model._type(), model.n_features_in_)]
    if isinstance(model, DiagonalModel):
        return [diagonal_units(model, x)[0] for x in model._inputs(X)[1]]
    if isinstance(model, OnlineOperators):
        model._check_built()
        return [np.asarray(model._lift(H)) for H in _series("X", X, model._type(), model.n_features_in_)]
    if not is_reservoir(model):
        raise TypeError(f"model_or_states must be states, or a model that has some, got {type(model).__name__}")
    layers = _layers(model)
    dtype = np.asarray(layers[0]["W_in"]).dtype
    found = []
    for x in _series("X", X, dtype, np.shape(layers[0]["W_in"])[1]):
        states, heard = [], x
        for layer in layers:
            heard = reservoir_states(**layer, inputs=heard)
            states.append(heard)
        found.append(np.concatenate(states, axis=1))
    return found


def _series(name: str, X: Any, dtype: np.dtype[Any], width: int) -> list[Array]:
    data = series(name, X, dtype)
    if data.arrays[0].shape[1] != width:
        raise ValueError(f"{name} must have {width} columns, got {data.arrays[0].shape[1]}")
    return data.arrays


def _as_list(states: Any) -> list[Array]:
    """One array a series, of what came as one series, a batch or a list."""
    if isinstance(states, list):
        return states
    return [states] if states.ndim == 2 else list(states)


def diagonal_units(model: DiagonalModel, x: Array) -> tuple[Array, Array]:
    """H_t and σ'(a_t), (n_steps, n_units) each, of a diagonal network under one series."""
    w, U = model.w_, model.U_
    states, slopes = np.empty((len(x), len(w)), x.dtype), np.empty((len(x), len(w)), x.dtype)
    H = np.zeros(len(w), x.dtype)
    for t, fed in enumerate(x @ U.T):
        states[t], slopes[t] = smooth(model.activation, w * H + fed)
        H = states[t]
    return states, slopes


def cell_states(model: StreamingModel, X: Inputs) -> Array:
    """States (n_series, n_steps, n_state) of a recurrent model's cell, its noise left out."""
    settings = dataclasses.replace(
        model._settings_, cell=silent(model._settings_.cell), gradient="tbptt", truncation=1, carry_every=None, update_every=1, optimizer=SGD(),
        latency="throughput", feedback=None, n_series=X.shape[0],
    )  # fmt: skip
    core = settings.build()
    core.set_parameters(*model._core().parameters())
    states: Array = core.gather(X.dense, X.tokens, None, None, None)[1]
    return states


def silent(cell: Cell) -> Cell:
    """The same cell without noise."""
    if isinstance(cell, Stack):
        return dataclasses.replace(cell, layers=tuple(map(silent, cell.layers)))
    return dataclasses.replace(cell, noise=0.0) if getattr(cell, "noise", 0.0) else cell  # type: ignore[call-arg]
