"""Fits: against NumPy and the field at equal accuracy, by normal equations, and of a million snapshots in little memory."""

from __future__ import annotations

from collections.abc import Iterator

from . import koopman_cases as cases
from .koopman_cases import Layer, Next, Orbit, by_matrix, by_operator, fitted, threads
from .koopman_field import Entrant, Snapshots, contest
from .koopman_peers import GRAM_GRADE, SVD_GRADE, Peer, present
from .report import Row
from .timing import Session

AS_GOOD = {"float64": 1.01, "float32": 2.0}  # times an SVD's error, of what claims its accuracy
NEARLY = 1.5  # the same, of a fit to more snapshots than the SVD saw
NO_ANSWER = 0.2  # relative error of the next state
GRAM_ERROR = {"float64": 1e-3, "float32": 1e-1}


def next_state(orbit: Orbit, layer: Layer, solver: str = "auto") -> Next:
    """Of our fit."""
    return by_matrix(fitted(orbit, layer, "state", solver).A)


def operator(orbit: Orbit, layer: Layer, solver: str = "auto") -> Next:
    """The whole operator."""
    found = fitted(orbit, layer, "observables", solver)
    assert found.K is not None  # asked for
    assert found.C is not None
    return by_operator(found.K, found.C)


def fit(session: Session) -> Iterator[Row]:
    """With the accuracy of an SVD: the next state, and the whole operator; ours lifts, the others are handed the features."""
    for n in session.choose(cases.UNITS):
        orbit = Orbit(n * cases.ROWS_PER_UNIT, dtype=session.dtype)
        layer = orbit.layer(n)
        data, good = Snapshots(orbit.learnt, layer), AS_GOOD[session.dtype]
        ours = Entrant("pushforward, next state", lambda: next_state(orbit, layer), good)  # noqa: B023
        # C K is not what a fit of the next state would be, even of exact C and K
        whole = Entrant("pushforward, operator", lambda: operator(orbit, layer), NEARLY * good)  # noqa: B023
        peers = list(present(SVD_GRADE, session.dtype))
        others = [_entrant(peer, data) for peer in peers]
        with threads(1):
            contest(session, data, [ours, whole, *others])
        what, flop = f"{orbit.n_rows:,} × {n}", 2.0 * orbit.n_rows * n * n
        yield _row(ours, "fit", what, data, ours.timing.share_of_probes(flop), "{:.0%} of peak", session.goal(cases.PEAK_SHARE), True)
        yield _row(whole, "fit", what, data, whole.seconds / ours.seconds, "{:.2f} × next state", session.goal(cases.OPERATOR), False)
        for peer, entrant in zip(peers, others, strict=True):
            ratio = entrant.seconds / (whole if peer.goal is None else ours).seconds
            yield _row(entrant, "fit", what, data, ratio, "ours {:.2f} × as fast", session.goal(peer.goal or cases.AHEAD), True)


def gram(session: Session) -> Iterator[Row]:
    """By normal equations, the whole operator; ours lifts, the others are handed the features."""
    for n in session.choose(cases.UNITS):
        orbit = Orbit(n * cases.ROWS_PER_UNIT, dtype=session.dtype)
        layer = orbit.layer(n)
        data = Snapshots(orbit.learnt, layer)
        ours = Entrant("pushforward", lambda: operator(orbit, layer, "gram"), at_most=NEARLY * data.least + GRAM_ERROR[session.dtype])  # noqa: B023
        others = [_entrant(peer, data) for peer in present(GRAM_GRADE, session.dtype)]
        with threads(1):
            contest(session, data, [ours, *others])
        what, goal = f"{orbit.n_rows:,} × {n}, operator", session.goal(cases.GRAM_SECONDS) if n == cases.UNITS else None
        yield _row(ours, "gram", what, data, ours.seconds, "{:.2f} s", goal, False)
        for entrant in others:
            yield _row(entrant, "gram", what, data, entrant.seconds / ours.seconds, "ours {:.2f} × as fast", session.goal(cases.AHEAD), True)


def long(session: Session) -> Iterator[Row]:
    """A million snapshots: the next state, on one thread."""
    n = (session.sizes or (cases.UNITS,))[0]
    goals = (cases.LONG_SECONDS, cases.LONG_MEGABYTES) if n == cases.UNITS else (None, None)
    yield from _streamed(session, "long", n, n * cases.LONG_ROWS_PER_UNIT, 1, *goals)


def wide(session: Session) -> Iterator[Row]:
    """A million snapshots of two thousand features, which no peer can hold: the next state, on two threads."""
    n = (session.sizes or (cases.WIDE_UNITS,))[0]
    goals = (cases.WIDE_SECONDS, cases.WIDE_MEGABYTES) if n == cases.WIDE_UNITS else (None, None)
    yield from _streamed(session, "wide", n, n * cases.WIDE_ROWS_PER_UNIT, session.n_threads, *goals)


def _streamed(session: Session, case: str, n: int, n_rows: int, n_threads: int, seconds: float | None, megabytes: float | None) -> Iterator[Row]:
    orbit = Orbit(n_rows, dtype=session.dtype)
    layer = orbit.layer(n)
    checked = Snapshots(orbit.z[: cases.CHECKED_ROWS_PER_UNIT * n + 1], layer)
    ours = Entrant("pushforward", lambda: next_state(orbit, layer), NEARLY if session.dtype == "float64" else 10 * NEARLY)
    with threads(n_threads):
        found = ours.run(session)
    ours.check(checked, found)
    taken = ours.seconds if n_threads == 1 else ours.timing.microseconds("wall") / 1e6
    what, flop = f"{n_rows:,} × {n}, {n_threads} thread{'s' * (n_threads > 1)}", 2.0 * n_rows * n * n
    share = flop / taken / n_threads / session.gauge.peak
    note = f"{share:.0%} of {n_threads} × peak; error {ours.error / checked.least:.3g} × an SVD's of {len(checked.h) - 1:,} of the snapshots"
    yield Row(
        case, what, 1e6 * taken / n_rows, taken, "{:.1f} s", session.goal(seconds), at_least=False, error=ours.error, timing=ours.timing, note=note,
        numbers={"n_units": n, "n_rows": n_rows, "n_threads": n_threads, **ours.numbers},
    )  # fmt: skip
    if ours.megabytes:
        held, limit = ours.megabytes[0], session.goal(megabytes)
        yield Row(case, f"{what}: memory", None, held, "{:.0f} MiB above the input", limit, at_least=False, error=ours.error)


def _entrant(peer: Peer, data: Snapshots) -> Entrant:
    """Hand the features over: they are there before the clock runs."""
    psi, h, C = data.psi, data.h, data.C
    return Entrant(peer.name, lambda: peer(psi, h, C), at_most=NO_ANSWER)


def _row(
    entrant: Entrant, case: str, what: str, data: Snapshots, figure: float, form: str, goal: float | None, at_least: bool
) -> Row:  # fmt: skip
    n_rows = len(data.h) - 1
    return Row(
        case, f"{what}, {entrant.name}", 1e6 * entrant.seconds / n_rows, figure, form, goal, at_least=at_least, error=entrant.error,
        timing=entrant.timing, note=entrant.note(data), numbers={"n_units": data.layer.n_features, "n_rows": n_rows, **entrant.numbers},
    )  # fmt: skip
