"""Least squares over the last events of a stream."""

import numpy as np

from .._checks import positive_int
from ..readout._base import OnlineReadout, forgetting_and_ridge

__all__ = ["WindowedLeastSquares"]


class WindowedLeastSquares(OnlineReadout):
    """W = argmin Σ ‖y − W x‖² + ridge ‖W‖² over the last ``window`` events, brought up to date with every event (linalg/windowed.hpp).

    Parameters
    ----------
    window : int
    ridge : float, > 0
    intercept : bool
    dtype : {"float64", "float32"}
    """

    _kind = "window"

    def __init__(self, window: int, *, ridge: float = 1e-6, intercept: bool = True, dtype: str = "float64") -> None:
        self.window, self.ridge, self.intercept, self.dtype = window, ridge, intercept, dtype

    def _settings(self) -> dict[str, float]:
        positive_int("window", self.window, "a positive int or None")
        return {"window": int(self.window), "ridge": forgetting_and_ridge(1.0, self.ridge, np.dtype(self._dtype()))["ridge"]}
