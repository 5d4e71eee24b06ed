"""Entry-wise functions and their slopes."""

import numpy as np

from ...cells._checks import FloatArray


def activation(name: str, a: FloatArray) -> FloatArray:
    """σ(a), entry by entry."""
    if name == "identity":
        return a.copy()
    if name == "relu":
        return np.maximum(a, 0)
    if name == "tanh":
        return np.tanh(a)
    if name == "sigmoid":
        small = np.exp(-np.abs(a))  # never overflows
        return np.where(a >= 0, 1 / (1 + small), small / (1 + small))
    if name == "elu":
        return np.where(a > 0, a, np.expm1(np.minimum(a, 0)))
    raise ValueError(f"activation must be one of identity, relu, tanh, sigmoid, elu, got {name!r}")


def activation_slope(name: str, a: FloatArray) -> FloatArray:
    """σ'(a), entry by entry; 0 at the kink of a ReLU."""
    s = activation(name, a)
    if name == "identity":
        return np.ones_like(a)
    if name == "relu":
        return (a > 0).astype(a.dtype)
    if name == "tanh":
        return 1 - s * s
    if name == "sigmoid":
        return s * (1 - s)
    return np.where(a > 0, 1, np.exp(np.minimum(a, 0))).astype(a.dtype)  # elu


def bounded(weights: FloatArray, bound: float | None) -> FloatArray:
    """φ(w) = c tanh(w / c); w itself without a bound."""
    return weights.copy() if bound is None else bound * np.tanh(weights / bound)


def bounded_slope(weights: FloatArray, bound: float | None) -> FloatArray:
    """φ'(w) = 1 − tanh²(w / c); 1 without a bound."""
    return np.ones_like(weights) if bound is None else 1 - np.tanh(weights / bound) ** 2


def unit_rows(M: FloatArray, u: FloatArray) -> FloatArray:
    """∂s/∂W for a = W u and M = ∂s/∂a: (n_state, n_units, n_presynaptic), entry [k, i, j] = M[k, i] u[j]."""
    return M[:, :, None] * u[None, None, :]
