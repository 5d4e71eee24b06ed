"""``pushforward reproduce``: run an experiment of the papers on real data, with tables, figures and all numbers; stop and go on at will."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pushforward.cli._settings import InputError
from pushforward.cli.train import _need_matplotlib, _say

_Opt = typer.Option


def reproduce(
    report: Annotated[
        Literal["carries", "reservoirs", "koopman", "theory"],
        typer.Argument(
            help="carries: exact online gradients against truncated ones (arXiv 2501.08040). reservoirs: fixed dynamics (2602.21454). "
            "koopman: sampled networks without gradients (2410.23467). theory: what the papers prove, checked."
        ),
    ],
    out: Annotated[Path | None, _Opt(metavar="DIR", help="Where runs, tables and figures go. Default: pushforward-REPORT.")] = None,
    only: Annotated[str | None, _Opt(metavar="TASKS", help="reservoirs, koopman, theory: some tasks, such as lorenz,rossler. Default: all.")] = None,
    data: Annotated[str | None, _Opt(metavar="NAMES", help="carries: of shakespeare, lobster. Default: both.")] = None,
    nets: Annotated[str | None, _Opt(metavar="NAMES", help="carries: gru-N or elman-ACTIVATION-N, for all data. Default: each data set's.")] = None,
    learning_rates: Annotated[str | None, _Opt(metavar="RATES", help="carries: at the start of a run; default 0.001,0.003,0.01.")] = None,
    seeds: Annotated[int | None, _Opt(help="How many sets of random weights; default 3, koopman 5.")] = None,
    steps: Annotated[int | None, _Opt(help="carries: learn the first so many events; default 1,000,000 characters, 9/10 of the order book.")] = None,
    jobs: Annotated[int | None, _Opt(min=1, help="Processes. Default: one a CPU.")] = None,
    quick: Annotated[bool, _Opt("--quick", help="Small sizes, one seed unless given: a look, not a result.")] = False,
    resume: Annotated[bool, _Opt("--resume", help="Insist that --out has runs to go on from.")] = False,
) -> None:
    """Run a grid of experiments and report what comes out, also where the method of the paper does not win.

    Ctrl-C keeps every finished run and reports on what there is; the same command goes on. Ends with 1 when a run failed.
    """
    of_carries = {"--data": data, "--nets": nets, "--learning-rates": learning_rates, "--steps": steps}
    try:
        if report != "carries":
            _refuse(of_carries, report)
            from pushforward.cli._tasks_grid import TasksGrid

            grid: Any = TasksGrid(report, only, seeds, quick=quick)
        else:
            _refuse({"--only": only}, report)
            from pushforward.cli._carries_grid import CarriesGrid

            grid = CarriesGrid(data, nets, learning_rates, seeds, steps, quick=quick)
        code = _reproduce(grid, out or Path(f"pushforward-{report}"), jobs, resume=resume)
    except InputError as error:
        _say(f"error: {error}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:  # a second Ctrl-C
        _say("stopped at once; the finished runs are kept, and the same command goes on")
        raise typer.Exit(130) from None
    raise typer.Exit(code)


def _refuse(options: dict[str, Any], report: str) -> None:
    """Options of another report are a mistake, not something to pass over."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name}: not an option of {report}")


def _reproduce(grid: Any, out: Path, jobs: int | None, *, resume: bool) -> int:
    from pushforward import machine
    from pushforward.cli import _grid_screen
    from pushforward.cli._loop import Interruption
    from pushforward.reproduce import _grid

    _need_matplotlib()
    tasks = grid.tasks()
    with _open(out, resume=resume) as log, Interruption() as interruption:
        for note in log.notes:
            _say(f"note: {note}")
        waiting = [task for task in tasks if log.result(task) is None]
        weights = grid.weights(tasks, waiting, log)
        n_jobs = min(jobs or machine.describe()["available_cpus"], max(1, len(waiting)))
        done = len(tasks) - len(waiting)
        _say(f"{done} of {len(tasks)} runs are done; {_grid_screen.duration(sum(weights) / n_jobs)} to go, {n_jobs} at a time")
        with _grid_screen.Watch(grid, log, waiting, weights, interruption, lambda: _write(grid, out, log)) as watch:
            _grid.run_grid(grid.work(), waiting, n_jobs, watch)
        report = _write(grid, out, log)
    _grid_screen.summary(grid.tables(report))
    missing = f"; {report.n_missing} of {len(tasks)} runs are missing, the same command goes on" if report.n_missing else ""
    _say(f"written to {out}{missing}")
    if interruption.received is not None and report.n_missing:
        return 128 + interruption.received
    return 1 if watch.n_failed else 0


def _open(out: Path, *, resume: bool) -> Any:
    """The log of runs in the folder, locked."""
    from pushforward.reproduce._log import RunLog

    path = out / "runs.jsonl"
    if resume and not path.is_file():
        raise InputError(f"--resume: no runs in {out}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        return RunLog(path)
    except BlockingIOError as error:
        raise InputError(f"--out: another process is at work in {out}") from error
    except OSError as error:
        raise InputError(f"--out: cannot write to {out}: {error.strerror}") from error


def _write(grid: Any, out: Path, log: Any) -> Any:
    """Write tables, numbers and figures from the runs there are, each by a rename."""
    from pushforward.cli._checkpoint import write_atomically
    from pushforward.cli._report import versions

    report = grid.report(log, versions())
    for name, figure in report.figures().items():
        temporary = out / f"{name}.tmp.png"
        figure.savefig(temporary)
        temporary.replace(out / name)
    write_atomically(out / f"{grid.name}.json", json.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n")
    write_atomically(out / f"{grid.name}.md", report.markdown())
    return report
