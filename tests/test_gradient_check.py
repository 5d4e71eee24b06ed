"""check_gradient: exact models pass, truncated ones do not, a spoilt gradient is found where it was spoilt, and the model stays as it was."""

import dataclasses
from functools import partial

import numpy as np
import pytest
from helpers import CELLS, everything, refused, same, series

import pushforward as pf
from pushforward.cells import make_cell, stack


def regressor(**settings):
    sizes = {} if "cell" in settings else {"n_units": 5}
    return pf.RecurrentRegressor(**{"dtype": "float64", "optimizer": pf.SGD(learning_rate=0.01)} | sizes | settings)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
@pytest.mark.parametrize("update_every", [1, 4])
def test_exact_gradients_pass(cell, update_every, rng):
    X, y = series(rng, 30)
    cell = dataclasses.replace(cell, n_inputs=2)
    for latency in ("throughput", "bounded"):
        model = regressor(cell=cell, update_every=update_every, latency=latency).partial_fit(X, y)
        report = pf.check_gradient(model, X, y)
        exact = [row.relative_error for row in report.table if row.against == "full BPTT"]
        assert max(exact) < 1e-10
        kink = getattr(cell, "activation", None) in ("relu", "elu")  # finite differences are not exact across one
        assert report.relative_error < (1e-2 if kink else 1e-6)
        assert report.cosine > (0.9999 if kink else 1 - 1e-9)


OTHERS = [
    *map(partial(make_cell, n_inputs=2, n_units=4), ("leaky", "gru", "lstm", "diagonal", "lru", "elstm")), stack(["gru", "lstm"], 2, 3),
    make_cell("lstm", 2, 4, connectivity=0.5), make_cell("neural_ode", 2, 4, dt=0.1, decay="gram"), make_cell("neural_ode", 2, 4, dt=0.1, noise=0.5),
]  # fmt: skip


@pytest.mark.parametrize("cell", OTHERS, ids=repr)
def test_every_part_of_every_cell_is_checked(cell, rng):
    X, y = series(rng, 8, n_series=2)
    report = pf.check_gradient(regressor(cell=cell).partial_fit(X, y), X, y, n_differences=6)
    assert report.relative_error < 1e-6
    assert max(row.relative_error for row in report.table if row.against == "full BPTT") < 1e-10
    compared = {row.group: row.n_compared for row in report.table if row.against == "full BPTT"}
    expected = {name: int(np.sum(at >= 0)) for name, at in cell.positions().items()} | {"W_out": cell.n_features, "b_out": 1}
    assert compared == expected  # of a sparse matrix what exists
    assert {row.group: row.n_compared for row in report.table[1::2]} == {name: min(6, n) for name, n in expected.items()}
    assert {len(line) for line in str(report).splitlines()} == {len(str(report).splitlines()[0])}


@pytest.mark.parametrize("settings", [{}, {"n_inputs": 6}, {"readout_bound": 1.0}, {"carry_every": 3}, {"n_threads": 2}], ids=str)
def test_classifiers_tokens_and_batches_pass(settings, rng):
    shape, masked = (2, 20), rng.random((2, 20)) < 0.7
    X = rng.integers(6, size=shape) if "n_inputs" in settings else rng.normal(size=(*shape, 3))
    model = pf.RecurrentClassifier(n_units=5, dtype="float64", classes=3, **settings)
    y = rng.integers(3, size=shape)
    report = pf.check_gradient(model.partial_fit(X, y, mask=masked), X, y, mask=masked)
    assert report.relative_error < 1e-5
    assert {row.group for row in report.table} == {"W_rec", "W_in", "bias", "W_out", "b_out"}


def test_single_precision_is_measured_in_double(rng):
    X, y = series(rng, 30, "float32")
    report = pf.check_gradient(regressor(dtype="float32").partial_fit(X, y), X, y)
    assert 1e-9 < report.relative_error < 1e-4


def test_truncation_is_seen_and_measured(rng):
    X, y = series(rng, 60)
    errors = []
    for truncation in (1, 4, 60):
        model = regressor(gradient="tbptt", truncation=truncation, random_state=1).partial_fit(X[:1], y[:1])
        errors.append(pf.check_gradient(model, X, y).relative_error)
    assert errors[0] > 0.1
    assert errors[0] > errors[1] > 1e-3
    assert errors[2] < 1e-6
    chunks = pf.check_gradient(regressor(gradient="tbptt", update_every=60).partial_fit(X, y), X, y)  # one chunk is the whole
    assert chunks.relative_error < 1e-6


@pytest.mark.parametrize(("group", "part"), [("W_rec", 0), ("W_in", 0), ("bias", 0), ("W_out", 1), ("b_out", 2)])
def test_a_spoilt_gradient_is_found_where_it_was_spoilt(group, part, rng, monkeypatch):
    X, y = series(rng, 20)
    model = regressor().partial_fit(X, y)
    at = {"W_rec": 0, "W_in": 5, "bias": 7}.get(group, 0)

    class Spoilt:
        def __init__(self, core):
            self._learner = core

        def __getattr__(self, name):
            return getattr(self._learner, name)

        def gradient(self, i):
            parts = [a.copy() for a in self._learner.gradient(i)]
            parts[part].flat[at] += 0.1 * np.linalg.norm(parts[part])
            return parts

    settings, build = type(model._settings_), type(model._settings_).build
    monkeypatch.setattr(settings, "build", lambda self: Spoilt(build(self)))
    wrong = {row.group for row in pf.check_gradient(model, X, y, n_differences=1000).table if row.relative_error > 1e-5}
    assert wrong == {group}


def test_the_model_and_the_data_stay_as_they_were(rng):
    X, y = series(rng, 20, n_series=2)
    model = regressor().partial_fit(X, y)
    before, copies = everything(model), (X.copy(), y.copy())
    first = pf.check_gradient(model, X, y)
    pf.check_gradient(model, X[0], y[0])  # any number of series
    same(everything(model), before)
    np.testing.assert_array_equal(X, copies[0])
    np.testing.assert_array_equal(y, copies[1])
    assert pf.check_gradient(model, X, y) == first
    assert pf.check_gradient(model, X, y, seed=1, n_differences=3) != first


def test_the_table_holds_what_the_summary_says(rng):
    X, y = series(rng, 20)
    report = pf.check_gradient(regressor().partial_fit(X, y), X, y, n_differences=4)
    assert [(row.group, row.against) for row in report.table[:2]] == [("W_rec", "full BPTT"), ("W_rec", "finite differences")]
    assert [row.n_compared for row in report.table] == [25, 4, 10, 4, 5, 4, 5, 4, 1, 1]
    assert report.relative_error == max(row.relative_error for row in report.table)
    assert report.cosine == min(row.cosine for row in report.table)
    lines = str(report).splitlines()
    assert len(lines) == 11
    assert lines[0].split() == ["group", "against", "compared", "relative", "error", "cosine"]


def test_the_gradient_is_that_of_the_sum(rng):
    X, y = series(rng, 20)
    model = regressor().partial_fit(X, y)
    gradient = pf.reference.full_bptt(model.cell_, model.theta_, (model.W_out_, model.b_out_), X, y)[1]
    norms = {row.group: row.norm for row in pf.check_gradient(model, X, y).table if row.against == "full BPTT"}
    parts = model.cell_.unpack(gradient["theta"]) | {"W_out": gradient["W_out"], "b_out": gradient["b_out"]}
    for group, part in parts.items():
        assert norms[group] == pytest.approx(np.linalg.norm(part), rel=1e-12)


def test_wrong_data_are_named(rng):
    X, y = series(rng, 20)
    model = regressor().partial_fit(X, y)
    before = everything(model)
    for arguments, message in [
        ((X[:, :1], y), r"X must have 2 columns"),
        ((X.astype("float32"), y), "X must be float64"),
        ((X, y[:-1]), "y must have"),
        ((np.full_like(X, np.nan), y), "X must be finite"),
        ((X, y, np.ones(20)), "mask must be bool"),
        ((X[:0], y[:0]), "X must have at least one"),
    ]:
        refused(message, pf.check_gradient, model, *arguments)
    same(everything(model), before)
