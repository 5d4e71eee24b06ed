"""The cells by name."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from ._base import Cell
from .dense import Elman, Linear
from .diagonal import ELSTM, LRU, Diagonal
from .gated import GRU, LSTM
from .leaky import Leaky
from .ode import NeuralODE
from .stacked import Stack

CELLS: dict[str, type[Cell]] = {cell.name: cell for cell in (Elman, Linear, Leaky, GRU, LSTM, Diagonal, LRU, ELSTM, NeuralODE)}


def make_cell(name: str, n_inputs: int, n_units: int, **settings: Any) -> Cell:
    """Build a cell by name.

    Examples
    --------
    >>> make_cell("linear", 2, 3, dt=0.5)
    Linear(n_inputs=2, n_units=3, dt=0.5, weight_bound=None, connectivity=None, connectivity_seed=0)
    """
    if name == Stack.name:
        return _stack_of_settings(n_inputs, n_units, **settings)
    if name not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {name!r}")
    known = [field.name for field in dataclasses.fields(CELLS[name])][2:]
    for setting in settings:
        if setting not in known:
            raise TypeError(f"settings of the cell {name!r} must be among {', '.join(known)}, got {setting!r}")
    return CELLS[name](n_inputs, n_units, **settings)


def stack(layers: Sequence[Cell | str], n_inputs: int | None = None, n_units: int | None = None) -> Stack:
    """Put layers on top of each other, lowest first.

    Parameters
    ----------
    layers : sequence of Cell or str
        Cells whose sizes fit each other; or names, each for a cell with ``n_units`` units and its other settings at their defaults.
    n_inputs, n_units : int, optional
        For the layers given by name: the inputs of the lowest, and the units of each.

    Examples
    --------
    >>> stack(["elman", "linear"], n_inputs=2, n_units=3).n_state
    6
    """
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise TypeError(f"layers must be a sequence of cells or names of cells, lowest first, got {layers!r}")
    if not any(isinstance(layer, str) for layer in layers) and (n_inputs, n_units) != (None, None):
        raise ValueError("n_inputs and n_units belong to layers given by name; these are cells with sizes of their own")
    built: list[Cell] = []
    for layer in layers:
        if isinstance(layer, str):
            width = built[-1].n_features if built else n_inputs
            if width is None or n_units is None:
                raise ValueError(f"n_inputs and n_units must be given for layers by name, got n_inputs={n_inputs}, n_units={n_units}")
            built.append(make_cell(layer, width, n_units))
        else:
            built.append(layer)
    return Stack(tuple(built))


def _stack_of_settings(n_inputs: int, n_units: int, layers: Sequence[dict[str, Any]]) -> Stack:
    built = Stack(tuple(make_cell(**settings) for settings in layers))
    if (n_inputs, n_units) != (built.n_inputs, built.n_units):
        raise ValueError(f"n_inputs, n_units must be {built.n_inputs}, {built.n_units} like the layers', got {n_inputs}, {n_units}")
    return built
