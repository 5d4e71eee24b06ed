"""The geometric rate at which two runs approach each other, read off their distance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST = 8  # distances above rounding errors without which no line is fitted
OFFSETS = np.concatenate([np.geomspace(0.25, 1e4, 60), [np.inf]])


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
    heights, best = np.log(distance[first:n]), (np.inf, 0.0)
    for b in OFFSETS if degree else OFFSETS[-1:]:
        power = degree * np.log1p(t / b)
        slope, start = np.polyfit(t, heights - power, 1)
        scatter = float(np.std(heights - power - start - slope * t))
        if scatter < best[0]:
            best = scatter, float(slope)
    scatter, slope = best
    fall = -slope * len(t)
    return Fit(float(np.exp(slope)), (first, n), met, met or (fall > 0.01 and fall > 3 * scatter))
