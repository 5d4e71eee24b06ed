"""Ridge regression streamed: the whole least-squares problem, whatever the chunks, their order and the number of machines."""

import copy
import pickle

import numpy as np
import pytest
from helpers import at, close, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import pushforward as pf
from pushforward.errors import SingularReadoutError
from pushforward.linalg import StreamingGram, StreamingQR
from pushforward.readout import Ridge
from pushforward.reference.ridge import ridge_readout

SOLVERS = ["qr", "gram"]
DTYPES = ["float32", "float64", "complex64", "complex128"]


def numbers(rng, *shape, dtype="float64"):
    a = rng.normal(size=shape)
    return (a + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else a).astype(dtype)


def problem(rng, n_steps=400, n_features=12, n_outputs=3, dtype="float64"):
    """Features and targets with means, so that the intercept matters."""
    X = numbers(rng, n_steps, n_features, dtype=dtype) + np.dtype(dtype).type(0.5)
    return X, (X @ numbers(rng, n_features, n_outputs, dtype=dtype) + numbers(rng, n_steps, n_outputs, dtype=dtype) + 2).astype(dtype)


def ill_conditioned(rng, condition, n_steps=300, n_features=20):
    U, V = (np.linalg.qr(rng.normal(size=(n, n_features)))[0] for n in (n_steps, n_features))
    return U * np.logspace(0, -np.log10(condition), n_features) @ V.T


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("intercept", "penalise"), [(True, False), (True, True), (False, False)])
def test_equals_least_squares_of_the_augmented_matrix(rng, dtype, solver, intercept, penalise):
    X, Y = problem(rng, dtype=dtype)
    weights = rng.uniform(0, 2, len(X))
    single = np.dtype(dtype).char in "fF"
    for ridge in (0.0, 0.3, 100.0):
        model = Ridge(ridge, solver=solver, intercept=intercept, penalise_intercept=penalise).fit(X, Y, weights)
        W, b = ridge_readout(X, Y, ridge, weights, intercept=intercept, penalise_intercept=penalise)
        assert model.W_out_.dtype == model.b_out_.dtype == model.predict(X).dtype == dtype
        tol = 2e-4 if single else 1e-11
        close(model.W_out_, W, tol)
        close(model.predict(X), X @ W.T + b, tol)
        assert np.allclose(model.b_out_, b, rtol=tol, atol=tol)
        close(model.residual_norm_, np.sqrt(weights @ np.abs(Y - X @ W.T - b) ** 2), 1e-3 if single else 1e-11)


@pytest.mark.parametrize("solver", SOLVERS)
@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 119), max_size=6), order=st.randoms(use_true_random=False), n_machines=st.integers(1, 3))
def test_neither_chunks_nor_their_order_nor_machines_matter(solver, cuts, order, n_machines):
    X, Y = problem(np.random.default_rng(1), 120, 6, 2)
    whole = Ridge([0.0, 0.1], solver=solver).fit(X, Y)
    chunks = list(np.split(np.arange(120), sorted(set(cuts))))
    order.shuffle(chunks)
    machines = [Ridge([0.0, 0.1], solver=solver) for _ in range(n_machines)]
    for i, rows in enumerate(chunks):
        machines[i % n_machines].partial_fit(X[rows], Y[rows])
    first = Ridge([0.0, 0.1], solver=solver)
    for machine in machines[: len(chunks)]:
        first.merge(machine)
    assert first.n_steps_ == 120
    close(first.W_out_, whole.W_out_, 1e-10)
    close(first.b_out_, whole.b_out_, 1e-10)
    close(first.residual_norm_, whole.residual_norm_, 1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_several_penalties_are_each_alone(rng, solver):
    X, Y = problem(rng)
    values = [1e-6, 0.1, 10.0]
    several = Ridge(values, solver=solver).fit(X, Y)
    assert several.W_out_.shape == (3, 3, 12)
    assert several.predict(X).shape == (3, 400, 3)
    for i, ridge in enumerate(values):
        alone = Ridge(ridge, solver=solver).fit(X, Y)
        assert_array_equal(several.W_out_[i], alone.W_out_)
        assert_array_equal(several.b_out_[i], alone.b_out_)
        assert_array_equal(several.solve(ridge)[0], alone.W_out_)
    assert_array_equal(several.W_out_[2], several.solve(values)[0][2])


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_weight_is_that_many_rows(rng, solver):
    X, Y = problem(rng)
    counts = rng.integers(0, 4, len(X))
    weighted = Ridge(0.1, solver=solver).fit(X, Y, counts)
    close(weighted.W_out_, Ridge(0.1, solver=solver).fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0)).W_out_, 1e-11)


def test_the_intercept_costs_nothing(rng):
    X, Y = problem(rng)
    shifted = Ridge(50.0).fit(X + 3.0, Y + 1e6)  # a mean changes the intercept, and nothing else
    close(shifted.W_out_, Ridge(50.0).fit(X, Y).W_out_, 1e-8)
    assert not np.allclose(Ridge(50.0, penalise_intercept=True).fit(X, Y + 100).W_out_, Ridge(50.0, penalise_intercept=True).fit(X, Y).W_out_)


def test_qr_keeps_the_digits_that_the_normal_equations_lose(rng):
    X = ill_conditioned(rng, 1e12)
    truth = rng.normal(size=(20, 1))
    Y = X @ truth + 1e-9 * rng.normal(size=(300, 1))
    misfit = np.linalg.norm(Y - X @ np.linalg.lstsq(X, Y, rcond=1e-15)[0])
    qr = Ridge(0.0, intercept=False)
    for rows in np.split(np.arange(300), 7 * np.arange(1, 40)):
        qr.partial_fit(X[rows], Y[rows])
    assert np.linalg.norm(Y - qr.predict(X)) <= misfit * (1 + 1e-6)
    with pytest.raises(SingularReadoutError):
        Ridge(0.0, intercept=False, solver="gram").fit(X, Y)
    close(Ridge(1e-18, intercept=False).fit(X, Y).predict(X), X @ ridge_readout(X, Y, 1e-18, intercept=False)[0].T, 1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("case", ["twins", "dead", "constant", "few rows"])
def test_a_singular_readout_names_a_ridge_that_cures_it(rng, dtype, solver, case):
    X, Y = problem(rng, dtype=dtype)
    if case == "few rows":
        X, Y = X[:7], Y[:7]
    elif case == "twins":
        X[:, 5] = X[:, 2] * 3
    else:
        X[:, 5] = 0 if case == "dead" else 7
    model = Ridge(1.0, solver=solver).fit(X, Y)
    before = model.W_out_
    model.ridge = 0.0
    with pytest.raises(SingularReadoutError, match="cures it") as caught:
        model.solve()
    with pytest.raises(np.linalg.LinAlgError):
        Ridge(0.0, solver=solver).fit(X, Y)
    assert pickle.loads(pickle.dumps(caught.value)).ridge == caught.value.ridge > 0
    size = np.linalg.norm(X, 2) ** 2
    assert caught.value.ridge < 1e-2 * size  # no more than it takes
    cured = Ridge(caught.value.ridge, solver=solver).fit(X, Y)
    reachable = np.linalg.norm(Y - X @ ridge_readout(X, Y, 1e-9 * size)[0].T - ridge_readout(X, Y, 1e-9 * size)[1])
    assert np.linalg.norm(Y - cured.predict(X)) <= 1.05 * reachable + 1e-3 * np.linalg.norm(Y)
    assert_array_equal(model.solve(1.0)[0], before)


def test_columns_in_other_units_are_not_singular(rng):
    X, Y = problem(rng)
    units = np.logspace(-12, 12, 12)
    close(Ridge(0.0).fit(X * units, Y).W_out_ * units, Ridge(0.0).fit(X, Y).W_out_, 1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_bad_input_is_named_and_changes_nothing(rng, solver):
    X, Y = problem(rng)
    model = Ridge(0.1, solver=solver).fit(X, Y)
    before = pickle.dumps(model.export_state())
    for message, x, y in [
        ("X must be finite, got nan at step 7, column 3", at(X, (7, 3), np.nan), Y),
        ("X must be finite, got inf at step 399, column 0", at(X, (399, 0), np.inf), Y),
        ("Y must be finite, got -inf at step 1, column 2", X, at(Y, (1, 2), -np.inf)),
        ("X and Y must be small enough", at(X, (0, 0), 1e200), Y) if solver == "gram" else ("Y must have as many", X, Y[1:]),
        ("X must be float64 like the model, got float32", X.astype("float32"), Y),
        ("Y must be real like the model", X, Y + 0j),
        ("X must have 12 columns", X[:, 1:], Y),
        ("Y must have 3 columns", X, Y[:, 1:]),
        ("X must have two axes", X[0], Y),
        ("at least one step", X[:0], Y[:0]),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            model.partial_fit(x, y)
        assert pickle.dumps(model.export_state()) == before
    negative, imaginary = at(np.ones(400), 9, -1), X[:, 0] + 0j
    for message, weights in [("not negative, got -1", negative), ("shape", np.ones(3)), ("all be zero", np.zeros(400)), ("real", imaginary)]:
        refused(f"sample_weight must .*{message}", model.partial_fit, X, Y, weights)
    refused("X must be finite", model.fit, at(X, (0, 0), np.nan), Y)
    refused("X must be finite", model.predict, at(X, (0, 0), np.nan))
    assert pickle.dumps(model.export_state()) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("ridge", -1.0), ("ridge", np.nan), ("ridge", []), ("ridge", "a"), ("solver", "svd"), ("intercept", 1), ("dtype", "float16")],
)
def test_bad_settings_are_named(rng, name, value):
    X, Y = problem(rng)
    model = Ridge(**{name: value})
    refused(name, model.fit, X, Y)
    assert not model._is_built()
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_what_does_not_belong_together_is_not_merged(rng):
    X, Y = problem(rng)
    model = Ridge().fit(X, Y)
    for other in (Ridge(solver="gram").fit(X, Y), Ridge(intercept=False).fit(X, Y), Ridge().fit(X[:, 1:], Y), Ridge().fit(X + 0j, Y + 0j)):
        before = model.W_out_
        refused("other must have the same", model.merge, other)
        assert_array_equal(model.W_out_, before)
    refused("other must be a Ridge", model.merge, X)
    refused("other must be a StreamingQR", StreamingQR(2).merge, StreamingGram(2))
    refused("rows must be", StreamingQR(3).update, X)
    model.solver = "gram"
    refused("solver was 'qr'", model.partial_fit, X, Y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_fit_starts_afresh_and_copies_go_their_own_way(rng, solver):
    X, Y = problem(rng)
    model = Ridge(0.1, solver=solver).fit(X, Y).fit(X[:200], Y[:200])
    fresh = clone(model).fit(X[:200], Y[:200])
    assert_array_equal(model.W_out_, fresh.W_out_)
    restored = clone(model)
    restored.import_state(model.export_state())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), restored):
        assert_array_equal(twin.partial_fit(X[200:], Y[200:]).W_out_, fresh.partial_fit(X[200:], Y[200:]).W_out_)
        fresh = clone(model).fit(X[:200], Y[:200])
        assert_array_equal(model.W_out_, fresh.W_out_)
    flat = Ridge(0.1, solver=solver).fit(X, Y[:, 0])
    assert flat.predict(X).shape == (400,)
    close(flat.W_out_[0], Ridge(0.1, solver=solver).fit(X, Y).W_out_[0], 1e-12)


@pytest.mark.parametrize("n_columns", [1, 20, 60, 100, 200, 300])
def test_the_factor_is_that_of_all_rows(rng, dtype, tol, n_columns):
    A = rng.normal(size=(1100, n_columns)).astype(dtype)
    R = StreamingQR(n_columns, dtype.name).update(A[:3]).update(A[3:7], weights=np.ones(4)).update(np.asfortranarray(A[7:])).R
    expected = np.linalg.qr(A.astype("float64"), mode="r")
    assert R.dtype == dtype
    close(R, expected * np.sign(np.diagonal(expected))[:, None], tol)
    close(StreamingGram(n_columns, dtype.name).update(A[:3]).update(A[3::2]).update(A[4::2]).G, A.T.astype("float64") @ A, tol)


@pytest.mark.parametrize("factor", [StreamingQR, StreamingGram])
def test_a_mistake_late_in_a_long_chunk_changes_nothing(rng, factor):
    A = rng.normal(size=(5000, 100))
    mine = factor(100).update(A)
    before = mine._square.copy()
    for weights in (None, np.ones(5000)):
        refused("rows must be finite, got nan at step 4321, column 17", mine.update, at(A, (4321, 17), np.nan), weights=weights)
        assert_array_equal(mine._square, before)
    assert mine.n_rows == 5000


def test_memory_is_that_of_the_factor(rng):
    tracemalloc = pytest.importorskip("tracemalloc")
    X, Y = rng.normal(size=(20_000, 200)), rng.normal(size=(20_000, 2))  # 32 MB
    model = Ridge()
    tracemalloc.start()
    try:
        model.partial_fit(X, Y)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_the_default_solver_keeps_the_forecast_of_lorenz(rng):
    n_units, n_train, dt = 300, 6000, 0.02
    series = pf.datasets.lorenz63(n_train + 1500, dt=dt)
    x = (series - series[:n_train].mean(axis=0)) / series[:n_train].std(axis=0)
    W_rec = rng.normal(size=(n_units, n_units)) * (rng.random((n_units, n_units)) < 0.05)
    W_rec *= 0.9 / np.abs(np.linalg.eigvals(W_rec)).max()
    W_in, bias = rng.uniform(-0.1, 0.1, (n_units, 3)), rng.uniform(-0.5, 0.5, n_units)
    state, features = np.zeros(n_units), np.empty((n_train, n_units + 3))
    for t in range(n_train):
        state = np.tanh(W_rec @ state + W_in @ x[t] + bias)
        features[t] = np.concatenate([state, x[t]])
    X, Y = features[200:-1], x[201:n_train]

    def horizon(W, b):
        s, out = state, [W @ features[-1] + b]
        for _ in range(1499):
            s = np.tanh(W_rec @ s + W_in @ out[-1] + bias)
            out.append(W @ np.concatenate([s, out[-1]]) + b)
        return pf.metrics.valid_prediction_time(x[n_train:], np.array(out), dt, lyapunov_exponent=0.9056, reference=x[:n_train])

    A = np.column_stack([X, np.ones(len(X))])
    normal = np.linalg.solve(A.T @ A + 1e-14 * np.eye(304), A.T @ Y).T
    with np.errstate(all="ignore"):
        assert horizon(*Ridge(1e-14).fit(X, Y).solve()) > horizon(normal[:, :-1], normal[:, -1]) + 3
