"""The report of :mod:`.theory`: one page, a table of claims first, then what each diagnosis says and draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._task_report import TaskReport
from .theory import CLAIMS
from .theory_common import Claim, spread, unpack, verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Report"]

HEADING = ("claim", "paper and place", "setting", "whose setting", "stated", "measured", "verdict")
READING = """\
A line is a claim of a paper (or, where it says so, of the literature), the setting it was tried in and whose that is, what ought to come out and
from where on that counts as holding, what came out, and the verdict. Figures are means over seeds, with the lowest and the highest where they
differ. *Holds* means: in every trial here. *Does not hold* means: in none, in this setting; where the setting is ours that says nothing
against the paper's. A theorem about a limit or an upper bound cannot be proved or refuted by a run; what is measured is whether its
consequences, or what it leads one to expect, are seen. *Not testable*: something that would be needed is not known, no run met the conditions of
the claim, or no finite run could tell. Summaries and figures are those of the first seed."""
THEIRS = """\
"The paper's": equation and numbers are those of the paper. "The paper's equations, our numbers": the model and the bound are the paper's, sizes,
weights, inputs and horizons are ours. "Ours": something else is chosen here too, such as data or optimiser. Numbers marked as derived follow from
the paper's formulas by calculation and do not stand in it. The criteria (5 %, a fifth, a slope within 0.1, …) are ours throughout, and so are the
definitions of a plateau and a trend, which the papers do not give.

Papers: 2501.08040 (Lam, Sirignano, Spiliopoulos: real-time recurrent learning), 2410.23467 (Bolager, Cukarska, Burak, Monfared, Dietrich: sampled
networks), 2602.21454 (Morgan, Khan, Liu, Zheng: fixed poles), 2402.12241 (Cayci, Eryilmaz: diagonal networks)."""


class Report(TaskReport):
    """All runs of a plan that ``find`` knows, as one page. See :class:`._task_report.TaskReport`."""

    name = "theory"
    title = "# What the papers prove, and what is measured"
    reading = READING
    theirs = THEIRS

    def markdown(self) -> str:
        """The report as a Markdown text."""
        command = f"pushforward reproduce {self.name}{' --quick' if self.plan.quick else ''}"
        parts = [self.title, f"{self._status()} Written by `{command}`.", self._count()]
        if self.plan.quick:
            parts.append("**Quick sizes: a look at how the report comes out, not a result.**")
        parts += ["## Claims", self._claims()]
        for name in self.plan.tasks:
            curve = self._curve(name)
            if curve is not None:
                task = self._task(name)
                parts += [f"## {task.title}", task.note, *(self._said(name, found) for found in curve["found"])]
        parts += ["## How to read the table", self.how_to_read(), "## What is the papers', and what is ours", self.theirs]
        parts += ["## Machine", self._machine()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, for JSON, with the table of claims."""
        claims = [dict(zip(HEADING, cells, strict=True)) | {"task": name, "key": key} for name, key, cells in self._cells()]
        return super().to_dict() | {"claims": claims}

    def figure_of(self, name: str, curve: Mapping[str, Any]) -> dict[str, Figure]:
        """What every diagnosis draws."""
        return {found["caption"]: unpack(found["diagnosis"]).plot() for found in curve["found"]}

    def captions(self, name: str, curve: Mapping[str, Any]) -> tuple[str, ...]:
        """Of every diagnosis."""
        return tuple(found["caption"] for found in curve["found"])

    def lines(self, name: str) -> list[list[str]]:
        """The claims of a task for the terminal: in short, with the verdict."""
        return [["claim", "measured", "verdict"], *([cells[0], cells[5], cells[6]] for task, _, cells in self._cells() if task == name)]

    def _cells(self) -> list[tuple[str, str, list[str]]]:
        """Task, key and cells of every line of the table."""
        return [(name, key, self._line(name, key, claim)) for name in self.plan.tasks for key, claim in CLAIMS[name].items()]

    def _line(self, name: str, key: str, claim: Claim) -> list[str]:
        figures = self.tables[name].get(key, {})
        measured = (spread(claim.measured, figures) if figures else "—") if claim.testable else claim.measured
        judged = verdict(figures) if claim.testable else "not testable"
        return [claim.text, claim.source, claim.setting, claim.whose, claim.stated, measured, judged]

    def _claims(self) -> str:
        lines = [list(HEADING), ["---"] * len(HEADING)]
        lines += [[*cells[:-1], f"**{cells[-1]}**"] for _, _, cells in self._cells()]
        return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)

    def _count(self) -> str:
        """How many claims came out how."""
        said = [cells[-1] for _, _, cells in self._cells()]
        mixed = sum(v.startswith("holds in") for v in said)
        parts = [f"{said.count('holds')} hold", f"{said.count('does not hold')} do not", f"{mixed} hold in some trials"]
        parts.append(f"{said.count('not testable')} cannot be tested")
        return f"Of {len(said)} claims {', '.join(parts)}" + (f", {said.count('—')} have no run yet." if "—" in said else ".")

    def _said(self, name: str, found: Mapping[str, Any]) -> str:
        caption = found["caption"]
        return f"### {caption[0].upper()}{caption[1:]}\n\n{found['says']}\n\n![{caption}]({self._file(name, caption)})"
