"""A sampled model of forced Van der Pol, 128 tanh and the inputs as they are: steered to its target from many starts, for five seeds."""

import numpy as np
import pytest

import pushforward as pf
from pushforward.datasets.oscillators import van_der_pol
from pushforward.koopman.control import lqr, mpc

TARGET = np.array([1.0, 0.0])
N_UNITS = 128


class Lift:
    """[state | tanh | 1], or without the state."""

    def __init__(self, W, b, with_state):
        self.W, self.b, self.with_state = W, b, with_state
        self.n_features = len(b) + 1 + 2 * with_state
        self.constant_column = self.n_features - 1

    def __call__(self, X):
        tanh, one = pf.kernels.sampled_features(np.atleast_2d(X), self.W, self.b), np.ones((np.atleast_2d(X).shape[0], 1))
        psi = np.concatenate(([np.atleast_2d(X)] if self.with_state else []) + [tanh, one], axis=1)
        return psi if np.ndim(X) == 2 else psi[0]


def model(seed, with_state=True):
    """Operators, lift and factor from 60 trajectories under random inputs."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-3, 3, (60, 120))
    X = van_der_pol(120, initial=rng.uniform(-3, 3, (60, 2)), inputs=inputs)
    now, after = X[:, :-1].reshape(-1, 2), X[:, 1:].reshape(-1, 2)
    lift = Lift(*pf.kernels.sample_weights(now, after, N_UNITS, seed=seed), with_state)
    fit = pf.kernels.EDMDAccumulator(lift, 2, n_inputs=1).update(now, after, inputs[:, :-1].reshape(-1, 1)).solve()
    return fit, lift


def steered(controller, n_starts=20, n_steps=150):
    """Last states of the true system, from starts in and around the limit cycle."""
    ends = []
    for x in np.random.default_rng(7).uniform(-2.5, 2.5, (n_starts, 2)):
        for _ in range(n_steps):
            x = van_der_pol(2, initial=x, inputs=[controller(x)[0], 0.0])[1]
        ends.append(x)
    return np.array(ends)


def distance(states):
    return np.linalg.norm(states - TARGET, axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_steered_from_everywhere(seed, with_state):
    fit, lift = model(seed, with_state)
    controller = lqr(fit.K, fit.B, fit.C, 1.0, 0.1, TARGET, lift=lift, factor=fit.factors[0])
    assert controller.report.method == "riccati"
    assert controller.report.refused == ()
    assert controller.report.n_kept < N_UNITS
    assert distance(steered(controller)).max() < 0.1
    assert distance(steered(lambda x: np.zeros(1), 5)).max() > 0.5  # by itself it stays on the limit cycle


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_without_the_directions_of_the_features_there_is_a_fallback(seed):
    fit, lift = model(seed)
    controller = lqr(fit.K, fit.B, fit.C, 1.0, 0.1, TARGET, lift=lift)
    assert controller.report.method == "balanced riccati"
    assert controller.report.refused[0].startswith("riccati: ")
    assert distance(steered(controller, 10)).max() < 0.1


@pytest.mark.slow
def test_bounds_hold_on_the_way():
    pytest.importorskip("osqp")
    fit, lift = model(0)
    controller = mpc(fit.K, fit.B, fit.C, 1.0, 0.1, 20, -2.0, 2.0, [-np.inf, -1.5], [np.inf, 1.0], TARGET, lift=lift, factor=fit.factors[0])
    x, inputs, speeds = np.array([0.0, 0.0]), [], []
    for _ in range(150):
        inputs.append(controller(x)[0])
        x = van_der_pol(2, initial=x, inputs=[inputs[-1], 0.0])[1]
        speeds.append(x[1])
    assert np.abs(inputs).max() <= 2.0
    assert max(speeds) < 1.05
    assert distance(x[None])[0] < 0.1
    free = lqr(fit.K, fit.B, fit.C, 1.0, 0.1, TARGET, lift=lift, factor=fit.factors[0])
    assert abs(free(np.zeros(2))[0]) > 2.0  # the bounds matter


def test_a_target_that_moves_is_refused():
    fit, lift = model(0)
    for target in ([1.0, 0.5], [0.0, 0.2], [50.0, 0.0]):
        with pytest.raises(ValueError, match="target must be a state that an input holds"):
            lqr(fit.K, fit.B, fit.C, 1.0, 0.1, target, lift=lift, factor=fit.factors[0])
    np.testing.assert_allclose(lqr(fit.K, fit.B, fit.C, 1.0, 0.1, [1.5, 0], lift=lift, factor=fit.factors[0]).u_target, [1.5], atol=0.15)
