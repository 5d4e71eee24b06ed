"""Next-generation reservoir computing."""

from .regressor import NVARRegressor

__all__ = ["NVARRegressor"]
