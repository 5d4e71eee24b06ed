"""What dictionaries share: settings, a fitted copy of them, columns of features."""

import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from ..._checks import seed
from ...linalg._solution import named_rows

__all__ = ["CHUNK_NUMBERS", "Array", "Dictionary"]

Array = NDArray[Any]
CHUNK_NUMBERS = 1 << 16  # of features in scratch memory at a time: they stay in the cache


class Dictionary(BaseEstimator):
    """Settings until ``fit``, which returns a fitted copy: a callable (n, n_inputs) -> (n, n_features).

    A subclass sets what it drew in ``_draw``, as attributes whose names stand in ``_drawn``, and writes features in ``_write``.
    """

    _drawn: ClassVar[tuple[str, ...]] = ()  # arrays of the dtype of the data
    _n_inputs: int
    _n_features: int
    _settings: dict[str, Any]  # those it was fitted with

    # -- learning ------------------------------------------------------------------------------------------------------------

    def fit(self, Z: ArrayLike, Z_next: ArrayLike | None = None, rng: int | np.random.Generator | None = None) -> Self:
        """Return a fitted copy; these settings stay as they are.

        Parameters
        ----------
        Z : (n, n_inputs) ndarray of float32 or float64
            What the dictionary will be given. Its dtype is that of all that is drawn; lists become float64.
        Z_next : (n, n_targets) ndarray, optional
            What follows, row by row: where it changes fast, sampled layers put more units.
        rng : int or numpy.random.Generator, optional
            What draws, where something is drawn.

        Raises
        ------
        ValueError, TypeError
            What does not fit is named; of rows that are not finite the numbers.
        """
        rows = _matrix("Z", Z)
        if len(rows) == 0:
            raise ValueError(f"Z must have at least one row, got shape {rows.shape}")
        named_rows("Z", rows)
        if not isinstance(rng, np.random.Generator):
            if rng is not None:
                seed("rng", rng)
            rng = np.random.default_rng(rng)
        fitted = copy.copy(self)
        fitted._n_inputs = rows.shape[1]
        fitted._draw(rows, None if Z_next is None else np.asarray(Z_next), rng)
        fitted._settings = self.get_params(deep=False)
        return fitted

    def _draw(self, Z: Array, Z_next: Array | None, rng: np.random.Generator) -> None:
        raise NotImplementedError

    def __sklearn_is_fitted__(self) -> bool:
        return "_n_features" in vars(self)

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(f"this {type(self).__name__} has seen no data yet: call fit, which returns a fitted one")
        for name, value in self.get_params(deep=False).items():
            if value is not self._settings[name] and value != self._settings[name]:
                raise ValueError(f"{name} was {self._settings[name]!r} in fit and is {value!r} now: fit a dictionary with the new settings")

    @property
    def n_inputs(self) -> int:
        """Width of what it takes."""
        self._check_fitted()
        return self._n_inputs

    @property
    def n_features(self) -> int:
        """Width of what it gives."""
        self._check_fitted()
        return self._n_features

    @property
    def state_columns(self) -> slice | None:
        """Where its argument itself stands in the features (a lift need not put it there again), or None."""
        return None

    @property
    def constant_column(self) -> int | None:
        """Which feature is the constant 1, or None."""
        return None

    # -- features ------------------------------------------------------------------------------------------------------------

    def __call__(self, Z: ArrayLike, out: Array | None = None) -> Array:
        """Features of rows.

        Parameters
        ----------
        Z : (n, n_inputs) ndarray of float32 or float64
            Its dtype is that of the features; lists become float64.
        out : (n, n_features) ndarray, optional
            Where to write them, as in some columns of a wider array.

        Returns
        -------
        features : (n, n_features) ndarray
        """
        self._check_fitted()
        rows = _matrix("Z", Z)
        if rows.shape[1] != self._n_inputs:
            raise ValueError(f"Z must have {self._n_inputs} columns like the data of fit, got {rows.shape[1]}")
        for name in self._drawn:
            drawn = getattr(self, name).dtype
            if drawn != rows.dtype:
                raise TypeError(f"Z must be {drawn} like the data of fit, got {rows.dtype}; convert it with astype({drawn.name!r})")
        shape = len(rows), self._n_features
        if out is None:
            out = np.empty(shape, rows.dtype)
        elif not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != rows.dtype or not out.flags.writeable:
            found = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            raise ValueError(f"out must be a writeable array of {rows.dtype} and shape {shape}, got {found}")
        self._write(rows.copy() if np.may_share_memory(rows, out) else rows, out)
        return out

    def _write(self, Z: Array, out: Array) -> None:
        raise NotImplementedError

    def names(self) -> list[str]:
        """What each feature is, of inputs z0, z1, …"""
        raise NotImplementedError

    # -- what a file holds ---------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, Array]:
        """All that was drawn or counted, by name; with the settings it is the fitted dictionary. Copies."""
        self._check_fitted()
        drawn = {name.strip("_"): getattr(self, name).copy() for name in self._drawn}
        return {"sizes": np.array([self._n_inputs, self._n_features], np.int64), **drawn}

    def from_arrays(self, arrays: dict[str, Array]) -> Self:
        """Return a fitted copy of these settings from what :meth:`arrays` gave."""
        fitted = copy.copy(self)
        fitted._n_inputs, fitted._n_features = map(int, arrays["sizes"])
        for name in self._drawn:
            setattr(fitted, name, np.array(arrays[name.strip("_")]))
        fitted._restore()
        fitted._settings = self.get_params(deep=False)
        return fitted

    def _restore(self) -> None:
        """Make again what is neither a setting nor an array."""


def _matrix(name: str, values: ArrayLike) -> Array:
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=np.float64)
    if array.dtype.name not in ("float32", "float64"):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}; convert it with astype('float64')")
    if array.ndim != 2 or array.shape[1] == 0:
        hint = "; one variable: reshape(-1, 1)" if array.ndim == 1 else ""
        raise ValueError(f"{name} must be (n, n_inputs), got shape {array.shape}{hint}")
    return array
