"""The report of :mod:`.reservoirs`: its texts, its goals and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._task_report import Goal, TaskReport
from .reservoirs_figures import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GOALS", "Report"]

READING = """\
Figures are means over seeds, ± the sample standard deviation where there are several; a seed draws the network and, where a task is
generated (NARMA-10, the link), the data too. Baselines that draw nothing have one run. **Bold**: the best mean of a column among models and
baselines. A dash: there is no such figure, as of a forecast that left the finite numbers.

Settings were chosen by a few runs on the first seeds of the same tasks, with the part that is scored in sight, and the networks were given more of
them than the baselines: a margin of a few per cent means little. NRMSE: root mean square error over the standard deviation of the training
part, all outputs together. Valid time: until the error first passes 0.4 standard deviations, over several starts along the part not learnt.
D_stsp: see `pushforward.metrics.state_space_divergence`; its floor is what a second true orbit scores, and a model near it is as good as can
be told."""
THEIRS = """\
The fixed-pole paper (arXiv 2602.21454) detects symbols with 32 units over a wireless link whose parameters it does not give: the link, its
parameters and all settings here are ours. Its closed-form figures (condition numbers) are checked as they stand. Data sets: see their loaders
in `pushforward.datasets`."""

GOALS = (
    Goal(
        "lorenz", "valid", 13.0, "Lorenz-63, closed loop: valid for at least 13 Lyapunov times (1,000 units, ridge 1e-12, default read-out)",
        ("echo state, 1,000, ridge 1e-12",),
    ),
    Goal("mackey-glass", "closed", 0.09, "Mackey-Glass, closed loop over 400 steps: NRMSE at most 0.09", ("echo state, 500",)),
    Goal(
        "amplifier", "forward", -36.7, "Amplifier: a model at least as good as the memory polynomial's −36.7 dB",
        ("fixed poles, 64, driven by powers", "complex echo state, 300"),
    ),
)  # fmt: skip


class Report(TaskReport):
    """All runs of a plan that ``find`` knows, put into words, numbers and figures. See :class:`._task_report.TaskReport`."""

    name = "reservoirs"
    title = "# Fixed dynamics: reservoirs, fixed poles, online read-outs"
    reading = READING
    theirs = THEIRS
    goals_ = GOALS
    no_rivals = ("another", "the stage")

    def figure_of(self, name: str, curve: Mapping[str, Any]) -> dict[str, Figure]:
        """One figure a task."""
        return {"": figure_of(name, curve)}

    def curve_of(self, name: str, curve: dict[str, Any] | None) -> dict[str, Any] | None:
        """The curve of the first seed; of the link the table."""
        if curve is None or not name.startswith("link-"):
            return curve if curve and name != "narma10" else None
        return {"table": self.tables[name]}
