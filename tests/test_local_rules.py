"""RFLO and e-prop: by hand on three units, against their recursion, and where they must agree with something known."""

import functools

import numpy as np
import pytest
from carries import BOUNDED, DENSE, DIAGONAL, N_INPUTS, N_OUTPUTS, SPARSE, STACKS, gather, goes_on_to_the_bit, learner, problem
from helpers import close, refused

from pushforward import SGD, reference
from pushforward._learner import LearnerSettings
from pushforward.cells import GRU, LSTM, Elman, Leaky, Linear, NeuralODE

CELLS = [cell for cell in [*DENSE, *BOUNDED, *SPARSE] if not any(word in repr(cell) for word in ("gram", "before", "relu"))]
RULES = [("rflo", None), ("eprop", None), ("rflo", "transposed"), ("eprop", "random")]
N_STEPS = 33
each_cell = pytest.mark.parametrize("cell", CELLS, ids=repr)
each_rule = pytest.mark.parametrize(("gradient", "feedback"), RULES)

# Three linear units with leak 1/2 that hear each other around a ring, from rest; x = 1, then 0; all that is read is at the second step:
#   s₁ = ½ W_in = (1, 2, −1),   a₂ = W_rec s₁ = (2, −2, 1),   s₂ = ½ s₁ + ½ a₂ = (3/2, 0, 0),   ŷ = ⟨(1, −1, 2), s₂⟩ = 3/2,   δ = ŷ − ½ = 1
#   e₁ = ½ u₁,   e₂ = ½ e₁ + ½ u₂   for every unit, with u₁ = [0, 0, 0 | 1 | 1] and u₂ = [1, 2, −1 | 0 | 1]
W_REC = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [1.0, 0.0, 0.0]])
W_IN, W_OUT = np.array([[2.0], [4.0], [-2.0]]), np.array([[1.0, -1.0, 2.0]])
X, Y, MASK = np.array([[[1.0], [0.0]]]), np.array([[[9.0], [0.5]]]), np.array([[False, True]])
TRACE = np.array([0.5, 1.0, -0.5, 0.25, 0.75])


def by_hand(gradient, dtype, **settings):
    """A learner that has gathered the gradient of the three units' loss."""
    cell = Leaky(1, 3, activation="identity", leak_rate=0.5)
    theta = cell.pack({"W_rec": W_REC, "W_in": W_IN, "bias": np.zeros(3)})
    core = LearnerSettings(cell, 1, "squared_error", np.dtype(dtype), SGD(learning_rate=0.0), gradient, **settings).build()
    core.set_parameters(*(w.astype(dtype) for w in (theta, W_OUT, np.zeros(1))))
    core.gather(X.astype(dtype), None, Y.astype(dtype), None, MASK)
    return core


@pytest.mark.parametrize("carry_every", [1, 2, 5])
def test_three_units_by_hand(carry_every, dtype):
    core = by_hand("eprop", dtype, carry_every=carry_every)
    np.testing.assert_array_equal(core.states(), [[1.5, 0, 0]])
    np.testing.assert_array_equal(core.influence(0).reshape(3, 3, 5), np.eye(3)[:, :, None] * TRACE)
    np.testing.assert_array_equal(core.gradient(0)[0].reshape(3, 5), np.outer([1, -1, 2], TRACE))
    core = by_hand("rflo", dtype, carry_every=carry_every, seed=3)
    B = reference.random_feedback(3, 1, 3, dtype)
    np.testing.assert_array_equal(core.influence(0).reshape(3, 3, 5), np.eye(3)[:, :, None] * TRACE)
    np.testing.assert_allclose(core.gradient(0)[0].reshape(3, 5), np.outer(B, TRACE), rtol=4 * np.finfo(dtype).eps)
    exact = by_hand("rtrl", dtype).gradient(0)[0].reshape(3, 5)  # unit 2 hears unit 0, unit 1 unit 2, and unit 0 unit 1
    np.testing.assert_allclose(exact[:, 3] - [0.25, -0.25, 0.5], 0.25 * np.array([2.0, 1.0, -2.0]), rtol=1e-6)


@pytest.mark.parametrize(("update_every", "carry_every"), [(1, 1), (1, 2), (1, 5), (1, 8), (3, 1), (3, 2), (3, 5), (3, 8), (4, None)])
@each_rule
@each_cell
def test_the_recursion(cell, gradient, feedback, update_every, carry_every, rng):
    follows(cell, gradient, rng, "float64", {"update_every": update_every}, carry_every=carry_every, feedback=feedback, seed=5)


@each_rule
@each_cell
def test_tokens_and_steps_without_a_loss(cell, gradient, feedback, dtype, rng):
    tokens, mask = rng.integers(N_INPUTS, size=(1, N_STEPS)), rng.random((1, N_STEPS)) < 0.4
    mask[0, 9:22] = False
    follows(cell, gradient, rng, dtype, {"update_every": 4}, tokens=tokens, mask=mask, carry_every=5, feedback=feedback)


def test_a_bounded_readout_is_fed_back_as_it_is_read(rng):
    for gradient, feedback in RULES:
        follows(CELLS[0], gradient, rng, "float64", {"update_every": 2, "readout_bound": 0.8}, carry_every=3, feedback=feedback)


def follows(cell, gradient, rng, dtype, settings, *, tokens=None, mask=None, carry_every=None, feedback=None, seed=0):
    """Learning on the way, held against the twin."""
    tight = 1e-12 if np.dtype(dtype) == np.float64 else 2e-4
    weights, X, Y = problem(cell, rng, dtype, n_steps=N_STEPS)
    settings = settings | {"optimizer": SGD(learning_rate=0.01), "feedback": feedback, "seed": seed}
    core = learner(cell, gradient, dtype=dtype, carry_every=carry_every, **settings)
    core.set_parameters(*weights)
    core.run(X if tokens is None else None, tokens, Y, None, mask)
    inputs, given = X[0] if tokens is None else tokens[0], None if mask is None else mask[0]
    expected = reference.local_training(cell, weights[0], weights[1:], inputs, Y[0], mask=given, gradient=gradient, **settings)
    assert np.linalg.norm(expected["theta"] - weights[0]) > 1e-3
    for ours, name in zip(core.parameters(), ("theta", "W_out", "b_out"), strict=True):
        close(ours, expected[name], tight)
    close(core.states()[0], expected["state"], tight)
    close(core.influence(0), expected["influence"], tight)
    if np.any(expected["pending"]):
        close(core.gradient(0)[0], expected["pending"], tight)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if "dense" not in repr(cell)], ids=repr)  # there units hear each other through the decay
def test_without_recurrent_weights_nothing_is_lost(cell, dtype, rng):
    (theta, *readout), X, Y = problem(cell, rng, dtype, n_steps=N_STEPS)
    parts = cell.unpack(theta)
    theta = cell.pack({name: 0 * W if name.startswith("W_rec") else W for name, W in parts.items()})
    exact, snap, eprop = (gather(cell, gradient, (theta, *readout), X, Y) for gradient in ("rtrl", "snap1", "eprop"))
    tight = 1e-12 if dtype == np.float64 else 1e-4
    close(eprop.gradient(0)[0], exact.gradient(0)[0], tight)
    close(eprop.influence(0), exact.influence(0), tight)
    close(snap.gradient(0)[0], exact.gradient(0)[0], tight)


def test_eprop_of_a_cell_without_leak_is_truncation_to_one_step(dtype, rng):
    for cell in (Elman(N_INPUTS, 5), Linear(N_INPUTS, 5), Elman(N_INPUTS, 5, "elu", weight_bound=0.7)):
        weights, X, Y = problem(cell, rng, dtype, n_steps=N_STEPS)
        learnt = []
        for gradient in ("eprop", "tbptt"):
            core = learner(cell, gradient, dtype=dtype, optimizer=SGD(learning_rate=0.01))
            core.set_parameters(*weights)
            core.run(X, None, Y, None, None)
            learnt.append(core.parameters()[0])
        close(learnt[0], learnt[1], 1e-12 if dtype == np.float64 else 1e-5)


def test_the_two_rules_differ_in_their_feedback_only(dtype, rng):
    weights, X, Y = problem(LSTM(N_INPUTS, 4), rng, dtype, n_steps=N_STEPS)
    gradients = {
        (rule, feedback): gather(LSTM(N_INPUTS, 4), rule, weights, X, Y, feedback=feedback, seed=2).gradient(0)[0]
        for rule in ("rflo", "eprop")
        for feedback in (None, "random", "transposed")
    }
    for feedback in ("random", "transposed"):
        np.testing.assert_array_equal(gradients["rflo", feedback], gradients["eprop", feedback])
    np.testing.assert_array_equal(gradients["rflo", None], gradients["rflo", "random"])
    np.testing.assert_array_equal(gradients["eprop", None], gradients["eprop", "transposed"])
    assert np.linalg.norm(gradients["rflo", None] - gradients["eprop", None]) > 0.1


def test_the_feedback_is_drawn_once_and_never_learnt(dtype, rng):
    weights, X, Y = problem(GRU(N_INPUTS, 5), rng, dtype, n_steps=N_STEPS, n_series=2)
    core = learner(GRU(N_INPUTS, 5), "rflo", dtype=dtype, seed=11, n_series=2, optimizer=SGD(learning_rate=0.05))
    core.set_parameters(*weights)
    before = [core.export_state()[f"series{i}.feedback"] for i in range(2)]
    np.testing.assert_array_equal(before[0], before[1])  # one net, whichever series it sees
    np.testing.assert_array_equal(before[0].reshape(N_OUTPUTS, -1)[:, :5], reference.random_feedback(11, N_OUTPUTS, 5, dtype))
    core.run(X, None, Y, None, None)
    assert np.linalg.norm(core.parameters()[1] - weights[1]) > 1e-3
    np.testing.assert_array_equal(core.export_state()["series0.feedback"], before[0])
    other = learner(GRU(N_INPUTS, 5), "rflo", dtype=dtype, seed=12, n_series=2)
    drawn = before[0] != 0
    assert not np.any(other.export_state()["series0.feedback"][drawn] == before[0][drawn])
    other.import_state(core.export_state())  # a file's feedback wins over the seed's
    np.testing.assert_array_equal(other.export_state()["series1.feedback"], before[0])


@pytest.mark.parametrize("gradient", ["rflo", "eprop"])
def test_a_restored_learner_goes_on_to_the_bit(gradient, dtype, rng):
    for cell in (CELLS[3], NeuralODE(N_INPUTS, 4, dt=0.2, decay="dense"), SPARSE[3]):
        settings = {"dtype": dtype, "update_every": 3, "carry_every": 4, "optimizer": SGD(learning_rate=0.01), "seed": 1}
        weights, X, Y = problem(cell, rng, dtype, n_steps=N_STEPS)
        goes_on_to_the_bit(functools.partial(learner, cell, gradient, **settings), weights, X, Y, n_before=18)


@pytest.mark.parametrize("gradient", ["rflo", "eprop"])
def test_what_is_refused(gradient):
    refused("feedback must be one of random, transposed, got 'direct'", learner, CELLS[0], gradient, feedback="direct")
    for cell in DIAGONAL:
        message = f"gradient must be one of rtrl, .*, got '{gradient}': its units hear nobody but themselves, there rtrl is local already"
        refused(message, learner, cell, gradient)
    for cell in (GRU(N_INPUTS, 3, reset="before"), NeuralODE(N_INPUTS, 3, dt=0.2, decay="gram"), STACKS[0]):
        refused(f"gradient must be one of rtrl, .*, got '{gradient}': its weights move other units' states", learner, cell, gradient)
        refused("gradient 'rflo' is not defined", reference.local_training, cell, *nothing(cell), gradient="rflo", optimizer=SGD())


def nothing(cell):
    """Zero weights and data that fit."""
    return np.zeros(cell.n_params), (np.zeros((1, cell.n_features)), np.zeros(1)), np.zeros((2, cell.n_inputs)), np.zeros((2, 1))


def test_the_twin_refuses():
    given, still = nothing(CELLS[0]), {"optimizer": SGD()}
    refused("gradient must be one of rtrl, snap1, rflo, eprop, got 'uoro'", reference.local_training, CELLS[0], *given, gradient="uoro", **still)
    refused("feedback must be one of random, transposed, got 'x'", reference.local_training, CELLS[0], *given, gradient="rflo", feedback="x", **still)
