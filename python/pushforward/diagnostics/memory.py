"""How far back the gradient of a diagonal network reaches: bounded or exponential, and what is measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import non_negative, one_of, positive_int
from .._checks import seed as checked_seed
from ..reference.diagonal_network import smooth
from ._memory_result import MemoryCutoff
from ._rates import step_factor
from ._smoothness import smoothness_constants

__all__ = ["MemoryCutoff", "memory_cutoff"]

Array = NDArray[np.float64]

DRAWN_SERIES, DRAWN_INPUTS, DRAWN_STEPS = 8, 4, 64
_NUMBERS = 1 << 22  # of features at a time


def memory_cutoff(
    alpha: float, activation: str = "tanh", n_steps: int | None = None, n_units: int = 256, seed: int = 0, X: ArrayLike | None = None
) -> MemoryCutoff:
    """Hold the growth of a diagonal network's gradient over time against its bound, below or above the cut-off 1/σ1.

    Parameters
    ----------
    alpha : float
        Non-negative: recurrent weights start at ±alpha.
    activation : {"tanh", "sigmoid", "softplus", "gelu"}
    n_steps : int, optional
        All of X, or 64, unless given.
    n_units : int
        Even: neurons of the symmetric start that are measured.
    seed : int
        Of the start, and of the inputs if these are drawn.
    X : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) array-like, optional
        The first ``n_steps`` steps are used. Unless given, 8 series of 4 inputs are drawn, every X_t uniform on the unit sphere (ours).

    Returns
    -------
    MemoryCutoff

    Raises
    ------
    ValueError
        When alpha is negative, the activation unknown, n_units odd, or X too short, empty or not finite.
    DivergenceError
        When a derivative leaves the range of float64, as above the cut-off it may after many steps.

    Notes
    -----
    For H_t = σ(w H_{t−1} + ⟨u, X_t⟩), H_0 = 0, |w| = α and p_t(a) = 1 + a + … + a^{t−1} (Cayci and Eryilmaz 2024, arXiv 2402.12241),

        |∂H_t/∂w| ≤ σ0 σ1 p_t(σ1 α),   ‖∂H_t/∂u‖₂ ≤ σ1 max_s ‖X_s‖₂ p_t(σ1 α):

    bounded in t if and only if α < 1/σ1. The paper takes ‖X_t‖₂ ≤ 1; here the largest Euclidean norm of an input enters. Where σ is not bounded
    (softplus, gelu) the largest |H_{t−1}| of these runs, h, takes the place of σ0: |∂H_t/∂w| ≤ b_t = σ1 (h_{t−1} + α b_{t−1}). These are
    derivatives of one neuron; those of the output are smaller by 1/√m. The bound is for the worst case: slopes of tanh and the sigmoid fall where
    states saturate, and then growth above the cut-off may stop, or not begin. For α > 1 softplus and gelu do reach the rate α (gelu's
    bound has 1.129 α) on neurons with positive w, whose states themselves grow.

    Examples
    --------
    >>> import pushforward as pf
    >>> found = pf.diagnostics.memory_cutoff(0.5, "tanh", n_steps=32)
    >>> found.cutoff, found.bounded, round(float(found.p[-1]), 6), found.holds
    (1.0, True, 2.0, True)
    >>> pf.diagnostics.memory_cutoff(1.5, "softplus", n_steps=32).bounded
    False
    """
    from ..diagonal_rnn._start import symmetric_start  # estimators import the kernels' settings: not at the top
    from ..kernels._tangent import ACTIVATIONS

    size = non_negative("alpha", alpha)
    one_of("activation", activation, ACTIVATIONS)
    positive_int("n_units", n_units, "a positive even int")
    if n_units % 2:
        raise ValueError(f"n_units must be a positive even int: every unit of a symmetric start has a twin, got {n_units}")
    checked_seed("seed", seed)
    if n_steps is not None:
        positive_int("n_steps", n_steps, "a positive int or None")
    rng = np.random.default_rng(seed)
    inputs = _inputs(X, n_steps, rng)
    w, U, _ = (part[: n_units // 2] for part in symmetric_start(n_units, inputs.shape[2], size, rng, np.dtype(np.float64)))  # twins are alike
    constants = smoothness_constants(activation)
    factor = constants.sigma_1 * size
    ones = np.ones(inputs.shape[1])
    p = _carried(1.0, factor, ones)
    measured_w, measured_u = _measured(inputs, w, U, activation)
    if "sigma_0" in constants.known:
        states = constants.sigma_0 * ones
    else:
        states = _largest_states(inputs, w, U, activation)
    growth_bound = _growth(p) if np.isfinite(p).all() else factor  # what p_t tends to, where it leaves the range
    norm = float(np.linalg.norm(inputs, axis=2).max())
    bound_w, bound_u = (_carried(constants.sigma_1, size, largest) for largest in (states, norm * ones))
    return MemoryCutoff(
        activation, size, factor, 1 / constants.sigma_1, factor < 1, p, bound_w, bound_u, measured_w, measured_u, growth_bound, _growth(measured_w),
        _growth(measured_u), states, "sigma_0" not in constants.known, norm,
    )  # fmt: skip


def _inputs(X: ArrayLike | None, n_steps: int | None, rng: np.random.Generator) -> Array:
    """(n_series, n_steps, n_inputs)"""
    if X is None:
        drawn = rng.normal(size=(DRAWN_SERIES, n_steps or DRAWN_STEPS, DRAWN_INPUTS))
        sphere: Array = drawn / np.linalg.norm(drawn, axis=2, keepdims=True)
        return sphere
    try:
        found: NDArray[Any] = np.asarray(X)
    except ValueError as error:
        raise ValueError(f"X must be an array of real numbers, got {type(X).__name__}: {error}") from None
    if found.dtype.kind not in "iuf":
        raise TypeError(f"X must be real numbers, got {found.dtype}")
    if found.ndim not in (2, 3) or 0 in found.shape:
        raise ValueError(f"X must be (n_steps, n_inputs) or (n_series, n_steps, n_inputs) and not empty, got shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"X must be finite, got {found[~np.isfinite(found)][0]}")
    batch = found.astype(np.float64).reshape(-1, *found.shape[-2:])
    if n_steps is not None and n_steps > batch.shape[1]:
        raise ValueError(f"X must have at least n_steps = {n_steps} steps, got {batch.shape[1]}")
    return np.ascontiguousarray(batch[:, :n_steps])


def _measured(X: Array, w: Array, U: Array, activation: str) -> tuple[Array, Array]:
    """The largest |∂H_t/∂w| and ‖∂H_t/∂u‖₂ over series and neurons, some neurons at a time."""
    from ..kernels import ntk_features

    width = max(1, _NUMBERS // (X.size + X.shape[0] * X.shape[1]))
    largest_w, largest_u = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for first in range(0, len(w), width):
        part = slice(first, first + width)
        n = len(w[part])
        features = math.sqrt(n) * ntk_features(X, w[part], U[part], np.ones(n), activation)
        largest_w = np.maximum(largest_w, np.abs(features[..., 0]).max(axis=(0, 2)))
        largest_u = np.maximum(largest_u, np.linalg.norm(features[..., 1:], axis=-1).max(axis=(0, 2)))
    return largest_w, largest_u


def _largest_states(X: Array, w: Array, U: Array, activation: str) -> Array:
    """max |H_{t−1}| over series and neurons."""
    H, largest = np.zeros((len(X), len(w))), np.zeros(X.shape[1])
    for t in range(1, X.shape[1]):
        H = smooth(activation, w * H + X[:, t - 1] @ U.T)[0]
        largest[t] = np.abs(H).max()
    return largest


def _carried(sigma_1: float, alpha: float, states: Array) -> Array:
    """b_t = σ1 (h_{t−1} + α b_{t−1}) ≥ |∂H_t/∂w|: σ1 h p_t(σ1 α) where h is the same at every step. Python's floats overflow to inf in silence."""
    bound, b = np.empty_like(states), 0.0
    for t, h in enumerate(states):
        b = sigma_1 * (float(h) + alpha * b)
        bound[t] = b
    return bound


def _growth(values: Array) -> float:
    """Factor a step of the line through the logarithms of the last half; what is zero or beyond the range is left out."""
    if len(values) < 4:
        return math.nan
    t = np.arange(len(values) // 2, len(values))
    t = t[(values[t] > 0) & np.isfinite(values[t])]
    return step_factor(t, values[t]) if len(t) >= 2 else math.nan
