"""ψ(z) together with Dψ(z) V: how lifted states change with the state, from the formulas of the dictionaries."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..koopman._lift import Lift
from ..koopman.dictionaries import Dictionary, Identity, Monomials, RadialBasis, RandomFourier, Sampled
from ..reference.cells._functions import activation_slope

__all__ = ["lift_tangents"]

Array = NDArray[Any]


def lift_tangents(lift: Lift, Z: Array, V: Array) -> Array:
    """Dψ(z) V (n, n_features, k), of rows Z (n, n_z) and vectors V (n, n_z, k)."""
    first, last = lift._first, lift._last
    out = np.zeros((len(Z), lift.n_features, V.shape[2]))
    out[:, :first] = V[:, :first]
    out[:, first:last] = _dictionary_tangents(lift.dictionary, Z, V)
    return out


def _dictionary_tangents(dictionary: Dictionary, Z: Array, V: Array) -> Array:
    if isinstance(dictionary, Identity):
        return V
    if isinstance(dictionary, Sampled):
        W, b = (np.asarray(a, np.float64) for a in (dictionary.W_, dictionary.b_))
        return np.asarray(activation_slope(dictionary.activation, Z @ W.T + b)[:, :, None] * (W @ V))
    if isinstance(dictionary, RandomFourier):
        W, b = (np.asarray(a, np.float64) for a in (dictionary.W_, dictionary.b_))
        return np.asarray(-math.sqrt(2.0 / len(b)) * np.sin(Z @ W.T + b)[:, :, None] * (W @ V))
    if isinstance(dictionary, Monomials):
        return _monomials(dictionary, Z, V)
    if isinstance(dictionary, RadialBasis):
        return _radial(dictionary, Z, V)
    return _differences(dictionary, Z, V)


def _monomials(dictionary: Monomials, Z: Array, V: Array) -> Array:
    """Products as the dictionary forms them, z_j times the monomials of one degree less that begin with z_j or later, by the product rule."""
    z, dz = Z.T[:, :, None], V.transpose(1, 0, 2)  # (n_z, n, 1), (n_z, n, k)
    n, value, slope, parts = len(z), z, dz, []
    for p in range(1, dictionary.degree + 1):
        if p > 1:
            starts = [len(value) - math.comb(n - j + p - 2, p - 1) for j in range(n)]
            slope = np.concatenate([z[j] * slope[starts[j] :] + dz[j] * value[starts[j] :] for j in range(n)])
            value = np.concatenate([z[j] * value[starts[j] :] for j in range(n)])
        if p >= dictionary.min_degree:
            parts.append(slope)
    if dictionary.min_degree == 0:
        parts.append(np.zeros((1, *slope.shape[1:])))
    return np.concatenate(parts).transpose(1, 0, 2)


def _radial(dictionary: RadialBasis, Z: Array, V: Array) -> Array:
    """dφ = φ'(s) 2 (z − c) · v / width², s = ‖z − c‖² / width²."""
    centers, width = np.asarray(dictionary.centers_, np.float64), float(dictionary.width_[0])
    away = (Z[:, None] - centers) / width
    s = np.sum(away**2, axis=2)
    if dictionary.profile == "gaussian":
        slope = -0.5 * np.exp(-0.5 * s)
    elif dictionary.profile == "multiquadric":
        slope = 0.5 / np.sqrt(1 + s)
    elif dictionary.profile == "inverse_multiquadric":
        slope = -0.5 * (1 + s) ** -1.5
    else:  # thin plate, s log(s) / 2
        slope = np.where(s > 0, 0.5 * (np.log(np.where(s > 0, s, 1.0)) + 1), 0.0)
    return np.asarray((2.0 / width) * slope[:, :, None] * (away @ V))


def _differences(dictionary: Dictionary, Z: Array, V: Array) -> Array:
    """Fourth-order differences, of a dictionary without a formula; in its own precision if it has drawn something, else in double precision."""
    n, _, k = V.shape
    dtype = next((getattr(dictionary, name).dtype for name in dictionary._drawn), np.dtype(np.float64))
    length = np.linalg.norm(V, axis=1, keepdims=True)
    h = float(np.finfo(dtype).eps) ** 0.2 * max(1.0, float(np.abs(Z).max()))
    step = h * V / np.where(length > 0, length, 1.0)
    found = np.zeros((n, dictionary.n_features, k))
    for j in range(k):
        values = {m: np.asarray(dictionary((Z + m * step[:, :, j]).astype(dtype)), np.float64) for m in (-2, -1, 1, 2)}
        found[:, :, j] = (8 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12 * h) * length[:, :, j]
    return found
