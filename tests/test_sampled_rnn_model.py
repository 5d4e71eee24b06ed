"""Sampled networks as estimators: files, streams, scikit-learn, mistakes."""

import pickle

import numpy as np
import pytest
from helpers import refused
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from test_sampled_rnn import orbit

import pushforward as pf
from pushforward.koopman import Custom, Identity, Monomials, RadialBasis, RandomFourier, Sampled

MODELS = [
    pf.SampledRNN(n_units=7, random_state=0),
    pf.SampledRNN(n_units=7, n_delays=2, delay_compression=3, input_layer=4, include_state=False, random_state=0),
    pf.SampledRNN(n_units=7, target="state", solver="gram", include_constant=False, random_state=0),
    pf.SampledRNN(n_units=7, solver="svd", stabilize="project", ridge=1e-3, random_state=0),
    pf.KoopmanRegressor(Identity(), n_delays=3),
    pf.KoopmanRegressor(),
    pf.KoopmanRegressor(RadialBasis(n_units=6), random_state=0),
    pf.KoopmanRegressor(RandomFourier(n_units=6), random_state=0),
    pf.KoopmanRegressor(Sampled(n_units=6), random_state=0),
]


def everything(model, X, U):
    """All that can be asked of a model."""
    d = model.n_delays
    names = ("state_matrix_", "koopman_matrix_", "input_matrix_", "projection_", "singular_values_", "residuals_")
    found = {name: getattr(model, name) for name in names}
    found |= {"rank": model.rank_, "n": model.n_snapshots_, "predict": model.predict(X, U), "seen": model._accumulator.export_state()}
    found["simulate"] = model.simulate(X[: d + 1] if d else X[0], 9, U[:9])
    if model.target == "observables":
        found |= {"eigenvalues": model.eigenvalues_, "modes": model.modes_, "phi": model.eigenfunctions(X)}
        if model.solver != "gram":
            found["residuals"] = model.eigenpair_residuals_
    return found


def same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        if isinstance(one[key], dict):
            same(one[key], other[key])
        else:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: repr(m)[:40])
@pytest.mark.parametrize("asked", [True, False], ids=["fit", "partial_fit"])
def test_a_file_holds_everything_to_the_bit(model, asked, tmp_path, rng, dtype):
    X, U = orbit(rng, 700, dtype.name, n_inputs=2)
    model = clone(model).set_params(dtype=dtype.name)
    model = model.fit(X[:500], U[:500]) if asked else model.partial_fit(X[:150], U[:150]).partial_fit(X[150:500], U[150:500])
    model.save(tmp_path / "model.safetensors")
    twin = pf.load(tmp_path / "model.safetensors")
    assert type(twin) is type(model)
    assert repr(twin.get_params()) == repr(model.get_params())
    for m in (model, twin):
        m.partial_fit(X[500:], U[500:])
    same(everything(twin, X, U), everything(model, X, U))
    model.save(tmp_path / "again.safetensors")
    same(everything(pf.load(tmp_path / "again.safetensors"), X, U), everything(model, X, U))


def test_damaged_files_are_refused(tmp_path, rng):
    X, _ = orbit(rng, 100)
    model = pf.SampledRNN(n_units=4, random_state=0).fit(X)
    facts, arrays = model._to_file()
    for name in arrays:
        fresh = pf.SampledRNN(n_units=4, random_state=0)
        broken = {key: a for key, a in arrays.items() if key != name}
        with pytest.raises((KeyError, ValueError)):
            fresh._from_file(facts, pf.io.Arrays(broken))
    refused("'center' must have shape", fresh._from_file, facts, pf.io.Arrays(arrays | {"center": np.zeros(3)}))
    refused("'center' must be float64", fresh._from_file, facts, pf.io.Arrays(arrays | {"center": np.zeros(7, "float32")}))
    own = pf.KoopmanRegressor(Custom(np.sin)).fit(X)
    refused("Custom dictionary cannot be saved", own.save, tmp_path / "own")
    twin = pickle.loads(pickle.dumps(own))
    np.testing.assert_array_equal(twin.predict(X), own.predict(X))


def test_the_customs_of_scikit_learn(rng):
    X, U = orbit(rng, 300, n_inputs=2)
    model = pf.SampledRNN(n_units=5, random_state=0).fit(X, U)
    assert is_regressor(model)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(X, U)
    assert not hasattr(copy, "koopman_matrix_")
    assert not hasattr(copy, "n_features_in_")
    assert hasattr(model, "koopman_matrix_")
    assert not hasattr(pf.SampledRNN(n_units=5, target="state").fit(X), "eigenvalues_")
    assert "monomials" in repr(pf.KoopmanRegressor(Monomials(2))).lower()
    nested = clone(pf.KoopmanRegressor(Monomials(2)).fit(X)).set_params(dictionary__degree=3)
    assert nested.fit(X).n_features_ == 10


def test_a_grid_search_finds_the_better_network(rng):
    X, U = pf.datasets.lorenz63(600, dt=0.02), rng.normal(size=(600, 2))
    search = GridSearchCV(pf.SampledRNN(random_state=0), {"n_units": [1, 30], "ridge": [0.0, 1e6]}, cv=TimeSeriesSplit(3)).fit(X, U)
    assert search.best_params_ == {"n_units": 30, "ridge": 0.0}
    parts = [X[:150], X[150:280], X[280:450], X[450:]]
    search = GridSearchCV(pf.SampledRNN(random_state=0), {"n_units": [1, 30]}, cv=2).fit(parts)
    assert search.best_params_ == {"n_units": 30}


def test_solver_settings_may_change_afterwards(rng):
    X, _ = orbit(rng, 300)
    model = pf.SampledRNN(n_units=10, random_state=0).fit(X)
    before = model.predict(X)
    model.set_params(ridge=10.0, rcond=1e-6)
    np.testing.assert_array_equal(model.predict(X), pf.SampledRNN(n_units=10, random_state=0, ridge=10.0, rcond=1e-6).fit(X).predict(X))
    assert np.abs(model.predict(X) - before).max() > 1e-3
    model.set_params(ridge=0.0, rcond=1e-10)
    np.testing.assert_array_equal(model.predict(X), before)
    model.set_params(n_units=11)
    refused("n_units was 10 when the model was built", model.predict, X)


def test_lists_are_converted_and_arrays_of_another_dtype_refused(rng):
    X, U = orbit(rng, 60, n_inputs=1)
    model = pf.SampledRNN(n_units=4, random_state=0).fit(X.tolist(), U.tolist())
    np.testing.assert_array_equal(model.koopman_matrix_, pf.SampledRNN(n_units=4, random_state=0).fit(X, U).koopman_matrix_)
    np.testing.assert_array_equal(model.simulate(X[0].tolist(), 3, U[:3].tolist()), model.simulate(X[0], 3, U[:3]))
    for call in (
        lambda: model.partial_fit(X.astype("float32"), U),
        lambda: model.predict(X, U.astype("float32")),
        lambda: model.simulate(X[0].astype("float32"), 3, U[:3]),
        lambda: model.forecast(np.ones((3, 2), int), 1, U[:3]),
    ):
        refused("must be float64 like the model", call)


BAD_DATA = [
    (lambda X, U: (X[:2], U[:2]), r"trajectories must have at least 3 steps each \(n_delays = 1 of them are past only\), got 2 in trajectory 0"),
    (lambda X, U: ([X, X[:1]], [U, U[:1]]), "trajectories must have at least 3 steps .* in trajectory 1"),
    (lambda X, U: ([X, X[:, :1]], [U, U]), "trajectories must have as many columns in every series, got 2 in series 0 and 1 in series 1"),
    (lambda X, U: (X[:, 0], U), r"trajectories must be \(n_steps, n_state\).*one variable: reshape"),
    (lambda X, U: (np.where(np.arange(200)[:, None] == 17, np.nan, X), U), "trajectories must be finite, got nan at series 0, step 17"),
    (lambda X, U: (X, np.where(np.arange(200)[:, None] == 9, np.inf, U)), "inputs must be finite, got inf at series 0, step 9"),
    (lambda X, U: (X, U[:-1]), r"inputs must be as many as trajectories and as long, 1 of \[200\] steps, got 1 of \[199\]"),
    (lambda X, U: ([X, X], U), "inputs must be as many as trajectories"),
    (lambda X, U: ([], None), "trajectories must"),
    (lambda X, U: (X, U, [1.0, 2.0]), r"sample_weight must have shape \(200,\)"),
    (lambda X, U: ([X, X], [U, U], [np.ones(200)]), "sample_weight must be one for each of the 2 trajectories, got 1"),
    (lambda X, U: (X, U, -np.ones(200)), "sample_weight must be finite and not negative"),
]
BAD_AGAIN = [
    (lambda X, U: (X, None), "inputs must be given: the model has 1"),
    (lambda X, U: (X, np.hstack([U, U])), r"inputs must have 1 columns \(n_inputs\), got 2"),
    (lambda X, U: (np.hstack([X, X]), U), r"trajectories must have 2 columns \(n_state\), got 4"),
]


@pytest.mark.parametrize(("data", "message"), BAD_DATA + BAD_AGAIN)
def test_bad_data_are_named_and_change_nothing(data, message, rng):
    X, U = orbit(rng, 200, n_inputs=1)
    model = pf.SampledRNN(n_units=4, n_delays=1, random_state=0)
    if (data, message) in BAD_DATA:
        refused(message, model.partial_fit, *data(X, U))
        assert not model._is_built()
    model.fit(X, U)
    before = everything(model, X, U)
    if (data, message) in BAD_DATA:
        refused(message, model.fit, *data(X, U))
    refused(message, model.partial_fit, *data(X, U))
    same(everything(model, X, U), before)


def test_inputs_cannot_come_later(rng):
    X, U = orbit(rng, 50)
    refused("inputs", pf.SampledRNN(n_units=3, random_state=0).fit(X).partial_fit, X, U)
    refused("inputs", pf.SampledRNN(n_units=3, random_state=0).fit(X).predict, X, U)


def test_a_mistake_half_way_through_the_features_changes_nothing(rng):
    X, _ = orbit(rng, 500)
    model = pf.KoopmanRegressor(Custom(lambda Z: np.log(10 + Z)), random_state=0).fit(X)
    before = model._accumulator.export_state(), model.koopman_matrix_, model.n_snapshots_
    with np.errstate(invalid="ignore"):
        refused(r"features of X\[0:\] must be finite", model.partial_fit, [X, np.where(np.arange(500)[:, None] == 400, -20.0, X)])
    same(model._accumulator.export_state(), before[0])
    np.testing.assert_array_equal(model.koopman_matrix_, before[1])
    assert model.n_snapshots_ == before[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rcond": -1.0}, "rcond must be a finite number that is not negative, got -1.0"),
        ({"ridge": np.nan}, "ridge must be a finite number"),
        ({"ridge": "1"}, "ridge must be a finite number"),
        ({"n_units": 0}, "n_units must be a positive int"),
        ({"n_delays": -1}, "n_delays must be a non-negative int"),
        ({"n_delays": 1.0}, "n_delays must be a non-negative int"),
        ({"delay_compression": 0}, "delay_compression must be a positive int or None"),
        ({"delay_compression": 3}, "delay_compression must be at most 2, the width of the delayed states, got 3"),
        ({"activation": "cos"}, "activation must be one of"),
        ({"scheme": "grid"}, "scheme must be one of"),
        ({"target": "all"}, "target must be one of"),
        ({"solver": "lu"}, "solver must be one of"),
        ({"dtype": "float16"}, "dtype must be one of"),
        ({"input_layer": "sampled"}, "input_layer must be one of identity"),
        ({"input_layer": 0}, "input_layer must be 'identity' or a positive int"),
        ({"stabilize": "clip"}, "stabilize must be one of project"),
        ({"stabilize": "project", "target": "state"}, "stabilize must be None with target"),
        ({"include_state": "yes"}, "include_state must be True or False"),
        ({"weight_scaling": 0.0}, "weight_scaling must be a positive finite number"),
        ({"random_state": -1}, "random_state must be a non-negative int"),
    ],
)
def test_bad_settings_are_named(settings, message, rng):
    X, _ = orbit(rng, 60)
    refused(message, pf.SampledRNN(**{"n_units": 4, "random_state": 0} | settings).fit, X)


def test_constant_data_and_bad_starts_are_named(rng):
    X, U = orbit(rng, 60, n_inputs=1)
    refused("X must vary|Z must vary|must vary", pf.SampledRNN(n_units=4).fit, np.ones((50, 2)))
    refused("dictionary must be one of", pf.KoopmanRegressor(np.sin).fit, X)
    model = pf.SampledRNN(n_units=4, n_delays=2, random_state=0).fit(X, U)
    refused(r"x0 must be \(3, 2\), the last states, oldest first, or \(n_series, 3, 2\), got shape \(2,\)", model.simulate, X[0], 3, U[:3])
    refused("x0 must be finite", model.simulate, np.full((3, 2), np.nan), 3, U[:3])
    refused(r"inputs must have shape \(3, 1\), got \(2, 1\)", model.simulate, X[:3], 3, U[:2])
    refused("inputs must be given exactly when", model.simulate, X[:3], 3)
    refused("n_steps must be a positive int", model.simulate, X[:3], 0, U[:3])
    refused("horizon must be a positive int", model.forecast, X, 0, U)
    plain = pf.SampledRNN(n_units=4, target="state", random_state=0).fit(X)
    with pytest.raises(AttributeError, match='target must be "observables"'):
        plain.simulate_linear(X[0], 3)
    refused('target must be "observables" for control', plain.lqr, 1.0, 1.0)


def test_dask_arrays_and_delayed_pieces_give_what_arrays_give(rng):
    dask, array = pytest.importorskip("dask"), pytest.importorskip("dask.array")
    X, U = orbit(rng, 900, n_inputs=1)
    settings = {"n_units": 8, "n_delays": 1, "random_state": 0}
    lazy = pf.SampledRNN(**settings).fit(array.from_array(X, chunks=(300, 2)), array.from_array(U, chunks=(450, 1)))
    first = pf.SampledRNN(**settings).partial_fit(X[:302], U[:302])  # the first piece, of which all is drawn
    first.partial_fit(X[300:], U[300:])
    np.testing.assert_array_equal(lazy.W_, first.W_)
    np.testing.assert_allclose(lazy.state_matrix_, first.state_matrix_, rtol=0, atol=1e-9 * np.abs(first.state_matrix_).max())
    assert lazy.n_snapshots_ == first.n_snapshots_ == 898
    lazy.partial_fit([dask.delayed(X[:100]), dask.delayed(X[100:])], [dask.delayed(U[:100]), dask.delayed(U[100:])])
    assert lazy.n_snapshots_ == 898 + 98 + 798
    before = everything(lazy, X, U)
    refused("sample_weight must be None", lazy.partial_fit, array.from_array(X), array.from_array(U), np.ones(900))
    refused("trajectory 1: trajectories must be finite", lazy.partial_fit, [dask.delayed(X), dask.delayed(X * np.nan)], [U, U])
    refused("inputs must be given", lazy.partial_fit, array.from_array(X))
    refused("float32", lazy.fit, array.from_array(X.astype("float32")), array.from_array(U))
    same(everything(lazy, X, U), before)
