"""The controllers of a fitted estimator: those of its matrices; delays reach into the target; models that have nothing to control say so."""

import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import pushforward as pf
from pushforward.koopman._controlling import Controlling
from pushforward.koopman.control import lqr


class Position(Controlling, BaseEstimator):
    """h[t+1] = 1.6 h[t] − 0.7 h[t−1] + 0.1 u + 0.2 from two positions and a constant."""

    n_delays, input_layer = 1, "identity"

    def __init__(self, **attributes):
        self.koopman_matrix_ = np.array([[1.6, -0.7, 0.2], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        self.input_matrix_, self.projection_ = np.array([[0.1], [0.0], [0.0]]), np.array([[1.0, 0.0, 0.0]])
        self.__dict__.update(attributes)

    def fit(self):
        return self

    def _lift_state(self, x):
        if np.shape(x) != (2, 1):
            raise ValueError(f"x must have shape (2, 1), got {np.shape(x)}")
        return np.array([x[1, 0], x[0, 0], 1.0])  # the newest first

    def _constant_column(self):
        return 2

    def _feature_factor(self):
        X = np.random.default_rng(0).normal(size=(20, 2))
        return np.c_[X, np.ones(20)]


def steer(controller, n_steps):
    h = [0.0, 0.0]
    for _ in range(n_steps):
        u = controller(np.array(h[-2:])[:, None])[0]
        h.append(1.6 * h[-1] - 0.7 * h[-2] + 0.1 * u + 0.2)
    return np.array(h)


def test_the_regulator_of_a_model_with_delays_is_that_of_its_matrices():
    model = Position()
    controller = model.lqr(1.0, 0.01, [3.0])
    plain = lqr(
        model.koopman_matrix_, model.input_matrix_, model.projection_, 1.0, 0.01, [3.0], lift=model._lift_state, psi_target=[3.0, 3.0, 1.0],
        constant_column=2,
    )  # fmt: skip
    np.testing.assert_allclose(controller.gain[:, :2], plain.gain[:, :2], rtol=1e-8)
    np.testing.assert_allclose(controller.u_target, [(3.0 * 0.1 - 0.2) / 0.1])
    np.testing.assert_allclose(steer(controller, 60)[-1], 3.0, atol=1e-6)


def test_so_is_the_predictive_controller():
    pytest.importorskip("osqp")
    controller = Position().mpc(1.0, 0.01, 15, u_min=-4.0, u_max=4.0, x_max=3.2, target=[3.0])
    h = steer(controller, 100)
    np.testing.assert_allclose(h[-1], 3.0, atol=1e-3)
    assert h.max() < 3.2 + 1e-3
    np.testing.assert_allclose(controller(np.full((2, 1), 3.0)), controller.u_target, atol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"koopman_matrix_": None}, 'target must be "observables"'),
        ({"input_matrix_": None}, "inputs must have been given to fit"),
        ({"input_layer": 20}, 'input_layer must be "identity" for control'),
    ],
)
def test_what_cannot_be_controlled_says_so(attributes, message):
    with pytest.raises(ValueError, match=message):
        Position(**attributes).lqr(1.0, 1.0)


def test_a_target_of_another_width_is_named():
    with pytest.raises(ValueError, match=r"target must have shape \(1,\)"):
        Position().lqr(1.0, 1.0, [1.0, 2.0])
    with pytest.raises(ValueError, match="target must be finite"):
        Position().lqr(1.0, 1.0, [np.nan])


def fitted(n_delays=0, conserved=False):
    """A mass moved by the first input beside s' = 0.9 s + 0.1 u₁; or, in place of the mass, something that stays."""
    rng = np.random.default_rng(0)
    A, B = np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 0.9]]), np.array([[0, 0], [0.1, 0], [0, 0.1]])
    if conserved:
        A, B = np.array([[1.0, 0], [0.3, 0.9]]), np.array([[0.0], [0.1]])
    series, driving = [], []
    for _ in range(20):
        u, x = rng.normal(size=(30, B.shape[1])), [rng.normal(size=len(A))]
        for t in range(29):
            x.append(A @ x[-1] + B @ u[t])
        series.append(np.array(x))
        driving.append(u)
    return pf.KoopmanRegressor(pf.koopman.Identity(), n_delays=n_delays).fit(series, inputs=driving)


def test_a_state_that_only_inputs_move_can_be_held():
    controller = fitted().lqr(1.0, 1.0, [0.0, 0.0, 0.1])
    np.testing.assert_allclose(controller.u_target, [0.0, 0.1], atol=1e-8)
    assert controller.report.steady_residual < 1e-8


def test_what_is_conserved_is_no_constant():
    model = fitted(conserved=True)
    report = model.lqr([0.0, 1.0], 1.0).report
    assert (report.n_features, report.dropped[0]) == (3, "1 constant")
    assert report.n_kept == 1
    report = model.lqr(1.0, 1.0).report
    assert (report.method, report.n_kept) == ("balanced riccati", 1)  # not a solution that rounding makes of an eigenvalue on the unit circle


@pytest.mark.parametrize("n_delays", [0, 1])
def test_a_state_that_does_not_fit_is_named(n_delays):
    controller = fitted(n_delays).lqr(1.0, 1.0, rcond=1e-9)
    shape, good = ("(2, 3), the last states, oldest first", (2, 3)) if n_delays else ("(3,)", (3,))
    for bad in (np.zeros(2), np.zeros((4, 3)), np.zeros((2, 2, 3)), 1.0):
        with pytest.raises(ValueError, match=rf"^x must have shape {re.escape(shape)}, got"):
            controller(bad)
    with pytest.raises(ValueError, match=r"^x must be finite, got nan"):
        controller(np.full(good, np.nan))
