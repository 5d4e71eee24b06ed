"""What units do to themselves: exact for element-wise cells, SnAp-1 for others, whatever the length of a block."""

import numpy as np
import pytest
from carries import BOUNDED, DENSE, DIAGONAL, N_INPUTS, SPARSE, cells, gather, goes_on_to_the_bit, learner, problem
from helpers import close, refused

from pushforward import SGD, reference
from pushforward.cells import ELSTM, LRU, LSTM, Diagonal, Elman

OWN = tuple((i,) for i in range(5))  # every unit hears itself
ELEMENTWISE = [*DIAGONAL, *cells(("diagonal", 5, {"activation": "elu", "weight_bound": 0.7}), ("elstm", 3, {"weight_bound": 1.5}))]
RECURRENT = [cell for cell in [*DENSE, *BOUNDED, *SPARSE] if not any(word in repr(cell) for word in ("gram", "before", "relu"))]
ALL = [*((cell, "rtrl") for cell in ELEMENTWISE), *((cell, "snap1") for cell in [*RECURRENT, *DIAGONAL])]
BLOCKS = [1, 2, 5, 8]
N_STEPS = 33  # ends inside of every block but one
each_pair = pytest.mark.parametrize(("cell", "gradient"), ALL, ids=repr)
each_block = pytest.mark.parametrize("carry_every", BLOCKS)


def tight(dtype):
    return 1e-12 if dtype == np.float64 else 2e-4


def learnt(cell, gradient, weights, X, Y, *, mask=None, tokens=None, **settings):
    """A learner that has learnt a stream."""
    core = learner(cell, gradient, dtype=Y.dtype, **settings)
    core.set_parameters(*weights)
    core.run(X if tokens is None else None, tokens, Y, None, mask)
    return core


def follows(core, expected, start, relative):
    """Weights, influence, state and what waits for the next update."""
    theta, W_out, b_out = core.parameters()
    close(theta, expected["theta"], relative)
    assert np.linalg.norm(expected["theta"] - start) > 1e-3
    close(W_out, expected["W_out"], relative)
    close(b_out, expected["b_out"], relative)
    close(core.states()[0], expected["state"], relative)
    close(core.influence(0), expected["influence"], relative)  # which ends the block
    if np.any(expected["pending"]):
        close(core.gradient(0)[0], expected["pending"], relative)


@each_block
@pytest.mark.parametrize("cell", ELEMENTWISE, ids=repr)
def test_one_number_a_parameter_and_state_is_exact(cell, carry_every, dtype, rng):
    weights, X, Y = problem(cell, rng, dtype, n_steps=N_STEPS)
    core = gather(cell, "rtrl", weights, X, Y, carry_every=carry_every)
    gradient = reference.full_bptt(cell, weights[0], weights[1:], X[0], Y[0])[1]
    close(core.gradient(0)[0], gradient["theta"], tight(dtype))
    close(core.influence(0), reference.forward_sensitivity(cell, weights[0], X[0])[1], tight(dtype))
    assert core.carry_every == carry_every


@pytest.mark.parametrize("update_every", [1, 3])
@each_block
@pytest.mark.parametrize("cell", ELEMENTWISE, ids=repr)
def test_exact_learning_with_updates_on_the_way(cell, carry_every, update_every, rng):
    weights, X, Y = problem(cell, rng, n_steps=N_STEPS)
    optimizer = SGD(learning_rate=0.01)
    core = learnt(cell, "rtrl", weights, X, Y, update_every=update_every, carry_every=carry_every, optimizer=optimizer)
    expected = reference.online_training(cell, weights[0], weights[1:], X[0], Y[0], optimizer=optimizer, update_every=update_every)
    follows(core, expected | {"pending": 0}, weights[0], 1e-12)


@pytest.mark.parametrize("update_every", [1, 3])
@each_block
@pytest.mark.parametrize("cell", [*RECURRENT, *DIAGONAL], ids=repr)
def test_snap1_follows_the_masked_recursion(cell, carry_every, update_every, rng):
    weights, X, Y = problem(cell, rng, n_steps=N_STEPS)
    settings = {"update_every": update_every, "optimizer": SGD(learning_rate=0.01)}
    expected = reference.local_training(cell, weights[0], weights[1:], X[0], Y[0], gradient="snap1", **settings)
    follows(learnt(cell, "snap1", weights, X, Y, carry_every=carry_every, **settings), expected, weights[0], 1e-12)
    exact = reference.online_training(cell, weights[0], weights[1:], X[0], Y[0], **settings)
    assert cell.name == "diagonal" or np.linalg.norm(exact["theta"] - expected["theta"]) > 1e-6  # it is another algorithm


@each_pair
def test_single_precision_tokens_and_steps_without_a_loss(cell, gradient, dtype, rng):
    weights, _, Y = problem(cell, rng, dtype, n_steps=N_STEPS)
    tokens, mask = rng.integers(N_INPUTS, size=(1, N_STEPS)), rng.random((1, N_STEPS)) < 0.4
    mask[0, 9:22] = False  # longer than a block and than an update
    settings = {"update_every": 4, "optimizer": SGD(learning_rate=0.01)}
    core = learnt(cell, gradient, weights, None, Y, tokens=tokens, mask=mask, carry_every=5, **settings)
    expected = reference.local_training(cell, weights[0], weights[1:], tokens[0], Y[0], mask=mask[0], gradient=gradient, **settings)
    follows(core, expected, weights[0], tight(dtype))


def test_snap1_loses_nothing_where_units_hear_only_themselves(dtype, rng):
    for cell in cells(("elman", 5, {"connectivity": OWN}), ("linear", 5, {"connectivity": OWN, "dt": 0.3}), ("gru", 5, {"connectivity": OWN})):
        weights, X, Y = problem(cell, rng, dtype, n_steps=N_STEPS)
        settings = {"update_every": 2, "carry_every": 3, "optimizer": SGD(learning_rate=0.01)}
        one, other = (learnt(cell, gradient, weights, X, Y, **settings) for gradient in ("snap1", "rtrl"))
        close(one.parameters()[0], other.parameters()[0], tight(dtype))
        close(one.influence(0), other.influence(0), tight(dtype))


def test_two_states_a_unit_are_exact_from_two_steps_on(rng):
    """SnAp-1 of an LSTM leaves out that an output gate moves c a step later, and of an LRU that Re B moves Im s."""
    for cell in DIAGONAL[1:]:
        weights, X, _ = problem(cell, rng, n_steps=N_STEPS)
        J = [gather(cell, gradient, weights, X, None).influence(0) for gradient in ("snap1", "snap2", "rtrl")]
        np.testing.assert_array_equal(J[1], J[2])
        kept = reference.snap_mask(cell, 1)
        assert not np.any(J[0][~kept])
        assert np.all(J[2][reference.snap_mask(cell, 2)])
        assert np.any(kept != reference.snap_mask(cell, 2))


@pytest.mark.parametrize(("cell", "gradient"), [(ELSTM(N_INPUTS, 400), "rtrl"), (LSTM(N_INPUTS, 150), "snap1"), (Elman(N_INPUTS, 400), "snap1")])
def test_chunks_and_threads(cell, gradient, dtype, rng):
    weights, X, Y = problem(cell, rng, dtype, n_steps=20)
    one, two = (gather(cell, gradient, weights, X, Y, carry_every=10, n_threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.influence(0), two.influence(0))
    np.testing.assert_array_equal(one.gradient(0)[0], two.gradient(0)[0])
    other = gather(cell, gradient, weights, X, Y, carry_every=1)
    close(one.gradient(0)[0], other.gradient(0)[0], tight(dtype))
    close(one.influence(0), other.influence(0), tight(dtype))


@each_pair
def test_a_restored_learner_goes_on_to_the_bit(cell, gradient, dtype, rng):
    settings = {"dtype": dtype, "update_every": 2, "carry_every": 5, "optimizer": SGD(learning_rate=0.01, momentum=0.5), "n_series": 2}
    weights, X, Y = problem(cell, rng, dtype, n_steps=N_STEPS, n_series=2)
    goes_on_to_the_bit(lambda: learner(cell, gradient, **settings), weights, X, Y)


@each_pair
def test_an_influence_is_taken_where_it_fits(cell, gradient, dtype, rng):
    core, n = learner(cell, gradient, dtype=dtype, carry_every=3), 2 if gradient == "rtrl" else 1
    mask = reference.snap_mask(cell, n)
    J = np.where(mask, rng.normal(size=mask.shape), 0).astype(dtype)
    core.set_influence(0, J)
    np.testing.assert_array_equal(core.influence(0), J)
    for place in np.argwhere(~mask)[:: max(1, np.sum(~mask) // 7)]:
        outside = J.copy()
        outside[tuple(place)] = 1
        refused("influence", core.set_influence, 0, outside)
    np.testing.assert_array_equal(core.influence(0), J)
    weights, X, Y = problem(cell, rng, dtype, n_steps=4)
    core.set_parameters(*weights)
    core.gather(X, None, Y, None, None)
    if gradient == "rtrl":  # it is carried on
        expected = reference.block_gradient(cell, weights[0], weights[1:], X[0], Y[0], influence=J)
        close(core.gradient(0)[0], expected[1]["theta"], tight(dtype))
        close(core.influence(0), expected[3], tight(dtype))


def test_a_reset_series_has_no_past(dtype, rng):
    for cell, gradient in [(DIAGONAL[2], "rtrl"), (LSTM(N_INPUTS, 3), "snap1")]:
        weights, X, Y = problem(cell, rng, dtype, n_steps=7, n_series=2)
        core = gather(cell, gradient, weights, X, Y, carry_every=4)
        kept, counted = core.influence(1), core.gradient(0)[0]
        core.reset(0)
        np.testing.assert_array_equal(core.gradient(0)[0], counted)  # what was learnt stays
        assert not np.any(core.influence(0))
        np.testing.assert_array_equal(core.influence(1), kept)
        core.gather(X, None, None, None, None)
        np.testing.assert_array_equal(core.influence(0), gather(cell, gradient, weights, X, Y, carry_every=4).influence(0))


def test_memory_follows_the_units():
    n, row = 1000, 8  # of numbers in float64, [w | W_in | b] padded to a line of the cache
    state = learner(Diagonal(N_INPUTS, n), "rtrl", carry_every=2).export_state()
    assert state["series0.influence"].size == n * row
    assert state["series0.own"].size == 2 * 2 * n  # D and M of two steps
    assert sum(a.size for name, a in state.items() if name.startswith("series0.")) < n * (2 * row + 2 * 2 * 2 + 5)


@pytest.mark.parametrize(("update_every", "chosen"), [(1, 1), (2, 2), (7, 7), (16, 16), (24, 12), (64, 16), (17, 16)])
def test_blocks_follow_the_updates(update_every, chosen):
    for cell, gradient in [(LRU(N_INPUTS, 4), "rtrl"), (Elman(N_INPUTS, 4), "snap1"), (Elman(N_INPUTS, 4), "eprop")]:
        assert learner(cell, gradient, update_every=update_every).carry_every == chosen
        assert learner(cell, gradient, update_every=update_every, latency="bounded").carry_every == 1


def test_bounded_latency_gives_the_same_numbers(rng):
    for cell, gradient in [(DIAGONAL[2], "rtrl"), (BOUNDED[1], "snap1")]:
        weights, X, Y = problem(cell, rng, n_steps=N_STEPS)
        cores = [gather(cell, gradient, weights, X, Y, latency=latency, update_every=8) for latency in ("throughput", "bounded")]
        close(cores[0].gradient(0)[0], cores[1].gradient(0)[0], 1e-12)
        close(cores[0].influence(0), cores[1].influence(0), 1e-12)


def test_every_instruction_set(isa, rng):
    for cell in [*DIAGONAL, SPARSE[0], BOUNDED[1]]:
        weights, X, Y = problem(cell, rng, n_steps=N_STEPS)
        settings = {"gradient": "snap1", "update_every": 3, "optimizer": SGD(learning_rate=0.01)}
        expected = reference.local_training(cell, weights[0], weights[1:], X[0], Y[0], **settings)
        follows(learnt(cell, X=X, Y=Y, weights=weights, carry_every=5, **settings), expected, weights[0], 1e-12)
