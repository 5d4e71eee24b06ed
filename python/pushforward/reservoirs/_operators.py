"""Recurrent weights with a structure, which never become a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import positive_int
from .._network import as_parts

Array = NDArray[Any]  # real or complex


class Operator:
    """W_rec by its structure: what the kernels take in the place of a matrix. Values do not change once made.

    Attributes
    ----------
    shape : tuple of int
        (n_units, n_units).
    dtype : dtype
        float64 or complex128 as given; the kernels take it in the precision of the model.
    """

    _n_units: int
    dtype: np.dtype[Any]

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self._n_units

    @property
    def shape(self) -> tuple[int, int]:
        """(n_units, n_units)."""
        return self._n_units, self._n_units

    def toarray(self) -> Array:
        """Return the matrix (n_units, n_units): W[i, j] is what unit i hears of unit j."""
        raise NotImplementedError

    def scaled(self, factor: complex) -> Operator:
        """Return the same structure with all weights times ``factor``."""
        raise NotImplementedError

    def spectral_radius(self) -> float:
        """Return the largest absolute eigenvalue."""
        return float(np.abs(np.linalg.eigvals(self.toarray())).max())

    def _recurrence(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        """Describe it to the extension module."""
        raise NotImplementedError

    def __matmul__(self, states: ArrayLike) -> Array:
        found = np.asarray(states)
        if found.ndim not in (1, 2) or len(found) != self._n_units:
            raise ValueError(f"states must be ({self._n_units},) or ({self._n_units}, n), got shape {found.shape}")
        return self._times(found)

    def _times(self, states: Array) -> Array:
        raise NotImplementedError

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self):
            raise AttributeError(f"{name} of a {type(self).__name__} does not change once made; make another")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return same(vars(self), vars(other))

    __hash__ = None  # type: ignore[assignment]


class BlockDiagonal(Operator):
    """Small reservoirs that do not hear each other.

    Parameters
    ----------
    blocks : (n_blocks, size, size) array-like

    Notes
    -----
    a[j] = B_j s[j], with s[j] the units of block j.

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.reservoirs.BlockDiagonal([[[0.1, 0.2], [0.3, 0.4]], [[0.5, 0.0], [0.0, 0.6]]]).toarray()
    array([[0.1, 0.2, 0. , 0. ],
           [0.3, 0.4, 0. , 0. ],
           [0. , 0. , 0.5, 0. ],
           [0. , 0. , 0. , 0.6]])
    """

    def __init__(self, blocks: ArrayLike) -> None:
        found = np.array(blocks)
        if found.dtype.kind not in "iufc" or found.ndim != 3 or found.shape[1] != found.shape[2] or not found.size:
            raise ValueError(f"blocks must be numbers of shape (n_blocks, size, size), got {found.dtype} of shape {found.shape}")
        self.blocks = found.astype(np.complex128 if found.dtype.kind == "c" else np.float64)
        if not np.isfinite(self.blocks).all():
            raise ValueError("blocks must be finite")
        self.blocks.setflags(write=False)
        self._n_units, self.dtype = found.shape[0] * found.shape[1], self.blocks.dtype

    def toarray(self) -> Array:
        """Return the matrix (n_units, n_units)."""
        W, size = np.zeros(self.shape, self.dtype), self.blocks.shape[1]
        for j, block in enumerate(self.blocks):
            W[j * size : (j + 1) * size, j * size : (j + 1) * size] = block
        return W

    def scaled(self, factor: complex) -> BlockDiagonal:
        """Return the same structure with all weights times ``factor``."""
        return BlockDiagonal(self.blocks * factor)

    def spectral_radius(self) -> float:
        """Return the largest absolute eigenvalue of all blocks."""
        return float(np.abs(np.linalg.eigvals(self.blocks)).max())

    def _times(self, states: Array) -> Array:
        product: Array = (self.blocks @ states.reshape(*self.blocks.shape[:2], -1)).reshape(states.shape)
        return product

    def _recurrence(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        return {"kind": "blocks", "blocks": as_parts(in_precision(self.blocks, dtype), dtype)}

    def __repr__(self) -> str:
        return f"BlockDiagonal(<{len(self.blocks)} blocks of {self.blocks.shape[1]} units>)"


def checked_units(n_units: int) -> int:
    positive_int("n_units", n_units, "a positive int")
    return int(n_units)


def checked_weight(name: str, value: complex) -> complex:
    if isinstance(value, bool) or not isinstance(value, (int, float, complex, np.number)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    number = complex(value)
    if not np.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return number if isinstance(value, (complex, np.complexfloating)) else number.real


def dtype_of(*weights: complex) -> np.dtype[Any]:
    return np.dtype(np.complex128 if any(isinstance(weight, complex) for weight in weights) else np.float64)


def in_precision(values: ArrayLike, dtype: np.dtype[Any]) -> Array:
    found = np.asarray(values)
    if found.dtype.kind == "c" and dtype.kind != "c":
        raise TypeError(f"W_rec must be real like the model ({dtype}), got complex weights")
    converted: Array = found.astype(dtype)
    return converted


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) if isinstance(a[key], np.ndarray) else a[key] == b[key] for key in a)
