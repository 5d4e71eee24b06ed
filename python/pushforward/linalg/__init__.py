"""Factors of a matrix whose rows come in chunks, and least squares with them, however many rows there are."""

from ._factors import StreamingGram, StreamingQR
from ._least_squares import StreamingLeastSquares
from ._solution import LeastSquaresSolution

__all__ = ["LeastSquaresSolution", "StreamingGram", "StreamingLeastSquares", "StreamingQR"]
