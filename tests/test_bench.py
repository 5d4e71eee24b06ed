"""The benchmarks at tiny sizes: every case checks the answer it times, wrong answers are caught, and what is printed is what was measured."""

import functools
import json
import sys

import numpy as np
import pytest
from benches import quick_session, sound

from pushforward import machine, reference
from pushforward.cells import Elman

pytest.importorskip("pushforward.bench", reason="the benchmarks are not installed beside this build of the package")

from pushforward.bench import approximate, carries, cases, cells, diagonal, report, rtrl, streams, suite, timing, truth

SUITES = {"rtrl": rtrl, "cells": cells, "carries": carries}
CASES = [(module.CASES, name) for module in SUITES.values() for name in module.CASES]
MAKES = {"elman": Elman, "sparse": carries.SPARSE, "stack": cells.layers, "diagonal": diagonal.make, **cells.GATED}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Generated data, few events, and no second process."""
    monkeypatch.delenv("PUSHFORWARD_DATA", raising=False)
    monkeypatch.setattr(streams, "CHECKED_EVENTS", 40)
    monkeypatch.setattr(rtrl, "scan_length", lambda n_units: 16)
    monkeypatch.setenv("PUSHFORWARD_BENCH_REMOVED", "")


@pytest.fixture
def session():
    return functools.partial(quick_session, n_threads=2)


def changed(learner):
    """What a learner gives in place of the exact one: the gradient cut off after the newest step."""

    def build(*arguments, **settings):
        return learner(*arguments, **{**settings, "gradient": "tbptt", "truncation": settings["update_every"]})

    return build


@pytest.mark.parametrize(("known", "name"), CASES, ids=[name for _, name in CASES])
def test_every_case_checks_what_it_times(known, name, session, dtype):
    rows = sound(suite.run(known, session(dtype, 6), [name]), name, dtype, "float32")
    checked = [row.error for row in rows if row.error is not None]
    assert checked
    assert max(checked) <= 4 * truth.TOLERANCE[dtype.name]


def test_two_threads_are_timed_against_one(session):
    rows = list(suite.run(rtrl.CASES, session("float32", 64), ["h1"]))
    assert [row.what.endswith("2 threads") for row in rows] == [False, True]
    assert rows[1].goal == 1.8
    assert len(list(suite.run(rtrl.CASES, session("float32", 64, n_threads=1), ["h1"]))) == 1


EXACT = ["h1", "block", "auto", "latency", "million", "gru-h1", "lstm-h1", "each-step", "diagonal-sweep", "batch", "beside", "stack", "sparse"]


@pytest.mark.parametrize("name", EXACT)
def test_a_truncated_gradient_that_passes_for_exact_is_caught(name, session, dtype, monkeypatch):
    monkeypatch.setattr(cases, "LearnerSettings", changed(cases.LearnerSettings))
    (row,) = suite.run(rtrl.CASES | cells.CASES, session(dtype, 6), [name])
    assert row.what == "WRONG ANSWER"
    assert row.error == float("inf")
    assert "relative error" in row.note


@pytest.mark.parametrize("name", carries.CASES)
def test_one_algorithm_that_passes_for_another_is_caught(name, session, dtype, monkeypatch):
    def other(*arguments, **settings):
        return settings_of(*arguments, **{**settings, "gradient": "eprop" if name != "eprop" else "rflo", "truncation": None})

    settings_of = cases.LearnerSettings
    monkeypatch.setattr(cases, "LearnerSettings", other)
    (row,) = suite.run(carries.CASES, session(dtype, 6), [name])
    assert row.what == "WRONG ANSWER"


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize("memory", [0, 24])
def test_a_part_that_learns_nothing_is_caught(make, memory, dtype):
    problem = cases.Problem(6, dtype.name, make=make, memory=memory)
    expected = truth.replay(problem, 1, 24)
    for at in (*cases.parts_of(problem.cell), np.arange(problem.cell.n_params, len(expected))):
        found = expected.copy()
        found[at] = problem.start[at]
        assert truth.error_of(found, expected, problem.start, cases.parts_of(problem.cell)) > 4 * truth.TOLERANCE["float32"]


def test_an_influence_that_is_lost_between_blocks_is_caught(dtype):
    def forgetful(engine, n_steps):
        engine.run(n)
        engine.core.set_influence(0, np.zeros((n, problem.cell.n_params), dtype))
        X, Y = engine.problem.X[None, n:n_steps], engine.problem.Y[None, n:n_steps]
        engine.core.run(X, None, Y, None, None)

    n = 32  # an ordinary net has forgotten everything after so many steps
    problem = cases.Problem(n, dtype.name)
    truth.checked("block", problem, 2 * n, update_every=n, carry_every=n)
    with pytest.raises(truth.WrongAnswerError, match="block, n = 32, long memory"):
        truth.checked("block", problem, 2 * n, forgetful, update_every=n, carry_every=n)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize("update_every", [1, 4])
def test_all_roads_lead_to_the_reference(make, update_every):
    problem = cases.Problem(6, "float64", n_steps=24, n_outputs=2, make=make)
    arguments = problem.cell, problem.theta, problem.readout, problem.X, problem.Y
    settings = {"optimizer": problem.optimizer, "update_every": update_every}
    roads = [truth.replay(problem, update_every, 24), truth.forward(problem, update_every, 24), truth.learnt(problem, update_every, 24)]
    recursions = {"elman": truth.GemmRTRL, "diagonal": diagonal.DiagonalRTRL}
    if problem.cell.name in recursions and make is not carries.SPARSE:
        road = recursions[problem.cell.name](problem, update_every)
        road.run(24)
        roads.append(road.weights)
    for found, truncation in [(road, None) for road in roads] + [(truth.replay(problem, update_every, 24, truncation=5), 5)]:
        expected = reference.online_training(*arguments, **settings, gradient="tbptt" if truncation else "rtrl", truncation=truncation)
        expected = cases.flat(expected["theta"], expected["W_out"], expected["b_out"])
        assert truth.error_of(found, expected, problem.start, cases.parts_of(problem.cell)) <= 1e-12


def test_series_side_by_side_share_the_update():
    problem = cases.Problem(5, "float64", n_steps=12, n_series=3)
    together = truth.replay(problem, 12, 12) - problem.start
    alone = []
    for i in range(3):
        one = cases.Problem(5, "float64", n_steps=12)
        vars(one).update(inputs=problem.inputs[i : i + 1], targets=problem.targets[i : i + 1])
        alone.append(truth.replay(one, 12, 12) - one.start)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-12, atol=1e-15)


def test_snap_of_all_units_is_exact():
    class Saturated(approximate.Snap):
        order = 6

    problem = cases.Problem(6, "float64", n_steps=16)
    twin = Saturated(problem)
    twin.run(16)
    assert truth.error_of(twin.weights, truth.learnt(problem, 1, 16), problem.start, cases.parts_of(problem.cell)) <= 1e-12


def test_the_sweep_is_as_long_as_what_the_kernel_holds(dtype):
    problem = diagonal.diagonal(50, dtype.name)
    held = cases.Engine(problem).core.export_state()
    influence = next(part for name, part in held.items() if "influence" in name)
    assert diagonal.padded_numbers(problem) == 2 * influence.size
    for sweep in diagonal.plain_sweeps(96, dtype.name).values():
        a = sweep()
        assert a.size == 96
        assert a.itemsize == dtype.itemsize
        assert a.ctypes.data % diagonal.LINE == 0


def test_errors_are_relative_to_what_was_learnt():
    start = np.full(4, 100.0)
    step = np.array([100.0, 0.0, 0.0, 0.1])
    wrong = np.array([0.0, 0.0, 0.0, 0.1])  # a small part is not hidden by a large one
    assert truth.error_of(start + step + wrong, start + step, start, [np.arange(2)]) == pytest.approx(1.0)
    with pytest.raises(truth.WrongAnswerError, match=r"it: relative error nan"):
        truth.confirm("it", float("nan"), "float64")


def test_medians_are_of_the_good_samples():
    def sample(seconds, quality, undisturbed=True):
        return timing.Sample(seconds, 2 * seconds, 3 * seconds, quality, quality * undisturbed)

    good = timing.Timing("thread", 1, [sample(1e-6, 0.99), sample(9e-6, 0.5), sample(3e-6, 0.95), sample(2e-6, 1.0, False)])
    assert (good.n_good, good.n_noisy) == (3, 1)
    assert good.microseconds() == pytest.approx(2.0)
    assert good.microseconds("process") == pytest.approx(4.0)
    assert good.microseconds("wall") == pytest.approx(6.0)  # of 1 and 3 only
    noisy = timing.Timing("thread", 1, [sample(k * 1e-6, 0.1 * k) for k in range(1, 7)])
    assert noisy.microseconds() == pytest.approx(5.5)  # the best third
    assert noisy.quality() == pytest.approx(0.55)


def test_competitors_take_turns(session):
    order = []
    both = [timing.Competitor(name, lambda n, name=name: order.append((name, n)), multiple=m) for name, m in (("a", 1), ("b", 5))]
    timings = timing.measure(both, timing.Gauge("float32"), timing.Effort(rounds=2, sample_seconds=0.0))
    assert order[:2] == [("a", 1), ("b", 5)]  # the first runs find the length of a sample
    assert {tuple(sorted(order[i : i + 2])) for i in range(0, len(order), 2)} == {(("a", 1), ("b", 5))}
    assert len({order[i] for i in range(2, len(order), 2)}) == 2  # not always the same one first
    assert len(timings["a"].samples) == len(timings["b"].samples) >= 2


def test_the_table_says_goal_and_whether_it_is_met(capsys):
    facts = machine.describe() | {"dtype": "float32", "read_bandwidth": {1 << 15: 1e10}, "peak_flops": 2e11, "removed_pins": "OPENBLAS_CORETYPE=X"}
    rows = [report.Row("h1", "n = 32", 1234.5, 0.7, "{:.0%} of peak", 0.65), report.Row("b", "x", 1.25, 3.0, "{:.1f} s", 2.0, at_least=False)]
    report.show(facts, rows)
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "h1 n = 32 1,234 70% of peak ≥ 65% of peak yes" in lines
    assert "b x 1.25 3.0 s ≤ 2.0 s no" in lines
    assert "removed for this run: OPENBLAS_CORETYPE=X" in out
    assert json.loads(report.to_json(facts, rows))["rows"][0]["met"] is True


def test_the_machine_is_measured(dtype):
    assert machine.fma_peak(dtype, n_probes=2) > 0
    assert all(reading > 0 for reading in machine.fma_probe(dtype, n_rounds=10))
    assert list(machine.read_bandwidth(sizes=(4096,), seconds=0.0)) == [4096]
    assert machine.describe()["isa"] in machine.describe()["usable_isas"]


class TestCommand:
    @pytest.fixture
    def command(self):
        pytest.importorskip("typer")
        from typer.testing import CliRunner

        from pushforward import cli

        return lambda *arguments: CliRunner().invoke(cli.build_app(), ["bench", *map(str, arguments)], prog_name="pushforward")

    @pytest.fixture
    def rows(self, monkeypatch):
        def give(*rows, then=None):
            def fake(session):
                yield from rows
                if then is not None:
                    raise then

            monkeypatch.setitem(rtrl.CASES, "auto", fake)

        monkeypatch.setattr(machine, "read_bandwidth", dict)
        return give

    def test_measures_prints_and_writes(self, command, tmp_path):
        result = command("rtrl", "--quick", "--case", "auto", "--units", 5, "--dtype", "float64", "--json", tmp_path / "all.json")
        assert result.exit_code == 0, result.output
        assert "n = 5, K = 1" in result.stdout
        written = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
        assert written["machine"]["dtype"] == "float64"
        assert written["rows"][0]["timing"]["samples"]

    def test_a_missed_goal_is_no_failure(self, command, rows):
        rows(report.Row("auto", "slow", 1.0, 1.0, goal=2.0))
        assert command("rtrl", "--case", "auto").exit_code == 0

    def test_a_wrong_answer_is(self, command, rows):
        rows(then=truth.WrongAnswerError("weights: relative error 1"))
        result = command("rtrl", "--case", "auto")
        assert result.exit_code == 1
        assert "WRONG ANSWER" in result.stdout

    def test_control_c_prints_what_there_is(self, command, rows):
        rows(report.Row("auto", "measured", 1.0), then=KeyboardInterrupt())
        result = command("rtrl", "--case", "auto", "--case", "h1")
        assert result.exit_code == 130
        assert "measured" in result.stdout

    @pytest.mark.parametrize("name", SUITES)
    def test_an_unknown_case_lists_the_known_ones(self, command, name):
        result = command(name, "--case", "h2")
        assert result.exit_code == 2
        assert all(case in result.stderr for case in SUITES[name].CASES)

    def test_suites_have_cases_of_their_own(self, command):
        result = command("carries", "--quick", "--case", "eprop", "--units", 5)
        assert result.exit_code == 0, result.output
        assert "eprop, n = 5, K = 32" in result.stdout
        assert command("cells", "--case", "eprop").exit_code == 2

    def test_it_starts_again_without_pins_and_with_one_thread(self, command, monkeypatch):
        started = []

        def execve(*arguments):
            started.append(arguments)
            raise SystemExit(0)

        monkeypatch.delenv("PUSHFORWARD_BENCH_REMOVED")
        monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
        monkeypatch.setattr("os.execve", execve)
        command("rtrl", "--case", "h1")
        command("rtrl", "--case", "h1", "--keep-pins")
        (program, arguments, clean), (_, _, kept) = started
        assert program == arguments[0] == sys.executable
        assert "OPENBLAS_CORETYPE" not in clean
        assert clean["PUSHFORWARD_BENCH_REMOVED"] == "OPENBLAS_CORETYPE=Haswell"
        assert clean["OPENBLAS_NUM_THREADS"] == "1"
        assert kept["OPENBLAS_CORETYPE"] == "Haswell"
