"""What the network would say if it were linear in its weights: its derivative at one place, in one direction, without any Jacobian."""

import math

import numpy as np

from ..errors import DivergenceError
from ..reference.diagonal_network import smooth
from ._start import Array

PANEL = 1 << 15  # numbers of a panel of units: what it works on stays in the cache


def linear_output(X: Array, w: Array, U: Array, c: Array, dw: Array, dU: Array, activation: str) -> Array:
    """Return ⟨∇F_t(w, U), (δw, δU)⟩ for every series and step.

    Parameters
    ----------
    X : (n_series, n_steps, n_inputs) ndarray
    w, dw : (n_units,) ndarray
    U, dU : (n_units, n_inputs) ndarray
    c : (n_units,) ndarray
    activation : str

    Returns
    -------
    (n_series, n_steps) ndarray

    Raises
    ------
    DivergenceError
        With the step and the series in which it stops being finite.

    Notes
    -----
    a_t = w ∘ H_{t−1} + U X_t,   H_t = σ(a_t),   δH_t = σ'(a_t) ∘ (δw ∘ H_{t−1} + w ∘ δH_{t−1} + δU X_t),   δF_t = (1/√m) Σ_i c_i δH_t^i
    """
    n_series, n_steps, _ = X.shape
    outputs = np.zeros((n_series, n_steps), X.dtype)
    n_panel = max(1, PANEL // n_series)
    read = c / X.dtype.type(math.sqrt(len(w)))
    for first in range(0, len(w), n_panel):
        own = slice(first, first + n_panel)
        H = np.zeros((n_series, len(w[own])), X.dtype)
        dH = np.zeros_like(H)
        for t in range(n_steps):
            with np.errstate(over="ignore", invalid="ignore"):
                value, slope = smooth(activation, w[own] * H + X[:, t] @ U[own].T)
                dH = slope * (dw[own] * H + w[own] * dH + X[:, t] @ dU[own].T)
                outputs[:, t] += dH @ read[own]
            H = value
    bad = np.argwhere(~np.isfinite(outputs))
    if len(bad):
        series, step = bad[np.argmin(bad[:, 1])]
        raise DivergenceError("the linear output stopped being finite", int(step), int(series))
    return outputs
