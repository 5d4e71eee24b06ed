"""One row of features for a whole series."""

import numpy as np

from .._series import Array, Series
from ._reservoir import Reservoir

POOLINGS = ("mean", "last")


def pooled(reservoir: Reservoir, X: Series, washout: list[int], pooling: str, noisy: bool = False) -> Array:
    """Features (n_series, n_features): their mean over the steps behind the washout, or those of the last step."""
    out = np.zeros((len(X.arrays), reservoir.n_features), reservoir.dtype)
    for piece in reservoir.drive(X.arrays, reservoir.start(len(X.arrays)), noisy=noisy):
        for j, i in enumerate(piece.series):
            low, count = min(max(washout[i] - piece.first, 0), piece.counts[j]), piece.counts[j]
            if pooling == "mean":
                out[i] += piece.features[j, low:count].sum(axis=0)
            elif count:
                out[i] = piece.features[j, count - 1]
    if pooling == "mean":
        out /= np.array([length - skip for length, skip in zip(X.lengths, washout, strict=True)])[:, None].astype(reservoir.dtype)
    return out
