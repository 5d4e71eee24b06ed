"""``pushforward reproduce``: run an experiment of the papers on real data, with a table, a figure and all numbers; stop and go on at will."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pushforward.cli._settings import InputError
from pushforward.cli.train import _need_matplotlib, _say

_Opt = typer.Option


def reproduce(
    report: Annotated[Literal["carries"], typer.Argument(help="carries: exact online gradients against truncated ones (arXiv 2501.08040).")],
    out: Annotated[Path, _Opt(metavar="DIR", help="Where runs, table and figures go.")] = Path("pushforward-carries"),
    data: Annotated[str, _Opt(metavar="NAMES", help="Of shakespeare, lobster.")] = "shakespeare,lobster",
    nets: Annotated[str | None, _Opt(metavar="NAMES", help="gru-N or elman-ACTIVATION-N, run on all data. Default: those of each data set.")] = None,
    learning_rates: Annotated[str | None, _Opt(metavar="RATES", help="At the start of a run; default 0.001,0.003,0.01.")] = None,
    seeds: Annotated[int | None, _Opt(help="How many sets of starting weights; default 3.")] = None,
    steps: Annotated[int | None, _Opt(help="Learn the first so many events; default 1,000,000 characters, nine tenths of the order book.")] = None,
    jobs: Annotated[int | None, _Opt(min=1, help="Processes, one thread each. Default: one a CPU.")] = None,
    quick: Annotated[bool, _Opt("--quick", help="3,000 steps, one seed, one rate unless given: a look, not a result.")] = False,
    resume: Annotated[bool, _Opt("--resume", help="Insist that --out has runs to go on from.")] = False,
) -> None:
    """Run a grid of experiments and report what comes out, also where the exact gradient does not win.

    Ctrl-C keeps every finished run and reports on what there is; the same command goes on. Ends with 1 when a run failed.
    """
    try:
        code = _reproduce(_plan(data, nets, learning_rates, seeds, steps, quick=quick), out, jobs, resume=resume)
    except InputError as error:
        _say(f"error: {error}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:  # a second Ctrl-C
        _say("stopped at once; the finished runs are kept, and the same command goes on")
        raise typer.Exit(130) from None
    raise typer.Exit(code)


def _plan(data: str, nets: str | None, rates: str | None, seeds: int | None, steps: int | None, *, quick: bool) -> Any:
    from pushforward.reproduce.carries import LEARNING_RATES, QUICK_RATE, QUICK_STEPS, Plan

    try:
        numbers = tuple(float(rate) for rate in _names(rates)) if rates is not None else (QUICK_RATE,) if quick else LEARNING_RATES
    except ValueError:
        raise InputError(f"--learning-rates: expected numbers with commas between, got {rates!r}") from None
    n_seeds = seeds if seeds is not None else 1 if quick else 3
    try:
        return Plan(
            data=_names(data),
            nets=None if nets is None else _names(nets),
            learning_rates=numbers,
            n_seeds=n_seeds,
            steps=steps if steps is not None else QUICK_STEPS if quick else None,
        )
    except ValueError as error:
        name, _, rest = str(error).partition(":")
        raise InputError(f"--{name.replace('_', '-')}:{rest}") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _reproduce(plan: Any, out: Path, jobs: int | None, *, resume: bool) -> int:
    from pushforward import machine
    from pushforward.cli import _grid_screen
    from pushforward.cli._loop import Interruption
    from pushforward.reproduce import _grid, carries

    _need_matplotlib()
    tasks = _tasks(plan)
    with _open(out, resume=resume) as log, Interruption() as interruption:
        for note in log.notes:
            _say(f"note: {note}")
        waiting = [task for task in tasks if log.result(task) is None]
        seconds = _estimates(tasks, log)
        n_jobs = min(jobs or machine.describe()["available_cpus"], max(1, len(waiting)))
        total = sum(seconds[_kind(task)] * task["steps"] for task in waiting)
        _say(f"{len(tasks) - len(waiting)} of {len(tasks)} runs are done; {_grid_screen.duration(total / n_jobs)} to go, {n_jobs} at a time")
        weights = [seconds[_kind(task)] * task["steps"] for task in waiting]
        with _grid_screen.Watch(log, waiting, weights, interruption, lambda: _write(plan, out, log)) as watch:
            _grid.run_grid(carries.run, waiting, n_jobs, watch)
        report = _write(plan, out, log)
    _grid_screen.summary(report)
    missing = f"; {report.n_missing} of {len(tasks)} runs are missing, the same command goes on" if report.n_missing else ""
    _say(f"written to {out}{missing}")
    if interruption.received is not None and report.n_missing:
        return 128 + interruption.received
    return 1 if watch.n_failed else 0


def _tasks(plan: Any) -> list[dict[str, Any]]:
    """All runs; data that cannot be had is the caller's mistake."""
    try:
        tasks: list[dict[str, Any]] = plan.tasks()
    except (OSError, ValueError) as error:
        raise InputError(f"--data: {error}") from error
    return tasks


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


def _kind(task: dict[str, Any]) -> tuple[Any, ...]:
    """What decides the speed of a run."""
    return task["data"], task["net"], task["gradient"], task["truncation"]


def _estimates(tasks: list[dict[str, Any]], log: Any) -> dict[tuple[Any, ...], float]:
    """Seconds an event by kind of run: from a finished one, or measured now. A model that cannot be built is told here, before the hours."""
    from pushforward.reproduce.carries import seconds_per_event

    found: dict[tuple[Any, ...], float] = {}
    for task in tasks:
        result = log.result(task)
        if result is not None and result["events"]:
            found.setdefault(_kind(task), result["wall_seconds"] / result["events"])
    for task in tasks:
        if _kind(task) not in found and log.result(task) is None:
            try:
                found[_kind(task)] = seconds_per_event(task)
            except (ValueError, TypeError) as error:
                raise InputError(f"--nets: {task['net']}, {task['gradient']}: {' '.join(str(error).split())}") from error
    return found


def _write(plan: Any, out: Path, log: Any) -> Any:
    """Write table, numbers and figures from the runs there are, each by a rename."""
    from pushforward.cli._checkpoint import write_atomically
    from pushforward.cli._report import versions
    from pushforward.reproduce.carries_report import Report

    report = Report(plan, log.result, versions())
    for name, figure in report.figures().items():
        temporary = out / f"{name}.tmp.png"
        figure.savefig(temporary)
        temporary.replace(out / name)
    write_atomically(out / "carries.json", json.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n")
    write_atomically(out / "carries.md", report.markdown())
    return report
