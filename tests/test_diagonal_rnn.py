"""DiagonalRNN learns as the paper says: zero at the start, steps of the exact gradient, never outside the ball, averages, the tangent."""

import numpy as np
import pytest
from helpers import close
from numpy.testing import assert_array_equal

import pushforward as pf
from pushforward.diagonal_rnn import _linear
from pushforward.diagonal_rnn._start import into_ball, symmetric_start
from pushforward.reference import diagonal_forward, diagonal_gradient

ACTIVATIONS = ["tanh", "sigmoid", "softplus", "gelu"]


def problem(rng, dtype="float64", n_series=6, n_steps=9, n_inputs=2):
    """What comes in now and, by half, what came in a step ago."""
    X = rng.normal(size=(n_series, n_steps, n_inputs))
    y = np.tanh(X[:, :, 0])
    y[:, 1:] += 0.5 * X[:, :-1, -1]
    return X.astype(dtype), y.astype(dtype)


def started(X, y, **settings):
    """A model at its start, but for one step so small that it changes nothing."""
    return pf.DiagonalRNN(learning_rate=1e-300, n_iterations=1, dtype=X.dtype.name, random_state=0, **settings).fit(X, y)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.3])
def test_the_symmetric_start_says_nothing(rng, dtype, activation, alpha):
    n_steps = 64
    X, y = problem(rng, dtype, n_steps=n_steps)
    model = started(X, y, n_units=128, activation=activation, alpha=alpha)
    w, U, c = model.w_start_, model.U_start_, model.c_
    for a, sign in ((w, 1), (U, 1), (c, -1)):
        assert_array_equal(a[64:], sign * a[:64])
        assert a.dtype == dtype
    assert_array_equal(np.abs(w), np.full(128, alpha, dtype))
    assert_array_equal(np.abs(c), 1)
    assert len(np.unique(U)) == 64 * 2
    assert len(np.unique(w)) == (2 if alpha else 1)
    size = 1 if dtype == np.float64 else 2.0**29  # of float32's rounding against float64's
    size *= max(1, np.abs(pf.reference.diagonal_forward(X, w, U, np.ones_like(c), activation)).max() / np.sqrt(128))  # what cancels
    assert np.abs(pf.kernels.diagonal_forward(X, w, U, c, activation)).max() <= 1e-15 * n_steps * size
    assert np.abs(model.predict(X)).max() <= 1e-15 * n_steps * size


def test_the_start_is_normal():
    w, U, c = symmetric_start(40_000, 3, 0.7, np.random.default_rng(0), np.dtype("float64"))
    half = U[:20_000]
    assert np.abs(half.mean(axis=0)).max() < 0.03
    assert np.abs(np.cov(half.T) - np.eye(3)).max() < 0.05
    assert abs(w.mean()) < 0.03
    assert abs(np.mean(c[:20_000])) < 0.03
    assert abs(np.mean(c[:20_000] * w[:20_000])) < 0.03


def test_the_projection_is_the_nearest_point_and_idempotent_to_the_bit(rng, dtype):
    for shape in [(500,), (500, 1), (500, 4)]:
        start = rng.normal(size=shape).astype(dtype)
        for radius in (0.0, 1e-7, 0.05, 1.0):
            for scale in (1e-9, 0.05, 3.0, 1e30):
                weights = (start + scale * rng.normal(size=shape)).astype(dtype)
                inside = into_ball(weights, start, radius)
                shift = inside.astype(np.float64) - start
                far = np.abs(shift) if len(shape) == 1 else np.linalg.norm(shift, axis=1)
                assert far.max() <= radius
                assert inside.dtype == dtype
                assert_array_equal(into_ball(inside, start, radius), inside)
                asked = weights.astype(np.float64) - start
                length = np.abs(asked) if len(shape) == 1 else np.linalg.norm(asked, axis=1)
                factor = np.minimum(1, radius / np.maximum(length, 1e-300)).reshape(-1, *(1,) * (len(shape) - 1))
                np.testing.assert_allclose(shift, factor * asked, atol=8 * np.finfo(dtype).eps * np.abs(start).max())


@pytest.mark.parametrize("projection", [None, (0.3, 0.5), (0.0, 2.0)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_iterations_are_steps_of_the_reference(rng, dtype, activation, projection):
    X, y = problem(rng, dtype)
    rate = 0.7 if activation in ("tanh", "sigmoid") else 0.02  # of unbounded units that remember much
    settings = {"activation": activation, "alpha": 0.8, "projection": projection, "learning_rate": rate}
    model = pf.DiagonalRNN(32, n_iterations=1, dtype=dtype.name, random_state=3, **settings).fit(X, y)
    w, U, c = model.w_start_, model.U_start_, model.c_
    assert model.w_last_.dtype == model.U_last_.dtype == model.predict(X).dtype == dtype
    for k in range(8):
        loss, gradient = diagonal_gradient(X, y, w, U, c, activation)
        w, U = w - rate * 2 / y.size * gradient["w"], U - rate * 2 / y.size * gradient["U"]
        if projection is not None:
            rho_w, rho_u = (rho / np.sqrt(32) for rho in projection)
            w = np.clip(w, model.w_start_ - rho_w, model.w_start_ + rho_w).astype(dtype)
            shift = U - model.U_start_
            length = np.linalg.norm(shift, axis=1, keepdims=True)
            U = (model.U_start_ + shift * np.minimum(1, rho_u / length)).astype(dtype)
            assert np.abs(model.w_last_.astype(float) - model.w_start_).max() <= rho_w  # every iteration, without a tolerance
            assert np.linalg.norm(model.U_last_.astype(float) - model.U_start_, axis=1).max() <= rho_u
        tolerance = 2e-5 if dtype == np.float32 else 1e-12
        close(model.w_last_, w, tolerance)
        close(model.U_last_, U, tolerance)
        assert model.loss_curve_[k] == pytest.approx(2 * loss / y.size, rel=tolerance)
        assert model.n_iter_ == len(model.loss_curve_) == k + 1
        if k < 7:
            model.partial_fit(X, y)
    assert model.loss_curve_[0] == pytest.approx(np.mean(y.astype(float) ** 2), rel=1e-6)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert np.mean((model.predict(X).astype(float) - y) ** 2) < model.loss_curve_[-1]
    assert_array_equal(model.w_last_, model.w_)


def test_some_units_reach_the_surface(rng):
    """Or else the tests of the ball would be none."""
    X, y = problem(rng)
    model = pf.DiagonalRNN(32, projection=(0.3, 0.5), learning_rate=1.0, n_iterations=30, random_state=0).fit(X, y)
    assert np.mean(np.abs(model.w_ - model.w_start_) > 0.3 / np.sqrt(32) * 0.999) > 0.1
    assert np.mean(np.linalg.norm(model.U_ - model.U_start_, axis=1) > 0.5 / np.sqrt(32) * 0.999) > 0.1
    plain = pf.DiagonalRNN(32, learning_rate=1.0, n_iterations=30, random_state=0).fit(X, y)
    assert np.linalg.norm(plain.U_ - plain.U_start_, axis=1).max() > 1 / np.sqrt(32)


@pytest.mark.parametrize("projection", [None, (0.3, 0.5)])
def test_averages_are_means_of_the_iterates_stepped_from(rng, dtype, projection):
    X, y = problem(rng, dtype)
    settings = {"n_units": 32, "projection": projection, "learning_rate": 0.7, "dtype": dtype.name, "random_state": 1}
    one = pf.DiagonalRNN(n_iterations=1, **settings).fit(X, y)
    seen_w, seen_U = [one.w_start_], [one.U_start_]
    for _ in range(9):
        seen_w.append(one.w_last_)
        seen_U.append(one.U_last_)
        one.partial_fit(X, y)
    model = pf.DiagonalRNN(n_iterations=10, average=True, **settings).fit(X, y)
    assert_array_equal(model.w_last_, one.w_)
    assert_array_equal(model.U_last_, one.U_)
    close(model.w_, np.mean(seen_w, axis=0, dtype=float), 1e-7 if dtype == np.float32 else 1e-15)
    close(model.U_, np.mean(seen_U, axis=0, dtype=float), 1e-7 if dtype == np.float32 else 1e-15)
    assert np.abs(model.w_ - model.w_last_).max() > 1e-3
    close(model.predict(X), diagonal_forward(X, model.w_, model.U_, model.c_), 1e-4 if dtype == np.float32 else 1e-12)
    if projection is not None:
        assert np.linalg.norm(model.U_.astype(float) - model.U_start_, axis=1).max() <= 0.5 / np.sqrt(32)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_linear_predict_is_the_tangent_at_the_start(rng, activation):
    X, y = problem(rng)
    settings = {"learning_rate": 1.0 if activation in ("tanh", "sigmoid") else 0.02, "n_iterations": 20, "random_state": 0}
    model = pf.DiagonalRNN(66, activation, 0.9, **settings).fit(X, y)
    w, U, c, dw, dU = model.w_start_, model.U_start_, model.c_, model.w_ - model.w_start_, model.U_ - model.U_start_
    h = 1e-4
    ahead, back = (diagonal_forward(X, w + s * dw, U + s * dU, c, activation) for s in (h, -h))
    close(model.linear_predict(X), (ahead - back) / (2 * h), 1e-7)
    assert np.linalg.norm(model.linear_predict(X) - model.predict(X)) > 1e-4 * np.linalg.norm(model.predict(X))
    narrow = pf.DiagonalRNN(66, activation, 0.9, dtype="float32", **settings)
    narrow.fit(X.astype("float32"), y.astype("float32"))
    close(narrow.linear_predict(X.astype("float32")), model.linear_predict(X), 1e-3)


def test_panels_of_units_do_not_matter(rng, monkeypatch):
    X, y = problem(rng)
    model = pf.DiagonalRNN(66, alpha=0.9, n_iterations=20, random_state=0).fit(X, y)
    whole = model.linear_predict(X)
    monkeypatch.setattr(_linear, "PANEL", 4 * len(X))  # 66 units in panels of 4
    close(model.linear_predict(X), whole, 1e-14)


@pytest.mark.parametrize("projection", [None, (6.0, 6.0)])
@pytest.mark.parametrize("average", [False, True])
def test_learns_a_teacher_of_its_class_below_the_cutoff(rng, dtype, projection, average):
    teacher = np.random.default_rng(5)
    w, U, c = teacher.uniform(-0.6, 0.6, 8), teacher.normal(size=(8, 2)), teacher.choice([-1.0, 1.0], 8)
    X = rng.normal(size=(64, 12, 2))
    y = diagonal_forward(X, w, U, c)
    X, y = X.astype(dtype), y.astype(dtype)
    settings = {"projection": projection, "average": average, "dtype": dtype.name, "random_state": 0}
    model = pf.DiagonalRNN(256, learning_rate=0.5, n_iterations=150, **settings).fit(X[:48], y[:48])
    assert model.score(X[:48], y[:48]) > 0.9
    assert model.score(X[48:], y[48:]) > 0.8  # new series
    assert np.all(np.diff(model.loss_curve_) < 1e-7)  # below the cut-off, at this rate, the risk falls in every iteration
