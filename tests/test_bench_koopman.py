"""The benchmarks of sampled networks at tiny sizes: every answer that is timed is checked, ours and the peers', and a wrong one is reported."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from benches import quick_session, sound

pytest.importorskip("pushforward.bench", reason="the benchmarks are not installed beside this build of the package")

from pushforward.bench import koopman, koopman_cases, koopman_field, koopman_fits, koopman_forecast, koopman_peers, report, suite, timing
from pushforward.bench.koopman_cases import Layer, Orbit

import pushforward as pf


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Short orbits."""
    monkeypatch.setattr(koopman_cases, "FORECAST_ROWS", 1500)
    monkeypatch.setattr(koopman_cases, "SAMPLED_ROWS", 500)
    monkeypatch.setattr(koopman_cases, "LONG_ROWS_PER_UNIT", 300)
    monkeypatch.setattr(koopman_cases, "WIDE_ROWS_PER_UNIT", 300)
    monkeypatch.setattr(koopman, "CALLED_STEPS", 20)
    monkeypatch.setattr(koopman_forecast, "STEPS", (0.05,))
    monkeypatch.setattr(koopman_forecast, "LENGTH", 2.0)


@pytest.fixture
def session():
    return partial(quick_session, goal_dtype=koopman.GOAL_DTYPE)


@pytest.mark.parametrize("name", koopman.CASES)
def test_every_case_checks_what_it_times(name, session, dtype):
    for row in sound(suite.run(koopman.CASES, session(dtype, 20), [name]), name, dtype, koopman.GOAL_DTYPE):
        assert row.error is not None
        assert row.error <= koopman_fits.NO_ANSWER
        assert all(row.texts()[:2])


def spoilt(function, **changes):
    """What a function gives, with matrices of it a little off."""

    def run(*arguments, **settings):
        found = function(*arguments, **settings)
        return replace(found, **{name: getattr(found, name) * (1 + 1e-3 * (i + 1)) for i, name in enumerate(changes or ("A",))})

    return run


@pytest.mark.parametrize("name", ["fit", "gram", "long", "wide", "forecast"])
def test_another_answer_that_passes_for_ours_is_caught(name, session, dtype, monkeypatch):
    def twisted(*arguments, **settings):
        found = koopman_cases.fitted(*arguments, **settings)
        return replace(found, A=2 * found.A, K=None if found.K is None else 2 * found.K)

    for module in (koopman_fits, koopman_forecast):
        monkeypatch.setattr(module, "fitted", twisted)
    (row,) = suite.run(koopman.CASES, session(dtype, 20), [name])
    assert row.what == "WRONG ANSWER"
    assert row.error == float("inf")
    assert "relative error" in row.note


def test_pieces_that_lose_their_seams_are_caught(session, monkeypatch):
    def other(orbit, layer, target):
        return spoilt(koopman_cases.fitted, A=1, **({"K": 1} if target == "observables" else {}))(orbit, layer, target)

    monkeypatch.setattr(koopman_forecast, "fitted", other)
    (row,) = suite.run(koopman.CASES, session("float64", 20), ["chunks"])
    assert row.what == "WRONG ANSWER"


def test_other_neurons_and_another_loop_are_caught(session, monkeypatch):
    monkeypatch.setattr(koopman, "sample_weights", partial(pf.kernels.sample_weights, activation="relu"))
    monkeypatch.setattr(koopman, "sampled_rollout", partial(pf.kernels.sampled_rollout, activation="sigmoid"))
    for name in ("sample", "simulate"):
        (row,) = suite.run(koopman.CASES, session("float64", 20), [name])
        assert row.what == "WRONG ANSWER"


@pytest.fixture(scope="module")
def snapshots():
    orbit = Orbit(3000)
    return koopman_field.Snapshots(orbit.learnt, orbit.layer(20))


@pytest.mark.parametrize("peer", koopman_peers.SVD_GRADE + koopman_peers.GRAM_GRADE, ids=lambda peer: peer.name)
def test_peers_fit_the_same(peer, snapshots):
    if not list(koopman_peers.present((peer,), "float64")):
        pytest.skip(f"{peer.package} is not installed")
    error = snapshots.error(peer(snapshots.psi, snapshots.h, snapshots.C))
    assert error <= (1.1 if peer in koopman_peers.SVD_GRADE else 1e3) * snapshots.least


def test_an_svd_knows_the_least_error(snapshots):
    A = np.linalg.lstsq(snapshots.psi[:-1], snapshots.h[1:])[0]
    assert snapshots.least == pytest.approx(np.linalg.norm(snapshots.psi[:-1] @ A - snapshots.h[1:]) / np.linalg.norm(snapshots.h[1:]), rel=1e-6)
    assert snapshots.least < 0.05


def test_layers_are_their_twins(dtype):
    orbit = Orbit(400, dtype=dtype.name)
    for included in ({}, {"include_state": True}, {"include_state": True, "include_constant": True}):
        layer = orbit.layer(7, **included)
        psi = layer(orbit.learnt)
        assert psi.shape == (401, layer.n_features)
        np.testing.assert_allclose(psi, layer.by_numpy(orbit.learnt), atol=1e-5 if dtype == np.float32 else 1e-14)
    assert layer.state_columns == slice(0, 3)
    assert layer.constant_column == 10


def test_slow_entrants_run_once(session, snapshots, monkeypatch):
    monkeypatch.setattr(koopman_field, "LONGEST", -1.0)
    entrant = koopman_field.Entrant("it", lambda: koopman_peers.lstsq(snapshots.psi, snapshots.h, snapshots.C), 1.01)
    koopman_field.contest(session("float64"), snapshots, [entrant])
    assert len(entrant.timing.samples) == 1
    monkeypatch.setattr(koopman_field, "LONGEST", 9.0)
    full = replace(session("float64"), effort=timing.Effort(seconds=12.0))
    koopman_field.contest(full, snapshots, [entrant])
    assert len(entrant.timing.samples) == 1 + koopman_field.ROUNDS
    assert entrant.error == pytest.approx(snapshots.least)


def test_forecasts_that_blow_up_end_there():
    layer = Layer(np.ones((2, 1)), np.zeros(2), include_state=True)
    states = koopman_forecast.closed_loop(lambda psi: psi[:, :1] * 1e200, layer, np.array([[1.0], [0.0]]), 4)
    np.testing.assert_array_equal(states[0, :, 0], [1e200, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(states[1], 0)


def test_the_command_measures_in_the_dtype_of_the_goals(monkeypatch):
    pytest.importorskip("typer")
    from typer.testing import CliRunner

    from pushforward import cli, machine

    def fake(session):
        yield report.Row("fit", f"in {session.dtype}", 1.0, 1.0, goal=session.goal(2.0))

    monkeypatch.setenv("PUSHFORWARD_BENCH_REMOVED", "")
    monkeypatch.setattr(machine, "read_bandwidth", dict)
    monkeypatch.setitem(koopman.CASES, "fit", fake)
    result = CliRunner().invoke(cli.build_app(), ["bench", "koopman", "--case", "fit"], prog_name="pushforward")
    assert result.exit_code == 0, result.output
    assert "in float64" in result.stdout
    assert "≥ 2.00" in result.stdout
