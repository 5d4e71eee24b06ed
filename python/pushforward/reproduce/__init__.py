"""Experiments of the papers, run again on data that can be had: one module a report, over a grid that can be stopped and resumed.

``pushforward reproduce NAME`` runs them. :mod:`.carries`: exact online gradients against truncated ones (arXiv 2501.08040, sections 7.4 and 7.5).
:mod:`.reservoirs`: fixed dynamics and online read-outs (arXiv 2602.21454, and what users of reservoirs compare with).
:mod:`.koopman`: sampled networks without a gradient (arXiv 2410.23467).
:mod:`.theory`: what the papers prove, each claim beside what was measured.
"""

from . import carries, koopman, reservoirs, theory

__all__ = ["carries", "koopman", "reservoirs", "theory"]
