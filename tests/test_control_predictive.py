"""The predictive controller against the regulator for each method, the price of soft bounds, what is a constant, and bounds in single precision."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from pushforward.errors import ControlError
from pushforward.koopman import _riccati
from pushforward.koopman.control import lqr, mpc

COUPLED = np.array([[1.05, 0.1, 0.3], [0, 0.9, 0.2], [0, 0, 1.02]]), np.array([[0.0], [1.0], [0.0]])  # the last grows by itself, and is seen


def itself(x):
    return x


@pytest.mark.parametrize("horizon", [1, 5, 80])
def test_in_balanced_directions_it_is_the_regulator(rng, horizon):
    pytest.importorskip("osqp")
    K, B = COUPLED
    regulator = lqr(K, B, np.eye(3), 1.0, 1.0, lift=itself)
    predictive = mpc(K, B, np.eye(3), 1.0, 1.0, horizon, lift=itself)
    assert regulator.report.method == predictive.report.method == "balanced riccati"
    for x in rng.normal(size=(3, 3)):
        np.testing.assert_allclose(predictive(x), regulator(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("horizon", [1, 5, 30])
def test_over_a_finite_horizon_it_is_the_regulator_of_the_same(rng, horizon, monkeypatch):
    pytest.importorskip("osqp")
    K, B = np.array([[1.2, 0.3], [0.0, 0.7]]), np.array([[1.0], [0.5]])

    def refuse(*_):
        raise _riccati._Refused("not now")

    monkeypatch.setattr(_riccati, "_riccati", refuse)
    regulator, predictive = (
        lqr(K, B, np.eye(2), 2.0, 0.3, lift=itself, horizon=horizon), mpc(K, B, np.eye(2), 2.0, 0.3, horizon, tolerance=1e-11, lift=itself),
    )  # fmt: skip
    assert regulator.report.method == predictive.report.method == "finite horizon"
    for x in rng.normal(size=(3, 2)):
        np.testing.assert_allclose(predictive(x), regulator(x), rtol=1e-9)  # up to the solver's tolerance


@pytest.mark.parametrize("weight", [0.5, 10.0, 100.0])
def test_what_a_bound_is_left_by_is_what_its_price_makes_best(weight):
    pytest.importorskip("osqp")
    a, q, r, x = 1.2, 2.0, 100.0, 3.0
    controller = mpc([[a]], [[1.0]], [[1.0]], q, r, 1, -2.5, 2.5, x_max=1.0, soft_weight=weight, tolerance=1e-9, lift=itself)
    P, price = float(solve_discrete_are([[a]], [[1.0]], [[q]], [[r]])[0, 0]), weight * q
    u = controller([x])
    assert controller.plan.softened
    best = -(P * a * x + price * (a * x - 1)) / (P + r + price)  # least P h² + r u² + price (h − 1)², h = a x + u
    assert best > -2.5
    np.testing.assert_allclose(u, [best], rtol=1e-5)
    np.testing.assert_allclose(controller.plan.excess, a * x + best - 1, rtol=1e-5)


def test_bounds_are_soft_only_where_nothing_keeps_them():
    pytest.importorskip("osqp")
    K, B = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[0.0], [0.1]])
    controller = mpc(K, B, np.eye(2), 1.0, 0.1, 20, -1.0, 1.0, x_max=[np.inf, 0.5], target=[1.0, 0.0], lift=itself)
    controller._hard._settings["max_iter"] = 2  # the other has enough
    with pytest.raises(ControlError, match="stopped after 2 iterations") as raised:
        controller(np.zeros(2))
    assert raised.value.status == "not converged"


def test_inputs_do_not_round_out_of_their_bounds():
    pytest.importorskip("osqp")
    low, high = -0.7, 0.1  # in single precision one rounds inwards, the other outwards, and so with the signs turned
    for u_min, u_max in ((low, high), (-high, -low)):
        controller = mpc(*(np.array(m, np.float32) for m in ([[1.1]], [[1.0]], [[1.0]])), 1.0, 0.01, 5, u_min, u_max, lift=itself)
        for x in (-5.0, 5.0):
            u = controller([x])
            assert u.dtype == np.float32
            assert u_min <= float(u[0]) <= u_max
            np.testing.assert_allclose(float(u[0]), u_max if x < 0 else u_min, rtol=1e-5)


def test_a_constant_is_what_is_told_or_does_not_vary():
    K, B = np.array([[1.2, 0.3], [0, 1]]), np.array([[0.5], [0]])  # ψ = [x, c]: a constant or something conserved

    class Lift:
        constant_column = 1

        def __call__(self, x):
            return np.array([x[0], 1.0])

    C, c = np.array([[1.0, 0.0]]), np.random.default_rng(0).normal(size=(40, 2))
    ones = np.c_[c[:, 0], np.ones(40)]
    plain = {"lift": lambda x: np.array([x[0], 1.0]), "psi_target": [0.0, 1.0]}
    for settings in ({"lift": Lift()}, {**plain, "constant_column": 1}, {**plain, "factor": ones}):
        report = lqr(K, B, C, 1.0, 1.0, **settings).report
        assert (report.method, report.dropped) == ("riccati", ("1 constant",))
    for settings in (plain, {**plain, "factor": c}):
        report = lqr(K, B, C, 1.0, 1.0, **settings).report
        assert not any("constant" in text for text in report.dropped)
