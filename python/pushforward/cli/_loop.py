"""The loop of a training run: chunk after chunk, with checkpoints, until the end or a signal."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from pushforward.cli._checkpoint import CheckpointStore, Progress
from pushforward.cli._model import learn
from pushforward.cli._problem import Problem
from pushforward.cli._settings import Settings

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM") if hasattr(signal, name))


class Interruption:
    """Within ``with``, the first SIGINT or SIGTERM is noted in ``received``; a second SIGINT raises ``KeyboardInterrupt``."""

    received: int | None = None

    def __enter__(self) -> Interruption:
        self._before = {s: signal.signal(s, self._note) for s in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run(
    model: Any,
    problem: Problem,
    settings: Settings,
    progress: Progress,
    store: CheckpointStore,
    on_chunk: Callable[[Progress, int], None],
) -> int | None:
    """Learn from ``progress`` on; return ``None`` at the end, or the number of the signal that stopped the run.

    A checkpoint is written every ``checkpoint_every`` seconds, at a signal (once the current chunk is learnt) and at the end. Where chunks
    begin and end depends on the settings alone, so a resumed run learns exactly the chunks that the first would have.
    """
    size, saved = settings.chunk_size(problem.n_train), time.monotonic()
    with Interruption() as interruption:
        while progress.epoch < settings.epochs:
            if progress.position == 0 and progress.epoch > 0:
                model.reset_state()  # a new pass is a new series
            start = progress.position
            stop = min(start + size, problem.n_train)
            began = time.perf_counter()
            loss = learn(model, problem, start, stop)
            progress.seconds += time.perf_counter() - began
            progress.events += stop - start
            progress.position = stop
            progress.history.append((progress.events, loss))
            if stop == problem.n_train:
                progress.epoch, progress.position = progress.epoch + 1, 0
            progress.finished = progress.epoch >= settings.epochs
            on_chunk(progress, stop - start)
            due = time.monotonic() - saved >= settings.checkpoint_every
            if due or progress.finished or interruption.received is not None:
                store.write(model, progress)
                saved = time.monotonic()
            if interruption.received is not None and not progress.finished:
                return interruption.received
    return None
