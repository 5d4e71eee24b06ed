"""The lifted state, the same made standard for least squares, and the features of inputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import sampled_features
from .dictionaries import Dictionary, Sampled

__all__ = ["InputLayer", "Lift", "StandardLift"]

Array = NDArray[Any]


class Lift:
    """ψ(z) = [z (if include_state) | dictionary(z) | 1 (if include_constant)]; what stands in the dictionary is not put beside it again.

    Parameters
    ----------
    dictionary : fitted Dictionary
    include_state, include_constant : bool

    Attributes
    ----------
    n_features : int
    state_columns : slice or None
        Where z stands.
    constant_column : int or None
    """

    def __init__(self, dictionary: Dictionary, include_state: bool, include_constant: bool) -> None:
        self.dictionary, self.n_z = dictionary, dictionary.n_inputs
        inside, one = dictionary.state_columns, dictionary.constant_column
        self._first = self.n_z if include_state and inside is None else 0
        self._last = self._first + dictionary.n_features
        self.state_columns = slice(0, self.n_z) if self._first else inside
        self._adds_constant = include_constant and one is None
        self.constant_column = self._last if self._adds_constant else None if one is None else self._first + one
        self.n_features = self._last + self._adds_constant

    def __call__(self, Z: Array, out: Array | None = None) -> Array:
        """Return ψ (n, n_features) of rows (n, n_z)."""
        psi = np.empty((len(Z), self.n_features), Z.dtype) if out is None else out
        psi[:, : self._first] = Z[:, : self._first]
        self.dictionary(Z, out=psi[:, self._first : self._last])
        psi[:, self._last :] = 1
        return psi

    @property
    def compiled(self) -> dict[str, Any] | None:
        """What the compiled roll-out needs to know of it; None of a dictionary that is not sampled."""
        if not isinstance(self.dictionary, Sampled):
            return None
        layer = {"W": self.dictionary.W_, "b": self.dictionary.b_, "activation": self.dictionary.activation}
        return layer | {"include_state": self._first > 0, "include_constant": self._adds_constant}

    def names(self, of_z: list[str]) -> list[str]:
        """Names of the features, given those of z."""
        return of_z[: self._first] + self.dictionary.names() + ["1"] * self._adds_constant


class StandardLift:
    """ψ_s = (ψ − center) / scale, so that no direction looks small merely because its unit is large: ψ = T ψ_s.

    ``center`` is zero but for z, and there too without a constant in ψ, because ψ_s must span the same functions; T = diag(scale) + center eᵀ, e the
    unit vector of the constant. ``scale`` are powers of two: they round nothing.

    Parameters
    ----------
    lift : Lift
    center, scale : (n_features,) ndarrays
    n_state : int
        Width of the state, the first columns of z if z is not compressed; 0 if it is.
    """

    def __init__(self, lift: Lift, center: Array, scale: Array, n_state: int) -> None:
        self.lift, self.center, self.scale = lift, center, scale
        self.n_features, self.constant_column = lift.n_features, lift.constant_column
        z = lift.state_columns
        self.state_columns = None if z is None or not n_state else slice(z.start, z.start + n_state)
        self._unbounded = np.flatnonzero((center != 0) | (scale != 1))

    @classmethod
    def of(cls, lift: Lift, Z: Array, n_state: int) -> "StandardLift":
        """Measure rows (n, n_z)."""
        center, scale = np.zeros(lift.n_features, Z.dtype), np.ones(lift.n_features, Z.dtype)
        if lift.compiled is None:
            psi = lift(Z)
            with np.errstate(over="ignore", invalid="ignore"):
                scale = _power_of_two(np.sqrt(np.mean(np.square(psi, dtype=np.float64), axis=0))).astype(Z.dtype)
        if lift.state_columns is not None:
            if lift.constant_column is not None:
                center[lift.state_columns] = Z.mean(axis=0)
            scale[lift.state_columns] = _power_of_two(np.sqrt(np.mean(np.square(Z - center[lift.state_columns], dtype=np.float64), axis=0)))
        if lift.constant_column is not None:
            scale[lift.constant_column] = 1
        return cls(lift, center, scale, n_state)

    def __call__(self, Z: Array) -> Array:
        """Return ψ_s (n, n_features) of rows (n, n_z)."""
        psi = self.lift(Z)
        if 4 * len(self._unbounded) > self.n_features:
            psi -= self.center
            psi /= self.scale
            return psi
        for j in self._unbounded:
            column = psi[:, j]
            column -= self.center[j]
            column /= self.scale[j]
        return psi

    def times(self, M: Array) -> Array:
        """M T, for M (n, n_features)."""
        product = M * self.scale
        if self.constant_column is not None:
            product[:, self.constant_column] += M @ self.center
        return np.asarray(product)

    def over(self, M: Array) -> Array:
        """M T⁻¹, for M (n, n_features)."""
        product = M / self.scale
        if self.constant_column is not None:
            product[:, self.constant_column] -= product @ self.center
        return np.asarray(product)

    def raised(self, M: Array) -> Array:
        """T M, for M (n_features, k)."""
        product = self.scale[:, None] * M
        return product if self.constant_column is None else np.asarray(product + np.outer(self.center, M[self.constant_column]))

    def lifted(self, M: Array) -> Array:
        """M Tᵀ, for M (k, n_features): rows of ψ_s to rows of ψ."""
        product = M * self.scale
        return product if self.constant_column is None else np.asarray(product + np.outer(M[:, self.constant_column], self.center))


@dataclass(frozen=True)
class InputLayer:
    """g(u) = u or σ(W u + b).

    Attributes
    ----------
    n_inputs : int
    scale : (n_features,) ndarray
        Powers of two; what least squares sees is g / scale.
    """

    n_inputs: int
    scale: Array
    W: Array | None = None
    b: Array | None = None
    activation: str = "tanh"

    def __call__(self, U: Array) -> Array:
        """Return g (n, n_features) of rows (n, n_inputs)."""
        return U if self.W is None or self.b is None else sampled_features(U, self.W, self.b, self.activation)


def input_scale(U: Array) -> Array:
    """Return the scale of inputs as they are."""
    return _power_of_two(np.sqrt(np.mean(np.square(U, dtype=np.float64), axis=0))).astype(U.dtype)


def _power_of_two(size: Array) -> Array:
    usable = np.isfinite(size) & (size > 0)
    return np.exp2(np.round(np.log2(np.where(usable, size, 1.0))))
