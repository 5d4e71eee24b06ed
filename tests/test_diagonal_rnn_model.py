"""DiagonalRNN as an estimator: forms of data, files, copies, interrupts, divergence, and what is refused."""

import pickle
import signal

import numpy as np
import pytest
from helpers import at, close, refused
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import pushforward as pf
from pushforward.diagonal_rnn import _model


def problem(rng, dtype="float64"):
    X = rng.normal(size=(5, 8, 2)).astype(dtype)
    return X, np.ascontiguousarray(np.tanh(X[:, :, 0] + 0.5 * X[:, :, 1]))


def same_model(a, b):
    for name in ("w_", "U_", "w_last_", "U_last_", "w_start_", "U_start_", "c_", "loss_curve_"):
        assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
        assert getattr(a, name).dtype == getattr(b, name).dtype
    assert a.n_iter_ == b.n_iter_


def test_forms_of_the_data(rng):
    X, y = problem(rng)
    model = pf.DiagonalRNN(16, random_state=0, n_iterations=20).fit(X, y)
    outputs = model.predict(X)
    assert outputs.shape == y.shape
    assert_array_equal(clone(model).fit(list(X), list(y)).w_, model.w_)
    column = clone(model).fit(X, y[:, :, None])
    assert_array_equal(column.w_, model.w_)
    assert column.predict(X).shape == (5, 8, 1)
    close(model.predict(X[2]), outputs[2], 1e-13)
    close(model.predict(list(X))[3], outputs[3], 1e-13)
    close(model.predict(X[1, :5]), outputs[1, :5], 1e-13)  # causal, and of any length
    assert_array_equal(model.predict(X.tolist()), outputs)
    one = clone(model).fit(X[0], y[0])
    assert one.predict(X[0]).shape == (8,) == one.linear_predict(X[0]).shape
    assert one.n_inputs_ == one.n_features_in_ == 2
    error = np.sum((y - outputs) ** 2) / np.sum((y - y.mean()) ** 2)
    assert model.score(X, y) == pytest.approx(1 - error)
    assert model.score(X, np.ones_like(y)) == 0


def test_scikit_learn_and_seeds(rng):
    X, y = problem(rng)
    settings = {"n_units": 16, "activation": "gelu", "alpha": 0.3, "projection": (1.0, 2.0), "learning_rate": 0.2, "n_iterations": 5}
    settings |= {"average": True, "dtype": "float64", "random_state": 4, "n_threads": 1}
    model = pf.DiagonalRNN(**settings)
    assert model.get_params() == settings == clone(model).get_params()
    assert model.fit(X, y) is model
    same_model(clone(model).fit(X, y), model)
    same_model(clone(model).set_params(n_threads=2).fit(X, y), model)
    same_model(pickle.loads(pickle.dumps(model)), model)
    assert not np.array_equal(clone(model).set_params(random_state=5).fit(X, y).U_start_, model.U_start_)
    free = clone(model).set_params(random_state=None)
    assert not np.array_equal(free.fit(X, y).U_start_, clone(free).fit(X, y).U_start_)
    first = model.w_
    model.w_[:] = 0
    assert_array_equal(model.w_, first)  # copies
    assert_array_equal(model.fit(X, y).w_, first)  # afresh


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("projection", [None, (0.3, 0.5)])
def test_a_run_resumed_from_its_file_goes_on_to_the_bit(rng, dtype, tmp_path, average, projection):
    X, y = problem(rng, dtype)
    model = pf.DiagonalRNN(16, projection=projection, average=average, n_iterations=20, dtype=dtype.name).fit(X, y)
    half = pf.DiagonalRNN(**model.get_params() | {"n_iterations": 8})
    half._build(2, flat=True, start=(model.w_start_, model.U_start_, model.c_))
    half.partial_fit(X, y).save(tmp_path / "m.safetensors")
    twin = pf.load(tmp_path / "m.safetensors")
    same_model(twin, half)
    assert_array_equal(twin.predict(X), half.predict(X))
    assert str(twin.get_params()) in (str(half.get_params()), str(half.get_params()).replace("(0.3, 0.5)", "[0.3, 0.5]"))
    same_model(twin.set_params(n_iterations=12).partial_fit(X, y), model)
    twin.save(tmp_path / "m.safetensors")
    assert_array_equal(pf.load(tmp_path / "m.safetensors").predict(X), model.predict(X))


def test_files_that_do_not_fit_are_refused(rng, tmp_path):
    X, y = problem(rng)
    model = pf.DiagonalRNN(16, n_iterations=3).fit(X, y)
    facts, arrays = model._to_file()
    refused("path: 'w' must be float64 of shape", pf.DiagonalRNN(16)._from_file, facts, arrays | {"w": arrays["w"][:4]})
    refused("path: 'U_sum' must be float64", pf.DiagonalRNN(16)._from_file, facts, arrays | {"U_sum": arrays["U"].astype("float32")})
    refused("path: 'risks' must be", pf.DiagonalRNN(16)._from_file, facts | {"n_iter": 4}, arrays)
    refused("path: 'c' must be ±1", pf.DiagonalRNN(16)._from_file, facts, arrays | {"c": 2 * arrays["c"]})
    refused("path: 'U' must be finite", pf.DiagonalRNN(16)._from_file, facts, arrays | {"U": at(arrays["U"], (0, 0), np.nan)})
    with pytest.raises(NotFittedError):
        pf.DiagonalRNN().save(tmp_path / "m.safetensors")


@pytest.mark.parametrize("average", [False, True])
def test_an_interrupt_leaves_the_last_whole_iteration(rng, tmp_path, monkeypatch, average):
    X, y = problem(rng)
    settings = {"n_units": 16, "random_state": 0, "average": average}
    calls, kernel = [], _model.diagonal_gradient

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 6:
            signal.raise_signal(signal.SIGINT)
        return kernel(*arguments)

    model = pf.DiagonalRNN(n_iterations=50, **settings)
    with monkeypatch.context() as patch:
        patch.setattr(_model, "diagonal_gradient", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    same_model(model, pf.DiagonalRNN(n_iterations=5, **settings).fit(X, y))
    model.save(tmp_path / "m.safetensors")
    same_model(model.set_params(n_iterations=45).partial_fit(X, y), pf.DiagonalRNN(n_iterations=50, **settings).fit(X, y))
    same_model(pf.load(tmp_path / "m.safetensors").set_params(n_iterations=45).partial_fit(X, y), model)


def test_an_interrupt_between_risk_and_weights_leaves_no_trace(rng):
    X, y = problem(rng)
    model = pf.DiagonalRNN(16, random_state=0, n_iterations=5).fit(X, y)
    twin = pickle.loads(pickle.dumps(model))
    model._risks.append(123.0)  # the risk was written, the weights were not
    assert_array_equal(model.loss_curve_, twin.loss_curve_)
    same_model(model.partial_fit(X, y), twin.partial_fit(X, y))


def test_divergence_names_the_iteration_and_keeps_what_was_learnt(rng, dtype):
    X, y = problem(rng, dtype)
    settings = {"activation": "gelu", "alpha": 0.9, "dtype": dtype.name, "random_state": 0}
    model = pf.DiagonalRNN(16, learning_rate=50.0, n_iterations=500, **settings)
    with pytest.raises(pf.DivergenceError, match=r"stopped being finite in iteration \d+; what was learnt before") as caught:
        model.fit(X, y)
    k = caught.value.iteration
    assert 1 < k < 499
    assert pickle.loads(pickle.dumps(caught.value)).iteration == k
    assert len(model.loss_curve_) == model.n_iter_
    assert k - 1 <= model.n_iter_ <= k
    assert np.isfinite(model.loss_curve_).all()
    assert np.isfinite(model.predict(X)).all()
    same_model(model, pf.DiagonalRNN(16, learning_rate=50.0, n_iterations=model.n_iter_, **settings).fit(X, y))
    projected = pf.DiagonalRNN(16, learning_rate=50.0, n_iterations=500, projection=(1.0, 1.0), **settings).fit(X, y)
    assert np.isfinite(projected.loss_curve_).all()


def test_divergence_where_weights_overflow(rng):
    X, y = problem(rng)
    model = pf.DiagonalRNN(16, learning_rate=1e308, n_iterations=50, random_state=0)
    with pytest.raises(pf.DivergenceError, match="in iteration") as caught:
        model.fit(X, 1e3 * y)
    assert model.n_iter_ <= caught.value.iteration
    assert np.isfinite(model.w_).all()
    assert np.isfinite(model.predict(X)).all()


def test_outputs_that_overflow_name_step_and_series(rng):
    X, y = problem(rng)
    model = pf.DiagonalRNN(16, "gelu", 0.9, n_iterations=2, random_state=0).fit(X, y)
    X[3, 5] = 1e308
    for predict in (model.predict, model.linear_predict):
        with pytest.raises(pf.DivergenceError, match=r"stopped being finite|not finite") as caught:
            predict(X)
        assert (caught.value.step, caught.value.series) == (5, 3)


def test_bad_settings_are_named(rng):
    X, y = problem(rng)
    refused("n_units must be even: .* got 15", pf.DiagonalRNN(15).fit, X, y)
    values = {
        "n_units": [0, -2, 2.0, True, "8"], "activation": ["relu", None], "alpha": [-0.1, np.nan, np.inf, "1", None],
        "dtype": ["float16", "complex128"], "learning_rate": [0, -1.0, np.inf, np.nan, None], "n_iterations": [0, 1.5], "average": [1, None],
        "random_state": [-1, 0.5], "n_threads": [0, 2.5],
        "projection": [1.0, (1.0,), (1.0, 1.0, 1.0), (-1.0, 1.0), (1.0, -0.1), (np.nan, 1.0), (1.0, np.inf), ("1", 1.0), (True, 1.0)],
    }  # fmt: skip
    for name, bad in values.items():
        for value in bad:
            refused(f"{name} must be", pf.DiagonalRNN(**{name: value}).fit, X, y)
    model = pf.DiagonalRNN(16, n_iterations=2).fit(X, y)
    refused("alpha was 0.5 when the model was built and is now 0.7", model.set_params(alpha=0.7).partial_fit, X, y)
    refused("n_iterations must be", model.set_params(alpha=0.5, n_iterations=0).partial_fit, X, y)


def test_bad_data_are_named_and_change_nothing(rng):
    X, y = problem(rng)
    with pytest.raises(NotFittedError):
        pf.DiagonalRNN().predict(X)
    with pytest.raises(NotFittedError):
        _ = pf.DiagonalRNN().w_
    model = pf.DiagonalRNN(16, n_iterations=5, random_state=0).fit(X, y)
    before = pickle.loads(pickle.dumps(model))
    for learn in (model.fit, model.partial_fit):
        refused("X must have at least one step in every series, got 0", learn, X[:, :0], y[:, :0])
        refused("X must have at least one step", learn, X[0, :0], y[0, :0])
        refused("X must hold at least one series", learn, X[:0], y[:0])
        refused("X must be .* got shape", learn, X[0, 0], y[0, 0])
        refused("X must be float64 like the model, got float32", learn, X.astype("float32"), y)
        refused("y must be float64 like the model, got float32", learn, X, y.astype("float32"))
        refused("X must be real like the model", learn, X + 0j, y)
        refused("y must have as many series and steps as X", learn, X, y[:, 1:])
        refused("y must have one output, as the network has, got 2", learn, X, X)
        refused("X must hold series of one length, got 5 to 8 steps", learn, [X[0], X[1, :5]], [y[0], y[1, :5]])
        refused("X must be finite, got nan at series 1, step 2, column 0", learn, at(X, (1, 2, 0), np.nan), y)
        refused("y must be finite", learn, X, at(y, (0, 3), np.inf))
        same_model(model, before)
    refused("X must have 2 columns", model.partial_fit, X[:, :, :1], y)
    refused("X must have 2 columns", model.predict, X[:, :, :1])
    refused("X must have at least one column", pf.DiagonalRNN(16).fit, X[:, :, :0], y)
    same_model(model, before)
    close(model.predict(X), before.predict(X), 1e-15)
