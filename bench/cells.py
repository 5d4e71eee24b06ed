"""``pushforward bench cells``: gated, diagonal, stacked and sparse cells against the machine's peak, the Elman cell, a memory sweep, and others."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from pushforward.cells import Cell, Elman, make_cell, stack

from . import cases
from .cases import Engine, MakeCell, Problem
from .diagonal import million, sweep
from .modules import JaxGRU, TorchModule
from .peers import JaxRTRL
from .report import Row
from .suite import Case, Entrant, against, checked_batch, checked_every_step, checked_textbook, race
from .timing import Competitor, Session
from .truth import forward, learnt, replay

GATED: dict[str, MakeCell] = {"gru": partial(make_cell, "gru"), "lstm": partial(make_cell, "lstm")}
SIZES = (32, 64, 128)
PEAK_SHARE = {64: 0.75}
TIMES_ELMAN = {"gru": 3.5, "lstm": 9.0}
N_SERIES, TWO_THREADS = 16, 1.8
N_LAYERS = 3
CONNECTIVITY = 0.1
SLIDING_UP_TO = 32  # units: beyond, PyTorch takes milliseconds a step
JAX_FLOP = 2.0**27  # of one scan


def h1(name: str, session: Session) -> Iterator[Row]:
    """H = 1, K = 1: share of the peak on the multiplications that the cell's D asks for."""
    counts = {"gru": "2 n² n_params", "lstm": "2 · 2n · n · n_params"}
    for n in session.choose(*SIZES):
        problem = Problem(n, session.dtype, make=GATED[name])
        engine, error = checked_textbook(problem)
        timing = session.measure(Competitor("1", engine.run))["1"]
        us, flop = timing.microseconds(), problem.textbook_flop
        yield Row(
            f"{name}-h1", f"n = {n}, K = 1, H = 1", us, timing.share_of_probes(flop), "{:.0%} of peak", session.goal(PEAK_SHARE.get(n)), error=error,
            timing=timing, note=f"of {counts[name]} = {flop / 1e6:,.1f} Mflop; {problem.cell.n_params:,} parameters",
            numbers={"n_units": n, "flop": flop, "share_of_fastest": flop / (us * 1e-6) / session.gauge.peak},
        )  # fmt: skip


def each_step(session: Session) -> Iterator[Row]:
    """K = 1 with H chosen by the library, as a multiple of the Elman cell's time."""
    for n in session.choose(*SIZES):
        base, _ = checked_every_step(Problem(n, session.dtype))
        checked = {name: checked_every_step(Problem(n, session.dtype, make=make)) for name, make in GATED.items()}
        entrants = {"base": base, **{name: engine for name, (engine, _) in checked.items()}}
        timings = session.measure(*(Competitor(name, engine.run, multiple=engine.carry_every) for name, engine in entrants.items()))
        for name, (engine, error) in checked.items():
            us, gain = against(timings, name)
            yield Row(
                "each-step", f"{name}, n = {n}, K = 1, H = {engine.carry_every}", us, 1 / gain, "{:.2f} × Elman", session.goal(TIMES_ELMAN[name]),
                at_least=False, error=error, timing=timings[name], note=f"Elman {us * gain:,.1f} µs, H = {base.carry_every}",
                numbers={"n_units": n, "carry_every": engine.carry_every, "elman": us * gain, "elman_carry_every": base.carry_every},
            )  # fmt: skip


def batch(session: Session) -> Iterator[Row]:
    """Sixteen series side by side, K = 1: two threads against one, by the clock on the wall."""
    if session.n_threads < 2:
        return
    for name, make in {"elman": Elman, "gru": GATED["gru"]}.items():
        for n in session.choose(64):
            problem = Problem(n, session.dtype, n_steps=1024, make=make, n_series=N_SERIES)
            one, two, error = checked_batch(problem)
            timings = session.measure(
                Competitor("base", one.run, "wall", multiple=one.carry_every, most=1024),
                Competitor("2", two.run, "wall", multiple=one.carry_every, most=1024),
            )
            us, gain = against(timings, "2")
            yield Row(
                "batch", f"{name}, n = {n}, {N_SERIES} series, 2 threads", us, gain, "{:.2f} × 1 thread", session.goal(TWO_THREADS), error=error,
                timing=timings["2"], note=f"wall time of a step of all; 1 thread {us * gain:,.1f} µs; H = {one.carry_every}",
                numbers={"n_units": n, "n_series": N_SERIES, "carry_every": one.carry_every, "one_thread_wall": us * gain},
            )  # fmt: skip


def layers(n_inputs: int, n_units: int) -> Cell:
    """Elman layers of a third of the units each."""
    n = max(1, n_units // N_LAYERS)
    return stack([Elman(n_inputs if k == 0 else n, n) for k in range(N_LAYERS)])


def layered(session: Session) -> Iterator[Row]:
    """Three layers against one of as many units: what of Φ and J is zero should cost nothing."""
    for n in session.choose(32):
        wide, deep = Problem(N_LAYERS * n, session.dtype), Problem(N_LAYERS * n, session.dtype, make=layers)
        bases = {"H = 1": checked_textbook(wide)[0], "H chosen": checked_every_step(wide)[0]}
        stacks = {"H = 1": checked_textbook(deep), "H chosen": checked_every_step(deep)}
        # parameters of layer l move the states of layers l … L − 1, through the blocks of D below the diagonal: m (m + 1) / 2 of them, m = L − l
        flop = sum((m := N_LAYERS - k) * (m + 1) * n**2 * layer.n_params for k, layer in enumerate(deep.cell.layers))  # type: ignore[attr-defined]
        for form, (engine, error) in stacks.items():
            base = bases[form]
            timings = session.measure(
                Competitor("base", base.run, multiple=base.carry_every), Competitor("stack", engine.run, multiple=engine.carry_every)
            )
            us, gain = against(timings, "stack")
            note = f"one layer of {N_LAYERS * n}: {us * gain:,.1f} µs, H = {base.carry_every}"
            if form == "H = 1":
                share = timings["stack"].share_of_probes(flop)
                note += f"; not zero: {flop / wide.textbook_flop:.3f} of its multiplications, at {share:.0%} of peak"
            yield Row(
                "stack", f"{N_LAYERS} × {n}, K = 1, H = {engine.carry_every}{' chosen' if form == 'H chosen' else ''}", us, 1 / gain,
                "{:.3f} × one layer", error=error, timing=timings["stack"], note=note,
                numbers={"n_units": n, "flop": flop, "flop_of_one_layer": wide.textbook_flop, "one_layer": us * gain},
            )  # fmt: skip


def sparse(session: Session) -> Iterator[Row]:
    """A tenth of the recurrent connections: time and memory against all of them."""
    for n in session.choose(128):
        whole, thin = Problem(n, session.dtype), Problem(n, session.dtype, make=partial(make_cell, "elman", connectivity=CONNECTIVITY))
        for form, check in {"H = 1": checked_textbook, "H chosen": checked_every_step}.items():
            (base, _), (engine, error) = check(whole), check(thin)
            timings = session.measure(
                Competitor("base", base.run, multiple=base.carry_every), Competitor("sparse", engine.run, multiple=engine.carry_every)
            )
            us, gain = against(timings, "sparse")
            held = [_bytes(e) for e in (engine, base)]
            what = f"n = {n}, connectivity {CONNECTIVITY:g}, K = 1, H = {engine.carry_every}{' chosen' if form == 'H chosen' else ''}"
            yield Row(
                "sparse", what, us, 1 / gain, "{:.3f} × dense", error=error, timing=timings["sparse"],
                note=f"dense {us * gain:,.1f} µs, H = {base.carry_every}; parameters {thin.cell.n_params / whole.cell.n_params:.3f}, "
                f"evolving state {held[0] / 1e6:.2f} of {held[1] / 1e6:.2f} MB",
                numbers={"n_units": n, "dense": us * gain, "bytes": held[0], "dense_bytes": held[1]},
            )  # fmt: skip


def _bytes(engine: Engine) -> int:
    """Of all that evolves: weights, state, window, influence."""
    return sum(part.nbytes for part in engine.core.export_state().values() if isinstance(part, np.ndarray))


def beside(session: Session) -> Iterator[Row]:
    """Ours and the others on the same net and stream: ``torch.nn`` truncated to 32 steps, JAX with the exact recursion in one scan."""
    tau, makes = cases.TRUNCATION, {"elman": Elman, **GATED}
    for name, make in makes.items():
        for n in session.choose(*SIZES[:2]):
            problem = Problem(n, session.dtype, make=make)
            scan = int(np.clip(JAX_FLOP / problem.textbook_flop, 8, 512))
            chunks, truncated = learnt(problem, tau, 3 * tau), replay(problem, tau, 3 * tau, truncation=tau)
            exact = forward(problem, 1, scan)
            ours, blocked, short = Engine(problem), Engine(problem, tau), Engine(problem, tau, truncation=tau)
            once, other = f"one update per {tau} steps", "truncated: another gradient"
            field = [
                Entrant("pushforward", ours, ours.carry_every, exact, scan, "exact, an update every step"),
                Entrant(f"pushforward, K = {tau}", blocked, int(np.lcm(tau, blocked.carry_every)), chunks, 3 * tau, f"exact, {once}"),
                Entrant(f"pushforward, TBPTT({tau}) in chunks", short, tau, truncated, 3 * tau, f"{other}; {once}"),
            ]
            if importlib.util.find_spec("jax") and name in ("elman", "gru"):
                jax: Any = (JaxRTRL if name == "elman" else JaxGRU)(problem, scan)
                field.append(Entrant("JAX, one lax.scan", jax, scan, exact, scan, "exact, an update every step"))
            if importlib.util.find_spec("torch"):
                field.append(Entrant(f"torch.nn, TBPTT({tau}) in chunks", TorchModule(problem), tau, truncated, 3 * tau, f"{other}; {once}"))
                if n <= SLIDING_UP_TO:
                    sliding = TorchModule(problem, sliding=True)
                    field.append(Entrant(f"torch.nn, sliding TBPTT({tau})", sliding, 1, None, 1, f"{other}; an update every step"))
            yield from race(session, "beside", f"{name}, n = {n}", problem, field)


CASES: dict[str, Case] = {
    "gru-h1": partial(h1, "gru"), "lstm-h1": partial(h1, "lstm"), "each-step": each_step, "diagonal-sweep": sweep, "batch": batch, "beside": beside,
    "stack": layered, "sparse": sparse, "diagonal-million": million,
}  # fmt: skip
ONLY_WHEN_NAMED = ("diagonal-million",)
