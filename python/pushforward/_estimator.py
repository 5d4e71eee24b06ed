"""What estimators share, whatever they learn: bad input leaves them as they were, changed settings are noticed, saving."""

import contextlib
import copy
import os
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from . import io


class Estimator(BaseEstimator):
    """An estimator whose fitted attributes end in an underscore; what else evolves is named in ``_evolving``."""

    _evolving: ClassVar[tuple[str, ...]] = ()
    _may_change: ClassVar[tuple[str, ...]] = ()  # settings that do not belong to what was built

    def _remember_settings(self) -> None:
        self._given_ = {name: _copy(value) for name, value in self.get_params(deep=False).items()}

    def _check_unchanged(self) -> None:
        """The constructor's arguments are those the model was built from."""
        for name, before in self._given_.items():
            now = getattr(self, name)
            if now is not before and name not in self._may_change and not _equal(now, before):
                raise ValueError(f"{name} was {before!r} when the model was built and is now {now!r}; fit() starts afresh with it")

    def _is_built(self) -> bool:
        return "_given_" in vars(self)

    def _check_built(self) -> None:
        if not self._is_built():
            raise NotFittedError(f"this {type(self).__name__} has seen no data yet: call fit or partial_fit first")

    @contextlib.contextmanager
    def _unchanged_by_mistakes(self) -> Iterator[None]:
        """Bad input leaves the model as it was, even half-way through a first call."""
        before = self._fitted()
        try:
            yield
        except BaseException:
            self._forget()
            self.__dict__.update(before)
            raise

    def _fitted(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name.endswith("_") or name in self._evolving}

    def _forget(self) -> None:
        for name in self._fitted():
            delattr(self, name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file: :func:`pushforward.load` goes on bit for bit. The file appears whole or not at all.

        Parameters
        ----------
        path : path of a file, by custom ``*.safetensors``
        """
        io.save(self, path)


def _copy(value: Any) -> Any:
    return copy.deepcopy(value) if isinstance(value, (list, np.ndarray)) or sparse.issparse(value) else value


def _equal(a: Any, b: Any) -> bool:
    """Two arguments of a constructor: names, numbers, values, arrays, or lists of any of these."""
    if sparse.issparse(a) and sparse.issparse(b):
        return bool(a.shape == b.shape and (a != b).nnz == 0)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    try:
        return bool(a == b)
    except ValueError:  # values that hold arrays
        return False
