"""Trajectories on other machines: pieces are folded by workers and merge in a fixed tree; a lost worker changes nothing."""

import os
import pickle
import signal
import time

import numpy as np
import pytest

import pushforward as pf
from pushforward.koopman._dask import first_piece, fold_dask, is_dask

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

N_UNITS, N_STATE = 30, 3


def trajectories(rng, lengths=(300, 170, 90)):
    """Stable motions with inputs; nothing random drives them."""
    K = np.array([[0.9, -0.3, 0], [0.3, 0.9, 0.1], [0, -0.1, 0.8]])
    both = []
    for n in lengths:
        U, X = rng.normal(size=(n, 2)), np.empty((n, N_STATE))
        X[0] = rng.normal(size=N_STATE)
        for t in range(n - 1):
            X[t + 1] = K @ np.tanh(X[t]) + 0.1 * np.array([U[t, 0], U[t, 1], U[t].sum()])
        both.append((X, U))
    return both


def folding(rng, n_delays=0, n_inputs=2, pause=0.0):
    """fold(trajectory, inputs) -> accumulator, of which nothing is imported by name from this module, so that workers need not have it."""
    W, b = rng.normal(size=(N_UNITS, N_STATE * (n_delays + 1))), rng.normal(size=N_UNITS)

    def lift(Z):
        return np.concatenate([pf.kernels.sampled_features(Z, W, b), np.ones((len(Z), 1))], axis=1)

    def fold(X, U):
        time.sleep(pause)
        rows = len(X) - n_delays
        Z = np.concatenate([X[n_delays - k : n_delays - k + rows] for k in range(n_delays + 1)], axis=1)
        states = X[n_delays:]
        some = None if U is None else U[n_delays:]
        accumulator = pf.kernels.EDMDAccumulator(lift, N_STATE, n_inputs=n_inputs, n_features=N_UNITS + 1)
        return accumulator.update(Z, inputs=some, states=states) if n_delays else accumulator.update(Z, inputs=some)

    return fold


def one_process(fold, both, inputs=True):
    whole = fold(both[0][0], both[0][1] if inputs else None)
    for X, U in both[1:]:
        whole.merge(fold(X, U if inputs else None))
    return whole.solve()


def agree(found, expected, tol=1e-10):
    assert found.n_snapshots == expected.n_snapshots
    assert found.rank == expected.rank
    for name in ("K", "B", "A", "C"):
        left, right = getattr(found, name), getattr(expected, name)
        assert (left is None) == (right is None)
        if left is not None:
            assert np.linalg.norm(left - right) <= tol * np.linalg.norm(right)


@pytest.fixture(autouse=True)
def in_this_process():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.parametrize("chunks", [(300,), (100, 100, 100), (1, 2, 3, 1, 293), (97, 0, 101, 102), (299, 1)])
@pytest.mark.parametrize("n_delays", [0, 3])
def test_no_pair_is_lost_or_twice_at_the_borders_of_chunks(rng, chunks, n_delays):
    both = trajectories(rng, (300,))
    fold = folding(rng, n_delays)
    X = da.from_array(both[0][0], chunks=(chunks, (2, 1)))
    U = da.from_array(both[0][1], chunks=(77, 2))
    agree(fold_dask(X, fold, U, n_delays).solve(), one_process(fold, both))


def test_trajectories_of_a_list_do_not_meet(rng):
    both = trajectories(rng)
    fold = folding(rng)
    delayed = [dask.delayed(X) for X, _ in both]
    parts = [dask.delayed(U) for _, U in both]
    expected = one_process(fold, both)
    agree(fold_dask(delayed, fold, parts).solve(), expected)
    agree(fold_dask([da.from_array(X, chunks=(50, 3)) for X, _ in both], fold, [U for _, U in both]).solve(), expected)
    alone = folding(rng, n_inputs=0)
    agree(fold_dask(delayed, alone).solve(), one_process(alone, both, inputs=False))


def test_who_folds_what_does_not_matter_and_nothing_is_merged_twice(rng):
    X, U = trajectories(rng, (2000,))[0]
    fold = folding(rng)
    chunks = da.from_array(X, chunks=(131, 3))
    results = []
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            results += [fold_dask(chunks, fold, U).solve() for _ in range(2)]
    assert all(result.n_snapshots == 1999 for result in results)
    assert all(np.array_equal(result.K, results[0].K) for result in results)


def test_the_first_piece_reaches_into_the_next_chunk(rng):
    X, U = trajectories(rng, (300,))[0]
    piece, part = first_piece(da.from_array(X, chunks=(10, 3)), da.from_array(U, chunks=(4, 2)), n_delays=2)
    assert np.array_equal(piece, X[:13])
    assert np.array_equal(part, U[:13])
    piece, part = first_piece([dask.delayed(X), dask.delayed(X)])
    assert np.array_equal(piece, X)
    assert part is None


def test_what_is_dask_is_told():
    assert is_dask(da.ones((3, 3)))
    assert is_dask([dask.delayed(np.ones)((3, 3))])
    assert not is_dask(np.ones((3, 3)))
    assert not is_dask([np.ones((3, 3))])


def test_mistakes_are_named(rng):
    both = trajectories(rng)
    fold = folding(rng)
    X, U = both[0]
    lists = [x for x, _ in both], [u for _, u in both]
    spoilt = X.copy()
    spoilt[250, 1] = np.nan
    for data, inputs, message in (
        (da.from_array(spoilt, chunks=(100, 3)), U, r"trajectory 0, counted from row 200: X must be finite, got .* row 50"),
        ([dask.delayed(x) for x in lists[0][:2]] + [dask.delayed(X[:, :2])], lists[1], "trajectory 2: "),
        ([dask.delayed(x) for x in lists[0]], lists[1][:2], "inputs must be a list of 3"),
        (da.from_array(X[:1]), U[:1], "at least 2 steps, got 1 in trajectory 0"),
        (da.from_array(X[:, 0]), U, r"trajectories must have shape \(n_steps, n_state\)"),
        (da.from_array(X), U[:-1], "inputs must have shape"),
        (da.from_array(X)[da.from_array(X)[:, 0] > 0], U, "chunks of known length"),
        ([], None, "trajectories must not be an empty list"),
    ):
        with pytest.raises(ValueError, match=message):
            fold_dask(data, fold, inputs)


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(rng, tmp_path):
    distributed = pytest.importorskip("distributed")
    X, U = trajectories(rng, (3000,))[0]
    quick = folding(np.random.default_rng(1))
    slow = folding(np.random.default_rng(1), pause=0.1)
    assert pickle.loads(pickle.dumps(pf.kernels.EDMDAccumulator(np.asarray, 3, n_features=3))).n_features == 3
    log = str(tmp_path)

    def fold(piece, inputs):
        result = slow(piece, inputs)
        open(os.path.join(log, f"{os.getpid()}-{time.monotonic_ns()}"), "w").close()
        if sum(name.startswith(f"{os.getpid()}-") for name in os.listdir(log)) == 4:
            try:  # the first to have folded four dies with them, the last one not handed over
                os.close(os.open(os.path.join(log, "one is dead"), os.O_CREAT | os.O_EXCL))
                os.kill(os.getpid(), signal.SIGKILL)
            except FileExistsError:
                pass
        return result

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "30s", "scheduler": None}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = set(client.run(os.getpid).values())
        found = fold_dask(da.from_array(X, chunks=(75, 3)), fold, U).solve()
        after = set(client.run(os.getpid).values())
    folded = [name for name in os.listdir(log) if "dead" not in name]
    assert len(before) == 2
    assert os.getpid() not in before
    assert len(before - after) == 1
    assert os.path.exists(os.path.join(log, "one is dead"))
    assert len(folded) > 40  # what was lost has been folded again
    assert {int(name.split("-")[0]) for name in folded} >= before
    agree(found, one_process(quick, [(X, U)]))
