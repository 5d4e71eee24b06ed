"""The report on theorems: diagnoses survive JSON to the bit, verdicts count trials, every task judges every claim, and the page says so."""

import json
import re
import string

import numpy as np
import pytest

from pushforward import diagnostics
from pushforward.reproduce import theory, theory_common, theory_drift, theory_poles, theory_report, theory_rtrl
from pushforward.reproduce.theory import CLAIMS, TASKS, Plan
from pushforward.reproduce.theory_common import OURS, PAPER, THEIR_FORM, Findings, pack, spread, unpack, verdict


def through_json(value):
    return unpack(json.loads(json.dumps(pack(value), allow_nan=False)))


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif hasattr(a, "__dataclass_fields__"):
        for name in a.__dataclass_fields__:
            same(getattr(a, name), getattr(b, name))
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    else:
        assert a == b or (a != a and b != b)  # NaN


def test_diagnoses_survive_json_to_the_bit(rng):
    history = rng.normal(size=(6, 4, 4)) + 1j * rng.normal(size=(6, 4, 4))
    found = [
        diagnostics.pole_hessian([0.75, 0.8]),
        diagnostics.pole_hessian([0.5j, -0.2], n_steps=9, variables="both"),
        diagnostics.pole_identifiability([0.75, 0.8], 3),  # infinities and None
        diagnostics.pole_drift(history, rng.uniform(1, 2, size=40), plateau_change=2.0),
    ]
    for one in found:
        again = through_json(one)
        same(one, again)
        assert again.summary() == one.summary()
    mixed = {"a": (1, 2.5, None, True), "b": [np.nan, -np.inf, 1 + 2j], 3: np.float32(0.1)}
    again = through_json(mixed)
    assert again["a"] == mixed["a"]
    assert np.isnan(again["b"][0])
    assert again["b"][1:] == mixed["b"][1:]
    assert again[3] == float(np.float32(0.1))


def test_only_dataclasses_of_the_package_are_built():
    for name in ("subprocess:Popen", "pushforward.diagnostics.poles:pole_hessian"):
        with pytest.raises(ValueError, match="expected a"):
            unpack({"class": name, "fields": {}})


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"held": [1, 1], "tried": [1, 1]}, "holds"),
        ({"held": [0, 0], "tried": [3, 3]}, "does not hold"),
        ({"held": [2, 3], "tried": [3, 3]}, "holds in 5 of 6 trials"),
        ({"held": [0], "tried": [0]}, "not testable"),  # no trial met the conditions
        ({"held": [0, 1], "tried": [0, 3]}, "holds in 1 of 3 trials"),
        ({}, "—"),
    ],
)
def test_verdicts_count_trials(figures, expected):
    assert verdict(figures) == expected


def test_figures_are_means_with_their_range_where_they_differ():
    assert spread("{a:.2f} and {b:.1g}; {c:.3f}", {"a": [1.0, 2.0], "b": [0.1, 0.1]}) == "1.50 (1.00 … 2.00) and 0.1; —"
    assert spread("{a:.0f}", {"a": [1.01, 0.99]}) == "1"


def test_claims_are_judged_by_trial():
    found = Findings(draws=False)
    found.claim("one", holds=True, x=1.0)
    found.claim("two", [True, False, np.bool_(True)], x=np.inf)
    found.diagnosis("left out", diagnostics.pole_hessian([0.5]))
    assert found.outcome.rows == [{"model": "one", "x": 1.0, "held": 1.0, "tried": 1.0}, {"model": "two", "x": None, "held": 2.0, "tried": 3.0}]
    assert found.outcome.curve == {}


def test_every_claim_says_whose_it_is_and_names_a_paper():
    for name, claims in CLAIMS.items():
        assert name in TASKS
        for key, claim in claims.items():
            assert claim.whose in (PAPER, THEIR_FORM, OURS), key
            assert re.search(r"\d{4}\.\d{5}|\d{4}|definition", claim.source), key
            assert claim.testable or "{" not in claim.measured, key


def test_the_helpers_of_the_checks_are_right(rng):
    """The slope by which descent is run is that of the error; the sigmoid's derivatives are those of differences."""
    z, h = np.array([0.6, 0.85]), 1e-6
    differences = [(theory_poles._error(z + e) - theory_poles._error(z - e)) / (2 * h) for e in h * np.eye(2)]
    np.testing.assert_allclose(theory_poles._slope(z), differences, rtol=1e-6)
    free = diagnostics.pole_hessian([0.75, 0.8])
    np.testing.assert_allclose(theory_poles._curvature(np.array([0.75, 0.8])), free.matrix, rtol=1e-5)
    assert theory_poles._error(np.array([0.8, 0.75])) < 1e-20
    np.testing.assert_allclose(theory_rtrl._sigmoid_maxima(), [0.25, 1 / (6 * np.sqrt(3)), 0.125, 0.1276839], atol=1e-7)


TINY = {
    "rtrl": {"n_coupled": 100, "n_stream": 3000, "n_checks": 3},
    "poles": {"n_pilots": 2, "n_payload": 2, "n_passes": 2, "n_draws": 1, "n_poles": 4},
    "diagonal": {"n_kernels": 1, "widths": [16, 32, 64], "gain_widths": [8, 16], "n_iterations": 10, "n_steps": 16},
    "stability": {"n_train": 6, "n_steps": 60, "n_system": 1000, "n_orbit": 2000, "n_free": 300, "n_driven": 200},
}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_judges_all_its_claims_and_draws(name):
    pytest.importorskip("matplotlib")
    shares = []
    result = theory.run({"task": name, "seed": 0, "settings": dict(TASKS[name].settings) | TINY[name]}, shares.append)
    json.dumps(result, allow_nan=False)
    assert all(0 <= share <= 1 for share in shares)
    rows = {row["model"]: row for row in result["rows"]}
    assert set(rows) == {key for key, claim in CLAIMS[name].items() if claim.testable}
    for key, row in rows.items():
        named = {field for _, field, _, _ in string.Formatter().parse(CLAIMS[name][key].measured) if field}
        assert named <= set(row), key
        assert 0 <= row["held"] <= row["tried"] > 0
    report = theory_report.Report(Plan(tasks=(name,), n_seeds=1), lambda run: result, {})
    figures, text = report.figures(), report.markdown()
    assert len(figures) >= 4
    for file in figures:
        assert f"({file})" in text
    for found in result["curve"]["found"]:
        assert found["says"] in text


def test_the_certain_ones_hold():
    """What no sampling error touches: closed forms, theorems in exact or near-exact arithmetic."""
    certain = {
        "poles": ("hessian", "fixed", "descent", "nonconvex", "lemma", "theorem"),
        "rtrl": ("sigmoid", "hessian", "influence"),
        "diagonal": ("zero", "tangent"),
    }
    for name, keys in certain.items():
        result = theory.run({"task": name, "seed": 3, "settings": dict(TASKS[name].settings) | TINY[name]}, lambda share: None)
        rows = {row["model"]: row for row in result["rows"]}
        for key in keys:
            assert rows[key]["held"] == rows[key]["tried"], (name, key, rows[key])
        assert result["curve"] == {}  # only the first seed draws


def test_a_network_that_begins_outside_is_no_trial_of_a_drift_past_one(monkeypatch):
    def followed(optimizer, settings, *arguments):
        radius = 1.04 if settings["init"] else 0.9
        return diagnostics.pole_drift(np.array([[radius], [1.1], [0.95]]), np.ones(3)), None

    monkeypatch.setattr(theory_drift, "_followed", followed)
    result = theory.run({"task": "poles", "seed": 1, "settings": dict(TASKS["poles"].settings) | TINY["poles"]}, lambda share: None)
    rows = {row["model"]: row for row in result["rows"]}
    keys = ("radius", "stays", "radius normal", "stays normal")
    assert [(rows[key]["held"], rows[key]["tried"]) for key in keys] == [(3, 3), (0, 3), (0, 0), (0, 0)]


def made_up(run):
    if run["task"] != "poles" or run["seed"] == 2:
        return None
    rows = [{"model": "hessian", "low": 1.16013, "high": 106.459438, "kappa": 91.765098, "held": 1.0, "tried": 1.0}]
    rows += [{"model": "radius", "sgd": 1.0 + run["seed"], "rmsprop": 1.2, "adam": None, "first": 0.9, "held": 1.0 + run["seed"], "tried": 3.0}]
    return {"rows": rows, "curve": {}, "seconds": 2.0, "machine": {"processor": "abacus", "isa": "beads", "pushforward": "0"}}


def test_the_page_puts_every_claim_beside_what_was_measured():
    report = theory_report.Report(Plan(n_seeds=3), made_up, {"pushforward": "0"})
    text = report.markdown()
    assert "runs are missing**" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + sum(map(len, CLAIMS.values()))
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 8 for line in table)  # | inside a cell would make columns
    (hessian,) = (line for line in table if "2602.21454, Figure 1 |" in line)
    assert hessian.endswith("| eigenvalues 1.160130 and 106.459438, κ = 91.765098 | **holds** |")
    (radius,) = (line for line in table if "drift past 1 (orthogonal" in line)
    assert "SGD 1.500 (1.000 … 2.000), RMSprop 1.200, Adam — (at first 0.900) | **holds in 3 of 6 trials** |" in radius
    assert text.count("| **not testable** |") == sum(not claim.testable for claims in CLAIMS.values() for claim in claims.values())
    assert f"1 hold, 0 do not, 1 hold in some trials, {text.count('| **not testable** |')} cannot be tested" in text
    found = report.to_dict()
    json.dumps(found, allow_nan=False)
    assert found["claims"][0]["task"] == "rtrl"
    assert report.lines("poles")[1][-1] == "holds"


def test_a_plan_names_its_runs():
    assert {run["task"] for run in Plan().runs()} == set(TASKS) == set(theory.default_tasks())
    for run in Plan(quick=True).runs():
        assert json.loads(json.dumps(run, allow_nan=False)) == run
    with pytest.raises(ValueError, match=r"only: .*rtrl"):
        Plan(tasks=("lorenz",))
    theory.check_data(Plan())


def test_a_quick_look_through_the_command(tmp_path):
    pytest.importorskip("typer")
    pytest.importorskip("matplotlib")
    from typer.testing import CliRunner

    from pushforward.cli import build_app

    command = ["reproduce", "theory", "--quick", "--only", "rtrl", "--jobs", "1", "--out", str(tmp_path)]
    for _ in range(2):  # the second time nothing is left to run
        result = CliRunner().invoke(build_app(), command, prog_name="pushforward")
        assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    assert "1 of 1 runs are done" in result.stderr
    text, found = (tmp_path / "theory.md").read_text(), json.loads((tmp_path / "theory.json").read_text())
    assert found["n_missing"] == 0
    assert found["report"] == "theory"
    paths = re.findall(r"\((theory-[^)]+png)\)", text)
    assert len(paths) >= 4
    for path in paths:
        assert (tmp_path / path).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert theory_common.PAPER in text
