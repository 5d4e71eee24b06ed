"""Cells with a full recurrent matrix and no gates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import init as _init
from .._checks import one_of
from ._base import ACTIVATIONS
from ._checks import Connectivity, positive
from ._layout import Column, Rows
from ._sparse import SparseCell


@dataclass(frozen=True)
class Elman(SparseCell):
    """Elman's cell: s ← σ(W_rec s + W_in x + bias).

    Parameters
    ----------
    n_inputs, n_units : int, positive
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
        σ; ELU has α = 1.
    weight_bound : float, optional
        c > 0: every entry w of θ enters as φ(w) = c tanh(w / c), the bounded maps of arXiv 2501.08040, (2.17).
    connectivity : float or mask, optional
        Of W_rec: the fraction of units that each unit hears, drawn from ``connectivity_seed``; or a mask (n_units, n_units) of bool, row i
        for what unit i hears. What does not exist is neither stored nor learnt. All connections unless given.
    connectivity_seed : int

    Notes
    -----
    θ is one row ``[W_rec | W_in | bias]`` a unit (of W_rec what exists).
    Starts from W_rec = 0.9 Q, Q orthogonal, unless told: a contraction for every activation here (slopes are at most 1). The scheme ``"symmetric"``
    is that of :class:`Diagonal`, with W_rec a diagonal matrix.
    A sparse W_rec is such a matrix with the rest of it left out, which shrinks its eigenvalues; the scheme "scaled_spectral_radius" scales
    what is left to 0.9.

    Examples
    --------
    >>> Elman(n_inputs=2, n_units=3, activation="relu").n_params
    18
    >>> Elman(n_inputs=2, n_units=10, connectivity=0.2).n_params
    50
    """

    activation: str = "tanh"
    weight_bound: float | None = None
    connectivity: Connectivity | None = None
    connectivity_seed: int = 0

    name: ClassVar[str] = "elman"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("activation", self.activation, ACTIVATIONS)
        if self.weight_bound is not None:
            object.__setattr__(self, "weight_bound", positive("weight_bound", self.weight_bound, float))

    def _groups(self) -> Sequence[Rows | Column]:
        return [Rows(self.n_units, [("W_rec", self.n_units), ("W_in", self.n_inputs), ("bias", None)], sources=self.sources())]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        if scheme == "symmetric":
            if not self.mask().diagonal().all():
                raise ValueError("scheme 'symmetric' needs every unit's connection to itself, which connectivity leaves out")
            w, W_in = _init.symmetric(self.n_units, self.n_inputs, rng)
            return {"W_rec": np.diag(w), "W_in": W_in, "bias": np.zeros(self.n_units)}
        W_rec = _init.recurrent_weights("orthogonal" if scheme is None else scheme, self.n_units, rng, self.mask())
        return {"W_rec": W_rec, "W_in": _init.input_weights(self.n_units, self.n_inputs, rng), "bias": np.zeros(self.n_units)}

    def initial_readout(self, n_outputs: int, scheme: str | None, rng: np.random.Generator) -> NDArray[np.float64] | None:
        """Draw the read-out's matrix where the start asks for one of its own."""
        return _init.symmetric_readout(n_outputs, self.n_units, rng) if scheme == "symmetric" else None


@dataclass(frozen=True)
class Linear(SparseCell):
    """A linear cell: h ← W_rec h + W_in x + bias, or with ``dt`` one Euler step, h ← h + dt (W_rec h + W_in x + bias).

    Parameters
    ----------
    n_inputs, n_units : int, positive
    dt : float, optional
        Length of the Euler step, > 0.
    weight_bound, connectivity, connectivity_seed
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
    connectivity: Connectivity | None = None
    connectivity_seed: int = 0

    name: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("dt", "weight_bound"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, positive(field, getattr(self, field), float))

    def _groups(self) -> Sequence[Rows | Column]:
        return [Rows(self.n_units, [("W_rec", self.n_units), ("W_in", self.n_inputs), ("bias", None)], sources=self.sources())]

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        W_rec = self._initial_recurrent(scheme, rng)
        return {"W_rec": W_rec, "W_in": _init.input_weights(self.n_units, self.n_inputs, rng), "bias": np.zeros(self.n_units)}

    def _initial_recurrent(self, scheme: str | None, rng: np.random.Generator) -> NDArray[np.float64]:
        if self.dt is None:
            return _init.recurrent_weights("orthogonal" if scheme is None else scheme, self.n_units, rng, self.mask())
        if scheme is None:
            return _init.stable_wishart(self.n_units, self.dt, rng)
        return (_init.recurrent_weights(scheme, self.n_units, rng, self.mask()) - np.eye(self.n_units)) / max(1.0, self.dt)
