"""Dictionaries: functions of the state in which a system is to be linear."""

from ._base import Dictionary
from ._custom import Custom
from ._fourier import RandomFourier
from ._identity import Identity
from ._monomials import Monomials
from ._radial import RadialBasis
from ._sampled import Sampled

__all__ = ["Custom", "Dictionary", "Identity", "Monomials", "RadialBasis", "RandomFourier", "Sampled"]
