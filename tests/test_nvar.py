"""Next-generation reservoir computing: its features by the definition, its forecasts, and no delay across a series' start."""

import itertools
import pickle

import numpy as np
import pytest
from helpers import at, close, refused
from numpy.testing import assert_array_equal
from scipy.integrate import solve_ivp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import pushforward as pf
from pushforward.nvar import NVARRegressor
from pushforward.reference.ridge import ridge_readout


def features_by_definition(x, n_delays, stride, degrees):
    """One step and one product after the other."""
    rows = []
    for t in range((n_delays - 1) * stride, len(x)):
        linear = [x[t - j * stride, i] for j in range(n_delays) for i in range(x.shape[1])]
        chosen = [places for d in degrees for places in itertools.combinations_with_replacement(range(len(linear)), d)]
        rows.append(linear + [np.prod([linear[i] for i in places]) for places in chosen])
    return np.array(rows, x.dtype)


@pytest.mark.parametrize(
    ("n_delays", "stride", "order", "degrees"), [(1, 1, 2, [2]), (2, 1, 2, [2]), (3, 2, 3, [3]), (2, 3, [1, 2, 3], [2, 3]), (4, 1, 1, [])]
)
@pytest.mark.parametrize("kind", ["float64", "complex128"])
def test_equals_ridge_on_delays_and_monomials(rng, n_delays, stride, order, degrees, kind):
    x = rng.normal(size=(300, 2)).astype(kind) * (1 + 1j if kind == "complex128" else 1)
    y = (x[:, ::-1] * x + 0.1 * rng.normal(size=(300, 2))).astype(kind)
    model = NVARRegressor(n_delays, stride, order, ridge=0.1, dtype=kind).fit(x, y)
    features, skip = features_by_definition(x, n_delays, stride, degrees), (n_delays - 1) * stride
    W, b = ridge_readout(features, y[skip:], 0.1)
    assert model.W_out_.shape == (2, model.n_features_) == W.shape
    close(model.W_out_, W, 1e-10)
    outputs = model.predict(x)
    assert np.isnan(outputs[:skip]).all()
    close(outputs[skip:], features @ W.T + b, 1e-10)


def test_lorenz_by_the_paper():
    def slope(_, s):
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    start = [17.67715816276679, 12.931379185960404, 43.91404334248268]  # and the integrator, whose errors matter: the paper's (Nat. Commun. 12, 5564)
    x = np.ascontiguousarray(solve_ivp(slope, (0, 40), start, t_eval=np.arange(0, 40, 0.025), method="RK23").y.T[200:])
    for increments in (True, False):
        model = NVARRegressor(2, 1, 2, ridge=2.5e-6, predict_increment=increments).fit(x[:400], x[1:401])  # 10 time units to learn from
        assert model.n_features_ == 27  # 28 with the constant
        forecast = model.simulate(800, warmup=x[:401])
        assert pf.metrics.valid_prediction_time(x[401:1201], forecast, 0.025, lyapunov_exponent=0.9056, reference=x[:400]) > 5


def test_series_do_not_leak_into_each_other(rng):
    a, b = rng.normal(size=(40, 2)), rng.normal(size=(25, 2))
    ya, yb = rng.normal(size=(40, 1)), rng.normal(size=(25, 1))
    both = NVARRegressor(3, 2, ridge=0.5).fit([a, b], [ya, yb])
    features = np.concatenate([features_by_definition(x, 3, 2, [2]) for x in (a, b)])
    close(both.W_out_, ridge_readout(features, np.concatenate([ya[4:], yb[4:]]), 0.5)[0], 1e-10)
    one_by_one = NVARRegressor(3, 2, ridge=0.5).partial_fit(a, ya).reset_state().partial_fit(b, yb)
    close(one_by_one.W_out_, both.W_out_, 1e-10)
    batch = NVARRegressor(3, 2, ridge=0.5).fit(np.stack([a[:25], b]), np.stack([ya[:25], yb]))
    outputs = batch.predict(np.stack([b, a[:25]]))
    assert outputs.shape == (2, 25, 1)
    assert_array_equal(outputs[0], batch.predict(b))
    assert_array_equal(outputs[1], batch.predict([b, a[:25]])[1])


def test_a_stream_in_pieces_is_the_stream(rng):
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    whole = NVARRegressor(3, 2).fit(x, y)
    pieces = NVARRegressor(3, 2)
    for first, last in itertools.pairwise([0, 1, 3, 4, 20, 21, 60]):
        pieces.partial_fit(x[first:last], y[first:last])
    close(pieces.W_out_, whole.W_out_, 1e-8)
    new = rng.normal(size=(9, 2))
    assert_array_equal(whole.predict(new, state="current"), whole.predict(np.concatenate([x, new]))[60:])
    assert_array_equal(whole.simulate(5), whole.simulate(5, warmup=x))
    assert_array_equal(whole.fit(x, y).W_out_, NVARRegressor(3, 2).fit(x, y).W_out_)  # afresh


def test_the_closed_loop_is_one_prediction_after_the_other(dtype):
    x = np.sin(0.3 * np.arange(200)).astype(dtype)[:, None]
    model = NVARRegressor(2, 2, 3, ridge=1e-3, dtype=dtype.name).fit(x[:-1], x[1:])
    assert model.W_out_.dtype == model.predict(x).dtype == dtype
    known, expected = x, []
    for _ in range(12):
        expected.append(model.predict(known)[-1])
        known = np.concatenate([known, expected[-1][None]])
    forecast = model.simulate(12, warmup=x)
    assert forecast.dtype == dtype
    close(forecast, np.array(expected), 1e-6 if dtype == np.float32 else 1e-12)
    flat = NVARRegressor(2, 2, 3, ridge=1e-3, dtype=dtype.name).fit(x[:-1], x[1:, 0])
    assert_array_equal(flat.simulate(12, warmup=x), forecast[:, 0])
    both = model.simulate(12, warmup=np.stack([x, x[::-1]]))
    close(both[0], forecast, 1e-6 if dtype == np.float32 else 1e-12)


def test_increments_and_score(rng):
    x = np.cumsum(0.01 * rng.normal(size=(300, 1)), axis=0)
    model = NVARRegressor(predict_increment=True, ridge=1e9).fit(x[:-1], x[1:])  # nothing learnt but the mean: it stays where it is
    close(model.predict(x[:-1])[1:], x[1:-1] + np.mean(np.diff(x, axis=0)[1:]), 1e-6)
    assert 0.9 < model.score(x[:-1], x[1:]) < 1
    assert model.score([x[:50], x[60:90]], [x[:50], x[60:90]]) > 0.9


def test_what_runs_away_says_when(rng):
    x = rng.normal(size=(100, 1))
    model = NVARRegressor(1, 1, 2, ridge=1e-9).fit(x, 3 * x**2)
    with pytest.raises(pf.DivergenceError, match=r"at step \d+ of series 0") as caught:
        model.simulate(100, warmup=np.array([[2.0]]))
    assert 5 < caught.value.step < 15


def test_copies_go_on_where_the_model_stood(rng, tmp_path):
    x, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    model = NVARRegressor(2, 2, [2, 3]).fit(x[:40], y[:40])
    model.save(tmp_path / "m.safetensors")
    for twin in (pickle.loads(pickle.dumps(model)), pf.load(tmp_path / "m.safetensors")):
        assert_array_equal(twin.predict(x[40:], state="current"), model.predict(x[40:], state="current"))
        assert_array_equal(twin.partial_fit(x[40:], y[40:]).W_out_, clone(model).fit(x[:40], y[:40]).partial_fit(x[40:], y[40:]).W_out_)
    model.reset_state().save(tmp_path / "m.safetensors")
    refused("warmup must have at least", NVARRegressor(2).fit(x, x).reset_state().simulate, 3)
    assert_array_equal(pf.load(tmp_path / "m.safetensors").predict(x), model.predict(x))


def test_bad_input_is_named_and_changes_nothing(rng):
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 1))
    with pytest.raises(NotFittedError):
        NVARRegressor().predict(x)
    for name, bad in [("n_delays", 0), ("stride", 1.5), ("order", 0), ("order", "2"), ("ridge", -1), ("solver", "svd"), ("dtype", "int8")]:
        refused(name, NVARRegressor(**{name: bad}).fit, x, y)
    refused("predict_increment needs", NVARRegressor(predict_increment=True).fit, x, y)
    model = NVARRegressor(3, 2).fit(x, y)
    before = pickle.dumps(model.predict(x, state="current"))
    refused("y must be finite, got nan at series 0, step 9, column 0", model.partial_fit, x, at(y, (9, 0), np.nan))
    refused("X must be finite", model.fit, at(x, (3, 1), np.inf), y)
    refused("X must have more than .* = 4 steps", model.fit, x[:4], y[:4])
    refused("X must have more than .* got 2", model.partial_fit, [x, x[:2]], [y, y[:2]])
    refused("X must have 2 columns", model.partial_fit, x[:, :1], y)
    refused("y must have 1 columns", model.partial_fit, x, x)
    refused("X must be float64 like the model, got float32", model.predict, x.astype("float32"))
    refused("X must be one series", model.predict, [x, x], "current")
    refused("simulate\\(\\) needs as many outputs as inputs", model.simulate, 3, x)
    refused("X and Y must be small enough|X must be finite", model.partial_fit, x * 1e200, y)
    assert pickle.dumps(model.predict(x, state="current")) == before
    refused("warmup must have at least", NVARRegressor(3, 2).fit(x, x).simulate, 3, x[:4])
