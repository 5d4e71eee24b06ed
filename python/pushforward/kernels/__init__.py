"""The bare C++ kernels on NumPy arrays. Each has a slow twin of the same name in :mod:`pushforward.reference`."""

from ..readout import FORCE, LMS, NLMS, RLS, Ridge
from ._poles import fixed_pole_states, pole_gradient
from ._states import reservoir_states
from .sensitivity import block_gradient, forward_sensitivity

__all__ = [
    "FORCE", "LMS", "NLMS", "RLS", "Ridge", "block_gradient", "fixed_pole_states", "forward_sensitivity", "pole_gradient", "reservoir_states",
]  # fmt: skip
