"""Dual numbers a + ε a', ε² = 0, one at a time: arithmetic that takes its derivative along.

An array of dtype object holds them, and NumPy's functions then call the methods below entry by entry: the twins of the cells compute in dual
numbers without knowing it. ``value`` and ``tangent`` may be complex, as in the linear recurrent unit.
"""

from typing import Any, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

Plain = Union["Number", complex]


class Number:
    """a + ε a'. Comparisons look at the value.

    Examples
    --------
    >>> x = Number(3.0, 1.0)
    >>> (x * x).tangent, (1 / x).tangent, np.exp(np.array([x]))[0].tangent == np.exp(3.0)
    (6.0, -0.1111111111111111, np.True_)
    """

    __slots__ = ("tangent", "value")

    def __init__(self, value: Any, tangent: Any = 0.0) -> None:
        self.value, self.tangent = value, tangent

    def __neg__(self) -> "Number":
        return Number(-self.value, -self.tangent)

    def __add__(self, other: Plain) -> "Number":
        b = lifted(other)
        return Number(self.value + b.value, self.tangent + b.tangent)

    def __mul__(self, other: Plain) -> "Number":
        b = lifted(other)
        return Number(self.value * b.value, self.tangent * b.value + self.value * b.tangent)

    def __truediv__(self, other: Plain) -> "Number":
        b = lifted(other)
        return Number(self.value / b.value, (self.tangent * b.value - self.value * b.tangent) / (b.value * b.value))

    def __pow__(self, power: int) -> "Number":
        return Number(self.value**power, power * self.value ** (power - 1) * self.tangent)

    def __sub__(self, other: Plain) -> "Number":
        return self + -lifted(other)

    def __rsub__(self, other: Plain) -> "Number":
        return lifted(other) - self

    def __rtruediv__(self, other: Plain) -> "Number":
        return lifted(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __gt__(self, other: Plain) -> bool:
        return bool(self.value > lifted(other).value)

    def __ge__(self, other: Plain) -> bool:
        return bool(self.value >= lifted(other).value)

    def __lt__(self, other: Plain) -> bool:
        return bool(self.value < lifted(other).value)

    def __le__(self, other: Plain) -> bool:
        return bool(self.value <= lifted(other).value)

    def __float__(self) -> float:
        return float(self.value)

    def __abs__(self) -> "Number":
        size = abs(self.value)
        return Number(size, (np.conj(self.value) * self.tangent).real / size if size else 0.0)

    def exp(self) -> "Number":
        """e^a."""
        return Number(np.exp(self.value), np.exp(self.value) * self.tangent)

    def expm1(self) -> "Number":
        """e^a − 1."""
        return Number(np.expm1(self.value), np.exp(self.value) * self.tangent)

    def log(self) -> "Number":
        """log a."""
        return Number(np.log(self.value), self.tangent / self.value)

    def tanh(self) -> "Number":
        """The slope is 1 − tanh²."""
        return Number(np.tanh(self.value), (1 - np.tanh(self.value) ** 2) * self.tangent)

    def sqrt(self) -> "Number":
        """√a."""
        return Number(np.sqrt(self.value), self.tangent / (2 * np.sqrt(self.value)))

    def conjugate(self) -> "Number":
        """Of value and tangent."""
        return Number(np.conj(self.value), np.conj(self.tangent))

    @property
    def real(self) -> "Number":
        return Number(self.value.real, self.tangent.real)

    @property
    def imag(self) -> "Number":
        return Number(self.value.imag, self.tangent.imag)


class DualArray(NDArray[Any]):
    """An array of them. A view of this class keeps constants out of what functions return, and has real and imaginary parts of objects."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        """Compute on the bare objects; np.minimum(a, 0), say, leaves a plain 0 where there is to be a number with a tangent."""
        result = getattr(ufunc, method)(*(np.asarray(given) for given in inputs), **kwargs)
        return dual(result) if isinstance(result, np.ndarray) and result.dtype == object and "out" not in kwargs else result

    @property  # type: ignore[misc]  # NumPy's may be set
    def real(self) -> Any:
        return dual([lifted(number).real for number in np.ravel(self)]).reshape(self.shape)

    @property  # type: ignore[misc]
    def imag(self) -> Any:
        return dual([lifted(number).imag for number in np.ravel(self)]).reshape(self.shape)


def lifted(number: Any) -> Number:
    """Turn a constant into a number with tangent zero."""
    return number if isinstance(number, Number) else Number(number)


def dual(values: Any, tangents: ArrayLike | None = None) -> Any:
    """Put values (any shape; numbers of either kind) and, unless zero, their tangents together."""
    given = np.asarray(values)
    slopes = np.zeros(given.shape) if tangents is None else np.asarray(tangents)
    numbers = np.empty(given.shape, object)
    for place, number in np.ndenumerate(given):
        numbers[place] = number if isinstance(number, Number) else Number(number, slopes[place])
    return numbers.view(DualArray)


def value(array: Any, dtype: Any) -> Any:
    """Take the values (of ``array``'s shape)."""
    return np.array([lifted(number).value for number in np.ravel(array)], dtype).reshape(np.shape(array))


def tangent(array: Any, dtype: Any) -> Any:
    """Take the tangents (of ``array``'s shape)."""
    return np.array([lifted(number).tangent for number in np.ravel(array)], dtype).reshape(np.shape(array))
