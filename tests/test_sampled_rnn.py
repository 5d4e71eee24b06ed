"""Sampled recurrent networks and Koopman regression: what is fitted, against least squares of NumPy on the features that the model says it has."""

import itertools

import numpy as np
import pytest
from helpers import close

import pushforward as pf
from pushforward.koopman import Identity, Monomials, Sampled


def orbit(rng, n_steps, dtype="float64", n_inputs=0):
    """A nonlinear, contracting system (n_steps, 2) that noise keeps moving, and its inputs."""
    U, noise = rng.normal(size=(n_steps, max(1, n_inputs))), rng.normal(size=(n_steps, 2))
    h = [np.array([0.3, -0.2])]
    for t in range(n_steps - 1):
        x, y = h[-1]
        pushed = U[t].sum() * np.array([0.2, -0.1]) if n_inputs else 0.0
        h.append(np.array([0.7 * x - 0.4 * np.sin(y), 0.6 * y + 0.3 * x * x]) + 0.3 * noise[t] + pushed)
    return np.array(h, dtype), (40 * U).astype(dtype)  # in units of its own


def pairs(model, trajectories, inputs=None):
    """Features, states of now and of the next step, features of then: all pairs, none across trajectories."""
    d, parts = model.n_delays, []
    for i, H in enumerate(trajectories):
        psi = model.lift(H).astype(np.float64)
        parts.append((psi[d:-1], H[d:-1], H[d + 1 :], psi[d + 1 :], np.zeros((len(H) - d - 1, 0)) if inputs is None else inputs[i][d:-1]))
    return [np.concatenate(part).astype(np.float64) for part in zip(*parts, strict=True)]


def operators(model, trajectories, inputs=None, weights=None):
    """A, A_u, K, B, C by numpy.linalg.lstsq."""
    psi, h, h_next, psi_next, u = pairs(model, trajectories, inputs)
    root, D = 1.0 if weights is None else np.sqrt(weights)[:, None], psi.shape[1]
    both = np.linalg.lstsq(root * np.hstack([psi, u]), root * np.hstack([h_next, psi_next]), rcond=None)[0].T
    C = np.linalg.lstsq(root * psi, root * h, rcond=None)[0].T
    n = h.shape[1]
    return both[:n, :D], both[:n, D:], both[n:, :D], both[n:, D:], C


SETTINGS = [
    {},
    {"include_state": False},
    {"include_constant": False},
    {"include_state": False, "include_constant": False},
    {"n_delays": 2},
    {"n_delays": 2, "delay_compression": 3},
    {"n_delays": 1, "delay_compression": 2, "include_state": False},
    {"activation": "relu"},
    {"activation": "sigmoid", "scheme": "random"},
    {"solver": "svd"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("driven", [False, True], ids=["free", "driven"])
def test_operators_are_those_of_least_squares_on_the_features(settings, driven, rng):
    trajectories, inputs = zip(*(orbit(rng, n, n_inputs=2 * driven) for n in (300, 150, 7)), strict=True)
    shifted = [3.0 + 40.0 * H for H in trajectories]
    model = pf.SampledRNN(n_units=6, random_state=1, **settings).fit(shifted, list(inputs) if driven else None)
    A, A_u, K, B, C = operators(model, shifted, inputs if driven else None)
    close(model.state_matrix_, A, 1e-8)
    close(model.koopman_matrix_, K, 1e-8)
    close(model.projection_, C, 1e-8)
    if driven:
        close(model.state_input_matrix_, A_u, 1e-8)
        close(model.input_matrix_, B, 1e-8)
    else:
        assert model.state_input_matrix_ is None
        assert model.input_matrix_ is None
    only = pf.SampledRNN(n_units=6, random_state=1, target="state", **settings).fit(shifted, list(inputs) if driven else None)
    close(only.state_matrix_, A, 1e-8)
    assert only.koopman_matrix_ is None
    assert only.projection_ is None
    assert model.n_snapshots_ == only.n_snapshots_ == sum(len(H) - 1 - model.n_delays for H in shifted)
    assert model.rank_ == model.n_features_ + 2 * driven


def test_single_precision_is_as_good_as_it_can_be(rng):
    X, _ = orbit(rng, 2000, "float32")
    model = pf.SampledRNN(n_units=10, dtype="float32", random_state=0).fit(X)
    single, double = model.predict(X), pf.SampledRNN(n_units=10, random_state=0).fit(X.astype(float)).predict(X.astype(float))
    assert single.dtype == model.koopman_matrix_.dtype == model.W_.dtype == np.float32
    assert model.eigenvalues_.dtype == np.complex64
    assert np.linalg.norm(single - double) < 1e-3 * np.linalg.norm(double)
    assert model.simulate(X[0], 3).dtype == np.float32


def test_the_constant_stays_the_constant(rng):
    X, U = orbit(rng, 300, n_inputs=1)
    model = pf.SampledRNN(n_units=8, random_state=0).fit(1e3 + X, U)
    np.testing.assert_array_equal(model.koopman_matrix_[-1], np.eye(11)[-1])
    np.testing.assert_array_equal(model.input_matrix_[-1], np.zeros(1))
    np.testing.assert_array_equal(model.projection_, np.eye(11)[:2])


@pytest.mark.parametrize("settings", [{}, {"n_delays": 1}, {"include_constant": False}], ids=str)
def test_units_of_the_state_do_not_matter(settings, rng):
    X, _ = orbit(rng, 800)
    shifts = settings.get("include_constant", True)
    offset = np.array([3e7 * shifts, 0.0])
    scaled = X * [1e6, 1e-4] + offset
    model, other = (pf.SampledRNN(n_units=20, random_state=0, **settings).fit(data) for data in (X, scaled))
    assert model.rank_ == other.rank_
    there = other.predict(scaled) - offset
    good = slice(model.n_delays, None)
    close(there[good] / [1e6, 1e-4], model.predict(X)[good], 1e-6)
    if shifts:
        close(np.sort(np.abs(other.eigenvalues_)), np.sort(np.abs(model.eigenvalues_)), 1e-4)


def test_a_linear_system_is_found_again(rng, dtype, tol):
    M, N = np.array([[0.9, -0.3], [0.2, 0.8]]), np.array([[0.5], [-1.0]])
    U, X = rng.normal(size=(200, 1)), np.zeros((200, 2))
    for t in range(199):
        X[t + 1] = M @ X[t] + N @ U[t]
    model = pf.KoopmanRegressor(Identity(), include_constant=False, dtype=dtype.name).fit(X.astype(dtype), U.astype(dtype))
    close(model.koopman_matrix_, M, tol)
    close(model.input_matrix_, N, tol)
    close(model.eigenvalues_, np.linalg.eigvals(M)[np.argsort(-np.linalg.eigvals(M).imag)], tol)
    affine = pf.KoopmanRegressor(Identity(), dtype=dtype.name).fit(X.astype(dtype) + 5, U.astype(dtype))
    close(affine.koopman_matrix_[:2], np.hstack([M, (np.eye(2) - M) @ np.full((2, 1), 5.0)]), 10 * tol)


def test_weights_count_as_repetitions(rng):
    X, _ = orbit(rng, 200)
    weights = rng.integers(0, 4, size=200)
    model = pf.SampledRNN(n_units=5, random_state=0).fit(X, sample_weight=weights)
    A, _, K, _, _ = operators(model, [X], weights=weights[:-1].astype(float))
    close(model.state_matrix_, A, 1e-9)
    close(model.koopman_matrix_, K, 1e-9)
    again = pf.SampledRNN(n_units=5, n_delays=1, random_state=0).fit([X, X], sample_weight=[weights, weights])
    close(again.state_matrix_, operators(again, [X, X], weights=np.tile(weights[1:-1].astype(float), 2))[0], 1e-9)


@pytest.mark.parametrize("settings", [{}, {"n_delays": 2, "include_state": False}, {"solver": "gram"}, {"target": "state"}], ids=str)
def test_chunks_give_what_one_fit_gives(settings, rng):
    X, U = orbit(rng, 2000, n_inputs=1)
    d = settings.get("n_delays", 0)
    streamed = pf.SampledRNN(n_units=12, random_state=0, **settings).partial_fit(X[:400], U[:400])
    cuts = [399, 450, 1000, 1003 + d, 1999]
    for first, last in itertools.pairwise(cuts):
        streamed.partial_fit(X[first - d : last + 1], U[first - d : last + 1])
    A, _, K, _, _ = operators(streamed, [X], [U])
    tolerance = 1e-6 if settings.get("solver") == "gram" else 1e-9
    close(streamed.state_matrix_, A, tolerance)
    if settings.get("target") != "state":
        close(streamed.koopman_matrix_, K, tolerance)
    assert streamed.n_snapshots_ == 1999 - d


def test_trajectories_in_pieces_of_memory_are_whole(rng, monkeypatch):
    X, U = orbit(rng, 3000, n_inputs=1)
    settings = {"n_units": 6, "n_delays": 3, "delay_compression": 4, "input_layer": 5, "random_state": 0}
    whole = pf.SampledRNN(**settings).fit(X, U)
    monkeypatch.setattr("pushforward.koopman._embedding.CHUNK_NUMBERS", 8)  # pieces of 256 rows, the least
    pieces = pf.SampledRNN(**settings).fit(X, U)
    close(pieces.state_matrix_, whole.state_matrix_, 1e-9)
    close(pieces.predict(X, U)[3:], whole.predict(X, U)[3:], 1e-10)
    assert pieces.n_snapshots_ == 3000 - 4


def test_a_duplicated_unit_is_no_error_but_seen_in_the_rank(rng):
    X, _ = orbit(rng, 500)
    layer = Sampled(n_units=10).fit(X[:-1], X[1:], rng=0)
    twice = pf.koopman.Custom(lambda Z: np.hstack([layer(Z), layer(Z)[:, :1]]))
    model, plain = (pf.KoopmanRegressor(dictionary).fit(X) for dictionary in (twice, pf.koopman.Custom(layer)))
    assert model.n_features_ == 14
    assert model.rank_ == plain.rank_ == 13
    close(model.predict(X), plain.predict(X), 1e-9)


def test_what_is_drawn_depends_on_the_seed_alone(rng):
    X, _ = orbit(rng, 300)
    models = [pf.SampledRNN(n_units=5, random_state=seed).fit(X) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(models[0].W_, models[1].W_)
    assert not np.allclose(models[0].W_, models[2].W_)
    published = pf.SampledRNN(n_units=5, weight_scaling=1.0, random_state=0).fit(X)
    close(published.W_, 2 * models[0].W_, 1e-14)
    close(published.b_, 2 * models[0].b_, 1e-12)
    ends = X @ published.W_.T + published.b_  # tanh is −1/2 and 1/2 at the two points of a unit's pair
    assert (np.abs(np.abs(np.tanh(ends)) - 0.5).min(axis=0) < 1e-12).all()


def test_long_data_are_drawn_from_in_part(rng):
    X = np.cumsum(rng.normal(size=(120_000, 2)), axis=0) * 0.01
    model = pf.SampledRNN(n_units=4, weight_scaling=1.0, target="state", random_state=0).fit([X[:70_000], X[70_000:]])
    ends = np.abs(np.tanh(X @ model.W_.T + model.b_))
    assert (np.abs(ends - 0.5).min(axis=0) < 1e-9).all()
    assert model.n_snapshots_ == 119_998


def test_the_next_state_of_a_quadratic_map_is_exact(rng, dtype, tol):
    x = rng.uniform(-1, 1, size=(60, 2))
    trajectories = [np.array([p, [0.9 * p[0], 0.5 * p[1] + 0.2 * p[0] ** 2]], dtype) for p in x]
    model = pf.KoopmanRegressor(Monomials(2), dtype=dtype.name).fit(trajectories)
    close(model.predict([t[:1] for t in trajectories]), np.array([t[1:] for t in trajectories]), 10 * tol)


@pytest.mark.slow
@pytest.mark.parametrize("include_state", [True, False])
def test_a_lorenz_orbit_is_followed_for_long(include_state):
    X = pf.datasets.lorenz63(50_001, dt=0.01)
    truth = pf.datasets.lorenz63(12_000, dt=0.01, initial=(2.0, 3.0, 20.0), transient=3000)
    starts = 900 * np.arange(1, 11)
    model = pf.SampledRNN(include_state=include_state, random_state=0).fit(X)
    found = model.simulate(truth[starts], 1800)
    times = [
        pf.metrics.valid_prediction_time(truth[s + 1 : s + 1801], path, dt=0.01, lyapunov_exponent=0.9056, reference=X)
        for s, path in zip(starts, found, strict=True)
    ]
    assert np.median(times) > (10.5 if include_state else 10.0)
