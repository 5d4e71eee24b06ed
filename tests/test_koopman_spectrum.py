"""Spectra of Koopman matrices: what must hold of eigenvectors, residuals, pseudospectra and stabilised matrices."""

import numpy as np
import pytest
import scipy.linalg
from helpers import refused

from pushforward.koopman._spectrum import continuous_eigenvalues, decompose, eigenpair_residuals, pseudospectrum, stabilize
from pushforward.reference import spectrum as reference

ROTATION = np.array([[0.8, -0.3], [0.3, 0.8]])
NEARLY_REAL = 0.5 * np.eye(4) + 1e-9 * np.kron(np.diag([1.0, 0.4]), [[0.0, 1.0], [-1.0, 0.0]])
JORDAN = np.array([[1.1, 1.0], [0.0, 1.1]])
GRID = np.linspace(-1.2, 1.2, 9)[:, None] * 1j + np.linspace(-1.3, 1.3, 7)


def factors(Psi, Psi_next):
    """R, Q1, S as a fit leaves them."""
    Q, R = np.linalg.qr(Psi)
    Q1 = Q.T @ Psi_next
    rest = Psi_next - Q @ Q1
    return R, Q1, rest.T @ rest


def snapshots(rng, n_features=6, n_rows=60):
    """Ψ and Ψ' of a map that no matrix is."""
    Psi = rng.normal(size=(n_rows, n_features))
    return Psi, np.tanh(Psi @ rng.normal(size=(n_features, n_features)))


def fitted(Psi, Psi_next):
    return np.linalg.lstsq(Psi, Psi_next, rcond=None)[0].T


def similar(eigenvalues, rng):
    """A real matrix with these eigenvalues (conjugates given once), none of its eigenvectors at a right angle to another."""
    blocks = [[[z.real, z.imag], [-z.imag, z.real]] if np.iscomplex(z) else [[np.real(z)]] for z in eigenvalues]
    D = scipy.linalg.block_diag(*blocks)
    V = np.eye(len(D)) + 0.3 * rng.normal(size=D.shape)
    return V @ D @ np.linalg.inv(V)


# --- eigenvectors ---


def test_left_and_right_vectors_are_eigenvectors_and_biorthogonal(rng, dtype):
    tol = 1e-5 if dtype == np.float32 else 1e-12
    K = rng.normal(size=(40, 40)).astype(dtype)
    values, right, left = spectrum = decompose(K)
    assert all(part.dtype == np.result_type(dtype, np.complex64) for part in spectrum)
    np.testing.assert_allclose(K @ right, right * values, atol=20 * tol)
    np.testing.assert_allclose(left.T @ K, values[:, None] * left.T, atol=20 * tol * spectrum.condition.max())
    np.testing.assert_allclose(left.T @ right, np.eye(40), atol=tol * spectrum.condition.max())
    np.testing.assert_allclose(np.linalg.norm(right, axis=0), 1, rtol=1e-6)
    assert np.all(np.diff(np.abs(values)) <= 1e-6)


def test_conjugate_pairs_stand_together_even_among_equal_moduli(rng):
    turn = [np.exp(1j * angle) for angle in (0.3, 0.9, 1.5, 2.2)]
    K = similar([*turn, 1.0, -1.0, 0.5], rng)
    values, right, left = decompose(K)
    above = np.flatnonzero(values.imag > 1e-3)
    assert len(above) == 4
    for part in (values[None], right, left):
        np.testing.assert_array_equal(part[:, above + 1], part[:, above].conj())
    real = np.abs(values.imag) < 1e-3
    assert not np.stack([left, right])[..., real].imag.any()


@pytest.mark.parametrize("K", [np.eye(3), np.diag([2.0, 2.0, 1.0]), np.zeros((2, 2)), np.kron(np.eye(3), ROTATION), NEARLY_REAL])
def test_degenerate_eigenvalues_keep_biorthogonal_vectors(K, rng):
    V = np.eye(len(K)) + 0.3 * rng.normal(size=K.shape)
    for A in (K, V @ K @ np.linalg.inv(V)):
        values, right, left = decompose(A)
        np.testing.assert_allclose(np.sort_complex(values.round(10)), np.sort_complex(np.linalg.eigvals(K).round(10)))
        np.testing.assert_allclose(left.T @ right, np.eye(len(K)), atol=1e-12)
        np.testing.assert_allclose((right * values) @ left.T, A, atol=1e-12)
        above = np.flatnonzero(values.imag > 0)
        np.testing.assert_array_equal(left[:, above + 1], left[:, above].conj())


def test_a_defective_matrix_has_finite_vectors():
    values, _, left = spectrum = decompose(JORDAN)
    np.testing.assert_allclose(values, 1.1, atol=1e-7)
    assert np.all(np.isfinite(left))
    assert spectrum.condition.max() < 10


def test_complex_matrices(rng):
    K = rng.normal(size=(5, 5)) + 1j * rng.normal(size=(5, 5))
    values, right, left = decompose(K)
    np.testing.assert_allclose((right * values) @ left.T, K, atol=1e-12)


def test_a_linear_system_gives_its_eigenvalues_modes_and_eigenfunctions(rng):
    A = similar([0.95 + 0.2j, 0.7, -0.4], rng)
    X = rng.normal(size=(50, 4))
    K = fitted(X, X @ A.T)
    values, modes, left = decompose(K)  # the state is the lifted state: modes are right vectors
    np.testing.assert_allclose(np.sort_complex(values), np.sort_complex([0.95 + 0.2j, 0.95 - 0.2j, 0.7, -0.4]), atol=1e-12)
    functions = X @ left
    np.testing.assert_allclose(X @ A.T @ left, functions * values, atol=1e-11)
    np.testing.assert_allclose(functions @ modes.T, X, atol=1e-11)
    path = [X[0] @ np.linalg.matrix_power(A.T, t) for t in range(6)]
    np.testing.assert_allclose([(functions[0] * values**t) @ modes.T for t in range(6)], path, atol=1e-11)


def test_continuous_eigenvalues_of_an_oscillator(dtype):
    rates = np.array([-0.1 + 2j, -0.1 - 2j, -3.0], np.result_type(dtype, np.complex64))
    found = continuous_eigenvalues(np.exp(rates * 0.05), dt=0.05)
    assert found.dtype == rates.dtype
    np.testing.assert_allclose(found, rates, rtol=1e-5 if dtype == np.float32 else 1e-12)
    assert continuous_eigenvalues([0.0], 1.0)[0].real == -np.inf


# --- residuals ---


def test_residuals_are_those_of_the_snapshots(rng):
    Psi, Psi_next = snapshots(rng)
    values, _, left = decompose(fitted(Psi, Psi_next))
    found = eigenpair_residuals(*factors(Psi, Psi_next), values, left)
    np.testing.assert_allclose(found, reference.eigenpair_residuals(Psi, Psi_next, values, left), rtol=1e-12)
    others = np.array([0.3 + 0.4j, -1.0])
    found = eigenpair_residuals(*factors(Psi, Psi_next), others, left[:, :2])
    np.testing.assert_allclose(found, reference.eigenpair_residuals(Psi, Psi_next, others, left[:, :2]), rtol=1e-12)


def invariant(rng, noise=0.0):
    """States, their products, and x³: (x, y, x²) is invariant, x³ leads out. Noise goes to what follows y."""
    x, y = rng.uniform(-1, 1, size=(2, 400))
    after = 0.9 * x, 0.5 * y + 0.3 * x**2 + noise * rng.normal(size=400)
    return np.stack([x, y, x**2, np.sin(3 * y)], axis=1), np.stack([*after, after[0] ** 2, np.sin(3 * after[1])], axis=1)


def test_the_residual_is_zero_on_an_invariant_subspace(rng):
    Psi, Psi_next = invariant(rng)
    values, _, left = decompose(fitted(Psi, Psi_next))
    found = eigenpair_residuals(*factors(Psi, Psi_next), values, left)
    exact = [int(np.argmin(np.abs(values - z))) for z in (0.9, 0.81, 0.5)]
    assert found[exact].max() < 1e-13
    assert np.delete(found, exact).min() > 0.03


@pytest.mark.parametrize("noise", [1e-11, 1e-13, 1e-4])
def test_tiny_residuals_are_seen(rng, noise):
    """The Gram matrices of ResDMD end at 1e-8."""
    Psi, Psi_next = invariant(rng, noise)
    w = np.array([[0.0], [1.0], [-0.3 / 0.31], [0.0]])  # y − 0.3 x² / (0.81 − 0.5) is an eigenfunction, less the noise
    found = eigenpair_residuals(*factors(Psi, Psi_next), [0.5], w)[0]
    expected = noise * np.sqrt(len(Psi)) / np.linalg.norm(Psi @ w)
    assert found == pytest.approx(expected, rel=0.1)
    assert found == pytest.approx(reference.eigenpair_residuals(Psi, Psi_next, [0.5], w)[0], rel=1e-2)


def test_a_function_of_rounding_errors_has_an_infinite_residual():
    Psi = np.outer(np.arange(1.0, 6.0), [1.0, 3.0])  # two features that are one
    found = eigenpair_residuals(*factors(Psi, 0.5 * Psi), [0.5, 0.5], [[1.0, 3.0], [0.0, -1.0]])
    assert found[0] < 1e-14
    assert found[1] == np.inf


# --- pseudospectra ---


@pytest.mark.parametrize("n_features", [1, 2, 6, 60])
def test_the_pseudospectrum_is_that_of_the_snapshots(rng, dtype, n_features):
    Psi, Psi_next = snapshots(rng, n_features, 200)
    found = pseudospectrum(*(part.astype(dtype) for part in factors(Psi, Psi_next)), GRID)
    assert (found.shape, found.dtype) == (GRID.shape, dtype)
    np.testing.assert_allclose(found, reference.pseudospectrum(Psi, Psi_next, GRID), rtol=1e-4 if dtype == np.float32 else 1e-9)


def test_the_pseudospectrum_of_a_deficient_dictionary(rng):
    Psi, Psi_next = snapshots(rng)
    more = rng.normal(size=(6, 3))
    Psi, Psi_next = np.hstack([Psi, Psi @ more]), np.hstack([Psi_next, Psi_next @ more + rng.normal(size=(60, 3))])
    found = pseudospectrum(*factors(Psi, Psi_next), GRID, rcond=1e-8)
    np.testing.assert_allclose(found, reference.pseudospectrum(Psi, Psi_next, GRID, rcond=1e-8), rtol=1e-9)


def test_the_pseudospectrum_contains_the_spectrum(rng):
    Psi, Psi_next = snapshots(rng)
    values, _, left = decompose(fitted(Psi, Psi_next))
    parts = factors(Psi, Psi_next)
    smallest, residuals = pseudospectrum(*parts, values), eigenpair_residuals(*parts, values, left)
    assert np.all(smallest <= residuals * (1 + 1e-9))
    assert np.all(smallest > 0.1 * residuals)  # or else there would be nothing to contain


def test_of_a_normal_operator_it_is_the_distance_to_the_spectrum(rng):
    values = np.exp(1j * rng.uniform(0.2, 3.0, 10)) * rng.uniform(0.3, 1.0, 10)
    basis = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    K = basis @ scipy.linalg.block_diag(*[[[z.real, z.imag], [-z.imag, z.real]] for z in values]) @ basis.T
    both = np.concatenate([values, values.conj()])
    X = np.linalg.qr(rng.normal(size=(50, 20)))[0]
    points = np.concatenate([GRID.ravel(), values])
    found = pseudospectrum(*factors(X, X @ K.T), points)
    np.testing.assert_allclose(found, np.abs(points[:, None] - both).min(axis=1), rtol=1e-9, atol=1e-13)


def test_tiny_values_of_the_pseudospectrum_are_seen(rng):
    Psi, Psi_next = invariant(rng, 1e-11)
    for z in (0.5, 0.5 + 1e-11j, 0.5 + 1e-9j):
        found = pseudospectrum(*factors(Psi, Psi_next), [z])[0]
        assert found == pytest.approx(reference.pseudospectrum(Psi, Psi_next, [z])[0], rel=0.01)
        assert found < 1e-10 or z == 0.5 + 1e-9j


# --- stabilised matrices ---


def test_nothing_to_move_is_nothing_changed(rng, dtype):
    K = similar([0.9 + 0.3j, 1.0, 0.2], rng).astype(dtype) * dtype.type(0.999)
    for radius in (1.0, 1.5):
        same, n_moved = stabilize(K, radius)
        assert n_moved == 0
        assert same is not K
        assert same.dtype == dtype
        np.testing.assert_array_equal(same, K)


def test_eigenvalues_on_the_circle_are_not_moved_by_rounding_errors(rng):
    Q = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    np.testing.assert_array_equal(stabilize(Q)[0], Q)


@pytest.mark.parametrize("radius", [1.0, 0.95])
def test_eigenvalues_outside_go_onto_the_circle_and_vectors_stay(rng, dtype, radius):
    tol = 2e-4 if dtype == np.float32 else 1e-10
    K = similar([1.2 + 0.5j, -1.4, 1.1, 0.7 + 0.2j, 0.3], rng).astype(dtype)
    stable, n_moved = stabilize(K, radius)
    assert (n_moved, stable.dtype) == (4, dtype)
    values, right, left = decompose(K)
    outside = np.abs(values) > radius
    onto = np.where(outside, radius * values / np.abs(values), values)
    np.testing.assert_allclose(stable @ right, right * onto, atol=tol)
    np.testing.assert_allclose(left.T @ stable, onto[:, None] * left.T, atol=10 * tol)


def test_complex_matrices_are_stabilised(rng):
    V = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    stable, n_moved = stabilize(V @ np.diag([2j, 1.5, 0.3]) @ np.linalg.inv(V))
    assert n_moved == 2
    np.testing.assert_allclose(stable, V @ np.diag([1j, 1.0, 0.3]) @ np.linalg.inv(V), atol=1e-11)


@pytest.mark.parametrize(
    "K",
    [
        JORDAN,
        np.kron(np.eye(2), 1.5 * ROTATION) + np.kron([[0, 1], [0, 0]], np.eye(2)),
        np.array([[1.0 + 1e-9, 1.0], [0.0, 1.0 - 1e-9]]),
        np.array([[1.0 + 1e-14, 1.0], [0.0, 1.0 - 1e-14]]),
        np.eye(8, k=1) + 1.3 * np.eye(8),
        np.eye(8, k=1) + np.diag([1.02, 0.98] * 4),
    ],
    ids=["real", "pairs", "across the circle", "all but on it", "long", "long, across"],
)
def test_defective_matrices_do_not_blow_up(K, rng):
    basis = np.linalg.qr(rng.normal(size=K.shape))[0]
    for A in (K, basis @ K @ basis.T):
        stable, _ = stabilize(A, 1.0)
        assert np.linalg.norm(stable) <= 1.01 * np.linalg.norm(A)
        # an eigenvalue of a block of n moves by the n-th root of a rounding error
        assert np.abs(np.linalg.eigvals(stable)).max() < 1 + 30 * np.finfo(float).eps ** (1 / len(K))


def test_jordan_blocks_keep_their_vector():
    stable, n_moved = stabilize(JORDAN)
    assert n_moved == 2
    np.testing.assert_allclose(stable, JORDAN / 1.1, rtol=1e-12)


def test_the_constant_stays_to_the_bit(rng):
    for place in (30, 0):
        K = rng.normal(size=(31, 31)) / 4
        K[place] = np.eye(31)[place]
        stable, n_moved = stabilize(K)
        assert n_moved >= 4
        np.testing.assert_array_equal(stable[place], K[place])
        assert np.abs(np.linalg.matrix_power(stable, 1000)).max() < 1e3


def test_mistakes_are_named(rng):
    eye, bad = np.eye(3), np.full((3, 3), np.nan)
    refused("K must be a square matrix, got shape \\(3, 2\\)", decompose, np.ones((3, 2)))
    refused("K must be finite, got nan at row 0, column 0", decompose, bad)
    refused("K must be a matrix of numbers", decompose, np.full((2, 2), "a"))
    refused("radius must be a positive finite number, got 0", stabilize, eye, 0)
    refused("dt must be a positive number of seconds, got -1", continuous_eigenvalues, [1.0], -1)
    refused("left must have shape \\(3, 2\\)", eigenpair_residuals, eye, eye, eye, [1.0, 2.0], eye)
    refused("S must be finite", eigenpair_residuals, eye, eye, bad, [1.0], eye[:, :1])
    refused("R, Q1 and S must have one shape", pseudospectrum, eye, np.eye(2), eye, GRID)
    refused("rcond must lie in", pseudospectrum, eye, eye, eye, GRID, -1.0)
    refused("grid must be finite, got nan", pseudospectrum, eye, eye, eye, [np.nan])
    refused("R must not be zero", pseudospectrum, 0 * eye, eye, eye, GRID)
