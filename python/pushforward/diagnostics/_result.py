"""What every diagnosis can do: say itself in a paragraph, and draw itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Diagnosis"]


class Diagnosis(ABC):
    """The result of a function of :mod:`pushforward.diagnostics`: numbers as attributes, and what they mean."""

    @abstractmethod
    def summary(self) -> str:
        """Say in one paragraph what was found, with the numbers."""

    @abstractmethod
    def plot(self) -> Figure:
        """Draw what was found.

        Returns
        -------
        matplotlib.figure.Figure
            ``figure.savefig(path)`` writes it.

        Raises
        ------
        ModuleNotFoundError
            Without matplotlib (``pip install 'pushforward[plot]'``).
        """

    def __str__(self) -> str:
        return self.summary()
