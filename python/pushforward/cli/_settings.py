"""The settings of one training run: what was asked for, checked, written down and compared."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, fields
from typing import Any

from pushforward._learner import GRADIENTS
from pushforward.cells import ACTIVATIONS, CELLS

#: What may change between a run and its ``--resume``: none of these touches a number of the trained model.
FREE = frozenset({"epochs", "threads", "checkpoint_every", "out", "sample_length", "temperature", "prompt"})


class InputError(ValueError):
    """A mistake in what the user gave: one line that names the argument, exit code 2."""


@dataclass(frozen=True)
class Settings:
    """Options of ``pushforward train`` in the order of its help; each field is the option of that name."""

    data: str | None = None
    task: str | None = None
    target: str | None = None
    missing: str = "refuse"
    cell: str = "elman"
    activation: str | None = None
    dt: float | None = None
    leak_rate: float | None = None
    connectivity: float | None = None
    units: int = 50
    gradient: str = "rtrl"
    truncation: int | None = None
    update_every: int = 1
    carry_every: str = "auto"
    latency: str = "throughput"
    optimizer: str = "rmsprop"
    learning_rate: float = 1e-3
    decay: float = 1e-5
    clip_norm: float | None = None
    epochs: int = 1
    dtype: str = "float32"
    threads: int | None = None
    seed: int = 0
    limit: int | None = None
    holdout: float = 0.1
    chunk: int | None = None
    checkpoint_every: float = 60.0
    out: str = "pushforward-run"
    sample_length: int = 500
    temperature: float = 1.0
    prompt: str = "\n"

    def __post_init__(self) -> None:
        counts = ("units", "truncation", "update_every", "epochs", "threads", "limit", "chunk")
        for name in (*counts, "learning_rate", "clip_norm", "temperature", "dt", "leak_rate", "connectivity"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{option(name)}: expected a positive number, got {value}")
        for name, known in (("cell", CELLS), ("gradient", GRADIENTS), ("activation", (None, *ACTIVATIONS))):
            if getattr(self, name) not in known:
                raise InputError(f"{option(name)}: expected one of {', '.join(filter(None, known))}, got {getattr(self, name)!r}")
        for name in ("decay", "checkpoint_every", "sample_length", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{option(name)}: expected a number ≥ 0, got {getattr(self, name)}")
        if not 0.0 <= self.holdout < 1.0:
            raise InputError(f"--holdout: expected a fraction in [0, 1), got {self.holdout}")
        if self.carry_every != "auto" and not (self.carry_every.isdecimal() and int(self.carry_every) > 0):
            raise InputError(f"--carry-every: expected 'auto' or a positive integer, got {self.carry_every!r}")
        if self.gradient == "tbptt" and self.truncation is None:
            raise InputError("--truncation: --gradient tbptt needs the number of steps to look back")
        if self.gradient != "tbptt" and self.truncation is not None:
            raise InputError(f"--truncation: only with --gradient tbptt; {self.gradient} looks back without end")

    def chunk_size(self, n_train: int) -> int:
        """Return the events between two looks at the clock: as told, or a hundredth of the training part, at most about a second's work.

        It follows from the sizes alone, so that a resumed run cuts its stream where the first did.
        """
        return self.chunk or max(200, min(10_000, n_train // 100, int(4e10 / (6 * self.units**3))))

    def to_dict(self) -> dict[str, Any]:
        """Return all settings, for JSON."""
        return asdict(self)

    def differences(self, other: dict[str, Any]) -> list[str]:
        """Say what differs from the settings of an earlier run, leaving out what may."""
        mine = self.to_dict()
        return [
            f"{option(name)} {_text(mine[name])} (the run has {_text(other.get(name))})"
            for name in mine
            if name not in FREE and mine[name] != other.get(name)
        ]

    def command(self) -> str:
        """Return the command line that resumes this run."""
        words = ["pushforward", "train"] + ([self.data] if self.data is not None else [])
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name not in ("data", "out") and value != f.default:
                words += [option(f.name), str(value)]
        return shlex.join([*words, "--out", self.out, "--resume"])


def option(name: str) -> str:
    """Return the option of a field: ``update_every`` → ``--update-every``; ``data`` → ``DATA``."""
    return "DATA" if name == "data" else "--" + name.replace("_", "-")


def _text(value: Any) -> str:
    return "not given" if value is None else str(value)
