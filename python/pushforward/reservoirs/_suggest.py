"""Settings that suit the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _series

STRENGTH = 0.5  # standard deviation of a column of X times its scaling: Lorenz and Mackey-Glass are forecast longest at 0.3 to 0.6


def suggest(X: ArrayLike | Sequence[ArrayLike]) -> dict[str, Any]:
    """Return arguments of :class:`pushforward.EchoStateRegressor` scaled by the data.

    The scale of the inputs matters more than any other setting: units must work where tanh bends, and not where it is flat.

    Parameters
    ----------
    X : (n_steps, n_inputs) or (n_series, n_steps, n_inputs) array-like, or a list of series
        Inputs to come, or a stretch of them.

    Returns
    -------
    dict
        ``input_scaling`` (n_inputs,): 0.5 / standard deviation of every column (0.5 where it does not vary); ``bias_scaling``, ``spectral_radius``,
        ``leak_rate``.

    Raises
    ------
    ValueError
        When X is not of one of these shapes, empty or not finite.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = np.random.default_rng(0).normal(size=(1000, 2)) * [1.0, 20.0]
    >>> settings = pf.reservoirs.suggest(X)
    >>> settings["input_scaling"].round(2)
    array([0.49, 0.03])
    >>> esn = pf.EchoStateRegressor(n_units=50, **settings)
    """
    sample = X[0] if _series.is_list_of_series(X) else X  # type: ignore[index]
    dtype = np.asarray(sample).dtype
    series = _series.series("X", X, dtype if dtype.name in _series.DTYPES else np.dtype(np.float64))
    return {"input_scaling": input_scaling(series), "bias_scaling": 0.5, "spectral_radius": 0.9, "leak_rate": 1.0}


def input_scaling(series: _series.Series) -> _series.Array:
    """Return one scaling a column; one that does not vary counts as if its standard deviation were 1."""
    whole = np.concatenate(series.arrays).astype(np.complex128 if series.arrays[0].dtype.kind == "c" else np.float64)
    largest = np.maximum(np.abs(whole).max(axis=0), np.finfo(np.float64).tiny)
    deviation = (whole / largest).std(axis=0) * largest  # no square overflows
    found: _series.Array = STRENGTH / np.where(deviation > 0, deviation, 1.0)
    if not np.isfinite(found).all():
        raise ValueError(f"X must vary by what a number can scale, got a standard deviation of {deviation.min():g}")
    return found
