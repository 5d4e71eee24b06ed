"""The kernels again in plain NumPy: slow, obvious, the oracle of the tests and the baseline of the benchmarks.

Same names and signatures as in ``pushforward.kernels``. Every function computes in the dtype of ``theta`` and refuses a mix.
"""

from .approximate import kf_influence, snap_influence, snap_mask, uoro_influence
from .batched import batched_lstsq
from .bptt import finite_differences, full_bptt
from .diagonal_network import diagonal_forward, diagonal_gradient
from .edmd import edmd
from .hessian_vector import hessian_vector_product
from .local import leak_jacobian, local_training, random_feedback
from .online import online_training
from .poles import fixed_pole_states, pole_gradient, pole_learning
from .readout import force, lms, rls
from .reservoir import reservoir_states, simulate
from .ridge import ridge_readout
from .rollout import sampled_rollout
from .sampling import sample_weights, sampled_features
from .second import forward_hessian
from .sensitivity import block_gradient, forward_sensitivity
from .tangent import ntk_features, ntk_gram

__all__ = [
    "batched_lstsq",
    "block_gradient",
    "diagonal_forward",
    "diagonal_gradient",
    "edmd",
    "finite_differences",
    "fixed_pole_states",
    "force",
    "forward_hessian",
    "forward_sensitivity",
    "full_bptt",
    "hessian_vector_product",
    "kf_influence",
    "leak_jacobian",
    "lms",
    "local_training",
    "ntk_features",
    "ntk_gram",
    "online_training",
    "pole_gradient",
    "pole_learning",
    "random_feedback",
    "reservoir_states",
    "ridge_readout",
    "rls",
    "sample_weights",
    "sampled_features",
    "sampled_rollout",
    "simulate",
    "snap_influence",
    "snap_mask",
    "uoro_influence",
]
