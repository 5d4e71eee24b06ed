"""Classes as the classifiers are given them: labels of any kind, and their positions among the outputs."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels = NDArray[Any]  # integers, bools, strings, bytes; complex points where they are asked for


def array_of(name: str, values: ArrayLike) -> NDArray[Any]:
    """An array of whatever kind; refuse nested lists of different lengths by the argument's name."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array or lists of one length, got {type(values).__name__}: {error}") from None


def labels_of(name: str, values: ArrayLike, points: bool = False) -> Labels:
    """Labels of any shape, in the type given; with ``points`` complex symbols too. Strings may come as objects, as from pandas."""
    array = _texts(array_of(name, values))
    if array.dtype.kind not in ("iubUSc" if points else "iubUS"):
        expected = "classes (integers, strings, or complex points)" if points else "classes (integers or strings)"
        raise TypeError(f"{name} must be {expected}, got {array.dtype}")
    return array


def _texts(array: Labels) -> Labels:
    return array.astype(str) if array.dtype == object and array.size and all(isinstance(value, str) for value in array.flat) else array


def label_of(y: ArrayLike, points: bool = False) -> Labels:
    """The label of one event, (1,)."""
    label = labels_of("y", y, points)
    if label.size != 1:
        raise ValueError(f"y must be one class, got shape {label.shape}")
    return label.reshape(1)


def classes_of(given: ArrayLike) -> Labels:
    """All classes, sorted."""
    array = _texts(array_of("classes", given))
    try:
        values: Labels = np.unique(array)
    except TypeError as error:
        raise TypeError(f"classes must be of one kind, got {given!r}: {error}") from None
    if len(values) < 2:
        raise ValueError(f"classes must be an array of at least 2 classes, got {given!r}")
    return values


def classes_in(labels: Labels) -> Labels:
    """The classes that labels show, sorted."""
    values: Labels = np.unique(labels)
    if len(values) < 2:
        raise ValueError(f"y must show at least 2 classes, got {values.tolist()}; give them all with classes=")
    return values


def codes_of(labels: Labels, classes: Labels, series: int = 0) -> NDArray[np.int64]:
    """Positions of labels (n_steps,) or (n_series, n_steps) among the sorted classes; an unknown one is named with its place.

    Examples
    --------
    >>> codes_of(np.array(["up", "down", "up"]), np.array(["down", "up"]))
    array([1, 0, 1])
    """
    codes = np.searchsorted(classes, labels).clip(0, len(classes) - 1)
    wrong = np.argwhere(np.atleast_2d(classes[codes] != labels))
    if len(wrong):
        i, step = wrong[0]
        came, alike = np.atleast_2d(labels)[i, step].item(), (labels.dtype.kind == "U") == (classes.dtype.kind == "U")
        shown = str if alike else repr  # '1' is not 1
        known = ", ".join(map(shown, classes.tolist()))
        raise ValueError(f"y must hold known classes ({known}), got {shown(came)} at series {series + i}, step {step}")
    return np.ascontiguousarray(codes, dtype=np.int64)
