"""Do many independent pieces of work, in this process or in several; what fails does not stop the rest."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

#: work(settings, on_progress) → result; ``on_progress`` takes the share done, in [0, 1].
Work = Callable[[dict[str, Any], Callable[[float], None]], dict[str, Any]]
POLL = 0.2  # seconds between two looks at whether to stop


class Watcher(Protocol):
    """What is told of how the grid goes; ``k`` is the place in the list of tasks."""

    def stopped(self) -> bool: ...

    def progress(self, k: int, share: float) -> None: ...

    def done(self, k: int, result: dict[str, Any]) -> None: ...

    def failed(self, k: int, reason: str) -> None: ...


class _Stopped(BaseException):
    """Leaves a piece of work half-way."""


def run_grid(work: Work, tasks: Sequence[dict[str, Any]], n_jobs: int, watcher: Watcher) -> None:
    """Do ``work`` for every task, in order, until all are done or the watcher says stop; work under way is then given up.

    Parameters
    ----------
    work : callable
        At the top of a module, so that other processes find it.
    tasks : sequence of dict
        Settings, picklable.
    n_jobs : int
        1: in this process. More: in so many others, started afresh; one that dies fails its task only, and another takes its place.
    watcher : Watcher
        Called in this process only.
    """
    if n_jobs == 1:
        _run_here(work, tasks, watcher)
    else:
        _run_in_processes(work, tasks, min(n_jobs, len(tasks)), watcher)


def _run_here(work: Work, tasks: Sequence[dict[str, Any]], watcher: Watcher) -> None:
    for k, task in enumerate(tasks):

        def on_progress(share: float, k: int = k) -> None:
            watcher.progress(k, share)
            if watcher.stopped():
                raise _Stopped

        if watcher.stopped():
            return
        try:
            result = work(task, on_progress)
        except _Stopped:
            return
        except Exception:
            watcher.failed(k, traceback.format_exc())
        else:
            watcher.done(k, result)


class _Worker:
    """A process that does one task after another, and the line to it."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.line: Connection
        self.line, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(work, theirs), daemon=True)
        self.task: int | None = None
        with _ctrl_c_held():
            self.process.start()
        theirs.close()  # or a dead process would leave the line open

    def end(self, timeout: float = 5.0) -> int | None:
        """Stop the process whatever it does; return its exit code."""
        self.line.close()
        self.process.terminate()
        self.process.join(timeout)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        return self.process.exitcode


@contextlib.contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """A process started within never sees Ctrl-C, not even before its first line; here one that comes meanwhile is seen afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_in_processes(work: Work, tasks: Sequence[dict[str, Any]], n_jobs: int, watcher: Watcher) -> None:
    waiting = deque(range(len(tasks)))
    workers = {worker.line: worker for worker in (_Worker(work) for _ in range(n_jobs))}
    try:
        while not watcher.stopped():
            for worker in workers.values():
                if worker.task is None and waiting:
                    worker.task = waiting.popleft()
                    _send(worker.line, tasks[worker.task])
            if all(worker.task is None for worker in workers.values()):
                return
            for line in wait(list(workers), timeout=POLL):
                worker = workers[line]  # type: ignore[index]
                try:
                    kind, what = worker.line.recv()
                except (EOFError, OSError):
                    del workers[worker.line]
                    worker.process.join(1.0)
                    code = worker.end()
                    if worker.task is not None:
                        watcher.failed(worker.task, f"its process ended by itself (exit code {code})")
                    if waiting:
                        fresh = _Worker(work)
                        workers[fresh.line] = fresh
                    continue
                assert worker.task is not None
                if kind == "progress":
                    watcher.progress(worker.task, what)
                    continue
                task, worker.task = worker.task, None
                if kind == "done":
                    watcher.done(task, what)
                else:
                    watcher.failed(task, what)
    finally:
        for worker in workers.values():
            worker.end()


def _send(line: Connection, task: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the process is dead; reading from it says so
        line.send(task)


def _serve(work: Work, line: Connection) -> None:
    """Do what comes down the line until it is closed. Ctrl-C goes to every process of the terminal; the first one decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # also where it could not be held
    try:
        while True:
            task = line.recv()
            message: tuple[str, dict[str, Any] | str]
            try:
                message = "done", work(task, lambda share: line.send(("progress", share)))
            except OSError:
                raise
            except Exception:
                message = "failed", traceback.format_exc()
            line.send(message)
    except (EOFError, OSError):  # whoever asked is gone
        return
