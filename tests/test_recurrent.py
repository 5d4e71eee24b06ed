"""The estimators: a stream is a stream however it is cut, predicting changes nothing, batches average, scikit-learn's habits hold."""

import copy
import pickle

import numpy as np
import pytest
from helpers import close, everything, flat, same, same_learning, series, starting_weights, weights_of
from sklearn.base import clone

import pushforward as pf

WAYS = [
    {},
    {"carry_every": 1},
    {"carry_every": 7, "update_every": 3},
    {"carry_every": 5, "latency": "bounded", "update_every": 2},
    {"gradient": "tbptt", "update_every": 4},
    {"gradient": "tbptt", "update_every": 2, "truncation": 9},
    {"cell": "lstm", "carry_every": 4}, {"cell": "elstm", "update_every": 3}, {"gradient": "snap1", "carry_every": 5, "update_every": 2},
    {"gradient": "snap2", "connectivity": 0.4}, {"gradient": "uoro", "update_every": 2}, {"cell": "gru", "gradient": "kf"},
    {"cell": "leaky", "gradient": "rflo", "carry_every": 3},
]  # fmt: skip
each_way = pytest.mark.parametrize("way", WAYS, ids=str)


def regressor(**settings):
    return pf.RecurrentRegressor(**{"n_units": 6, "dtype": "float64", "optimizer": pf.Adam(learning_rate=0.01)} | settings)


def classifier(**settings):
    return pf.RecurrentClassifier(**{"n_units": 6, "dtype": "float64", "optimizer": pf.Adam(learning_rate=0.01), "classes": 3} | settings)


@each_way
def test_a_stream_may_be_cut_anywhere(way, rng, dtype):
    X, y = series(rng, 60, dtype)
    whole = regressor(dtype=str(dtype), **way).partial_fit(X, y)
    for cuts in ([], [1, 2], [17, 20, 41], list(range(1, 60))):
        parts = regressor(dtype=str(dtype), **way)
        terms = [parts.partial_fit(a, b).loss_ * len(a) for a, b in zip(np.split(X, cuts), np.split(y, cuts), strict=True)]
        same(everything(parts)["_learner"], everything(whole)["_learner"])
        assert sum(terms) == pytest.approx(60 * whole.loss_, rel=1e-9)
    assert whole.n_steps_ == 60
    assert whole.n_updates_ == 60 // whole.update_every


@each_way
def test_learn_one_is_partial_fit_of_one_step(way, rng, dtype):
    X, y = series(rng, 40, dtype)
    whole, single, floats = (regressor(dtype=str(dtype), **way) for _ in range(3))
    whole.partial_fit(X, y)
    losses = [single.learn_one(a, b) for a, b in zip(X, y, strict=True)]
    for a, b in zip(X, y[:, 0], strict=True):
        floats.learn_one(a, float(b))
    same(everything(single)["_learner"], everything(whole)["_learner"])
    same(everything(floats)["_learner"], everything(whole)["_learner"])
    assert np.cumsum(losses)[-1] / 40 == whole.loss_  # added up in the order of time, not of the clock


@pytest.mark.parametrize("tokens", [False, True])
def test_learn_one_class_at_a_time(tokens, rng):
    X, y = (rng.integers(4, size=40) if tokens else series(rng, 40)[0]), rng.integers(3, size=40)
    whole, single = (classifier(n_inputs=4 if tokens else 2) for _ in range(2))
    whole.partial_fit(X, y)
    losses = [single.learn_one(int(a) if tokens else a, b) for a, b in zip(X, y, strict=True)]
    same(everything(single)["_learner"], everything(whole)["_learner"])
    assert np.mean(losses) == pytest.approx(whole.loss_, rel=1e-12)


@each_way
def test_feedback_of_the_squared_error_is_partial_fit(way, rng, dtype):
    X, y = series(rng, 40, dtype, n_outputs=2)
    whole, stepped = (regressor(dtype=str(dtype), **way).partial_fit(X[:1], y[:1]) for _ in range(2))
    whole.partial_fit(X[1:], y[1:])
    for a, b in zip(X[1:], y[1:], strict=True):
        stepped.feedback(stepped.step(a) - b)
    same(everything(stepped)["_learner"], everything(whole)["_learner"])


def test_feedback_of_the_cross_entropy_is_partial_fit(rng):
    X, y = series(rng, 40)[0], rng.integers(3, size=40)
    whole, stepped = (classifier().partial_fit(X[:1], y[:1]) for _ in range(2))
    whole.partial_fit(X[1:], y[1:])
    for a, b in zip(X[1:], y[1:], strict=True):
        logits = stepped.step(a)
        p = np.exp(logits - logits.max())
        stepped.feedback(p / p.sum() - np.eye(3)[b])
    close(stepped.theta_, whole.theta_, 1e-12)


@each_way
def test_steps_without_feedback_have_no_loss(way, rng):
    X, y = series(rng, 40)
    mask = rng.random(40) < 0.5
    mask[0] = True
    whole, stepped = (regressor(**way).partial_fit(X[:1], y[:1]) for _ in range(2))
    whole.partial_fit(X[1:], y[1:], mask[1:])
    for a, b, known in zip(X[1:], y[1:], mask[1:], strict=True):
        output = stepped.step(a)
        if known:
            stepped.feedback(output - b)
    stepped.partial_fit(X[:5], y[:5])  # closes the last step, if it is still open
    same_learning_but_history(stepped, whole.partial_fit(X[:5], y[:5]))


def same_learning_but_history(model, other):
    a, b = everything(model)["_learner"], everything(other)["_learner"]
    for name in a:
        if not name.endswith(("marks", "delta")):  # of steps without a loss they hold whatever was there
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_a_model_can_begin_with_a_step(rng):
    X, y = series(rng, 30)
    begun, whole = regressor(n_outputs=1), regressor().partial_fit(X, y)
    for a, b in zip(X, y, strict=True):
        begun.feedback(begun.step(a) - b)
    same(everything(begun)["_learner"], everything(whole)["_learner"])
    begun, whole = regressor(n_outputs=1, n_inputs=5), regressor(n_inputs=5).partial_fit(np.arange(5), y[:5])
    for a, b in zip(range(5), y, strict=False):
        begun.feedback(begun.step(a) - b)
    same(everything(begun)["_learner"], everything(whole)["_learner"])
    assert classifier().step(X[0]).shape == (3,)
    assert regressor(n_outputs=2).step(X[:4]).shape == (4, 2)  # four series
    for unknown, name in ((regressor(), "n_outputs"), (classifier(classes=None), "classes")):
        with pytest.raises(ValueError, match=name):
            unknown.step(X[0])


@each_way
@pytest.mark.parametrize("n_series", [None, 3])
def test_predicting_does_not_change_the_model(way, n_series, rng):
    X, y = series(rng, 18, n_series=n_series)  # no update falls due with the next step
    model = regressor(**way).partial_fit(X, y)
    before = everything(model)
    event = X[..., 0, :]
    for _ in range(2):
        model.predict(X)
        model.predict(X, state="current")
        model.predict_one(event)
    same(everything(model), before)
    now = model.predict(X, state="current")
    np.testing.assert_allclose(model.predict_one(event), now[..., 0, :], rtol=1e-12)
    np.testing.assert_allclose(model.predict_one(event, advance=True), now[..., 0, :], rtol=1e-12)
    np.testing.assert_allclose(model.predict_one(X[..., 1, :]), now[..., 1, :], rtol=1e-12)
    assert model.n_updates_ == everything(model)["_learner"]["optimizer.updates"][0]


def test_predictions_are_the_references_outputs(rng, dtype, tol):
    X, y = series(rng, 30, dtype, n_outputs=2)
    model = regressor(dtype=str(dtype)).partial_fit(X, y)
    states, _ = pf.reference.forward_sensitivity(model.cell_, model.theta_, X)
    close(model.predict(X), states @ model.W_out_.T + model.b_out_, tol)
    states, _ = pf.reference.forward_sensitivity(model.cell_, model.theta_, X, state=model.state_)
    close(model.predict(X, state="current"), states @ model.W_out_.T + model.b_out_, tol)
    assert model.predict(X).dtype == dtype


def test_predictions_have_the_shape_of_the_targets(rng):
    X, y = series(rng, 12, n_outputs=2)
    assert regressor().partial_fit(X, y).predict(X).shape == (12, 2)
    one = regressor().partial_fit(X, y[:, 0])
    assert one.predict(X).shape == (12,)
    assert np.ndim(one.predict_one(X[0])) == 0
    X, y = series(rng, 12, n_series=4)
    assert regressor().partial_fit(X, y).predict(X).shape == (4, 12, 1)
    batch = regressor().partial_fit(X, y[..., 0])
    assert batch.predict(X).shape == (4, 12)
    assert batch.predict(X[:2]).shape == (2, 12)
    assert batch.predict(X[0]).shape == (12,)
    assert batch.predict_one(X[:, 0]).shape == (4,)


def test_probabilities(rng):
    X, y = series(rng, 200)[0], rng.integers(3, size=200)
    model = classifier().partial_fit(X, y)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), p.argmax(axis=1))
    assert model.score(X, y) == np.mean(model.predict(X) == y)
    one = model.predict_proba_one(X[0])
    np.testing.assert_allclose(one, model.predict_proba(X[:1], state="current")[0], rtol=1e-12)
    assert model.predict_one(X[0]) == one.argmax()


def test_loss_is_the_mean_before_learning(rng):
    X, y = series(rng, 50, n_outputs=2)
    model = regressor(optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X, y)
    expected = 0.5 * np.sum((model.predict(X) - y) ** 2, axis=1)
    assert model.loss_ == pytest.approx(expected.mean(), rel=1e-12)
    mask = rng.random(50) < 0.5
    model.reset_state().partial_fit(X, y, mask)
    assert model.loss_ == pytest.approx(expected[mask].mean(), rel=1e-12)
    assert model.loss_history_ == pytest.approx([expected.mean(), expected[mask].mean()], rel=1e-12)
    model.partial_fit(X, y, np.zeros(50, bool))
    assert np.isnan(model.loss_)
    assert len(model.loss_history_) == 3
    X, codes = series(rng, 50)[0], rng.integers(3, size=50)
    model = classifier(optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X, codes)
    assert model.loss_ == pytest.approx(-np.log(model.predict_proba(X)[np.arange(50), codes]).mean(), rel=1e-12)


@each_way
def test_without_targets_the_state_moves_and_the_weights_stay(way, rng):
    X, y = series(rng, 24)  # whole periods: no loss waits for an update
    model = regressor(**way).partial_fit(X, y)
    weights, state, n_updates = weights_of(model), model.state_, model.n_updates_
    model.reset_state().partial_fit(X, y, np.zeros(24, bool))
    np.testing.assert_array_equal(model.theta_, weights[0])
    np.testing.assert_array_equal(model.W_out_, weights[1][0])
    assert model.n_updates_ == n_updates
    states, influence = pf.reference.forward_sensitivity(model.cell_, model.theta_, X)
    close(model.state_, states[-1], 1e-10)
    if model.gradient == "rtrl":
        close(model.influence_, influence, 1e-10)
    assert np.any(state != model.state_)


def test_fit_starts_afresh(rng):
    X, y = series(rng, 50)
    once = regressor().fit(X, y)
    again = regressor().partial_fit(X[:10], y[:10]).fit(X, y)
    same_learning(again, once)
    twice = regressor(n_epochs=2).fit(X, y)
    by_hand = regressor().partial_fit(X, y).reset_state().partial_fit(X, y)
    same_learning(twice, by_hand)
    Z, classes = rng.normal(size=(20, 4)), rng.integers(2, size=20)
    model = classifier(classes=None).fit(X, rng.integers(3, size=50)).fit(Z, classes)  # other sizes
    assert (model.n_inputs_, len(model.classes_)) == (4, 2)


def test_what_scikit_learn_asks_for(rng):
    for model in (regressor(), classifier(carry_every=3, classes=["a", "b"])):
        settings = model.get_params()
        assert clone(model).get_params() == settings
        assert type(model)(**settings).get_params() == settings
        assert model.set_params(n_units=9).get_params()["n_units"] == 9
    X, y = series(rng, 50)
    model = regressor().partial_fit(X, y)
    assert not hasattr(clone(model), "loss_")
    assert model.n_features_in_ == 2
    assert regressor(n_epochs=60).fit(X, y).score(X, y) > 0.5  # R²
    with pytest.raises(ValueError, match="has seen no data yet"):
        regressor().predict(X)


@each_way
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"])
def test_a_copy_goes_on_alike_and_alone(duplicate, way, rng):
    X, y = series(rng, 41, n_series=2)
    model = regressor(**way).partial_fit(X[:, :20], y[:, :20])
    twin = duplicate(model)
    before = everything(model)
    same(everything(twin), before)
    twin.partial_fit(X[:, 20:], y[:, 20:])
    same(everything(model), before)
    same_learning(model.partial_fit(X[:, 20:], y[:, 20:]), twin)
    same(everything(duplicate(classifier())), everything(classifier()))


def test_classes_may_be_strings(rng):
    X, codes = series(rng, 60)[0], rng.integers(3, size=60)
    names = np.array(["down", "flat", "up"])
    model, plain = classifier(classes=None), classifier()
    model.partial_fit(X, names[codes])
    plain.partial_fit(X, codes)
    same_learning(model, plain)
    np.testing.assert_array_equal(model.classes_, names)
    np.testing.assert_array_equal(model.predict(X), names[plain.predict(X)])
    assert model.learn_one(X[0], "up") == plain.learn_one(X[0], 2)
    assert model.predict_one(X[0]) in names
    assert model.score(X, names[codes]) == plain.score(X, codes)
    sparse = classifier(classes=[-1, 0, 7]).partial_fit(X, np.array([-1, 0, 7])[codes])
    same(everything(sparse)["_learner"]["parameters"], everything(classifier().partial_fit(X, codes))["_learner"]["parameters"])


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_starting_weights_come_from_the_seed(precision, rng):
    X, y = series(rng, 3, precision)
    a, b, other = (starting_weights(regressor(random_state=s, dtype=precision), X, y) for s in (1, 1, 2))
    for left, right, third in zip((a[0], a[1][0]), (b[0], b[1][0]), (other[0], other[1][0]), strict=True):
        np.testing.assert_array_equal(left, right)
        assert np.any(left != third)
    np.testing.assert_array_equal(a[0], pf.cells.Elman(2, 6).init(1, precision))


def test_gradients_of_a_batch_are_averaged(rng):
    X, y = series(rng, 12, n_series=4)
    mask = rng.random((4, 12)) < 0.6
    for settings in ({}, {"carry_every": 5, "latency": "bounded"}, {"gradient": "tbptt"}):
        model = regressor(optimizer=pf.SGD(learning_rate=0.1), update_every=12, **settings)
        theta, readout = starting_weights(model, X, y)
        model.partial_fit(X, y, mask)
        parts = [pf.reference.full_bptt(model.cell_, theta, readout, X[i], y[i], mask=mask[i]) for i in range(4)]
        mean = sum(flat(part[1]) for part in parts) / mask.sum()
        moved = np.concatenate([theta - model.theta_, (readout[0] - model.W_out_).ravel(), readout[1] - model.b_out_])
        close(moved, 0.1 * mean, 1e-10)
        assert model.loss_ == pytest.approx(sum(part[0] for part in parts) / mask.sum(), rel=1e-12)
