"""Recurrent networks trained online: by the exact gradient (real-time recurrent learning) or, for comparison, by truncated BPTT."""

from ._bias import GradientBias
from .classifier import RecurrentClassifier
from .regressor import RecurrentRegressor

__all__ = ["GradientBias", "RecurrentClassifier", "RecurrentRegressor"]
