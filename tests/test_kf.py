"""KF-RTRL: unbiased where all units of a group share their presynaptic vector, refused elsewhere."""

import numpy as np
import pytest
from carries import BOUNDED, DENSE, DIAGONAL, SPARSE, STACKS, gather, learner, mean_over_seeds, problem
from helpers import close

from pushforward import reference
from pushforward.reference.random import signs_at


def is_defined(cell):
    try:
        learner(cell, "kf")
    except ValueError:
        return False
    return True


CELLS = [cell for cell in [*DENSE, *STACKS] if is_defined(cell)]
REFUSED = [*BOUNDED, *SPARSE, STACKS[1], *(cell for cell in DIAGONAL if cell.name != "lru")]
ONE_GROUP = [cell for cell in CELLS if cell.name in ("elman", "linear", "lstm") or (cell.name == "leaky" and not cell.learn_leak)]


def test_it_is_defined_for_dense_cells():
    assert {cell.name for cell in CELLS} == {"elman", "linear", "leaky", "gru", "lstm", "neural_ode", "stack"}
    assert len(CELLS) == len(DENSE)  # but a neural ODE whose decay is diagonal, plus a stack


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_mean_over_seeds_is_the_exact_gradient(cell, rng):
    deviation = mean_over_seeds(cell, "kf", rng)[1]
    assert deviation < 0.3  # or it would be no test


@pytest.mark.slow
def test_the_mean_of_many_seeds_is_closer(rng):
    bias, deviation = mean_over_seeds(DENSE[0], "kf", rng, n_seeds=50_000)
    assert bias < 4 * deviation < 0.04


@pytest.mark.parametrize("cell", ONE_GROUP, ids=repr)
def test_the_influence_is_that_of_the_recursion(cell, dtype, rng):
    weights, X, _ = problem(cell, rng, dtype, n_steps=12, n_series=2)
    core = gather(cell, "kf", weights, X, None, seed=7)
    for i in range(2):
        signs = np.array([signs_at(7, i, t, 2).reshape(1, 2) for t in range(12)])
        expected = reference.kf_influence(cell, weights[0], X[i], signs.astype(dtype))
        close(core.influence(i), expected[1], 1e-12 if dtype == np.float64 else 1e-3)
        close(core.states()[i], expected[0][-1], 1e-12 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_gradient_is_the_adjoint_times_the_influence(cell, dtype, rng):
    weights, X, Y = problem(cell, rng, dtype, n_steps=6)
    expected = np.zeros(cell.n_params)
    for t in range(6):
        core = gather(cell, "kf", weights, X[:, : t + 1], None, seed=3)
        state = core.states()[0][cell.first_feature :][: cell.n_features]
        adjoint = weights[1].T @ (weights[1] @ state + weights[2] - Y[0, t])
        expected += adjoint @ core.influence(0)[cell.first_feature :][: cell.n_features]
    close(gather(cell, "kf", weights, X, Y, seed=3).gradient(0)[0], expected, 1e-12 if dtype == np.float64 else 1e-4)


def test_every_group_draws_its_own_signs(rng):
    several = [cell for cell in CELLS if len(cell._groups()) > 1]
    for cell in several:
        weights, X, Y = problem(cell, rng, n_series=400)
        core = gather(cell, "kf", weights, X, Y)
        draws = np.array([core.gradient(i)[0] for i in range(400)])
        first = cell._groups()[0].n_params
        error = draws - draws.mean(axis=0)
        covariance = error[:, :first].T @ error[:, first:] / 400
        spread = np.outer(error[:, :first].std(axis=0), error[:, first:].std(axis=0))
        assert np.linalg.norm(covariance) < 0.5 * np.linalg.norm(spread)  # 1 if all groups shared theirs


@pytest.mark.parametrize("cell", REFUSED, ids=repr)
def test_where_it_is_not_defined_it_says_what_is(cell, dtype):
    for_this = "for this cell with bounded weights" if cell.bound else "for this cell"
    with pytest.raises(ValueError, match=rf"gradient must be one of rtrl, tbptt, snap1, snap2, uoro.* {for_this}, got 'kf'"):
        learner(cell, "kf", dtype=dtype)
