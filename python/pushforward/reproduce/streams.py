"""The data of the reports: what is learnt, by which nets unless told otherwise, over how many events, in which unit."""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import datasets

__all__ = ["DATA", "Data", "Series", "load"]


@dataclass(frozen=True)
class Series:
    """A stream of classes to foresee."""

    X: NDArray[Any]
    y: NDArray[np.int64]
    n_inputs: int
    n_classes: int
    sha256: str


@dataclass(frozen=True)
class Data:
    """A data set as a report uses it; ``per_nat`` turns nats into ``unit``."""

    nets: tuple[str, ...]
    steps: int
    unit: str
    per_nat: float
    event: str
    title: str


DATA = {
    "shakespeare": Data(
        nets=("gru-10", "gru-20", "elman-tanh-10", "elman-tanh-50", "elman-elu-10", "elman-elu-50"),
        steps=1_000_000,
        unit="bits per character",
        per_nat=1.0 / math.log(2.0),
        event="character",
        title="Tiny Shakespeare, next character",
    ),
    "lobster": Data(
        nets=("elman-tanh-16",),
        steps=51_763,  # nine tenths of the day
        unit="nats",
        per_nat=1.0,
        event="event",
        title="AMZN order book 2012-06-21, next move of the mid-price",
    ),
}


@functools.cache
def load(name: str) -> Series:
    """Read a data set once a process."""
    if name == "shakespeare":
        text = datasets.tiny_shakespeare()
        X, y, n_inputs, n_classes = text.X, text.y, len(text.alphabet), len(text.alphabet)
    else:
        book = datasets.lobster()
        X, y, n_inputs, n_classes = book.X, book.y, book.X.shape[1], len(book.classes)
    digest = hashlib.sha256(np.ascontiguousarray(X).tobytes() + np.ascontiguousarray(y).tobytes()).hexdigest()
    return Series(np.ascontiguousarray(X), np.ascontiguousarray(y), n_inputs, n_classes, digest)
