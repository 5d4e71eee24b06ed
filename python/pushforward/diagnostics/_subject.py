"""What a diagnosis looks at: a cell, its weights and one series, in float64."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _arrays
from ..cells import Cell
from ..recurrent._model import RecurrentModel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """A cell with θ (n_params,) and x (n_steps, n_inputs); tokens as one-hot rows."""

    cell: Cell
    theta: Floats
    inputs: Floats


def subject(model: Any, X: ArrayLike, n_steps: int) -> Subject:
    """Take a fitted recurrent estimator or a pair (cell, θ), and the first ``n_steps`` steps of one series, or name what does not fit."""
    if isinstance(model, RecurrentModel):
        cell, theta = model.cell_, model.theta_.astype(np.float64)
    elif isinstance(model, tuple) and len(model) == 2 and isinstance(model[0], Cell):
        cell, theta = model[0], _numbers("theta", model[1])
        if theta.shape != (cell.n_params,):
            raise ValueError(f"theta must have shape ({cell.n_params},) for this cell, got {theta.shape}")
    else:
        raise TypeError(f"model must be a fitted RecurrentRegressor or RecurrentClassifier, or a pair (cell, theta), got {type(model).__name__}")
    return Subject(cell, theta, _inputs(cell, X, n_steps))


def _inputs(cell: Cell, X: ArrayLike, n_steps: int) -> Floats:
    integers = _arrays.is_integer(X)
    array = np.asarray(X) if integers else _numbers("X", X)
    if array.ndim != (1 if integers else 2):
        expected = f"(n_steps, {cell.n_inputs}), or (n_steps,) tokens"
        raise ValueError(f"X must be one series, {expected}, got {array.dtype} of shape {array.shape}")
    if not len(array):
        raise ValueError("X must have at least one step, got none")
    if not integers and array.shape[1] != cell.n_inputs:
        raise ValueError(f"X must have {cell.n_inputs} columns (n_inputs), got {array.shape[1]}")
    array = array[:n_steps]
    if not integers:
        return np.ascontiguousarray(array)
    if array.min() < 0 or array.max() >= cell.n_inputs:
        raise ValueError(f"X must be tokens in 0 … {cell.n_inputs - 1}, got {array.min()} … {array.max()}")
    one_hot: Floats = np.eye(cell.n_inputs)[array]
    return one_hot


def _numbers(name: str, values: ArrayLike) -> Floats:
    given = values.astype(np.float64) if isinstance(values, np.ndarray) and values.dtype.kind in "fiu" else values
    array = cast(Floats, _arrays.real(name, given, np.dtype(np.float64)))
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or Inf")
    return array
