"""Figures of merit: how good a prediction is, and how good the trivial one is."""

from .classes import accuracy, bits_per_character, class_frequency_entropy, cross_entropy
from .dynamics import state_space_divergence, valid_prediction_time
from .signals import nmse_db, nrmse, symbol_error_rate

__all__ = [
    "accuracy", "bits_per_character", "class_frequency_entropy", "cross_entropy", "nmse_db", "nrmse", "state_space_divergence",
    "symbol_error_rate", "valid_prediction_time",
]  # fmt: skip
