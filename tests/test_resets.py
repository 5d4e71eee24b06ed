"""A reset forgets the past of a series, not what it has already given to the gradient."""

import numpy as np
import pytest
from helpers import close, series

import pushforward as pf


@pytest.mark.parametrize(
    "way", [{"carry_every": 1}, {"carry_every": 3}, {"carry_every": 7}, {"carry_every": 3, "latency": "bounded"}, {"gradient": "tbptt"}], ids=str
)
def test_the_losses_of_the_period_are_kept(way, rng):
    X, y = series(rng, 8)
    settings = {"n_units": 5, "dtype": "float64", "update_every": 4, "optimizer": pf.SGD(learning_rate=0.1)}
    model = pf.RecurrentRegressor(**settings, **way).partial_fit(X[:4], y[:4]).reset_state()
    theta, W_out, b_out = model.theta_, model.W_out_, model.b_out_
    parts = [pf.reference.full_bptt(model.cell_, theta, (W_out, b_out), X[s], y[s])[1] for s in (slice(4, 6), slice(6, 8))]
    model.partial_fit(X[4:6], y[4:6]).reset_state().partial_fit(X[6:8], y[6:8])
    for name, start, end in (("theta", theta, model.theta_), ("W_out", W_out, model.W_out_), ("b_out", b_out, model.b_out_)):
        close(end, start - 0.1 / 4 * (parts[0][name] + parts[1][name]), 1e-12)


def test_feedback_after_a_reset_has_no_step_to_learn(rng):
    X, y = series(rng, 10, n_series=2)
    model = pf.RecurrentRegressor(n_units=5, dtype="float64", carry_every=4, optimizer=pf.SGD(learning_rate=0.1)).partial_fit(X[:, :6], y[:, :6])
    theta, b_out = model.theta_, model.b_out_
    model.step(X[:, 6])
    model.reset_state()
    model.feedback(np.ones((2, 1)))
    np.testing.assert_array_equal(model.theta_, theta)
    np.testing.assert_array_equal(model.b_out_, b_out)
    model.step(X[:, 7])
    model.reset_state(series=[1])
    model.feedback(np.ones((2, 1)))  # the other series learns its step
    assert np.all(model.b_out_ != b_out)
    model.partial_fit(X[:, 8:], y[:, 8:])


def test_after_a_look_ahead_there_is_nothing_to_give_feedback_to(rng):
    X, y = series(rng, 10)
    model = pf.RecurrentRegressor(n_units=5, dtype="float64").partial_fit(X, y)
    model.predict_one(X[0], advance=True)
    with pytest.raises(ValueError, match="feedback needs a step before it"):
        model.feedback(np.ones(1))
