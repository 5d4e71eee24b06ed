"""The kernels again in plain NumPy: slow, obvious, the oracle of the tests and the baseline of the benchmarks.

Same names and signatures as in ``pushforward.kernels``. Every function computes in the dtype of ``theta`` and refuses a mix.
"""

from .approximate import kf_influence, snap_influence, snap_mask, uoro_influence
from .bptt import finite_differences, full_bptt
from .local import leak_jacobian, local_training, random_feedback
from .online import online_training
from .sensitivity import block_gradient, forward_sensitivity

__all__ = [
    "block_gradient",
    "finite_differences",
    "forward_sensitivity",
    "full_bptt",
    "kf_influence",
    "leak_jacobian",
    "local_training",
    "online_training",
    "random_feedback",
    "snap_influence",
    "snap_mask",
    "uoro_influence",
]
