"""Poles that learn: their gradient against finite differences, the online loop against its twin, and where it leads."""

import numpy as np
import pytest
from helpers import close, refused

import pushforward as pf
from pushforward import reference

OPTIMIZERS = [
    pf.SGD(1e-3),
    pf.SGD(1e-3, momentum=0.9),
    pf.RMSprop(1e-3),
    pf.Adam(1e-3, clip_norm=0.1, schedule=pf.InverseTime(decay=0.1)),
    pf.AdamW(1e-3, weight_decay=0.1),
]


def draw(rng, shape, dtype):
    values = rng.normal(size=shape) + (1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
    return values.astype(dtype)


def problem(rng, dtype, include_inputs, n_units=5, n_inputs=2, n_outputs=3, n_steps=40):
    beta = draw(rng, n_units, dtype)
    beta *= (0.9 * rng.random(n_units) / np.abs(beta)).astype(beta.real.dtype)
    W_in, X, Y = (draw(rng, shape, dtype) for shape in ((n_units, n_inputs), (n_steps, n_inputs), (n_steps, n_outputs)))
    readout = draw(rng, (n_outputs, n_units + n_inputs * include_inputs), dtype), draw(rng, n_outputs, dtype)
    return beta, W_in, readout, X, Y


def slopes(loss, at, step=1e-6):
    """∂/∂re + i ∂/∂im by central differences."""
    found = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        for unit in (1, 1j) if np.iscomplexobj(at) else (1,):
            ahead, behind = at.copy(), at.copy()
            ahead[i] += step * unit
            behind[i] -= step * unit
            found[i] += unit * (loss(ahead) - loss(behind)) / (2 * step)
    return found


CASES = [("complex128", "identity"), *(("float64", name) for name in ("identity", "relu", "tanh", "sigmoid", "elu"))]


@pytest.mark.parametrize("include_inputs", [False, True])
@pytest.mark.parametrize(("dtype", "activation"), CASES)
def test_the_gradient_is_that_of_finite_differences(rng, dtype, activation, include_inputs, isa):
    beta, W_in, readout, X, Y = problem(rng, dtype, include_inputs)
    f, rest = pf.kernels.pole_gradient, (readout, X, Y, activation, include_inputs)
    loss, gradient = f(beta, W_in, *rest)
    close(gradient["poles"], slopes(lambda at: f(at, W_in, *rest)[0], beta), 1e-7)
    close(gradient["W_in"], slopes(lambda at: f(beta, at, *rest)[0], W_in), 1e-7)
    states = reference.fixed_pole_states(beta, W_in, X, activation=activation)
    e = Y - (np.hstack([states, X]) if include_inputs else states) @ readout[0].T - readout[1]
    assert loss == pytest.approx(0.5 * np.sum(np.abs(e) ** 2), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "complex64", "float64", "complex128"])
def test_the_gradient_is_that_of_the_twin(rng, dtype):
    beta, W_in, readout, X, Y = problem(rng, dtype, True, n_units=19)
    activation = "tanh" if dtype[0] == "f" else "identity"
    loss, gradient = pf.kernels.pole_gradient(beta, W_in, readout, X, Y, activation, True)
    expected_loss, expected = reference.pole_gradient(beta, W_in, readout, X, Y, activation, True)
    tolerance = 1e-12 if dtype in ("float64", "complex128") else 1e-4
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    for name in ("poles", "W_in"):
        assert gradient[name].dtype == np.dtype(dtype)
        close(gradient[name], expected[name], tolerance)


class LeastSquares:
    """Recursive least squares as it stands in the books, with an intercept."""

    def __init__(self, n_features, n_outputs, ridge, forgetting, dtype):
        self.W, self.P, self.forgetting = np.zeros((n_outputs, n_features + 1), dtype), np.eye(n_features + 1, dtype=dtype) / ridge, forgetting

    def step(self, f, y):
        f = np.append(f, 1)
        prediction = self.W @ f
        Pf = self.P @ f.conj()
        gain = Pf / (self.forgetting + (f @ Pf).real)
        self.W = self.W + np.outer(y - prediction, gain)
        self.P = (self.P - np.outer(gain, Pf.conj())) / self.forgetting
        return prediction


@pytest.mark.parametrize("learn_input_weights", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_online_loop_is_that_of_the_twin(rng, dtype, optimizer, learn_input_weights):
    X = draw(rng, (60, 2), dtype)
    Y = X @ draw(rng, (2, 2), dtype) + np.roll(X, 1, axis=0)
    settings = {"learn_poles": True, "learn_input_weights": learn_input_weights, "optimizer": optimizer, "forgetting": 0.98, "ridge": 1.0}
    settings |= {"poles": "disc" if dtype == "complex128" else "real", "activation": "identity" if dtype == "complex128" else "tanh"}
    start = pf.FixedPoleRegressor(n_units=5, dtype=dtype, **settings | {"learn_poles": False}).fit(X, Y)
    model = pf.FixedPoleRegressor(n_units=5, dtype=dtype, **settings).fit(X, Y)
    twin = LeastSquares(7, 2, 1.0, 0.98, dtype)
    _, poles, W_in = reference.pole_learning(
        start.poles_, start.W_in_, X, Y, optimizer, twin.step, lambda: twin.W[:, :-1], settings["activation"], True, learn_input_weights
    )
    assert np.linalg.norm(poles - start.poles_) > 1e-4
    close(model.poles_ - start.poles_, poles - start.poles_, 1e-9)
    close(model.W_in_, W_in, 1e-10)
    close(model.W_out_, twin.W[:, :-1], 1e-9)
    assert (np.array_equal(model.W_in_, start.W_in_)) is not learn_input_weights


def test_events_are_the_stream(rng):
    X = draw(rng, (50, 1), "complex128")
    y = np.roll(X[:, 0], 1)
    settings = {"n_units": 4, "dtype": "complex128", "learn_poles": True, "optimizer": pf.Adam(1e-2), "washout": 6}
    whole, events = pf.FixedPoleRegressor(**settings).fit(X, y), pf.FixedPoleRegressor(**settings)
    for x, target in zip(X, y, strict=True):
        events.learn_one(x, target)
    np.testing.assert_array_equal(events.poles_, whole.poles_)
    np.testing.assert_array_equal(events.W_out_, whole.W_out_)


def test_poles_are_found_from_nearby(rng):
    truth = np.array([0.7 + 0.4j, -0.5 + 0.5j])
    X = draw(rng, (20_000, 1), "complex128")
    y = reference.fixed_pole_states(truth, np.ones((2, 1), complex), X).sum(axis=1)
    settings = {"poles": truth + np.array([0.05, -0.05j]), "include_inputs": False, "dtype": "complex128", "forgetting": 0.995}
    fixed = pf.FixedPoleRegressor(**settings).fit(X, y)
    learnt = pf.FixedPoleRegressor(**settings, learn_poles=True, optimizer=pf.SGD(1e-3)).fit(X, y)
    assert np.abs(fixed.poles_ - truth).max() > 0.04
    assert np.abs(learnt.poles_ - truth).max() < 1e-3
    assert 1 - learnt.score(X, y) < 1e-3 * (1 - fixed.score(X, y))


def test_poles_that_leave_the_circle_are_not_held_and_divergence_has_its_step(rng):
    X = draw(rng, (4000, 1), "float64")
    y = reference.fixed_pole_states([1.0], [[1.0]], X, allow_unstable=True)[:, 0]  # a sum: its pole lies on the circle
    model = pf.FixedPoleRegressor(poles=[0.9], learn_poles=True, optimizer=pf.SGD(0.1), forgetting=0.9)
    with pytest.raises(pf.DivergenceError) as stop:
        model.fit(X, y)
    assert 0 < stop.value.step < 4000
    refused(r"poles must lie inside the unit circle", pf.FixedPoleRegressor(poles=[1.0], learn_poles=True).fit, X, y)


def test_what_cannot_learn_is_refused(rng):
    X = rng.normal(size=(20, 1))
    refused("learn_poles needs readout='rls'", pf.FixedPoleRegressor(learn_poles=True, readout="ridge").fit, X, X)
    refused("conjugate pairs of a real network cannot learn", pf.FixedPoleRegressor(learn_poles=True).fit, X, X)
    split = pf.FixedPoleRegressor(learn_poles=True, dtype="complex128", activation="tanh")
    refused("activation must be identity where complex poles learn", split.fit, X + 0j, X + 0j)
    refused("optimizer must be an optimiser", pf.FixedPoleRegressor(poles="real", learn_poles=True, optimizer="adam").fit, X, X)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_an_update_that_would_overflow_leaves_the_poles(dtype, rng):
    X, Y = draw(rng, (60, 1), dtype), draw(rng, (60, 1), dtype)
    settings = {"n_units": 4, "poles": "real", "radius": 0.5, "learn_poles": True, "dtype": dtype, "washout": 0, "random_state": 0}
    model = pf.FixedPoleRegressor(optimizer=pf.SGD(1e308), **settings)
    with pytest.raises(pf.DivergenceError):
        for x, y in zip(X, 100 * Y, strict=True):
            model.partial_fit(x[None], y[None])
    assert np.isfinite(model.poles_).all()
