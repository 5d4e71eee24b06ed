"""Wide networks of units that hear themselves alone, trained by gradient descent, plain or projected."""

from .regressor import DiagonalRNN

__all__ = ["DiagonalRNN"]
