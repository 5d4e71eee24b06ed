"""Layers as one cell."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _layout
from ._base import Cell


@dataclass(frozen=True)
class Stack(Cell):
    """Layers as one cell: what a layer shows of its state is, in the same step, the input of the layer above; the read-out sees the top one.

    Parameters
    ----------
    layers : sequence of Cell
        Lowest first. ``n_inputs`` of each but the first is ``n_features`` of the one below. A stack among them gives its layers.

    Attributes
    ----------
    n_inputs : int
        Of the lowest layer.
    n_units : int
        Of all layers together.

    Notes
    -----
    θ, and the state, are the layers' own one after the other; parts are named ``layer0.W_rec``, ``layer1.W_rec``, …
    ∂s_t/∂s_{t−1} is block lower-triangular, and what lies above its diagonal blocks is neither stored nor multiplied: the exact gradient of
    all layers costs what their parameters need.

    Examples
    --------
    >>> import pushforward as pf
    >>> cell = Stack([pf.cells.Elman(n_inputs=2, n_units=3), pf.cells.Elman(n_inputs=3, n_units=4)])
    >>> cell.n_state, cell.n_features, cell.n_params
    (7, 4, 50)
    >>> list(cell.positions())
    ['layer0.W_rec', 'layer0.W_in', 'layer0.bias', 'layer1.W_rec', 'layer1.W_in', 'layer1.bias']
    """

    n_inputs: int = field(init=False, repr=False)
    n_units: int = field(init=False, repr=False)
    layers: tuple[Cell, ...]

    name: ClassVar[str] = "stack"

    def __post_init__(self) -> None:
        if isinstance(self.layers, (str, Cell)) or not isinstance(self.layers, Sequence) or not all(isinstance(c, Cell) for c in self.layers):
            raise TypeError(f"layers must be a sequence of cells, lowest first, got {self.layers!r}")
        layers = tuple(layer for given in self.layers for layer in (given.layers if isinstance(given, Stack) else (given,)))
        if not layers:
            raise ValueError("layers must be at least one cell, got none")
        for number, (below, layer) in enumerate(itertools.pairwise(layers), 1):
            if layer.n_inputs != below.n_features:
                raise ValueError(f"n_inputs of layer {number} must be {below.n_features}, what the layer below shows, got {layer.n_inputs}")
        if len({layer.bound for layer in layers}) > 1:
            raise ValueError(f"weight_bound must be the same for all layers, got {', '.join(str(layer.bound) for layer in layers)}")
        seeds = [getattr(layer, "noise_seed", 0) for layer in layers if getattr(layer, "noise", 0.0)]
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"noise_seed must differ from layer to layer, or their noise is the same, got {', '.join(map(str, seeds))}")
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "n_inputs", layers[0].n_inputs)
        object.__setattr__(self, "n_units", sum(layer.n_units for layer in layers))
        super().__post_init__()

    @property
    def n_state(self) -> int:
        """Length of the state: the layers' states, lowest first."""
        return sum(layer.n_state for layer in self.layers)

    @property
    def n_features(self) -> int:
        """Length of what the read-out sees: that of the top layer."""
        return self.layers[-1].n_features

    @property
    def first_feature(self) -> int:
        """Where in the state that begins."""
        return sum(layer.n_state for layer in self.layers[:-1]) + self.layers[-1].first_feature

    @property
    def bound(self) -> float | None:
        """``weight_bound`` of all layers."""
        return self.layers[0].bound

    def _groups(self) -> Sequence[_layout.Rows | _layout.Column]:
        return [group for layer in self.layers for group in layer._groups()]

    def positions(self) -> dict[str, NDArray[np.int64]]:
        """Where the named parts stand in θ, as of any cell; names as in the Notes."""
        found, start = {}, 0
        for number, layer in enumerate(self.layers):
            for name, at in layer.positions().items():
                found[f"layer{number}.{name}"] = np.where(at >= 0, at + start, at)
            start += layer.n_params
        return found

    def settings(self) -> dict[str, Any]:
        """Return the arguments for :func:`make_cell`, ready for JSON."""
        layers = [{"name": layer.name, **layer.settings()} for layer in self.layers]
        return {"n_inputs": self.n_inputs, "n_units": self.n_units, "layers": layers}

    def core_settings(self) -> dict[str, Any]:
        """What the extension module builds this cell from."""
        return self.settings() | {"name": self.name, "layers": [layer.core_settings() for layer in self.layers]}

    def _draw(self, scheme: str | None, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        layers = [layer._draw(scheme, rng) for layer in self.layers]
        return {f"layer{number}.{name}": W for number, weights in enumerate(layers) for name, W in weights.items()}

    def initial_readout(self, n_outputs: int, scheme: str | None, rng: np.random.Generator) -> NDArray[np.float64] | None:
        """Draw W_out (n_outputs, n_features) where the top layer's start asks for one of its own."""
        return self.layers[-1].initial_readout(n_outputs, scheme, rng)
