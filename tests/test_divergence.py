"""A number that stops being finite stops the run before it can spoil the weights, is reported with its step, and leaves a model that goes on."""

import pickle

import numpy as np
import pytest
from helpers import close, everything, same, series, weights_of

import pushforward as pf

WAYS = [
    {},
    {"carry_every": 1},
    {"carry_every": 7, "update_every": 3},
    {"carry_every": 5, "latency": "bounded", "update_every": 2},
    {"gradient": "tbptt", "update_every": 4, "truncation": 9},
]
EXPLOSIVE = [{"activation": "relu"}, {"activation": "identity"}, {"activation": "elu"}, {"cell": "linear"}, {"cell": "linear", "dt": 0.5}]
each_way = pytest.mark.parametrize("way", WAYS, ids=str)


def regressor(**settings):
    explosive = {} if "cell" in settings else {"activation": "identity"}
    return pf.RecurrentRegressor(**{"n_units": 6, "optimizer": pf.RMSprop(learning_rate=0.01)} | explosive | settings)


def same_weights(model, other):
    for a, b in zip((model.theta_, model.W_out_, model.b_out_), (other.theta_, other.W_out_, other.b_out_), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.all(np.isfinite(a))


@each_way
@pytest.mark.parametrize("explosive", EXPLOSIVE, ids=str)
def test_too_high_a_learning_rate(explosive, way, rng, dtype):
    X, y = series(rng, 400, dtype)
    settings = {"dtype": str(dtype), "optimizer": pf.SGD(learning_rate=1.5)} | explosive | way
    model, twin = regressor(**settings), regressor(**settings)
    with pytest.raises(pf.DivergenceError, match=r"stopped being finite at step \d+ of series 0") as caught:
        model.partial_fit(X, y)
    step = caught.value.step
    assert f"at step {step} " in str(caught.value)
    assert 1 < step < 399
    twin.partial_fit(X[:step], y[:step])  # so far all was well
    same_weights(model, twin)
    with pytest.raises(pf.DivergenceError) as caught:
        twin.partial_fit(X[step:], y[step:])
    assert caught.value.step == 0
    assert not np.any(model.state_)


@each_way
def test_after_a_spike_learning_goes_on(way, rng, dtype):
    X, y = series(rng, 61, dtype)
    X[36] = 1e25 if dtype == np.float32 else 1e200  # an update has just been made, whatever K
    settings = {"dtype": str(dtype)} | way
    model, twin = regressor(**settings), regressor(**settings)
    with pytest.raises(pf.DivergenceError) as caught:
        model.partial_fit(X, y)
    assert 36 <= caught.value.step < 36 + model.update_every
    twin.partial_fit(X[:36], y[:36])
    same_weights(model, twin)
    twin.reset_state()
    for again in (model, twin):
        again.partial_fit(X[:30], y[:30])
    same_weights(model, twin)
    np.testing.assert_array_equal(model.state_, twin.state_)
    if model.gradient == "rtrl":
        np.testing.assert_array_equal(model.influence_, twin.influence_)
    assert model.loss_ == twin.loss_


@pytest.mark.parametrize("size", [1e8, 1e12, 1e15, 1e18])
@pytest.mark.parametrize("kind", [pf.SGD, pf.RMSprop, pf.Adam, pf.AdamW])
def test_a_spike_does_not_deafen_the_optimiser(kind, size, rng):
    """In single precision its square overflows long before a gradient does: an infinite moment would stop those weights for good."""
    X, y = series(rng, 40, "float32")
    X[20] = size
    model = regressor(optimizer=kind(learning_rate=1e-4))
    try:
        model.partial_fit(X, y)
    except pf.DivergenceError:
        model.reset_state()
    learner = everything(model)["_learner"]
    for name in ("parameters", "optimizer.moment1", "optimizer.moment2"):
        assert np.all(np.isfinite(learner[name])), name


def first_failure(learn, n_steps):
    """The first event that raises."""
    for t in range(1, n_steps):
        try:
            learn(t)
        except pf.DivergenceError as error:
            assert error.step == 0  # of this call  # noqa: PT017
            return t, error
    raise AssertionError("nothing diverged")


@each_way
def test_event_by_event(way, rng):
    X, y = series(rng, 61, "float32")
    X[36] = 1e25
    learning, stepping, twin = (regressor(**way).partial_fit(X[:1], y[:1]) for _ in range(3))
    at, _ = first_failure(lambda t: learning.learn_one(X[t], y[t]), 61)
    assert first_failure(lambda t: stepping.feedback(stepping.step(X[t]) - y[t]), 61)[0] == at
    same_weights(learning, twin.partial_fit(X[1:at], y[1:at]))
    same_weights(stepping, learning)
    assert np.isfinite(learning.learn_one(X[0], y[0]))
    stepping.feedback(stepping.step(X[0]) - y[0])
    same_weights(stepping, learning)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_refused(bad, rng):
    X, y = series(rng, 20, "float32", n_outputs=2)
    model = regressor().partial_fit(X, y)
    output = model.step(X[0])
    before = everything(model)
    with pytest.raises(ValueError, match=r"d_output must be finite, got -?(nan|inf).*column 1"):
        model.feedback(np.array([0.0, bad], "float32"))
    same(everything(model), before)
    model.feedback(output - y[0])  # the step still waits for one


def test_a_gradient_too_large_is_not_followed(rng):
    X, y = series(rng, 20, "float32")
    model = regressor().partial_fit(X, y)
    theta, readout = weights_of(model)
    model.step(X[0] + 100)
    with pytest.raises(pf.DivergenceError, match="gradient"):
        model.feedback(np.array([3e38], "float32"))
    np.testing.assert_array_equal(model.theta_, theta)
    np.testing.assert_array_equal(model.W_out_, readout[0])
    assert np.all(np.isfinite(model.partial_fit(X, y).theta_))


def test_an_infinite_loss_is_called_so(rng):
    X, y = series(rng, 20)
    y[7] = 1e200
    model = regressor(dtype="float64")
    with pytest.raises(pf.DivergenceError, match="the loss stopped being finite at step 7 "):
        model.partial_fit(X, y)
    assert model.n_updates_ == 7


@each_way
def test_in_a_batch_the_others_go_on(way, rng):
    X, y = series(rng, 30, n_series=3)
    model = regressor(dtype="float64", **way | {"optimizer": pf.SGD(learning_rate=0.0)})
    X[1, 17] = 1e308
    X[1, 18:] = 0
    with pytest.raises(pf.DivergenceError, match="of series 1;") as caught:
        model.partial_fit(X, y)
    assert caught.value.series == 1
    taken = model.n_steps_
    assert 17 < taken <= 17 + max(model.update_every, 1)
    assert not np.any(model.state_[1])
    for i in (0, 2):  # they have taken the same steps, or their period's
        n_steps = next(n for n in range(17, 30) if np.allclose(reference_state(model, X[i, :n]), model.state_[i], rtol=1e-9))
        if model.gradient == "rtrl":
            close(model.influence_[i], pf.reference.forward_sensitivity(model.cell_, model.theta_, X[i, :n_steps])[1], 1e-9)


def test_what_the_failed_period_had_gathered_is_dropped_everywhere(rng):
    X, y = series(rng, 30, n_series=2)
    model = regressor(dtype="float64", update_every=10, optimizer=pf.SGD(learning_rate=0.1))
    X[1, 14] = 1e308
    with pytest.raises(pf.DivergenceError, match="of series 1;"):
        model.partial_fit(X[:, :16], y[:, :16])
    theta, readout, states, influences = *weights_of(model), model.state_, model.influence_
    rest, G = (X[:, 20:], y[:, 20:]), 0.0
    for i in range(2):
        G += pf.kernels.block_gradient(model.cell_, theta, readout, rest[0][i], rest[1][i], state=states[i], influence=influences[i])[1]["theta"]
    model.partial_fit(*rest)
    close(model.theta_ - theta, -0.1 * G / 20, 1e-9)


def reference_state(model, X):
    return pf.reference.forward_sensitivity(model.cell_, model.theta_, X)[0][-1]


def others_have_taken(model, X, bad):
    """All steps of X, though series `bad` failed on the way."""
    for i in {0, 1, 2} - {bad}:
        states, J = pf.reference.forward_sensitivity(model.cell_, model.theta_, X[i])
        close(model.state_[i], states[-1], 1e-9)
        if model.gradient == "rtrl":
            close(model.influence_[i], J, 1e-9)


@each_way
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_in_a_batch_of_events_the_others_take_the_step(way, bad, rng):
    X, y = rng.normal(size=(3, 30, 8)), rng.normal(size=(3, 30, 1))
    model = regressor(dtype="float64", **way | {"optimizer": pf.SGD(learning_rate=0.0)}).partial_fit(X[:, :16], y[:, :16])
    X[bad, 16] = 1.7e308 * np.sign(model.cell_.unpack(model.theta_)["W_in"][0])  # overflows on its way into the first unit
    with pytest.raises(pf.DivergenceError, match=f"the state .* of series {bad};"):
        model.step(X[:, 16])
    assert not np.any(model.state_[bad])
    others_have_taken(model, X[:, :17], bad)
    others_have_taken(model.partial_fit(X[:, 17:], y[:, 17:]), X, bad)


@each_way
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_in_a_batch_of_feedback_the_others_take_the_step(way, bad, rng):
    X, y = series(rng, 40, n_series=3)
    model = regressor(dtype="float64", **way | {"optimizer": pf.SGD(learning_rate=0.0)}).partial_fit(X[:, :1], y[:, :1])
    d_output = np.zeros((3, 1))
    d_output[bad] = 1.7e308
    X[bad] *= 100
    t, error = first_failure(lambda t: (model.step(X[:, t]), model.feedback(d_output)), 25)
    assert (error.series, "gradient" in error.reason) == (bad, True)
    others_have_taken(model, X[:, : t + 1], bad)
    others_have_taken(model.partial_fit(X[:, t + 1 :], y[:, t + 1 :]), X, bad)


def test_a_prediction_names_its_step_and_changes_nothing(rng):
    X, y = series(rng, 30, "float32")
    model = regressor().partial_fit(X, y)
    before = everything(model)
    X[12:] = 3e38
    for state in ("start", "current"):
        with pytest.raises(pf.DivergenceError) as caught:
            model.predict(X, state=state)
        assert caught.value.step >= 12
    same(everything(model), before)
    np.testing.assert_array_equal(model.predict(X[: caught.value.step]).shape, (caught.value.step, 1))


def test_the_kernels_say_so_too(rng):
    cell = pf.cells.Linear(2, 3)
    theta = np.full(cell.n_params, 2.0, "float32")
    with pytest.raises(pf.DivergenceError, match="the state"), np.errstate(over="ignore"):
        pf.kernels.forward_sensitivity(cell, theta, np.ones((100, 2), "float32"))


def test_the_error_is_a_value():
    error = pf.DivergenceError("the state stopped being finite", step=7, series=2)
    assert isinstance(error, ArithmeticError)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.reason, copy.step, copy.series) == (str(error), error.reason, 7, 2)
