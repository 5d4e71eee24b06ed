"""Cells: what a net computes in one step, and how its weights lie in one flat vector θ.

θ holds one row ``[W_rec | W_in | bias]`` per unit, C order: ``theta.reshape(n_units, n_units + n_inputs + 1)``. A cell is a value
(frozen, hashable, picklable); it holds sizes and settings, never weights.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import init as _init

__all__ = ["ACTIVATIONS", "CELLS", "Cell", "Elman", "Linear", "make_cell"]

FloatArray: TypeAlias = NDArray[np.floating[Any]]

ACTIVATIONS = ("identity", "relu", "tanh", "sigmoid", "elu")


@dataclass(frozen=True)
class Cell(ABC):
    """One layer of units, s_t = cell(s_{t-1}, x_t; θ). Build an :class:`Elman` or a :class:`Linear`.

    Parameters
    ----------
    n_inputs, n_units : int, positive
    """

    n_inputs: int
    n_units: int

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for field in ("n_inputs", "n_units"):
            object.__setattr__(self, field, _positive(field, getattr(self, field), int))

    @property
    def n_state(self) -> int:
        """Length of the state s."""
        return self.n_units

    @property
    def n_params(self) -> int:
        """Length of θ."""
        return self.n_units * (self.n_units + self.n_inputs + 1)

    def settings(self) -> dict[str, Any]:
        """Return the arguments of this cell, ready for JSON: ``make_cell(cell.name, **cell.settings()) == cell``."""
        return dataclasses.asdict(self)

    def init(self, seed: int | np.random.Generator, dtype: DTypeLike = "float64", scheme: str | None = None) -> FloatArray:
        """Draw starting weights.

        Parameters
        ----------
        seed : int or numpy.random.Generator
        dtype : {"float64", "float32"}
            Drawn in float64 and rounded: the two precisions start from the same weights.
        scheme : str, optional
            How W_rec is drawn, see :func:`pushforward.init.recurrent_weights`; the default is the cell's own (see its Notes).
            W_in is uniform in ±1/√n_inputs and the bias zero in every scheme.

        Returns
        -------
        theta : (n_params,) ndarray
            With a ``weight_bound`` c, φ(θ) are the weights described, a matrix with entries beyond 0.9 c shrunk to fit.

        Examples
        --------
        >>> Elman(n_inputs=2, n_units=3).init(seed=0, dtype="float32").shape
        (18,)
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
        rng = _init.generator(seed)
        W_rec = self._initial_recurrent(scheme, rng)
        W_in = _init.input_weights(self.n_units, self.n_inputs, rng)
        if (bound := getattr(self, "weight_bound", None)) is not None:
            W_rec, W_in = _init.unbounded(W_rec, bound), _init.unbounded(W_in, bound)
        return np.hstack([W_rec, W_in, np.zeros((self.n_units, 1))]).ravel().astype(dtype)

    @abstractmethod
    def _initial_recurrent(self, scheme: str | None, rng: np.random.Generator) -> NDArray[np.float64]: ...

    def unpack(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Name the parts of θ.

        Parameters
        ----------
        theta : (n_params,) ndarray of float32 or float64

        Returns
        -------
        weights : dict
            Copies: ``W_rec (n_units, n_units)``, ``W_in (n_units, n_inputs)``, ``bias (n_units,)``, as stored (before any bound).

        Examples
        --------
        >>> Elman(n_inputs=1, n_units=2).unpack(np.arange(8.0))["bias"]
        array([3., 7.])
        """
        rows = _float_array("theta", theta, (self.n_params,)).reshape(self.n_units, -1)
        n = self.n_units
        return {"W_rec": rows[:, :n].copy(), "W_in": rows[:, n:-1].copy(), "bias": rows[:, -1].copy()}

    def pack(self, weights: Mapping[str, FloatArray]) -> FloatArray:
        """Lay named weights out as θ, the inverse of :meth:`unpack`.

        Parameters
        ----------
        weights : mapping
            ``W_rec (n_units, n_units)``, ``W_in (n_units, n_inputs)``, ``bias (n_units,)``, all float32 or all float64.
        """
        n = self.n_units
        shapes: dict[str, tuple[int, ...]] = {"W_rec": (n, n), "W_in": (n, self.n_inputs), "bias": (n,)}
        if set(weights) != set(shapes):
            raise ValueError(f"weights must have exactly the keys {', '.join(shapes)}, got {', '.join(map(str, weights)) or 'none'}")
        W_rec, W_in, bias = (_float_array(key, weights[key], shape) for key, shape in shapes.items())
        if not W_rec.dtype == W_in.dtype == bias.dtype:
            raise TypeError(f"weights must share one dtype, got W_rec {W_rec.dtype}, W_in {W_in.dtype}, bias {bias.dtype}")
        return np.hstack([W_rec, W_in, bias[:, None]]).ravel()


@dataclass(frozen=True)
class Elman(Cell):
    """Elman's cell: s ← σ(W_rec s + W_in x + bias).

    Parameters
    ----------
    n_inputs, n_units : int, positive
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
        σ; ELU has α = 1.
    weight_bound : float, optional
        c > 0: every entry w of θ enters as φ(w) = c tanh(w / c), the bounded maps of arXiv 2501.08040, (2.17).

    Notes
    -----
    Starts from W_rec = 0.9 Q, Q orthogonal, unless told: a contraction for every activation here (slopes are at most 1).

    Examples
    --------
    >>> Elman(n_inputs=2, n_units=3, activation="relu").settings()
    {'n_inputs': 2, 'n_units': 3, 'activation': 'relu', 'weight_bound': None}
    """

    activation: str = "tanh"
    weight_bound: float | None = None

    name: ClassVar[str] = "elman"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r}")
        if self.weight_bound is not None:
            object.__setattr__(self, "weight_bound", _positive("weight_bound", self.weight_bound, float))

    def _initial_recurrent(self, scheme: str | None, rng: np.random.Generator) -> NDArray[np.float64]:
        return _init.recurrent_weights(scheme or "orthogonal", self.n_units, rng)


@dataclass(frozen=True)
class Linear(Cell):
    """A linear cell: h ← W_rec h + W_in x + bias, or with ``dt`` one Euler step, h ← h + dt (W_rec h + W_in x + bias).

    Parameters
    ----------
    n_inputs, n_units : int, positive
    dt : float, optional
        Length of the Euler step, > 0.
    weight_bound : float, optional
        As in :class:`Elman`.

    Notes
    -----
    Starts from 0.9 Q without ``dt``; with it from minus a Wishart matrix (:func:`pushforward.init.stable_wishart`; the linear net of
    arXiv 2501.08040, section 7.1). Any other scheme W is turned, with ``dt``, into W_rec = (W − I) / max(1, dt), which decays when W does.

    Examples
    --------
    >>> cell = Linear(n_inputs=1, n_units=4, dt=0.1)
    >>> A = cell.unpack(cell.init(seed=0))["W_rec"]
    >>> bool(np.linalg.eigvalsh(A).max() < 0.0)
    True
    """

    dt: float | None = None
    weight_bound: float | None = None

    name: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("dt", "weight_bound"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, _positive(field, getattr(self, field), float))

    def _initial_recurrent(self, scheme: str | None, rng: np.random.Generator) -> NDArray[np.float64]:
        if self.dt is None:
            return _init.recurrent_weights(scheme or "orthogonal", self.n_units, rng)
        if scheme is None:
            return _init.stable_wishart(self.n_units, self.dt, rng)
        return (_init.recurrent_weights(scheme, self.n_units, rng) - np.eye(self.n_units)) / max(1.0, self.dt)


CELLS: dict[str, type[Cell]] = {cell.name: cell for cell in (Elman, Linear)}


def make_cell(name: str, n_inputs: int, n_units: int, **settings: Any) -> Cell:
    """Build a cell by name.

    Examples
    --------
    >>> make_cell("linear", 2, 3, dt=0.5)
    Linear(n_inputs=2, n_units=3, dt=0.5, weight_bound=None)
    """
    if name not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {name!r}")
    known = [field.name for field in dataclasses.fields(CELLS[name])][2:]
    for setting in settings:
        if setting not in known:
            raise TypeError(f"settings of the cell {name!r} must be among {', '.join(known)}, got {setting!r}")
    return CELLS[name](n_inputs, n_units, **settings)


def _positive(name: str, value: Any, kind: type[int] | type[float]) -> Any:
    number = isinstance(value, (int, np.integer)) or (kind is float and isinstance(value, (float, np.floating)))
    expected = f"{name} must be a positive int" if kind is int else f"{name} must be a positive finite number or None"
    if isinstance(value, bool) or not number:
        raise TypeError(f"{expected}, got {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{expected}, got {value!r}")
    return kind(value)


def _float_array(name: str, values: object, shape: tuple[int, ...]) -> FloatArray:
    array = np.asarray(values)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array
