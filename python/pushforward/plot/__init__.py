"""Figures (extra ``[plot]``). Every function returns a ``Figure`` and touches no global state: no window, no display needed."""

from .curves import learning_curves, loss_curve
from .orbits import error_against_horizon, phase_portrait
from .spectra import pseudospectrum, spectrum

__all__ = ["error_against_horizon", "learning_curves", "loss_curve", "phase_portrait", "pseudospectrum", "spectrum"]
