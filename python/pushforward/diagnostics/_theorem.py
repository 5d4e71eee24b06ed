"""What the convergence theorem of arXiv 2501.08040 takes for granted, held against a model's settings."""

from .._learner import LearnerSettings
from ..cells import Cell, Elman
from ..optim import SGD, Optimizer

SLOPES = {"sigmoid": 0.25, "tanh": 1.0}  # sup|σ'| of the bounded smooth activations (Remark 3.6)


def a_priori_constant(cell: Cell) -> float | None:
    """N C_φ sup|σ'|, N the most units that one hears, of the cell that has one: by how much a step changes distances at most."""
    if not isinstance(cell, Elman) or cell.weight_bound is None or cell.activation not in SLOPES:
        return None
    return int(cell.mask().sum(axis=1).max()) * cell.weight_bound * SLOPES[cell.activation]


def departures(settings: LearnerSettings, n_epochs: int) -> tuple[str, ...]:
    """Everything but the learning rate that is not as in the theorem, in plain words. A bias, in cell or read-out, is an input of 1."""
    said = _of_optimizer(settings.optimizer)
    if settings.gradient != "rtrl":
        said.append(f"gradient={settings.gradient!r} is not the exact gradient that it is about")
    constant = a_priori_constant(settings.cell)
    if constant is None:
        said.append("its cell is a sigmoid layer with bounded weights (elman, activation='sigmoid', weight_bound=...)")
    elif constant >= 1:
        said.append(f"the cell is not known in advance to contract: N C_phi sup|sigma'| = {constant:.4g} is not below 1")
    if settings.readout_bound is None:
        said.append("its read-out has bounded weights (readout_bound=...)")
    if settings.loss != "squared_error":
        said.append(f"its loss is the squared error, not {settings.loss}")
    elif settings.n_outputs > 1:
        said.append(f"its output is one number, not {settings.n_outputs}")
    if settings.update_every > 1:
        said.append(f"it updates every step, not every {settings.update_every}")
    if settings.n_series > 1:
        said.append(f"it learns one series, not {settings.n_series} at a time")
    if n_epochs > 1:
        said.append("its stream never comes back: here it is passed more than once")
    return tuple(said)


def _of_optimizer(optimizer: Optimizer) -> list[str]:
    said = []
    if not isinstance(optimizer, SGD):
        said.append(f"{type(optimizer).__name__} divides the gradient by its own size: not the descent that it is about, whatever the rate")
    elif optimizer.momentum > 0:
        said.append(f"momentum={optimizer.momentum:g} averages gradients over updates")
    if optimizer.weight_decay > 0:
        said.append(f"weight_decay={optimizer.weight_decay:g} leads to where the loss and the decay balance, not to a zero of the loss's gradient")
    if optimizer.clip_norm is not None:
        said.append(f"clip_norm={optimizer.clip_norm:g} shortens gradients, which moves their mean")
    return said
