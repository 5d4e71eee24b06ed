"""Threads, forks and interrupts: two models at once, one model from two threads, Ctrl-C in the middle, a child process after use."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import everything, run_program, same, same_learning, series

import pushforward as pf


def regressor(**settings):
    return pf.RecurrentRegressor(**{"n_units": 12, "dtype": "float64", "optimizer": pf.Adam(learning_rate=1e-3)} | settings)


@pytest.fixture
def default_threads():
    before = pf.get_num_threads()
    yield before
    pf.set_num_threads(before)


def test_the_global_default(default_threads, rng):
    X, y = series(rng, 30, n_series=3)
    assert 1 <= default_threads <= (os.cpu_count() or 1)
    models = []
    for n in (1, 2, 5):
        pf.set_num_threads(n)
        assert pf.get_num_threads() == n
        models.append(regressor().partial_fit(X, y))
    for model in models[1:]:
        same_learning(model, models[0])
    for wrong in (0, -1):
        with pytest.raises(ValueError, match=f"n_threads must be .*, got {wrong}"):
            pf.set_num_threads(wrong)
    for wrong in ("2", 1.5, True):
        with pytest.raises(TypeError, match=f"n_threads must be .*, got {wrong!r}"):
            pf.set_num_threads(wrong)
    assert pf.get_num_threads() == 5
    pf.set_num_threads(None)
    assert pf.get_num_threads() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_two_threads_with_two_models_do_as_one_after_the_other(n_threads, rng):
    data = [series(rng, 3000, n_series=n) for n in (None, 2, None, 3)]
    settings = {"n_units": 20, "n_threads": n_threads, "carry_every": 8}
    expected = [regressor(**settings).partial_fit(X, y) for X, y in data]
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda pair: regressor(**settings).partial_fit(*pair), data))
    for model, other in zip(models, expected, strict=True):
        same_learning(model, other)


def test_other_threads_run_while_a_model_learns(rng):
    """The interpreter's lock is released: another thread goes on in the middle of one call."""
    X, y = series(rng, 1000)
    model, ticks, done = regressor(n_units=60, n_threads=1).partial_fit(X[:10], y[:10]), [], threading.Event()

    def count():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    length = 0.0
    while length < 0.15:
        X, y = np.concatenate([X, X]), np.concatenate([y, y])
        start = time.perf_counter()
        model.partial_fit(X, y)
        length = time.perf_counter() - start
    done.set()
    thread.join()
    assert sum(start + 0.01 < tick < start + length - 0.01 for tick in ticks) > 5


def test_one_model_from_two_threads_is_refused_or_works(rng):
    X, y = series(rng, 400)
    model = regressor(n_units=40, n_threads=1).partial_fit(X[:10], y[:10])
    outcomes = []

    def use():
        for _ in range(20):
            try:
                model.partial_fit(X, y)
                model.predict(X[:5])
                outcomes.append("worked")
            except RuntimeError as error:
                assert "in use by another thread; give each thread its own model" in str(error)  # noqa: PT017
                outcomes.append("refused")

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 60
    assert "worked" in outcomes
    assert (model.n_steps_ - 10) % 400 == 0  # whole calls only
    assert np.all(np.isfinite(model.partial_fit(X, y).theta_))


class Interrupt(Exception):
    pass


def interrupted(after, call):
    """Run call(); a signal handler raises `after` seconds later, as Ctrl-C would. True if it cut the call short."""

    def handler(*_):
        raise Interrupt

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        try:
            call()
        except Interrupt:
            return True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    return False


@pytest.mark.parametrize("settings", [{}, {"update_every": 7, "carry_every": 5, "latency": "bounded"}, {"gradient": "tbptt"}], ids=str)
def test_an_interrupt_leaves_a_model_that_goes_on(settings, rng):
    X, y = series(rng, 300_000)
    model = regressor(**settings).partial_fit(X[:100], y[:100])
    start = time.perf_counter()
    assert interrupted(0.1, lambda: model.partial_fit(X[100:], y[100:]))
    assert time.perf_counter() - start < 2
    at = model.n_steps_
    assert 100 < at < 300_000
    assert model.loss_history_ == model.loss_history_[:1]
    twin = regressor(**settings).partial_fit(X[:100], y[:100])
    twin.partial_fit(X[100:at], y[100:at])
    same(everything(model)["_learner"], everything(twin)["_learner"])  # as if it had been given just these steps
    for again in (model, twin):
        again.partial_fit(X[at : at + 50], y[at : at + 50])
    same(everything(model)["_learner"], everything(twin)["_learner"])


def test_ctrl_c_during_a_first_call(rng):
    X, y = series(rng, 300_000)
    model = regressor()
    assert interrupted(0.1, lambda: model.partial_fit(X, y))
    assert 0 < model.n_steps_ < 300_000
    assert np.all(np.isfinite(model.predict(X[:10])))
    same(everything(model)["_learner"], everything(regressor().partial_fit(X[: model.n_steps_], y[: model.n_steps_]))["_learner"])


FORK = """
import os, sys
import numpy as np
import pushforward as pf

rng = np.random.default_rng(0)
X, y = rng.normal(size=(4, 200, 2)), rng.normal(size=(4, 200))


def learnt(n_threads):
    return pf.RecurrentRegressor(n_units=20, dtype="float64", n_threads=n_threads).partial_fit(X, y)


parent = learnt(4)  # the pool has its workers now
children = []
for depth in range(2):
    child = os.fork()
    if child:
        children.append(child)
    else:
        good = np.array_equal(learnt(4).theta_, parent.theta_)
        good = good and len(os.listdir("/proc/self/task")) > 1  # with workers of its own, not those it has lost
        parent.partial_fit(X, y)  # a model that came along
        if depth == 0:
            grandchild = os.fork()
            if grandchild == 0:
                os._exit(0 if np.array_equal(learnt(2).theta_, learnt(4).theta_) else 1)
            good = good and os.waitpid(grandchild, 0)[1] == 0
        os._exit(0 if good else 1)
again = learnt(4)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(learnt(1).theta_, again.theta_)
print("good")
"""

FORK_WHILE_RUNNING = """
import os, threading, warnings
import numpy as np
import pushforward as pf

warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about forking with threads: this is the test
rng = np.random.default_rng(0)
X, y = rng.normal(size=(4, 400, 2)), rng.normal(size=(4, 400))
stop = threading.Event()


def work():
    model = pf.RecurrentRegressor(n_units=20, dtype="float64", n_threads=3)
    while not stop.is_set():
        model.partial_fit(X, y)


thread = threading.Thread(target=work)
thread.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        model = pf.RecurrentRegressor(n_units=20, dtype="float64", n_threads=3).partial_fit(X, y)
        os._exit(0 if np.all(np.isfinite(model.theta_)) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
print("good")
"""

POOL = """
import multiprocessing as mp
import numpy as np
import pushforward as pf

rng = np.random.default_rng(0)
X, y = rng.normal(size=(3, 100, 2)), rng.normal(size=(3, 100))


def learnt(seed):
    return pf.RecurrentRegressor(n_units=10, dtype="float64", n_threads=2, random_state=seed).partial_fit(X, y).theta_


if __name__ == "__main__":
    here = [learnt(seed) for seed in range(4)]
    with mp.get_context("fork").Pool(2) as pool:
        there = pool.map(learnt, range(4))
    assert all(np.array_equal(a, b) for a, b in zip(here, there))
    print("good")
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in Linux's /proc")
@pytest.mark.parametrize("program", [FORK, FORK_WHILE_RUNNING, POOL], ids=["after use", "while running", "a pool of processes"])
def test_a_forked_child_works(program):
    assert run_program("-c", program, timeout=60).strip() == "good"


@pytest.mark.slow
def test_it_ends_when_python_ends():
    """Sleeping workers do not hold the process back, nor does a thread that is still learning."""
    run_program(
        "-c",
        """
import threading
import numpy as np
import pushforward as pf
X, y = np.ones((3, 2000, 2)), np.ones((3, 2000))
model = pf.RecurrentRegressor(n_units=10, dtype="float64", n_threads=3).partial_fit(X, y)
threading.Thread(target=lambda: [model.partial_fit(X, y) for _ in range(10**6)], daemon=True).start()
""",
        timeout=30,
    )
