"""Control of lifted models: Riccati's gain is optimal, the coordinates of the lift do not matter, what is dropped is reported, bounds hold."""

import pickle
import sys

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from pushforward.errors import ControlError
from pushforward.koopman import _riccati
from pushforward.koopman.control import lqr, mpc

MASS = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[0.0], [0.1]]), np.eye(2)


def itself(x):
    return x


def plant(rng, n=5, n_inputs=2):
    """A random system with eigenvalues inside and outside the unit circle."""
    K = rng.normal(size=(n, n))
    return 1.1 * K / np.abs(np.linalg.eigvals(K)).max(), rng.normal(size=(n, n_inputs)), np.eye(n)


def cost(K, B, gain, Q, R, x):
    total = 0.0
    for _ in range(400):
        u = -gain @ x
        total += x @ Q @ x + u @ R @ u
        x = K @ x + B @ u
    return total


# -- LQR -------------------------------------------------------------------------------------------------------------------------------------


def test_the_gain_is_optimal_and_its_cost_is_riccatis(rng, dtype):
    K, B, C = (m.astype(dtype) for m in plant(rng))
    Q, R, x = np.diag([1.0, 2, 3, 4, 5]), np.array([[2.0, 0.5], [0.5, 1.0]]), rng.normal(size=5)
    controller = lqr(K, B, C, Q, R, lift=itself)
    best = cost(*(m.astype(float) for m in (K, B)), controller.gain, Q, R, x)
    P = solve_discrete_are(K.astype(float), B.astype(float), Q, R)
    assert controller.report.method == "riccati"
    assert controller.report.spectral_radius < 1
    np.testing.assert_allclose(best, x @ P @ x, rtol=1e-8)
    for _ in range(10):
        assert cost(K.astype(float), B.astype(float), controller.gain + 0.003 * rng.normal(size=(2, 5)), Q, R, x) > best
    u = controller(x.astype(dtype))
    assert u.dtype == dtype
    np.testing.assert_allclose(u, -controller.gain @ x, rtol=1e-4 if dtype == np.float32 else 1e-10)


def test_weights_may_be_numbers_or_diagonals(rng):
    K, B, C = plant(rng)
    matrices = lqr(K, B, C, 2 * np.eye(5), np.diag([1.0, 3.0]), lift=itself)
    np.testing.assert_allclose(lqr(K, B, C, 2.0, [1.0, 3.0], lift=itself).gain, matrices.gain, rtol=1e-9)


def test_coordinates_of_the_features_do_not_matter(rng):
    K, B, C = plant(rng)
    U, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    M = U @ np.diag([1.0, 1e-1, 1e-2, 1e-3, 1e-4]) @ U.T  # ψ = M x
    inverse = np.linalg.inv(M)
    X = rng.normal(size=(50, 5))
    plain = lqr(K, B, C, 1.0, 1.0, lift=itself, factor=X)
    mapped = lqr(M @ K @ inverse, M @ B, C @ inverse, 1.0, 1.0, lift=lambda x: M @ x, factor=X @ M.T, rcond=1e-9)
    for x in X[:5]:
        np.testing.assert_allclose(mapped(x), plain(x), rtol=1e-6)


def test_a_constant_feature_is_no_part_of_the_feedback(rng):
    K, B, C = np.array([[1.2, 0.3], [0, 1]]), np.array([[0.5], [0]]), np.array([[1.0, 0]])  # x' = 1.2 x + 0.3 + 0.5 u, ψ = [x, 1]
    controller = lqr(K, B, C, 1.0, 1.0, [2.0], lift=lambda x: np.array([x[0], 1.0]), constant_column=1)
    assert controller.report.method == "riccati"
    assert controller.report.dropped == ("1 constant",)
    np.testing.assert_allclose(controller.u_target, [-1.4])
    x = -3.0
    for _ in range(60):
        x = 1.2 * x + 0.3 + 0.5 * controller([x])[0]
    np.testing.assert_allclose(x, 2.0, atol=1e-8)


def test_what_no_input_reaches_is_dropped_and_reported():
    K, B = np.array([[1.05, 0.1, 0], [0, 0.9, 0], [0, 0, 1.02]]), np.array([[0.0], [1.0], [0.0]])  # the last state grows, whatever is done
    controller = lqr(K, B, np.eye(3), 1.0, 1.0, lift=itself)
    report = controller.report
    assert (report.method, report.n_features, report.n_kept) == ("balanced riccati", 3, 2)
    assert len(report.refused) == 1
    assert "1 directions that inputs do not reach" in str(report)
    P = solve_discrete_are(K[:2, :2], B[:2], np.eye(2), np.eye(1))
    expected = np.linalg.solve(1 + B[:2].T @ P @ B[:2], B[:2].T @ P @ K[:2, :2])
    np.testing.assert_allclose(controller.gain, np.c_[expected, 0], atol=1e-8)


def test_the_last_resort_is_a_finite_horizon_or_an_error():
    K, B = np.diag([1.1, 0.5]), np.array([[0.0], [1.0]])  # the cost sees only what grows by itself
    report = lqr(K, B, np.eye(2), [1.0, 0.0], 1.0, lift=itself).report
    assert (report.method, len(report.refused)) == ("finite horizon", 2)
    np.testing.assert_allclose(report.spectral_radius, 1.1)
    with pytest.raises(ControlError, match="no feedback was found; riccati:") as raised:
        lqr(np.diag([1e9, 0.5]), B, np.eye(2), [1.0, 0.0], 1.0, lift=itself)
    assert raised.value.status == "no gain"
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_the_recursion_is_the_best_over_its_horizon(rng):
    K, B, _ = plant(rng, 3, 1)
    N, R, x = 6, np.array([[0.5]]), rng.normal(size=3)
    G = _riccati._recursion(K, B, np.eye(3), R, N)
    power = [np.linalg.matrix_power(K, k) for k in range(N + 1)]
    rows = [np.concatenate([power[k - 1 - j] @ B if j < k else np.zeros((3, 1)) for j in range(N)], axis=1) for k in range(1, N + 1)]
    A = np.concatenate([*rows, np.sqrt(0.5) * np.eye(N)])
    y = np.concatenate([*(-power[k] @ x for k in range(1, N + 1)), np.zeros(N)])
    np.testing.assert_allclose(-G @ x, np.linalg.lstsq(A, y, rcond=None)[0][:1], rtol=1e-9)


def test_a_target_that_nothing_holds_is_refused():
    with pytest.raises(ValueError, match=r"target .* holds \[1.0, 0.5\]: at best, with u = \[.*\], the model leaves it by"):
        lqr(*MASS, 1.0, 1.0, [1.0, 0.5], lift=itself)  # a mass that moves does not stay
    pull = np.array([[1.0, 0.1], [-0.1, 1.0]])  # a spring: its position is held by a force
    np.testing.assert_allclose(lqr(pull, *MASS[1:], 1.0, 1.0, [2.0, 0.0], lift=itself).u_target, [2.0])
    pytest.importorskip("osqp")
    np.testing.assert_allclose(mpc(pull, *MASS[1:], 1.0, 1.0, 5, u_max=2.5, target=[2.0, 0.0], lift=itself).u_target, [2.0], rtol=1e-6)
    with pytest.raises(ValueError, match="no input within its bounds holds"):
        mpc(pull, *MASS[1:], 1.0, 1.0, 5, u_max=1.0, target=[2.0, 0.0], lift=itself)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"K": np.ones((2, 3))}, "K must be a square matrix"), ({"K": np.full((2, 2), np.nan)}, "K must be finite"),
        ({"B": np.ones((3, 1))}, "B must have shape"),
        ({"C": np.ones((1, 3))}, "C must have shape"), ({"Q": -1.0}, "Q must be positive semidefinite"),
        ({"Q": [[1.0, 2], [0, 1]]}, "Q must be symmetric"),
        ({"R": 0.0}, "R must be positive definite"), ({"R": np.ones((2, 2))}, "R must have shape"), ({"target": [1.0]}, "target must have shape"),
        ({"target": [np.nan, 0]}, "target must be finite"), ({"factor": np.ones((4, 3))}, "factor must have shape"),
        ({"factor": np.zeros((4, 2))}, "factor must have features"),
        ({"rcond": -1.0}, "rcond must lie"), ({"horizon": 0}, "horizon must be"), ({"steady_tolerance": 0.0}, "steady_tolerance must be positive"),
        ({"lift": lambda x: x[:1]}, r"lift must give \(2,\) features of target"),
        ({"K": np.eye(1), "B": np.zeros((1, 1)), "C": np.eye(1), "constant_column": 0}, "K must have features that are not"),
        ({"constant_column": 2}, "constant_column must be a column of the 2 features"),
    ],
)  # fmt: skip
def test_mistakes_are_named(change, message):
    arguments = {"K": MASS[0], "B": MASS[1], "C": MASS[2], "Q": 1.0, "R": 1.0, "target": None, "lift": itself, **change}
    with pytest.raises(ValueError, match=message):
        lqr(**arguments)


def test_a_state_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="x must be finite"):
        lqr(*MASS, 1.0, 1.0, lift=itself)([np.nan, 0.0])


# -- MPC -------------------------------------------------------------------------------------------------------------------------------------


def rollout(controller, x, n_steps, K=MASS[0], B=MASS[1]):
    states, inputs, plans = [], [], []
    for _ in range(n_steps):
        inputs.append(controller(x))
        plans.append(controller.plan)
        x = K @ x + B @ inputs[-1]
        states.append(x)
    return np.array(states), np.array(inputs), plans


@pytest.mark.parametrize("horizon", [1, 4, 30])
def test_without_active_bounds_it_is_the_regulator(rng, horizon):
    pytest.importorskip("osqp")
    K, B, C = plant(rng)
    predictive, regulator = mpc(K, B, C, 1.0, 1.0, horizon, -1e3, 1e3, -1e4, 1e4, lift=itself), lqr(K, B, C, 1.0, 1.0, lift=itself)
    for x in rng.normal(size=(3, 5)):
        np.testing.assert_allclose(predictive(x), regulator(x), rtol=1e-9)


def test_bounds_hold_and_the_target_is_reached():
    pytest.importorskip("osqp")
    controller = mpc(*MASS, 1.0, 0.1, 20, -1.0, 1.0, [-np.inf, -0.5], [np.inf, 0.5], [1.0, 0.0], lift=itself)
    states, inputs, plans = rollout(controller, np.zeros(2), 150)
    assert np.abs(inputs).max() == 1.0
    assert 0.499 < states[:, 1].max() < 0.5 + 1e-4
    assert max(plan.excess for plan in plans) < 1e-4
    np.testing.assert_allclose(states[-1], [1.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(plans[3].states[0], states[3], atol=1e-9)  # the model is the plant
    np.testing.assert_allclose(plans[3].inputs[0], inputs[3])


def test_inputs_within_bounds_are_the_best(rng):
    pytest.importorskip("osqp")
    from scipy.optimize import minimize

    K, B, C = MASS
    P = solve_discrete_are(K, B, np.eye(2), np.array([[0.1]]))

    def total(v, x):
        value = 0.0
        for k in range(8):
            x = K @ x + B[:, 0] * v[k]
            value += 0.1 * v[k] ** 2 + (x @ x if k < 7 else x @ P @ x)
        return value

    x = np.array([3.0, -0.2])
    best = minimize(total, np.zeros(8), args=(x,), bounds=[(-1, 0.5)] * 8, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
    controller = mpc(K, B, C, 1.0, 0.1, 8, -1.0, 0.5, lift=itself)
    controller(x)
    np.testing.assert_allclose(controller.plan.inputs[:, 0], best.x, atol=1e-4)


def test_state_bounds_that_cannot_be_kept_are_soft_and_reported_or_an_error():
    pytest.importorskip("osqp")
    fast = np.array([0.0, 2.0])  # one step of full braking leaves 1.9
    settings = {"u_min": -1.0, "u_max": 1.0, "x_max": [np.inf, 0.5], "lift": itself}
    soft = mpc(*MASS, 1.0, 1.0, 20, **settings)
    np.testing.assert_allclose(soft(fast), [-1.0])
    np.testing.assert_allclose(soft.plan.excess, 1.4, atol=1e-4)
    hard = mpc(*MASS, 1.0, 1.0, 20, soft_weight=None, **settings)
    with pytest.raises(ControlError, match="no inputs within u_min and u_max keep the states") as raised:
        hard(fast)
    assert raised.value.status == "infeasible"
    assert hard.plan is None
    slow = np.array([0.0, 0.4])
    np.testing.assert_allclose(hard(slow), soft(slow), atol=1e-4)  # it goes on


def test_a_solver_that_stops_early_is_an_error():
    pytest.importorskip("osqp")
    with pytest.raises(ControlError, match="stopped after 2 iterations") as raised:
        mpc(*MASS, 1.0, 0.1, 20, -1.0, 1.0, max_iter=2, lift=itself)(np.array([5.0, 0.0]))
    assert raised.value.status == "not converged"


def test_it_is_set_up_once_and_starts_from_the_last_solution(monkeypatch):
    osqp = pytest.importorskip("osqp")
    calls, setup = [], osqp.OSQP.setup
    monkeypatch.setattr(osqp.OSQP, "setup", lambda self, *a, **k: (calls.append(1), setup(self, *a, **k))[1])
    controller = mpc(*MASS, 1.0, 0.1, 20, -1.0, 1.0, x_max=[np.inf, 0.5], lift=itself)
    x = np.array([3.0, 0.0])
    first, u = (controller(x), controller.plan.n_iterations)[::-1]
    assert abs(controller(x) - u) < 1e-4
    assert controller.plan.n_iterations < first
    rollout(controller, x, 20)
    assert len(calls) == 1
    controller(np.array([0.0, 2.0]))
    assert controller.plan.softened
    assert len(calls) == 2  # one more without hard bounds
    rollout(controller, np.array([0.0, 2.0]), 20)
    assert len(calls) == 2
    first_infeasible = mpc(*MASS, 1.0, 0.1, 20, -1.0, 1.0, x_max=[np.inf, 0.5], lift=itself)
    rollout(first_infeasible, np.array([0.0, 2.0]), 20)
    assert len(calls) == 4
    again = pickle.loads(pickle.dumps(controller))
    assert abs(again(x) - u) < 1e-4


def test_without_osqp_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "osqp", None)
    with pytest.raises(ImportError, match=r"pushforward\[control\]"):
        mpc(*MASS, 1.0, 1.0, 5, lift=itself)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"u_min": 1.0, "u_max": 0.0}, "u_min must lie below u_max"), ({"x_min": [0.0]}, "x_min must be a number or"),
        ({"u_max": np.nan}, "u_max must be"),
        ({"x_min": [0.5, -1]}, "target must lie between x_min and x_max"), ({"horizon": 0}, "horizon must be"),
        ({"soft_weight": 0.0}, "soft_weight must be"),
        ({"tolerance": 0.0}, "tolerance must be"), ({"max_iter": 0}, "max_iter must be"), ({"K": np.ones((2, 3))}, "K must be a square"),
    ],
)  # fmt: skip
def test_mistakes_in_bounds_are_named(change, message):
    arguments = {"K": MASS[0], "B": MASS[1], "C": MASS[2], "Q": 1.0, "R": 1.0, "horizon": 5, "lift": itself, **change}
    with pytest.raises(ValueError, match=message):
        mpc(**arguments)
