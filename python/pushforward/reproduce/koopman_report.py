"""The report of :mod:`.koopman`: its texts, its goals and its figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._task_report import Goal, TaskReport
from ._tasks import Measure
from .koopman_figures import captions_of, figures_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GOALS", "Report"]

READING = """\
Figures are means over seeds (lowest, highest). A seed draws the networks, and for Van der Pol the starts and forces too; where
nothing is drawn there is one run. **Bold**: the best mean of a column. A dash: there is no such figure, as of a forecast that ran
away (an error of more than a thousand standard deviations).

Closed loop: the model is given the past and runs on by itself, its own forecasts lifted again at every step; the mean square error is over
all starts, steps and components, in the squared unit of the data. Fit: seconds of the processor, one thread, the full operator of the sampled
networks included. Largest |λ| of K: the 1 that belongs to the constant in the dictionary aside; at most 1 is a K that cannot run away.
D_stsp: see `pushforward.metrics.state_space_divergence`. Its floor is what other true orbits of the same length score, one a seed; a model
near it is as good as can be told. Valid time: until the error first passes 0.4 standard deviations.

LSTM and shPLRNN are trained here in PyTorch (float32, Adam, rate falling to a hundredth along half a cosine, gradients clipped at norm 1) on
windows drawn at random, for a fixed number of updates that fits into minutes: more training would make them better. The LSTM learns the
change of the state, forced by the truth over the first part of a window and free over the rest. The shPLRNN is
z ← A z + W₁ relu(W₂ z + h₂) + h₁, A diagonal, with generalised teacher forcing at a constant α. Sizes and budgets:"""
NO_TORCH = "PyTorch was not installed: there is no LSTM and no shPLRNN here."
THEIRS = """\
The paper's (arXiv 2410.23467): the systems; the numbers of tanh neurons of the sampled networks (Van der Pol 80, Lorenz-63 200, forced Van der
Pol 128, weather 256; the 300 for Rössler are ours); six delays and two principal components for the first component of Van der Pol alone; a
delay of one week and horizons of one day and one week for the weather; five seeds with mean (min, max); the measure D_stsp. Its own findings:
on Van der Pol lower error than shPLRNN and echo state network, and much faster; on Lorenz-63 comparable to a tuned echo state network and
better than shPLRNN; on Rössler the echo state network slightly better; on the weather equal to LSTM and shPLRNN at one day and of higher error
at one week, at far less training time; forced Van der Pol steered with a mean cost of 125.92 (its definition is not known to us: the costs
here do not compare) after a mean training time of 1.122 s on its machine.

Ours: everything else. Step lengths, numbers of trajectories and points, ridges, all settings of echo state network, LSTM and shPLRNN (chosen on
the first seeds with what is scored in sight, and unequally: up to 27 settings a task of the echo state network were tried, five of the shPLRNN
on Rössler, one of the LSTM), the control task's forces, target and weights, the weather's series, hourly sampling and calendar inputs, and
all goals (written when they were met already). The rows called "sampled" with a number only have the library's defaults: the state and a
constant stand beside the neurons, which are half as steep, and are drawn from ten candidate pairs each without repeats; "as published"
has none of this. The rows "no compression" and "24 principal components", the linear models and the simple rules are ours too."""
GOALS = (
    Goal("lorenz", "valid", 10.0, "Lorenz-63, 200 sampled neurons: valid for at least 10 Lyapunov times", ("sampled, 200",)),
    Goal("van-der-pol", "closed", 2e-5, "Van der Pol, 80 sampled neurons, closed loop: mean square error at most 2e-5", ("sampled, 80",)),
    Goal("van-der-pol-h1", "closed", 1.1e-3, "Van der Pol from its first component: mean square error at most 1.1e-3", ("sampled, 80",)),
)


class Report(TaskReport):
    """All runs of a plan that ``find`` knows, put into words, numbers and figures. See :class:`._task_report.TaskReport`."""

    name = "koopman"
    title = "# Sampled networks without a gradient"
    reading = READING
    theirs = THEIRS
    goals_ = GOALS
    no_rivals = ("another", "the true")

    def how_to_read(self) -> str:
        """What the tables hold, with the training of the networks that are trained."""
        trained = [line for name in self.plan.tasks for line in self._budgets(name)]
        return self.reading + "\n\n" + ("\n".join(trained) if trained else NO_TORCH)

    def _budgets(self, name: str) -> list[str]:
        settings: dict[str, Any] = next(run["settings"] for run, _ in self.runs if run["task"] == name)
        found = []
        for model, m in settings["models"].items() if settings["torch"] else ():
            if m["kind"] in ("lstm", "shplrnn"):
                updates = settings.get("torch_updates", m["n_updates"])
                taught = f"first {m['n_forced']} forced" if m["kind"] == "lstm" else f"α = {m['forcing']:g}"
                batch = f"{updates:,} updates of {m['n_batch']} windows of {m['n_window']} steps"
                found.append(f"- {name}, {model}: {batch} ({taught}), rate {m['learning_rate']:g}.")
        return found

    def figure_of(self, name: str, curve: Mapping[str, Any]) -> dict[str, Figure]:
        """Phase portraits, spectrum, errors against the horizon; what else a task has."""
        return figures_of(name, curve)

    def captions(self, name: str, curve: Mapping[str, Any]) -> tuple[str, ...]:
        """What :meth:`figure_of` draws."""
        return captions_of(curve)

    def spread(self, values: list[float], measure: Measure) -> str:
        """Mean (lowest, highest)."""
        if not values:
            return "—"
        mean, low, high = (format(v, measure.format) for v in (statistics.fmean(values), min(values), max(values)))
        return mean if len(values) == 1 else f"{mean} ({low}, {high})"
