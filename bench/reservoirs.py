"""``pushforward bench reservoirs``: fixed dynamics and online read-outs against one read of W_rec, reservoirpy, rclib, SciPy and NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from . import reservoir_cases as cases
from .quality import lorenz
from .readouts import latency, rls
from .report import Row
from .reservoir_cases import Array, Drive, Network
from .reservoir_field import Advance, Race, Runner, agree, repeat
from .reservoir_peers import Loop, RcLib, ReservoirPy, installed
from .ridges import memory, ridge
from .structured import structured
from .suite import Case
from .timing import Competitor, Session

GOAL_DTYPE = "float64"
LEAST_BOUND = 1 << 17  # bytes: of less, the call of the reading routine would be timed


def states(session: Session) -> Iterator[Row]:
    """One series: states into a new array at each call."""
    for n, density in _sizes(session, *cases.SIZES):
        drive = Drive(n, density, session.dtype)
        X = drive.inputs()
        expected = drive.states(X[: cases.N_CHECK])
        ours, reused = (Network(drive.layer(), session.dtype, reuse=reuse) for reuse in (False, True))
        field = [
            Runner("pushforward", ours.advance, expected),
            Runner("pushforward, states into the same array", reused.advance, expected),
            *_peers(session, drive, expected, cases.STATES.get((n, density))),
            Runner("SciPy's CSR, step by step", Loop(drive, drive.W_rec).advance, expected),
            Runner("NumPy, W_rec written out", Loop(drive, drive.W_rec.toarray()).advance, expected),
        ]
        numbers = {"n_units": n, "density": density, "stored_bytes": drive.stored_bytes}
        yield from Race("states", f"n = {n}, density {density:g}", X, field, numbers).rows(session, _reading(drive))


def _peers(session: Session, drive: Drive, expected: Array, goal: float | None) -> Iterator[Runner]:
    if session.dtype != "float64":  # they compute in float64 whatever they are given
        return
    if installed("reservoirpy"):
        yield Runner("reservoirpy", ReservoirPy(drive).advance, expected, goal)
    if installed("rclib"):
        yield Runner("rclib", RcLib(drive).advance, drive.outputs(expected), cases.AHEAD, "with a read-out: it gives no states")


def _reading(drive: Drive) -> Competitor | None:
    """Read as many bytes as W_rec has, over and over: they stay in the cache that holds them."""
    if drive.stored_bytes < LEAST_BOUND:
        return None
    data = np.ones(drive.stored_bytes // 4, np.float32)

    def run(n_steps: int) -> None:
        for _ in range(n_steps):
            np.dot(data, data)

    return Competitor(f"one read of W_rec {_place_of(drive.stored_bytes)}", run, multiple=drive.chunk, most=1 << 16)


def _place_of(size: int) -> str:
    """Name the cache that holds so many bytes, where the system tells."""
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, held = ((folder / name).read_text(encoding="ascii").strip() for name in ("level", "type", "size"))
        if kind != "Instruction" and held.endswith("K") and size <= int(held[:-1]) << 10:
            return f"from L{level}"
    return "from memory"


def single(session: Session) -> Iterator[Row]:
    """Single precision against double, where W_rec no longer fits the second cache."""
    for n, density in _sizes(session, (cases.SINGLE_UNITS, 0.1)):
        competitors, errors = [], {}
        for dtype in ("float64", "float32"):
            drive = Drive(n, density, dtype)
            X, network = drive.inputs(), Network(drive.layer(), dtype, reuse=True)
            errors[dtype] = agree(dtype, network.advance(X[: cases.N_CHECK]), drive.states(X[: cases.N_CHECK]), dtype)
            competitors.append(Competitor(dtype, repeat(network.advance, X), multiple=len(X)))
        timings = session.measure(*competitors)
        double, us = (timings[dtype].microseconds() for dtype in ("float64", "float32"))
        yield Row(
            "single", f"n = {n}, density {density:g}, float32", us, double / us, "{:.2f} × float64", session.goal(cases.SINGLE),
            error=errors["float32"], timing=timings["float32"], note=f"float64 {double:.3g} µs, error {errors['float64']:.0e}",
            numbers={"n_units": n, "float64": double},
        )  # fmt: skip


def batch(session: Session) -> Iterator[Row]:
    """Sixteen series side by side, one pass over W_rec for all, against one after the other."""
    for n, density in _sizes(session, (cases.BATCH_UNITS, 0.1)):
        drive = Drive(n, density, session.dtype)
        X = np.ascontiguousarray(drive.inputs(cases.N_SERIES)[:, : cases.BATCH_STEPS])
        expected = np.stack([drive.states(x[: cases.N_CHECK]) for x in X])
        together, alone = Network(drive.layer(), session.dtype, n_series=cases.N_SERIES), Network(drive.layer(), session.dtype)

        def one_by_one(X: Array, alone: Network = alone) -> list[Array]:
            return [alone.from_rest(x) for x in X]

        field = [Runner("pushforward", together.advance, expected), Runner("one by one", one_by_one, expected, cases.BATCH)]
        yield from Race("batch", f"n = {n}, density {density:g}, {cases.N_SERIES} series", X, field, {"n_units": n, "n_series": len(X)}).rows(session)


def closed(session: Session) -> Iterator[Row]:
    """The output is the next input: in C++, and from Python."""
    for n, density in _sizes(session, *((n, 0.1) for n in cases.CLOSED)):
        drive = Drive(n, density, session.dtype)
        X = drive.inputs()
        expected, driven = drive.closed_loop(cases.N_CHECK), drive.states(X[: cases.N_CHECK])
        ours, stepping = (Network(drive.layer(), session.dtype) for _ in range(2))
        field = [
            Runner("pushforward", _looped(partial(ours.simulate, drive.readout)), expected),
            Runner("driven", stepping.advance, driven, 1 / cases.DRIVEN, f"states alone; the goal is {cases.DRIVEN:g} × its time at most"),
        ]
        if installed("reservoirpy") and session.dtype == "float64":
            goal = cases.CLOSED_LOOP.get(n)
            field.append(Runner("reservoirpy", _looped(ReservoirPy(drive).closed_loop), expected, goal, "its model, step by step"))
            field.append(Runner("reservoirpy, node by node", _looped(ReservoirPy(drive).closed_loop_of_nodes), expected))
        if installed("rclib") and session.dtype == "float64":
            field.append(Runner("rclib", _looped(RcLib(drive).closed_loop), expected, cases.AHEAD))
        yield from Race("closed", f"n = {n}, density {density:g}, closed loop", X, field, {"n_units": n, "density": density}).rows(session)


def _looped(simulate: Callable[[int], Array]) -> Advance:
    """Take of the inputs only how many there are."""
    return lambda X: simulate(len(X))


def _sizes(session: Session, *sizes: tuple[int, float]) -> tuple[tuple[int, float], ...]:
    """Units and densities of a case, or those asked for."""
    return tuple((n, sizes[0][1]) for n in session.sizes) if session.sizes else sizes


CASES: dict[str, Case] = {
    "states": states, "single": single, "batch": batch, "structured": structured, "closed": closed, "rls": rls, "latency": latency, "ridge": ridge,
    "memory": memory, "lorenz": lorenz,
}  # fmt: skip
ONLY_WHEN_NAMED = ("memory", "lorenz")
