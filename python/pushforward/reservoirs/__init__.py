"""Recurrent weights that are never trained: structured operators, drawn matrices, their spectral radius, settings that suit the data."""

from ._draw import block_diagonal, cycle_with_jumps, delay_line, orthogonal, random, ring
from ._operators import BlockDiagonal, Operator
from ._shifts import CycleWithJumps, DelayLine, Ring
from ._spectral import scaled_to, spectral_radius
from ._suggest import suggest

__all__ = [
    "BlockDiagonal", "CycleWithJumps", "DelayLine", "Operator", "Ring", "block_diagonal", "cycle_with_jumps", "delay_line", "orthogonal", "random",
    "ring", "scaled_to", "spectral_radius", "suggest",
]  # fmt: skip
