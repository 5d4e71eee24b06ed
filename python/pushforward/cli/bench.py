"""``pushforward bench``: measure this machine and this library on it; every answer that is timed is checked."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

RESTARTED = "PUSHFORWARD_BENCH_REMOVED"  # set in the process that measures: the pins that were taken away, or nothing
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
}

_Opt = typer.Option


def bench(
    suite: Annotated[Literal["rtrl", "cells", "carries", "reservoirs", "koopman", "theory"], typer.Argument(help="What to measure.")],
    case: Annotated[list[str] | None, _Opt(metavar="NAME", help="Only this case; may be given again. A wrong name lists them.")] = None,
    everything: Annotated[bool, _Opt("--all", help="Also what is only run when named: a million parameters (minutes, 6 GB), units or rows.")] = False,
    quick: Annotated[bool, _Opt("--quick", help="A few samples of each: a look, not a measurement.")] = False,
    dtype: Annotated[Literal["float32", "float64"] | None, _Opt(help="Default: what the goals hold for; reservoirs, koopman: float64.")] = None,
    units: Annotated[list[int] | None, _Opt(min=1, help="Numbers of units in place of each case's own; may be given again.")] = None,
    json_file: Annotated[Path | None, _Opt("--json", metavar="FILE", help="Write all numbers.")] = None,
    keep_pins: Annotated[bool, _Opt("--keep-pins", help="Leave OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE as they are.")] = False,
) -> None:
    """Measure, and print each figure beside its goal. Ctrl-C prints what there is so far.

    Ends with 1 when an answer was wrong, never for a goal that was missed.
    """
    try:
        module = importlib.import_module(f"pushforward.bench.{suite}")
    except ModuleNotFoundError as error:
        typer.echo(f"error: the benchmarks are not installed ({error})", err=True)
        raise typer.Exit(2) from None
    names = case or [name for name in module.CASES if everything or name not in module.ONLY_WHEN_NAMED]
    if unknown := [name for name in names if name not in module.CASES]:
        typer.echo(f"error: --case: no case {', '.join(unknown)}; there are {', '.join(module.CASES)}", err=True)
        raise typer.Exit(2)
    if RESTARTED not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], clean_environment(os.environ, keep_pins))
    raise typer.Exit(_measure(module, names, quick, dtype, tuple(units or ()), json_file))


def clean_environment(environment: Mapping[str, str], keep_pins: bool = False) -> dict[str, str]:
    """Return the environment to measure in: one thread for everybody else's libraries, and OpenBLAS free to choose its kernels."""
    from pushforward.machine import OPENBLAS_PINS

    pins = {} if keep_pins else {name: environment[name] for name in OPENBLAS_PINS if name in environment}
    rest = {name: value for name, value in environment.items() if name not in pins}
    return rest | ONE_THREAD | {RESTARTED: " ".join(f"{name}={value}" for name, value in pins.items())}


def _measure(module: Any, names: list[str], quick: bool, chosen: str | None, units: tuple[int, ...], json_file: Path | None) -> int:
    from pushforward import machine
    from pushforward.bench import report, suite, timing

    goal_dtype: str = getattr(module, "GOAL_DTYPE", "float32")
    dtype = chosen or goal_dtype
    rows: list[Any] = []
    interrupted = False
    facts: dict[str, Any] = {}
    try:
        facts = machine.describe() | {"dtype": dtype, "removed_pins": os.environ.get(RESTARTED, ""), "read_bandwidth": machine.read_bandwidth()}
        gauge = timing.Gauge(dtype)
        facts["peak_flops"] = gauge.peak
        session = timing.Session(dtype, timing.QUICK if quick else timing.FULL, gauge, units or None, min(2, facts["available_cpus"]), goal_dtype)
        for row in suite.run(module.CASES, session, names):
            rows.append(row)
            facts["peak_flops"] = gauge.peak
            typer.echo("  ".join(text for text in row.texts() if text), err=True)
    except KeyboardInterrupt:
        interrupted = True
        typer.echo("stopped; measured so far:", err=True)
    if rows:
        report.show(facts, rows)
        if json_file is not None:
            json_file.write_text(report.to_json(facts, rows), encoding="utf-8")
    wrong = any(row.error == float("inf") for row in rows)
    return 1 if wrong else 130 if interrupted else 0
