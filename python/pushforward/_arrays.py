"""The single place where dtype, memory layout and number of dimensions are coerced. Values and lengths are checked by the kernels.

A series is time first; a batch has the series in front of it. Kernels always see a batch.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._classes import array_of, labels_of

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.int64]


class Inputs(NamedTuple):
    """X as the kernels take it: one of the two arrays, and whether it came as a batch."""

    dense: FloatArray | None  # (n_series, n_steps, n_inputs)
    tokens: IntArray | None  # (n_series, n_steps)
    batched: bool

    @property
    def shape(self) -> tuple[int, int]:
        """(n_series, n_steps)."""
        array = self.dense if self.dense is not None else self.tokens
        assert array is not None  # one of the two always is: see inputs()
        return array.shape[0], array.shape[1]

    def steps(self, start: int, stop: int) -> "Inputs":
        """Return the time steps start … stop−1."""
        dense = None if self.dense is None else np.ascontiguousarray(self.dense[:, start:stop])
        tokens = None if self.tokens is None else np.ascontiguousarray(self.tokens[:, start:stop])
        return Inputs(dense, tokens, self.batched)


def exactly(name: str, values: ArrayLike, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a C-contiguous array of exactly ``dtype``. Lists take the model's dtype; an array of another dtype is refused, not converted."""
    if isinstance(values, np.ndarray):
        if values.dtype != dtype:
            raise TypeError(f"{name} must be {dtype} like the model, got {values.dtype}; convert it with astype({dtype.name!r})")
        return np.ascontiguousarray(values)
    try:
        return np.ascontiguousarray(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must be an array of {dtype} numbers, got {type(values).__name__}: {error}") from None


def real(name: str, values: ArrayLike, dtype: np.dtype[Any]) -> FloatArray:
    """The same for a dtype that is float32 or float64."""
    array: FloatArray = exactly(name, values, dtype)
    return array


def is_integer(values: ArrayLike) -> bool:
    """Tell whether values are integers (tokens or classes)."""
    try:
        return np.asarray(values).dtype.kind in "iu"
    except ValueError:  # ragged: real() will name the argument
        return False


def inputs(X: ArrayLike, dtype: np.dtype[Any], name: str = "X", dense: bool = False) -> Inputs:
    """Return X as a batch: float (n_steps, n_inputs) or (n_series, n_steps, n_inputs), or integer tokens (n_steps,) or (n_series, n_steps).

    With ``dense`` integers are not tokens: lists of them take the model's dtype, arrays are refused.
    """
    if is_integer(X) and not dense:
        tokens = np.ascontiguousarray(X, dtype=np.int64)
        if tokens.ndim not in (1, 2):
            raise ValueError(f"{name} of integers are tokens and must be (n_steps,) or (n_series, n_steps), got shape {tokens.shape}")
        return Inputs(None, tokens if tokens.ndim == 2 else tokens[None], tokens.ndim == 2)
    numbers = real(name, X, dtype)
    if numbers.ndim not in (2, 3):
        raise ValueError(f"{name} must be (n_steps, n_inputs) or (n_series, n_steps, n_inputs), got shape {numbers.shape}")
    return Inputs(numbers if numbers.ndim == 3 else numbers[None], None, numbers.ndim == 3)


def targets(y: ArrayLike, dtype: np.dtype[Any], batched: bool, name: str = "y") -> tuple[FloatArray, bool]:
    """Return y as (n_series, n_steps, n_outputs), and whether it came without the axis of the outputs."""
    array = real(name, y, dtype)
    if array.ndim == 1 + batched:
        return array.reshape(*((1,) * (not batched)), *array.shape, 1), True
    if array.ndim == 2 + batched:
        return array if batched else array[None], False
    axes = "(n_series, n_steps) or (n_series, n_steps, n_outputs)" if batched else "(n_steps,) or (n_steps, n_outputs)"
    raise ValueError(f"{name} must be {axes}, got shape {array.shape}")


def labels(y: ArrayLike, batched: bool, name: str = "y") -> NDArray[Any]:
    """Return classes as (n_series, n_steps), in the type given."""
    array = labels_of(name, y)
    if array.ndim != 1 + batched:
        raise ValueError(f"{name} must be {'(n_series, n_steps)' if batched else '(n_steps,)'}, got shape {array.shape}")
    return array if batched else array[None]


def class_numbers(y: ArrayLike, name: str) -> IntArray:
    """Return classes that are the numbers of their outputs as (1, n_steps); the range is checked by the kernels."""
    array = array_of(name, y)
    if array.dtype.kind not in "iub":
        raise TypeError(f"{name} must be classes 0 … n_outputs - 1 (integers) with loss='cross_entropy', got {array.dtype}")
    return np.ascontiguousarray(labels(array, batched=False, name=name), dtype=np.int64)


def mask(values: ArrayLike, batched: bool, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask as (n_series, n_steps) = ``shape``."""
    array = np.asarray(values)
    if array.dtype != np.bool_:
        raise TypeError(f"mask must be bool (True where the step has a target), got {array.dtype}")
    expected = shape if batched else shape[1:]
    if array.shape != expected:
        raise ValueError(f"mask must have shape {expected}, a value for each step, got {array.shape}")
    return np.ascontiguousarray(array if batched else array[None])
