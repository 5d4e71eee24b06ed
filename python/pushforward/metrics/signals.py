"""How close a signal is, real or complex."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ._checks import in_double, numbers

__all__ = ["nmse_db", "nrmse", "symbol_error_rate"]


def nrmse(y_true: ArrayLike, y_pred: ArrayLike, *, reference: ArrayLike | None = None) -> float:
    """Root mean squared error over the standard deviation of the target.

    Parameters
    ----------
    y_true, y_pred : (n_steps,) or (n_steps, n_outputs) array-like
        Real or complex.
    reference : array-like, optional
        Where the standard deviation is taken from (default ``y_true``); same number of outputs.

    Returns
    -------
    float
        0 is perfect, 1 is as good as predicting the mean. Several outputs: root of the mean of the squares over outputs.

    Examples
    --------
    >>> nrmse([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0])
    0.0
    >>> nrmse([0.0, 1.0, 2.0, 3.0], [1.5, 1.5, 1.5, 1.5])
    1.0
    """
    true, pred = numbers(y_true, "y_true"), numbers(y_pred, "y_pred")
    if true.shape != pred.shape:
        raise ValueError(f"y_pred: expected the shape of y_true {true.shape}, got {pred.shape}")
    scale = np.var(true if reference is None else numbers(reference, "reference"), axis=0)
    if not np.all(scale > 0):
        raise ValueError(f"{'y_true' if reference is None else 'reference'}: expected a target that varies, got a constant one")
    return float(np.sqrt(np.mean(np.mean(np.abs(true - pred) ** 2, axis=0) / scale)))


def nmse_db(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Energy of the error over the energy of the target, in decibels.

    Parameters
    ----------
    y_true, y_pred : (n_steps,) or (n_steps, n_outputs) array-like
        Real or complex.

    Returns
    -------
    float
        10 log₁₀(Σ|y − ŷ|² / Σ|y|²): 0 is as good as predicting zero, minus infinity is perfect. Unlike :func:`nrmse` the mean of the
        target counts as part of it, as is the custom for power amplifiers.

    Examples
    --------
    >>> round(nmse_db([1.0, 1j, -1.0], [1.1, 1.1j, -1.1]), 9)
    -20.0
    """
    true, pred = numbers(y_true, "y_true"), numbers(y_pred, "y_pred")
    if true.shape != pred.shape:
        raise ValueError(f"y_pred: expected the shape of y_true {true.shape}, got {pred.shape}")
    energy, error = float(np.sum(np.abs(true) ** 2)), float(np.sum(np.abs(true - pred) ** 2))
    if not energy > 0:
        raise ValueError("y_true: expected a target that is not zero throughout")
    return 10.0 * math.log10(error / energy) if error > 0 else -math.inf


def symbol_error_rate(y_true: ArrayLike, y_pred: ArrayLike, points: ArrayLike | None = None) -> float:
    """Share of symbols decided wrong, each estimate going to the nearest point of the constellation.

    Parameters
    ----------
    y_true : array-like of complex
        Symbols sent, any shape.
    y_pred : array-like of complex
        Estimates, of the same shape: any complex numbers.
    points : (n_points,) array-like of complex, optional
        The constellation. Default: the distinct values of ``y_true``.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Shapes differ, a number is not finite, there is no symbol, or ``y_true`` has a symbol that is no point (beyond 1e-6 of the largest).

    Examples
    --------
    >>> symbol_error_rate([1, -1, 1j, -1j], [0.8 + 0.1j, -2, 0.2 + 0.1j, -1j])
    0.25
    """
    true, pred = (in_double(values).astype(np.complex128).ravel() for values in (y_true, y_pred))
    if np.shape(y_true) != np.shape(y_pred):
        raise ValueError(f"y_pred: expected the shape of y_true {np.shape(y_true)}, got {np.shape(y_pred)}")
    if not len(true):
        raise ValueError("y_true: expected at least one symbol, got none")
    table = np.unique(true) if points is None else in_double(points).astype(np.complex128)
    if table.ndim != 1 or len(table) < 2:
        raise ValueError(f"points: expected at least two points in one axis, got shape {table.shape}")
    for name, values in (("y_true", true), ("y_pred", pred), ("points", table)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: expected finite numbers")
    nearest = [np.argmin(np.abs(values[:, None] - table), axis=1) for values in (true, pred)]
    if np.abs(true - table[nearest[0]]).max() > 1e-6 * np.abs(table).max():
        raise ValueError("y_true: expected symbols that are points of the constellation")
    return float(np.mean(nearest[0] != nearest[1]))
