"""Recurrent weights that are never trained: operators are the matrices they stand for, spectral radii are those of eigenvalues, settings fit data."""

import copy
import pickle

import numpy as np
import pytest
from helpers import refused
from scipy import sparse

import pushforward as pf
from pushforward import reservoirs

DTYPES = ["float32", "float64", "complex64", "complex128"]


def operators(rng, n=12, complex_weights=False):
    weight = 0.7 + 0.3j if complex_weights else 0.7
    blocks = rng.normal(size=(n // 3, 3, 3)) + (1j * rng.normal(size=(n // 3, 3, 3)) if complex_weights else 0)
    return [
        reservoirs.Ring(n, weight), reservoirs.DelayLine(n, weight), reservoirs.DelayLine(n, weight, 0.2),
        reservoirs.CycleWithJumps(n, weight, 0.2, 4), reservoirs.CycleWithJumps(n, weight, 0.2, 5), reservoirs.BlockDiagonal(blocks),
    ]  # fmt: skip


def radius(W):
    return np.abs(np.linalg.eigvals(W.toarray() if hasattr(W, "toarray") else W)).max()


@pytest.mark.parametrize("complex_weights", [False, True])
def test_an_operator_is_the_matrix_it_stands_for(rng, complex_weights):
    for W in operators(rng, complex_weights=complex_weights):
        A, states = W.toarray(), rng.normal(size=(12, 3))
        assert (A.shape, A.dtype, W.n_units) == (W.shape, W.dtype, 12)
        np.testing.assert_allclose(W @ states, A @ states, atol=1e-14)
        np.testing.assert_allclose(W @ states[:, 0], A @ states[:, 0], atol=1e-14)
        np.testing.assert_allclose(W.scaled(0.5).toarray(), 0.5 * A)
        assert W.spectral_radius() == pytest.approx(radius(A), abs=1e-12)
        assert pickle.loads(pickle.dumps(W)) == copy.deepcopy(W) == W != W.scaled(0.5)


def test_structures_are_those_of_their_papers():
    ring = reservoirs.Ring(5, 0.9).toarray()
    np.testing.assert_array_equal(ring, 0.9 * np.roll(np.eye(5), 1, axis=0))
    np.testing.assert_array_equal(reservoirs.DelayLine(5, 0.9, 0.1).toarray(), 0.9 * np.eye(5, k=-1) + 0.1 * np.eye(5, k=1))
    for n, jump, ends in ((12, 4, [(0, 4), (4, 8), (8, 0)]), (13, 4, [(0, 4), (4, 8), (8, 12)]), (11, 10, [(0, 10)])):
        jumps = reservoirs.CycleWithJumps(n, 0.0, 0.3, jump).toarray()
        expected = np.zeros((n, n))
        for i, j in ends:  # both ways
            expected[i, j] = expected[j, i] = 0.3
        np.testing.assert_array_equal(jumps, expected)


def test_an_operator_does_not_change_and_never_becomes_a_matrix():
    blocks = np.zeros((2, 2, 2))
    W = reservoirs.BlockDiagonal(blocks)
    blocks[0, 0, 0] = 3
    assert not W.toarray().any()
    with pytest.raises(ValueError, match="read-only"):
        W.blocks[0, 0, 0] = 1
    with pytest.raises(AttributeError, match="weight of a Ring does not change"):
        reservoirs.Ring(5, 0.5).weight = 0.7
    n = 200_000  # as a matrix: 320 GB
    for W in (reservoirs.Ring(n, 0.5), reservoirs.DelayLine(n, 0.5, 0.1), reservoirs.BlockDiagonal(np.full((n // 2, 2, 2), 0.5))):
        assert reservoirs.scaled_to(W, 0.9).spectral_radius() == pytest.approx(0.9)
        assert (W @ np.ones(n)).shape == (n,)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_drawn_weights_have_what_was_asked_for(dtype, distribution):
    settings = {"connectivity": 0.05, "spectral_radius": 1.1, "distribution": distribution, "dtype": dtype}
    W = reservoirs.random(200, **settings, random_state=3)
    assert sparse.issparse(W)
    assert W.dtype == np.dtype(dtype)
    assert radius(W) == pytest.approx(1.1, rel=1e-5)
    np.testing.assert_array_equal(np.diff(W.indptr), 10)  # connectivity · n_units
    np.testing.assert_array_equal(W.toarray(), reservoirs.random(200, **settings, random_state=3).toarray())
    assert not np.array_equal(W.toarray(), reservoirs.random(200, **settings, random_state=4).toarray())
    assert isinstance(reservoirs.random(30, connectivity=0.5, random_state=0), np.ndarray)
    draws = (W.data / W.data.std()).ravel().view(W.dtype.char.lower())
    kurtosis = np.mean(draws**4) / np.mean(draws**2) ** 2
    assert kurtosis == pytest.approx(3.0 if distribution == "normal" else 1.8, abs=0.3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_orthogonal_weights(dtype):
    W = reservoirs.orthogonal(30, spectral_radius=0.9, dtype=dtype, random_state=0)
    assert W.dtype == np.dtype(dtype)
    np.testing.assert_allclose(W @ W.conj().T, 0.81 * np.eye(30), atol=1e-5 if W.dtype.char in "fF" else 1e-13)


@pytest.mark.parametrize("name", ["ring", "cycle_with_jumps", "block_diagonal", "random", "orthogonal"])
def test_every_topology_has_the_radius_asked_for(name):
    assert radius(getattr(reservoirs, name)(60, spectral_radius=0.8, random_state=0)) == pytest.approx(0.8)


@pytest.mark.parametrize("factor", [1.0, 1 + 0.5j])
def test_spectral_radius_is_that_of_eigvals(rng, factor):
    for n in (1, 5, 200):
        A = factor * rng.normal(size=(n, n))
        assert reservoirs.spectral_radius(A) == pytest.approx(radius(A), rel=1e-10)
        assert reservoirs.spectral_radius(sparse.csr_array(A)) == pytest.approx(radius(A), rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.0, 1 + 0.5j])
def test_spectral_radius_of_large_sparse_matrices_is_that_of_eigvals(rng, factor):
    n = reservoirs._spectral.DENSE + 50
    W = reservoirs.random(n, connectivity=0.01, random_state=0) * factor
    assert reservoirs.spectral_radius(W) == pytest.approx(radius(W), rel=1e-9)


def test_only_cycles_have_eigenvalues(rng):
    """Feed-forward weights have none but zero, however large: ARPACK alone finds 0.1 here, for rounding moves them by its n-th root."""
    n = reservoirs._spectral.DENSE + 300
    forward = sparse.csr_array(sparse.tril(sparse.random_array((n, n), density=0.01, rng=rng), -1))
    order = rng.permutation(n)
    shuffled = forward[order][:, order]
    assert reservoirs.spectral_radius(forward) == reservoirs.spectral_radius(shuffled) == 0
    refused("spectral_radius of W is zero", reservoirs.scaled_to, shuffled, 0.9)
    loop = shuffled.tolil()
    loop[7, 7] = -0.25
    assert reservoirs.spectral_radius(sparse.csr_array(loop)) == 0.25
    assert reservoirs.spectral_radius(sparse.csr_array(1j * loop)) == 0.25


def test_a_radius_of_zero_cannot_be_scaled(rng):
    A = np.triu(rng.normal(size=(40, 40)), 1)
    order = rng.permutation(40)
    structured = reservoirs.DelayLine(5, 0.9), reservoirs.BlockDiagonal([[[0.0, 1.0], [0.0, 0.0]]])
    for W in (A, A[order][:, order], sparse.csr_array(A), np.zeros((3, 3)), *structured):
        refused("spectral_radius of W is zero", reservoirs.scaled_to, W, 0.9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scaling_keeps_kind_and_type(rng, dtype):
    A = rng.normal(size=(20, 20)).astype(dtype)
    for W in (A, sparse.csr_array(A)):
        scaled = reservoirs.scaled_to(W, 0.7)
        assert (type(scaled), scaled.dtype) == (type(W), W.dtype)
        assert radius(scaled) == pytest.approx(0.7, rel=1e-5)


BAD = {
    "n_units": (lambda: reservoirs.Ring(0, 0.5), "n_units must be a positive int, got 0"),
    "weight": (lambda: reservoirs.Ring(3, np.nan), "weight must be finite, got nan"),
    "weight of another kind": (lambda: reservoirs.DelayLine(3, "a"), "weight must be a number, got 'a'"),
    "jump": (lambda: reservoirs.CycleWithJumps(5, 0.5, 0.1, 5), "jump must lie between 2 and n_units − 1 = 4, got 5"),
    "blocks": (lambda: reservoirs.BlockDiagonal(np.zeros((2, 3, 2))), "blocks must"),
    "states": (lambda: reservoirs.Ring(3, 0.5) @ np.ones(4), r"states must be \(3,\) or \(3, n\), got shape \(4,\)"),
    "connectivity": (lambda: reservoirs.random(5, connectivity=0.0), r"connectivity must lie in \(0, 1\], got 0.0"),
    "distribution": (lambda: reservoirs.random(5, distribution="cauchy"), "distribution must be one of normal, uniform"),
    "dtype": (lambda: reservoirs.random(5, dtype="int64"), "dtype must be one of"),
    "spectral_radius": (lambda: reservoirs.orthogonal(5, spectral_radius=-1.0), "spectral_radius must be a finite number of at least 0, got -1.0"),
    "not square": (lambda: reservoirs.spectral_radius(np.zeros((2, 3))), "W must be square"),
    "not finite": (lambda: reservoirs.spectral_radius(np.full((2, 2), np.inf)), "W must be finite"),
    "suggest": (lambda: reservoirs.suggest([[np.nan]]), "X must be finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_values_are_named(case):
    call, message = BAD[case]
    refused(message, call)


@pytest.mark.parametrize("dtype", DTYPES)
def test_suggested_settings_do_not_depend_on_the_units_of_the_data(rng, dtype):
    X = rng.normal(size=(400, 2)).astype(dtype)
    units = np.array([3.0, 1e-3])
    here, there = (reservoirs.suggest(data)["input_scaling"] for data in (X, (X * units).astype(dtype)))
    np.testing.assert_allclose(here, there * units, rtol=1e-4)
    np.testing.assert_allclose(np.std(X * here, axis=0), np.std(X[:, :1] * here[0]), rtol=1e-4)  # every column as strong


def test_suggested_settings_are_arguments_of_the_estimator(rng):
    X = rng.normal(size=(400, 3)) * [1.0, 20.0, 0.0]
    settings = reservoirs.suggest(X)
    assert np.isfinite(settings["input_scaling"]).all()
    model = pf.EchoStateRegressor(n_units=20, **settings, random_state=0).fit(X, X[:, 0])
    assert np.isfinite(model.predict(X)).all()
