"""The report on fixed dynamics: its baselines, what a run gives, that a grid survives a stop, and that the report says what came out."""

import json
import math
import os
import re
import signal

import numpy as np
import pytest

import pushforward as pf
from pushforward import datasets, metrics
from pushforward.reproduce import reservoirs, reservoirs_link, reservoirs_report, reservoirs_tasks
from pushforward.reproduce.reservoirs import TASKS, Plan
from pushforward.reproduce.reservoirs_common import LeastSquares, Measure, Outcome, Task, delayed, lagged, memory_polynomial

# -- baselines ---------------------------------------------------------------------------------------------------------------


def test_least_squares_finds_a_complex_filter_and_its_constant(rng):
    x = rng.normal(size=500) + 1j * rng.normal(size=500)
    taps = rng.normal(size=4) + 1j * rng.normal(size=4)
    y = np.convolve(x, taps)[:500] + (2 - 1j)
    model = LeastSquares().fit(lagged(x, range(4)), y)
    np.testing.assert_allclose(model.predict(lagged(x, range(4))), y, rtol=1e-7)
    np.testing.assert_array_equal(delayed(x, 3)[3:], x[:-3])
    np.testing.assert_array_equal(delayed(x, -2)[:-2], x[2:])


def test_a_linear_forecast_goes_on_with_an_oscillation():
    t = np.arange(400)
    x = np.stack([np.sin(0.3 * t), np.cos(0.11 * t) + 2], axis=1)
    model = LeastSquares(1e-14).fit(lagged(x[:199], range(3))[3:], x[4:200])
    np.testing.assert_allclose(model.simulate(200, x[:200], 3), x[200:], atol=1e-4)


def test_the_memory_polynomial_of_the_amplifier_reaches_its_stated_error(data_dir):
    data, lags = datasets.power_amplifier(), range(-1, 6)
    for orders, stated in ((range(1, 2), -27.1), (range(1, 6), -36.7)):
        model = LeastSquares(1e-13).fit(memory_polynomial(data.train.x, lags, orders), data.train.y)
        assert metrics.nmse_db(data.test.y, model.predict(memory_polynomial(data.test.x, lags, orders))) == pytest.approx(stated, abs=0.1)


def test_the_closed_form_of_two_poles_is_the_sum():
    for (c, d), stated in reservoirs_tasks.PAIRS.items():
        a, b = np.meshgrid([c, d], [c, d])
        closed = 2 * (1 + a * b) / (1 - a * b) ** 3
        summed = reservoirs_tasks._hessian((c, d), 4000, over="poles")
        np.testing.assert_allclose(summed, closed, rtol=1e-9)
        assert np.linalg.cond(summed) == pytest.approx(stated, rel=5e-5)
    assert np.linalg.cond(reservoirs_tasks._hessian((0.75, 0.8), 4000, over="gains")) == pytest.approx(256.44, rel=1e-4)
    assert np.linalg.cond(reservoirs_tasks._hessian((0.75, 0.8), 4000, over="both")) == pytest.approx(4.478e7, rel=1e-3)


def test_an_equaliser_with_a_delay_lands_on_the_right_samples():
    link = datasets.ofdm_link(10, 10, "16qam", snr_db=60.0, amplifier="none", n_taps=1, seed=0)
    for delay in (0, 3):
        X, y = reservoirs_link._signals(link, delay)
        n = link.n_pilot_samples
        estimate = LeastSquares().fit(lagged(X, range(delay + 1))[:n], y[:n]).predict(lagged(X, range(delay + 1)))[delay:]
        assert reservoirs_link._errors(link, estimate) == 0.0
        assert reservoirs_link._errors(link, np.roll(estimate, 1)) > 0.5


def test_the_gradient_along_training_is_the_gradient(rng):
    """The norm drawn is that of the mean loss over the pilots: checked along one direction by a finite difference."""
    link = datasets.ofdm_link(1, 1, seed=0)
    X, y = reservoirs_link._signals(link, 2)
    n = link.n_pilot_samples
    inputs, targets = reservoirs_link._pairs(X[:n]), reservoirs_link._pairs(y[:n, None])
    model = pf.RecurrentRegressor(n_units=4, dtype="float64").fit(inputs, targets)
    norm, condition, radius, _ = reservoirs_link._look(model, X, y, n)
    theta, (W, b) = model.theta_, (model.W_out_, model.b_out_)

    def loss(step):
        total, gradient, *_ = pf.kernels.block_gradient(
            model.cell_, theta + step * direction["theta"], (W + step * direction["W_out"], b + step * direction["b_out"]),
            inputs, targets, carry="none",
        )  # fmt: skip
        return total / n, gradient

    direction = {"theta": 0.0, "W_out": 0.0, "b_out": 0.0}
    gradient = loss(0.0)[1]
    size = np.sqrt(sum(np.sum(g**2) for g in gradient.values()))
    direction = {name: g / size for name, g in gradient.items()}
    assert norm == pytest.approx((loss(1e-5)[0] - loss(-1e-5)[0]) / 2e-5, rel=1e-5)
    W_rec = model.cell_.unpack(theta)["W_rec"]
    assert condition == pytest.approx(np.linalg.cond(W_rec))
    assert radius == pytest.approx(np.abs(np.linalg.eigvals(W_rec)).max())


# -- plan and report ---------------------------------------------------------------------------------------------------------


def test_a_plan_names_its_runs_and_refuses_what_it_does_not_know():
    plan = Plan(tasks=("lorenz", "poles"), n_seeds=2)
    assert [(run["task"], run["seed"]) for run in plan.runs()] == [("lorenz", 0), ("poles", 0), ("lorenz", 1)]
    assert Plan(tasks=("lorenz",)).seeds_of("lorenz") == TASKS["lorenz"].seeds > 1
    assert Plan(tasks=("lorenz",), quick=True).seeds_of("lorenz") == 1
    assert plan.run_of("lorenz", 0) != Plan(tasks=("lorenz",), quick=True).run_of("lorenz", 0)  # never taken for one another
    for run in Plan().runs():
        assert json.loads(json.dumps(run, allow_nan=False)) == run
    for tasks, n_seeds, name in ((("rossler",), None, "only"), ((), None, "only"), (("poles", "poles"), None, "only"), (("poles",), 0, "seeds")):
        with pytest.raises(ValueError, match=f"{name}: "):
            Plan(tasks=tasks, n_seeds=n_seeds)


def made_up(run):
    """Results of lorenz and the link in place of runs."""
    if run["task"] == "link-qpsk":
        rows = [{"model": "fixed poles + RLS", "snr_10": 0.1 + 0.02 * run["seed"], "snr_20": 0.01}, {"model": "linear equaliser", "snr_10": 0.05}]
        return {"rows": rows, "curve": {}, "seconds": 1.0, "machine": {"processor": "abacus", "isa": "beads", "pushforward": "0"}}
    if run["seed"] == 2:
        return None
    name = "echo state, 1,000, ridge 1e-12"
    rows = [{"model": name, "one_step": 1e-6, "valid": 13.0 + run["seed"], "d_stsp": None}]
    rows += [{"model": "no change", "one_step": 0.1, "valid": 0.1, "d_stsp": 5.0}] if run["seed"] == 0 else []
    wave = np.sin(0.1 * np.arange(300))[:, None].tolist()
    curve = {"dt": 0.02, "exponent": 0.9, "valid": 3.0, "model": name, "delays": None}
    curve |= {"truth": wave, "forecast": wave[:200], "life": wave, "home": wave}
    return {"rows": rows, "curve": curve, "seconds": 2.0, "machine": {"processor": "abacus", "isa": "beads", "pushforward": "0"}}


def test_the_report_says_what_came_out():
    pytest.importorskip("matplotlib")
    report = reservoirs_report.Report(Plan(tasks=("lorenz", "link-qpsk")), made_up, {"pushforward": "0"})
    text = report.markdown()
    assert "**1 of 6 runs are missing**" in text
    assert "| echo state, 1,000, ridge 1e-12 | **1.00e-06 ± 0.00e+00** | **13.50 ± 0.71** | — |" in text
    assert "| no change | 1.00e-01 | 0.10 | **5.000** |" not in text  # the only one in its column is no winner
    assert "| no change | 1.00e-01 | 0.10 | 5.000 |" in text
    assert "| fixed poles + RLS | 0.1200 ± 0.0200 | 0.0100 ± 0.0000 |" in text
    assert "| linear equaliser | **0.0500 ± 0.0000** | — |" in text
    assert "13.5, **reached**" in text
    assert set(report.figures()) == {"reservoirs-lorenz.png", "reservoirs-link-qpsk.png"}
    for name in report.figures():
        assert name in text
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.to_dict()["goals"][0]["met"] is True
    nothing = reservoirs_report.Report(Plan(tasks=("lorenz",)), lambda run: None, {})
    assert "no figure yet" in nothing.markdown()
    assert nothing.figures() == {}


def test_a_figure_that_is_not_finite_is_missing_and_not_a_number():
    outcome = Outcome()
    outcome.add("model", a=math.inf, b=math.nan, c=1, d=None)
    assert outcome.rows == [{"model": "model", "a": None, "b": None, "c": 1.0, "d": None}]


# -- the command -------------------------------------------------------------------------------------------------------------


def reproduce(*arguments, code=0):
    """Run the command in this process; return the result after checking its exit code (unless ``None``)."""
    pytest.importorskip("typer")
    pytest.importorskip("matplotlib")
    from typer.testing import CliRunner

    from pushforward.cli import build_app

    result = CliRunner().invoke(build_app(), ["reproduce", "reservoirs", *map(str, arguments)], prog_name="pushforward")
    assert code in (None, result.exit_code), f"{result.output}\n{result.exception!r}"
    return result


def toy(settings, seed, tick):
    outcome = Outcome()
    outcome.add("model", error=settings["scale"] * (seed + 1))
    tick(1.0)
    return outcome


@pytest.fixture
def toys(monkeypatch):
    """Two tasks that take no time."""
    for name in ("one", "two"):
        monkeypatch.setitem(TASKS, name, Task(f"Toy {name}", toy, {"scale": 2.0}, {"error": Measure("error")}, quick={"scale": 1.0}))
    return ["--only", "one,two", "--jobs", 1]


def test_ctrl_c_leaves_a_folder_that_the_same_command_finishes(toys, tmp_path, monkeypatch):
    reproduce(*toys, "--out", tmp_path / "whole")
    run, calls = reservoirs.run, []

    def run_and_interrupt(task, on_progress):
        calls.append(task)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return run(task, on_progress)

    monkeypatch.setattr(reservoirs, "run", run_and_interrupt)
    out = tmp_path / "cut"
    reproduce(*toys, "--out", out, code=130)
    assert "4 of 6 runs are missing" in (out / "reservoirs.md").read_text()
    assert "2 of 6 runs are done" in reproduce(*toys, "--out", out, "--resume").stderr
    assert len(calls) == 7  # the one under way was given up, nothing was done twice
    for folder in (out, tmp_path / "whole"):
        assert "| model | 4.0000 ± 2.0000 |" in (folder / "reservoirs.md").read_text()
    tables = [json.loads((folder / "reservoirs.json").read_text())["tables"] for folder in (out, tmp_path / "whole")]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--only", "weather"], "--only: .*lorenz"),
        (["--only", ","], "--only: "),
        (["--seeds", "0", "--only", "poles"], "--seeds: "),
        (["--nets", "gru-4"], "--nets: not an option of reservoirs"),
        (["--steps", "400"], "--steps: not an option of reservoirs"),
        (["--only", "poles", "--resume"], "--resume: no runs"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_option(tmp_path, arguments, names):
    result = reproduce(*arguments, "--out", tmp_path / "out", code=2)
    assert result.stderr.count("\n") == 1
    assert re.search(names, result.stderr), result.stderr
    assert not (tmp_path / "out").exists()


def test_data_that_cannot_be_had_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    assert "--only: silverbox" in reproduce("--only", "silverbox", "--out", tmp_path / "out", code=2).stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_quick_look_at_every_task(data_dir, tmp_path):
    reproduce("--quick", "--jobs", 2, "--out", tmp_path)
    text, found = (tmp_path / "reservoirs.md").read_text(), json.loads((tmp_path / "reservoirs.json").read_text())
    assert found["n_missing"] == 0
    for name, task in TASKS.items():
        assert f"## {task.title}" in text
        assert len(found["tables"][name]) >= 2
    for path in re.findall(r"\((reservoirs-[^)]+png)\)", text):
        assert (tmp_path / path).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert found["tables"]["lorenz"]["echo state, 1,000, ridge 1e-12"]["valid"][0] > 8
    assert found["tables"]["poles"]["poles 0.75 and 0.8, unit gains"]["condition"] == pytest.approx([91.765098], rel=1e-7)
    qpsk = found["tables"]["link-qpsk"]
    assert qpsk["fixed poles + ridge"]["snr_20"] <= qpsk["fixed poles + ridge"]["snr_10"]
