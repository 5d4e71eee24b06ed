"""Estimators whose recurrent weights are drawn and kept: a reservoir, and a linear read-out that is learnt."""

from .classifier import EchoStateClassifier
from .regressor import EchoStateRegressor

__all__ = ["EchoStateClassifier", "EchoStateRegressor"]
