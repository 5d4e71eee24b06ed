"""Checks of single arguments: each names the argument, what was expected and what came."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import TypeGuard

import numpy as np

__all__ = [
    "fraction", "is_int", "is_number", "non_negative", "non_negative_int", "number", "one_of", "positive_int", "positive_number", "quoted", "renamed",
    "seed", "series_index", "true_or_false", "within",
]  # fmt: skip

LARGEST = sys.float_info.max


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse a value that is not among the known names."""
    known = tuple(known)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")


def quoted(names: Iterable[str]) -> str:
    """List names as a message shows them."""
    return ", ".join(map(repr, names))


def true_or_false(name: str, value: object) -> None:
    """Refuse what is not a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def is_int(value: object) -> TypeGuard[int]:
    """Tell whether it is an int of Python or NumPy; a bool is none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def positive_int(name: str, value: object, expected: str = "a positive int", least: int = 1) -> None:
    """Refuse what is not an int of at least 1, or of at least ``least``."""
    if not is_int(value):
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def non_negative_int(name: str, value: object) -> None:
    """Refuse what is not an int of at least 0."""
    if not is_int(value):
        raise TypeError(f"{name} must be a non-negative int, got {value!r}")
    if value < 0:
        raise ValueError(f"{name} must be a non-negative int, got {value!r}")


seed = non_negative_int  # what a seed is


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether it is an int or a float of Python or NumPy; a bool is neither."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def within(value: object, low: float, high: float = LARGEST, ends: str = "[]") -> bool:
    """Tell whether it is a number between ``low`` and ``high``, finite unless told; ends "[" and "]" belong to it, "(" and ")" do not.

    Examples
    --------
    >>> [within(value, 0, 1, "(]") for value in (0, 0.5, np.float32(1), 1.5, float("nan"), True, "0.5")]
    [False, True, True, False, False, False, False]
    """
    if not is_number(value):
        return False
    given = value if isinstance(value, int) else float(value)  # of a float32 Python's largest float would overflow; an int may be beyond any float
    return (low < given or (low == given and ends[0] == "[")) and (given < high or (given == high and ends[1] == "]"))


def number(name: str, value: object, expected: str, low: float, high: float = LARGEST, ends: str = "[]") -> float:
    """Return a number between two others as a float; refuse all else. See :func:`within`."""
    if not is_number(value):
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    if not within(value, low, high, ends):
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    return float(value)


def non_negative(name: str, value: object, expected: str = "a finite number of at least 0") -> float:
    """Return a finite number of at least 0."""
    return number(name, value, expected, 0)


def positive_number(name: str, value: object, expected: str = "a positive finite number or None") -> float:
    """Return a positive finite number."""
    return number(name, value, expected, 0, ends="(]")


def fraction(name: str, value: object, expected: str = "a number in (0, 1]") -> float:
    """Return a number in (0, 1]."""
    return number(name, value, expected, 0, 1, "(]")


def series_index(value: object, n_series: int) -> int:
    """Refuse a series that is not there."""
    if not is_int(value):
        raise TypeError(f"series must be ints in 0 … {n_series - 1}, got {value!r}")
    if not 0 <= value < n_series:
        raise ValueError(f"series must lie in 0 … {n_series - 1}, got {value}")
    return int(value)


@contextlib.contextmanager
def renamed(**names: str) -> Iterator[None]:
    """Say the caller's name of an argument where the learner's own stands in front of a message."""
    try:
        yield
    except ValueError as error:
        theirs, _, rest = str(error).partition(" ")
        if theirs not in names:
            raise
        raise ValueError(f"{names[theirs]} {rest}") from None
