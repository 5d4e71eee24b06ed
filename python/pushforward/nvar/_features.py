"""Delayed inputs and their monomials."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._checks import positive_int
from .._series import Array

CHUNK_NUMBERS = 1 << 20  # of features held at a time


class Delays:
    """Features [x_t | x_{t−s} | … | x_{t−(k−1)s} | monomials] of a series, for the steps whose delays lie within it."""

    def __init__(self, n_inputs: int, n_delays: int, stride: int, order: Any) -> None:
        positive_int("n_delays", n_delays)
        positive_int("stride", stride)
        degrees = order if isinstance(order, (list, tuple, np.ndarray)) else [order]
        for degree in degrees:
            positive_int("order", degree, "a positive int or a sequence of them")
        self.n_inputs, self.n_delays, self.stride, self.n_linear = n_inputs, n_delays, stride, n_inputs * n_delays
        self.span = (n_delays - 1) * stride  # steps of a series before the first that has features
        every = range(self.n_linear)
        self.products = [
            np.array(list(itertools.combinations_with_replacement(every, d)), np.intp).T for d in sorted({int(d) for d in degrees} - {1})
        ]  # (degree, n_monomials): places in the linear part
        self.n_features = self.n_linear + sum(places.shape[1] for places in self.products)

    def features(self, x: Array) -> Array:
        """Return (…, n_steps − span, n_features) of inputs (…, n_steps, n_inputs)."""
        n_steps = x.shape[-2] - self.span
        out = np.empty((*x.shape[:-2], n_steps, self.n_features), x.dtype)
        for j in range(self.n_delays):
            first = self.span - j * self.stride
            out[..., j * self.n_inputs : (j + 1) * self.n_inputs] = x[..., first : first + n_steps, :]
        column = self.n_linear
        with np.errstate(over="ignore", invalid="ignore"):  # found where it is used
            for places in self.products:
                monomials = out[..., places[0]]
                for factor in places[1:]:
                    monomials *= out[..., factor]
                out[..., column : column + places.shape[1]] = monomials
                column += places.shape[1]
        return out

    def pieces(self, x: Array) -> Iterator[tuple[int, Array]]:
        """Yield a stretch of steps after the other: the step of x that its first row belongs to, and its features."""
        length = max(64, CHUNK_NUMBERS // self.n_features)
        for first in range(0, len(x) - self.span, length):
            yield first + self.span, self.features(x[first : first + length + self.span])

    def tail(self, x: Array, n_steps: int) -> Array:
        """Return the last steps of x, or all if there are fewer."""
        tail: Any = x[max(0, len(x) - n_steps) :]
        return np.array(tail)
