"""Cells: what a net computes in one step, and how its weights lie in one flat vector θ.

θ holds one row ``[W_rec | W_in | bias]`` per unit and gate, C order. A cell is a value (frozen, hashable, picklable); it holds sizes and settings,
never weights. ``cell.unpack(theta)`` names the parts of θ, ``cell.pack`` is the inverse.
"""

from ._base import ACTIVATIONS, Cell
from ._registry import CELLS, make_cell, stack
from .dense import Elman, Linear
from .diagonal import ELSTM, LRU, Diagonal
from .gated import GRU, LSTM
from .leaky import Leaky
from .ode import NeuralODE
from .stacked import Stack

__all__ = [
    "ACTIVATIONS", "CELLS", "ELSTM", "GRU", "LRU", "LSTM", "Cell", "Diagonal", "Elman", "Leaky", "Linear", "NeuralODE", "Stack", "make_cell", "stack",
]  # fmt: skip
