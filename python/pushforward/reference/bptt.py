"""Two other roads to the same gradient: reverse mode over the whole series, and finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Cell
from ..cells._checks import FloatArray
from ._series import Readout, as_series, features, to_state
from .cells import pullback, step
from .losses import readout_gradient


def full_bptt(
    cell: Cell,
    theta: FloatArray,
    readout: Readout,
    inputs: NDArray[Any],
    targets: NDArray[Any],
    loss: str = "squared_error",
    state: FloatArray | None = None,
    mask: NDArray[np.bool_] | None = None,
    readout_bound: float | None = None,
) -> tuple[float, dict[str, FloatArray], FloatArray, None]:
    """Back-propagate through the whole series from ``state``, which is taken as given (it does not depend on θ).

    Parameters and returns are those of :func:`block_gradient`, without an influence: the last value returned is None.

    Notes
    -----
    With λ_t = dL/ds_t the adjoint,

        λ_t = ∂L_t/∂s_t + (∂s_{t+1}/∂s_t)ᵀ λ_{t+1},   dL/dθ = Σ_t (∂s_t/∂θ)ᵀ λ_t.

    Werbos (1990). No Jacobian is formed (each cell's reverse is written down by itself, gate by gate), so that nothing is shared with
    :func:`block_gradient` but the forward step.

    Examples
    --------
    >>> from pushforward.cells import Linear
    >>> cell, theta, readout = Linear(1, 1), np.array([0.5, 1.0, 0.0]), (np.ones((1, 1)), np.zeros(1))
    >>> full_bptt(cell, theta, readout, np.ones((2, 1)), np.zeros((2, 1)))[1]["theta"]
    array([1.5 , 3.25, 3.25])
    """
    series = as_series(cell, theta, readout, inputs, targets, loss=loss, state=state, mask=mask, readout_bound=readout_bound)
    theta, states = series.theta, [series.state]
    for tick, x in enumerate(series.inputs):
        states.append(step(cell, theta, states[-1], x, tick))

    total, adjoint, gradient = 0.0, np.zeros_like(series.state), np.zeros_like(theta)
    W_out, b_out = np.zeros_like(series.W_out), np.zeros_like(series.b_out)
    for t in reversed(range(len(series.inputs))):
        if series.mask[t]:
            seen = features(cell, states[t + 1])
            part = readout_gradient(series.W_out, series.b_out, seen, series.targets[t], loss, readout_bound)
            total, W_out, b_out = total + part.loss, W_out + part.W_out, b_out + part.b_out
            adjoint = adjoint + to_state(cell, part.state)
        adjoint, own, _ = pullback(cell, theta, states[t], series.inputs[t], adjoint, t)
        gradient = gradient + own
    return total, {"theta": gradient, "W_out": W_out, "b_out": b_out}, states[-1], None


def finite_differences(function: Callable[[FloatArray], Any], theta: FloatArray, step: float = 1e-5) -> NDArray[np.float64]:
    """Differentiate by central differences.

    Parameters
    ----------
    function : callable
        Of θ (n_params,); returns a number or an array of any shape.
    theta : (n_params,) ndarray of float64
    step : float
        Near ε^(1/3), where truncation (∝ step²) and round-off (∝ ε / step) meet.

    Returns
    -------
    derivative : (..., n_params) ndarray
        (f(θ + step e_p) − f(θ − step e_p)) / (2 step) for every p.

    Examples
    --------
    >>> finite_differences(lambda w: w @ w, np.array([1.0, -2.0])).round(8)
    array([ 2., -4.])
    """
    theta = np.asarray(theta)
    if theta.dtype != np.float64 or theta.ndim != 1:
        raise TypeError(f"theta must be a vector of float64, got {theta.dtype} of shape {theta.shape}")
    columns = []
    for p in range(theta.size):
        shift = np.zeros_like(theta)
        shift[p] = step
        columns.append((np.asarray(function(theta + shift)) - np.asarray(function(theta - shift))) / (2 * step))
    return np.stack(columns, axis=-1)
