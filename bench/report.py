"""Rows of figures, each beside its goal, and the table and the JSON made of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .timing import Timing

COLUMNS = ("case", "what", "µs/step", "measured", "goal", "met", "error", "samples", "note")


@dataclass
class Row:
    """One measured line.

    Parameters
    ----------
    case, what : str
    microseconds : float, optional
        Per step.
    figure : float, optional
        What is held against the goal.
    form : str
        How the figure and the goal are written, such as ``"{:.1f} × H=1"``.
    goal : float, optional
    at_least : bool
        The goal is a lower bound; else an upper one.
    error : float, optional
        Relative error of the answer that was timed; None where there is nothing to compare with.
    timing : Timing, optional
        What the figure rests on.
    note : str
    numbers : dict
        More, for the JSON.
    """

    case: str
    what: str
    microseconds: float | None = None
    figure: float | None = None
    form: str = "{:.2f}"
    goal: float | None = None
    at_least: bool = True
    error: float | None = None
    timing: Timing | None = None
    note: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None or self.figure is None:
            return None
        return self.figure >= self.goal if self.at_least else self.figure <= self.goal

    def texts(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        t = self.timing
        return (
            self.case,
            self.what,
            "" if self.microseconds is None else _significant(self.microseconds),
            "" if self.figure is None else self.form.format(self.figure),
            "" if self.goal is None else ("≥ " if self.at_least else "≤ ") + self.form.format(self.goal),
            {True: "yes", False: "no", None: ""}[self.met],
            "" if self.error is None else f"{self.error:.0e}",
            "" if t is None else f"{t.n_good}/{len(t.samples)}",
            self.note,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything, the samples included."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "timing"}
        return values | {"met": self.met, "timing": None if self.timing is None else dataclasses.asdict(self.timing)}


def header(facts: dict[str, Any]) -> list[str]:
    """Lines that say what the figures hold for."""
    build, pins = facts["build"], facts["openblas_pins"] or "none"
    removed = f" (removed for this run: {facts['removed_pins']})" if facts.get("removed_pins") else ""
    rates = ", ".join(f"{_bytes(size)}: {rate / 1e9:.0f}" for size, rate in facts["read_bandwidth"].items())
    return [
        f"{facts['processor']}, {facts['available_cpus']} CPUs, {facts['platform']}",
        f"{facts['dtype']}, instruction set {facts['isa']}, {build['compiler']}, C++ {build['cxx_standard']}"
        + (f", sanitizer {build['sanitizer']}" if build["sanitizer"] else ""),
        f"one thread unless said; CPU time, wall time for two; peak {facts['peak_flops'] / 1e9:.0f} GFLOP/s a core",
        f"reads on one core by working set [GB/s]: {rates}",
        f"NumPy {facts['numpy']}, {'; '.join(facts['blas']) or 'BLAS unknown'}; OpenBLAS pins: {pins}{removed}",
    ]


def show(facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """Print the machine and the table: with rich when it is there, else plain."""
    print("\n".join(header(facts)))
    lines = [row.texts() for row in rows]
    used = [i for i in range(len(COLUMNS)) if any(line[i] for line in lines)]
    if not _show_with_rich(rows, lines, used):
        print(plain([COLUMNS, *lines], used))
    print("error: of what was learnt, against another road to it; samples: good/all, good when the core was at its peak and ours")


def _show_with_rich(rows: Sequence[Row], lines: Sequence[Sequence[str]], used: Sequence[int]) -> bool:
    """Print a table on a terminal; a file or a pipe gets plain text, which nothing wraps."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ModuleNotFoundError:
        return False
    console = Console(highlight=False)
    if not console.is_terminal:
        return False
    table = Table()
    for i in used:
        table.add_column(COLUMNS[i], justify="left" if i in (0, 1, 8) else "right")
    for row, line in zip(rows, lines, strict=True):
        table.add_row(*(line[i] for i in used), style="red" if row.met is False else None)
    console.print(table)
    return True


def plain(lines: Sequence[Sequence[str]], used: Sequence[int]) -> str:
    """Columns of text."""
    widths = {i: max(len(line[i]) for line in lines) for i in used}
    return "\n".join("  ".join(line[i].ljust(widths[i]) for i in used).rstrip() for line in lines)


def to_json(facts: dict[str, Any], rows: Sequence[Row]) -> str:
    """All numbers, as JSON."""
    return json.dumps({"machine": facts, "rows": [row.to_dict() for row in rows]}, indent=1, ensure_ascii=False, default=lambda number: number.item())


def _significant(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _bytes(size: int) -> str:
    return f"{size >> 20} MB" if size >= 1 << 20 else f"{size >> 10} kB"
