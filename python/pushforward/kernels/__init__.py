"""The bare C++ kernels on NumPy arrays. Each has a slow twin of the same name in :mod:`pushforward.reference`."""

import importlib
from typing import TYPE_CHECKING, Any

from ..readout import FORCE, LMS, NLMS, RLS, Ridge
from ._accumulator import EDMDAccumulator
from ._batched import batched_lstsq
from ._diagonal import diagonal_forward, diagonal_gradient
from ._edmd import edmd
from ._hessian_vector import hessian_vector_product
from ._operators import EDMDResult
from ._poles import fixed_pole_states, pole_gradient
from ._rollout import sampled_rollout
from ._sampling import sample_weights, sampled_features
from ._second import SecondInfluence, forward_hessian
from ._states import reservoir_states
from ._tangent import NTKEstimate, ntk_features, ntk_gram
from .sensitivity import block_gradient, forward_sensitivity

if TYPE_CHECKING:
    from ..koopman import OnlineEDMD

__all__ = [
    "FORCE", "LMS", "NLMS", "RLS", "EDMDAccumulator", "EDMDResult", "NTKEstimate", "OnlineEDMD", "Ridge", "SecondInfluence", "batched_lstsq",
    "block_gradient", "diagonal_forward", "diagonal_gradient", "edmd", "fixed_pole_states", "forward_hessian", "forward_sensitivity",
    "hessian_vector_product", "ntk_features", "ntk_gram", "pole_gradient", "reservoir_states", "sample_weights", "sampled_features",
    "sampled_rollout",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Return what is built of these kernels and would import them in a circle: OnlineEDMD."""
    if name == "OnlineEDMD":
        return importlib.import_module("..koopman", __package__).OnlineEDMD
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
