"""What holds for every carry that moves at each step: all losses are counted, state survives a file to the bit, tokens, resets, single steps."""

import numpy as np
import pytest
from carries import BOUNDED, DENSE, SPARSE, gather, learner, problem
from helpers import close

from pushforward import Adam

PAIRS = [(cell, gradient) for cell in [*DENSE, *BOUNDED, *SPARSE[-2:]] for gradient in ("snap1", "snap2", "uoro", "kf")]
PAIRS = [pair for pair in PAIRS if pair[1] != "kf" or pair[0] in DENSE]
each_pair = pytest.mark.parametrize(("cell", "gradient"), PAIRS, ids=repr)


def make(cell, gradient, **settings):
    try:
        return learner(cell, gradient, **settings)
    except ValueError:
        return pytest.skip("not defined")


@each_pair
def test_a_gradient_is_the_sum_over_its_losses(cell, gradient, rng):
    make(cell, gradient)
    weights, X, Y = problem(cell, rng, n_steps=7)
    masks = np.eye(7, dtype=bool)[:, None]
    single = sum(gather(cell, gradient, weights, X, Y, mask).gradient(0)[0] for mask in masks)
    close(gather(cell, gradient, weights, X, Y).gradient(0)[0], single, 1e-12)
    late = gather(cell, gradient, weights, X, Y, masks[-1], update_every=5)
    close(late.gradient(0)[0], gather(cell, gradient, weights, X, Y, masks[-1]).gradient(0)[0], 1e-12)


@each_pair
@pytest.mark.parametrize("update_every", [1, 3])
def test_a_restored_learner_goes_on_to_the_bit(cell, gradient, update_every, dtype, rng):
    settings = {"dtype": dtype, "update_every": update_every, "optimizer": Adam(learning_rate=0.01), "n_series": 2, "seed": 4}
    whole, resumed = make(cell, gradient, **settings), make(cell, gradient, **settings)
    weights, X, Y = problem(cell, rng, dtype, n_steps=40, n_series=2)
    whole.set_parameters(*weights)
    whole.run(X[:, :17].copy(), None, Y[:, :17].copy(), None, None)
    resumed.import_state(whole.export_state())
    for core in (whole, resumed):
        core.run(X[:, 17:].copy(), None, Y[:, 17:].copy(), None, None)
    a, b = whole.export_state(), resumed.export_state()
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@each_pair
def test_a_token_is_a_one_hot_input(cell, gradient, dtype, rng):
    make(cell, gradient)
    tokens = rng.integers(cell.n_inputs, size=(1, 9))
    weights, X, Y = problem(cell, rng, dtype, n_steps=9)
    dense = gather(cell, gradient, weights, np.eye(cell.n_inputs, dtype=dtype)[tokens], Y)
    core = learner(cell, gradient, dtype=dtype)
    core.set_parameters(*weights)
    core.gather(None, tokens, Y, None, None)
    close(core.gradient(0)[0], dense.gradient(0)[0], 1e-12 if dtype == np.float64 else 1e-3)
    close(core.influence(0), dense.influence(0), 1e-12 if dtype == np.float64 else 1e-3)


@each_pair
def test_steps_one_by_one_are_a_run(cell, gradient, rng):
    settings = {"update_every": 2, "optimizer": Adam(learning_rate=0.01), "seed": 9}
    run, steps = make(cell, gradient, **settings), make(cell, gradient, **settings)
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
    core = make(cell, gradient, dtype=dtype, n_series=2)
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
    core = make(cell, gradient)
    if gradient in ("uoro", "kf"):
        with pytest.raises(ValueError, match="influence"):
            core.set_influence(0, np.ones((cell.n_state, cell.n_params)))
