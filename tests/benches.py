"""What the tests of the benchmarks share: a session that takes next to no time, and what every row of a table must hold."""

import numpy as np
import pytest

timing = pytest.importorskip("pushforward.bench.timing", reason="the benchmarks are not installed beside this build of the package")


def quick_session(dtype, *sizes, goal_dtype="float32", n_threads=1):
    """A session of one short round."""
    effort = timing.Effort(rounds=1, sample_seconds=0.0, seconds=0.5)
    return timing.Session(str(dtype), effort, timing.Gauge(dtype), sizes, n_threads, goal_dtype)


def sound(rows, name, dtype, goal_dtype):
    """Rows of one case whose answers were right; goals only where they hold."""
    rows = list(rows)
    assert rows, name
    for row in rows:
        assert row.case == name
        assert row.what != "WRONG ANSWER", row.note
        assert row.microseconds is None or row.microseconds > 0
        assert row.goal is None or dtype == goal_dtype
        assert row.met is None or isinstance(row.met, (bool, np.bool_))
    return rows
