"""Series as the estimators of fixed dynamics take them: one, a batch of equal length, or a list of unequal ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import exactly
from ._checks import is_int

Array = NDArray[Any]  # real or complex
DTYPES = ("float32", "float64", "complex64", "complex128")


class Series(NamedTuple):
    """Series one after the other, and how they came."""

    arrays: list[Array]  # each (n_steps, width), C-contiguous
    form: str  # "one", "batch" or "list"

    @property
    def lengths(self) -> list[int]:
        """Steps of each series."""
        return [len(a) for a in self.arrays]

    def like(self, arrays: list[Array]) -> Any:
        """Return ``arrays``, one a series, in the form the series came in."""
        if self.form == "one":
            return arrays[0]
        return np.stack(arrays) if self.form == "batch" else arrays


def numbers(name: str, values: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Return a C-contiguous array of exactly ``dtype``. Lists take the model's dtype; an array of another dtype is refused, not converted."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "c" and dtype.kind == "f":
        wanted = "complex64" if dtype.itemsize == 4 else "complex128"
        given = f"got complex numbers ({values.dtype}); give the model dtype={wanted!r}"
        raise TypeError(f"{name} must be real like the model ({dtype}), {given}")
    return exactly(name, values, dtype)


def is_list_of_series(values: Any, n_dim: int = 2) -> bool:
    """Tell whether these are several series in a list, each of ``n_dim`` axes."""
    if not isinstance(values, (list, tuple)) or len(values) == 0:
        return False
    try:
        return np.ndim(values[0]) >= n_dim
    except ValueError:  # ragged within: whatever it is, it is no array of numbers
        return False


def series(name: str, X: ArrayLike | Sequence[ArrayLike], dtype: np.dtype[Any]) -> Series:
    """Return X as series: (n_steps, n_inputs), (n_series, n_steps, n_inputs), or a list of (n_steps, n_inputs); finite, and none empty."""
    if is_list_of_series(X):
        arrays = [numbers(f"{name}[{i}]", a, dtype) for i, a in enumerate(X)]  # type: ignore[arg-type]
        form = "list"
    else:
        whole = numbers(name, X, dtype)  # type: ignore[arg-type]
        if whole.ndim not in (2, 3):
            hint = "; one input: reshape(-1, 1)" if whole.ndim == 1 else ""
            raise ValueError(
                f"{name} must be (n_steps, n_inputs), (n_series, n_steps, n_inputs), or a list of series, got shape {whole.shape}{hint}"
            )
        arrays, form = ([whole], "one") if whole.ndim == 2 else (list(whole), "batch")
    found = Series(arrays, form)
    if not arrays:
        raise ValueError(f"{name} must hold at least one series, got none")
    for i, a in enumerate(arrays):
        if a.ndim != 2:
            raise ValueError(f"{name} must be a list of series (n_steps, n_inputs), got shape {a.shape} for series {i}")
        if len(a) == 0:
            raise ValueError(f"{name} must have at least one step in every series, got 0 steps in series {i}")
        if a.shape[1] != arrays[0].shape[1]:
            raise ValueError(f"{name} must have as many columns in every series, got {arrays[0].shape[1]} in series 0 and {a.shape[1]} in series {i}")
    check_finite(name, found)
    return found


def targets(name: str, y: Any, X: Series, dtype: np.dtype[Any]) -> tuple[Series, bool]:
    """Return y as series like X, and whether it came without the axis of the outputs."""
    if X.form == "list":
        if not isinstance(y, (list, tuple)) or len(y) != len(X.arrays):
            raise ValueError(f"{name} must be a list of {len(X.arrays)} series like X, got {_described(y)}")
        arrays = [numbers(f"{name}[{i}]", a, dtype) for i, a in enumerate(y)]
        flat = arrays[0].ndim == 1
        if any(a.ndim != arrays[0].ndim for a in arrays) or arrays[0].ndim not in (1, 2):
            raise ValueError(f"{name} must hold (n_steps,) or (n_steps, n_outputs) for every series, got {[a.shape for a in arrays[:3]]}")
    else:
        whole, lead = numbers(name, y, dtype), int(X.form == "batch")
        if whole.ndim not in (1 + lead, 2 + lead):
            axes = "(n_series, n_steps) or (n_series, n_steps, n_outputs)" if lead else "(n_steps,) or (n_steps, n_outputs)"
            raise ValueError(f"{name} must be {axes} like X, got shape {whole.shape}")
        flat = whole.ndim == 1 + lead
        arrays = list(whole) if lead else [whole]
    arrays = [a[:, None] if flat else a for a in arrays]
    found = Series(arrays, X.form)
    if found.lengths != X.lengths:
        raise ValueError(f"{name} must have as many series and steps as X ({_listed(X.lengths)}), got {_listed(found.lengths)}")
    if any(a.shape[1] != arrays[0].shape[1] for a in arrays):
        raise ValueError(f"{name} must have as many outputs in every series, got {[a.shape[1] for a in arrays[:3]]}")
    check_finite(name, found)
    return found, flat


def check_finite(name: str, found: Series) -> None:
    """Refuse what is not finite, with its place."""
    for i, a in enumerate(found.arrays):
        if not np.isfinite(a).all():
            step, column = np.argwhere(~np.isfinite(a))[0]
            raise ValueError(f"{name} must be finite, got {a[step, column]} at series {i}, step {step}, column {column}")


def per_series(name: str, value: Any, n_series: int) -> list[int]:
    """Return one non-negative int a series, from one for all or one each."""
    each = list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value] * n_series
    if len(each) != n_series:
        raise ValueError(f"{name} must be an int, or one for each of the {n_series} series, got {len(each)}")
    for number in each:
        if not is_int(number):
            raise TypeError(f"{name} must be a non-negative int, or one for each series, got {number!r}")
        if number < 0:
            raise ValueError(f"{name} must be a non-negative int, or one for each series, got {number}")
    return [int(number) for number in each]


def _listed(lengths: list[int]) -> str:
    shown = ", ".join(map(str, lengths[:5])) + (", …" if len(lengths) > 5 else "")
    return f"{len(lengths)} of {shown} steps"


def _described(value: Any) -> str:
    return f"{len(value)} of them" if isinstance(value, (list, tuple)) else type(value).__name__
