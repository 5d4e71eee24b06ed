"""Figures of merit: how good a prediction is, and how good the trivial one is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["accuracy", "bits_per_character", "class_frequency_entropy", "cross_entropy", "nrmse"]


def nrmse(y_true: ArrayLike, y_pred: ArrayLike, *, reference: ArrayLike | None = None) -> float:
    """Root mean squared error over the standard deviation of the target.

    Parameters
    ----------
    y_true, y_pred : (n_steps,) or (n_steps, n_outputs) array-like
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
    true, pred = _numbers(y_true, "y_true"), _numbers(y_pred, "y_pred")
    if true.shape != pred.shape:
        raise ValueError(f"y_pred: expected the shape of y_true {true.shape}, got {pred.shape}")
    scale = np.var(true if reference is None else _numbers(reference, "reference"), axis=0)
    if not np.all(scale > 0):
        raise ValueError(f"{'y_true' if reference is None else 'reference'}: expected a target that varies, got a constant one")
    return float(np.sqrt(np.mean(np.mean((true - pred) ** 2, axis=0) / scale)))


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Share of labels predicted right.

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """
    true, pred = np.asarray(y_true), np.asarray(y_pred)
    if true.ndim != 1 or true.shape != pred.shape:
        raise ValueError(f"y_true, y_pred: expected two (n_steps,) arrays of one length, got {true.shape} and {pred.shape}")
    if not len(true):
        raise ValueError("y_true: expected at least one label, got none")
    return float(np.mean(true == pred))


def cross_entropy(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of −ln p(label) [nats].

    Parameters
    ----------
    y_true : (n_steps,) array-like of int
    probabilities : (n_steps, n_classes) array-like
        Rows that sum to one. A probability of exactly zero counts as the smallest positive number of its type.

    Examples
    --------
    >>> round(cross_entropy([0, 1], [[0.5, 0.5], [0.5, 0.5]]), 6)
    0.693147
    """
    table = np.asarray(probabilities)
    if table.dtype.kind != "f":
        table = table.astype(np.float64)
    if table.ndim != 2 or not np.isfinite(table).all() or (table < 0).any():
        raise ValueError("probabilities: expected a (n_steps, n_classes) array of finite numbers ≥ 0")
    if np.abs(table.sum(axis=1, dtype=np.float64) - 1.0).max(initial=0.0) > 1e-3:
        raise ValueError("probabilities: expected rows that sum to one")
    labels = _labels(y_true, "y_true", table.shape[1])
    if len(labels) != len(table):
        raise ValueError(f"y_true: expected {len(table)} labels, one a row of probabilities, got {len(labels)}")
    chosen = np.maximum(table[np.arange(len(labels)), labels], np.finfo(table.dtype).tiny)
    return float(-np.mean(np.log(chosen.astype(np.float64))))


def bits_per_character(nats: float) -> float:
    """Turn a mean cross-entropy in nats into bits: divide by ln 2.

    Examples
    --------
    >>> bits_per_character(math.log(65))  # one of 65 symbols, nothing known
    6.022367813028454
    """
    value = float(nats)
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"nats: expected a finite number ≥ 0, got {value}")
    return value / math.log(2.0)


def class_frequency_entropy(y: ArrayLike, reference: ArrayLike | None = None, *, n_classes: int | None = None) -> float:
    """Cross-entropy [nats] of a predictor that knows nothing but how frequent each class is: the baseline of any classifier.

    Parameters
    ----------
    y : (n_steps,) array-like of int
        The labels scored.
    reference : (n,) array-like of int, optional
        The labels whose frequencies are used: those of the training part. Each class is counted once more than it occurs, so
        a class not seen has a finite score. Default: ``y`` itself, exact frequencies.
    n_classes : int, optional
        Default: one more than the largest label of both.

    Returns
    -------
    float

    Examples
    --------
    >>> round(class_frequency_entropy([0, 1, 0, 1]), 6)
    0.693147
    >>> round(class_frequency_entropy([0, 0], reference=[0, 1, 1]), 6)  # (1 + 1) / (3 + 2)
    0.916291
    """
    labels = _labels(y, "y", n_classes)
    known = None if reference is None else _labels(reference, "reference", n_classes)
    n = n_classes or int(max(labels.max(), -1 if known is None else known.max())) + 1
    counts = np.bincount(labels, minlength=n) if known is None else np.bincount(known, minlength=n) + 1
    return float(-np.mean(np.log(counts[labels] / counts.sum())))


def _numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name}: expected (n_steps,) or (n_steps, n_outputs) with at least one step, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers")
    return array


def _labels(values: ArrayLike, name: str, n_classes: int | None) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integer labels, got {array.dtype}")
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name}: expected (n_steps,) labels, at least one, got shape {array.shape}")
    if array.min() < 0 or (n_classes is not None and array.max() >= n_classes):
        raise ValueError(
            f"{name}: expected labels in 0 … {'n_classes − 1' if n_classes is None else n_classes - 1}, got {array.min()} … {array.max()}"
        )
    return array
