"""What a run shows: a progress bar on stderr, a summary table on stdout."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from pushforward.cli._checkpoint import Progress
from pushforward.cli._problem import Problem


class Bar:
    """Progress bar on stderr: share done, events/s, running loss, time left."""

    def __init__(self, total: int, done: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("learning"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("learning", total=total, completed=done, rate="", loss="")
        self._running: float | None = None
        self._seen = (time.monotonic(), 0)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def update(self, progress: Progress, n_events: int) -> None:
        """Move on by one chunk."""
        loss = progress.history[-1][1]
        self._running = loss if self._running is None else 0.9 * self._running + 0.1 * loss
        rate = n_events + self._seen[1], time.monotonic() - self._seen[0]
        self._seen = self._seen[0], rate[0]
        self._bar.update(
            self._task, completed=progress.events, rate=f"{rate[0] / max(rate[1], 1e-9):,.0f} events/s", loss=f"loss {self._running:.4g}"
        )


def summary(report: dict[str, Any], problem: Problem, out: str) -> None:
    """Print the figures of a finished run on stdout."""
    from rich.console import Console
    from rich.table import Table

    held = report["held_out"] or {}
    baselines: dict[str, dict[str, Any]] = held.get("baseline", {})
    table = Table(title=f"{report['data']['source']} · {problem.task}", title_justify="left")
    table.add_column("")
    for name in ("model", *baselines):
        table.add_column(name, justify="right")
    names = {"loss": "held-out loss", "bits_per_character": "bits per character", "accuracy": "accuracy", "nrmse": "rmse / training std"}
    units = {"loss": " [nats]" if problem.n_classes is not None else ""}
    for key, label in names.items():
        if key in held:
            table.add_row(label + units.get(key, ""), f"{held[key]:.4f}", *(f"{b[key]:.4f}" for b in baselines.values()))
    blank = [""] * len(baselines)
    table.add_row("online loss, last tenth", f"{report['train_loss']['last tenth']:.4f}", *blank)
    table.add_row("events learnt", f"{report['events']:,}", *blank)
    if report["events_per_second"]:
        table.add_row("events per second", f"{report['events_per_second']:,.0f}", *blank)
    table.add_row("kernels", f"{report['isa']}, {report['settings']['dtype']}", *blank)
    console = Console()
    console.print(table)
    console.print(f"written to {out}", soft_wrap=True, highlight=False, markup=False)
