"""What a finished run leaves behind: held-out figures beside trivial baselines, report, figure."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

from pushforward import metrics
from pushforward.cli._checkpoint import Progress, write_atomically
from pushforward.cli._problem import Problem
from pushforward.cli._settings import Settings


def evaluate(model: Any, problem: Problem) -> dict[str, Any]:
    """Score the held-out end, predicted with the final weights from where training stopped; beside it what knowing nothing scores."""
    held = slice(problem.n_train, len(problem.y))
    X, y, y_train = problem.X[held], problem.y[held], problem.y[: problem.n_train]
    if not len(y):
        return {}
    if problem.n_classes is None:
        return _score_regression(np.asarray(model.predict(X, state="current")).reshape(y.shape), y, y_train, problem)
    p = np.asarray(model.predict_proba(X, state="current"))
    loss = metrics.cross_entropy(y, p)
    frequencies = metrics.class_frequency_entropy(y, y_train, n_classes=problem.n_classes)
    most = np.full(len(y), np.bincount(y_train).argmax())
    result: dict[str, Any] = {
        "loss": loss,
        "accuracy": metrics.accuracy(y, p.argmax(axis=1)),
        "baseline": {"class frequencies": {"loss": frequencies, "accuracy": metrics.accuracy(y, most)}},
    }
    if problem.task == "text":
        result["bits_per_character"] = metrics.bits_per_character(loss)
        result["baseline"]["class frequencies"]["bits_per_character"] = metrics.bits_per_character(frequencies)
    return result


def _score_regression(prediction: Any, y: Any, y_train: Any, problem: Problem) -> dict[str, Any]:
    """Score a forecast. y is standardised with the training part: its mean is 0, its standard deviation 1."""

    def score(forecast: Any) -> dict[str, Any]:
        error = (forecast.astype(np.float64) - y).reshape(len(y), -1)
        rmse = np.sqrt(np.mean(error**2, axis=0))
        return {
            "loss": float(0.5 * np.mean(np.sum(error**2, axis=1))),
            "nrmse": float(np.sqrt(np.mean(error**2))),
            "rmse": [float(v) for v in rmse * problem.y_std],
        }

    baseline = {"training mean": score(np.zeros_like(y))}
    if problem.current is not None:
        baseline["no change"] = score(problem.current[problem.n_train :])
    return {**score(prediction), "baseline": baseline}


def write_report(out: Path, settings: Settings, problem: Problem, progress: Progress, held_out: dict[str, Any]) -> dict[str, Any]:
    """Write ``report.json`` and return it."""
    import pushforward as pf
    from pushforward import _core

    report = {
        "task": problem.task,
        "loss_unit": "half squared error, in training standard deviations squared" if problem.n_classes is None else "nats",
        "events": progress.events,
        "seconds": progress.seconds,
        "events_per_second": progress.events / progress.seconds if progress.seconds > 0 else None,
        "train_loss": {
            "last epoch": mean_loss(progress, problem.n_train),
            "last tenth": mean_loss(progress, max(1, problem.n_train // 10)),
        },
        "held_out": held_out or None,
        "data": problem.facts,
        "settings": settings.to_dict() | {"chunk": settings.chunk_size(problem.n_train), "task": problem.task},
        "versions": versions(),
        "isa": _core.isa(),
        "threads": settings.threads or pf.get_num_threads(),
        "machine": platform.machine(),
    }
    write_atomically(out / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return report


def write_figure(out: Path, problem: Problem, progress: Progress, held_out: dict[str, Any]) -> None:
    """Write ``loss.png``: online loss against events, held-out loss and baselines."""
    from pushforward.plot import loss_curve

    lines = {f"held out, {name}": figures["loss"] for name, figures in held_out.get("baseline", {}).items()}
    if held_out:
        lines = {"held out, this model": held_out["loss"], **lines}
    events, losses = zip(*progress.history, strict=True)
    unit = "cross-entropy [nats]" if problem.n_classes is not None else "½ (error / standard deviation)²"
    figure = loss_curve(losses, events=events, baselines=lines, ylabel=f"mean online loss, {unit}", title=str(problem.facts["source"]))
    temporary = out / "loss.tmp.png"
    figure.savefig(temporary)
    temporary.replace(out / "loss.png")


def mean_loss(progress: Progress, n_events: int) -> float:
    """Mean of the losses of the last chunks that cover ``n_events`` events."""
    total, covered, events = 0.0, 0, progress.events
    starts = [0, *(e for e, _ in progress.history)]
    for (end, loss), start in zip(reversed(progress.history), reversed(starts[:-1]), strict=True):
        if start < events - n_events and covered:
            break
        total, covered = total + loss * (end - start), covered + end - start
    return total / covered


def versions() -> dict[str, str | None]:
    """Versions of this package, of Python and of what it runs on; ``None`` where one is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("pushforward", "numpy", "scipy", "scikit-learn", "safetensors", "typer", "rich", "matplotlib", "pooch", "torch"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found
