"""What a grid of runs shows: a bar on a terminal, a line a run elsewhere, a table at the end. And what it does as runs finish: keep them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

REPORT_EVERY = 600.0  # seconds between two reports while the grid goes on


class Watch:
    """Keeps every finished run in the log, shows how far the grid is, and reports now and then.

    Parameters
    ----------
    grid : object
        ``title(task)`` names a run, ``outcome(result)`` says in a line what it gave.
    log : RunLog
    tasks : sequence of dict
    weights : sequence of float
        Seconds that each task is expected to take.
    interruption : Interruption
        Says whether to stop.
    report : callable
        Writes the report of what there is.
    """

    def __init__(
        self, grid: Any, log: Any, tasks: Sequence[dict[str, Any]], weights: Sequence[float], interruption: Any, report: Callable[[], object]
    ) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.n_failed = 0
        self._grid = grid
        self._log, self._tasks, self._weights, self._interruption, self._report = log, tasks, weights, interruption, report
        self._shares = [0.0] * len(tasks)
        self._n_done, self._reported = 0, time.monotonic()
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("learning"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[runs]} runs"),
            TextColumn("{task.fields[what]}"),
            TimeRemainingColumn(),
            console=self._console,
            redirect_stdout=False,
            redirect_stderr=False,
            speed_estimate_period=600.0,
            disable=not self._console.is_terminal,
        )
        self._bar_task = self._bar.add_task("learning", total=sum(weights), runs=f"0/{len(tasks)}", what="")

    def __enter__(self) -> Watch:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def stopped(self) -> bool:
        """Tell whether a signal has come."""
        return self._interruption.received is not None

    def progress(self, k: int, share: float) -> None:
        """Move the bar."""
        self._bar.advance(self._bar_task, (share - self._shares[k]) * self._weights[k])
        self._shares[k] = share

    def done(self, k: int, result: dict[str, Any]) -> None:
        """Keep a finished run."""
        self._log.append(self._tasks[k], result)
        self._finish(k, self._grid.outcome(result))
        if time.monotonic() - self._reported > REPORT_EVERY:
            self._report()
            self._reported = time.monotonic()

    def failed(self, k: int, reason: str) -> None:
        """Say what failed; the same command tries it again."""
        self.n_failed += 1
        self._console.print(f"error: {self._grid.title(self._tasks[k])} failed: {reason.strip()}")
        self._finish(k, "failed")

    def _finish(self, k: int, outcome: str) -> None:
        self.progress(k, 1.0)
        self._n_done += 1
        runs, what = f"{self._n_done}/{len(self._tasks)}", f"{self._grid.title(self._tasks[k])}: {outcome}"
        self._bar.update(self._bar_task, runs=runs, what=what)
        if not self._console.is_terminal:
            self._console.print(f"{runs} {what}")


def duration(seconds: float) -> str:
    """Say a time roughly.

    Examples
    --------
    >>> duration(40), duration(600), duration(30_000)
    ('about 40 s', 'about 10 min', 'about 8.3 h')
    """
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def summary(tables: Sequence[tuple[str, list[list[str]]]]) -> None:
    """Print tables on stdout: a title, and lines of which the first is the heading; columns of words to the left, the others to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    for title, (heading, *lines) in tables:
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for k, column in enumerate(heading):
            words = k == 0 or column in ("algorithm", "measured", "verdict")
            table.add_column(column, justify="left" if words else "right")
        for line in lines:
            table.add_row(*line)
        console.print(table)
