"""Where a positive number goes over training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

__all__ = ["Trend", "trend_of"]

RISE = 0.05  # of a median, for a trend
RANK = 0.5  # of Kendall's rank correlation with time


@dataclass(frozen=True)
class Trend:
    """Where a number went over training.

    Attributes
    ----------
    first, last : float
        Medians over the first and the last quarter of the snapshots.
    rank_correlation : float
        Kendall's τ with time, −1 … 1.
    direction : {"grows", "falls", "neither"}
        Grows: last ≥ 1.05 first and τ ≥ 0.5; falls: first ≥ 1.05 last and τ ≤ −0.5.
    """

    first: float
    last: float
    rank_correlation: float
    direction: str


def trend_of(values: NDArray[np.float64]) -> Trend:
    """Judge one value a snapshot, (n_snapshots,)."""
    quarter = max(1, len(values) // 4)
    first, last = float(np.median(values[:quarter])), float(np.median(values[-quarter:]))
    still = bool(np.all(values == values[0]))  # where there are only ties no rank correlation is defined
    tau = 0.0 if still else float(kendalltau(np.arange(len(values)), values).statistic)
    grows = last >= (1 + RISE) * first and tau >= RANK
    falls = first >= (1 + RISE) * last and tau <= -RANK
    return Trend(first, last, tau, "grows" if grows else "falls" if falls else "neither")
