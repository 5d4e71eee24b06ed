"""How time is taken on a machine that others use too: interleaved rounds, CPU time, medians, a probe of the core beside each sample."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from numpy.typing import DTypeLike

from pushforward import machine

Clock = Literal["thread", "process", "wall"]
GOOD = 0.95  # share of the peak that the probes beside a sample must read


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Parameters
    ----------
    rounds : int
        Samples of each competitor, at least, if time allows; at most three times as many, until a third of ``rounds`` is good.
    sample_seconds : float
        Least length of a sample.
    seconds : float
        After this long a case stops, having two rounds.
    """

    rounds: int = 15
    sample_seconds: float = 0.008
    seconds: float = 12.0


FULL, QUICK = Effort(), Effort(rounds=3, sample_seconds=0.002, seconds=2.0)


class Gauge:
    """The peak of this core as far as seen, and how near to it the core is now.

    Attributes
    ----------
    peak : float
        flop/s; the fastest of all probes so far, by the clock on the wall (see :func:`pushforward.machine.fma_peak`).
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = dtype
        self.peak = machine.fma_peak(dtype)

    def read(self) -> tuple[float, float]:
        """Probe the core: shares of the peak by CPU time and by wall time. The better of two bursts: the first may only wake the core up."""
        readings = [machine.fma_probe(self.dtype) for _ in range(2)]
        thread, wall = (max(rates) for rates in zip(*readings, strict=True))
        self.peak = max(self.peak, wall)
        return thread / self.peak, wall / self.peak


@dataclass(frozen=True)
class Competitor:
    """Something to time.

    Parameters
    ----------
    name : str
    run : callable
        ``run(n_steps)`` takes so many steps.
    clock : {"thread", "process", "wall"}
        Which time counts: one thread's CPU time, the process's (a library with threads of its own), or the wall's (two threads of ours).
    multiple, most : int
        A sample has a multiple of ``multiple`` steps, and at most ``most``.
    """

    name: str
    run: Callable[[int], object]
    clock: Clock = "thread"
    multiple: int = 1
    most: int = 4096


@dataclass(frozen=True)
class Sample:
    """Seconds per step by each clock, and the quality for CPU time and for wall time.

    Quality is the lower of the two probes beside the sample as a share of the peak; for the wall's, 0 after the system took the core away.
    ``probe`` is the mean of the two in flop/s of CPU time: what the core could do just then (its clock drifts).
    """

    thread: float
    process: float
    wall: float
    cpu_quality: float
    wall_quality: float
    probe: float = 0.0

    def quality(self, clock: Clock) -> float:
        """For this clock."""
        return self.wall_quality if clock == "wall" else self.cpu_quality


@dataclass
class Timing:
    """All samples of one competitor."""

    clock: Clock
    n_steps: int
    samples: list[Sample] = field(default_factory=list)

    @property
    def n_good(self) -> int:
        """Samples taken while the core was at its peak, and ours."""
        return self._n_good(self.clock)

    @property
    def n_noisy(self) -> int:
        """The others."""
        return len(self.samples) - self.n_good

    def _n_good(self, clock: Clock) -> int:
        return sum(sample.quality(clock) >= GOOD for sample in self.samples)

    def microseconds(self, clock: Clock | None = None) -> float:
        """Median µs per step of the good samples; of the best third of all when they are fewer."""
        clock = clock or self.clock
        seconds = [{"thread": s.thread, "process": s.process, "wall": s.wall}[clock] for s in self._kept(clock)]
        return 1e6 * statistics.median(seconds)

    def quality(self) -> float:
        """Median share of the peak that the probes beside the samples kept have read."""
        return statistics.median(sample.quality(self.clock) for sample in self._kept(self.clock))

    def share_of_probes(self, flop: float) -> float:
        """Median rate of a step of so many flop, as a share of what the probes beside its sample read."""
        return statistics.median(flop / sample.thread / sample.probe for sample in self._kept(self.clock))

    def _kept(self, clock: Clock) -> list[Sample]:
        by_quality = sorted(self.samples, key=lambda sample: -sample.quality(clock))
        return by_quality[: max(self._n_good(clock), (len(by_quality) + 2) // 3)]


def measure(competitors: Sequence[Competitor], gauge: Gauge, effort: Effort) -> dict[str, Timing]:
    """Time all competitors in turn, round after round.

    Returns
    -------
    timings : dict
        By the competitors' names.
    """
    timings = {c.name: Timing(c.clock, _calibrate(c, effort.sample_seconds)) for c in competitors}
    start = time.perf_counter()
    with no_garbage_collection():
        for done in range(1, 3 * effort.rounds + 1):
            turn = done % len(competitors)  # nobody always comes first
            for c in (*competitors[turn:], *competitors[:turn]):
                timing = timings[c.name]
                timing.samples.append(take_sample(c, timing.n_steps, gauge))
            enough = all(timing.n_good >= (effort.rounds + 2) // 3 for timing in timings.values())
            if (done >= effort.rounds and enough) or (done >= 2 and time.perf_counter() - start > effort.seconds):
                break
    return timings


def _calibrate(c: Competitor, seconds: float) -> int:
    """Steps of a sample that lasts so long; warms the competitor up on the way."""
    n_steps = c.multiple
    while True:
        start = time.perf_counter()
        c.run(n_steps)
        if time.perf_counter() - start >= seconds or 2 * n_steps > c.most:
            return n_steps
        n_steps *= 2


def take_sample(c: Competitor, n_steps: int, gauge: Gauge) -> Sample:
    """Run so many steps between two probes."""
    before, interrupted = gauge.read(), interruptions()
    wall, process, thread = time.perf_counter(), time.process_time(), time.thread_time()
    c.run(n_steps)
    thread, process, wall = time.thread_time() - thread, time.process_time() - process, time.perf_counter() - wall
    alone, after = interruptions() == interrupted, gauge.read()
    cpu, by_the_wall = (min(pair) for pair in zip(before, after, strict=True))
    probe = 0.5 * (before[0] + after[0]) * gauge.peak
    return Sample(thread / n_steps, process / n_steps, wall / n_steps, cpu, by_the_wall if alone else 0.0, probe)


def interruptions() -> int:
    """How often the system has taken a core away from one of our threads that wanted to go on."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect before, not during."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True)
class Session:
    """What all cases of one run share.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    effort : Effort
    gauge : Gauge
    sizes : tuple of int, optional
        Numbers of units in place of each case's own.
    n_threads : int
        The most that a case may use.
    goal_dtype : {"float32", "float64"}
        What the goals of the suite hold for.
    """

    dtype: str
    effort: Effort
    gauge: Gauge
    sizes: tuple[int, ...] | None = None
    n_threads: int = 2
    goal_dtype: str = "float32"

    def choose(self, *sizes: int) -> tuple[int, ...]:
        """Sizes of a case."""
        return self.sizes or sizes

    def goal(self, value: float | None) -> float | None:
        """None in another dtype than the suite's goals hold for."""
        return value if self.dtype == self.goal_dtype else None

    def measure(self, *competitors: Competitor) -> dict[str, Timing]:
        """Time them against each other."""
        return measure(competitors, self.gauge, self.effort)
