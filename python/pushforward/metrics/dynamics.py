"""How long a forecast of a chaotic series holds, and whether what is generated after that lives in the same place."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import in_double, numbers

__all__ = ["state_space_divergence", "valid_prediction_time"]

MOST_BINS = 20_000_000


def valid_prediction_time(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    dt: float = 1.0,
    threshold: float = 0.4,
    *,
    lyapunov_exponent: float | None = None,
    reference: ArrayLike | None = None,
) -> float:
    """Time until a forecast first leaves the truth by more than a threshold.

    Parameters
    ----------
    y_true, y_pred : (n_steps,) or (n_steps, n_outputs) array-like
        ``y_pred`` may hold values that are not finite: the forecast has failed by there.
    dt : float
        Time between two steps [s].
    threshold : float
        In standard deviations.
    lyapunov_exponent : float, optional
        Largest one [1/s]; the result is then in Lyapunov times 1/λ (Lorenz-63: 0.9056).
    reference : array-like, optional
        Series that standard deviations are taken from, such as the training part; default ``y_true``, which a short truth makes arbitrary.

    Returns
    -------
    float
        dt × the number of steps before the first bad one (× λ); the whole length if none is bad: a lower bound then.

    Notes
    -----
    The error at step t is e_t = (mean over outputs of ((y − ŷ) / σ)²)^½, σ the standard deviation of each output (P. R. Vlachas et al., Neural
    Networks 126, 2020). Others divide the norm of the error by the root mean square of ‖y‖ (J. Pathak et al. 2018), which is more lenient for a
    series far from zero. Figures compare only with the same definition, integrator and step.

    Examples
    --------
    >>> valid_prediction_time([0.0, 1.0, 0.0, -1.0], [0.0, 1.1, 0.1, 0.0], dt=0.5)
    1.5
    """
    true, pred = numbers(y_true, "y_true"), in_double(y_pred)
    if true.shape != pred.shape:
        raise ValueError(f"y_pred: expected the shape of y_true {true.shape}, got {pred.shape}")
    for name, value in (("dt", dt), ("threshold", threshold), ("lyapunov_exponent", lyapunov_exponent)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name}: expected a positive number, got {value}")
    scale = np.var(true if reference is None else numbers(reference, "reference"), axis=0)
    if not np.all(scale > 0):
        raise ValueError(f"{'y_true' if reference is None else 'reference'}: expected a series that varies, got a constant one")
    with np.errstate(over="ignore", invalid="ignore"):  # a forecast that has blown up
        square = np.abs(true - pred) ** 2 / scale
        good = np.sqrt(square if square.ndim == 1 else np.mean(square, axis=1)) <= threshold  # false for NaN
    n_good = len(good) if good.all() else int(np.argmin(good))
    return n_good * dt * (1.0 if lyapunov_exponent is None else lyapunov_exponent)


def state_space_divergence(y_true: ArrayLike, y_generated: ArrayLike, n_bins: int = 30, *, margin: float = 0.1, smoothing: float = 1e-5) -> float:
    """D_stsp: Kullback-Leibler divergence of where a generated series lives from where the true one lives, by counting in boxes.

    Parameters
    ----------
    y_true : (n_steps,) or (n_steps, n_dimensions) array-like
        The true series; for a scalar one put delayed copies side by side first.
    y_generated : (n_generated,) or (n_generated, n_dimensions) array-like
        Of any length. Points outside the boxes, and those that are not finite, are left out.
    n_bins : int
        Equal bins an axis, from the minimum of the true series less ``margin`` standard deviations to its maximum plus as many.
    margin, smoothing : float
        ``smoothing`` is added to every count.

    Returns
    -------
    float
        KL(true ‖ generated) [nats]. **Not zero for a perfect model**: print beside it the floor, this function between two true orbits of the same
        lengths.

    Notes
    -----
    p_k = (n_k + ε) / Σ (n + ε) over all boxes, D = Σ p_k ln(p_k / q_k). Conventions differ between papers (bins, range, ε), and so do the values;
    this one follows Koppe et al. (PLoS Comput. Biol. 15, 2019).

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 1000)
    >>> state_space_divergence(x, x)
    0.0
    >>> state_space_divergence(x, 0.5 * x) > 1.0
    True
    """
    true, generated = numbers(y_true, "y_true"), in_double(y_generated)
    if true.dtype.kind == "c" or generated.dtype.kind == "c":
        raise TypeError("y_true, y_generated: expected real numbers; put real and imaginary parts side by side")
    true, generated = (a[:, None] if a.ndim == 1 else a for a in (true, generated))
    if generated.ndim != 2 or generated.shape[1] != true.shape[1] or not len(generated):
        raise ValueError(f"y_generated: expected (n, {true.shape[1]}) like y_true with at least one step, got shape {generated.shape}")
    if n_bins < 1 or n_bins ** true.shape[1] > MOST_BINS:
        raise ValueError(f"n_bins: expected 1 … {MOST_BINS:,} boxes in all, got {n_bins} bins on {true.shape[1]} axes")
    if not smoothing > 0 or not margin >= 0:
        raise ValueError(f"smoothing, margin: expected > 0 and ≥ 0, got {smoothing} and {margin}")
    spread = true.std(axis=0)
    if not np.all(spread > 0):
        raise ValueError("y_true: expected a series that varies on every axis")
    low, high = true.min(axis=0) - margin * spread, true.max(axis=0) + margin * spread
    p, q = (_shares(a, low, high, n_bins, smoothing) for a in (true, generated))
    return float(np.sum(p * np.log(p / q)))


def _shares(
    points: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], n_bins: int, smoothing: float
) -> NDArray[np.float64]:
    inside = np.all((points >= low) & (points <= high), axis=1)  # false for NaN
    place = np.minimum(((points[inside] - low) / (high - low) * n_bins).astype(np.int64), n_bins - 1)
    box = np.zeros(len(place), dtype=np.int64)
    for axis in range(points.shape[1]):
        box = box * n_bins + place[:, axis]
    counts = np.bincount(box, minlength=n_bins ** points.shape[1]) + smoothing
    return np.asarray(counts / counts.sum())
