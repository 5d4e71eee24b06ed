"""Mistakes and accidents in the middle of a stream: named, and the next good event finds a model that works."""

import numpy as np
import pytest
from scipy import sparse

import pushforward as pf


def stream(rng, n=200):
    X = rng.normal(size=(n, 2))
    return X, X[:, :1] - 0.5 * X[:, 1:]


@pytest.mark.parametrize("kind", [pf.FixedPoleRegressor, pf.EchoStateRegressor])
def test_one_absurd_event_does_not_refuse_those_after_it(kind, rng):
    X, y = stream(rng)
    model = kind(n_units=8, readout="rls", washout=0).partial_fit(X, y)
    with pytest.raises(pf.DivergenceError):
        model.learn_one(np.array([1e200, 1e200]), y[0])
    for t in range(len(X)):
        model.learn_one(X[t], y[t])
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("kind", [pf.FixedPoleRegressor, pf.EchoStateRegressor])
def test_a_target_that_is_not_finite_is_refused_in_the_washout_too(kind, rng):
    X, y = stream(rng)
    model = kind(n_units=8, readout="rls", washout=10, input_scaling=1.0)
    model.learn_one(X[0], y[0])
    for _ in range(2):
        with pytest.raises(ValueError, match="y must be finite"):
            model.learn_one(X[1], np.array([np.nan]))


def test_a_singular_fit_leaves_fixed_poles_as_they_were(rng):
    X, y = stream(rng)
    model = pf.FixedPoleRegressor(poles=[0.5, 0.4], n_units=2, readout="ridge", ridge=0.0).fit(X, y)
    before = model.predict(X)
    with pytest.raises(pf.SingularReadoutError, match="ridge="):
        model.fit(np.zeros_like(X), y)
    assert np.array_equal(model.predict(X), before)


def test_a_single_number_is_a_single_number_from_the_first_event(rng):
    X, y = stream(rng)
    for kind in (pf.FixedPoleRegressor, pf.EchoStateRegressor):
        model = kind(n_units=8, readout="rls", washout=0, input_scaling=1.0)
        assert np.ndim(model.learn_one(X[0], float(y[0, 0]))) == 0
        assert model.predict(X).shape == (len(X),)


def test_force_refuses_complex_connections_of_a_real_model():
    W = sparse.csr_array(1j * np.eye(4))
    with pytest.raises(TypeError, match="W_rec must be real"):
        pf.kernels.FORCE(W_rec=W, W_in=np.ones((4, 1)), bias=None, W_feedback=np.ones((4, 1))).run(np.ones((5, 1)), np.ones((5, 1)))


@pytest.mark.parametrize("scale", [1e160, 1e-160])
def test_inputs_of_any_size_are_heard(scale, rng):
    X, _ = stream(rng)
    near, far = pf.reservoirs.suggest(X)["input_scaling"], pf.reservoirs.suggest(X * scale)["input_scaling"]
    np.testing.assert_allclose(far * scale, near, rtol=1e-12)
