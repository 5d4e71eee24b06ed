"""Dictionaries: what they span, kernels they approximate, and their manners."""

import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from helpers import close
from scipy.spatial.distance import cdist, pdist
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import pushforward as pf
from pushforward.koopman import Custom, Identity, Monomials, RadialBasis, RandomFourier, Sampled

PROFILES = ("gaussian", "multiquadric", "inverse_multiquadric", "thin_plate")
SETTINGS = {
    "sampled": Sampled(n_units=12, activation="relu", unique=False),
    "monomials": Monomials(degree=3),
    "with a constant": Monomials(degree=2, min_degree=0),
    "without the state": Monomials(degree=4, min_degree=2),
    "radial": RadialBasis(n_units=9, profile="thin_plate"),
    "clusters": RadialBasis(n_units=5, centers="kmeans"),
    "fourier": RandomFourier(n_units=11),
    "identity": Identity(),
    "custom": Custom(np.sin),
}


@pytest.fixture(params=SETTINGS)
def dictionary(request):
    return SETTINGS[request.param]


def sines(Z):
    return np.concatenate([np.sin(Z), np.sin(2 * Z)], axis=1)


def products(values, degree):
    return [np.prod(chosen, axis=0) for p in range(1, degree + 1) for chosen in itertools.combinations_with_replacement(values, p)]


# -- theorems ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_monomials_of_a_linear_system_have_the_products_of_its_eigenvalues(rng, degree):
    system = np.array([[0.9, -0.3, 0.1], [0.2, 0.8, 0.0], [0.0, 0.1, 0.5]])
    X = rng.uniform(-1, 1, size=(400, 3))
    result = pf.kernels.edmd(X, X @ system.T, Monomials(degree).fit(X))
    found, expected = np.linalg.eigvals(result.K), np.array(products(np.linalg.eigvals(system), degree))
    assert found.shape == expected.shape == (len(expected),)
    for value in expected:  # each once: what is nearest is taken away
        nearest = np.argmin(abs(found - value))
        assert abs(found[nearest] - value) < 1e-10
        found = np.delete(found, nearest)


def test_monomials_are_the_products_that_their_names_say(rng, dtype, tol):
    Z = rng.uniform(-2, 2, size=(5000, 4)).astype(dtype)  # several pieces
    fitted = Monomials(degree=4, min_degree=0).fit(Z)
    psi = fitted(Z)
    expected = products(Z.T.astype(np.float64), 4)
    close(psi, np.array([*expected, np.ones(len(Z))]).T, 1e-6 if dtype == np.float32 else 1e-15)
    values = dict(zip(fitted.names(), psi.T, strict=True))
    assert len(values) == fitted.n_features == psi.shape[1]
    np.testing.assert_allclose(values["z0^2 z3"], Z[:, 0] ** 2 * Z[:, 3], rtol=1e-5)
    assert (psi[:, fitted.constant_column] == 1).all()
    np.testing.assert_array_equal(psi[:, fitted.state_columns], Z)
    without = Monomials(degree=4, min_degree=3).fit(Z)
    np.testing.assert_array_equal(without(Z), psi[:, 4 + 10 : -1])
    assert without.state_columns is None
    assert without.constant_column is None


def test_identity_is_plain_dynamic_mode_decomposition(rng):
    X, Y = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    result = pf.kernels.edmd(X, Y, Identity().fit(X))
    close(result.K, np.linalg.lstsq(X, Y, rcond=None)[0].T, 1e-12)
    np.testing.assert_array_equal(result.C, np.eye(3))


@pytest.mark.parametrize("width", [0.7, 2.0])
def test_random_fourier_features_approximate_the_gaussian_kernel(rng, width):
    Z = np.concatenate([np.zeros((1, 3)), rng.normal(size=(30, 3))])
    kernel = np.exp(-cdist(Z, Z, "sqeuclidean") / (2 * width**2))

    def error(n_units):
        found = [psi @ psi.T for psi in (RandomFourier(n_units, width).fit(Z, rng=seed)(Z) for seed in range(12))]
        assert np.abs(np.mean(found, axis=0) - kernel).max() < 6 / np.sqrt(12 * n_units)  # no bias
        return np.sqrt(np.mean(np.square(np.array(found) - kernel)))

    errors = [error(n) for n in (25, 400, 6400)]
    assert errors[2] < 0.015
    for more, fewer in itertools.pairwise(errors):
        assert more / fewer == pytest.approx(4, rel=0.25)  # n^(−1/2)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("offset", [0, 1000])
def test_radial_functions_are_those_of_scipy_distances(rng, dtype, profile, offset):
    Z = (rng.normal(size=(2000, 3)) + offset).astype(dtype)
    centers = np.concatenate([Z[:4], (rng.normal(size=(40, 3)) + offset).astype(dtype)])
    q = cdist(Z.astype(np.float64), centers.astype(np.float64)) / 0.8
    expected = {
        "gaussian": np.exp(-(q**2) / 2),
        "multiquadric": np.sqrt(1 + q**2),
        "inverse_multiquadric": 1 / np.sqrt(1 + q**2),
        "thin_plate": q**2 * np.log(np.where(q > 0, q, 1)),
    }[profile]
    psi = RadialBasis(profile=profile, width=0.8, centers=centers).fit(Z)(Z)
    assert psi.dtype == dtype
    close(psi, expected, 3e-7 if dtype == np.float32 else 1e-13)


def test_the_default_width_is_the_median_distance_and_goes_with_the_units(rng):
    Z = rng.normal(size=(100, 3))
    fitted = RadialBasis(n_units=10).fit(Z, rng=0)
    assert fitted.width_[0] == pytest.approx(np.median(pdist(Z)))
    close(RadialBasis(n_units=10).fit(1000 * Z, rng=0)(1000 * Z), fitted(Z), 1e-12)
    close(RandomFourier(10).fit(1000 * Z, rng=0)(1000 * Z), RandomFourier(10).fit(Z, rng=0)(Z), 1e-12)


def test_centers_are_different_data_points_or_means_of_clusters(rng):
    Z = np.repeat(rng.normal(size=(30, 2)), 20, axis=0)
    drawn = RadialBasis(n_units=30).fit(Z, rng=0).centers_
    np.testing.assert_array_equal(np.unique(drawn, axis=0), np.unique(Z, axis=0))
    clouds = np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], 100, axis=0) + rng.uniform(-1, 1, size=(300, 2))
    means = RadialBasis(n_units=3, centers="kmeans").fit(clouds, rng=0).centers_
    expected = clouds.reshape(3, 100, 2).mean(axis=1)
    close(means[np.lexsort(means.T)], expected[np.lexsort(expected.T)], 0.02)


def test_sampled_is_the_kernel_of_that_name(rng, dtype):
    Z = rng.normal(size=(300, 2)).astype(dtype)
    fitted = Sampled(20, "tanh").fit(Z[:-1], Z[1:], rng=7)
    W, b = pf.kernels.sample_weights(Z[:-1], Z[1:], 20, seed=7)
    np.testing.assert_array_equal(fitted(Z), pf.kernels.sampled_features(Z, W, b))
    np.testing.assert_array_equal(fitted.W_, W)


# -- manners -----------------------------------------------------------------------------------------------------------------


def test_fit_returns_a_copy_whose_features_keep_the_dtype(rng, dtype, dictionary):
    Z = rng.normal(size=(400, 3)).astype(dtype)
    fitted = dictionary.fit(Z[:-1], Z[1:], rng=0)
    assert fitted is not dictionary
    with pytest.raises(NotFittedError, match="call fit"):
        dictionary(Z)
    assert getattr(dictionary, "n_features", None) is None
    psi = fitted(Z)
    assert psi.shape == (400, fitted.n_features)
    assert psi.dtype == dtype
    assert psi.flags.c_contiguous
    assert fitted.n_inputs == 3
    assert len(set(fitted.names())) == fitted.n_features
    wide = np.full((400, fitted.n_features + 3), np.nan, dtype)
    assert fitted(Z, out=wide[:, 2:-1]).base is wide
    np.testing.assert_array_equal(wide[:, 2:-1], psi)
    assert np.isnan(wide[:, [0, 1, -1]]).all()
    np.testing.assert_array_equal(dictionary.fit(Z[:-1], Z[1:], rng=np.random.default_rng(0))(Z), psi)
    np.testing.assert_array_equal(fitted(np.asfortranarray(Z)), psi)
    assert fitted(Z[:0]).shape == (0, fitted.n_features)


def test_settings_are_cloned_shown_and_set_as_scikit_learn_does(dictionary):
    twin = clone(dictionary)
    assert twin.get_params() == dictionary.get_params()
    assert repr(twin) == repr(dictionary)
    assert repr(Monomials(degree=5)) == "Monomials(degree=5)"
    assert Monomials().set_params(degree=7).degree == 7


def test_arrays_and_pickles_bring_a_fitted_one_back(rng, dtype, dictionary):
    Z = rng.normal(size=(200, 2)).astype(dtype)
    fitted = dictionary.fit(Z[:-1], Z[1:], rng=0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted))(Z), fitted(Z))
    if isinstance(dictionary, Custom):
        with pytest.raises(TypeError, match="cannot be saved"):
            fitted.arrays()
        return
    arrays, expected = fitted.arrays(), fitted(Z)
    back = clone(dictionary).from_arrays(arrays)
    assert back.names() == fitted.names()
    for array in arrays.values():  # copies on both ways
        array[...] = 0
    np.testing.assert_array_equal(back(Z), expected)
    np.testing.assert_array_equal(fitted(Z), expected)


@pytest.mark.parametrize("name", ["monomials", "radial", "fourier", "sampled"])
def test_features_of_many_rows_take_no_memory_but_their_own(rng, name):
    Z = rng.normal(size=(40_000, 6))
    fitted = SETTINGS[name].fit(Z[:100], Z[1:101], rng=0)
    out = np.empty((len(Z), fitted.n_features))
    tracemalloc.start()
    fitted(Z, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6 < Z.size * fitted.n_features * 8 / 2


def test_custom_counts_and_names_its_features(rng, dtype):
    Z = rng.normal(size=(10, 2)).astype(dtype)
    fitted = Custom(sines, feature_names=list("abcd")).fit(Z)
    assert fitted.names() == list("abcd")
    np.testing.assert_array_equal(fitted(Z), sines(Z))
    assert Custom(lambda z: z > 0).fit(Z)(Z).dtype == dtype


@pytest.mark.parametrize(
    ("dictionary", "error", "message"),
    [
        (Monomials(degree=0), ValueError, "degree must be a positive int, got 0"),
        (Monomials(degree=2, min_degree=3), ValueError, "min_degree must lie in 0 … degree = 2, got 3"),
        (Monomials(min_degree=1.0), TypeError, "min_degree must be an int"),
        (RandomFourier(n_units=0), ValueError, "n_units must be a positive int"),
        (RandomFourier(width=-1.0), ValueError, "width must be a positive finite number or None, got -1.0"),
        (RadialBasis(n_units=9, width="a"), TypeError, "width must be a positive finite number or None, got 'a'"),
        (RadialBasis(profile="cubic"), ValueError, "profile must be one of gaussian, multiquadric, inverse_multiquadric, thin_plate, got 'cubic'"),
        (RadialBasis(n_units=60), ValueError, "n_units must be at most the number of different points in Z, which is 50, got 60"),
        (RadialBasis(centers=[[1.0]]), ValueError, r"centers must be \(n_units, 2\), as wide as Z, got shape \(1, 1\)"),
        (RadialBasis(centers=[[1.0, np.nan]]), ValueError, "centers must be finite"),
        (RadialBasis(centers="grid"), ValueError, "centers must be one of data, kmeans, got 'grid'"),
        (Sampled(activation="sine"), ValueError, "activation must be one of"),
        (Custom("sin"), TypeError, "function must be callable, got str"),
        (Custom(np.sum), ValueError, r"function must give real numbers of shape \(1, n_features\)"),
        (Custom(np.sin, feature_names=["a"]), ValueError, "feature_names must have 2 names"),
    ],
)
def test_settings_that_cannot_be_are_named(rng, dictionary, error, message):
    with pytest.raises(error, match=message):
        dictionary.fit(rng.normal(size=(50, 2)), rng.normal(size=(50, 2)))


def test_data_that_do_not_fit_are_named(rng, dictionary):
    Z = rng.normal(size=(100, 2))
    fitted = dictionary.fit(Z, Z, rng=0)
    spoilt = Z.copy()
    spoilt[[3, 7], 1] = np.nan
    for bad, error, message in [
        (spoilt, ValueError, "Z must be finite, got numbers that are not in rows 3, 7"),
        (Z[:0], ValueError, "Z must have at least one row"),
        (Z[:, 0], ValueError, "reshape"),
        (Z.astype(int), TypeError, "Z must be float32 or float64, got int64"),
    ]:
        with pytest.raises(error, match=message):
            dictionary.fit(bad)
    with pytest.raises(ValueError, match="Z must have 2 columns like the data of fit, got 3"):
        fitted(np.ones((4, 3)))
    with pytest.raises(ValueError, match="out must be a writeable array of float64 and shape"):
        fitted(Z, out=np.empty((3, 1)))
    with pytest.raises(ValueError, match="rng must be a non-negative int"):
        dictionary.fit(Z, rng=-1)
    if fitted._drawn:
        with pytest.raises(TypeError, match="Z must be float64 like the data of fit, got float32"):
            fitted(Z.astype(np.float32))


def test_constant_data_have_no_scale():
    with pytest.raises(ValueError, match="Z must have different points for the scale of their distances, got 5 equal ones"):
        RandomFourier().fit(np.ones((5, 2)))


def test_a_fitted_dictionary_keeps_the_settings_of_its_fit(rng):
    Z = rng.normal(size=(30, 2))
    fitted = Monomials(degree=3).fit(Z).set_params(degree=2)
    with pytest.raises(ValueError, match="degree was 3 in fit and is 2 now"):
        fitted(Z)
    assert fitted.fit(Z)(Z).shape == (30, 5)


def test_a_function_of_ones_own_cannot_write_into_the_data(rng):
    with pytest.raises(ValueError, match="read-only"):
        Custom(lambda z: np.sin(z, out=z)).fit(rng.normal(size=(30, 2)))


def test_a_mistake_in_what_follows_is_called_by_its_name(rng):
    with pytest.raises(ValueError, match=r"^Z_next must"):
        Sampled(n_units=5).fit(rng.normal(size=(30, 2)), rng.normal(size=(29, 2)), rng=0)
