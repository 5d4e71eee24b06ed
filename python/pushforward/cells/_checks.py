"""Checks of the cells' settings."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._checks import is_number, positive_int, positive_number, within

FloatArray: TypeAlias = NDArray[np.floating[Any]]
Connectivity: TypeAlias = float | tuple[tuple[int, ...], ...]


def positive(name: str, value: Any, kind: type[int] | type[float]) -> Any:
    """Return a positive int, or a positive finite float."""
    if kind is float:
        return positive_number(name, value)
    positive_int(name, value)
    return int(value)


def float_array(name: str, values: object, shape: tuple[int, ...]) -> FloatArray:
    """Return an array of float32 or float64 of that shape."""
    array = np.asarray(values)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array


def connectivity(value: Any, n_units: int) -> Connectivity:
    """Return a fraction in (0, 1], or for every unit the sorted numbers of the units that it hears.

    Accepted: the fraction; a mask (n_units, n_units) of bool, row i for what unit i hears; the numbers themselves.
    """
    expected = f"connectivity must be a fraction in (0, 1], a mask ({n_units}, {n_units}) of bool or one list of units a unit"
    if is_number(value):
        if not within(value, 0, 1, "(]"):
            raise ValueError(f"{expected}, got {value!r}")
        return float(value)
    if isinstance(value, (str, bytes, bool, dict)) or not hasattr(value, "__len__"):
        raise TypeError(f"{expected}, got {value!r}")
    if len(value) != n_units:
        raise ValueError(f"{expected}, got {np.shape(value) if isinstance(value, np.ndarray) else f'{len(value)} rows'}")
    rows = [np.asarray(row) for row in value]
    if any(row.ndim != 1 for row in rows):
        raise ValueError(f"{expected}, got rows of {rows[0].ndim} dimensions")
    if all(row.dtype == np.bool_ for row in rows):
        if any(row.shape != (n_units,) for row in rows):
            raise ValueError(f"{expected}, got {np.shape(value) if isinstance(value, np.ndarray) else 'rows of other lengths'}")
        return tuple(tuple(np.flatnonzero(row).tolist()) for row in rows)
    if isinstance(value, np.ndarray) and value.shape == (n_units, n_units):
        raise TypeError(f"{expected}, got a matrix of {value.dtype}: a mask is of bool")
    if any(row.size > 0 and not np.issubdtype(row.dtype, np.integer) for row in rows):
        raise TypeError(f"{expected}, got an array of {rows[0].dtype}")
    for i, row in enumerate(rows):
        if row.size and (row.min() < 0 or row.max() >= n_units or len(np.unique(row)) != row.size):
            raise ValueError(f"{expected}, got {row.tolist()} for unit {i}")
    return tuple(tuple(sorted(row.tolist())) for row in rows)


def sources(value: Connectivity | None, n_units: int, seed: int) -> NDArray[np.int64] | None:
    """Which units each unit hears, (n_units, k), −1 after its last; None: all of them.

    A fraction draws round(fraction · n_units) units for every unit, at least one.
    """
    if value is None or value == 1.0:
        return None
    if isinstance(value, float):
        k = max(1, round(value * n_units))
        rng = np.random.default_rng(seed)
        return np.stack([np.sort(rng.permutation(n_units)[:k]) for _ in range(n_units)]).astype(np.int64)
    table = np.full((n_units, max(1, max(map(len, value)))), -1, dtype=np.int64)
    for i, row in enumerate(value):
        table[i, : len(row)] = row
    return table
