"""Checks of single arguments: each names the argument, what was expected and what came."""

import contextlib
import math
from collections.abc import Iterable, Iterator

import numpy as np

__all__ = ["one_of", "positive_int", "positive_number", "quoted", "renamed", "seed", "series_index"]


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse a value that is not among the known names."""
    known = tuple(known)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")


def quoted(names: Iterable[str]) -> str:
    """List names as a message shows them."""
    return ", ".join(map(repr, names))


def positive_int(name: str, value: object, expected: str = "a positive int") -> None:
    """Refuse what is not an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    if value <= 0:
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def seed(name: str, value: object) -> None:
    """Refuse what is not a non-negative int."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a non-negative int, got {value!r}")
    if value < 0:
        raise ValueError(f"{name} must be a non-negative int, got {value!r}")


def positive_number(name: str, value: object) -> None:
    """Refuse what is not a positive finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a positive finite number or None, got {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive finite number or None, got {value!r}")


def series_index(value: object, n_series: int) -> int:
    """Refuse a series that is not there."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
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
