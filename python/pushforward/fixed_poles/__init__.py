"""Networks with fixed poles: a diagonal recurrence that is chosen and a linear read-out that learns."""

from .classifier import FixedPoleClassifier
from .regressor import FixedPoleRegressor

__all__ = ["FixedPoleClassifier", "FixedPoleRegressor"]
