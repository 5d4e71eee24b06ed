"""From the constructor arguments of a recurrent estimator, checked together, to the settings of a learner."""

from typing import Any

import numpy as np

from .._checks import one_of, positive_int, positive_number, seed
from .._learner import GRADIENTS, LATENCIES, LearnerSettings
from ..cells import Cell, make_cell
from ..optim import Optimizer, RMSprop

DTYPES = ("float32", "float64")


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
    _check_truncation(model)
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
        readout_bound=model.readout_bound,
        n_threads=model.n_threads,
        n_series=n_series,
    )


def _check_truncation(model: Any) -> None:
    if model.gradient == "tbptt":
        if model.latency == "bounded":
            raise ValueError("latency='bounded' belongs to gradient='rtrl': truncated BPTT has no block to spread")
        if model.truncation is not None and model.truncation < model.update_every:
            raise ValueError(
                f"truncation must be at least update_every ({model.update_every}), got {model.truncation}: losses would be forgotten"
            )
    elif model.truncation is not None:
        raise ValueError(f"truncation belongs to gradient='tbptt', got truncation={model.truncation} with gradient={model.gradient!r}")


def _cell_of(model: Any, n_inputs: int) -> Cell:
    settings: dict[str, Any] = {"weight_bound": model.weight_bound}
    if model.cell == "elman":
        settings["activation"] = model.activation
    if model.cell == "linear" or model.dt is not None:
        settings["dt"] = model.dt
    return make_cell(model.cell, n_inputs, model.n_units, **settings)
