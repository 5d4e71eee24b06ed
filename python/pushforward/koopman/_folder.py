"""Trajectories into an accumulator, piece by piece."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _series
from ..kernels import EDMDAccumulator
from ._drawing import Drawn

__all__ = ["Folder"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Folder:
    """Makes accumulators and folds trajectories into them; Dask sends it to its workers.

    Attributes
    ----------
    drawn : Drawn
    target, solver : str
        As for :class:`pushforward.kernels.EDMDAccumulator`.
    dtype : str
    """

    drawn: Drawn
    target: str
    solver: str
    dtype: str

    def empty(self) -> EDMDAccumulator:
        """Return an accumulator that has seen nothing."""
        embedding, features, inputs = self.drawn
        n_inputs = 0 if inputs is None else len(inputs.scale)
        return EDMDAccumulator(features, embedding.n_state, self.target, n_inputs, dtype=self.dtype, solver=self.solver)

    def __call__(self, H: Array, U: Array | None) -> EDMDAccumulator:
        """Fold a trajectory, and its inputs, that nobody has looked at yet into an accumulator of its own."""
        embedding, _, inputs = self.drawn
        H = self._rows("trajectories", H, embedding.n_state)
        if len(H) < embedding.n_delays + 2:
            raise ValueError(f"trajectories must have at least {embedding.n_delays + 2} steps, got {len(H)}")
        if (U is None) != (inputs is None):
            raise ValueError("inputs must be given, with as many columns as before" if U is None else "inputs were given, but the model has none")
        if U is not None and inputs is not None:
            U = self._rows("inputs", U, inputs.n_inputs)
            if len(U) != len(H):
                raise ValueError(f"inputs must have as many rows as the trajectory ({len(H)}), got {len(U)}")
        accumulator = self.empty()
        self.fold(accumulator, H, U)
        return accumulator

    def fold(self, accumulator: EDMDAccumulator, H: Array, U: Array | None, weights: Array | None = None) -> None:
        """Fold in the trajectory H (n_steps, n_state) with inputs U (n_steps, n_inputs) and the weights (n_steps,) of what follows each step."""
        embedding, _, inputs = self.drawn
        d = embedding.n_delays
        n_g = 0 if inputs is None or inputs.W is None else len(inputs.W)
        for first, piece in embedding.pieces(H, 1, n_g) if d or n_g else [(0, H)]:
            steps = slice(first + d, first + len(piece))
            g = None if U is None or inputs is None else inputs(U[steps]) / inputs.scale
            accumulator.update(embedding(piece), None, g, None if weights is None else weights[steps], states=piece[d:])

    def _rows(self, name: str, values: Array, width: int) -> Array:
        rows = _series.numbers(name, values, np.dtype(self.dtype))
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ValueError(f"{name} must be (n_steps, {width}), got shape {rows.shape}")
        _series.check_finite(name, _series.Series([rows], "one"))
        return rows
