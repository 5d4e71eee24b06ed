"""Deep echo state networks, settings by layer, and intrinsic plasticity."""

import numpy as np
import pytest
from echo import dense, features, model, task
from helpers import close, refused

import pushforward as pf


def test_every_setting_may_be_by_layer(rng):
    X, y = task(rng)
    esn = model(
        n_units=[20, 15, 10], spectral_radius=[0.9, 0.5, 1.1], input_scaling=[[0.5, 1.5], 0.2, None], bias_scaling=[0.0, 0.1, 0.2],
        leak_rate=[1.0, np.linspace(0.1, 1, 15), 0.3], connectivity=[0.5, None, 0.9], topology=["random", "ring", "orthogonal"],
        activation=["tanh", "sigmoid", "tanh"], noise=[0.0, 0.1, 0.0],
    ).fit(X, y)  # fmt: skip
    first, second, third = esn._reservoir.layers
    for layer, radius in ((first, 0.9), (second, 0.5), (third, 1.1)):
        assert np.abs(np.linalg.eigvals(dense(layer["W_rec"]))).max() == pytest.approx(radius)
    assert [layer["W_in"].shape for layer in (first, second, third)] == [(20, 2), (15, 20), (10, 15)]
    assert np.all(first["bias"] == 0)
    assert 0.1 < np.abs(third["bias"]).max() <= 0.2
    assert 0.3 < np.abs(first["W_in"][:, 0]).max() <= 0.5
    assert 1.0 < np.abs(first["W_in"][:, 1]).max() <= 1.5
    close(esn.states(X), features(esn, X)[0][:, :45], 1e-12)
    assert esn.W_out_.shape == (2, 47)


def test_layers_are_drawn_apart(rng):
    X, y = task(rng)
    first, second = model(n_units=[20, 20]).fit(X, y)._reservoir.layers
    assert np.linalg.norm(dense(first["W_rec"]) - dense(second["W_rec"])) > 0.1


def test_lists_must_fit(rng):
    X, y = task(rng)
    refused("leak_rate must have an entry for each of the 2 layers, got 3", model(n_units=[20, 10], leak_rate=[0.1, 0.2, 0.3]).fit, X, y)
    refused("n_units must name at least one layer", model(n_units=[]).fit, X, y)
    refused("n_units must be a positive int", model(n_units=[20, 0]).fit, X, y)


def by_hand(rule, layer, X, rate, mean, deviation):
    """Triesch (2005) and Schrauwen et al. (2008), unit by unit, step by step."""
    n = len(layer["bias"])
    W, gain, shift, s = dense(layer["W_rec"]), np.ones(n), np.zeros(n), np.zeros(n)
    for x in X:
        u = W @ s + layer["W_in"] @ x + layer["bias"]
        z = gain * u + shift
        out = np.tanh(z) if rule == "gaussian" else 1 / (1 + np.exp(-z))
        s = (1 - layer["leak_rate"]) * s + layer["leak_rate"] * out
        if rule == "gaussian":
            v = deviation**2
            d = -rate * (-mean / v + out / v * (2 * v + 1 - out**2 + mean * out))
        else:
            d = rate * (1 - (2 + 1 / mean) * out + out**2 / mean)
        gain, shift = gain + rate / gain + d * u, shift + d
    return gain, shift


@pytest.mark.parametrize("rule", ["gaussian", "exponential"])
@pytest.mark.parametrize("leak_rate", [1.0, 0.4])
def test_intrinsic_plasticity_is_its_equations(rule, leak_rate, rng):
    X, y = task(rng)
    activation, mean = ("tanh", 0.1) if rule == "gaussian" else ("sigmoid", 0.2)
    esn = model(intrinsic_plasticity=rule, activation=activation, plasticity_mean=mean, plasticity_rate=1e-3, leak_rate=leak_rate).fit(X, y)
    (layer,) = esn._reservoir.layers
    gain, shift = by_hand(rule, layer, X, 1e-3, mean, 0.3)
    close(layer["gain"], gain, 1e-12)
    close(layer["shift"], shift, 1e-12)
    close(esn.states(X), features(esn, X)[0][:, :30], 1e-12)


PLASTIC = {"intrinsic_plasticity": "gaussian"}


@pytest.mark.parametrize("settings", [{}, PLASTIC, PLASTIC | {"topology": "ring"}, {"proximity": 0.2}])
def test_layers_are_arguments_of_the_kernel(settings, rng):
    X, y = task(rng)
    esn = model(n_units=[20, 10], noise=0.1, **settings).fit(X, y)
    heard, states = X, []
    for arguments in esn._reservoir_layers():
        states.append(pf.kernels.reservoir_states(inputs=heard, **arguments))
        heard = states[-1]
    close(esn.states(X), np.concatenate(states, axis=1), 1e-12)


def test_intrinsic_plasticity_reaches_its_distribution(rng):
    X, y = task(rng, n_steps=2000)
    settings = {"plasticity_deviation": 0.25, "plasticity_mean": 0.1, "input_scaling": 1.0, "plasticity_epochs": 8}
    before, after = model(input_scaling=1.0).fit(X, y).states(X), model(intrinsic_plasticity="gaussian", **settings).fit(X, y).states(X)
    assert abs(after.mean() - 0.1) < 0.03 < abs(before.mean() - 0.1)
    assert abs(after.std() - 0.25) < 0.05 < abs(before.std() - 0.25)


def test_intrinsic_plasticity_of_deep_networks(rng):
    X, y = task(rng)
    esn = model(n_units=[12, 9, 7], intrinsic_plasticity="gaussian", plasticity_epochs=2).fit([X, X[:100]], [y, y[:100]])
    layers, heard = esn._reservoir.layers, [X, X[:100]]
    assert [len(layer["gain"]) for layer in layers] == [12, 9, 7]
    close(esn.states(X), features(esn, X)[0][:, :28], 1e-12)
    alone = model(n_units=12, intrinsic_plasticity="gaussian", plasticity_epochs=2).fit(heard, [y, y[:100]])
    np.testing.assert_array_equal(alone._reservoir.layers[0]["gain"], layers[0]["gain"])  # from below upwards


def test_intrinsic_plasticity_where_it_has_no_meaning(rng):
    X, y = task(rng)
    for settings, message in (
        ({"intrinsic_plasticity": "uniform"}, "intrinsic_plasticity must be one of gaussian, exponential, got 'uniform'"),
        ({"intrinsic_plasticity": "gaussian", "activation": "relu"}, "intrinsic_plasticity='gaussian' is for activation='tanh', got 'relu'"),
        ({"intrinsic_plasticity": "exponential"}, "intrinsic_plasticity='exponential' is for activation='sigmoid', got 'tanh'"),
        ({"intrinsic_plasticity": "gaussian", "feedback": True}, "intrinsic_plasticity needs feedback=False"),
        ({"intrinsic_plasticity": "gaussian", "plasticity_mean": np.nan}, "plasticity_mean must be a finite number or None, got nan"),
        ({"intrinsic_plasticity": "gaussian", "plasticity_rate": 0.0}, "plasticity_rate must be a positive finite number, got 0.0"),
        ({"intrinsic_plasticity": "gaussian", "plasticity_epochs": 0}, "plasticity_epochs must be a positive int, got 0"),
    ):
        refused(message, model(**settings).fit, X, y)
    X, y = X.astype("complex64"), y.astype("complex64")
    refused("intrinsic_plasticity needs real units", model(intrinsic_plasticity="gaussian", dtype="complex64").fit, X, y)
