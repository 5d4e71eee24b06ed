"""Optimisers and learning-rate schedules: what to do with a gradient, as plain values (frozen, comparable, picklable, JSON-able).

They hold settings only; moments live with the learner. t counts the updates already made: 0 at the first.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ._checks import is_int, is_number, within


@dataclass(frozen=True)
class Schedule(ABC):
    """How the learning rate falls with the number of updates."""

    kind: ClassVar[str]
    _ranges: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        _check_ranges(self, self._ranges)

    @abstractmethod
    def multiplier(self, t: int) -> float:
        """Return what the learning rate of update t is multiplied by (t = 0, 1, …)."""

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule for JSON."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class Constant(Schedule):
    """The rate as given."""

    kind: ClassVar[str] = "constant"

    def multiplier(self, t: int) -> float:
        return 1.0


@dataclass(frozen=True)
class InverseTime(Schedule):
    """rate · (1 + decay · t)^(−power).

    Parameters
    ----------
    decay : float, > 0
    power : float in (1/2, 1]

    Notes
    -----
    Exactly the powers for which Σ rate = ∞ and Σ rate² < ∞ (Robbins and Monro 1951), as arXiv 2501.08040 asks of its rates.

    Examples
    --------
    >>> [InverseTime(decay=1.0).multiplier(t) for t in range(4)]
    [1.0, 0.5, 0.3333333333333333, 0.25]
    """

    decay: float
    power: float = 1.0

    kind: ClassVar[str] = "inverse_time"
    _ranges: ClassVar[dict[str, str]] = {"decay": "(0, inf)", "power": "(0.5, 1]"}

    def multiplier(self, t: int) -> float:
        return float((1.0 + self.decay * t) ** -self.power)


@dataclass(frozen=True)
class Exponential(Schedule):
    """rate · factor^t, factor in (0, 1]."""

    factor: float

    kind: ClassVar[str] = "exponential"
    _ranges: ClassVar[dict[str, str]] = {"factor": "(0, 1]"}

    def multiplier(self, t: int) -> float:
        return float(self.factor**t)


@dataclass(frozen=True)
class Step(Schedule):
    """rate · factor^(t // every): one drop every so many updates; ``every`` int ≥ 1, ``factor`` in (0, 1]."""

    every: int
    factor: float

    kind: ClassVar[str] = "step"
    _ranges: ClassVar[dict[str, str]] = {"every": "int [1, inf)", "factor": "(0, 1]"}

    def multiplier(self, t: int) -> float:
        return float(self.factor ** (t // self.every))


@dataclass(frozen=True)
class Optimizer(ABC):
    """What every optimiser takes. Build an :class:`SGD`, :class:`RMSprop`, :class:`Adam` or :class:`AdamW`.

    Parameters
    ----------
    learning_rate : float, ≥ 0
    weight_decay : float, ≥ 0
        Added to the gradient as weight_decay · w (:class:`AdamW`: taken off the weights instead).
    schedule : Schedule
    clip_norm : float, optional
        c > 0: g ← g min(1, c / ‖g‖) over all trained numbers together, before weight decay.
    """

    learning_rate: float = 1e-3
    weight_decay: float = field(default=0.0, kw_only=True)
    schedule: Schedule = field(default_factory=Constant, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)

    kind: ClassVar[str]
    _ranges: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise TypeError(f"schedule must be a Schedule such as pushforward.InverseTime(decay=1e-5), got {self.schedule!r}")
        common = {"learning_rate": "[0, inf)", "weight_decay": "[0, inf)"} | ({} if self.clip_norm is None else {"clip_norm": "(0, inf)"})
        _check_ranges(self, common | self._ranges)

    def rate(self, t: int) -> float:
        """Return the learning rate of update t (t = 0, 1, …).

        Examples
        --------
        >>> SGD(learning_rate=0.5, schedule=Step(every=10, factor=0.1)).rate(10)
        0.05
        """
        return self.learning_rate * self.schedule.multiplier(t)

    def to_dict(self) -> dict[str, Any]:
        """Return the optimiser for JSON, the inverse of :func:`optimizer_from_dict`.

        Examples
        --------
        >>> optimizer_from_dict(Adam(learning_rate=0.1).to_dict())
        Adam(learning_rate=0.1, weight_decay=0.0, schedule=Constant(), clip_norm=None, beta1=0.9, beta2=0.999, epsilon=1e-08)
        """
        return {"kind": self.kind, **dataclasses.asdict(self), "schedule": self.schedule.to_dict()}

    def config(self) -> dict[str, Any]:
        """Return the flat form the kernels read: every key always there, 0 where it has no meaning; beta1 and beta2 smooth g and g²."""
        own = dataclasses.asdict(self)
        a, b = ([float(value) for value in dataclasses.asdict(self.schedule).values()] + [0.0, 0.0])[:2]
        flat = {"kind": "momentum" if own.get("momentum") else self.kind, "learning_rate": self.learning_rate}
        flat |= {"beta1": own.get("beta1", own.get("momentum", 0.0)), "beta2": own.get("beta2", own.get("smoothing", 0.0))}
        flat |= {"epsilon": own.get("epsilon", 0.0), "weight_decay": self.weight_decay, "clip_norm": self.clip_norm or 0.0}
        return flat | {"schedule": self.schedule.kind, "schedule_a": a, "schedule_b": b}


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: m ← momentum · m + g, w ← w − rate · m; ``momentum`` in [0, 1)."""

    learning_rate: float = 1e-2
    momentum: float = 0.0

    kind: ClassVar[str] = "sgd"
    _ranges: ClassVar[dict[str, str]] = {"momentum": "[0, 1)"}


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop: v ← smoothing · v + (1 − smoothing) g², w ← w − rate · g / (√v + epsilon); ``smoothing`` in [0, 1), ``epsilon`` > 0."""

    smoothing: float = 0.99
    epsilon: float = 1e-8

    kind: ClassVar[str] = "rmsprop"
    _ranges: ClassVar[dict[str, str]] = {"smoothing": "[0, 1)", "epsilon": "(0, inf)"}


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: w ← w − rate · m̂ / (√v̂ + epsilon), m̂ and v̂ the bias-corrected running means of g and g².

    Parameters
    ----------
    beta1, beta2 : float in [0, 1)
    epsilon : float, > 0
    learning_rate, weight_decay, schedule, clip_norm : see :class:`Optimizer`
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    kind: ClassVar[str] = "adam"
    _ranges: ClassVar[dict[str, str]] = {"beta1": "[0, 1)", "beta2": "[0, 1)", "epsilon": "(0, inf)"}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: w ← (1 − rate · weight_decay) w comes first, then Adam's step on the bare gradient."""

    weight_decay: float = field(default=1e-2, kw_only=True)

    kind: ClassVar[str] = "adamw"


_SCHEDULES: dict[str, type[Schedule]] = {kind.kind: kind for kind in (Constant, InverseTime, Exponential, Step)}
_OPTIMIZERS: dict[str, type[Optimizer]] = {kind.kind: kind for kind in (SGD, RMSprop, Adam, AdamW)}


def optimizer_from_dict(values: Mapping[str, Any]) -> Optimizer:
    """Build an optimiser from what :meth:`Optimizer.to_dict` gave; kinds and settings nobody here knows are refused by name."""
    optimizer: Optimizer = _build("optimizer", _OPTIMIZERS, values)
    return optimizer


def _build(what: str, registry: Mapping[str, type[Any]], values: object) -> Any:
    if not isinstance(values, Mapping):
        raise TypeError(f"{what} must be a dict with a kind, got {values!r}")
    settings = dict(values)
    kind = settings.pop("kind", None)
    if not isinstance(kind, str) or kind not in registry:
        raise ValueError(f"{what} kind must be one of {', '.join(registry)}, got {kind!r}")
    known = [entry.name for entry in dataclasses.fields(registry[kind])]
    if unknown := settings.keys() - known:
        raise ValueError(f"{what} {kind} takes {', '.join(known) or 'no settings'}, got {', '.join(sorted(map(str, unknown)))}")
    if "schedule" in settings:
        settings["schedule"] = _build("schedule", _SCHEDULES, settings["schedule"])
    return registry[kind](**settings)


def _check_ranges(owner: object, ranges: Mapping[str, str]) -> None:
    """Hold the fields of a frozen dataclass to intervals such as "(0, 1]" or "int [1, inf)", and make them plain numbers."""
    for name, interval in ranges.items():
        value, integer, ends = getattr(owner, name), interval.startswith("int"), interval.removeprefix("int ")
        low, high = (float(end) for end in ends[1:-1].split(","))
        message = f"{name} must be {'an' if integer else 'a number in'} {interval}, got {value!r}"
        if not (is_int(value) if integer else is_number(value)):
            raise TypeError(message)
        if not (within(value, low, high, ends[0] + ends[-1]) and (integer or within(value, low))):  # an int may be beyond any float
            raise ValueError(message)
        object.__setattr__(owner, name, int(value) if integer else float(value))
