"""The model that the settings ask for."""

from __future__ import annotations

from typing import Any

from pushforward.cli._problem import Problem
from pushforward.cli._settings import InputError, Settings

OPTIMIZERS = {"rmsprop": "RMSprop", "sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}


def build_model(settings: Settings, problem: Problem) -> Any:
    """Return an untrained ``RecurrentClassifier`` or ``RecurrentRegressor``."""
    import pushforward as pf
    from pushforward.recurrent._settings import settings_of

    schedule = pf.InverseTime(decay=settings.decay) if settings.decay > 0 else pf.Constant()
    clip = {} if settings.clip_norm is None else {"clip_norm": settings.clip_norm}
    estimator: Any = pf.RecurrentRegressor if problem.task == "regression" else pf.RecurrentClassifier
    try:
        optimizer = getattr(pf, OPTIMIZERS[settings.optimizer])(learning_rate=settings.learning_rate, schedule=schedule, **clip)
        model = estimator(
            n_units=settings.units,
            cell=settings.cell,
            activation=settings.activation,
            dt=settings.dt,
            leak_rate=settings.leak_rate,
            connectivity=settings.connectivity,
            gradient=settings.gradient,
            truncation=settings.truncation,
            update_every=settings.update_every,
            carry_every=settings.carry_every if settings.carry_every == "auto" else int(settings.carry_every),
            latency=settings.latency,
            optimizer=optimizer,
            n_inputs=problem.n_inputs,
            dtype=settings.dtype,
            n_threads=settings.threads,
            random_state=settings.seed,
        )
        settings_of(model, problem.n_inputs or 1, 1, 1, "squared_error")  # what it will say of its arguments, before anything is written
    except (ValueError, TypeError) as error:
        raise InputError(" ".join(str(error).split())) from error
    return model


def learn(model: Any, problem: Problem, start: int, stop: int) -> float:
    """Learn rows [start, stop) of the training part; return their mean loss, each taken before its own update."""
    X, y = problem.X[start:stop], problem.y[start:stop]
    if problem.n_classes is None:
        model.partial_fit(X, y)
    else:
        model.partial_fit(X, y, classes=list(range(problem.n_classes)))
    return float(model.loss_)
