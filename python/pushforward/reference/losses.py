"""Losses of one step, each with its gradient with respect to the output, and the linear readout in front of them."""

from typing import NamedTuple

import numpy as np

from ..cells._checks import FloatArray
from .cells import bounded, bounded_slope

LOSSES = ("squared_error", "cross_entropy")


def squared_error(output: FloatArray, target: FloatArray) -> tuple[float, FloatArray]:
    """½ ‖y − ŷ‖² summed over outputs, and ŷ − y.

    Examples
    --------
    >>> squared_error(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    (2.5, array([1., 2.]))
    """
    error = output - target
    return float(error @ error) / 2, error


def cross_entropy(output: FloatArray, target: int) -> tuple[float, FloatArray]:
    """−log softmax(ŷ)[class], and softmax(ŷ) − one_hot(class). Stable: only differences to the largest logit are exponentiated.

    Examples
    --------
    >>> cross_entropy(np.array([1000.0, 0.0]), 1)
    (1000.0, array([ 1., -1.]))
    """
    shifted = output - np.max(output)
    total = np.sum(np.exp(shifted))
    gradient = np.exp(shifted) / total
    gradient[target] -= 1
    return float(np.log(total) - shifted[target]), gradient


class ReadoutGradient(NamedTuple):
    """Loss of a step and its gradient: state (n_state,), W_out (n_outputs, n_units), b_out (n_outputs,)."""

    loss: float
    state: FloatArray
    W_out: FloatArray
    b_out: FloatArray


def readout_gradient(
    W_out: FloatArray, b_out: FloatArray, state: FloatArray, target: FloatArray | int, loss: str, readout_bound: float | None
) -> ReadoutGradient:
    """Loss of ŷ = λ(W_out) s + λ(b_out), differentiated. λ(w) = c tanh(w / c), c = ``readout_bound``; λ(w) = w without a bound."""
    W, b = bounded(W_out, readout_bound), bounded(b_out, readout_bound)
    output = W @ state + b
    value, error = cross_entropy(output, int(target)) if loss == "cross_entropy" else squared_error(output, np.asarray(target))
    return ReadoutGradient(
        loss=value,
        state=W.T @ error,
        W_out=np.outer(error, state) * bounded_slope(W_out, readout_bound),
        b_out=error * bounded_slope(b_out, readout_bound),
    )
