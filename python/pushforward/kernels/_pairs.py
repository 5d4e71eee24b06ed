"""Pairs of data points, of which neurons are made."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._checks import one_of, positive_int
from .._series import Array

__all__ = ["choose_pairs"]

Rows = NDArray[np.int64]
CANDIDATES_PER_UNIT = 10
ROUNDS = 8  # of draws, where most rows are equal


class Pairs(NamedTuple):
    """Candidates: rows x1 and x2, what separates them, and how steep the target is between them. Pairs of equal points are not among them."""

    first: Rows
    second: Rows
    direction: Array  # x2 − x1
    distance: Array
    steepness: Array  # max |y2 − y1| / ‖x2 − x1‖; 1 without a target


def choose_pairs(
    X: Array, Y: Array | None, n_units: int, n_candidates: int | str | None, unique: bool, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Draw candidates and choose n_units of them, each with a probability in proportion to its steepness: their x1, x2 − x1 and ‖x2 − x1‖."""
    n = len(X)
    count = _n_candidates(n_candidates, n, n_units, unique)
    if n < 2:
        raise ValueError(f"X must have at least two rows for pairs of points, got {n}")
    most = n * (n - 1) // 2
    if unique and most < n_units:
        raise ValueError(f"n_units must be at most {most}, the pairs among {n} rows of X, got {n_units}; unique=False takes pairs twice")
    pairs = _different(X, Y, count, n_units, rng) if unique else _measured(X, Y, *_draw(n, count, rng))
    found = len(pairs.first)
    if found == 0:
        raise ValueError("X must vary: both points of every candidate pair are identical")
    if unique and found < n_units:
        raise ValueError(f"n_units must be at most {found}, the pairs of different points found in X, got {n_units}; unique=False takes pairs twice")
    chosen = _without_replacement(pairs.steepness, n_units, rng) if unique else _with_replacement(pairs.steepness, n_units, rng)
    return X[pairs.first[chosen]], pairs.direction[chosen], pairs.distance[chosen]


def _n_candidates(wanted: int | str | None, n: int, n_units: int, unique: bool) -> int:
    if wanted is None:
        return CANDIDATES_PER_UNIT * n_units
    if isinstance(wanted, str):
        one_of("n_candidates", wanted, ("all",))
        return n * -(-n_units // max(n, 1))
    positive_int("n_candidates", wanted, "a positive int, 'all' or None")
    if unique and wanted < n_units:
        raise ValueError(f"n_candidates must be at least n_units = {n_units} when no pair may come twice, got {wanted}")
    return int(wanted)


def _draw(n: int, count: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    first = rng.integers(n, size=count)
    return first, (first + rng.integers(1, n, size=count)) % n


def _measured(X: Array, Y: Array | None, first: Rows, second: Rows) -> Pairs:
    """Measure candidates, in float64."""
    direction = np.subtract(X.take(second, axis=0), X.take(first, axis=0), dtype=np.float64)
    distance = np.sqrt(np.einsum("ij,ij->i", direction, direction))
    if Y is None:
        rise = distance
    else:
        change = np.abs(np.subtract(Y.take(second, axis=0), Y.take(first, axis=0), dtype=np.float64))
        rise = np.ascontiguousarray(change.T).max(axis=0)  # several times as fast as along short rows
    if not np.isfinite(distance.sum() + rise.sum()):
        _refuse(X, Y, np.unique(np.concatenate([first, second])))
    apart = distance > 0
    if not apart.all():
        first, second, direction, distance, rise = first[apart], second[apart], direction[apart], distance[apart], rise[apart]
    return Pairs(first, second, direction, distance, rise / distance)


def _refuse(X: Array, Y: Array | None, rows: Rows) -> None:
    for name, array in (("X", X), ("y", Y)):
        if array is not None:
            bad = rows[~np.isfinite(array[rows]).all(axis=1)]
            if len(bad):
                raise ValueError(f"{name} must be finite, got other numbers in row{'s' * (len(bad) > 1)} {', '.join(map(str, bad[:5]))}")
    raise ValueError("X and y must be so small that the squares of their differences are finite")


def _different(X: Array, Y: Array | None, count: int, n_units: int, rng: np.random.Generator) -> Pairs:
    """Draw candidates, none twice: all there are if these are few; in several rounds if most rows are equal."""
    n = len(X)
    if n * (n - 1) // 2 <= count:
        first, second = np.triu_indices(n, 1)
        turned = rng.integers(2, size=len(first)) == 1
        return _measured(X, Y, np.where(turned, second, first), np.where(turned, first, second))
    pairs = _measured(X, Y, *_without_repeats(n, *_draw(n, count, rng)))
    for _ in range(1, ROUNDS):
        if len(pairs.first) >= n_units:
            break
        first, second = _draw(n, count, rng)
        pairs = _measured(X, Y, *_without_repeats(n, np.concatenate([pairs.first, first]), np.concatenate([pairs.second, second])))
    return pairs


def _without_repeats(n: int, first: Rows, second: Rows) -> tuple[Rows, Rows]:
    key = np.minimum(first, second) * n + np.maximum(first, second)
    in_order = np.sort(key)
    if np.all(in_order[1:] != in_order[:-1]):  # with many rows, nearly always
        return first, second
    kept = np.sort(np.unique(key, return_index=True)[1])
    return first[kept], second[kept]


def _without_replacement(weight: Array, count: int, rng: np.random.Generator) -> Rows:
    """The `count` smallest of e / weight, in order; those of weight 0 come last, in the order of e."""
    e = rng.exponential(size=len(weight))
    with np.errstate(divide="ignore", over="ignore"):
        key = e / weight
    if np.count_nonzero(weight) < count:
        return np.lexsort((e, key))[:count]
    smallest = np.argpartition(key, count - 1)[:count]
    return smallest[np.argsort(key[smallest])]


def _with_replacement(weight: Array, count: int, rng: np.random.Generator) -> Rows:
    total = weight.sum()
    p = weight / total if total > 0 else np.full(len(weight), 1 / len(weight))
    return rng.choice(len(p), size=count, replace=True, p=p)
