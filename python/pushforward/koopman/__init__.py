"""Linear operators of nonlinear systems: dictionaries of functions, least squares over snapshots, spectra, control."""

from .control import lqr, mpc
from .dictionaries import Custom, Dictionary, Identity, Monomials, RadialBasis, RandomFourier, Sampled
from .kernel_edmd import KernelEDMD
from .online import OnlineEDMD
from .regressor import KoopmanRegressor
from .sampled_rnn import SampledRNN

__all__ = [
    "Custom", "Dictionary", "Identity", "KernelEDMD", "KoopmanRegressor", "Monomials", "OnlineEDMD", "RadialBasis", "RandomFourier", "Sampled",
    "SampledRNN", "lqr", "mpc",
]  # fmt: skip
