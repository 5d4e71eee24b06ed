"""The report on sampled networks: its baselines learn what they should, a run gives its table, and the report says what came out."""

import json
import re

import numpy as np
import pytest

import pushforward as pf
from pushforward import datasets
from pushforward.reproduce import koopman, koopman_common, koopman_models, koopman_report
from pushforward.reproduce.koopman import TASKS, Plan
from pushforward.reproduce.koopman_control import linearised, steer
from pushforward.reproduce.koopman_weather import calendar, habit, hourly


def turning(n_series, n_steps, rng, inputs=None):
    """Decaying rotations x[t + 1] = A x[t] + B u[t], which every model of the report can learn."""
    A, B = 0.97 * np.array([[np.cos(0.8), -np.sin(0.8)], [np.sin(0.8), np.cos(0.8)]]), np.array([0.1, 0.3])
    x = np.empty((n_series, n_steps, 2))
    x[:, 0] = rng.normal(size=(n_series, 2))
    for t in range(n_steps - 1):
        x[:, t + 1] = x[:, t] @ A.T + (0.0 if inputs is None else inputs[:, t] * B)
    return x


MODELS = {
    "sampled": ({"kind": "sampled", "n_units": 40}, 1e-4),
    "linear": ({"kind": "linear"}, 1e-8),
    "linear with delays": ({"kind": "linear", "n_delays": 2}, 1e-8),
    "echo state": (
        {"kind": "echo state", "n_units": 60, "spectral_radius": 0.3, "input_scaling": 0.2, "bias_scaling": 0.5, "washout": 5, "ridge": 1e-10},
        0.05,
    ),
    "lstm": (
        {"kind": "lstm", "n_units": 24, "n_forced": 5, "n_window": 15, "n_batch": 32, "n_updates": 400, "learning_rate": 1e-2},
        0.3,
    ),
    "shplrnn": ({"kind": "shplrnn", "n_hidden": 20, "forcing": 0.1, "n_window": 15, "n_batch": 32, "n_updates": 400, "learning_rate": 1e-2}, 0.3),
}  # fmt: skip


# -- models ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driven", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_goes_on_with_a_rotation(name, driven, rng):
    """The same pair of calls for all: learn, then forecast what follows a past, with the inputs where they act."""
    settings, error = MODELS[name]
    if settings["kind"] in ("lstm", "shplrnn"):
        pytest.importorskip("torch")
    u = rng.normal(size=(26, 80, 1)) if driven else None
    x = turning(26, 80, rng, u)
    model = koopman_models.make(settings, seed=0)
    shares = []
    model.fit(list(x[:20]), None if u is None else list(u[:20]), shares.append)
    past, truth = x[20:, :20], x[20:, 20:50]
    forecast = model.forecast(np.ascontiguousarray(past), 30, None if u is None else np.ascontiguousarray(u[20:, :49]))
    assert forecast.shape == truth.shape
    assert np.sqrt(np.mean((forecast - truth) ** 2)) < error * truth.std()
    assert shares
    assert all(0 <= share <= 1 for share in shares)
    if driven:  # inputs one step late are another series
        late = model.forecast(np.ascontiguousarray(past), 30, np.ascontiguousarray(u[20:, 1:50]))
        assert np.abs(late - forecast).max() > 0.1


def test_trained_networks_are_seeded_and_one_series_is_as_many(rng):
    pytest.importorskip("torch")
    x = turning(6, 60, rng)
    for name in ("lstm", "shplrnn"):
        settings = MODELS[name][0] | {"n_updates": 3}
        forecasts = []
        for seed in (0, 0, 1):
            model = koopman_models.make(settings, seed)
            model.fit(list(x), None, lambda share: None)
            forecasts.append(model.forecast(x[:, :10], 8, None))
        np.testing.assert_array_equal(forecasts[0], forecasts[1])
        assert not np.array_equal(forecasts[0], forecasts[2])
        np.testing.assert_allclose(model.forecast(x[2:3, :10], 8, None)[0], forecasts[2][2], atol=1e-5)
        with pytest.raises(ValueError, match="at least 16 steps"):
            koopman_models.make(settings, 0).fit([x[0, :15]], None, lambda share: None)


def test_the_shallow_plrnn_is_its_equation(rng):
    torch = pytest.importorskip("torch")
    from pushforward.reproduce.koopman_torch import _PLRNN

    net = _PLRNN(3, 7, 2)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.from_numpy(rng.normal(size=tuple(p.shape)).astype(np.float32)))
        z, u = (rng.normal(size=(4, n)).astype(np.float32) for n in (3, 2))
        found = net(torch.from_numpy(z), torch.from_numpy(u)).numpy()
    A, W1, W2, h1, h2, C = (p.detach().numpy().astype(np.float64) for p in (net.A, net.W1, net.W2, net.h1, net.h2, net.C))
    expected = [A * a + W1 @ np.maximum(W2 @ a + h2, 0) + h1 + C.T @ b for a, b in zip(z, u, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_forecast_that_diverges_is_missing_and_the_others_are_not():
    def simulate(which):
        x = np.arange(4.0)[which]
        if (x == 2).any():
            raise pf.DivergenceError("state", 3)
        return np.repeat(x[:, None, None], 5, axis=1)

    found = koopman_models.apart(simulate, 4, (5, 1))
    np.testing.assert_array_equal(np.isnan(found).any(axis=(1, 2)), [False, False, True, False])
    np.testing.assert_array_equal(found[3], np.full((5, 1), 3.0))


def test_what_runs_away_has_no_figure_and_ends_its_line():
    truth = np.sin(np.arange(40.0)).reshape(2, 20, 1)
    forecast = truth + 1e-3
    forecast[1, 10:] = 1e9 ** np.arange(10)[:, None]
    errors = koopman_common.squared(truth, forecast)
    np.testing.assert_allclose(errors, [1e-6, np.inf])
    lines = {"model": koopman_common.against_horizon(truth[1:], forecast[1:]), "other": koopman_common.against_horizon(truth[:1], forecast[:1])}
    curve = koopman_common.horizon_curve(lines, 0.1)
    assert [len(curve["errors"][name]) for name in lines] == [11, 20]
    long = koopman_common.horizon_curve({"model": np.arange(1.0, 1001.0) / 2000}, 0.1)  # every third step, from the third
    np.testing.assert_allclose(np.asarray(long["errors"]["model"])[[0, -1]], [3 / 2000, 999 / 2000])
    assert long["errors_dt"] == pytest.approx(0.3)


# -- tasks -------------------------------------------------------------------------------------------------------------------


def test_the_linearised_law_holds_its_target_and_no_control_costs_more():
    s = TASKS["forced-van-der-pol"].settings
    places = np.array([[1.0, 0.0], [1.3, -0.4], [-2.0, 1.0]])
    at_rest, _ = steer(s, places[:1], lambda: linearised(s))
    assert at_rest["cost"] == pytest.approx(0.0, abs=1e-12)
    found, ways = steer(s, places, lambda: linearised(s))
    assert found["arrived"] == 100.0
    assert found["cost"] < steer(s, places, lambda: lambda x: 0.0)[0]["cost"]
    np.testing.assert_allclose(np.asarray(ways[1])[0, :2], places[1])


def test_hours_are_means_with_gaps_filled_and_a_habit_is_found():
    times = np.datetime64("2001-01-01T00:00", "s") + np.arange(0, 7200, 600) * np.timedelta64(1, "s")
    times = np.concatenate([times, times[:6] + np.timedelta64(4, "h")])
    series = datasets.WeatherSeries(np.concatenate([np.arange(12.0), np.full(6, 20.0)])[:, None], ("T",), times, 600.0)
    series.X[0] = np.nan
    values, hours = hourly(series, "T")
    np.testing.assert_allclose(values, [3.0, 8.5, 12 + 1 / 3, 16 + 1 / 6, 20.0])
    assert hours[0] % 24 == 0
    np.testing.assert_allclose(calendar(hours, ["day"])[:2], [[0, 1], [np.sin(np.pi / 12), np.cos(np.pi / 12)]], atol=1e-9)
    h = np.arange(20_000.0)
    usual = (2 + np.cos(2 * np.pi * h / (365.2425 * 24))) * np.sin(2 * np.pi * h / 24)
    np.testing.assert_allclose(habit(h[:15_000], usual[:15_000], ["day", "year"], h), usual, atol=1e-6)


TINY = {
    "van-der-pol": {"n_train": 4, "n_steps": 60, "n_test": 3, "n_forecast": 30},
    "van-der-pol-h1": {"n_train": 4, "n_steps": 60, "n_test": 3, "n_forecast": 30},
    "lorenz": {"n_train": 1500, "n_generated": 1500, "n_forecast": 100, "n_starts": 2, "n_drawn": 300},
    "rossler": {"n_train": 1500, "n_generated": 1500, "n_forecast": 100, "n_starts": 2, "n_drawn": 300},
    "forced-van-der-pol": {"n_train": 30, "n_test": 3, "n_forecast": 30, "n_steered": 2, "n_controlled": 100},
    "weather": {"n_hours": 3000, "every": 77},
    "weather-jena-2020": {"n_hours": 3000, "every": 77},
}


@pytest.mark.parametrize("name", TINY)
def test_a_task_gives_its_table_and_its_figures(name, request):
    pytest.importorskip("matplotlib")
    if name.startswith("weather"):
        request.getfixturevalue("data_dir")
    task = TASKS[name]
    kept = {model: s for model, s in task.settings["models"].items() if s["kind"] not in ("lstm", "shplrnn") and "1,000" not in model}
    run = {"task": name, "seed": 0, "settings": task.settings | TINY[name] | {"models": kept, "torch": False}}
    result = koopman.run(run, lambda share: None)
    rows = {row["model"]: row for row in result["rows"]}
    assert set(kept) < set(rows)
    assert {measure for row in rows.values() for measure in row} - {"model"} <= set(task.measures)
    first = rows[next(iter(kept))]
    assert first["fit"] > 0
    assert 0 < first["radius"] < np.inf
    key = "closed" if "closed" in first else "valid" if "valid" in first else "day"
    good, bad = first[key], rows["no change"][key]
    assert good > bad if key == "valid" else good < bad
    if "cost" in task.measures:
        assert first["cost"] < 0.5 * rows["no control"]["cost"]
    json.dumps(result, allow_nan=False)
    report = koopman_report.Report(Plan(tasks=(name,), n_seeds=1), lambda run: result, {})
    figures, text = report.figures(), report.markdown()
    assert len(figures) >= 3
    for file in figures:
        assert file in text


# -- plan and report ---------------------------------------------------------------------------------------------------------


def test_a_plan_names_its_runs(monkeypatch):
    assert {run["task"] for run in Plan().runs()} == set(TASKS) - {"weather-jena"}
    assert Plan(tasks=("lorenz",)).seeds_of("lorenz") == 5
    runs = []
    for there in (True, False):
        monkeypatch.setattr(koopman, "has_torch", lambda there=there: there)
        runs.append(Plan(tasks=("lorenz",)).run_of("lorenz", 0))
    assert runs[0] != runs[1]  # fewer models: another run
    for run in Plan(quick=True).runs():
        assert json.loads(json.dumps(run, allow_nan=False)) == run
    with pytest.raises(ValueError, match=r"only: .*lorenz"):
        Plan(tasks=("laser",))


def test_jena_is_taken_when_it_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    assert "weather-jena" not in koopman.default_tasks()
    monkeypatch.setitem(koopman.SOURCES, "Jena", (lambda: None, ""))
    assert "weather-jena" in koopman.default_tasks()


def made_up(run):
    if run["seed"] == 2:
        return None
    rows = [{"model": "sampled, 200", "d_stsp": 0.1 + 0.1 * run["seed"], "valid": 9.0 + run["seed"], "fit": 1.0, "radius": 0.999}]
    rows += [{"model": "LSTM, 64", "valid": 4.0, "fit": 40.0}, {"model": "another true orbit (floor of D_stsp)", "d_stsp": 0.05}]
    return {"rows": rows, "curve": {}, "seconds": 2.0, "machine": {"processor": "abacus", "isa": "beads", "pushforward": "0"}}


def test_the_report_gives_mean_lowest_highest_and_marks_whose_a_figure_is(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(koopman, "has_torch", lambda: True)
    report = koopman_report.Report(Plan(tasks=("lorenz",), n_seeds=3), made_up, {"pushforward": "0"})
    text = report.markdown()
    assert "**1 of 3 runs are missing**" in text
    assert "| sampled, 200 | 0.150 (0.100, 0.200) | **9.50 (9.00, 10.00)** | 1 (1, 1) | 0.9990 (0.9990, 0.9990) |" in text
    assert "9.5, **not reached**" in text
    assert r"| largest \|λ\| of K |" in text  # or the table would have two columns more
    assert re.search(r"- lorenz, shPLRNN, 200: 3,000 updates of 32 windows of 60 steps \(α = ", text)
    assert "mean cost of 125.92" in text
    assert text.index("The paper's (arXiv 2410.23467)") < text.index("Ours: everything else")
    json.dumps(report.to_dict(), allow_nan=False)
    monkeypatch.setattr(koopman, "has_torch", lambda: False)
    assert "PyTorch was not installed" in koopman_report.Report(Plan(tasks=("lorenz",), n_seeds=1), made_up, {}).markdown()


@pytest.mark.slow
def test_a_quick_look_at_every_task(data_dir, tmp_path):
    pytest.importorskip("typer")
    pytest.importorskip("matplotlib")
    from typer.testing import CliRunner

    from pushforward.cli import build_app

    result = CliRunner().invoke(build_app(), ["reproduce", "koopman", "--quick", "--jobs", "2", "--out", str(tmp_path)], prog_name="pushforward")
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    text, found = (tmp_path / "koopman.md").read_text(), json.loads((tmp_path / "koopman.json").read_text())
    assert found["n_missing"] == 0
    for name in koopman.default_tasks():
        assert f"## {TASKS[name].title}" in text
        assert len(found["tables"][name]) >= 3
    for path in re.findall(r"\((koopman-[^)]+png)\)", text):
        assert (tmp_path / path).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert found["tables"]["lorenz"]["sampled, 200"]["valid"][0] > 2.7  # all that is asked of it
