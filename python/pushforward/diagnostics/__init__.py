"""What the papers prove, checked on a user's own model: each function returns its numbers, with ``summary()`` and ``plot()``."""

from ._plateaus import Plateau
from ._result import Diagnosis
from ._smoothness import SmoothnessConstants, smoothness_constants
from ._trend import Trend
from .bias import GradientBias, gradient_bias
from .contraction import RTRLContraction, rtrl_contraction
from .convergence import RTRLConvergence, rtrl_convergence
from .drift import PoleDrift, pole_drift
from .echo_state import EchoStateIndex, echo_state_index
from .identifiability import PoleIdentifiability, pole_identifiability
from .koopman import KoopmanSpectrum, koopman_spectrum
from .linearisation import LinearisationError, linearisation_error
from .lyapunov import Lyapunov, lyapunov
from .memory import MemoryCutoff, memory_cutoff
from .poles import PoleHessian, pole_hessian
from .projection import GainRow, ProjectionGain, projection_gain
from .rank import EffectiveRank, effective_rank
from .schedule import RobbinsMonro, robbins_monro

__all__ = [
    "Diagnosis",
    "EchoStateIndex",
    "EffectiveRank",
    "GainRow",
    "GradientBias",
    "KoopmanSpectrum",
    "LinearisationError",
    "Lyapunov",
    "MemoryCutoff",
    "Plateau",
    "PoleDrift",
    "PoleHessian",
    "PoleIdentifiability",
    "ProjectionGain",
    "RTRLContraction",
    "RTRLConvergence",
    "RobbinsMonro",
    "SmoothnessConstants",
    "Trend",
    "echo_state_index",
    "effective_rank",
    "gradient_bias",
    "koopman_spectrum",
    "linearisation_error",
    "lyapunov",
    "memory_cutoff",
    "pole_drift",
    "pole_hessian",
    "pole_identifiability",
    "projection_gain",
    "robbins_monro",
    "rtrl_contraction",
    "rtrl_convergence",
    "smoothness_constants",
]
