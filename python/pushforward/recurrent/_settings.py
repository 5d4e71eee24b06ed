"""From the constructor arguments of a recurrent estimator, checked together, to the settings of a learner."""

import dataclasses
import inspect
from typing import Any

import numpy as np

from .._checks import one_of, positive_int, positive_number, quoted, seed
from .._learner import FEEDBACKS, GRADIENTS, LATENCIES, LearnerSettings
from ..cells import CELLS, Cell, make_cell
from ..optim import Optimizer, RMSprop

DTYPES = ("float32", "float64")
CELL_SETTINGS = ("activation", "dt", "leak_rate", "weight_bound", "connectivity")  # arguments handed on to a cell given by name
BLOCKS = ("rtrl", "snap1", "uoro", "rflo", "eprop")  # gradients that can move what they keep of the past several steps at a time
LOCAL = ("rflo", "eprop")
STREAM_OF_SEEDS = 1 << 62  # what an algorithm draws is not what a cell's noise is made of, equal seeds or not


def settings_of(model: Any, n_inputs: int, n_outputs: int, n_series: int, loss: str) -> LearnerSettings:
    """Check the arguments an estimator was constructed with (scikit-learn: not before they are used) and gather them."""
    one_of("dtype", model.dtype, DTYPES)
    one_of("gradient", model.gradient, GRADIENTS)
    one_of("latency", model.latency, LATENCIES)
    for name in ("n_units", "update_every", "n_epochs"):
        positive_int(name, getattr(model, name))
    for name in ("n_inputs", "n_threads", "truncation"):
        if getattr(model, name) is not None:
            positive_int(name, getattr(model, name), "a positive int or None")
    seed("random_state", model.random_state)
    if model.readout_bound is not None:
        positive_number("readout_bound", model.readout_bound)
    automatic = isinstance(model.carry_every, str)
    if not automatic:
        positive_int("carry_every", model.carry_every, "a positive int or 'auto'")
    elif model.carry_every != "auto":
        raise ValueError(f"carry_every must be a positive int or 'auto', got {model.carry_every!r}")
    if model.optimizer is not None and not isinstance(model.optimizer, Optimizer):
        raise TypeError(f"optimizer must be an optimiser such as pushforward.RMSprop(), got {model.optimizer!r}")
    _check_gradient(model)
    return LearnerSettings(
        cell=_cell_of(model, n_inputs),
        n_outputs=n_outputs,
        loss=loss,
        dtype=np.dtype(model.dtype),
        optimizer=model.optimizer or RMSprop(),
        gradient=model.gradient,
        truncation=model.truncation,
        update_every=model.update_every,
        carry_every=None if automatic else model.carry_every,
        latency=model.latency,
        feedback=model.error_feedback,
        seed=(int(model.random_state) + STREAM_OF_SEEDS) % (1 << 63),
        readout_bound=model.readout_bound,
        n_threads=model.n_threads,
        n_series=n_series,
    )


def _check_gradient(model: Any) -> None:
    """Nothing that an algorithm does not have is ignored in silence."""
    given = model.gradient
    if model.truncation is not None:
        if given != "tbptt":
            raise ValueError(f"truncation belongs to gradient='tbptt', got truncation={model.truncation} with gradient={given!r}")
        if model.truncation < model.update_every:
            raise ValueError(
                f"truncation must be at least update_every ({model.update_every}), got {model.truncation}: losses would be forgotten"
            )
    if model.latency == "bounded" and given != "rtrl":
        raise ValueError(f"latency='bounded' belongs to gradient='rtrl', got it with gradient={given!r}, which has no block to spread")
    if model.carry_every != "auto" and given not in BLOCKS:
        raise ValueError(f"carry_every belongs to gradient {quoted(BLOCKS)}, got {model.carry_every} with gradient={given!r}")
    if model.error_feedback is not None:
        one_of("error_feedback", model.error_feedback, FEEDBACKS)
        if given not in LOCAL:
            raise ValueError(f"error_feedback belongs to gradient {quoted(LOCAL)}, got {model.error_feedback!r} with gradient={given!r}")


def _cell_of(model: Any, n_inputs: int) -> Cell:
    if isinstance(model.cell, Cell):
        return _given_cell(model, n_inputs)
    if not isinstance(model.cell, str):
        raise TypeError(f"cell must be a name ({', '.join(CELLS)}) or a cell such as pushforward.cells.stack([...]), got {model.cell!r}")
    if model.cell not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(CELLS)}, or a cell such as pushforward.cells.stack([...]), got {model.cell!r}")
    fields = [field.name for field in dataclasses.fields(CELLS[model.cell])]
    if model.cell == "neural_ode" and model.dt is None:
        raise ValueError("dt must be given with cell='neural_ode': its step in seconds, got None")
    settings = {name: getattr(model, name) for name in CELL_SETTINGS if getattr(model, name) is not None}
    for name, value in settings.items():
        if name not in fields:
            having = [cell for cell, kind in CELLS.items() if name in [field.name for field in dataclasses.fields(kind)]]
            raise ValueError(f"{name} belongs to the cells {', '.join(having)}, got {name}={value!r} with cell={model.cell!r}")
    if isinstance(model.connectivity, (float, np.floating)):
        settings["connectivity_seed"] = model.random_state
    return make_cell(model.cell, n_inputs, model.n_units, **settings)


def _given_cell(model: Any, n_inputs: int) -> Cell:
    cell: Cell = model.cell
    parameters = inspect.signature(type(model)).parameters
    for name in ("n_units", *CELL_SETTINGS):
        value = getattr(model, name)
        if value is not parameters[name].default and not np.array_equal(value, parameters[name].default):
            raise ValueError(f"{name} belongs to a cell given by name, got {name}={value!r} with a cell that has its own, {cell!r}")
    for told in (model.n_inputs, n_inputs):
        if told not in (None, cell.n_inputs):
            raise ValueError(f"n_inputs must be {cell.n_inputs} like the cell's, or None, got {told}")
    return cell
