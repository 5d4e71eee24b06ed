"""gradient_bias: nothing for exact gradients, the true error of the others part by part, and the model stays as it was."""

import numpy as np
import pytest
from helpers import close, everything, refused, same, series

import pushforward as pf
from pushforward.cells import make_cell, stack

RNG = np.random.default_rng(0)
X, Y = series(RNG, 50)


def regressor(**settings):
    sizes = {"n_units": 6} if isinstance(settings.get("cell", ""), str) else {}
    return pf.RecurrentRegressor(**{"dtype": "float64", "optimizer": pf.SGD(learning_rate=0.01)} | sizes | settings)


EXACT = [
    {}, {"carry_every": 7, "update_every": 3}, {"latency": "bounded", "carry_every": 5}, {"cell": "gru"}, {"cell": "lru"}, {"weight_bound": 0.8},
    {"gradient": "tbptt", "truncation": 50}, {"gradient": "snap2"}, {"cell": "diagonal", "gradient": "snap1"}, {"connectivity": 0.5},
    {"cell": stack(["lstm", "elman"], 2, 4)}, {"cell": make_cell("neural_ode", 2, 5, dt=0.1, noise=0.3)},
]  # fmt: skip


@pytest.mark.parametrize("way", EXACT, ids=str)
def test_exact_gradients_have_none(way):
    model = regressor(**way).partial_fit(X, Y)
    bias = model.gradient_bias(X, Y)
    assert bias.relative_error < 1e-12
    assert bias.cosine == pytest.approx(1.0, abs=1e-12)
    for row in bias.table:
        assert row.relative_error < 1e-11
        assert row.norm > 1e-6
    single = regressor(**way | {"dtype": "float32"}).partial_fit(X.astype("float32"), Y.astype("float32"))
    assert 1e-9 < single.gradient_bias(X.astype("float32"), Y.astype("float32")).relative_error < 1e-4


@pytest.mark.parametrize("way", [{"truncation": 1}, {"truncation": 5}, {"update_every": 4}, {"update_every": 3, "cell": "gru"}], ids=str)
def test_it_is_the_error_against_full_bptt(way):
    model = regressor(gradient="tbptt", **way).partial_fit(X, Y)
    bias = model.gradient_bias(X, Y)
    judged = {row.group: row for row in pf.check_gradient(model, X, Y, n_differences=1).table if row.against == "full BPTT"}
    assert [row.part for row in bias.table] == ["all", "theta", *judged]
    for row in bias.table[2:]:
        twin = judged[row.part]
        assert row.n_params == twin.n_compared
        assert (row.relative_error, row.cosine, row.norm) == pytest.approx((twin.relative_error, twin.cosine, twin.norm), rel=1e-9, abs=1e-12)
    whole, theta, *parts = bias.table
    close(whole.norm, np.linalg.norm([row.norm for row in parts]), 1e-12)
    close(theta.norm, np.linalg.norm([row.norm for row in parts[:-2]]), 1e-12)
    assert 1e-3 < whole.relative_error < theta.relative_error
    assert parts[-2].relative_error < 1e-12  # the read-out's own gradient is never approximated


def test_more_past_is_less_bias():
    errors = [regressor(gradient="tbptt", truncation=t, random_state=1).partial_fit(X, Y).gradient_bias(X, Y).relative_error for t in (1, 3, 9, 27)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 10 * errors[-1]


@pytest.mark.parametrize("gradient", ["uoro", "kf"])
def test_the_mean_of_an_unbiased_gradient_comes_closer(gradient):
    model = regressor(gradient=gradient).partial_fit(X, Y)
    few, many = model.gradient_bias(X, Y, n_seeds=4), model.gradient_bias(X, Y, n_seeds=400)
    assert few.n_seeds == 4
    assert many.table[0].relative_error_of_mean < 0.3 * few.table[0].relative_error_of_mean
    assert many.table[0].relative_error_of_mean < 0.2 * many.relative_error
    assert many.table[1].cosine_of_mean > max(0.9, many.table[1].cosine)
    assert model.gradient_bias(X, Y).relative_error == model.gradient_bias(X, Y).relative_error  # its own seed
    assert regressor(gradient=gradient, random_state=1).partial_fit(X, Y).gradient_bias(X, Y) != model.gradient_bias(X, Y)
    one = model.gradient_bias(X, Y).table[0]
    assert (one.relative_error_of_mean, one.cosine_of_mean) == (one.relative_error, one.cosine)


def test_an_estimate_is_taken_as_training_takes_it():
    """The first update of an SGD run is the gradient that the bias is told of."""
    model = regressor(gradient="uoro", update_every=50, optimizer=pf.SGD(learning_rate=1e-3)).partial_fit(X[:1], Y[:1])
    fresh = regressor(gradient="uoro", update_every=50, optimizer=pf.SGD(learning_rate=1e-3)).partial_fit(X, Y)
    moved = (model.theta_ - fresh.theta_) * 50 / 1e-3
    exact = pf.reference.full_bptt(model.cell_, model.theta_, (model.W_out_, model.b_out_), X, Y)[1]["theta"]
    told = model.gradient_bias(X, Y).table[1]
    assert np.linalg.norm(moved - exact) / np.linalg.norm(exact) == pytest.approx(told.relative_error, rel=1e-6)


def test_classes_tokens_masks_and_batches():
    tokens, classes, mask = RNG.integers(5, size=(3, 40)), RNG.integers(3, size=(3, 40)), RNG.random((3, 40)) < 0.6
    settings = {"n_units": 6, "classes": 3, "n_inputs": 5, "dtype": "float64", "cell": "gru"}
    for gradient in ("rtrl", "snap1"):
        model = pf.RecurrentClassifier(gradient=gradient, **settings).partial_fit(tokens, classes)
        bias = model.gradient_bias(tokens, classes, mask)
        judged = {row.group: row for row in pf.check_gradient(model, tokens, classes, mask, n_differences=1).table if row.against == "full BPTT"}
        for row in bias.table[2:]:
            assert row.norm == pytest.approx(judged[row.part].norm, rel=1e-10)
            assert row.relative_error == pytest.approx(judged[row.part].relative_error, rel=1e-6, abs=1e-11)
        assert (bias.relative_error < 1e-12) == (gradient == "rtrl")


def test_the_model_and_the_data_stay_as_they_were():
    model = regressor(gradient="uoro").partial_fit(X, Y)
    model.step(X[0])
    before, copies = everything(model), (X.copy(), Y.copy())
    model.gradient_bias(np.stack([X, X]), np.stack([Y, Y]), n_seeds=3)
    same(everything(model), before)
    np.testing.assert_array_equal(X, copies[0])
    np.testing.assert_array_equal(Y, copies[1])


def test_it_can_be_printed():
    text = str(regressor(gradient="uoro").partial_fit(X, Y).gradient_bias(X, Y, n_seeds=2)).splitlines()
    assert text[0].split() == ["uoro", "params", "relative", "error", "cosine", "of", "the", "mean", "over", "2", "seeds"]
    assert [line.split()[0] for line in text[1:]] == ["all", "theta", "W_rec", "W_in", "bias", "W_out", "b_out"]
    assert all(len(line.split()) == 6 for line in text[1:])
    one = str(regressor(gradient="snap1").partial_fit(X, Y).gradient_bias(X, Y)).splitlines()
    assert all(len(line.split()) == 4 for line in one[1:])


def test_mistakes_are_named():
    model = regressor(gradient="snap1").partial_fit(X, Y)
    refused("n_seeds belongs to gradient 'uoro', 'kf', got 2 with gradient='snap1'", model.gradient_bias, X, Y, n_seeds=2)
    refused("n_seeds must be a positive int, got 0", model.gradient_bias, X, Y, n_seeds=0)
    refused("X must be float64", model.gradient_bias, X.astype("float32"), Y)
    refused("y must have", model.gradient_bias, X, Y[:-1])
    refused("mask must be True somewhere", model.gradient_bias, X, Y, np.zeros(50, bool))
    refused("X must have at least one", model.gradient_bias, X[:0], Y[:0])
    refused("has seen no data yet", regressor().gradient_bias, X, Y)
