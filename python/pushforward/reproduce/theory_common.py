"""What the tasks of :mod:`.theory` share: claims with their verdicts, and diagnoses kept as JSON so that the report can draw them."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..diagnostics import Diagnosis
from ._tasks import Measure, Outcome, Task, Tick

__all__ = ["OURS", "PAPER", "THEIR_FORM", "Claim", "Findings", "Measure", "Outcome", "Task", "Tick", "pack", "spread", "unpack", "verdict"]

PAPER = "the paper's"
THEIR_FORM = "the paper's equations, our numbers"
OURS = "ours"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A line of the table.

    Attributes
    ----------
    text : str
        The claim.
    source : str
        Paper and place.
    setting : str
        What it was tried on.
    whose : {PAPER, THEIR_FORM, OURS}
        Whose setting that is.
    stated : str
        What must come out, and from where on it counts as holding.
    measured : str
        A format with the names of figures in braces, such as ``"κ = {kappa:.8g}"``; of a claim that cannot be tested, why.
    testable : bool
    """

    text: str
    source: str
    setting: str
    whose: str
    stated: str
    measured: str
    testable: bool = True


class Findings:
    """What one run of a task finds: claims with their figures, and diagnoses to read and to draw.

    Parameters
    ----------
    draws : bool
        Whether diagnoses are kept: of the first seed only.
    """

    def __init__(self, draws: bool) -> None:
        self.outcome, self._draws = Outcome(), draws

    def claim(self, key: str, holds: bool | Sequence[bool], **figures: float) -> None:
        """Judge a claim, of one trial or of several."""
        trials = [holds] if isinstance(holds, (bool, np.bool_)) else list(holds)
        self.outcome.add(key, **figures, held=float(sum(map(bool, trials))), tried=float(len(trials)))

    def diagnosis(self, caption: str, found: Diagnosis, about: str = "") -> None:
        """Keep a diagnosis: its figure under this caption (words that make a file's name), its summary after what it is about."""
        if self._draws:
            said = {"caption": caption, "says": f"{about}: {found.summary()}" if about else found.summary(), "diagnosis": pack(found)}
            self.outcome.curve.setdefault("found", []).append(said)


def verdict(figures: Mapping[str, Sequence[float]]) -> str:
    """*holds*, *does not hold*, or in how many trials of how many it did; *not testable* when no trial met the claim's conditions."""
    held, tried = sum(figures.get("held", ())), sum(figures.get("tried", ()))
    if not tried:
        return "not testable" if "tried" in figures else "—"
    return "holds" if held == tried else "does not hold" if not held else f"holds in {held:g} of {tried:g} trials"


def spread(template: str, figures: Mapping[str, Sequence[float]]) -> str:
    """Fill a claim's format with means over seeds and, where these differ, the lowest and the highest.

    Examples
    --------
    >>> spread("κ = {kappa:.3g}, slope {s:.2f}", {"kappa": [91.7651], "s": [-0.5, -0.4]})
    'κ = 91.8, slope -0.45 (-0.50 … -0.40)'
    """
    said = []
    for text, name, form, _ in string.Formatter().parse(template):
        said.append(text)
        if name is None:
            continue
        values = figures.get(name, ())
        mean, low, high = (format(v, form or "") for v in (np.mean(values), min(values), max(values))) if values else ("—",) * 3
        said.append(mean if low == high else f"{mean} ({low} … {high})")
    return "".join(said)


def pack(value: Any) -> Any:
    """A diagnosis, or what it is made of, as JSON; numbers of arrays to the bit."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: pack(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", "fields": fields}
    if isinstance(value, np.ndarray):
        return {"array": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii"), "dtype": value.dtype.str, "shape": value.shape}
    if isinstance(value, (np.generic, complex)) or (isinstance(value, float) and not np.isfinite(value)):
        return {"number": pack(np.asarray(value))}
    if isinstance(value, Mapping):
        return {"items": [[pack(k), pack(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [pack(v) for v in value]}
    if isinstance(value, list):
        return [pack(v) for v in value]
    return value


def unpack(value: Any) -> Any:
    """What :func:`pack` packed; of classes, only dataclasses of this package."""
    if isinstance(value, list):
        return [unpack(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "class" in value:
        module, name = value["class"].split(":")
        if module.split(".")[0] != "pushforward":
            raise ValueError(f"expected a class of pushforward, got {value['class']!r}")
        kind: Any = getattr(importlib.import_module(module), name)
        if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
            raise ValueError(f"expected a dataclass, got {value['class']!r}")
        return kind(**{key: unpack(v) for key, v in value["fields"].items()})
    if "array" in value:
        return np.frombuffer(base64.b64decode(value["array"]), value["dtype"]).reshape(value["shape"])
    if "number" in value:
        return unpack(value["number"])[()].item()
    if "items" in value:
        return {unpack(k): unpack(v) for k, v in value["items"]}
    return tuple(unpack(v) for v in value["tuple"])
