"""The arguments of the oracle, checked once: shapes, one dtype, finite numbers, tokens made one-hot."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell
from ..cells._checks import FloatArray
from .losses import LOSSES

Readout = tuple[FloatArray, FloatArray]


@dataclass
class Series:
    """What a block is computed from: x (n_steps, n_inputs), targets, mask (n_steps,), state (n_state,), and the weights."""

    theta: FloatArray
    W_out: FloatArray
    b_out: FloatArray
    inputs: FloatArray
    targets: NDArray[Any]
    mask: NDArray[np.bool_]
    state: FloatArray


def features(cell: Cell, state: FloatArray) -> FloatArray:
    """What the read-out sees of a state: (n_features,)."""
    return state[cell.first_feature :][: cell.n_features]


def to_state(cell: Cell, adjoint: FloatArray) -> FloatArray:
    """The derivative with respect to the state (n_state,), from that with respect to what the read-out sees."""
    whole = np.zeros(cell.n_state, adjoint.dtype)
    whole[cell.first_feature :][: cell.n_features] = adjoint
    return whole


def floats(name: str, values: Any, shape: tuple[int, ...], dtype: Any) -> FloatArray:
    """Return a finite copy of the given shape and dtype."""
    array = np.array(values)
    if array.dtype != dtype:
        raise TypeError(f"{name} must be {dtype}, the dtype of theta, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got NaN or Inf")
    return array


def as_theta(cell: Cell, theta: Any) -> FloatArray:
    """Return a copy of θ (n_params,), float32 or float64."""
    array = np.asarray(theta)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"theta must be float32 or float64, got {array.dtype}")
    return floats("theta", array, (cell.n_params,), array.dtype)


def as_carried(name: str, values: Any, shape: tuple[int, ...], dtype: Any) -> FloatArray:
    """Return a copy of what a former block left, or zeros."""
    return np.zeros(shape, dtype) if values is None else floats(name, values, shape, dtype)


def as_inputs(cell: Cell, inputs: Any, dtype: Any) -> FloatArray:
    """Return x (n_steps, n_inputs); integer tokens (n_steps,) become one-hot rows."""
    array = np.asarray(inputs)
    tokens = np.issubdtype(array.dtype, np.integer)
    if array.ndim != (1 if tokens else 2):
        raise ValueError(f"inputs must be floats (n_steps, {cell.n_inputs}) or tokens (n_steps,), got {array.dtype} {array.shape}")
    if len(array) == 0:
        raise ValueError("inputs must have at least one step, got none")
    if not tokens:
        return floats("inputs", array, (len(array), cell.n_inputs), dtype)
    if array.min() < 0 or array.max() >= cell.n_inputs:
        raise ValueError(f"inputs must be tokens in 0 … {cell.n_inputs - 1}, got {array.min()} … {array.max()}")
    one_hot: FloatArray = np.eye(cell.n_inputs, dtype=dtype)[array]
    return one_hot


def as_series(
    cell: Cell, theta: Any, readout: Any, inputs: Any, targets: Any, *, loss: str, state: Any, mask: Any, readout_bound: float | None
) -> Series:
    """Check everything a gradient is computed from. Targets are looked at only where the mask is set."""
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    if readout_bound is not None and not 0 < readout_bound < math.inf:
        raise ValueError(f"readout_bound must be a positive finite number or None, got {readout_bound!r}")
    theta = as_theta(cell, theta)
    W_out, b_out = readout
    b_out = floats("b_out", b_out, (len(b_out),), theta.dtype)
    W_out = floats("W_out", W_out, (len(b_out), cell.n_features), theta.dtype)
    inputs = as_inputs(cell, inputs, theta.dtype)
    n_steps, n_outputs = len(inputs), len(b_out)
    mask = np.ones(n_steps, bool) if mask is None else np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != (n_steps,):
        raise ValueError(f"mask must be bool of shape ({n_steps},), got {mask.dtype} of shape {mask.shape}")
    targets = np.array(targets)
    if loss == "cross_entropy":
        if not np.issubdtype(targets.dtype, np.integer) or targets.shape != (n_steps,):
            raise ValueError(f"targets must be integer classes of shape ({n_steps},), got {targets.dtype} of shape {targets.shape}")
        targets[~mask] = 0
        if targets.min() < 0 or targets.max() >= n_outputs:
            raise ValueError(f"targets must be classes in 0 … {n_outputs - 1}, got {targets.min()} … {targets.max()}")
    else:
        if targets.shape == (n_steps, n_outputs):
            targets[~mask] = 0
        targets = floats("targets", targets, (n_steps, n_outputs), theta.dtype)
    return Series(theta, W_out, b_out, inputs, targets, mask, as_carried("state", state, (cell.n_state,), theta.dtype))
