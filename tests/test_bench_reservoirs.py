"""The benchmarks of fixed dynamics at tiny sizes: every answer that is timed is checked, ours and the peers', and a wrong one is reported."""

import importlib.util
from functools import partial

import numpy as np
import pytest
from benches import quick_session, sound

pytest.importorskip("pushforward.bench", reason="the benchmarks are not installed beside this build of the package")

from pushforward.bench import (
    quality,
    readouts,
    report,
    reservoir_cases,
    reservoir_field,
    reservoir_peers,
    reservoirs,
    ridges,
    structured,
    suite,
    truth,
)
from pushforward.bench.reservoir_cases import Drive, Network

from pushforward.readout import RLS, Ridge


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Short streams."""
    monkeypatch.setattr(readouts, "LATENCY_STEPS", 256)
    monkeypatch.setattr(ridges, "CHUNK_ROWS", 64)
    for name, value in {"WASHOUT": 50, "TRAIN": 400, "WARMUP": 50, "HORIZON": 40}.items():
        monkeypatch.setattr(quality, name, value)


@pytest.fixture
def session():
    return partial(quick_session, goal_dtype=reservoirs.GOAL_DTYPE)


@pytest.mark.parametrize("name", reservoirs.CASES)
def test_every_case_checks_what_it_times(name, session, dtype):
    for row in sound(suite.run(reservoirs.CASES, session(dtype, 20), [name]), name, dtype, reservoirs.GOAL_DTYPE):
        assert row.error is not None
        assert row.error <= {"float32": 5e-4, "float64": 1e-9}["float32" if name == "single" else dtype.name]
        assert all(row.texts()[:2])


@pytest.mark.parametrize("name", ["states", "single", "batch", "closed"])
def test_another_network_that_passes_for_ours_is_caught(name, session, dtype, monkeypatch):
    monkeypatch.setattr(reservoir_cases, "echo_state_layer", partial(reservoir_cases.echo_state_layer, leak_rate=0.9))
    (row,) = suite.run(reservoirs.CASES, session(dtype, 20), [name])
    assert row.what == "WRONG ANSWER"
    assert row.error == float("inf")
    assert "relative error" in row.note


OTHERS = {
    "structured": (structured, "echo_state_layer", partial(reservoir_cases.echo_state_layer, leak_rate=0.9)),
    "rls": (readouts, "RLS", lambda forgetting, **settings: RLS(forgetting=0.99, **settings)),
    "latency": (readouts, "RLS", lambda forgetting, **settings: RLS(forgetting=0.99, **settings)),
    "ridge": (ridges, "Ridge", lambda ridge, **settings: Ridge(ridge=ridge / 2, **settings)),
    "memory": (ridges, "Ridge", lambda ridge, **settings: Ridge(ridge=100 * ridge, **settings)),
    "lorenz": (quality, "echo_state_layer", partial(reservoir_cases.echo_state_layer, leak_rate=0.9)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_answers_that_pass_for_ours_are_caught(name, session, dtype, monkeypatch):
    monkeypatch.setattr(*OTHERS[name])
    *_, row = suite.run(reservoirs.CASES, session(dtype, 20), [name])
    assert row.what == "WRONG ANSWER"


def test_a_peer_with_other_weights_is_caught(session, monkeypatch):
    def other(drive):
        return reservoir_peers.Loop(drive, drive.W_rec.T.tocsr())

    monkeypatch.setattr(reservoirs, "Loop", lambda drive, W_rec: other(drive))
    (row,) = suite.run(reservoirs.CASES, session("float64", 20), ["states"])
    assert row.what == "WRONG ANSWER"
    assert "SciPy" in row.note


PEERS = {
    "loop": (None, lambda drive: reservoir_peers.Loop(drive, drive.W_rec)),
    "reservoirpy": ("reservoirpy", lambda drive: reservoir_peers.ReservoirPy(drive)),
    "rclib": ("rclib", lambda drive: reservoir_peers.RcLib(drive)),
}


@pytest.fixture(params=PEERS)
def peer(request):
    package, make = PEERS[request.param]
    if package and not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed")
    return request.param, make


def test_peers_have_our_weights_and_go_on(peer):
    name, make = peer
    drive = Drive(30, 0.3, n_inputs=2)
    X = drive.inputs()[:40]
    states = drive.states(X)
    expected = drive.outputs(states) if name == "rclib" else states
    one = make(drive)
    found = np.concatenate([one.advance(X[:15]), one.advance(X[15:])])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_loops_of_peers_are_ours(peer):
    _, make = peer
    drive = Drive(30, 0.3, n_inputs=2)
    expected = drive.closed_loop(40)
    assert np.ptp(expected[:10], axis=0).min() > 1e-3  # it moves
    for loop in (name for name in vars(type(make(drive))) if name.startswith("closed_loop")):
        run = getattr(make(drive), loop)
        np.testing.assert_allclose(np.concatenate([run(15), run(25)]), expected, rtol=1e-9, atol=1e-12)


def test_ours_goes_on_too(dtype):
    drive = Drive(30, 0.3, dtype.name, n_inputs=2)
    X = drive.inputs()[:40]
    for reuse in (False, True):
        network = Network(drive.layer(), dtype, 2, reuse=reuse)
        found = np.concatenate([network.advance(X[:15]).copy(), network.advance(X[15:])])
        assert truth.TOLERANCE[dtype.name] > np.linalg.norm(found - drive.states(X)) / np.linalg.norm(found)
        np.testing.assert_array_equal(network.from_rest(X[:15]), found[:15])
    network = Network(drive.layer(), dtype, 2)
    found = np.concatenate([network.simulate(drive.readout, 15), network.simulate(drive.readout, 25)])
    assert truth.TOLERANCE[dtype.name] > np.linalg.norm(found - drive.closed_loop(40)) / np.linalg.norm(found)


def test_steps_are_counted():
    X, seen = np.zeros((2, 7, 1)), []
    reservoir_field.repeat(lambda X: seen.append(X.shape), X)(21)
    assert seen == [X.shape] * 3


def test_a_shape_that_is_not_the_answers_is_a_mistake_of_the_suite():
    with pytest.raises(ValueError, match=r"it: shape \(3,\), expected \(4,\)"):
        reservoir_field.agree("it", np.zeros(3), np.ones(4), "float64")


def test_the_command_measures_in_the_dtype_of_the_goals(monkeypatch, tmp_path):
    pytest.importorskip("typer")
    from typer.testing import CliRunner

    from pushforward import cli, machine

    def fake(session):
        yield report.Row("states", f"in {session.dtype}", 1.0, 1.0, goal=session.goal(2.0))

    monkeypatch.setenv("PUSHFORWARD_BENCH_REMOVED", "")
    monkeypatch.setattr(machine, "read_bandwidth", dict)
    monkeypatch.setitem(reservoirs.CASES, "states", fake)
    run = partial(CliRunner().invoke, cli.build_app(), prog_name="pushforward")
    for chosen, dtype, goal in (((), "float64", "≥ 2.00"), (("--dtype", "float32"), "float32", "")):
        result = run(["bench", "reservoirs", "--case", "states", *chosen])
        assert result.exit_code == 0, result.output
        assert f"in {dtype}" in result.stdout
        assert (goal or "≥") in result.stdout if goal else "≥" not in result.stdout
