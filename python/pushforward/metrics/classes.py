"""How well classes are foreseen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ._checks import labels_of

__all__ = ["accuracy", "bits_per_character", "class_frequency_entropy", "cross_entropy"]


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
    labels = labels_of(y_true, "y_true", table.shape[1])
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
    labels = labels_of(y, "y", n_classes)
    known = None if reference is None else labels_of(reference, "reference", n_classes)
    n = n_classes or int(max(labels.max(), -1 if known is None else known.max())) + 1
    counts = np.bincount(labels, minlength=n) if known is None else np.bincount(known, minlength=n) + 1
    return float(-np.mean(np.log(counts[labels] / counts.sum())))
