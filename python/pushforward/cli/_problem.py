"""What is to be learnt: the data of a run cut into a training part and a held-out end, in the model's type."""

from __future__ import annotations

import gzip
import hashlib
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward import datasets
from pushforward.cli._settings import InputError, Settings

BUILT_IN = {"shakespeare": "text", "lobster": "classification"}
DEMO_STEPS = 100_000


@dataclass
class Problem:
    """Arrays and facts; rows [0, n_train) are learnt, the rest is held out."""

    task: str
    X: NDArray[Any]
    y: NDArray[Any]
    n_train: int
    facts: dict[str, Any]
    n_classes: int | None = None
    alphabet: list[str] | None = None
    y_mean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    y_std: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    current: NDArray[Any] | None = None  # the target's present value where y is its next, scaled like y
    notes: list[str] = field(default_factory=list)

    @property
    def n_inputs(self) -> int:
        return len(self.alphabet) if self.alphabet is not None else int(self.X.shape[1])


def load_problem(settings: Settings) -> Problem:
    """Read what ``DATA`` names; a mistake is an :class:`InputError` naming the argument."""
    task = _task(settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            problem = _text(settings) if task == "text" else _table(settings, task)
        except InputError:
            raise
        except (ValueError, TypeError, OSError, EOFError) as error:
            raise InputError(_as_option(error)) from error
    problem.notes = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    problem.facts |= {"n_events": len(problem.y), "n_train": problem.n_train, "n_holdout": len(problem.y) - problem.n_train}
    digest = hashlib.sha256(f"{problem.X.dtype} {problem.X.shape} {problem.y.dtype} {problem.y.shape}".encode())
    for array in (problem.X, problem.y):
        digest.update(np.ascontiguousarray(array).data)
    problem.facts["sha256"] = digest.hexdigest()
    return problem


def _task(settings: Settings) -> str:
    data = settings.data
    fixed = "regression" if data is None else BUILT_IN.get(data)
    if fixed is None and data is not None:
        if not Path(data).is_file():
            raise InputError(f"DATA: no file {data} (built in: {', '.join(BUILT_IN)})")
        if data.endswith((".txt", ".txt.gz")):
            fixed = settings.task or "text"
    if fixed is None:
        fixed = settings.task
    if fixed is None:
        raise InputError(f"--task: say what to learn from {data}: regression, classification or text")
    if settings.task not in (None, fixed):
        raise InputError(f"--task: {data or 'the built-in series'} is for {fixed}, got {settings.task}")
    if settings.target is not None and (fixed == "text" or data is None or data in BUILT_IN):
        raise InputError(f"--target: only for a CSV or npz file, got {settings.target!r}")
    return fixed


def _text(settings: Settings) -> Problem:
    if settings.data == "shakespeare":
        text = datasets.tiny_shakespeare()
    else:
        assert settings.data is not None
        try:
            text = datasets.TextSeries(*datasets.encode_text(datasets.read_text(settings.data)))
        except (gzip.BadGzipFile, EOFError) as error:
            raise InputError(f"DATA: {settings.data} is not a whole gzip file") from error
        if len(text.tokens) < 3 or len(text.alphabet) < 2:
            raise InputError(f"DATA: {settings.data} has {len(text.tokens)} characters, {len(text.alphabet)} distinct; too few to learn")
    X, y = text.X[: settings.limit], text.y[: settings.limit]
    facts = {"source": settings.data, "alphabet": "".join(text.alphabet), "n_characters": len(text.tokens)}
    return Problem("text", X, y, _cut(len(y), settings), facts, n_classes=len(text.alphabet), alphabet=text.alphabet)


def _table(settings: Settings, task: str) -> Problem:
    if settings.data is None:
        x, target, _ = datasets.elman_teacher(DEMO_STEPS, n_inputs=2, n_units=8, seed=1)
        series = datasets.Series(x, target[:, 0], ("x1", "x2"), "output of the teacher")
        source = f"generated: 8-unit Elman teacher, {DEMO_STEPS:,} steps"
    elif settings.data == "lobster":
        book = datasets.lobster()
        series = datasets.Series(book.X.astype(np.float64), book.y, ("mid-price change", "queue imbalance"), "next move", book.classes)
        source = "LOBSTER AMZN 2012-06-21, 1 level"
    else:
        series = datasets.load_series(settings.data, task, settings.target, missing=settings.missing)
        source = settings.data
    X, y = series.X[: settings.limit], series.y[: settings.limit]
    n_train = _cut(len(y), settings)
    facts: dict[str, Any] = {"source": source, "columns": list(series.columns), "target": series.target}
    if series.dropped:
        facts["left_out"] = list(series.dropped)
    if settings.data != "lobster":  # its features are scaled already, without statistics
        X_mean, X_std = _scale(X[:n_train])
        X = (X - X_mean) / X_std
        facts |= {"X_mean": X_mean.tolist(), "X_std": X_std.tolist()}
    X = np.ascontiguousarray(X, dtype=settings.dtype)
    if series.classes is not None:
        facts["classes"] = list(series.classes)
        return Problem(task, X, np.ascontiguousarray(y), n_train, facts, n_classes=len(series.classes))
    y_mean, y_std = _scale(y[:n_train].reshape(n_train, -1))
    facts |= {"y_mean": y_mean.tolist(), "y_std": y_std.tolist()}
    shape = (1,) if y.ndim == 1 else (y.shape[1],)
    scale = y_mean.reshape(shape), y_std.reshape(shape)
    current = None if series.current is None else (series.current[: len(y)] - scale[0]) / scale[1]
    y = np.ascontiguousarray((y - scale[0]) / scale[1], dtype=settings.dtype)
    return Problem(task, X, y, n_train, facts, y_mean=y_mean, y_std=y_std, current=current)


def _cut(n_events: int, settings: Settings) -> int:
    n_train = n_events - int(settings.holdout * n_events)
    if n_train < 2:
        raise InputError(f"--holdout: {n_train} of {n_events} events are left to learn from; expected at least 2")
    return n_train


def _scale(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column, the latter 1 for a constant one."""
    std = values.std(axis=0)
    return values.mean(axis=0), np.where(std > 0, std, 1.0)


def _as_option(error: Exception) -> str:
    """Name the command's arguments where the loaders name their own."""
    text = " ".join(str(error).split())
    for ours, theirs in (("path: ", "DATA: "), ("target: ", "--target: "), ("missing: ", "--missing: "), ("missing='", "--missing '")):
        text = theirs + text.removeprefix(ours) if ours.endswith(": ") and text.startswith(ours) else text
        if not ours.endswith(": "):
            text = text.replace("missing='drop'", "--missing drop").replace("missing='previous'", "--missing previous")
    return text if text.startswith(("DATA", "--")) else f"DATA: {text}"
