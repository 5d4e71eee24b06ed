"""The tangent kernel of diagonal networks: features are derivatives, the Gram matrix is theirs, the limit is where wide networks go."""

import itertools

import numpy as np
import pytest
from helpers import at, close, refused, stops_at_ctrl_c

import pushforward as pf
from pushforward import reference
from pushforward.kernels import ntk_features, ntk_gram

ACTIVATIONS = ["tanh", "sigmoid", "softplus", "gelu"]
# n_series, n_steps, n_inputs, n_units
SHAPES = [(1, 2, 1, 1), (4, 1, 2, 3), (3, 7, 2, 5), (2, 33, 5, 40), (4, 16, 40, 37), (1, 70, 3, 100), (2, 10, 100, 20)]
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def network(rng, n_inputs, n_units, dtype="float64", alpha=0.9):
    """w, U, c of a start that is not symmetric."""
    w, c = rng.choice([-alpha, alpha], n_units), rng.choice([-1.0, 1.0], n_units)
    return w.astype(dtype), (rng.normal(size=(n_units, n_inputs)) / np.sqrt(n_inputs)).astype(dtype), c.astype(dtype)


def inputs(rng, n_series, n_steps, n_inputs, dtype="float64"):
    return rng.normal(size=(n_series, n_steps, n_inputs)).astype(dtype)


def flat(features):
    """(n_points, n_params)"""
    return features.reshape(-1, features.shape[-2] * features.shape[-1])


def differences(X, w, U, c, activation, h=1e-3):
    """∂F/∂(w, U), by central differences of fourth order of the forward map."""
    theta = np.column_stack([w, U])
    found = np.empty((*X.shape[:2], *theta.shape))
    for i, k in np.ndindex(*theta.shape):
        def output(step, i=i, k=k):
            moved = theta.copy()
            moved[i, k] += step
            return reference.diagonal_forward(X, moved[:, 0], moved[:, 1:], c, activation)
        found[..., i, k] = (8 * (output(h) - output(-h)) - (output(2 * h) - output(-2 * h))) / (12 * h)
    return found


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("alpha", [0.5, 1.3])
def test_features_are_derivatives_of_the_output(rng, activation, alpha):
    X, weights = inputs(rng, 2, 9, 3), network(rng, 3, 6, alpha=alpha)
    close(ntk_features(X, *weights, activation), differences(X, *weights, activation), 1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_features_and_gram_are_those_of_the_twin(rng, dtype, isa, activation):
    for n_series, n_steps, n_inputs, n_units in SHAPES:
        X, weights = inputs(rng, n_series, n_steps, n_inputs, dtype), network(rng, n_inputs, n_units, dtype)
        other = inputs(rng, 2, n_steps + 3, n_inputs, dtype)
        relative = TOLERANCE[dtype.name]
        close(ntk_features(X, *weights, activation), reference.ntk_features(X, *weights, activation), relative)
        for second in (None, other):
            found, expected = ntk_gram(X, second, *weights, activation), reference.ntk_gram(X, second, *weights, activation)
            assert found.dtype == expected.dtype == dtype
            close(found, expected, relative)


@pytest.mark.parametrize("n_units", [3, 64, 517])
def test_the_gram_matrix_is_features_times_features(rng, n_units):
    """More points than a block, more neurons than a panel, blocks and panels that are not full."""
    X, other, weights = inputs(rng, 5, 83, 8), inputs(rng, 2, 29, 8), network(rng, 8, n_units)
    ours, theirs = flat(ntk_features(X, *weights)), flat(ntk_features(other, *weights))
    close(ntk_gram(X, other, *weights), ours @ theirs.T, 1e-12)
    gram = ntk_gram(X, None, *weights)
    close(gram, ours @ ours.T, 1e-12)
    close(gram, ntk_gram(X, X.copy(), *weights), 1e-12)
    np.testing.assert_array_equal(gram, gram.T)
    eigenvalues = np.linalg.eigvalsh(gram)
    assert eigenvalues[0] >= -1e-13 * eigenvalues[-1]
    assert np.trace(gram) == pytest.approx((ours**2).sum(), rel=1e-12)


def test_one_series_is_a_batch_of_one(rng):
    X, weights = inputs(rng, 1, 12, 3), network(rng, 3, 10)
    np.testing.assert_array_equal(ntk_features(X[0], *weights), ntk_features(X, *weights)[0])
    np.testing.assert_array_equal(ntk_gram(X[0], None, *weights), ntk_gram(X, None, *weights))
    np.testing.assert_array_equal(ntk_features(X[0].tolist(), *(part.tolist() for part in weights)), ntk_features(X[0], *weights))


def test_features_do_not_see_the_future_nor_other_series(rng):
    X, weights = inputs(rng, 3, 20, 2), network(rng, 2, 21)
    changed = X.copy()
    changed[1, 11:] += 1
    before, after = ntk_features(X, *weights), ntk_features(changed, *weights)
    np.testing.assert_array_equal(before[1, :11], after[1, :11])
    np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
    assert (before[1, 11:] != after[1, 11:]).any(axis=(1, 2)).all()


def test_the_number_of_threads_changes_nothing(rng, dtype):
    X, other, weights = inputs(rng, 7, 60, 4, dtype), inputs(rng, 3, 50, 4, dtype), network(rng, 4, 150, dtype)
    before, results = pf.get_num_threads(), []
    try:
        for n_threads in (1, 2, 5):
            pf.set_num_threads(n_threads)
            limit = ntk_gram(X, alpha=0.7, n_samples=50, seed=1)
            results.append([ntk_features(X, *weights), ntk_gram(X, None, *weights), ntk_gram(X, other, *weights), limit.gram, limit.standard_error])
    finally:
        pf.set_num_threads(before)
    for one, more in itertools.product(results[:1], results[1:]):
        for a, b in zip(one, more, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_limit_is_the_mean_over_the_neurons_of_the_twin(rng, dtype):
    """Same draws, batches of unequal size, and a second set of points."""
    X, other = inputs(rng, 2, 5, 3, dtype), inputs(rng, 1, 4, 3, dtype)
    for n_samples, second in ((1003, None), (20, other), (2, None)):
        found, expected = (f(X, second, alpha=0.8, n_samples=n_samples, seed=3) for f in (ntk_gram, reference.ntk_gram))
        close(found.gram, expected.gram, TOLERANCE[dtype.name])
        close(found.standard_error, expected.standard_error, 1e-3 if dtype == "float32" else 1e-10)
        assert found.n_samples == n_samples
        assert found.gram.dtype == found.standard_error.dtype == dtype


def test_the_limit_at_one_step_is_known_in_closed_form():
    """t = 1, tanh: K = E[σ'(u x)²] x², by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    exact = (weights @ (1 / np.cosh(1.3 * nodes)) ** 4) / np.sqrt(2 * np.pi) * 1.3**2
    found = ntk_gram(np.array([[1.3]]), alpha=0.5, n_samples=100_000)
    assert abs(found.gram[0, 0] - exact) < 4 * found.standard_error[0, 0] < 0.02 * exact


def test_the_standard_error_is_honest(rng):
    """Estimates of independent seeds scatter as they say, around a much better one."""
    X = inputs(rng, 1, 6, 2)
    truth = ntk_gram(X, alpha=0.9, n_samples=200_000, seed=10_000)
    said = [ntk_gram(X, alpha=0.9, n_samples=400, seed=seed) for seed in range(200)]
    z = np.array([(one.gram - truth.gram) / one.standard_error for one in said])
    assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(len(said)) + 0.15  # small batches are a little skewed
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.25)


def test_the_error_falls_as_one_over_the_root_of_the_samples(rng):
    X, sizes = inputs(rng, 1, 6, 2), np.array([256, 1024, 4096, 16384])
    truth = ntk_gram(X, alpha=0.9, n_samples=400_000, seed=99).gram
    said, made = [], []
    for n_samples in sizes:
        runs = [ntk_gram(X, alpha=0.9, n_samples=int(n_samples), seed=seed) for seed in range(8)]
        said.append(np.mean([run.standard_error for run in runs]))
        made.append(np.sqrt(np.mean([(run.gram - truth) ** 2 for run in runs])))
    assert np.polyfit(np.log(sizes), np.log(said), 1)[0] == pytest.approx(-0.5, abs=0.05)
    assert np.polyfit(np.log(sizes), np.log(made), 1)[0] == pytest.approx(-0.5, abs=0.15)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_wide_networks_have_the_kernel_of_the_limit(rng, activation):
    X, n_units, alpha = inputs(rng, 2, 5, 3), 20_000, 0.6
    limit = ntk_gram(X, activation=activation, alpha=alpha, n_samples=n_units, seed=5)
    U = rng.normal(size=(n_units, 3))
    finite = ntk_gram(X, None, rng.choice([-alpha, alpha], n_units), U, np.ones(n_units), activation)
    assert np.abs((finite - limit.gram) / (np.sqrt(2) * limit.standard_error)).max() < 5
    assert (limit.standard_error < 0.05 * np.sqrt(np.outer(np.diag(limit.gram), np.diag(limit.gram)))).all()


def test_what_does_not_fit_is_named(rng):
    X, (w, U, c) = inputs(rng, 2, 5, 3), network(rng, 3, 4)
    for function in (ntk_features, lambda x, *weights: ntk_gram(x, None, *weights)):
        refused("X must have at least one series, one step and one input", function, X[:, :0], w, U, c)
        refused("X must have at least one series, one step and one input", function, X[:0], w, U, c)
        refused("X must be .n_steps, n_inputs.", function, X[0, 0], w, U, c)
        refused("X must have 3 inputs like U", function, X[..., :2].copy(), w, U, c)
        refused("X must be finite, got nan at series 1, step 2, column 0", function, at(X, (1, 2, 0), np.nan), w, U, c)
        refused("X must be float32 or float64, got int64", function, X.astype(int), w, U, c)
        refused("w must be .n_units,.", function, X, w[:, None], U, c)
        refused("w must be .n_units,. with at least one unit", function, X, w[:0], U[:0], c[:0])
        refused("w must be finite", function, X, at(w, 0, np.inf), U, c)
        refused("w must be float64 like the model, got float32", function, X, w.astype("float32"), U, c)
        refused("U must be .n_units, n_inputs. with 4 units like w", function, X, w, U[:3], c)
        refused("U must be finite", function, X, w, at(U, (0, 1), np.nan), c)
        refused("c must have shape .4,.", function, X, w, U, c[:3])
        refused("activation must be one of tanh, sigmoid, softplus, gelu, got 'relu'", function, X, w, U, c, "relu")
    refused("X_other must have 3 inputs like U", ntk_gram, X, X[..., :2].copy(), w, U, c)
    refused("X_other must be float64", ntk_gram, X, X.astype("float32"), w, U, c)


def test_what_the_limit_needs_is_named(rng):
    X, (w, U, c) = inputs(rng, 2, 5, 3), network(rng, 3, 4)
    refused("give either w, U and c or alpha and n_samples .and seed., got none of them", ntk_gram, X)
    refused("give either .* got w, U$", ntk_gram, X, None, w, U)
    refused("give either .* got w, U, c, seed", ntk_gram, X, None, w, U, c, seed=1)
    refused("give either .* got alpha$", ntk_gram, X, alpha=0.5)
    refused("alpha must be a finite number of at least 0, got -0.5", ntk_gram, X, alpha=-0.5, n_samples=10)
    refused("alpha must be a finite number of at least 0, got nan", ntk_gram, X, alpha=np.nan, n_samples=10)
    refused("alpha must be at most 3.4.* where X is float32, got 1e.300", ntk_gram, X.astype("float32"), alpha=1e300, n_samples=10)
    refused("n_samples must be an int of at least 2", ntk_gram, X, alpha=0.5, n_samples=1)
    refused("n_samples must be an int of at least 2", ntk_gram, X, alpha=0.5, n_samples=10.5)
    refused("seed must be a non-negative int", ntk_gram, X, alpha=0.5, n_samples=10, seed=-1)
    refused("X_other must have 3 inputs like X", ntk_gram, X, X[..., :2].copy(), alpha=0.5, n_samples=10)


def test_numbers_that_leave_the_range_are_reported(rng):
    """softplus with w = 2 doubles its state every step."""
    X, weights = np.ones((1, 300, 1), np.float32), (np.full(1, 2, np.float32), np.ones((1, 1), np.float32), np.ones(1, np.float32))
    with pytest.raises(pf.DivergenceError, match="stopped being finite") as caught:
        ntk_features(X, *weights, "softplus")
    assert 100 < caught.value.step < 140
    with pytest.raises(pf.DivergenceError, match="stopped being finite"):
        ntk_gram(X, None, *weights, "softplus")


@pytest.mark.slow
def test_a_long_gram_stops_at_ctrl_c(rng):
    w, U, c = network(rng, 4, 6000)
    X = rng.normal(size=(30, 64, 4))
    stops_at_ctrl_c(lambda: ntk_gram(X, w=w, U=U, c=c))
