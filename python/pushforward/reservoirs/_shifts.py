"""Recurrent weights at a few distances: rings and delay lines."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from .._checks import positive_int
from .._network import as_parts
from ._operators import Array, Operator, checked_units, checked_weight, dtype_of, in_precision


class _Shifts(Operator):
    """a[i] = Σ_k weight[k] s[i − shift[k]] + single connections."""

    def _set(
        self, n_units: int, shifts: list[tuple[int, complex]], cyclic: bool, connections: list[tuple[int, int, complex]], dtype: np.dtype[Any]
    ) -> None:
        self._n_units, self.dtype = n_units, dtype
        self._shifts, self._cyclic, self._connections = shifts, cyclic, connections

    def toarray(self) -> Array:
        whole: Array = self._sparse().toarray()
        return whole

    def _sparse(self) -> Any:
        """Return all connections as a csr_array: a few numbers a unit."""
        i = np.arange(self._n_units)
        to, source, values = (list(column) for column in zip(*self._connections, strict=True)) if self._connections else ([], [], [])
        rows, columns, weights = [np.array(to, np.int64)], [np.array(source, np.int64)], [np.array(values, self.dtype)]
        for shift, weight in self._shifts:
            j = i - shift
            heard = np.ones_like(j, bool) if self._cyclic else (j >= 0) & (j < self._n_units)
            rows.append(i[heard])
            columns.append(j[heard] % self._n_units)
            weights.append(np.full(heard.sum(), weight, self.dtype))
        places = np.concatenate(rows), np.concatenate(columns)
        return sparse.coo_array((np.concatenate(weights), places), shape=self.shape).tocsr()

    def _times(self, states: Array) -> Array:
        product: Array = self._sparse() @ states
        return product

    def _recurrence(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        columns = list(zip(*self._connections, strict=True)) or [(), (), ()]
        return {
            "kind": "shifts", "n_units": self._n_units, "cyclic": self._cyclic,
            "shift": np.array([shift for shift, _ in self._shifts], np.int64),
            "weight": as_parts(in_precision([weight for _, weight in self._shifts], dtype), dtype),
            "to": np.array(columns[0], np.int64), "from": np.array(columns[1], np.int64), "value": as_parts(in_precision(columns[2], dtype), dtype),
        }  # fmt: skip


class Ring(_Shifts):
    """A ring: every unit hears the one before it, the first hears the last.

    Parameters
    ----------
    n_units : int
    weight : float or complex
        Of every connection. The spectral radius is its absolute value.

    Notes
    -----
    a[i] = weight · s[i − 1], indices modulo n_units: the simple cycle reservoir of Rodan and Tiňo, IEEE Transactions on Neural Networks 22 (2011).

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.reservoirs.Ring(3, 0.9).toarray()
    array([[0. , 0. , 0.9],
           [0.9, 0. , 0. ],
           [0. , 0.9, 0. ]])
    """

    def __init__(self, n_units: int, weight: complex) -> None:
        self.weight = checked_weight("weight", weight)
        self._set(checked_units(n_units), [(1, self.weight)], True, [], dtype_of(self.weight))

    def scaled(self, factor: complex) -> Ring:
        """Return the same structure with all weights times ``factor``."""
        return Ring(self._n_units, self.weight * factor)

    def spectral_radius(self) -> float:
        """Return |weight|."""
        return abs(self.weight)

    def __repr__(self) -> str:
        return f"Ring({self._n_units}, {self.weight!r})"


class DelayLine(_Shifts):
    """A delay line: every unit hears the one before it, the first hears none.

    Parameters
    ----------
    n_units : int
    weight : float or complex
        Of every connection forward.
    feedback_weight : float or complex
        Of a connection from every unit to the one before it; 0: there is none.

    Notes
    -----
    a[i] = weight · s[i − 1] + feedback_weight · s[i + 1], and nothing beyond the ends: DLR and DLRB of Rodan and Tiňo (2011). Without feedback all
    eigenvalues are zero; with it they are 2 √(weight · feedback_weight) cos(k π / (n_units + 1)).

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.reservoirs.DelayLine(3, 0.9, 0.1).toarray()
    array([[0. , 0.1, 0. ],
           [0.9, 0. , 0.1],
           [0. , 0.9, 0. ]])
    """

    def __init__(self, n_units: int, weight: complex, feedback_weight: complex = 0.0) -> None:
        self.weight, self.feedback_weight = checked_weight("weight", weight), checked_weight("feedback_weight", feedback_weight)
        shifts = [(1, self.weight), *([(-1, self.feedback_weight)] if self.feedback_weight else [])]
        self._set(checked_units(n_units), shifts, False, [], dtype_of(self.weight, self.feedback_weight))

    def scaled(self, factor: complex) -> DelayLine:
        """Return the same structure with all weights times ``factor``."""
        return DelayLine(self._n_units, self.weight * factor, self.feedback_weight * factor)

    def spectral_radius(self) -> float:
        """Return 2 √|weight · feedback_weight| cos(π / (n_units + 1))."""
        return float(2 * np.sqrt(abs(self.weight * self.feedback_weight)) * np.cos(np.pi / (self._n_units + 1)))

    def __repr__(self) -> str:
        return f"DelayLine({self._n_units}, {self.weight!r}, {self.feedback_weight!r})"


class CycleWithJumps(_Shifts):
    """A ring with two-way jumps between every ``jump``-th unit.

    Parameters
    ----------
    n_units : int
    weight : float or complex
        Of the ring.
    jump_weight : float or complex
        Of the jumps, in both directions.
    jump : int
        Units that a jump leaps over, 2 … n_units − 1. Jumps begin at unit 0 and go round; when ``jump`` does not divide ``n_units`` the last ends at
        unit 0 only if it fits.

    Notes
    -----
    CRJ of Rodan and Tiňo, Neural Computation 24 (2012).

    Examples
    --------
    >>> import pushforward as pf
    >>> pf.reservoirs.CycleWithJumps(4, 0.9, 0.2, jump=2).toarray()
    array([[0. , 0. , 0.4, 0.9],
           [0.9, 0. , 0. , 0. ],
           [0.4, 0.9, 0. , 0. ],
           [0. , 0. , 0.9, 0. ]])
    """

    def __init__(self, n_units: int, weight: complex, jump_weight: complex, jump: int) -> None:
        self.weight, self.jump_weight, self.jump = checked_weight("weight", weight), checked_weight("jump_weight", jump_weight), jump
        n = checked_units(n_units)
        positive_int("jump", jump, "an int of at least 2")
        if not 2 <= jump < n:
            raise ValueError(f"jump must lie between 2 and n_units − 1 = {n - 1}, got {jump}")
        connections = []
        for source in range(0, n - n % jump, jump):
            to = (source + jump) % n
            if source + jump < n or n % jump == 0:
                connections += [(to, source, self.jump_weight), (source, to, self.jump_weight)]
        self._set(n, [(1, self.weight)], True, connections, dtype_of(self.weight, self.jump_weight))

    def scaled(self, factor: complex) -> CycleWithJumps:
        """Return the same structure with all weights times ``factor``."""
        return CycleWithJumps(self._n_units, self.weight * factor, self.jump_weight * factor, self.jump)

    def __repr__(self) -> str:
        return f"CycleWithJumps({self._n_units}, {self.weight!r}, {self.jump_weight!r}, jump={self.jump})"
