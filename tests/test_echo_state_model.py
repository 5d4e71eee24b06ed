"""Echo state models as scikit-learn's and as files: cloned, searched, pickled, saved; and bad input, which leaves them as they were."""

import pickle

import numpy as np
import pytest
from echo import model, task
from helpers import at, refused
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, TimeSeriesSplit

import pushforward as pf

WAYS = {
    "plain": {},
    "deep": {"n_units": [20, 10], "leak_rate": [0.5, 1.0]},
    "feedback": {"feedback": True},
    "noise": {"noise": 0.1},
    "float32": {"dtype": "float32", "ridge": 1e-2},
    "complex": {"dtype": "complex128"},
    "complex64": {"dtype": "complex64", "ridge": 1e-2},
    "orthogonal": {"topology": "orthogonal"},
    "ring": {"topology": "ring"},
    "cycle": {"topology": "cycle_with_jumps"},
    "delay line": {"topology": "delay_line"},
    "blocks": {"topology": "block_diagonal"},
    "edge of stability": {"proximity": 0.2},
    "plastic": {"intrinsic_plasticity": "gaussian"},
    "a matrix": {"topology": 0.1 * np.eye(30)},
    "a sparse matrix": {"topology": sparse.csr_array(0.1 * np.eye(30))},
    "an operator": {"topology": pf.reservoirs.CycleWithJumps(30, 0.5, 0.1, jump=4)},
    "a complex operator": {"topology": pf.reservoirs.Ring(30, 0.5 + 0.3j), "dtype": "complex128"},
    "a read-out": {"readout": pf.kernels.RLS(ridge=1e-2)},
    "rls": {"readout": "rls", "ridge": 1e-2, "forgetting": 0.99},
    "complex rls": {"readout": "rls", "ridge": 1e-2, "dtype": "complex128"},
    "nlms": {"readout": "nlms"},
    "lms": {"readout": "lms", "learning_rate": 1e-3},
    "by unit": {"leak_rate": np.linspace(0.1, 1.0, 30), "input_scaling": np.array([0.5, 1.0])},
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def same_model(a, b):
    np.testing.assert_array_equal(a.W_out_, b.W_out_)
    np.testing.assert_array_equal(a.b_out_, b.b_out_)
    np.testing.assert_array_equal(a.state_, b.state_)


@each_way
@pytest.mark.parametrize("n_series", [None, 3])
def test_a_loaded_model_goes_on_bit_for_bit(way, n_series, rng, tmp_path):
    numbers = way.get("dtype", "float64")
    X, y = task(rng, n_series=n_series, dtype=numbers)
    first, rest = (..., slice(0, 150), slice(None)), (..., slice(150, 300), slice(None))
    esn = model(**way).partial_fit(X[first], y[first])
    esn.save(tmp_path / "m.safetensors")
    for twin in (pf.load(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(esn))):
        assert type(twin) is type(esn)
        original = pickle.loads(pickle.dumps(esn))
        assert twin.get_params().keys() == esn.get_params().keys()
        same_model(twin, original)
        np.testing.assert_array_equal(twin.predict(X), original.predict(X))
        same_model(twin.partial_fit(X[rest], y[rest]), original.partial_fit(X[rest], y[rest]))
        same_model(twin.fit(X, y), original.fit(X, y))


def test_a_saved_classifier(rng, tmp_path):
    X, y = [rng.normal(size=(n, 2)) for n in range(5, 35)], np.array(["no", "yes"] * 15)
    esn = pf.EchoStateClassifier(n_units=20).fit(X, y)
    esn.save(tmp_path / "m")
    twin = pf.load(tmp_path / "m")
    np.testing.assert_array_equal(twin.predict_proba(X), esn.predict_proba(X))
    np.testing.assert_array_equal(twin.predict(X), esn.predict(X))
    same_model(twin.partial_fit(X, y), esn.partial_fit(X, y))


def test_saved_between_events_and_after_a_reset(rng, tmp_path):
    X, y = task(rng)
    esn = model(readout="rls", ridge=1e-2).fit(X, y)
    esn.learn_one(X[0], y[0])
    esn.save(tmp_path / "m")
    twin = pf.load(tmp_path / "m")
    for a, b in zip(X, y, strict=True):
        np.testing.assert_array_equal(twin.learn_one(a, b), esn.learn_one(a, b))
    esn = model().fit(X, y[:, 0])
    esn.predict(X[:50], advance=True)
    esn.save(tmp_path / "m")
    twin = pf.load(tmp_path / "m")
    np.testing.assert_array_equal(twin.predict(X, state="current"), esn.predict(X, state="current"))
    twin.reset_state().save(tmp_path / "m")
    again = pf.load(tmp_path / "m")
    np.testing.assert_array_equal(again.state_, 0)
    same_model(again.partial_fit(X, y[:, 0]), twin.partial_fit(X, y[:, 0]))


def test_damaged_files_are_refused(rng, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    X, y = task(rng)
    model().fit(X, y).save(tmp_path / "m")
    with safe_open(tmp_path / "m", framework="np") as file:
        header, names = dict(file.metadata()), list(file.keys())
        tensors = {name: file.get_tensor(name) for name in names}
    for name in names:
        save_file({key: a for key, a in tensors.items() if key != name}, tmp_path / "part", metadata=header)
        refused("path", pf.load, tmp_path / "part")
    for name in ("stand.states", "layer0.W_in", "layer0.bias"):
        save_file(tensors | {name: tensors[name][:-1].copy()}, tmp_path / "part", metadata=header)
        with pytest.raises(ValueError):
            pf.load(tmp_path / "part")
    for key in ("facts", "settings"):
        save_file(tensors, tmp_path / "part", metadata=header | {key: "{}" if key == "facts" else '{"magic": 1}'})
        refused("the header of .* is damaged", pf.load, tmp_path / "part")


@each_way
def test_clones_are_unfitted_twins(way, rng):
    X, y = task(rng, dtype=way.get("dtype", "float64"))
    esn = model(**way).fit(X, y)
    twin = clone(esn)
    with pytest.raises(NotFittedError, match="has seen no data yet"):
        twin.predict(X)
    same_model(twin.fit(X, y), esn)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of joblib's workers
def test_search_over_settings(rng):
    X, y = task(rng, n_steps=600)
    splits = TimeSeriesSplit(3)
    found = GridSearchCV(model(), {"ridge": [1e-6, 1e4], "leak_rate": [1.0, 0.05]}, cv=splits, n_jobs=2, error_score="raise").fit(X, y)
    assert found.best_params_ == {"ridge": 1e-6, "leak_rate": 1.0}
    assert found.best_score_ > 0.5
    alone = GridSearchCV(model(), {"ridge": [1e-6, 1e4], "leak_rate": [1.0, 0.05]}, cv=splits, error_score="raise").fit(X, y)
    np.testing.assert_allclose(found.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], rtol=1e-9)
    RandomizedSearchCV(model(), {"spectral_radius": [0.1, 0.9]}, n_iter=2, cv=splits, random_state=0, error_score="raise").fit(X, y)


def test_changed_settings_are_noticed(rng):
    X, y = task(rng)
    esn = model().fit(X, y)
    esn.set_params(leak_rate=0.5)
    for call in (lambda: esn.partial_fit(X, y), lambda: esn.predict(X), lambda: esn.states(X)):
        refused(r"leak_rate was 1.0 when the model was built and is now 0.5; fit\(\) starts afresh with it", call)
    same_model(esn.fit(X, y), model(leak_rate=0.5).fit(X, y))


SETTINGS = [
    ({"leak_rate": 0.0}, r"leak_rate must lie in \(0, 1\], got 0.0"),
    ({"leak_rate": 1.5}, r"leak_rate must lie in \(0, 1\], got 1.5"),
    ({"leak_rate": np.ones(29)}, r"leak_rate must be a number or \(30,\), one a unit"),
    ({"proximity": 0.0}, r"proximity must be a number in \(0, 1\], got 0.0"),
    ({"proximity": 0.5, "leak_rate": 0.5}, "leak_rate must be left at 1 with proximity"),
    ({"forgetting": 0.0}, r"forgetting must be a number in \(0, 1\], got 0.0"),
    ({"forgetting": 1.1, "readout": "rls"}, r"forgetting must be a number in \(0, 1\], got 1.1"),
    ({"ridge": -1.0}, "ridge must be a finite number of at least 0, got -1.0"),
    ({"ridge": 0.0, "readout": "rls"}, "ridge must be a positive finite number"),
    ({"readout": "svm"}, "readout must be one of ridge, rls, nlms, lms, got 'svm'"),
    ({"topology": "star"}, "topology must be one of random, .*, got 'star'"),
    ({"topology": np.eye(29)}, r"topology must be \(30, 30\), got \(29, 29\)"),
    ({"topology": np.full((30, 30), np.nan)}, "topology must be finite"),
    ({"activation": "step"}, "activation must be one of .*, got 'step'"),
    ({"connectivity": 0.0}, r"connectivity must be a number in \(0, 1\], got 0.0"),
    ({"spectral_radius": -0.1}, "spectral_radius must be a finite number of at least 0"),
    ({"spectral_radius": "large"}, "spectral_radius must be a finite number of at least 0, got 'large'"),
    ({"input_scaling": np.ones(3)}, r"input_scaling must be a number or \(2,\), one an input, got shape \(3,\)"),
    ({"noise": np.nan}, "noise must be a finite number"),
    ({"n_units": 0}, "n_units must be a positive int"),
    ({"n_units": 10.0}, "n_units must be a positive int"),
    ({"dtype": "float16"}, "dtype must be one of float32, float64, complex64, complex128, got 'float16'"),
    ({"random_state": -1}, "random_state must be a non-negative int, got -1"),
    ({"washout": -1}, "washout must be a non-negative int"),
    ({"washout": 2.5}, "washout must be a non-negative int"),
    ({"washout": [1, 2]}, "washout must be an int, or one for each of the 1 series, got 2"),
    ({"washout": 300}, "washout must be shorter than every series, got 300 for series 0 of 300 steps"),
    ({"feedback": 1}, "feedback must be True or False, got 1"),
    ({"solver": "svd"}, "solver must be one of qr, gram, got 'svd'"),
]


@pytest.mark.parametrize(("settings", "message"), SETTINGS, ids=lambda s: "-".join(s) if isinstance(s, dict) else "")
def test_bad_settings(settings, message, rng):
    X, y = task(rng)
    esn = model(**settings)
    refused(message, esn.fit, X, y)
    assert not [name for name in vars(esn) if name.endswith("_")]
    good = model().fit(X, y)
    weights = good.W_out_
    good.set_params(**settings)
    refused(message, good.fit, X, y)
    good.set_params(**model().get_params())
    np.testing.assert_array_equal(good.predict(X), model().fit(X, y).predict(X))
    np.testing.assert_array_equal(good.W_out_, weights)


def test_bad_data_leaves_the_model_as_it_was(rng):
    X, y = task(rng)
    esn = model().fit(X, y)
    before = pickle.dumps(esn)
    cases = [
        ((at(X, (7, 1), np.nan), y), "X must be finite, got nan at series 0, step 7, column 1"),
        (([X, at(X, (9, 0), np.inf)], [y, y]), "X must be finite, got inf at series 1, step 9, column 0"),
        ((X, at(y, (250, 1), -np.inf)), "y must be finite, got -inf at series 0, step 250, column 1"),
        ((X.astype(complex), y), r"X must be real like the model \(float64\), got complex numbers \(complex128\); give the model dtype='complex128'"),
        ((X, y.astype(complex)), "y must be real like the model"),
        ((X.astype("float32"), y), "X must be float64 like the model, got float32"),
        ((X.astype(int), y), "X must be float64 like the model, got int64"),
        ((X, y[:-1]), "y must have as many series and steps as X"),
        ((X[:, 0], y), r"X must be \(n_steps, n_inputs\), .*, got shape \(300,\); one input: reshape"),
        (([], []), "X"),
        (([X, X[:0]], [y, y[:0]]), "X must have at least one step in every series, got 0 steps in series 1"),
        (([X, X[:, :1]], [y, y]), "X must have as many columns in every series"),
        (([X, X], [y]), "y must be a list of 2 series like X, got 1 of them"),
        (([X, X[:20]], [y, y[:20]]), "washout must be shorter than every series, got 20 for series 1 of 20 steps"),
        (("text", y), "X must be an array of float64 numbers, got str"),
        (([[1.0, 2.0], [3.0]], [1.0, 2.0]), "X"),
    ]
    for (data, targets), message in cases:
        refused(message, esn.fit, data, targets)
        assert pickle.dumps(esn) == before
    for (data, targets), message in [
        ((X[:, :1], y), r"X must have 2 columns \(n_inputs\), got 1"),
        ((X, y[:, :1]), r"y must have 2 columns \(n_outputs\), got 1"),
        ((np.stack([X, X]), np.stack([y, y])), "X must have 1 series like the data before it, got 2"),
    ]:
        refused(message, esn.partial_fit, data, targets)
        assert pickle.dumps(esn) == before
    refused("n_steps must be a positive int", esn.simulate, 0)
    refused("inputs must not be given without feedback", esn.simulate, 3, inputs=X[:3])
    refused("warmup_targets must not be given without feedback", esn.simulate, 3, warmup=X, warmup_targets=y)
    refused(r"learn_one\(\), got ridge; use partial_fit", esn.learn_one, X[0], y[0])
    refused("state must be one of start, current, got 'end'", esn.predict, X, state="end")
    refused("x must have shape", esn.predict_one, X[0, :1])
    refused(r"simulate\(\) needs as many outputs as inputs, got 1 outputs for 2 inputs", model().fit(X, y[:, 0]).simulate, 3)
    refused("inputs must be given with feedback=True", model(feedback=True).fit(X, y).simulate, 3)
    refused(r"inputs must have shape \(3, 2\)", model(feedback=True).fit(X, y).simulate, 3, inputs=X[:4])
    refused("input_scaling must be given when learn_one", model(readout="rls").learn_one, X[0], y[0])


def test_nothing_learnt_yet(rng):
    X, y = task(rng)
    with pytest.raises(NotFittedError, match="has seen no data yet"):
        model().predict(X)
    esn = model().partial_fit(X[:20], y[:20])  # all of it the washout
    refused("nothing has been learnt yet: no step came behind the washout", esn.predict, X)
    assert esn.partial_fit(X[20:], y[20:]).predict(X).shape == y.shape


def test_an_overflowing_reservoir_says_its_step(rng):
    X, y = task(rng)
    esn = model(activation="relu", spectral_radius=0.5, input_scaling=5.0).fit(X, y)
    before = pickle.dumps(esn)
    for learn in (esn.partial_fit, esn.fit):
        with pytest.raises(pf.DivergenceError, match="at step 200 of series 0"):
            learn(at(X, (200, 0), 1e308), y)
        assert pickle.dumps(esn) == before
    growing = model(activation="identity", spectral_radius=30.0, input_scaling=1.0)
    with pytest.raises(pf.DivergenceError) as caught:
        growing.fit(np.concatenate([X, X, X]), np.concatenate([y, y, y]))
    assert 150 < caught.value.step < 300
    with pytest.raises(NotFittedError):
        growing.predict(X)


def test_an_overflow_in_a_later_chunk_forgets_the_earlier(rng):
    X, y = task(rng, n_steps=9000)
    esn = model(activation="relu", spectral_radius=0.5, input_scaling=5.0).partial_fit(X, y)
    weights, state = esn.W_out_, esn.state_
    with pytest.raises(pf.DivergenceError, match="at step 8500 of series 0"):
        esn.partial_fit(at(X, (8500, 0), 1e308), y)
    np.testing.assert_array_equal(esn.W_out_, weights)
    np.testing.assert_array_equal(esn.state_, state)
