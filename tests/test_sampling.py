"""Sampled layers: what a neuron is at the points of its pair, which pairs are drawn how often, and the features of the compiled loop."""

import numpy as np
import pytest
from helpers import close, refused

import pushforward as pf
from pushforward.cells import ACTIVATIONS
from pushforward.kernels import sample_weights, sampled_features


def data(rng, n=400, n_inputs=3, dtype="float64"):
    X = rng.normal(size=(n, n_inputs))
    return X.astype(dtype), np.stack([np.sin(3 * X[:, 0]), X[:, -1] ** 2], axis=1).astype(dtype)


def published(X, y, n_units, seed):
    """The published sampler, written down anew: one candidate for each row, chosen with replacement, weights for tanh."""
    rng = np.random.default_rng(seed)
    n = len(X)
    count = n * max(1, -(-n_units // n))
    i = rng.integers(low=0, high=n, size=count)
    j = (i + rng.integers(low=1, high=n, size=count)) % n
    steepness = [max(abs(y[b] - y[a])) / np.linalg.norm(X[b] - X[a]) for a, b in zip(i, j, strict=True)]
    drawn = rng.choice(count, size=n_units, replace=True, p=np.divide(steepness, np.sum(steepness)))
    W = np.array([np.log(3) * (X[j[k]] - X[i[k]]) / np.linalg.norm(X[j[k]] - X[i[k]]) ** 2 for k in drawn])
    return W, np.array([-X[i[k]] @ w - np.log(3) / 2 for k, w in zip(drawn, W, strict=True)])


@pytest.mark.parametrize("n", [300, 40])
def test_published_sampler_neuron_by_neuron(rng, n):
    X, y = data(rng, n)
    W, b = sample_weights(X, y, 100, n_candidates="all", unique=False, seed=7)
    expected_W, expected_b = published(X, y, 100, 7)
    np.testing.assert_allclose(W, expected_W, rtol=1e-12)
    np.testing.assert_allclose(b, expected_b, rtol=1e-12, atol=1e-13)


def test_published_package(rng):
    Dense = pytest.importorskip("swimnetworks").Dense
    X, y = data(rng)
    layer = Dense(layer_width=500, activation="tanh", parameter_sampler="tanh", random_seed=3).fit(X, y)
    W, b = sample_weights(X, y, 500, n_candidates="all", unique=False, seed=3)
    np.testing.assert_allclose(W, layer.weights.T, rtol=1e-12)
    np.testing.assert_allclose(b, layer.biases[0], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("n_candidates", "unique"), [(None, True), ("all", False), (700, True), ("all", True), (5, False)])
def test_twin_draws_the_same(rng, dtype, activation, n_candidates, unique):
    X, y = data(rng, dtype=dtype)
    arguments = X, y, 60, activation, "pairs", n_candidates, unique
    for ours, twin in zip(sample_weights(*arguments, seed=1), pf.reference.sample_weights(*arguments, seed=1), strict=True):
        assert ours.dtype == dtype
        close(ours, twin, 1e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("n", [12, 30, 200])
def test_twin_where_pairs_are_few(n):
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 2))
    X[n // 20 + 6 :] = X[0]  # most rows are equal: several rounds of draws
    y = np.where(np.arange(n) < 4, X[:, 0], 0.0)  # and most pairs are flat
    n_units = 15
    for ours, twin in zip(sample_weights(X, y, n_units, seed=1), pf.reference.sample_weights(X, y, n_units, seed=1), strict=True):
        close(ours, twin, 1e-13)


@pytest.mark.parametrize(
    ("activation", "low", "high"), [("tanh", -0.5, 0.5), ("sigmoid", 0.25, 0.75), ("relu", 0, 1), ("elu", 0, 1), ("identity", 0, 1)]
)
def test_neuron_at_its_pair(activation, low, high):
    """Of two points there is one pair; the neuron is `low` at one of them, `high` at the other."""
    X = np.array([[1.0, -2.0], [4.0, 2.0]])
    W, b = sample_weights(X, [0.0, 1.0], 1, activation, seed=0)
    np.testing.assert_allclose(sorted(sampled_features(X, W, b, activation)[:, 0]), [low, high], atol=1e-15)
    assert np.linalg.norm(W) == pytest.approx({"tanh": np.log(3), "sigmoid": 2 * np.log(3)}.get(activation, 1.0) / 5)


@pytest.mark.parametrize("unique", [True, False])
def test_steep_pairs_are_drawn_more_often(unique):
    """Three points on a line, steepness 1, 3 and 2: the first neuron is each of their pairs in proportion."""
    X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 4.0])
    rng = np.random.default_rng(5)
    counts = dict.fromkeys(((0, 1), (1, 2), (0, 2)), 0)
    n_draws = 3000
    for _ in range(n_draws):
        W, b = sample_weights(X, y, 1, "identity", n_candidates=100, unique=unique, seed=rng)
        ends = sorted(((-b) / W[0], (1 - b) / W[0]))  # the neuron is 0 at one point and 1 at the other
        counts[round(ends[0][0]), round(ends[1][0])] += 1
    for pair, share in zip(counts, (1 / 6, 3 / 6, 2 / 6), strict=True):
        error = np.sqrt(share * (1 - share) / n_draws) + 0.02 * (not unique)  # 100 candidates are not in equal numbers
        assert abs(counts[pair] / n_draws - share) < 4 * error


def test_no_pair_twice_and_no_neuron_with_its_negative(rng):
    X, y = data(rng, 21)
    W, b = sample_weights(X, y, 210, seed=0)  # every pair of 21 rows
    features = np.concatenate([W, b[:, None]], axis=1)
    both = np.concatenate([features, -features]).round(9)
    assert len(np.unique(both, axis=0)) == 420
    refused("n_units must be at most 210, the pairs among 21 rows", sample_weights, X, y, 211)
    assert sample_weights(X, y, 400, unique=False, seed=0)[0].shape == (400, 3)


def test_without_a_target_or_with_a_flat_one(rng):
    X, _ = data(rng)
    for unique in (True, False):
        W, _ = sample_weights(X, None, 30, unique=unique, seed=2)
        assert len(np.unique(W[:, 0])) > 25
        np.testing.assert_array_equal(sample_weights(X, np.ones(len(X)), 30, unique=unique, seed=2)[0], W)


def test_units_of_measurement(rng):
    """Data in other units have the same features, however small the unit."""
    X, y = data(rng)
    here = sampled_features(X, *sample_weights(X, y, 40, seed=0))
    for unit in (1e-30, 1e30):
        close(sampled_features(X * unit, *sample_weights(X * unit, y * 5, 40, seed=0)), here, 1e-12)


def test_random_scheme(dtype):
    W, b = sample_weights(np.zeros((1, 4), dtype), None, 20_000, scheme="random", seed=0)
    assert W.dtype == b.dtype == dtype
    assert abs(W.mean()) < 4 / np.sqrt(W.size)
    assert W.std() == pytest.approx(1, abs=0.01)
    assert -np.pi <= b.min() < -3.1
    assert 3.1 < b.max() <= np.pi
    assert b.std() == pytest.approx(np.pi / np.sqrt(3), rel=0.02)
    np.testing.assert_array_equal(W, pf.reference.sample_weights(np.zeros((1, 4), dtype), None, 20_000, scheme="random", seed=0)[0])


def test_seeds(rng):
    X, y = data(rng)
    first = sample_weights(X, y, 9, seed=4)[0]
    np.testing.assert_array_equal(sample_weights(X, y, 9, seed=np.random.default_rng(4))[0], first)
    assert not np.array_equal(sample_weights(X, y, 9, seed=5)[0], first)
    assert not np.array_equal(sample_weights(X, y, 9)[0], sample_weights(X, y, 9)[0])


def test_bad_samples(rng):
    X, y = data(rng)
    refused("X must vary: both points of every candidate pair are identical", sample_weights, np.ones((50, 2)), np.ones(50), 5)
    refused("X must vary", sample_weights, np.ones((50, 2)), np.ones(50), 5, n_candidates="all", unique=False)
    mostly = np.where(np.arange(50)[:, None] < 1, X[:50], 0.0)
    refused("n_units must be at most", sample_weights, mostly, y[:50], 50)
    refused("X must have at least two rows for pairs of points, got 1", sample_weights, X[:1], y[:1], 1)
    refused("y must be \\(400,\\) or \\(400, n_targets\\).*got shape \\(399, 2\\)", sample_weights, X, y[1:], 5)
    refused("n_units must be a positive int, got 0", sample_weights, X, y, 0)
    refused("activation must be one of", sample_weights, X, y, 5, "sine")
    refused("scheme must be one of pairs, random", sample_weights, X, y, 5, scheme="pair")
    refused("n_candidates must be one of all", sample_weights, X, y, 5, n_candidates="some")
    refused("n_candidates must be a positive int, 'all' or None", sample_weights, X, y, 5, n_candidates=2.5)
    refused("n_candidates must be at least n_units = 5", sample_weights, X, y, 5, n_candidates=4)
    refused("X must be float32 or float64, got int64", sample_weights, X.astype(int), y, 5)
    refused("X must be \\(n, n_inputs\\), got shape \\(400,\\); one input", sample_weights, X[:, 0], y, 5)
    for name, arrays in (
        ("X", (np.where(np.arange(400)[:, None] == 17, np.nan, X), y)),
        ("y", (X, np.where(np.arange(400)[:, None] == 17, np.inf, y))),
    ):
        refused(f"{name} must be finite, got other numbers in row 17", sample_weights, *arrays, 200, n_candidates=4000)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_inputs", [1, 3, 50])
@pytest.mark.parametrize("n_units", [1, 7, 16, 20, 101])
def test_features_of_every_size(rng, isa, dtype, tol, activation, n_inputs, n_units):
    for n in (1, 3, 4, 70):
        X, W, b = (rng.normal(size=shape).astype(dtype) for shape in ((n, n_inputs), (n_units, n_inputs), (n_units,)))
        b[-1] += 0.1  # so that one relu alone is not all zero
        found = sampled_features(X, W, b, activation)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, pf.reference.sampled_features(X, W, b, activation), rtol=0, atol=tol * 0.1 * n_inputs)


def test_a_row_does_not_depend_on_its_neighbours(rng, isa, dtype):
    """Chunks of any length and threads of any number: the same to the last bit."""
    X, W, b = (rng.normal(size=shape).astype(dtype) for shape in ((5003, 3), (203, 3), (203,)))
    before = pf.get_num_threads()
    pf.set_num_threads(1)
    whole = sampled_features(X, W, b)
    pf.set_num_threads(3)
    np.testing.assert_array_equal(sampled_features(X, W, b), whole)
    pf.set_num_threads(before)
    for start in (0, 1, 2, 3, 4999):
        np.testing.assert_array_equal(sampled_features(X[start : start + 7], W, b), whole[start : start + 7])


def test_features_into_columns(rng, dtype):
    X, W, b = (rng.normal(size=shape).astype(dtype) for shape in ((2001, 3), (37, 3), (37,)))
    wide = np.full((2001, 50), 9, dtype)
    assert np.shares_memory(sampled_features(X, W, b, out=wide[:, 3:40]), wide)
    np.testing.assert_array_equal(wide[:, 3:40], sampled_features(X, W, b))
    assert np.all(wide[:, :3] == 9)
    assert np.all(wide[:, 40:] == 9)
    square, weights, bias = (rng.normal(size=shape).astype(dtype) for shape in ((100, 50), (50, 50), (50,)))
    expected = sampled_features(square.copy(), weights, bias)
    np.testing.assert_array_equal(sampled_features(square, weights, bias, out=square), expected)
    refused("out must have its columns side by side", sampled_features, X, W, b, out=np.empty((37, 2001), dtype).T)
    refused("out must be a writeable array of", sampled_features, X, W, b, out=np.empty((2001, 37), "int64"))
    refused("out must have shape \\(2001, 37\\), got \\(2001, 36\\)", sampled_features, X, W, b, out=wide[:, :36])


def test_bad_features():
    X, W, b = np.ones((5, 2)), np.ones((3, 2)), np.ones(3)
    refused("X must be finite, got nan in row 4", sampled_features, np.where(np.arange(5)[:, None] == 4, np.nan, X), W, b)
    refused("W must be finite, got nan for unit 1", sampled_features, X, np.where(np.arange(len(W))[:, None] == 1, np.nan, W), b)
    refused("b must be finite, got inf for unit 2", sampled_features, X, W, np.where(np.arange(len(b)) == 2, np.inf, b))
    refused("W must have shape \\(n_units, 2\\) like the columns of X, got \\(3, 3\\)", sampled_features, X, np.ones((3, 3)), b)
    refused("b must have shape \\(3,\\), got \\(2,\\)", sampled_features, X, W, b[:2])
    refused("W must be float64 like the model, got float32", sampled_features, X, W.astype("float32"), b)
    refused("activation must be one of", sampled_features, X, W, b, "sine")
    assert sampled_features(np.empty((0, 2)), W, b).shape == (0, 3)


def test_denormals_are_zero_whichever_thread_takes_the_rows():
    """Threads of the pool flush them; the caller's own must too, or bits would depend on who takes what."""
    features = sampled_features(np.full((2000, 1), 1e-310), np.ones((40, 1)), np.zeros(40), "identity")
    assert not features.any()
