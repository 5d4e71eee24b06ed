"""The linearisation error falls as the theorem says where the bound is met, and faster elsewhere; what is measured is what the definition says."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.diagnostics import linearisation_error
from pushforward.diagnostics._displacement import Network
from pushforward.reference import diagonal_forward

ALL_WIDTHS = [2**k for k in range(6, 14)]


def series(rng, n_series=6, n_steps=10):
    X = rng.normal(size=(n_series, n_steps, 2))
    return X, np.tanh(X[:, :, 0] - 0.5 * X[:, :, 1])


def slow_error(X, start, w, U, activation, h=1e-5):
    """|F(θ) − the derivative towards θ at the start|, by the definition, the derivative by differences."""
    w0, U0, c = start
    ahead, back = (diagonal_forward(X, w0 + s * (w - w0), U0 + s * (U - U0), c, activation) for s in (h, -h))
    return diagonal_forward(X, w, U, c, activation) - (ahead - back) / (2 * h)


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "alpha"), [("tanh", 0.5), ("gelu", 0.5), ("sigmoid", 2.0)])
def test_the_bound_is_met_over_all_widths(rng, activation, alpha):
    model = pf.DiagonalRNN(activation=activation, alpha=alpha)
    found = linearisation_error(model, series(rng)[0], n_draws=2)
    np.testing.assert_array_equal(found.n_units, ALL_WIDTHS)
    assert found.slope == pytest.approx(-0.5, abs=0.1)
    assert found.slope_error < 0.05
    assert found.holds
    assert "like the theorem's bound" in found.summary()


@pytest.mark.slow
def test_random_and_trained_weights_do_better_than_the_bound(rng):
    X, y = series(rng)
    model = pf.DiagonalRNN(alpha=0.5, learning_rate=0.5, n_iterations=20)
    errors = {}
    for displacement in ("worst", "random", "trained"):
        found = linearisation_error(model, X, y if displacement == "trained" else None, displacement=displacement, n_units=ALL_WIDTHS[:6], n_draws=4)
        errors[displacement] = found.error
        if displacement != "worst":
            assert found.slope == pytest.approx(-1, abs=0.25)
            assert "faster than the theorem's bound" in found.summary()
    assert (errors["worst"] > 2 * errors["random"]).all()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus", "gelu"])
def test_the_error_is_that_of_the_definition_inside_the_ball(rng, activation):
    X, _ = series(rng)
    model = pf.DiagonalRNN(activation=activation, alpha=0.7)
    for place in ("worst", "random"):
        network = Network(model, 64, (0.7, 1.5), X, np.random.default_rng(2))
        w, U = getattr(network, place)()
        expected = slow_error(X, network.start, w, U, activation)
        np.testing.assert_allclose(network.error(w, U), expected, atol=1e-8)
        assert np.abs(w - network.start[0]).max() <= 0.7 / 8
        assert np.linalg.norm(U - network.start[1], axis=1).max() <= 1.5 / 8


def test_the_worst_place_beats_many_random_ones(rng):
    X, _ = series(rng)
    network = Network(pf.DiagonalRNN(alpha=0.7), 64, (1.0, 1.0), X, rng)
    worst = np.linalg.norm(network.error(*network.worst()))
    assert worst > 1.5 * max(np.linalg.norm(network.error(*network.random())) for _ in range(200))


def test_the_fitted_model_itself(rng):
    X, y = series(rng)
    model = pf.DiagonalRNN(32, n_iterations=20, learning_rate=0.5, projection=(2.0, 3.0), random_state=0, dtype="float32")
    model.fit(X.astype("float32"), y.astype("float32"))
    found = linearisation_error(model, X.astype("float32"), n_units=[16, 64], n_draws=1)
    start = [a.astype(float) for a in (model.w_start_, model.U_start_, model.c_)]
    expected = np.sqrt(np.mean(slow_error(X, start, model.w_.astype(float), model.U_.astype(float), "tanh") ** 2))
    m, error, size = found.own
    assert m == 32
    assert error == pytest.approx(expected, rel=1e-3)
    assert size == pytest.approx(np.sqrt(np.mean(model.predict(X.astype("float32")) ** 2)), rel=1e-6)
    assert found.ball == (2.0, 3.0)
    assert "32 units wide" in found.summary()
    assert str(found) in repr(str(found))
    assert found.draws.shape == (2, 1)
    again = linearisation_error(model, X.astype("float32"), n_units=[16, 64], n_draws=1)
    np.testing.assert_array_equal(found.draws, again.draws)
    assert not np.array_equal(found.draws, linearisation_error(model, X.astype("float32"), n_units=[16, 64], n_draws=1, seed=1).draws)


def test_the_figure(rng):
    X, y = series(rng)
    model = pf.DiagonalRNN(16, n_iterations=5).fit(X, y)
    found = linearisation_error(model, X, y, displacement="trained", n_units=[16, 32, 64], n_draws=2)
    axes = found.plot().axes[0]
    assert axes.get_xlabel() == "units"
    assert [text.get_text() for text in axes.get_legend().get_texts()][-2:] == ["1/√m", "the fitted model"]
    assert found.ball is None


def test_bad_arguments_are_named(rng):
    X, y = series(rng)
    model = pf.DiagonalRNN()
    refused("model must be a DiagonalRNN, got a Ridge", linearisation_error, pf.kernels.Ridge(), X)
    refused("displacement must be one of", linearisation_error, model, X, displacement="best")
    refused("y must be given with displacement='trained'", linearisation_error, model, X, displacement="trained")
    refused("ball belongs to displacement", linearisation_error, model, X, y, displacement="trained", ball=(1.0, 1.0))
    refused("ball must be None or two finite", linearisation_error, model, X, ball=(1.0, -1.0))
    refused("ball must be None or two finite", linearisation_error, model, X, ball=1.0)
    refused("ball must have a positive radius", linearisation_error, model, X, ball=(0.0, 0.0))
    for widths in ([64], [64, 33], [64, 32], [0, 2], [2.0, 4.0], 64):
        refused("n_units must be", linearisation_error, model, X, n_units=widths)
    refused("n_draws must be", linearisation_error, model, X, n_draws=0)
    refused("seed must be", linearisation_error, model, X, seed=-1)
    refused("alpha must be", linearisation_error, pf.DiagonalRNN(alpha=-1), X)
    refused("X must be", linearisation_error, model, X[0, 0])
    refused("X must have at least one step", linearisation_error, model, X[:, :0])
    refused("X must move the network", linearisation_error, model, 0 * X, n_units=[4, 8], n_draws=1)
