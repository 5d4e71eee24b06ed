"""The oracle against other oracles: finite differences, reverse mode, the paper's recursions index by index, closed forms."""

import itertools

import numpy as np
import pytest

from pushforward.cells import ACTIVATIONS, Elman, Linear
from pushforward.optim import SGD, Adam, InverseTime
from pushforward.reference import block_gradient, finite_differences, forward_sensitivity, full_bptt, online_training
from pushforward.reference.cells.elman import pre_activation
from pushforward.reference.losses import cross_entropy, squared_error
from pushforward.reference.optim import Moments, update

N_INPUTS, N_UNITS, N_OUTPUTS, N_STEPS = 3, 4, 2, 12
BOUNDS = (None, 0.6)
CELLS = [Elman(N_INPUTS, N_UNITS, name, bound) for name in ACTIVATIONS for bound in BOUNDS]
CELLS += [Linear(N_INPUTS, N_UNITS, dt, bound) for dt in (None, 0.3) for bound in BOUNDS]
each_cell = pytest.mark.parametrize("cell", CELLS, ids=repr)
each_loss = pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])


def problem(cell, rng, dtype="float64", loss="squared_error", n_steps=N_STEPS):
    """θ with a random bias, readout, inputs, targets."""
    theta = (cell.init(rng) + 0.2 * rng.normal(size=cell.n_params)).astype(dtype)
    readout = rng.normal(size=(N_OUTPUTS, cell.n_units)).astype(dtype), rng.normal(size=N_OUTPUTS).astype(dtype)
    classes, floats = rng.integers(N_OUTPUTS, size=n_steps), rng.normal(size=(n_steps, N_OUTPUTS)).astype(dtype)
    return cell, theta, readout, rng.normal(size=(n_steps, cell.n_inputs)).astype(dtype), classes if loss == "cross_entropy" else floats


def carried(cell, rng, dtype="float64"):
    """A state and an influence as a former block may have left them."""
    return {"state": rng.normal(size=cell.n_state).astype(dtype), "influence": rng.normal(size=(cell.n_state, cell.n_params)).astype(dtype)}


def flat(gradient):
    return np.concatenate([gradient["theta"], gradient["W_out"].ravel(), gradient["b_out"]])


def close(actual, expected, relative):
    """In norm: single entries may be tiny by cancellation."""
    assert np.linalg.norm(np.subtract(actual, expected)) <= relative * np.linalg.norm(expected)
    assert np.linalg.norm(expected) > 1e-3  # or else it would be no test


@each_cell
def test_influence_is_the_derivative_of_the_state(cell, rng):
    _, theta, _, inputs, _ = problem(cell, rng)
    start = rng.normal(size=cell.n_state)
    states, influence = forward_sensitivity(cell, theta, inputs, state=start)
    if getattr(cell, "activation", None) in ("relu", "elu"):  # not differentiated across their kinks
        before = zip([start, *states], inputs, strict=False)
        assert min(np.abs(pre_activation(cell.unpack(theta), s, x)).min() for s, x in before) > 3e-4
    numeric = finite_differences(lambda w: forward_sensitivity(cell, w, inputs, state=start)[0][-1], theta)
    close(influence, numeric, 1e-8)


@each_loss
@each_cell
def test_the_gradient_is_the_derivative_of_the_loss(cell, loss, rng):
    _, theta, readout, inputs, targets = problem(cell, rng, loss=loss)

    def total(w):
        readout = w[cell.n_params : -N_OUTPUTS].reshape(N_OUTPUTS, N_UNITS), w[-N_OUTPUTS:]
        return block_gradient(cell, w[: cell.n_params], readout, inputs, targets, loss, readout_bound=0.8)[0]

    _, gradient, _, _ = block_gradient(cell, theta, readout, inputs, targets, loss, readout_bound=0.8)
    close(flat(gradient), finite_differences(total, np.concatenate([theta, readout[0].ravel(), readout[1]])), 1e-8)


@pytest.mark.parametrize("readout_bound", BOUNDS)
@each_loss
@each_cell
def test_exact_carry_equals_full_bptt(cell, loss, readout_bound, rng, dtype):
    arguments, tight = problem(cell, rng, dtype, loss), 1e-12 if dtype == np.float64 else 1e-4
    start, mask = rng.normal(size=cell.n_state).astype(dtype), rng.random(N_STEPS) < 0.7
    forward = block_gradient(*arguments, loss, state=start, mask=mask, readout_bound=readout_bound)
    reverse = full_bptt(*arguments, loss, state=start, mask=mask, readout_bound=readout_bound)
    np.testing.assert_allclose(forward[0], reverse[0], rtol=tight)
    for key, array in forward[1].items():
        close(array, reverse[1][key], tight)
        assert array.dtype == dtype
    np.testing.assert_array_equal(forward[2], reverse[2])
    np.testing.assert_array_equal(forward[3], forward_sensitivity(*arguments[:2], arguments[3], state=start)[1])


@each_cell
def test_blocks_chain(cell, rng, dtype, tol):
    _, theta, readout, inputs, targets = problem(cell, rng, dtype)
    start = carried(cell, rng, dtype)
    whole = block_gradient(cell, theta, readout, inputs, targets, **start)
    for length in (1, 5, 7):
        total, gradient, carry = 0.0, 0.0, start
        for t in range(0, N_STEPS, length):
            block = slice(t, t + length)
            value, part, state, influence = block_gradient(cell, theta, readout, inputs[block], targets[block], **carry)
            total, gradient, carry = total + value, gradient + flat(part), {"state": state, "influence": influence}
        assert total == pytest.approx(whole[0], rel=tol)
        close(gradient, flat(whole[1]), tol)
        close(carry["influence"], whole[3], tol)
        close(carry["state"], whole[2], tol)


@each_cell
def test_no_carry_forgets_what_came_before(cell, rng, dtype, tol):
    arguments, start = problem(cell, rng, dtype), carried(cell, rng, dtype)
    loss, gradient, state, influence = block_gradient(*arguments, **start, carry="none")
    expected, exact = full_bptt(*arguments, state=start["state"]), block_gradient(*arguments, **start)
    assert influence is None
    assert loss == pytest.approx(expected[0], rel=tol)
    close(flat(gradient), flat(expected[1]), tol)
    np.testing.assert_array_equal(state, expected[2])
    assert np.linalg.norm(flat(exact[1]) - flat(gradient)) > 0.1 * np.linalg.norm(flat(exact[1]))


def papers_recursion(cell, theta, inputs, targets, c, readout_bound, rate):
    """arXiv 2501.08040, (2.17)-(2.26), one index at a time: λ(c)ᵀ S against a scalar target, squared error without the ½, SGD."""
    n, d, B_phi, B_lam = cell.n_units, cell.n_inputs, cell.weight_bound, readout_bound
    phi, dphi = lambda w: B_phi * np.tanh(w / B_phi), lambda w: 1 / np.cosh(w / B_phi) ** 2
    lam, dlam = lambda w: B_lam * np.tanh(w / B_lam), lambda w: 1 / np.cosh(w / B_lam) ** 2
    B, A = theta.reshape(n, n + d + 1)[:, :n].copy(), theta.reshape(n, n + d + 1)[:, n:].copy()  # the bias is an input that is always 1
    S, dB, dA, trajectory = np.zeros(n), np.zeros((n, n, n)), np.zeros((n, n, d + 1)), []
    for t, x in enumerate(inputs):
        X, c = np.append(x, 1.0), c.copy()
        z = [sum(phi(B[k, j]) * S[j] for j in range(n)) + sum(phi(A[k, j]) * X[j] for j in range(d + 1)) for k in range(n)]
        new, newB, newA = 1 / (1 + np.exp(-np.array(z))), np.zeros_like(dB), np.zeros_like(dA)
        for k, i in itertools.product(range(n), range(n)):
            slope = new[k] * (1 - new[k])
            for j in range(n):
                newB[k, i, j] = slope * ((k == i) * dphi(B[i, j]) * S[j] + sum(phi(B[k, m]) * dB[m, i, j] for m in range(n)))
            for j in range(d + 1):
                newA[k, i, j] = slope * ((k == i) * dphi(A[i, j]) * X[j] + sum(phi(B[k, m]) * dA[m, i, j] for m in range(n)))
        S, dB, dA = new, newB, newA
        factor = -2 * (targets[t, 0] - sum(lam(c[k]) * S[k] for k in range(n)))
        G_B, G_A = (sum(lam(c[k]) * grad[k] for k in range(n)) for grad in (dB, dA))
        B, A, c = B - rate(t) * factor * G_B, A - rate(t) * factor * G_A, c - rate(t) * factor * dlam(c) * S
        trajectory.append(np.hstack([B, A]).ravel())
    return np.array(trajectory), c, np.concatenate([dB, dA], axis=2).reshape(n, -1)


@pytest.mark.parametrize("learning_rate", [0.0, 0.3])
def test_the_papers_recursions_index_by_index(rng, learning_rate):  # its loss has no ½, its readout no bias: twice the rate, b_out = 0
    cell, schedule = Elman(2, 3, activation="sigmoid", weight_bound=0.7), InverseTime(decay=0.1, power=0.8)
    theta, c, inputs, targets = rng.normal(size=cell.n_params), rng.normal(size=3), rng.normal(size=(30, 2)), rng.normal(size=(30, 1))
    history, c_end, influence = papers_recursion(cell, theta, inputs, targets, c, 0.9, lambda t: learning_rate / (1 + 0.1 * t) ** 0.8)
    w, moments, J, s = np.concatenate([theta, c]), Moments.zeros(np.zeros(1)), None, None
    for t in range(30):
        readout, block = (w[None, cell.n_params :], np.zeros(1)), (inputs[t : t + 1], targets[t : t + 1])
        _, gradient, s, J = block_gradient(cell, w[: cell.n_params], readout, *block, state=s, influence=J, readout_bound=0.9)
        w, moments = update(SGD(learning_rate=2 * learning_rate, schedule=schedule), w, flat(gradient)[:-1], moments)
        np.testing.assert_allclose(w[: cell.n_params], history[t], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(w[cell.n_params :], c_end, rtol=1e-11)
    np.testing.assert_allclose(J, influence, rtol=1e-10, atol=1e-14)


def test_one_linear_unit_in_closed_form():
    a, b, c, x, T = 0.8, 0.5, -0.1, 2.0, 9
    states, J = forward_sensitivity(Linear(1, 1), np.array([a, b, c]), np.full((T, 1), x), state=np.array([3.0]))
    u, powers = b * x + c, a ** np.arange(T)
    np.testing.assert_allclose(states[-1], a**T * 3.0 + u * powers.sum(), rtol=1e-14)
    d_a = T * a ** (T - 1) * 3.0 + u * sum(k * a ** (k - 1) for k in range(1, T))
    np.testing.assert_allclose(J[0], [d_a, x * powers.sum(), powers.sum()], rtol=1e-14)


@pytest.mark.parametrize("gradient", ["rtrl", "tbptt"])
@each_loss
@each_cell
def test_without_a_rate_nothing_moves(cell, loss, gradient, rng, dtype):
    _, theta, readout, inputs, targets = arguments = problem(cell, rng, dtype, loss)
    result = online_training(*arguments, loss=loss, optimizer=SGD(learning_rate=0.0), update_every=2, gradient=gradient)
    np.testing.assert_array_equal(result["history"], np.tile(theta, (N_STEPS // 2, 1)))
    np.testing.assert_array_equal(result["W_out"], readout[0])
    states, influence = forward_sensitivity(cell, theta, inputs)
    np.testing.assert_array_equal(result["state"], states[-1])
    assert result["influence"] is None if gradient == "tbptt" else np.array_equal(result["influence"], influence)
    value = cross_entropy if loss == "cross_entropy" else squared_error
    by_hand = [value(readout[0] @ s + readout[1], y)[0] for s, y in zip(states, targets, strict=True)]
    np.testing.assert_array_equal(result["losses"], np.array(by_hand, dtype))
    assert result["losses"].dtype == result["theta"].dtype == dtype


def by_blocks(arguments, update_every, optimizer, carry, mask, readout_bound, loss):
    """Online training written with block gradients: what a learner does, step sizes and all."""
    cell, theta, (W_out, b_out), inputs, targets = arguments
    w, state, influence = np.concatenate([theta, W_out.ravel(), b_out]), None, None
    moments, history = Moments.zeros(w), []
    for t in range(0, N_STEPS - update_every + 1, update_every):
        block, readout = slice(t, t + update_every), (w[cell.n_params : -N_OUTPUTS].reshape(W_out.shape), w[-N_OUTPUTS:])
        _, gradient, state, influence = block_gradient(
            cell, w[: cell.n_params], readout, inputs[block], targets[block], loss, state, influence, carry, mask[block], readout_bound
        )
        if mask[block].any():
            w, moments = update(optimizer, w, flat(gradient) / int(mask[block].sum()), moments)
            history.append(w[: cell.n_params])
    return np.array(history), w


@pytest.mark.parametrize("gradient", ["rtrl", "tbptt"])
@pytest.mark.parametrize("update_every", [1, 3, 5, N_STEPS])
@pytest.mark.parametrize("cell", CELLS[::3], ids=repr)
def test_online_is_a_chain_of_block_gradients_and_updates(cell, update_every, gradient, rng, dtype, tol):
    arguments, mask = problem(cell, rng, dtype, "cross_entropy"), rng.random(N_STEPS) < 0.8
    mask[:3] = False  # the first window of 3 has no loss at all: no update
    optimizer, carry = Adam(learning_rate=0.01, weight_decay=0.1, clip_norm=0.5), "exact" if gradient == "rtrl" else "none"
    history, w = by_blocks(arguments, update_every, optimizer, carry, mask, 0.8, "cross_entropy")
    result = online_training(
        *arguments, loss="cross_entropy", optimizer=optimizer, update_every=update_every, mask=mask, gradient=gradient, readout_bound=0.8
    )
    np.testing.assert_allclose(result["history"], history, rtol=tol, atol=tol)
    np.testing.assert_allclose(np.concatenate([result["theta"], result["W_out"].ravel(), result["b_out"]]), w, rtol=tol, atol=tol)
    assert not np.any(result["losses"][~mask])
    assert np.linalg.norm(w[: cell.n_params] - arguments[1]) > 1e-3


@pytest.mark.parametrize("update_every", [1, 4])
@each_cell
def test_a_window_over_everything_is_exact(cell, update_every, rng, dtype, tol):
    arguments, settings = problem(cell, rng, dtype), {"optimizer": SGD(learning_rate=0.02), "update_every": update_every}
    exact = online_training(*arguments, **settings)
    window = online_training(*arguments, **settings, gradient="tbptt", truncation=N_STEPS)
    np.testing.assert_allclose(window["history"], exact["history"], rtol=tol, atol=tol)
    chunks = online_training(*arguments, **settings, gradient="tbptt")
    assert np.abs(chunks["theta"] - exact["theta"]).max() > 10 * np.abs(window["theta"] - exact["theta"]).max()


@pytest.mark.parametrize(("update_every", "truncation"), [(1, 1), (1, 5), (3, 4), (3, 11), (4, 8)])
@each_cell
def test_a_sliding_window_looks_back_just_so_far(cell, update_every, truncation, rng, dtype, tol):
    *model, inputs, targets = problem(cell, rng, dtype)
    mask, last = np.arange(N_STEPS) >= N_STEPS - update_every, slice(N_STEPS - truncation, None)
    window = {"gradient": "tbptt", "truncation": truncation, "update_every": update_every}  # one update, at the end
    theta = online_training(*model, inputs, targets, optimizer=SGD(learning_rate=1.0), mask=mask, **window)["theta"]
    states = np.vstack([np.zeros((1, N_UNITS), dtype), forward_sensitivity(cell, model[1], inputs)[0]])
    gradient = full_bptt(*model, inputs[last], targets[last], state=states[N_STEPS - truncation], mask=mask[last])[1]["theta"]
    np.testing.assert_allclose(model[1] - theta, gradient / update_every, rtol=tol, atol=tol * np.abs(gradient).max())


def test_tokens_are_one_hot_rows(rng, dtype):
    *model, _, targets = problem(Elman(N_INPUTS, N_UNITS), rng, dtype)
    tokens = rng.integers(N_INPUTS, size=N_STEPS, dtype=np.uint8)
    for function in (block_gradient, full_bptt):
        a, b = (function(*model, x, targets) for x in (tokens, np.eye(N_INPUTS, dtype=dtype)[tokens]))
        np.testing.assert_array_equal(flat(a[1]), flat(b[1]))


def test_targets_under_the_mask_are_not_looked_at(rng):
    for loss, garbage in (("squared_error", np.nan), ("cross_entropy", -1)):
        *arguments, targets = problem(Elman(N_INPUTS, N_UNITS), rng, loss=loss)
        mask = np.arange(N_STEPS) % 3 > 0
        spoilt = np.where(mask if loss == "cross_entropy" else mask[:, None], targets, garbage)
        a, b = (block_gradient(*arguments, y, loss, mask=mask) for y in (targets, spoilt))
        np.testing.assert_array_equal(flat(a[1]), flat(b[1]))
        with pytest.raises(ValueError, match="targets"):
            block_gradient(*arguments, spoilt, loss)


def test_nothing_given_is_changed(rng):
    arguments, start = problem(Elman(N_INPUTS, N_UNITS), rng), carried(Elman(N_INPUTS, N_UNITS), rng)
    for array in (arguments[1], *arguments[2], *arguments[3:], *start.values()):
        array.flags.writeable = False
    block_gradient(*arguments, **start, mask=np.arange(N_STEPS) > 2)
    online_training(*arguments, optimizer=SGD())


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e30])
def test_cross_entropy_is_stable(scale, rng, dtype):
    logits = (scale * rng.normal(size=5)).astype(dtype)
    for k in range(5):
        loss, gradient = cross_entropy(logits, k)
        shifted = logits.astype(np.longdouble) - logits.max()
        assert loss == pytest.approx(float(np.log(np.exp(shifted).sum()) - shifted[k]), rel=1e-5)
        assert abs(gradient.sum()) < 1e-6  # NaN or Inf would fail here too


BAD = [
    ({"theta": np.zeros(5)}, r"theta must have shape \(32,\)"), ({"theta": np.zeros(32, int)}, "theta must be float32 or float64"),
    ({"theta": np.full(32, np.nan)}, "theta must be finite"), ({"inputs": np.zeros((12, 2))}, r"inputs must have shape \(12, 3\)"),
    ({"inputs": np.zeros((12, 3), np.float32)}, "inputs must be float64"), ({"inputs": np.zeros((0, 3))}, "inputs.* at least one step"),
    ({"inputs": np.zeros(12)}, r"inputs must be floats \(n_steps, 3\) or"), ({"inputs": np.full(12, -1)}, "inputs must be tokens in 0 … 2"),
    ({"inputs": np.full(12, 3)}, "inputs must be tokens in 0 … 2"), ({"inputs": np.full((12, 3), np.inf)}, "inputs must be finite"),
    ({"targets": np.zeros((11, 2))}, "targets must have"), ({"targets": np.zeros((12, 2), int)}, "targets must be float64"),
    ({"readout": (np.zeros((2, 3)), np.zeros(2))}, "W_out must have"), ({"mask": np.ones(12)}, "mask must"),
    ({"loss": "hinge"}, "loss must be one of .*, got 'hinge'"), ({"carry": "uoro"}, "carry must be one of .*, got 'uoro'"),
    ({"loss": "cross_entropy"}, "targets must be integer classes"), ({"readout_bound": -1.0}, "readout_bound must be a positive"),
    ({"loss": "cross_entropy", "targets": np.full(12, 2)}, "targets must be classes in 0 … 1"),
    ({"state": np.zeros(3)}, "state must have"), ({"influence": np.zeros((4, 31))}, r"influence must have shape \(4, 32\)"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "match"), BAD)
def test_bad_input_is_named(change, match):
    good = {"theta": np.zeros(32), "readout": (np.zeros((2, 4)), np.zeros(2)), "inputs": np.zeros((12, 3)), "targets": np.zeros((12, 2))}
    with pytest.raises(TypeError if "float64" in match else ValueError, match=match):
        block_gradient(cell=Elman(3, 4), **(good | change))


@pytest.mark.parametrize("change", [{"update_every": 0}, {"gradient": "bptt"}, {"gradient": "tbptt", "update_every": 3, "truncation": 2}])
def test_bad_online_settings_are_named(change, rng):
    with pytest.raises(ValueError, match=list(change)[-1]):
        online_training(*problem(Elman(N_INPUTS, N_UNITS), rng), optimizer=SGD(), **change)
