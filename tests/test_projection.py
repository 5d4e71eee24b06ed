"""Projected against plain descent: the counts are those of runs one by one, and the verdict follows from the numbers."""

import dataclasses

import numpy as np
import pytest
from helpers import close, refused

import pushforward as pf
from pushforward.diagnostics import ProjectionGain, projection_gain
from pushforward.diagnostics._descents import teacher
from pushforward.diagonal_rnn._start import symmetric_start
from pushforward.reference import diagonal_forward

SMALL = {"n_units": [8, 32], "learning_rates": [0.5, 1.0], "n_iterations": 30, "n_draws": 1, "epsilon": [0.5, 0.2, 1e-6]}


def problem(rng):
    X = rng.normal(size=(6, 8, 2))
    return X, np.tanh(X[:, :, 0] + 0.4 * X[:, :, 1])


def counted(X, y, epsilon, n_iterations, **settings):
    """Iterations until the risk is at most a share of the first, by the model's own curve."""
    curve = pf.DiagonalRNN(n_iterations=n_iterations + 1, **settings).fit(X, y).loss_curve_
    return [next((k for k, risk in enumerate(curve) if risk <= share * np.mean(y**2)), np.inf) for share in epsilon]


@pytest.mark.parametrize("ball", [None, (0.4, 0.3)])
def test_counts_are_those_of_single_runs(rng, ball):
    X, y = problem(rng)
    model = pf.DiagonalRNN(projection=ball)
    found = projection_gain(model, X, y, alpha=[0.6], seed=7, **SMALL)
    assert found.cutoff == 1
    for j, projection in enumerate((None, ball or (1.0, 1.0))):
        for i, m in enumerate([8, 32]):
            settings = {"n_units": m, "alpha": 0.6, "projection": projection, "random_state": 7}
            runs = [counted(X, y, SMALL["epsilon"], 30, learning_rate=rate, **settings) for rate in SMALL["learning_rates"]]
            np.testing.assert_array_equal(found.iterations[0, j, i], np.min(runs, axis=0))
    if ball is not None:  # so small a ball holds no such function
        assert found.touched[0] > 0.3
        assert np.isfinite(found.iterations[0, 0, 1, 1])
        assert np.isinf(found.iterations[0, 1, 1, 1])
        assert "plain descent alone reaches ε = 0.2" in found.summary()
    assert np.isinf(found.iterations[..., 2]).all()


def test_below_the_cutoff_a_wide_ball_changes_nothing(rng):
    X, y = problem(rng)
    found = projection_gain(pf.DiagonalRNN(projection=(50.0, 50.0)), X, y, alpha=[0.5], **SMALL)
    np.testing.assert_array_equal(found.iterations[:, 0], found.iterations[:, 1])
    assert found.touched[0] == 0
    assert found.exponents[0] == 0
    assert "is not seen" in found.summary()
    assert "0 % of the units end on the surface" in found.summary()


def test_runs_that_are_lost_are_counted(rng):
    X, y = problem(rng)
    model = pf.DiagonalRNN(activation="gelu", projection=(1.0, 1.0))
    found = projection_gain(model, X, y, alpha=[1.5], **SMALL | {"learning_rates": [1e9], "n_iterations": 60})
    np.testing.assert_array_equal(found.diverged, [[1, 0]])
    assert np.isinf(found.iterations[0, 0]).all()


def test_the_teacher_is_a_tangent_of_a_wide_network(rng):
    X, _ = problem(rng)
    ball, alpha, M = (0.8, 0.6), 0.7, 4096
    y = teacher(X, alpha, ball, "tanh", np.random.default_rng(3))
    w, U, c = symmetric_start(M, 2, alpha, np.random.default_rng(3), np.dtype(float))
    dw, dU = ball[0] * np.sin(2 * U[:, 0]), np.zeros_like(U)
    dU[:, 0] = ball[1] * (w > 0)
    assert np.abs(dw).max() <= ball[0]  # transport within the radii
    h = 1e-5
    ahead, back = (diagonal_forward(X, w + s * c * dw / np.sqrt(M), U + s * (c / np.sqrt(M))[:, None] * dU, c) for s in (h, -h))
    close(y, (ahead - back) / (2 * h), 1e-6)


def example(plain, projected):
    """A result with these iterations for ε = 0.1, 0.01, 0.001."""
    epsilon = np.array([0.1, 0.01, 0.001])
    iterations = np.array([plain, projected], float).reshape(1, 2, 1, 3)
    from pushforward.diagnostics.projection import _exponent

    exponent = np.array([_exponent(epsilon, iterations[0, :, -1])])
    return ProjectionGain(np.array([0.5]), 1.0, epsilon, np.array([64]), iterations, np.zeros(1), np.zeros((1, 2)), 10_000, exponent)


def test_the_verdict_follows_from_the_numbers():
    paper = example([10, 100, 1000], [1, 1, 1])
    assert paper.exponents[0] == pytest.approx(1)
    assert paper.seen(0)
    assert "the paper's factor 1/ε is seen" in paper.summary()
    same = example([10, 100, 1000], [10, 100, 1000])
    assert same.exponents[0] == 0
    assert not same.seen(0)
    never = example([10, np.inf, np.inf], [np.inf] * 3)
    assert np.isnan(never.exponents[0])
    assert not never.seen(0)
    assert "no accuracy is reached by both" in never.summary()
    assert [row.width for row in never.rows] == [(64, np.inf), (np.inf, np.inf), (np.inf, np.inf)]
    assert dataclasses.asdict(same.rows[1]) == {"alpha": 0.5, "below": True, "epsilon": 0.01, "iterations": (100, 100), "width": (64, 64)}


def test_defaults_lie_on_both_sides_of_the_cutoff():
    found = projection_gain(pf.DiagonalRNN(activation="sigmoid"), **SMALL | {"n_iterations": 3, "n_units": [4, 8]})
    np.testing.assert_allclose(found.alpha, [2, 6])
    assert [row.below for row in found.rows] == [True] * 3 + [False] * 3
    assert "at or above the cut-off 4" in found.summary()
    figure = found.plot()
    assert [axes.get_xlabel() for axes in figure.axes] == ["risk, as a share of the start's"] * 2


def test_bad_arguments_are_named(rng):
    X, y = problem(rng)
    refused("model must be a DiagonalRNN or None", projection_gain, pf.kernels.Ridge())
    refused("X and y must be given together", projection_gain, None, X)
    for name, bad in [("alpha", [-1.0]), ("alpha", []), ("epsilon", [0.0]), ("epsilon", 0.1), ("epsilon", [2.0]), ("learning_rates", [np.inf])]:
        refused(f"{name} must be", projection_gain, None, X, y, **{name: bad})
    for name, bad in [("n_units", [3, 4]), ("n_units", [8]), ("n_iterations", 0), ("n_draws", 1.5), ("seed", -1)]:
        refused(f"{name} must be", projection_gain, None, X, y, **{name: bad})
    refused("projection must be", projection_gain, pf.DiagonalRNN(projection=(1.0, -1.0)), X, y)
    refused("y must have as many", projection_gain, None, X, y[:, 1:])
    refused("y must not be zero everywhere", projection_gain, None, X, 0 * y)
