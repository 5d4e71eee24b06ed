"""What the tasks of :mod:`.reservoirs` share: how a task is described, and the baselines that every model is held against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._tasks import Measure, Outcome, Task, Tick

__all__ = ["LeastSquares", "Measure", "Outcome", "Task", "Tick", "delayed", "lagged", "memory_polynomial"]

Array = NDArray[Any]


def lagged(x: ArrayLike, lags: range) -> Array:
    """Columns x[t − k] for k in ``lags``, all channels of one lag together; zero before the start and after the end.

    Examples
    --------
    >>> lagged([1.0, 2.0, 3.0], range(-1, 2)).tolist()
    [[2.0, 1.0, 0.0], [3.0, 2.0, 1.0], [0.0, 3.0, 2.0]]
    """
    series = np.asarray(x)
    series = series[:, None] if series.ndim == 1 else series
    n = len(series)
    columns = []
    for k in lags:
        moved = np.zeros_like(series)
        if abs(k) < n:
            moved[max(k, 0) : n + min(k, 0)] = series[max(-k, 0) : n - max(k, 0)]
        columns.append(moved)
    return np.concatenate(columns, axis=1)


def delayed(x: ArrayLike, delay: int) -> Array:
    """x[t − delay], zero before the start (and after the end for a negative delay).

    Examples
    --------
    >>> delayed([1, 2, 3], 1).tolist()
    [0, 1, 2]
    """
    series = np.asarray(x)
    out = lagged(series, range(delay, delay + 1))
    return np.asarray(out[:, 0] if series.ndim == 1 else out)


class LeastSquares:
    """Linear map of features with a constant, by least squares with a little ridge relative to the mean square of the features.

    Parameters
    ----------
    ridge : float
    """

    def __init__(self, ridge: float = 1e-10) -> None:
        self.ridge = ridge

    def fit(self, features: Array, y: Array) -> LeastSquares:
        """Learn; features (n_steps, n_features), y (n_steps,) or (n_steps, n_outputs)."""
        self.mean, self.level = features.mean(axis=0), y.mean(axis=0)
        F = features - self.mean
        scale = np.sqrt(np.mean(np.abs(F) ** 2, axis=0))
        self.scale = np.where(scale > 0, scale, 1.0)
        F = F / self.scale
        penalty = np.sqrt(self.ridge * len(F)) * np.eye(F.shape[1])
        target = (y - self.level).reshape(len(y), -1)
        augmented = np.concatenate([target, np.zeros((F.shape[1], target.shape[1]))])
        W = np.linalg.lstsq(np.concatenate([F, penalty]), augmented, rcond=None)[0]
        self.W = W[:, 0] if y.ndim == 1 else W
        return self

    def predict(self, features: Array) -> Array:
        """Return (n_steps,) or (n_steps, n_outputs)."""
        return np.asarray((features - self.mean) / self.scale @ self.W + self.level)

    def simulate(self, n_steps: int, warmup: Array, n_lags: int) -> Array:
        """Close the loop of a model of the next value given the last ``n_lags``: (n_steps, n_channels) that follow ``warmup``."""
        past = np.array(warmup[-n_lags:])
        out = np.empty((n_steps, warmup.shape[1]))
        for t in range(n_steps):
            out[t] = self.predict(past[::-1].reshape(1, -1))[0]
            past = np.concatenate([past[1:], out[t : t + 1]])
        return out


def memory_polynomial(x: Array, lags: range, orders: range) -> Array:
    """Columns x[t − k] |x[t − k]|^(order − 1) of a complex baseband series.

    Examples
    --------
    >>> memory_polynomial(np.array([1.0 + 0j, 2j]), range(0, 1), range(1, 4)).tolist()
    [[(1+0j), (1+0j), (1+0j)], [2j, 4j, 8j]]
    """
    size = np.abs(x)
    return lagged(np.stack([x * size ** (order - 1) for order in orders], axis=1), lags)
