"""Kernel EDMD: the same as EDMD where the kernel's features can be written out, and good for few snapshots of many features."""

import pickle

import numpy as np
import pytest
from helpers import close
from scipy.integrate import solve_ivp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics.pairwise import rbf_kernel

import pushforward as pf
from pushforward.koopman import Custom, Identity, KernelEDMD, Monomials


def nonlinear(X):
    """One step of a system that is linear in (x, y, x²), with eigenvalues 0.9, 0.5, 0.81."""
    return np.stack([0.9 * X[:, 0], 0.5 * X[:, 1] + 0.3 * X[:, 0] ** 2], axis=1).astype(X.dtype)


def same_numbers(found, expected, atol):
    """Equal as multisets."""
    assert len(found) == len(expected)
    rest = list(found)
    for value in expected:
        nearest = int(np.argmin(np.abs(np.array(rest) - value)))
        assert abs(rest.pop(nearest) - value) <= atol


@pytest.fixture(scope="module")
def oscillation():
    """Van der Pol, (300, 2), every tenth of a second."""
    times = np.arange(300) * 0.1
    solved = solve_ivp(lambda t, x: [x[1], (1 - x[0] ** 2) * x[1] - x[0]], (0, times[-1]), [0.5, 0.5], t_eval=times, rtol=1e-10, atol=1e-10)
    return np.ascontiguousarray(solved.y.T)


# -- theorems ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_polynomial_kernel_is_edmd_with_monomials(rng, degree):
    """Noisy, so that nothing but least squares in those features gives these numbers."""
    X = rng.uniform(-1, 1, size=(80, 2))
    Y = nonlinear(X) + 0.1 * rng.normal(size=X.shape)
    model = KernelEDMD("polynomial", degree=degree).fit(X, Y)
    edmd = pf.kernels.edmd(X, Y, Monomials(degree, min_degree=0).fit(X))
    assert model.rank_ == edmd.rank == len(edmd.K)
    same_numbers(model.eigenvalues_, np.linalg.eigvals(edmd.K), 1e-10)
    Z = rng.uniform(-1, 1, size=(50, 2))
    psi = Monomials(degree, min_degree=0).fit(X)(Z)
    close(model.predict(Z), psi @ edmd.A.T, 1e-10)


def test_more_features_than_snapshots(rng):
    """The minimum-norm EDMD in the features of (1 + ⟨x, y⟩)², written out."""
    X = rng.uniform(-1, 1, size=(8, 5))  # 21 features
    Y = np.tanh(X @ rng.normal(size=(5, 5)))
    root = np.sqrt(2)

    def features(Z):
        pairs = [(1 if i == j else root) * Z[:, i] * Z[:, j] for i in range(5) for j in range(i, 5)]
        return np.concatenate([np.ones((len(Z), 1)), root * Z, np.array(pairs).T], axis=1)

    model = KernelEDMD("polynomial", degree=2, gamma=1.0, coef0=1.0).fit(X, Y)
    K = np.linalg.pinv(features(X)) @ features(Y)
    expected = np.linalg.eigvals(K)
    assert model.rank_ == 8
    same_numbers(model.eigenvalues_, expected[np.argsort(-abs(expected))][:8], 1e-9)
    close(model.singular_values_, np.linalg.svd(features(X), compute_uv=False), 1e-12)
    Z = rng.uniform(-1, 1, size=(20, 5))
    close(model.predict(Z), features(Z) @ np.linalg.pinv(features(X)) @ Y, 1e-10)


def test_linear_kernel_is_dynamic_mode_decomposition(rng, dtype):
    X, Y = rng.normal(size=(40, 3)).astype(dtype), rng.normal(size=(40, 3)).astype(dtype)
    model = KernelEDMD("linear", dtype=dtype.name).fit(X, Y)
    plain = pf.kernels.edmd(X.astype(np.float64), Y.astype(np.float64), Identity().fit(X)).K
    atol = 1e-5 if dtype == np.float32 else 1e-12
    same_numbers(model.eigenvalues_, np.linalg.eigvals(plain), atol)
    close(model.predict(X), X @ plain.T, atol)
    close(model.simulate(X[0], 5)[-1], np.linalg.matrix_power(plain, 5) @ X[0], 10 * atol)
    close(model.simulate_linear(X[0], 5), model.simulate(X[0], 5), 10 * atol)


def test_eigenfunctions_turn_by_their_eigenvalues_and_modes_give_the_state_back(rng, dtype):
    X = rng.uniform(-1, 1, size=(60, 2)).astype(dtype)
    model = KernelEDMD("polynomial", degree=2, dtype=dtype.name).fit(X, nonlinear(X))
    tol = 1e-4 if dtype == np.float32 else 1e-10
    same_numbers(model.eigenvalues_[:4], [1, 0.9, 0.81, 0.5], tol)  # 0.9 · 0.5 and 0.5² are no eigenvalues: x² y leaves the span
    Z = rng.uniform(-1, 1, size=(30, 2)).astype(dtype)
    now, then = model.eigenfunctions(Z)[:, :4], model.eigenfunctions(nonlinear(Z))[:, :4]
    close(then, now * model.eigenvalues_[:4], tol)
    close(model.eigenfunctions(Z) @ model.modes_.T, Z, tol)
    close(model.lift(Z) @ model.projection_.T, Z, tol)
    close(model.simulate_linear(Z[0], 6)[-1], model.simulate(Z[0], 6)[-1], 10 * tol)
    assert model.continuous_eigenvalues(0.1)[1] == pytest.approx(np.log(0.9) / 0.1, rel=1e-3)


def test_eigenfunctions_of_a_rotation_turn_the_same_way(rng):
    system = np.array([[0.9, -0.3], [0.2, 0.8]])
    X = rng.uniform(-1, 1, size=(40, 2))
    model = KernelEDMD("polynomial", degree=2).fit(X, X @ system.T)
    assert (abs(model.eigenvalues_.imag) > 0.1).sum() == 4  # λ, λ², and their conjugates
    close(model.eigenfunctions(X @ system.T), model.eigenfunctions(X) * model.eigenvalues_, 1e-10)
    close(model.eigenfunctions(X) @ model.modes_.T, X, 1e-10)


def test_few_snapshots_of_an_oscillator_are_enough_for_a_rbf_kernel(oscillation):
    model = KernelEDMD().fit(oscillation[:200])
    assert np.abs(model.simulate(oscillation[199], 100) - oscillation[200:]).max() < 1e-3
    single = KernelEDMD(dtype="float32").fit(oscillation[:200].astype(np.float32))
    forecast = single.simulate(oscillation[199].astype(np.float32), 100)
    assert forecast.dtype == np.float32
    assert np.abs(forecast - oscillation[200:]).max() < 1e-3


def test_units_and_the_origin_do_not_matter(oscillation):
    model, scaled = KernelEDMD().fit(oscillation[:100]), KernelEDMD().fit(1e6 * oscillation[:100])
    assert scaled.rank_ == model.rank_
    close(scaled.predict(1e6 * oscillation[100:]), 1e6 * model.predict(oscillation[100:]), 1e-6)
    moved = KernelEDMD().fit(oscillation[:100] + 4096)  # differences stay exact to 1e-12; differences of squares would keep 1e-9
    close(moved.singular_values_[:20], model.singular_values_[:20], 1e-11)


def test_a_matrix_of_gaussian_processes_or_scikit_learn_is_a_kernel(oscillation):
    X = oscillation[:80]
    named = KernelEDMD("rbf", gamma=0.125).fit(X).predict(oscillation)
    close(KernelEDMD(RBF(length_scale=2.0)).fit(X).predict(oscillation), named, 1e-5)
    close(KernelEDMD(lambda a, b: rbf_kernel(a, b, gamma=0.125)).fit(X).predict(oscillation), named, 1e-5)
    laplacian = KernelEDMD("laplacian").fit(X)
    close(laplacian.predict(X[:-1]), X[1:], 1e-8)  # as many features as snapshots: it interpolates


def test_rank_is_what_rcond_leaves(oscillation):
    oscillation = oscillation[:120]
    sigma = KernelEDMD().fit(oscillation).singular_values_
    for rcond in (1e-2, 1e-5):
        assert KernelEDMD(rcond=rcond).fit(oscillation).rank_ == (sigma > rcond * sigma[0]).sum()
    floor = KernelEDMD(rcond=0).fit(oscillation)
    assert floor.rank_ < len(oscillation) / 2
    assert np.isfinite(floor.predict(oscillation)).all()
    doubled = KernelEDMD().fit(np.repeat(oscillation[:-1], 2, axis=0), np.repeat(oscillation[1:], 2, axis=0))
    close(doubled.predict(oscillation), KernelEDMD().fit(oscillation).predict(oscillation), 1e-4)


# -- manners -----------------------------------------------------------------------------------------------------------------


def test_trajectories_of_any_length_are_pairs_within_each(oscillation):
    pieces = [oscillation[:50], oscillation[120:200], oscillation[60:62]]
    X, Y = np.concatenate([p[:-1] for p in pieces]), np.concatenate([p[1:] for p in pieces])
    pairs = KernelEDMD().fit(X, Y)
    for model in (KernelEDMD().fit(pieces), KernelEDMD().fit([p[:-1] for p in pieces], [p[1:] for p in pieces])):
        np.testing.assert_array_equal(model.koopman_matrix_, pairs.koopman_matrix_)
    batch = np.stack([oscillation[:40], oscillation[40:80]])
    np.testing.assert_array_equal(KernelEDMD().fit(batch).snapshots_, np.concatenate([batch[0, :-1], batch[1, :-1]]))


def test_several_starts_side_by_side(oscillation):
    model, starts = KernelEDMD(rcond=1e-3).fit(oscillation[:150]), oscillation[[3, 30, 60]]
    for run in (model.simulate, model.simulate_linear):
        together = run(starts, 20)
        assert together.shape == (3, 20, 2)
        for i in range(3):
            close(together[i], run(starts[i], 20), 1e-7)
    np.testing.assert_array_equal(model.simulate(starts[0].tolist(), 3), model.simulate(starts[0], 3))


def test_divergence_says_where():
    x = 1.5 ** np.arange(-30.0, 0.0)[:, None]
    model = KernelEDMD("linear").fit(x)
    for run in (model.simulate, model.simulate_linear):
        with pytest.raises(pf.DivergenceError, match="step 5 of series 1"):
            run([[1.0], [1.5**-5.5 * np.finfo(np.float64).max]], 10)


def test_scikit_learn_and_pickle(oscillation):
    model = KernelEDMD("polynomial", degree=5, rcond=1e-6).fit(oscillation)
    assert repr(model) == "KernelEDMD(degree=5, kernel='polynomial', rcond=1e-06)"
    assert clone(model).get_params() == model.get_params()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(oscillation), model.predict(oscillation))
    with pytest.raises(NotFittedError, match="call fit"):
        clone(model).predict(oscillation)
    with pytest.raises(ValueError, match="degree was 5 when the model was built and is now 4"):
        model.set_params(degree=4).predict(oscillation)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saved_and_loaded_it_is_the_same(oscillation, tmp_path, dtype):
    X = oscillation.astype(dtype)
    model = KernelEDMD("laplacian", dtype=dtype).fit(X[:60])
    model.save(tmp_path / "model.safetensors")
    back = pf.load(tmp_path / "model.safetensors")
    assert (back.get_params(), back.rank_, back.gamma_) == (model.get_params(), model.rank_, model.gamma_)
    for found, expected in zip((back.predict(X), back.eigenfunctions(X)), (model.predict(X), model.eigenfunctions(X)), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    with pytest.raises(TypeError, match="kernel cannot be saved"):
        KernelEDMD(rbf_kernel).fit(X[:60].astype(np.float64)).save(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"kernel": "cubic"}, ValueError, "kernel must be one of rbf, polynomial, linear, laplacian, got 'cubic'"),
        ({"gamma": 0}, ValueError, "gamma must be a positive finite number or None, got 0"),
        ({"degree": 1.5}, TypeError, "degree must be a positive int, got 1.5"),
        ({"coef0": -1.0}, ValueError, "coef0 must be a finite number of at least 0, got -1.0"),
        ({"rcond": -1e-3}, ValueError, "rcond must be a number of at least 0 and less than 1, got -0.001"),
        ({"dtype": "int8"}, ValueError, "dtype must be one of float64, float32, got 'int8'"),
        ({"kernel": lambda x, y: x}, ValueError, r"kernel must give real numbers of shape \(299, 299\)"),
        ({"kernel": lambda x, y: x[:, :1] - 2 * y[:, 0]}, ValueError, "kernel must be symmetric"),
        ({"kernel": lambda x, y: -abs(x[:, :1] - y[:, 0])}, ValueError, "kernel must be positive semidefinite"),
        ({"kernel": lambda x, y: 0 * (x @ y.T)}, ValueError, "kernel must not be zero on all snapshots"),
        ({"kernel": lambda x, y: np.inf * abs(x @ y.T)}, ValueError, "kernel must give finite numbers"),
    ],
)
def test_settings_that_cannot_be_are_named(oscillation, settings, error, message):
    with pytest.raises(error, match=message):
        KernelEDMD(**settings).fit(oscillation)


def test_data_that_do_not_fit_are_named(oscillation):
    spoilt = oscillation.copy()
    spoilt[17, 1] = np.inf
    good = KernelEDMD().fit(oscillation)
    before = good.predict(oscillation)
    for args, error, message in [
        ((spoilt,), ValueError, "X must be finite, got inf at series 0, step 17, column 1"),
        ((oscillation[:1],), ValueError, "X must have at least two snapshots in every trajectory, got 1 in trajectory 0"),
        (([oscillation, oscillation[:, :1]],), ValueError, "X must have as many columns in every series"),
        ((oscillation.astype(np.float32),), TypeError, "X must be float64"),
        ((oscillation, oscillation[:, :1]), ValueError, "X_next must have 2 columns like X, got 1"),
        ((oscillation, oscillation[1:]), ValueError, "X_next must have as many"),
        ((np.ones((5, 2)),), ValueError, "must have different points"),
    ]:
        with pytest.raises(error, match=message):
            good.fit(*args)
    np.testing.assert_array_equal(good.predict(oscillation), before)  # mistakes leave it as it was
    with pytest.raises(ValueError, match=r"X must be \(n, 2\), rows like those of fit, got shape \(3, 3\)"):
        good.predict(np.ones((3, 3)))
    with pytest.raises(ValueError, match="X must be finite, got numbers that are not in row 17"):
        good.eigenfunctions(spoilt)
    with pytest.raises(ValueError, match=r"x0 must be \(n, 2\)"):
        good.simulate([1.0], 3)
    with pytest.raises(ValueError, match="n_steps must be a positive int"):
        good.simulate([1.0, 1.0], 0)


def test_a_dictionary_of_all_kernel_columns_gives_the_same_eigenvalues(rng):
    """Columns k(·, x_i) of every snapshot span what the kernel's features can see."""
    X = rng.uniform(-1, 1, size=(12, 2))
    Y = nonlinear(X)
    model = KernelEDMD("laplacian", gamma=0.5).fit(X, Y)
    columns = Custom(lambda Z: np.exp(-0.5 * np.abs(Z[:, None] - X).sum(axis=2))).fit(X)
    same_numbers(model.eigenvalues_, np.linalg.eigvals(pf.kernels.edmd(X, Y, columns).K), 1e-9)
