"""What all cells share: sizes, the layout of θ, starting weights."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import init as _init
from . import _layout
from ._checks import FloatArray, float_array, positive

ACTIVATIONS = ("identity", "relu", "tanh", "sigmoid", "elu")


@dataclass(frozen=True)
class Cell(ABC):
    """One step of a recurrent net, s_t = cell(s_{t-1}, x_t; θ).

    Parameters
    ----------
    n_inputs, n_units : int, positive
    """

    n_inputs: int
    n_units: int

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for field in ("n_inputs", "n_units"):
            object.__setattr__(self, field, positive(field, getattr(self, field), int))

    @property
    def n_state(self) -> int:
        """Length of the state s."""
        return self.n_units

    @property
    def n_features(self) -> int:
        """Length of what the read-out sees: the states ``first_feature`` … ``first_feature + n_features − 1``."""
        return self.n_units

    @property
    def first_feature(self) -> int:
        """Where in the state that begins; 0 but for stacks."""
        return 0

    @property
    def n_params(self) -> int:
        """Length of θ."""
        return sum(group.n_params for group in self._groups())

    @property
    def bound(self) -> float | None:
        """``weight_bound`` of a cell that has one."""
        return getattr(self, "weight_bound", None)

    @abstractmethod
    def _groups(self) -> Sequence[_layout.Rows | _layout.Column]:
        """θ, group after group, as the kernel's groups lie."""

    def positions(self) -> dict[str, NDArray[np.int64]]:
        """Where the named parts stand in θ.

        Returns
        -------
        positions : dict
            For every part an array of its shape: positions in θ, −1 where a sparse matrix has no number.

        Examples
        --------
        >>> import pushforward as pf
        >>> pf.cells.Elman(n_inputs=1, n_units=2).positions()["bias"]
        array([3, 7])
        """
        return _layout.positions(self._groups())

    def settings(self) -> dict[str, Any]:
        """Return the arguments of this cell, ready for JSON: ``make_cell(cell.name, **cell.settings()) == cell``."""
        return dataclasses.asdict(self)

    def core_settings(self) -> dict[str, Any]:
        """What the extension module builds this cell from."""
        given = {key: value for key, value in self.settings().items() if key not in ("weight_bound", "connectivity", "connectivity_seed")}
        return {"name": self.name, **given}

    def init(self, seed: int | np.random.Generator, dtype: DTypeLike = "float64", scheme: str | None = None) -> FloatArray:
        """Draw starting weights.

        Parameters
        ----------
        seed : int or numpy.random.Generator
        dtype : {"float64", "float32"}
            Drawn in float64 and rounded: the two precisions start from the same weights.
        scheme : str, optional
            How the recurrent weights are drawn, see :func:`pushforward.init.recurrent_weights`; the default is the cell's own (see its Notes).

        Returns
        -------
        theta : (n_params,) ndarray
            With a ``weight_bound`` c, φ(θ) are the weights described, a matrix with entries beyond 0.9 c shrunk to fit.

        Examples
        --------
        >>> import pushforward as pf
        >>> pf.cells.Elman(n_inputs=2, n_units=3).init(seed=0, dtype="float32").shape
        (18,)
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
        weights = self._draw(scheme, _init.generator(seed))
        if self.bound is not None:
            weights = {name: _init.unbounded(W, self.bound) if np.any(W) else W for name, W in weights.items()}
        at = self.positions()
        weights = {name: np.where(at[name] >= 0, W, 0.0) for name, W in weights.items()}
        theta: FloatArray = self.pack(weights).astype(dtype)
        return theta

    @abstractmethod
    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Starting weights by name."""

    def initial_readout(self, n_outputs: int, scheme: str | None, rng: np.random.Generator) -> NDArray[np.float64] | None:
        """Draw W_out (n_outputs, n_features) where the scheme asks for one of its own; None: any will do."""
        return None

    def unpack(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Name the parts of θ.

        Parameters
        ----------
        theta : (n_params,) ndarray of float32 or float64

        Returns
        -------
        weights : dict
            Copies, as stored (before any bound); a matrix that is sparse holds zeros where there is no connection.

        Examples
        --------
        >>> import numpy as np, pushforward as pf
        >>> pf.cells.Elman(n_inputs=1, n_units=2).unpack(np.arange(8.0))["bias"]
        array([3., 7.])
        """
        theta = float_array("theta", theta, (self.n_params,))
        return {name: np.where(at >= 0, theta[at], theta.dtype.type(0)) for name, at in self.positions().items()}

    def pack(self, weights: Mapping[str, FloatArray]) -> FloatArray:
        """Lay named weights out as θ, the inverse of :meth:`unpack`.

        Parameters
        ----------
        weights : mapping
            The parts that :meth:`unpack` names, all float32 or all float64.
        """
        found = self.positions()
        if set(weights) != set(found):
            raise ValueError(f"weights must have exactly the keys {', '.join(found)}, got {', '.join(map(str, weights)) or 'none'}")
        arrays = {name: float_array(name, weights[name], at.shape) for name, at in found.items()}
        if len({array.dtype for array in arrays.values()}) > 1:
            raise TypeError(f"weights must share one dtype, got {', '.join(f'{name} {array.dtype}' for name, array in arrays.items())}")
        theta = np.zeros(self.n_params, next(iter(arrays.values())).dtype)
        for name, at in found.items():
            if extra := np.count_nonzero(arrays[name][at < 0]):
                raise ValueError(f"{name} must be zero where there is no connection, got {extra} other numbers there")
            theta[at[at >= 0]] = arrays[name][at >= 0]
        return theta
