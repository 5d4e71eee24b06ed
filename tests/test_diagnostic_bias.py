"""diagnostics.gradient_bias: the estimators' own table, in words and as a figure."""

import numpy as np
import pytest
from helpers import everything, refused, same, series

import pushforward as pf
from pushforward.diagnostics import GradientBias, gradient_bias

X, Y = series(np.random.default_rng(0), 60)


def fitted(**settings):
    return pf.RecurrentRegressor(n_units=5, dtype="float64", optimizer=pf.SGD(0.01), **settings).partial_fit(X, Y)


@pytest.mark.parametrize("settings", [{"gradient": "snap1"}, {"gradient": "tbptt", "truncation": 3}, {"gradient": "rflo"}], ids=str)
def test_it_is_the_table_of_the_estimator(settings):
    model = fitted(**settings)
    before = everything(model)
    bias = gradient_bias(model, X, Y)
    same(before, everything(model))
    own = model.gradient_bias(X, Y)
    assert isinstance(bias, GradientBias)
    assert isinstance(bias, pf.GradientBias)
    assert bias.table == own.table
    assert str(bias) == str(own)
    text = bias.summary()
    assert f"The gradient {settings['gradient']!r} differs from the exact one by {bias.relative_error:.3g}" in text
    worst = max(bias.table[2:], key=lambda row: row.relative_error)
    assert f"Furthest off is {worst.part}, by" in text


def test_exact_gradients_are_said_to_be():
    assert "exact but for rounding errors" in gradient_bias(fitted(), X, Y).summary()


def test_seeds_and_masks_are_handed_on():
    model, mask = fitted(gradient="uoro"), np.arange(60) % 3 == 0
    bias = gradient_bias(model, X, Y, mask=mask, n_seeds=5)
    assert bias.table == model.gradient_bias(X, Y, mask, 5).table
    assert "in the mean over 5 seeds; the mean of the 5 differs by" in bias.summary()
    refused("n_seeds belongs to gradient 'uoro', 'kf'", gradient_bias, fitted(), X, Y, n_seeds=2)


def test_a_part_against_the_exact_direction_is_named():
    rows = [pf.recurrent._bias.BiasRow(part, 3, 1.0, 0.5, cosine, 0.5, cosine) for part, cosine in (("all", 0.9), ("theta", 0.9), ("W_rec", -0.2))]
    assert "against the exact direction: W_rec." in GradientBias("snap1", 1, tuple(rows)).summary()


def test_figure():
    pytest.importorskip("matplotlib")
    bias = gradient_bias(fitted(gradient="snap1"), X, Y)
    error, cosine = bias.plot().axes
    assert [text.get_text() for text in error.get_yticklabels()] == [row.part for row in bias.table]
    np.testing.assert_allclose([bar.get_width() for bar in error.patches], [row.relative_error for row in bias.table])
    np.testing.assert_allclose([bar.get_width() for bar in cosine.patches], [row.cosine for row in bias.table])


def test_an_infinite_error_is_written_where_there_is_no_bar():
    pytest.importorskip("matplotlib")
    rows = [pf.recurrent._bias.BiasRow(part, 3, 1.0, error, 0.5, error, 0.5) for part, error in (("all", 0.5), ("theta", 0.5), ("W_rec", np.inf))]
    assert [text.get_text().strip() for text in GradientBias("snap1", 1, tuple(rows)).plot().axes[0].texts] == ["infinite: the exact part is zero"]


def test_mistakes():
    refused("model must be a fitted RecurrentRegressor", gradient_bias, pf.EchoStateRegressor(), X, Y)
    refused("no data yet", gradient_bias, pf.RecurrentRegressor(), X, Y)
    refused("y must have as many series and steps", gradient_bias, fitted(), X, Y[:-1])
