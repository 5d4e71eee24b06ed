"""What ridge regression is given: rows, penalties, a dtype."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._checks import is_number, one_of, true_or_false, within
from .._rows import rows_of
from .._series import DTYPES, Array, numbers


def dtype_of(X: ArrayLike, wanted: str | None) -> np.dtype[Any]:
    """Return the dtype that was asked for, else that of the data."""
    if wanted is not None:
        one_of("dtype", wanted, DTYPES)
        return np.dtype(wanted)
    if not isinstance(X, np.ndarray):
        return np.dtype("complex128" if np.iscomplexobj(X) else "float64")
    if X.dtype.name not in DTYPES:
        raise TypeError(f"X must be of {', '.join(DTYPES)}, got {X.dtype}; convert it with astype")
    return np.dtype(X.dtype)


def pair(X: ArrayLike, Y: ArrayLike, dtype: np.dtype[Any]) -> tuple[Array, Array, bool]:
    """Return features (n_steps, n_features), targets (n_steps, n_outputs), and whether those came without the axis of the outputs."""
    x, y = rows_of("X", X, dtype), numbers("Y", Y, dtype)
    flat = y.ndim == 1
    y = rows_of("Y", y[:, None] if flat else y, dtype)
    if len(x) == 0 or x.shape[1] == 0 or y.shape[1] == 0:
        raise ValueError(f"X and Y must have at least one step, feature and output, got shapes {x.shape} and {y.shape}")
    if len(y) != len(x):
        raise ValueError(f"Y must have as many steps as X ({len(x)}), got {len(y)}")
    return x, y, flat


def penalties(ridge: Any) -> tuple[tuple[float, ...], bool]:
    """Return the values, and whether they came as several."""
    several = isinstance(ridge, (list, tuple)) or (isinstance(ridge, np.ndarray) and ridge.ndim == 1)
    values = list(ridge) if several else [ridge]
    if not values:
        raise ValueError("ridge must hold at least one value, got none")
    for value in values:
        if not is_number(value):
            raise TypeError(f"ridge must be a non-negative finite number or a sequence of them, got {ridge!r}")
        if not within(value, 0):
            raise ValueError(f"ridge must be non-negative and finite, got {value!r}")
    return tuple(float(value) for value in values), several


def check_settings(model: Any, dtype: np.dtype[Any]) -> None:
    """Refuse settings of a ridge regression, before anything is built for data of this dtype."""
    one_of("solver", model.solver, ("qr", "gram"))
    for name in ("intercept", "penalise_intercept"):
        true_or_false(name, getattr(model, name))
    if model.dtype is not None and dtype.name != model.dtype:
        raise ValueError(f"dtype must be {dtype} like the data, got {model.dtype!r}")
    penalties(model.ridge)
