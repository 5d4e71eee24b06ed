"""Straight lines through measured points, and the geometric rate at which two runs approach each other, read off their distance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
FEWEST = 8  # distances above rounding errors without which no line is fitted
OFFSETS = np.concatenate([np.geomspace(0.25, 1e4, 60), [np.inf]])


@dataclass(frozen=True)
class Line:
    """y ≈ start + slope x by least squares; of the slope its standard error, and the standard deviation of what lies beside the line."""

    slope: float
    start: float
    slope_error: float  # about zero for two points, which leave no residual
    scatter: float

    def falls(self, span: float) -> bool:
        """Whether it falls over ``span`` by more than 1 %, y being a logarithm, and by more than three times the scatter."""
        fall = -self.slope * span
        return fall > 0.01 and fall > 3 * self.scatter


def line(x: ArrayLike, y: ArrayLike) -> Line:
    """Fit a straight line to points (n,), not all of one x.

    Examples
    --------
    >>> found = line([0, 1, 2, 3], [1.0, 2.9, 5.1, 7.0])
    >>> round(found.slope, 3), round(found.start, 3), round(found.slope_error, 3), round(found.scatter, 3)
    (2.02, 0.97, 0.042, 0.067)
    """
    at, heights = np.asarray(x, np.float64), np.asarray(y, np.float64)
    slope, start = np.polyfit(at, heights, 1)
    residual, centred = heights - start - slope * at, at - at.mean()
    error = np.sqrt(residual @ residual / max(1, len(at) - 2) / (centred @ centred))
    return Line(float(slope), float(start), float(error), float(np.std(residual)))


def step_factor(t: ArrayLike, values: ArrayLike) -> float:
    """Factor a step of the line through the logarithms of positive values."""
    return float(np.exp(line(t, np.log(values)).slope))


@dataclass(frozen=True)
class Fit:
    """A rate, the steps [first, last) it was fitted to, whether the runs met, and whether what was fitted falls beyond its scatter."""

    rate: float
    window: tuple[int, int]
    met: bool
    falls: bool


def fitted(distance: Floats, floor: Floats, degree: int) -> Fit:
    """Fit distance_t ≈ C (t + b)^degree rate^t, b ≥ 0 free (b = ∞: no power of t), over the later half of what is above rounding errors.

    distance, floor (n_steps,): the latter is what rounding errors alone may come to. From the first step below it on, nothing is used: the runs
    have met. The power: J hears of a difference in s at every step and carries it on, Σ_s ρ^{t−s} ρ^s = t ρ^t; and so does S with J, t² ρ^t.
    """
    below = np.flatnonzero(distance <= floor)
    n, met = (int(below[0]), True) if below.size else (len(distance), False)
    if n < FEWEST:
        last = min(n, len(distance) - 1)  # where they met, or the end
        rate = float((distance[last] / distance[0]) ** (1 / last)) if last and distance[0] > 0 else 0.0 if met else np.nan
        return Fit(rate, (0, n), met, met)  # so few say nothing steady
    first = n // 2 if n >= 4 * FEWEST else n // 4
    t = np.arange(first, n, dtype=np.float64)
    heights = np.log(distance[first:n])
    lines = [line(t, heights - degree * np.log1p(t / b)) for b in (OFFSETS if degree else OFFSETS[-1:])]
    best = min(lines, key=lambda found: found.scatter)
    return Fit(float(np.exp(best.slope)), (first, n), met, met or best.falls(len(t)))
