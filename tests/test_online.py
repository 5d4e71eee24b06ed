"""Online training against the slow reference: the same weights after every update, for every block length, optimiser and schedule."""

import functools

import numpy as np
import pytest
from helpers import close, starting_weights

import pushforward as pf
from pushforward.reference import online_training

N_INPUTS, N_UNITS, N_OUTPUTS, N_STEPS = 3, 6, 2, 200
BLOCKS = [1, 2, 7, 32]
OPTIMIZERS = [
    pf.SGD(learning_rate=0.02),
    pf.SGD(learning_rate=0.01, momentum=0.9, weight_decay=0.01, schedule=pf.Step(every=50, factor=0.5)),
    pf.RMSprop(learning_rate=2e-3, schedule=pf.InverseTime(decay=0.01, power=0.8)),
    pf.RMSprop(learning_rate=2e-3, smoothing=0.9, epsilon=1e-4, weight_decay=0.01, clip_norm=0.3),
    pf.Adam(learning_rate=2e-3, weight_decay=0.01, schedule=pf.Exponential(factor=0.999)),
    pf.AdamW(learning_rate=2e-3, beta1=0.8, weight_decay=0.05, clip_norm=0.5),
]
MODELS = [
    *({"cell": "elman", "activation": name} for name in pf.cells.ACTIVATIONS),
    {"cell": "linear"},
    {"cell": "linear", "dt": 0.2},
    {"cell": "elman", "weight_bound": 0.8, "readout_bound": 1.1},
    {"cell": "linear", "dt": 0.2, "weight_bound": 2.0, "readout_bound": 0.5},
]
WAYS = [*({"carry_every": h} for h in BLOCKS), {"carry_every": 5, "latency": "bounded"}, {"gradient": "tbptt", "truncation": 6}]
each_block = pytest.mark.parametrize("carry_every", BLOCKS)
each_latency = pytest.mark.parametrize("latency", ["throughput", "bounded"])


@functools.cache
def data(classes=False, tokens=False):
    """X and y of one series: a filtered input, or which of the last two inputs was the larger."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(N_STEPS, N_INPUTS))
    past = np.vstack([np.zeros((1, N_INPUTS)), X[:-1]])
    y = (X[:, 0] > past[:, 1]).astype(int) if classes else np.stack([0.5 * past[:, 0], X[:, 1] - 0.3 * past[:, 2]], axis=1)
    return (rng.integers(N_INPUTS, size=N_STEPS) if tokens else X), y


def model_for(classes=False, **settings):
    estimator = pf.RecurrentClassifier if classes else pf.RecurrentRegressor
    return estimator(**{"n_units": N_UNITS, "n_inputs": N_INPUTS, "dtype": "float64", "random_state": 3} | settings)


def trained(model, X, y, mask=None):
    """The model's course, one step a call: (θ after every update, loss of every step)."""
    history, losses = [], []
    for t in range(N_STEPS):
        n_updates = model.n_updates_ if t else 0
        model.partial_fit(X[t : t + 1], y[t : t + 1], mask=None if mask is None else mask[t : t + 1])
        losses.append(0.0 if np.isnan(model.loss_) else model.loss_)
        if model.n_updates_ > n_updates:
            history.append(model.theta_)
    return np.array(history), np.array(losses)


def expected_course(model, X, y, mask=None):
    theta, readout = starting_weights(model, X, y)
    fitted = type(model)(**model.get_params()).partial_fit(X[:8], y[:8])  # for its cell
    course = online_training(
        fitted.cell_, theta, readout, X, y, loss="squared_error" if isinstance(model, pf.RecurrentRegressor) else "cross_entropy",
        optimizer=model.optimizer, update_every=model.update_every, mask=mask, gradient=model.gradient, truncation=model.truncation,
        readout_bound=model.readout_bound,
    )  # fmt: skip
    assert np.linalg.norm(course["theta"] - theta) > 0.01  # it has learnt something
    return course


def follows(model, expected, X, y, mask=None, relative=1e-9):
    """The whole course, weight by weight."""
    history, losses = trained(model, X, y, mask)
    assert history.shape == expected["history"].shape
    for ours, theirs in zip(history, expected["history"], strict=True):
        close(ours, theirs, relative)
    close(losses, expected["losses"], relative)
    close(model.W_out_, expected["W_out"], relative)
    close(model.b_out_, expected["b_out"], relative)
    close(model.state_, expected["state"], relative)
    if expected["influence"] is not None:
        close(model.influence_, expected["influence"], relative)


@functools.cache
def expected_base(update_every, activation):
    return expected_course(model_for(update_every=update_every, activation=activation, optimizer=OPTIMIZERS[1]), *data())


@pytest.mark.parametrize("update_every", [1, 5])
@each_latency
@each_block
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_block_length_follows_the_reference(activation, carry_every, latency, update_every):
    settings = {"update_every": update_every, "activation": activation, "optimizer": OPTIMIZERS[1]}
    model = model_for(**settings, carry_every=carry_every, latency=latency)
    follows(model, expected_base(update_every, activation), *data())
    assert model.carry_every_ == carry_every


@pytest.mark.parametrize("update_every", [1, 5])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimiser_follows_the_reference(optimizer, update_every):
    model = model_for(optimizer=optimizer, update_every=update_every)
    follows(model, expected_course(model, *data()), *data())


@each_latency
@pytest.mark.parametrize("settings", MODELS, ids=str)
def test_every_model_follows_the_reference(settings, latency):
    model = model_for(**settings, latency=latency, carry_every=4, update_every=3, optimizer=OPTIMIZERS[0])
    follows(model, expected_course(model, *data()), *data())


@pytest.mark.parametrize(("update_every", "truncation"), [(1, None), (5, None), (1, 8), (3, 4), (5, 12), (2, N_STEPS)])
def test_truncated_bptt_follows_the_reference(update_every, truncation):
    for bounds in ({}, {"weight_bound": 0.8, "readout_bound": 1.1}):
        model = model_for(gradient="tbptt", update_every=update_every, truncation=truncation, optimizer=OPTIMIZERS[3], **bounds)
        follows(model, expected_course(model, *data()), *data())


def test_truncation_over_everything_is_exact():
    exact, window = (model_for(optimizer=OPTIMIZERS[0], **kind) for kind in ({}, {"gradient": "tbptt", "truncation": N_STEPS}))
    close(trained(window, *data())[0], trained(exact, *data())[0], 1e-9)
    chunks = model_for(optimizer=OPTIMIZERS[0], gradient="tbptt", truncation=2)
    assert np.abs(trained(chunks, *data())[0] - exact.theta_).max() > 1e-4


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("settings", WAYS, ids=str)
def test_classes_and_tokens_follow_the_reference(settings, tokens):
    model = model_for(classes=True, **settings, update_every=2, optimizer=OPTIMIZERS[4])
    model.set_params(classes=2)
    follows(model, expected_course(model, *data(True, tokens)), *data(True, tokens))


@pytest.mark.parametrize("update_every", [1, 5])
@pytest.mark.parametrize("settings", WAYS, ids=str)
def test_steps_without_a_target_follow_the_reference(settings, update_every):
    mask = np.random.default_rng(1).random(N_STEPS) < 0.3
    mask[20:40] = False  # longer than a block and than an update
    model = model_for(update_every=update_every, optimizer=OPTIMIZERS[4], **settings)
    follows(model, expected_course(model, *data(), mask), *data(), mask)


@pytest.mark.parametrize("update_every", [1, 5])
def test_single_precision_follows_double(update_every):
    X, y = (a.astype("float32") for a in data())
    for latency in ("throughput", "bounded"):
        model = model_for(dtype="float32", carry_every=7, latency=latency, update_every=update_every, optimizer=OPTIMIZERS[3])
        theta, readout = starting_weights(model, X, y)
        wide = [a.astype("float64") for a in (theta, *readout, X, y)]
        cell = pf.cells.Elman(N_INPUTS, N_UNITS)
        expected = online_training(cell, wide[0], (wide[1], wide[2]), *wide[3:], optimizer=OPTIMIZERS[3], update_every=update_every)
        follows(model, expected, X, y, relative=1e-4)


def test_every_instruction_set_follows_the_reference(isa):
    for latency in ("throughput", "bounded"):
        follows(model_for(update_every=5, carry_every=7, latency=latency, optimizer=OPTIMIZERS[1]), expected_base(5, "tanh"), *data())


def papers_recursions(theta, c, X, y, bounds, rate):
    """arXiv 2501.08040, (2.17)-(2.26): S ← σ(φ(B) S + φ(A) X), f = λ(c)ᵀ S, loss (y − f)², SGD; biases are inputs that are 1."""
    n, (phi, lam) = len(theta), bounds
    S, J, course = np.zeros(n), np.zeros((n, *theta.shape)), []  # J[k, i, j] = dS_k / dθ_ij
    for t, x in enumerate(X):
        u, W, read = np.concatenate([S, x, [1.0]]), phi * np.tanh(theta / phi), lam * np.tanh(c / lam)
        S = 1 / (1 + np.exp(-W @ u))
        J = np.einsum("km,mij->kij", W[:, :n], J)
        J[np.arange(n), np.arange(n)] += u / np.cosh(theta / phi) ** 2
        J *= (S * (1 - S))[:, None, None]
        seen = np.append(S, 1.0)
        factor = -2 * (y[t] - read @ seen)
        theta, c = theta - rate(t) * factor * np.einsum("k,kij->ij", read[:n], J), c - rate(t) * factor * seen / np.cosh(c / lam) ** 2
        course.append(theta.ravel())
    return np.array(course), c, J.reshape(n, -1)


@each_latency
@each_block
def test_the_bounded_model_follows_the_papers_recursions(carry_every, latency):  # its loss has no ½: half its rate here is twice ours
    X, y = data()[0], data()[1][:, 0]
    optimizer = pf.SGD(learning_rate=0.1, schedule=pf.InverseTime(decay=0.05, power=0.7))
    model = model_for(
        activation="sigmoid", weight_bound=0.7, readout_bound=0.9, optimizer=optimizer, carry_every=carry_every, latency=latency
    )
    theta, (W_out, b_out) = starting_weights(model, X, y)
    course, c, J = papers_recursions(
        theta.reshape(N_UNITS, -1), np.append(W_out, b_out), X, y, (0.7, 0.9), lambda t: 0.05 / (1 + 0.05 * t) ** 0.7
    )
    assert np.linalg.norm(course[-1] - theta) > 0.02
    history, _ = trained(model, X, y)
    for ours, theirs in zip(history, course, strict=True):
        close(ours, theirs, 1e-9)
    close(np.append(model.W_out_, model.b_out_), c, 1e-9)
    close(model.influence_, J, 1e-9)
