"""What holds for every carry that moves at each step: all losses are counted, state survives a file to the bit, tokens, resets, single steps."""

import numpy as np
import pytest
from carries import BOUNDED, DENSE, SPARSE, STACKS, gather, goes_on_to_the_bit, learner, problem
from helpers import close

from pushforward import Adam, DivergenceError

PAIRS = [(cell, gradient) for cell in [*DENSE, *BOUNDED, *SPARSE[-2:], *STACKS] for gradient in ("snap1", "snap2", "uoro", "kf")]
PAIRS = [
    (cell, gradient) for cell, gradient in PAIRS if gradient != "kf" or (cell in [*DENSE, STACKS[0]] and getattr(cell, "decay", "") != "diagonal")
]
each_pair = pytest.mark.parametrize(("cell", "gradient"), PAIRS, ids=repr)


@each_pair
def test_a_gradient_is_the_sum_over_its_losses(cell, gradient, rng):
    weights, X, Y = problem(cell, rng, n_steps=7)
    masks = np.eye(7, dtype=bool)[:, None]
    single = sum(gather(cell, gradient, weights, X, Y, mask).gradient(0)[0] for mask in masks)
    close(gather(cell, gradient, weights, X, Y).gradient(0)[0], single, 1e-12)
    for update_every in (2, 5):
        core = learner(cell, gradient, update_every=update_every, carry_every=4 if gradient == "uoro" else None)
        core.set_parameters(*weights)
        core.gather(X, None, Y, None, None)
        close(core.gradient(0)[0], single, 1e-12)


@each_pair
@pytest.mark.parametrize("update_every", [1, 3])
def test_a_restored_learner_goes_on_to_the_bit(cell, gradient, update_every, dtype, rng):
    settings = {"dtype": dtype, "update_every": update_every, "optimizer": Adam(learning_rate=0.01), "n_series": 2, "seed": 4}
    weights, X, Y = problem(cell, rng, dtype, n_steps=40, n_series=2)
    goes_on_to_the_bit(lambda: learner(cell, gradient, **settings), weights, X, Y)


@each_pair
def test_a_token_is_a_one_hot_input(cell, gradient, dtype, rng):
    tokens = rng.integers(cell.n_inputs, size=(1, 9))
    weights, _, Y = problem(cell, rng, dtype, n_steps=9)
    dense = gather(cell, gradient, weights, np.eye(cell.n_inputs, dtype=dtype)[tokens], Y)
    core = learner(cell, gradient, dtype=dtype)
    core.set_parameters(*weights)
    core.gather(None, tokens, Y, None, None)
    close(core.gradient(0)[0], dense.gradient(0)[0], 1e-12 if dtype == np.float64 else 1e-3)
    close(core.influence(0), dense.influence(0), 1e-12 if dtype == np.float64 else 1e-3)


@each_pair
def test_steps_one_by_one_are_a_run(cell, gradient, rng):
    settings = {"update_every": 2, "optimizer": Adam(learning_rate=0.01), "seed": 9}
    run, steps = learner(cell, gradient, **settings), learner(cell, gradient, **settings)
    weights, X, Y = problem(cell, rng, n_steps=12)
    for core in (run, steps):
        core.set_parameters(*weights)
    run.run(X, None, Y, None, None)
    for x, y in zip(X[0], Y[0], strict=True):
        steps.feedback(steps.step(x[None].copy(), None) - y)
    np.testing.assert_array_equal(run.influence(0), steps.influence(0))
    np.testing.assert_array_equal(run.parameters()[0], steps.parameters()[0])


@each_pair
def test_a_reset_series_has_no_past(cell, gradient, dtype, rng):
    core = learner(cell, gradient, dtype=dtype, n_series=2)
    weights, X, _ = problem(cell, rng, dtype, n_steps=12, n_series=2)
    core.set_parameters(*weights)
    core.run(X, None, None, None, None)
    assert np.any(core.influence(0))
    kept = core.influence(1)
    core.reset(0)
    assert not np.any(core.influence(0))
    assert not np.any(core.states()[0])
    np.testing.assert_array_equal(core.influence(1), kept)
    core.run(np.zeros((2, 1, cell.n_inputs), dtype), None, None, None, None)
    fresh = gather(cell, "rtrl", weights, np.zeros((1, 1, cell.n_inputs), dtype), None).influence(0)
    if gradient != "uoro":  # whose first step is random already
        close(core.influence(0), np.where(fresh != 0, core.influence(0), 0), 1e-6)


@each_pair
def test_a_random_influence_cannot_be_set(cell, gradient):
    core = learner(cell, gradient)
    if gradient in ("uoro", "kf"):
        with pytest.raises(ValueError, match="influence"):
            core.set_influence(0, np.ones((cell.n_state, cell.n_params)))


@each_pair
def test_reading_the_influence_changes_nothing(cell, gradient, rng):
    weights, X, Y = problem(cell, rng, n_steps=20)
    read, unread = (learner(cell, gradient, update_every=20, seed=2) for _ in range(2))
    for core in (read, unread):
        core.set_parameters(*weights)
    for t in range(20):
        for core in (read, unread):
            core.run(X[:, [t]], None, Y[:, [t]], None, None)
        read.influence(0)
    close(read.influence(0), unread.influence(0), 1e-12 if gradient == "snap1" else 0)  # which may move in blocks: round-off
    np.testing.assert_array_equal(read.states(), unread.states())


@each_pair
def test_what_diverged_starts_afresh(cell, gradient, rng):
    weights, X, Y = problem(cell, rng, n_steps=10)
    core = learner(cell, gradient, seed=2, update_every=3)
    core.set_parameters(*weights)
    core.run(X[:, :5], None, Y[:, :5], None, None)
    with pytest.raises(DivergenceError):
        core.run(X, None, np.full_like(Y, 1e200), None, None)
    assert not np.any(core.influence(0))
    assert all(np.all(np.isfinite(a)) for a in core.export_state().values())
    core.run(X, None, Y, None, None)
    assert np.all(np.isfinite(core.influence(0)))
