"""UORO: unbiased whatever the cell, and number by number what its equations say."""

import numpy as np
import pytest
from carries import BOUNDED, DENSE, DIAGONAL, SPARSE, STACKS, gather, learner, mean_over_seeds, problem
from helpers import close

from pushforward import SGD, reference
from pushforward.reference.random import signs_at

CELLS = [*DENSE, *DIAGONAL, *BOUNDED, *SPARSE, *STACKS]
WITHOUT_MIRRORS = [cell for cell in CELLS if getattr(cell, "decay", None) != "gram"]  # a weight used twice is two numbers to the kernel


def signs(cell, n_steps, seed, stream):
    return np.array([signs_at(seed, stream, t, cell.n_state) for t in range(n_steps)])


@pytest.mark.parametrize("carry_every", [1, 3])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_mean_over_seeds_is_the_exact_gradient(cell, carry_every, rng):
    deviation = mean_over_seeds(cell, "uoro", rng, carry_every=carry_every)[1]
    assert deviation < 0.5  # or it would be no test


@pytest.mark.slow
def test_the_mean_of_many_seeds_is_closer(rng):
    bias, deviation = mean_over_seeds(DENSE[0], "uoro", rng, n_seeds=50_000)
    assert bias < 4 * deviation < 0.08


@pytest.mark.parametrize("carry_every", [1, 2, 5])
@pytest.mark.parametrize("cell", WITHOUT_MIRRORS, ids=repr)
def test_the_influence_is_that_of_the_recursion(cell, carry_every, dtype, rng):
    weights, X, _ = problem(cell, rng, dtype, n_steps=13, n_series=2)
    core = gather(cell, "uoro", weights, X, None, seed=7, carry_every=carry_every)
    for i in range(2):
        expected = reference.uoro_influence(cell, weights[0], X[i], signs(cell, 13, 7, i).astype(dtype), carry_every=carry_every)
        close(core.influence(i), expected[1], 1e-12 if dtype == np.float64 else 1e-3)
        close(core.states()[i], expected[0][-1], 1e-12 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize(("carry_every", "update_every"), [(1, 1), (1, 4), (4, 1), (4, 3), (4, 8)])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_gradient_is_the_adjoint_times_the_influence(cell, carry_every, update_every, dtype, rng):
    weights, X, Y = problem(cell, rng, dtype, n_steps=10)
    settings = {"seed": 3, "carry_every": carry_every, "update_every": update_every}
    expected = np.zeros(cell.n_params)
    for t in range(10):
        core = gather(cell, "uoro", weights, X[:, : t + 1], None, **settings)
        state = core.states()[0][cell.first_feature :][: cell.n_features]
        adjoint = weights[1].T @ (weights[1] @ state + weights[2] - Y[0, t])
        expected += adjoint @ core.influence(0)[cell.first_feature :][: cell.n_features]
    whole = learner(cell, "uoro", dtype=dtype, **settings)
    whole.set_parameters(*weights)
    for t in range(0, 10, update_every):  # asked for as training would
        whole.gather(X[:, t : t + update_every].copy(), None, Y[:, t : t + update_every].copy(), None, None)
    close(whole.gradient(0)[0], expected, 1e-12 if dtype == np.float64 else 1e-4)


def test_seeds_and_series_are_independent(rng):
    cell = DENSE[0]
    weights, X, Y = problem(cell, rng, n_series=3)
    one, same, other = (gather(cell, "uoro", weights, X, Y, seed=seed) for seed in (5, 5, 6))
    drawn = [core.gradient(i)[0] for core in (one, other) for i in range(3)]
    for i in range(3):
        np.testing.assert_array_equal(one.gradient(i)[0], same.gradient(i)[0])
    for i, a in enumerate(drawn):
        for b in drawn[:i]:
            assert np.linalg.norm(a - b) > 0.01 * np.linalg.norm(a)


def test_a_dead_net_does_no_harm(dtype):
    cell = DENSE[1]  # ReLU
    core = learner(cell, "uoro", dtype=dtype, optimizer=SGD(learning_rate=0.1))
    core.set_parameters(np.full(cell.n_params, -1, dtype), np.ones((2, 3), dtype), np.zeros(2, dtype))
    X = np.ones((1, 200, 3), dtype)
    core.run(X, None, np.ones((1, 200, 2), dtype), None, None)
    assert not np.any(core.influence(0))
    assert np.all(np.isfinite(core.parameters()[0]))
