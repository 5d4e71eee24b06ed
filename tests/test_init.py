"""Starting weights: what each scheme promises."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.cells import Diagonal, Elman, make_cell, stack

SIZES = [1, 2, 7, 40]


@pytest.fixture(params=SIZES)
def n(request):
    return request.param


def radius(W):
    return np.abs(np.linalg.eigvals(W)).max()


def test_orthogonal_is_a_rotation_shrunk(n, rng):
    W = pf.init.recurrent_weights("orthogonal", n, rng)
    np.testing.assert_allclose(W @ W.T, 0.81 * np.eye(n), atol=1e-12)


def test_identity_is_the_identity(n, rng):
    np.testing.assert_array_equal(pf.init.recurrent_weights("identity", n, rng), np.eye(n))


def test_glorot_fills_its_limits(rng):
    W = pf.init.recurrent_weights("glorot", 150, rng)
    limit = np.sqrt(6 / 300)
    assert 0.99 * limit < np.abs(W).max() <= limit
    assert np.std(W) == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_scaled_normal_has_its_deviation(rng):
    W = pf.init.recurrent_weights("scaled_normal", 200, rng)
    assert np.std(W) == pytest.approx(0.9 / np.sqrt(200), rel=0.02)
    assert radius(W) == pytest.approx(0.9, rel=0.1)


def test_the_scaled_spectral_radius_is_exact(n, rng):
    for _ in range(5):
        W = pf.init.recurrent_weights("scaled_spectral_radius", n, rng)
        assert radius(W) == pytest.approx(0.9, rel=1e-12)
        assert n == 1 or np.linalg.norm(W - np.diag(W.diagonal())) > 0


def test_what_units_have_of_themselves(rng):
    for scheme in ("uniform", "orthogonal", "identity", "scaled_spectral_radius"):
        w = pf.init.own_weights(scheme, 500, rng)
        assert w.shape == (500,)
        assert np.abs(w).max() <= (1.0 if scheme == "identity" else 0.9 + 1e-12)
    assert np.abs(pf.init.own_weights("scaled_spectral_radius", 9, rng)).max() == pytest.approx(0.9, rel=1e-12)
    assert set(pf.init.own_weights("orthogonal", 50, rng)) == {-0.9, 0.9}


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "elu", "identity"])
@pytest.mark.parametrize("kind", [Diagonal, Elman])
def test_a_symmetric_start_is_silent(kind, activation, rng, dtype):
    cell = kind(3, 20, activation)
    theta, W_out = cell.init(rng, dtype, "symmetric"), cell.initial_readout(4, "symmetric", rng).astype(dtype)
    inputs = rng.normal(size=(50, 3)).astype(dtype)
    states, _ = pf.kernels.forward_sensitivity(cell, theta, inputs)
    size = np.linalg.norm(states, axis=1) * np.linalg.norm(W_out[0])
    assert size.min() > 0.1
    assert np.max(np.abs(states @ W_out.T) / size[:, None]) < 4 * np.finfo(dtype).eps
    np.testing.assert_array_equal(np.abs(W_out), dtype.type(1 / np.sqrt(20)))
    assert len(np.unique(W_out, axis=0)) > 1
    for half in cell.unpack(theta).values():
        if half.shape != (20, 20):
            np.testing.assert_array_equal(half[:10], half[10:])


def test_a_symmetric_estimator_predicts_zero_until_it_has_learnt(rng):
    X, y = rng.normal(size=(40, 3)).astype("f"), rng.normal(size=40).astype("f")
    still = pf.RecurrentRegressor(n_units=16, init="symmetric", optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X, y)
    assert np.abs(still.predict(X)).max() < 1e-6
    learning = pf.RecurrentRegressor(n_units=16, init="symmetric").partial_fit(X, y)
    assert np.abs(learning.predict(X)).max() > 1e-4
    plain = pf.RecurrentRegressor(n_units=16, optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X, y)
    assert np.abs(plain.predict(X)).max() > 1e-2


def test_a_symmetric_start_survives_a_bound_and_a_stack(rng):
    bounded = Diagonal(3, 20, weight_bound=0.5)
    stacked = stack([Elman(3, 5), Diagonal(5, 20)])
    for cell in (bounded, stacked):
        theta = cell.init(rng, scheme="symmetric") if cell is bounded else np.concatenate(
            [cell.layers[0].init(rng), cell.layers[1].init(rng, scheme="symmetric")]
        )
        states, _ = pf.kernels.forward_sensitivity(cell, theta, rng.normal(size=(30, 3)))
        seen = states[:, cell.first_feature :]
        assert np.abs(seen).max() > 0.1
        np.testing.assert_allclose(seen @ cell.initial_readout(2, "symmetric", rng).T, 0, atol=1e-14)


def test_alpha_is_the_size_of_the_own_weights(rng):
    w, W_in = pf.init.symmetric(1000, 2, rng, alpha=1.5)
    assert set(w) == {-1.5, 1.5}
    assert np.std(W_in) == pytest.approx(1, rel=0.05)


def test_poles_fill_the_ring_by_area(rng):
    nu, phase = pf.init.ring(200_000, 0.5, 0.9, 2.0, rng)
    r = np.exp(-np.exp(nu))
    assert r.min() == pytest.approx(0.5, abs=1e-3)
    assert r.max() == pytest.approx(0.9, abs=1e-3)
    for inner in (0.6, 0.7, 0.8):
        assert np.mean(r < inner) == pytest.approx((inner**2 - 0.25) / (0.81 - 0.25), abs=0.01)
    assert np.mean(phase < 0.5) == pytest.approx(0.25, abs=0.01)
    assert phase.max() < 2.0
    assert np.all(np.isfinite(pf.init.ring(1000, 0.0, 0.5, 1.0, rng)[0]))


def test_decays_are_positive_definite_and_do_not_overshoot(n, rng):
    for dt in (0.1, 1.0, 7.0):
        values = np.linalg.eigvalsh(pf.init.positive_definite(n, dt, rng))
        assert values.min() > 0
        assert dt * values.max() <= 1 + 1e-12


def test_one_seed_one_start_in_both_precisions(rng):
    for scheme in (None, "symmetric", "scaled_spectral_radius"):
        cell = Elman(2, 6)
        np.testing.assert_array_equal(cell.init(3, "float64", scheme).astype("float32"), cell.init(3, "float32", scheme))
        assert np.any(cell.init(3, scheme=scheme) != cell.init(4, scheme=scheme))


def test_bad_schemes_are_named(rng):
    for kind in (Diagonal, Elman):
        refused(r"scheme 'symmetric' needs n_units to be even, got 5", kind(2, 5).init, 0, scheme="symmetric")
        refused(r"scheme must be one of .*, got 'random'", kind(2, 4).init, 0, scheme="random")
    refused(r"needs n_units to be even", Diagonal(2, 5).initial_readout, 1, "symmetric", rng)
    refused(r"scheme must be one of uniform, .*, got 'glorot'", pf.init.own_weights, "glorot", 3, rng)
    refused(r"scheme 'symmetric' needs every unit's connection to itself", Elman(2, 4, connectivity=0.3).init, 0, scheme="symmetric")
    odd = pf.RecurrentRegressor(n_units=5, init="symmetric", dtype="float64")
    refused(r"init 'symmetric' needs n_units to be even, got 5", odd.partial_fit, np.zeros((3, 2)), np.zeros(3))


@pytest.mark.parametrize("name", ["elman", "gru", "lstm", "leaky"])
def test_the_spectral_radius_is_that_of_the_connections_there_are(name):
    cell = make_cell(name, 2, 40, connectivity=0.1)
    matrices = [W for part, W in cell.unpack(cell.init(0, scheme="scaled_spectral_radius")).items() if part.startswith("W_rec")]
    for W in matrices:
        assert np.count_nonzero(W) <= 160
        np.testing.assert_allclose(np.abs(np.linalg.eigvals(W)).max(), 0.9, rtol=1e-10)


@pytest.mark.parametrize("seed", [None, -1, "a", True, np.random.default_rng(0)])
def test_a_bad_seed_of_connections_is_named(seed):
    with pytest.raises(ValueError, match="connectivity_seed must be a non-negative int, got"):
        make_cell("elman", 2, 4, connectivity=0.5, connectivity_seed=seed)
    assert type(make_cell("elman", 2, 4, connectivity_seed=np.int64(3)).connectivity_seed) is int


def test_a_mask_is_of_bool():
    with pytest.raises(TypeError, match=r"connectivity must be .* a mask \(2, 2\) of bool .*, got a matrix of int64: a mask is of bool"):
        make_cell("elman", 2, 2, connectivity=np.eye(2, dtype=np.int64))


def test_an_empty_scheme_is_none_that_is_known():
    with pytest.raises(ValueError, match="scheme must be one of"):
        make_cell("elman", 2, 3).init(0, scheme="")
