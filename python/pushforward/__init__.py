"""Train recurrent networks without back-propagation through time: exactly and online, in compiled kernels.

>>> import numpy as np, pushforward as pf
>>> X = np.random.default_rng(0).normal(size=(500, 2)).astype("float32")
>>> y = X[:, 0] * 0.5
>>> model = pf.RecurrentRegressor(n_units=8).partial_fit(X, y)  # a stream: call it again with what comes next
>>> model.predict(X[:3]).shape
(3,)
"""

from . import cells, datasets, diagnostics, errors, init, kernels, koopman, metrics, optim, reference, reservoirs
from ._checks import positive_int as _positive_int
from ._core import available_cpus as _available_cpus
from ._core import default_threads as _default_threads
from ._core import set_default_threads as _set_default_threads
from ._torch import from_torch
from ._version import __version__
from .diagonal_rnn import DiagonalRNN
from .echo_state import EchoStateClassifier, EchoStateRegressor
from .errors import ControlError, DivergenceError, SingularReadoutError
from .fixed_poles import FixedPoleClassifier, FixedPoleRegressor
from .gradient_check import GradientReport, check_gradient
from .io import load, save
from .koopman import KoopmanRegressor, SampledRNN
from .nvar import NVARRegressor
from .optim import SGD, Adam, AdamW, Constant, Exponential, InverseTime, RMSprop, Step
from .recurrent import GradientBias, RecurrentClassifier, RecurrentRegressor

__all__ = [
    "SGD", "Adam", "AdamW", "Constant", "ControlError", "DiagonalRNN", "DivergenceError", "EchoStateClassifier", "EchoStateRegressor", "Exponential",
    "FixedPoleClassifier", "FixedPoleRegressor", "GradientBias", "GradientReport", "InverseTime", "KoopmanRegressor", "NVARRegressor", "RMSprop",
    "RecurrentClassifier", "RecurrentRegressor", "SampledRNN", "SingularReadoutError", "Step", "__version__", "cells", "check_gradient", "datasets",
    "diagnostics", "errors", "from_torch", "get_num_threads", "init", "kernels", "koopman", "load", "metrics", "optim", "reference", "reservoirs",
    "save", "set_num_threads",
]  # fmt: skip


def get_num_threads() -> int:
    """Return the number of threads used where ``n_threads`` is not given: the CPUs this process may run on, unless set."""
    return _default_threads()


def set_num_threads(n_threads: int | None) -> None:
    """Set the global default; None goes back to the CPUs this process may run on. Results do not depend on it."""
    if n_threads is not None:
        _positive_int("n_threads", n_threads, "a positive int or None")
    _set_default_threads(_available_cpus() if n_threads is None else n_threads)
