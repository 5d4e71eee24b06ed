"""Koopman operators of a stream: batch least squares on what still counts, over long streams, drifting systems, files."""

import pickle

import numpy as np
import pytest
from helpers import close, everything, refused, same
from sklearn.base import clone

import pushforward as pf
from pushforward.errors import DivergenceError
from pushforward.koopman import Custom, Identity, Monomials, OnlineEDMD, RandomFourier, Sampled

RIDGE = 1e-2


def series(rng, n_steps, n_inputs=0, dtype="float64"):
    """Two variables of a noisy nonlinear map, driven by inputs."""
    h, u = np.zeros((n_steps, 2)), rng.normal(size=(n_steps, max(n_inputs, 1)))
    for t in range(n_steps - 1):
        x, y = h[t]
        h[t + 1] = 0.7 * x + 0.2 * y * x, 0.6 * y - 0.3 * x**2
        h[t + 1] += 0.3 * rng.normal(size=2) + (0.5 * u[t, 0] if n_inputs else 0.0)
    return h.astype(dtype), (u.astype(dtype) if n_inputs else None)


def lifted(h):
    """What Monomials(2) with a constant gives, by hand."""
    x, y = h.T
    return np.stack([x, y, x * x, x * y, y * y, np.ones_like(x)], axis=1)


def ridge_fit(rows, targets, ridge, weights=None, last=1.0):
    """(targets, columns): argmin Σ w |y − W x|² + last · ridge ‖W‖², by rows that stand for the ridge."""
    rows, targets = rows.astype("float64"), targets.astype("float64")
    scale = np.ones((len(rows), 1)) if weights is None else np.sqrt(weights)[:, None]
    below = np.sqrt(last * ridge) * np.eye(rows.shape[1])
    above = np.vstack([scale * targets, np.zeros((rows.shape[1], targets.shape[1]))])
    return np.linalg.lstsq(np.vstack([scale * rows, below]), above, rcond=None)[0].T


def precision(dtype):
    return 1e-8 if dtype == np.float64 else 2e-3


@pytest.mark.parametrize("n_inputs", [0, 2])
def test_a_window_is_batch_least_squares_on_the_window(n_inputs, rng, dtype, isa):
    """At any time: while it fills, when one factor follows the other, in between."""
    h, u = series(rng, 260, n_inputs, dtype)
    model = OnlineEDMD(Monomials(2), 2, n_inputs, window=50, ridge=RIDGE, dtype=dtype.name)
    psi = lifted(h)
    for t in range(259):
        model.update(h[t], h[t + 1], None if u is None else u[t])
        if t % 17 == 0 or t in (49, 50, 51, 99, 100):
            part = slice(max(0, t - 49), t + 1)
            rows = psi[part] if u is None else np.hstack([psi[part], u[part]])
            W = ridge_fit(rows, psi[1:][part], RIDGE)
            close(model.koopman_matrix_[:5], W[:5, :6], precision(dtype))
            close(model.state_matrix_, W[:2, :6], precision(dtype))
            if n_inputs:
                close(model.input_matrix_[:5], W[:5, 6:], precision(dtype))
                close(model.state_input_matrix_, W[:2, 6:], precision(dtype))


def test_errors_do_not_gather_over_a_long_stream(rng, dtype):
    """Rounding errors of 20,000 events that came and went would be a hundred times those of the first window."""
    n, window, ridge = 8, 40, 1e-20 if dtype == np.float64 else 1e-12
    mix = np.linalg.qr(rng.normal(size=(n, n)))[0]
    H = ((rng.normal(size=(20_001, n)) * np.geomspace(1, 1e-2, n)) @ mix).astype(dtype)
    model = OnlineEDMD(Identity(), n, include_constant=False, target="state", window=window, ridge=ridge, dtype=dtype.name)
    errors, first = [], 0
    for last in (45, 60, 75, 10_003, 19_990, 20_000):
        model.partial_fit(H[first : last + 1])
        W = ridge_fit(H[last - window : last], H[last - window + 1 : last + 1], ridge)
        errors.append(np.linalg.norm(model.state_matrix_ - W) / np.linalg.norm(W))
        first = last
    assert max(errors) < (1e-12 if dtype == np.float64 else 1e-4), errors
    assert max(errors[3:]) < 15 * max(errors[:3]), errors


def test_an_event_that_carries_a_direction_alone_may_leave(rng):
    """A state a million times larger than the others: taking it out of the triangle would take twelve digits with it."""
    H = rng.normal(size=(200, 3))
    H[60] *= 1e6
    model = OnlineEDMD(Identity(), 3, include_constant=False, target="state", window=20, ridge=1e-6)
    for t in range(199):
        model.update(H[t], H[t + 1])
        if t > 62:
            close(model.state_matrix_, ridge_fit(H[t - 19 : t + 1], H[t - 18 : t + 2], 1e-6), 1e-8)


def test_a_window_smaller_than_the_features_works_too(rng):
    H = rng.normal(size=(60, 5))
    model = OnlineEDMD(Identity(), 5, include_constant=False, target="state", window=3, ridge=1e-3).partial_fit(H)
    close(model.state_matrix_, ridge_fit(H[-4:-1], H[-3:], 1e-3), 1e-8)


@pytest.mark.parametrize("n_inputs", [0, 1])
@pytest.mark.parametrize("target", ["observables", "state"])
def test_without_forgetting_it_is_ridge_edmd(target, n_inputs, rng, dtype):
    """And the constant stays what it is, exactly."""
    h, u = series(rng, 400, n_inputs, dtype)
    model = OnlineEDMD(Monomials(2), 2, n_inputs, target=target, ridge=RIDGE, dtype=dtype.name).fit(h, u)
    lift = Monomials(2, min_degree=0).fit(h)
    result = pf.kernels.edmd(h, None, lift, target, u, ridge=RIDGE)
    close(model.state_matrix_, result.A, precision(dtype))
    if n_inputs:
        close(model.state_input_matrix_, result.A_u, precision(dtype))
    if target == "state":
        assert model.koopman_matrix_ is None
        assert model.input_matrix_ is None
        assert model.projection_ is None
        assert model.eigenvalues_ is None
        return
    close(model.koopman_matrix_, result.K, precision(dtype))
    np.testing.assert_array_equal(model.koopman_matrix_[-1], np.eye(6)[-1])
    np.testing.assert_array_equal(model.projection_, np.eye(6)[:2])
    close(np.sort_complex(model.eigenvalues_), np.sort_complex(np.linalg.eigvals(result.K.astype("float64"))), 10 * precision(dtype))
    if n_inputs:
        close(model.input_matrix_, result.B, precision(dtype))
        assert not model.input_matrix_[-1].any()


@pytest.mark.parametrize("window", [None, 1000])
def test_a_state_outside_of_the_features_is_predicted_and_projected(window, rng):
    h, _ = series(rng, 300)

    def function(z):
        return np.stack([z[:, 0] + z[:, 1], np.sin(z[:, 0]), z[:, 1] ** 3], axis=1)

    model = OnlineEDMD(function, 2, include_state=False, window=window, ridge=RIDGE).fit(h)
    psi = np.hstack([function(h), np.ones((300, 1))])
    close(model.koopman_matrix_[:3], ridge_fit(psi[:-1], psi[1:, :3], RIDGE), 1e-8)
    close(model.state_matrix_, ridge_fit(psi[:-1], h[1:], RIDGE), 1e-8)
    close(model.projection_, ridge_fit(psi[:-1], h[:-1], RIDGE), 1e-8)
    close(model.predict(h), psi @ model.state_matrix_.T, 1e-12)


def test_forgetting_weighs_events_by_their_age(rng):
    h, _ = series(rng, 200)
    model = OnlineEDMD(Monomials(2), 2, target="state", forgetting=0.97, ridge=0.3).fit(h)
    ages = np.arange(198, -1, -1)
    close(model.state_matrix_, ridge_fit(lifted(h)[:-1], h[1:], 0.3, 0.97**ages, 0.97**199), 1e-8)


@pytest.mark.parametrize("settings", [{"forgetting": 0.9}, {"window": 15}], ids=["forgetting", "window"])
def test_it_follows_a_rotation_whose_speed_drifts(settings, rng, dtype):
    """The angle of the eigenvalues, where all data together give an average that is none of them."""
    angles = np.linspace(0.1, 1.0, 2000)
    h = [np.array([1.0, 0.0])]
    for a in angles:
        h.append(np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ h[-1])
    h = np.array(h, dtype)
    common = {"n_state": 2, "include_constant": False, "dtype": dtype.name}
    follows, averages = OnlineEDMD(Identity(), ridge=1e-3, **settings, **common), OnlineEDMD(Identity(), **common)
    found = []
    for t in range(2000):
        follows.update(h[t], h[t + 1])
        if t > 50 and t % 50 == 0:
            found.append(abs(abs(np.angle(follows.eigenvalues_[0])) - angles[t]))
    averages.partial_fit(h)
    assert max(found) < 0.01
    assert abs(abs(np.angle(averages.eigenvalues_[0])) - angles[-1]) > 0.1


@pytest.mark.parametrize("settings", [{"forgetting": 0.99}, {"window": 20}], ids=["forgetting", "window"])
def test_events_pieces_and_streams_are_one(settings, rng):
    """Predictions are made before their own event is learnt."""
    h, u = series(rng, 120, 1)
    models = [OnlineEDMD(Monomials(2), 2, 1, ridge=RIDGE, **settings) for _ in range(3)]
    whole = models[0].run(h, u)
    pieces = np.vstack([models[1].run(h[:50], u[:50]), models[1].run(h[49:], u[49:])])
    for t in range(119):
        if t:
            foreseen = models[2].predict(h[t], u[t])
        event = models[2].update(h[t], h[t + 1], u[t])
        close(event + 10, whole[t] + 10, 1e-12)
        if t:
            close(event + 10, foreseen + 10, 1e-9)
    close(pieces + 10, whole + 10, 1e-12)
    for model in models:
        assert model.n_events_ == 119
        close(model.koopman_matrix_, models[0].koopman_matrix_, 1e-9)
    batch = OnlineEDMD(Monomials(2), 2, 1, ridge=RIDGE, **settings).partial_fit([h[:50], h[49:]], [u[:50], u[49:]])
    close(batch.koopman_matrix_, models[0].koopman_matrix_, 1e-12)


@pytest.mark.parametrize("dictionary", [Monomials(3), RandomFourier(9), Sampled(12)], ids=["monomials", "fourier", "sampled"])
@pytest.mark.parametrize("settings", [{"forgetting": 0.99}, {"window": 33}], ids=["forgetting", "window"])
def test_a_file_goes_on_to_the_bit(dictionary, settings, rng, dtype, tmp_path):
    """Drawn once; between two factors of a window; pickled too."""
    h, u = series(rng, 150, 1, dtype)
    model = OnlineEDMD(dictionary, 2, 1, ridge=0.1, dtype=dtype.name, random_state=3, **settings).partial_fit(h[:80], u[:80])
    model.save(tmp_path / "m.safetensors")
    twins = [pf.load(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(model))]
    expected = model.run(h[79:], u[79:])
    for twin in twins:
        assert twin.n_events_ == 79
        assert twin.get_params().keys() == model.get_params().keys()
        np.testing.assert_array_equal(twin.run(h[79:], u[79:]), expected)
        np.testing.assert_array_equal(twin.koopman_matrix_, model.koopman_matrix_)


def test_a_fitted_dictionary_is_taken_as_it_is(rng):
    h, _ = series(rng, 100)
    fitted = Sampled(12).fit(h[:50], h[1:51], rng=7)
    model = OnlineEDMD(fitted, 2).fit(h[50:])
    psi = np.hstack([h[50:], fitted(h[50:]), np.ones((50, 1))])
    close(model.predict(h[50:]), psi @ model.state_matrix_.T, 1e-12)
    assert clone(model).get_params()["n_state"] == 2
    refused(r"dictionary must be of n_state = 3 variables, got one fitted to 2", OnlineEDMD(fitted, 3).fit, np.ones((4, 3)))


def test_kernels_have_it():
    assert pf.kernels.OnlineEDMD is OnlineEDMD
    with pytest.raises(AttributeError, match="no attribute 'OnlineDMD'"):
        pf.kernels.OnlineDMD  # noqa: B018


def test_what_is_too_large_is_not_learnt(rng, tmp_path):
    h, _ = series(rng, 60)
    for settings in ({"window": 10}, {"forgetting": 0.99}):
        model = OnlineEDMD(Identity(), 2, ridge=RIDGE, **settings).partial_fit(h[:30])
        before = everything(model)
        with pytest.raises(DivergenceError, match="step 0"):
            model.update(np.full(2, 1e200), h[31])
        assert model.n_events_ == 29
        same(everything(model)["_learner"].W_out_, before["_learner"].W_out_)
        model.partial_fit(h[30:])
        spoilt = h.copy()
        spoilt[40] = 1e200
        with pytest.raises(DivergenceError, match="step 9 "):
            OnlineEDMD(Identity(), 2, ridge=RIDGE, window=10).run(np.vstack([h[:9], spoilt[39:]]))
    with pytest.raises(TypeError, match="a Custom dictionary cannot be saved"):
        OnlineEDMD(Custom(np.sin), 2).fit(h).save(tmp_path / "m")


def test_what_is_refused(rng):
    h, u = series(rng, 20, 1)

    def model(*arguments, **settings):
        return OnlineEDMD(Monomials(2), *(arguments or (2,)), **settings)

    refused(r"n_state must be a positive int, got 0", model(0).fit, h)
    refused(r"X must have 3 columns \(n_state\), got 2", model(3).fit, h)
    refused(r"X must have at least two steps, got 1", model().fit, h[:1])
    refused(r"X must be finite, got nan", model().fit, np.full((3, 2), np.nan))
    refused(r"X must be one trajectory", model().run, h[None])
    refused(r"inputs must be given exactly when there are some: n_inputs is 0", model().fit, h, u)
    refused(r"inputs must be given exactly when there are some: n_inputs is 1", model(2, 1).fit, h)
    refused(r"inputs must be as long as X", model(2, 1).fit, h, u[:5])
    refused(r"u must be 1 finite numbers \(n_inputs\), got None", model(2, 1).update, h[0], h[1])
    refused(r"u must be None: n_inputs is 0", model().update, h[0], h[1], u[0])
    refused(r"x_next must be 2 finite numbers", model().update, h[0], [1.0, np.inf])
    refused(r"x must be float64 like the model, got float32", model().update, h[0].astype("float32"), h[1])
    refused(r"forgetting must be 1 with a window", model(window=5, forgetting=0.9).fit, h)
    refused(r"forgetting must be a number in \(0, 1\]", model(forgetting=1.5).fit, h)
    refused(r"window must be a positive int or None, got 0", model(window=0).fit, h)
    refused(r"ridge must be a positive finite number", model(window=5, ridge=0.0).fit, h)
    refused(r"target must be one of observables, state", model(target="all").fit, h)
    refused(r"dictionary must be one of pushforward.koopman or a function, got 3", OnlineEDMD(3, 2).fit, h)
    built = model().fit(h)
    built.forgetting = 0.5
    refused(r"forgetting was 1.0 when the model was built and is now 0.5", built.partial_fit, h)
    refused(r"X must be rows of 2 numbers", model().fit(h).predict, np.ones((2, 3)))
