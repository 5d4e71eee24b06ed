"""A dictionary of the user's own."""

from collections.abc import Callable

import numpy as np

from ._base import Array, Dictionary

__all__ = ["Custom"]


class Custom(Dictionary):
    """A function of one's own; it cannot be saved to a file, only pickled.

    Parameters
    ----------
    function : callable
        (n, n_inputs) ndarray -> (n, n_features) array of real numbers, a row depending on the same row only.
    feature_names : sequence of str, optional

    Notes
    -----
    ``fit`` calls it with the first row to count its features. They are converted to the dtype of the data.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> Z = np.linspace(0, 1, 5)[:, None]
    >>> pf.koopman.Custom(lambda z: np.concatenate([np.sin(z), np.cos(z)], axis=1)).fit(Z)(Z).shape
    (5, 2)
    """

    def __init__(self, function: Callable[[Array], Array], feature_names: list[str] | None = None) -> None:
        self.function = function
        self.feature_names = feature_names

    def _draw(self, Z: Array, Z_next: Array | None, rng: np.random.Generator) -> None:
        if not callable(self.function):
            raise TypeError(f"function must be callable, got {type(self.function).__name__}")
        self._n_features = self._values(Z[:1]).shape[1]
        if self._n_features == 0:
            raise ValueError("function must give at least one feature, got none")
        if self.feature_names is not None and len(self.feature_names) != self._n_features:
            raise ValueError(f"feature_names must have {self._n_features} names, one for each feature of function, got {len(self.feature_names)}")

    def _values(self, Z: Array) -> Array:
        rows = Z.view()
        rows.flags.writeable = False  # these may be the caller's data
        values = np.asarray(self.function(rows))
        if values.ndim != 2 or len(values) != len(Z) or values.dtype.kind not in "iufb":
            raise ValueError(f"function must give real numbers of shape ({len(Z)}, n_features), got {values.dtype} of shape {values.shape}")
        return values

    def _write(self, Z: Array, out: Array) -> None:
        values = self._values(Z)
        if values.shape[1] != self._n_features:
            raise ValueError(f"function must give {self._n_features} features as it did in fit, got {values.shape[1]}")
        out[...] = values

    def names(self) -> list[str]:
        """Names of the features: those given, or f0, f1, …"""
        return [f"f{i}" for i in range(self.n_features)] if self.feature_names is None else list(self.feature_names)

    def arrays(self) -> dict[str, Array]:
        """Refused: a file holds no code."""
        raise TypeError("a Custom dictionary cannot be saved: a file holds numbers and no code; pickle the model, or use another dictionary")
