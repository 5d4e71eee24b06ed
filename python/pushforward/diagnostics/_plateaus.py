"""Stretches in which a positive number hardly changes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import positive_int, within
from .._classes import array_of

__all__ = ["Plateau", "plateaus_of"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Plateau:
    """A stretch in which the gradient norm stands still.

    Attributes
    ----------
    start, stop : int
        Norms ``start`` … ``stop − 1``.
    level : float
        Their geometric mean.
    """

    start: int
    stop: int
    level: float


def plateaus_of(
    norms: ArrayLike | None, smoothing: int | None, change: float, share: float
) -> tuple[FloatArray | None, FloatArray | None, tuple[Plateau, ...]]:
    """Norms, smoothed norms and plateaus, longest first. See :func:`.drift.pole_drift`."""
    if smoothing is not None:
        positive_int("smoothing", smoothing, "a positive odd int or None")
        if smoothing % 2 == 0:
            raise ValueError(f"smoothing must be a positive odd int or None, got {smoothing}")
    if not within(change, 0, ends="(]"):
        raise ValueError(f"plateau_change must be a positive finite number, got {change!r}")
    if not within(share, 0, 1, "(]"):
        raise ValueError(f"plateau_share must lie in (0, 1], got {share}")
    if norms is None:
        return None, None, ()
    array = array_of("gradient_norms", norms)
    if array.dtype.kind not in "iuf" or array.ndim != 1 or len(array) < 2:
        raise ValueError(f"gradient_norms must be at least two real numbers (n_norms,), got {array.dtype} of shape {array.shape}")
    given = array.astype(np.float64)
    if not (np.isfinite(given) & (given >= 0)).all():
        bad = int(np.argmin(np.isfinite(given) & (given >= 0)))
        raise ValueError(f"gradient_norms must be finite and not negative, got {given[bad]} at {bad}")
    heights = smoothed(np.log(np.maximum(given, np.finfo(np.float64).tiny)), smoothing or len(given) // 40 * 2 + 1)
    least = max(3, int(np.ceil(share * len(given))))
    found, waiting = [], [(0, len(heights))]
    while waiting:
        start, stop = waiting.pop()
        if stop - start < least:
            continue
        first, last = longest_level(heights[start:stop], change)
        if last - first >= least:
            found.append((start + first, start + last))
            waiting += [(start, start + first), (start + last, stop)]
    plateaus = (Plateau(a, b, float(np.exp(heights[a:b].mean()))) for a, b in sorted(found, key=lambda p: (p[0] - p[1], p[0])))
    return given, np.exp(heights), tuple(plateaus)


def smoothed(values: FloatArray, width: int) -> FloatArray:
    """Mean over a centred window of ``width`` values, or of as many as there is room for on both sides."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    half = np.minimum(width // 2, np.minimum(at, at[::-1]))
    return np.asarray((sums[at + half + 1] - sums[at - half]) / (2 * half + 1))


def longest_level(heights: FloatArray, change: float) -> tuple[int, int]:
    """Start and stop of the longest stretch whose highest and lowest value differ by less than ``change``; the first of equals.

    One pass: the stretch grows to the right, and drops values on the left while it is too high; two queues keep its extremes.
    """
    best, start = (0, 0), 0
    highest: deque[int] = deque()
    lowest: deque[int] = deque()
    values = heights.tolist()
    for stop, value in enumerate(values):
        while highest and values[highest[-1]] <= value:
            highest.pop()
        while lowest and values[lowest[-1]] >= value:
            lowest.pop()
        highest.append(stop)
        lowest.append(stop)
        while values[highest[0]] - values[lowest[0]] >= change:
            start += 1
            if highest[0] < start:
                highest.popleft()
            if lowest[0] < start:
                lowest.popleft()
        if stop + 1 - start > best[1] - best[0]:
            best = (start, stop + 1)
    return best
