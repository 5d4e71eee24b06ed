"""Read-outs that learn online: the least-squares solution they must equal, bit by bit the same however the data come, and nothing silently wrong."""

import pickle

import numpy as np
import pytest
from helpers import refused, same
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import pushforward as pf
from pushforward import reference as twins
from pushforward.errors import DivergenceError
from pushforward.readout import LMS, NLMS, RLS

ALL = [RLS(ridge=0.3), RLS(ridge=0.3, forgetting=0.97), LMS(learning_rate=0.01), NLMS(learning_rate=0.7)]
SIZES = [1, 7, 8, 9, 16, 31, 33, 100]  # around the lanes and tiles of every instruction set; with the constant one more
every_kind = pytest.mark.parametrize("model", ALL, ids=repr)


@pytest.fixture(params=["float32", "float64", "complex64", "complex128"])
def kind(request):
    return request.param


def tight(kind):
    return 2e-3 if kind in ("float32", "complex64") else 1e-9


def data(rng, kind, n_features=9, n_steps=120, n_outputs=2):
    """Random X and Y that are not related: errors stay large, so that wrong conventions show."""

    def draw(*shape):
        parts = rng.normal(size=shape), rng.normal(size=shape)
        return (parts[0] + 1j * parts[1] if kind.startswith("c") else parts[0]).astype(kind)

    return draw(n_steps, n_features), draw(n_steps, n_outputs)


def least_squares(X, Y, forgetting, ridge, intercept):
    """W of min Σ λ^(T−t) |y − W x|² + λ^T ridge ‖W‖², and P, by the normal equations in double precision."""
    wide = np.complex128 if np.iscomplexobj(X) else np.float64
    x = np.hstack([X, np.ones((len(X), 1))] if intercept else [X]).astype(wide)
    weight = forgetting ** np.arange(len(X) - 1, -1, -1.0)[:, None]
    R = (weight * x).T @ x.conj() + forgetting ** len(X) * ridge * np.eye(x.shape[1])
    return np.linalg.solve(R.T, x.conj().T @ (weight * Y)).T, np.linalg.inv(R)


def weights(model):
    return np.hstack([model.W_out_, model.b_out_[:, None]] if model.intercept else [model.W_out_])


def near(actual, expected, relative):
    assert np.linalg.norm(actual - expected) <= relative * np.linalg.norm(expected)


def everything(model):
    state = dict(model.__getstate__())
    facts, arrays = state.pop("_readout", ({}, {}))
    return {**state, "facts": facts, "arrays": arrays}


@pytest.mark.parametrize("n_features", SIZES)
@pytest.mark.parametrize("forgetting", [1.0, 0.97])
def test_rls_is_least_squares(kind, n_features, forgetting, isa, rng):
    X, Y = data(rng, kind, n_features)
    for intercept in (True, False):
        model = RLS(forgetting=forgetting, ridge=0.3, intercept=intercept, dtype=kind)
        model.run(X, Y)
        W, P = least_squares(X, Y, forgetting, 0.3, intercept)
        near(weights(model), W, tight(kind))
        near(model.P_, P, tight(kind))
        assert model.W_out_.dtype == model.P_.dtype == np.dtype(kind)
        np.testing.assert_array_equal(model.P_, model.P_.conj().T)


@given(n_features=st.integers(1, 20), n_outputs=st.integers(1, 3), n_steps=st.integers(1, 40), forgetting=st.floats(0.5, 1),
       ridge=st.floats(1e-2, 10), seed=st.integers(0, 1000), is_complex=st.booleans())  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_rls_is_least_squares_whatever_the_problem(n_features, n_outputs, n_steps, forgetting, ridge, seed, is_complex):
    kind = "complex128" if is_complex else "float64"
    X, Y = data(np.random.default_rng(seed), kind, n_features, n_steps, n_outputs)
    model = RLS(forgetting=forgetting, ridge=ridge, dtype=kind)
    predictions = model.run(X, Y)
    W, P = least_squares(X, Y, forgetting, ridge, True)
    near(model.P_, P, 1e-6)  # of forgotten ridge little is left
    near(weights(model), W, 1e-6)
    near(predictions, twins.rls(X, Y, forgetting, ridge)[0] + 1e-300, 1e-6)


def test_predictions_are_those_before_the_update(kind, rng):
    X, Y = data(rng, kind, n_steps=30)
    predictions = RLS(ridge=0.3, dtype=kind).run(X, Y)
    assert not predictions[0].any()
    for t in (1, 5, 29):
        W, _ = least_squares(X[:t], Y[:t], 1.0, 0.3, True)
        near(predictions[t], W @ np.append(X[t], 1), tight(kind))


@every_kind
def test_twins_agree(model, kind, isa, rng):
    X, Y = data(rng, kind)
    model = clone(model).set_params(dtype=kind)
    predictions = model.run(X, Y)
    wide = [a.astype(np.result_type(a.dtype, np.float64)) for a in (X, Y)]
    if isinstance(model, RLS):
        expected = twins.rls(*wide, model.forgetting, model.ridge)
        near(model.P_, expected[3], tight(kind))
    else:
        expected = twins.lms(*wide, model.learning_rate, model.epsilon if isinstance(model, NLMS) else None)
    near(predictions, expected[0], tight(kind))
    near(model.W_out_, expected[1], tight(kind))
    near(model.b_out_, expected[2], tight(kind))
    near(model.predict(X), wide[0] @ expected[1].T + expected[2], tight(kind))


@every_kind
def test_to_the_bit_however_the_steps_come(model, kind, isa, rng):
    X, Y = data(rng, kind, n_steps=70)  # past a look at the diagonal or two
    whole, halves, steps, resumed = (clone(model).set_params(dtype=kind) for _ in range(4))
    predictions = whole.run(X, Y)
    parts = np.concatenate([halves.run(X[:37], Y[:37]), halves.run(X[37:], Y[37:])])
    each = np.array([steps.step(x, y) for x, y in zip(X, Y, strict=True)])
    resumed.run(X[:37], Y[:37])
    resumed = pickle.loads(pickle.dumps(resumed))
    resumed.run(X[37:], Y[37:])
    np.testing.assert_array_equal(parts, predictions)
    np.testing.assert_array_equal(each, predictions)
    for other in (halves, steps, resumed):
        same(everything(other), everything(whole))


@every_kind
def test_saved_and_loaded_to_the_bit(model, kind, rng, tmp_path):
    X, Y = data(rng, kind, n_steps=70)
    model = clone(model).set_params(dtype=kind)
    model.run(X[:37], Y[:37, 0])
    model.save(tmp_path / "m.safetensors")
    other = pf.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(other.run(X[37:], Y[37:, 0]), model.run(X[37:], Y[37:, 0]))
    assert other.predict(X).shape == (70,)
    same(everything(other)["arrays"], everything(model)["arrays"])


@pytest.mark.parametrize("forgetting", [0.9, 0.5, 0.2])
def test_factors_gathered_outside_of_P_are_put_in_before_they_overflow(forgetting, rng, kind):
    X, Y = data(rng, kind, n_features=3, n_steps=700)
    model = RLS(forgetting=forgetting, ridge=0.3, dtype=kind)
    model.run(X, Y)
    W, P = least_squares(X[-400:], Y[-400:], forgetting, 1e-300, True)
    near(model.P_, P, 10 * tight(kind))
    near(weights(model), W, 10 * tight(kind))


def test_merged_is_as_if_one_had_seen_both(kind, rng):
    X, Y = data(rng, kind)
    for intercept in (True, False):
        both, here, there = (RLS(ridge=0.3, intercept=intercept, dtype=kind) for _ in range(3))
        both.run(X, Y)
        here.run(X[:50], Y[:50])
        there.run(X[50:], Y[50:])
        before = everything(there)["arrays"]
        near(weights(here), weights(both), 10)
        assert np.linalg.norm(weights(here) - weights(both)) > 0.1 * np.linalg.norm(weights(both))
        assert here.merge(there) is here
        same(everything(there)["arrays"], before)
        near(weights(here), weights(both), tight(kind))
        near(here.P_, both.P_, tight(kind))
        X2, Y2 = data(rng, kind)
        near(here.run(X2, Y2), both.run(X2, Y2), tight(kind))


def test_merged_with_none():
    X, Y = data(np.random.default_rng(0), "float64")
    seen, fresh = RLS(), RLS()
    seen.run(X, Y)
    same(everything(fresh.merge(seen))["arrays"], everything(seen)["arrays"])
    same(everything(seen.merge(RLS()))["arrays"], everything(fresh)["arrays"])


def test_merge_refuses_what_has_no_meaning(rng):
    X, Y = data(rng, "float64")
    model = RLS()
    model.run(X, Y)
    refused("forgetting must be 1", RLS(forgetting=0.9).merge, RLS(forgetting=0.9))
    refused("same settings", model.merge, RLS(ridge=1.0))
    refused("must be an RLS", model.merge, NLMS())
    other = RLS()
    other.run(X[:, :3], Y)
    refused("9 features and 2 outputs", model.merge, other)


def test_loss_of_positive_definiteness_is_said_or_does_not_happen(kind):
    X = np.ones((20_000, 3), kind)  # nothing moves: P winds up by 1 / λ a step
    X[:, 2] = 0
    model = RLS(forgetting=0.5, ridge=1e-3, dtype=kind)
    with pytest.raises(DivergenceError, match=r"read-out .* at step") as caught:
        model.run(X, X[:, 0])
    assert 10 < caught.value.step < 20_000
    assert np.isfinite(model.W_out_).all()
    assert np.isfinite(model.b_out_).all()
    before = weights(model)
    with pytest.raises(DivergenceError, match="at step 0"):  # it does not heal by itself
        model.run(X, X[:, 0])
    np.testing.assert_array_equal(weights(model), before)
    model.reset_covariance().run(X[:10], X[:10, 0])
    near(model.predict(X[:3]), X[:3, 0], 1e-2)


def test_a_ridge_too_small_for_the_precision_is_said(rng):
    X, Y = data(rng, "float32", n_features=20, n_steps=5000)
    X[:, 10:] = X[:, :10] + 1e-4 * X[:, 10:]
    model = RLS(ridge=1e-8, dtype="float32")
    with pytest.raises(DivergenceError, match=r"positive definiteness.*larger ridge"):
        model.run(X, Y)
    RLS(dtype="float32").run(X, Y)


@pytest.mark.parametrize(("P", "x"), [([[1, 0], [0, -1e-3]], [1.0, 0.0]), ([[1, 1.2], [1.2, 1]], [1.0, -1.0])], ids=["diagonal", "event"])
def test_a_P_that_is_not_positive_definite_is_found(P, x, isa):
    model = RLS(intercept=False)
    model.step(x, 1.0)
    model._readout.set_covariance(np.array(P)[..., None])
    before = weights(model)
    with pytest.raises(DivergenceError, match="positive definiteness"):
        model.step(x, 2.0)
    np.testing.assert_array_equal(weights(model), before)


@pytest.mark.parametrize("model", [LMS(learning_rate=10.0), LMS(learning_rate=1e4)], ids=repr)
def test_divergence_of_lms_names_the_step(model, kind, rng):
    X, Y = data(rng, kind, n_steps=3000)
    model = clone(model).set_params(dtype=kind)
    with pytest.raises(DivergenceError, match="read-out stopped being finite") as caught:
        model.run(X, Y)
    step = caught.value.step
    assert 0 < step < 2000
    assert np.isfinite(model.W_out_).all()
    other = clone(model)
    other.run(X[:step], Y[:step])  # the steps before it were learnt, that one was not
    np.testing.assert_array_equal(other.W_out_, model.W_out_)


def test_shapes_are_kept(rng):
    X, Y = data(rng, "float64")
    model = RLS()
    assert model.run(X, Y[:, 0]).shape == (120,)
    assert model.predict(X).shape == (120,)
    assert model.step(X[0], 1.0).shape == ()
    assert model.step(list(X[0]), [1.0]).shape == (1,)
    assert model.reset().W_out_.any() == np.False_
    assert RLS().step(X[0], Y[0]).shape == (2,)
    assert RLS(intercept=False).step(X[0], Y[0]).shape == (2,)
    model.W_out_[:] = 7  # a copy
    assert not model.W_out_.any()


@every_kind
@pytest.mark.parametrize("built", [False, True])
def test_bad_input_changes_nothing(model, built, rng):
    X, Y = data(rng, "float64")
    model = clone(model)
    if built:
        model.run(X, Y)
    before = everything(model)
    at = X.copy()
    at[7, 3] = np.nan
    refused("X must be finite, got nan at series 0, step 7, column 3", model.run, at, Y)
    refused("Y must be finite", model.run, X, np.where(np.arange(2) == 1, np.inf, Y))
    refused("x must be finite", model.step, at[7], Y[7])
    refused("X must be float64", model.run, X.astype("float32"), Y)
    refused("Y must be real.*complex128", model.run, X, Y * 1j)
    refused("x must be real", model.step, X[0] * 1j, Y[0])
    refused("steps of X", model.run, X, Y[:-1])
    refused("at least one step", model.run, X[:0], Y[:0])
    refused("X must be", model.run, X[0], Y[0])
    refused("x must be", model.step, X, Y)
    if built:
        refused("9 columns", model.run, X[:, :3], Y)
        refused("2 columns", model.run, X, Y[:, 0])
        refused("must have shapes", model.step, X[0, :3], Y[0])
        refused("9 columns", model.predict, X[:, :3])
    same(everything(model), before)
    model.intercept = "no"
    refused("intercept", model.run, X, Y)


@pytest.mark.parametrize(("model", "message"), [
    (RLS(forgetting=0.0), r"forgetting must be a number in \(0, 1\]"), (RLS(forgetting=1.1), "forgetting"), (RLS(forgetting="1"), "forgetting"),
    (RLS(forgetting=float("nan")), "forgetting"), (RLS(ridge=0.0), "ridge must be a positive finite number"), (RLS(ridge=-1.0), "ridge"),
    (RLS(ridge=float("inf")), "ridge"), (RLS(ridge=1e-310), "ridge"), (RLS(ridge=1e-40, dtype="float32"), "ridge"), (RLS(dtype="int64"), "dtype"),
    (LMS(learning_rate=0.0), "learning_rate"), (LMS(learning_rate=None), "learning_rate"), (NLMS(learning_rate=2.0), r"learning_rate .*\(0, 2\)"),
    (NLMS(epsilon=0.0), "epsilon"), (NLMS(intercept=1), "intercept"),
], ids=repr)  # fmt: skip
def test_settings_are_checked(model, message):
    refused(message, model.step, [1.0], [1.0])
    assert not model._is_built()
