"""A grid of runs in one process or several, and the file that keeps what has finished: nothing lost, nothing done twice, whatever stops."""

import json
import math
import multiprocessing
import os
import re
import time

import pytest

from pushforward.reproduce._grid import run_grid
from pushforward.reproduce._log import RunLog

# -- the log -----------------------------------------------------------------------------------------------------------------


def test_a_log_keeps_whole_lines_and_drops_the_rest(tmp_path):
    path, runs = tmp_path / "runs.jsonl", [({"seed": k, "rate": 0.1}, {"curve": [[1, 0.1 + k]]}) for k in range(3)]
    with RunLog(path) as log:
        for settings, result in runs:
            log.append(settings, result)
        with pytest.raises(ValueError, match="JSON"):
            log.append({"seed": 9}, {"curve": [math.nan]})
    whole = path.read_bytes()
    ends = [k + 1 for k, byte in enumerate(whole) if byte == ord("\n")]
    for stop in range(len(whole) + 1):  # wherever the machine stopped
        path.write_bytes(whole[:stop])
        with RunLog(path) as log:
            n = sum(end <= stop for end in ends)
            assert [log.result(settings) for settings, _ in runs] == [result if k < n else None for k, (_, result) in enumerate(runs)]
            assert len(log.notes) == (stop not in (0, *ends))
            log.append(*runs[-1])
        assert all(json.loads(line) for line in path.read_text().splitlines())
    path.write_bytes(b'{"rubbish"\n' + whole.replace(b'"format": 1', b'"format": 0', 1))
    with RunLog(path) as log:
        assert len(log) == 2
        assert [re.search(r"line \d", note).group() for note in log.notes] == ["line 1", "line 2"]


def test_a_log_belongs_to_one_process(tmp_path):
    with RunLog(tmp_path / "runs.jsonl"), pytest.raises(BlockingIOError):
        RunLog(tmp_path / "runs.jsonl")
    with RunLog(tmp_path / "runs.jsonl") as log:
        assert len(log) == 0


# -- the grid ----------------------------------------------------------------------------------------------------------------


class Watcher:
    """Notes what it is told; says stop after so many words of progress."""

    def __init__(self, n_shares=math.inf):
        self.results, self.failures, self.shares, self.n_shares = {}, {}, [], n_shares

    def stopped(self):
        return len(self.shares) >= self.n_shares

    def progress(self, k, share):
        self.shares.append((k, share))

    def done(self, k, result):
        assert k not in self.results
        self.results[k] = result

    def failed(self, k, reason):
        self.failures[k] = reason


def labour(task, on_progress):
    """Square a number; or fail, or die, or take for ever."""
    if task["do"] == "fail":
        raise ArithmeticError("no such square")
    if task["do"] == "die":
        os._exit(7)
    if task["do"] == "wait":
        while True:
            time.sleep(0.01)
            on_progress(0.1)
    on_progress(0.5)
    return {"square": task["k"] ** 2}


def tasks(*doing):
    return [{"k": k, "do": do} for k, do in enumerate(doing)]


@pytest.mark.slow
def test_processes_do_what_one_does_and_what_fails_stops_nothing():
    here, there = Watcher(), Watcher()
    work = tasks("square", "fail", "square", "square", "square")
    run_grid(labour, work, 1, here)
    run_grid(labour, work, 2, there)
    assert here.results == there.results == {k: {"square": k**2} for k in (0, 2, 3, 4)}
    for watcher in (here, there):
        assert watcher.failures.keys() == {1}
        assert "no such square" in watcher.failures[1]
        assert set(watcher.shares) == {(k, 0.5) for k in (0, 2, 3, 4)}


@pytest.mark.slow
def test_a_process_that_dies_fails_its_task_only():
    watcher = Watcher()
    run_grid(labour, tasks("die", "square", "die", "square", "square"), 2, watcher)
    assert watcher.results.keys() == {1, 3, 4}
    assert watcher.failures.keys() == {0, 2}
    assert "exit code 7" in watcher.failures[0]


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_stop_gives_up_what_is_under_way(n_jobs):
    before = multiprocessing.active_children()  # another test's idle workers
    watcher, start = Watcher(n_shares=20), time.monotonic()
    run_grid(labour, tasks("square", "wait", "square", "wait", "square"), n_jobs, watcher)
    assert time.monotonic() - start < 60
    assert watcher.results.keys() <= {0, 2}
    assert 0 in watcher.results
    assert not watcher.failures
    assert 20 <= len(watcher.shares) < 100
    assert set(multiprocessing.active_children()) <= set(before)
