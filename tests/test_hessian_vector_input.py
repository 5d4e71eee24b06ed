"""Hessian-vector products: tokens, threads, instruction sets, long series, divergence and bad input."""

import numpy as np
import pytest
from helpers import at, close, flat, problem, refused, stops_at_ctrl_c

import pushforward as pf
from pushforward.cells import GRU, LRU, Diagonal, Elman, Linear, NeuralODE, stack
from pushforward.errors import DivergenceError
from pushforward.kernels import hessian_vector_product

CELL = Elman(3, 4)


def case(cell, rng, dtype="float64", n_steps=12):
    theta, readout, X, Y = problem(cell, rng, dtype, n_steps=n_steps)
    v = {"theta": theta[::-1].copy(), "W_out": readout[0][:, ::-1].copy(), "b_out": readout[1] + 1}
    return theta, readout, X, Y, v


@pytest.mark.parametrize("bound", [None, 0.8])
@pytest.mark.parametrize("make", [lambda **s: Elman(4, 3, **s), lambda **s: Elman(4, 5, connectivity=0.4, **s), lambda **_: GRU(4, 3),
                                  lambda **_: Diagonal(4, 3), lambda **_: LRU(4, 3), lambda **_: NeuralODE(4, 3, dt=0.1, decay="gram"),
                                  lambda **_: stack(["gru", "elman"], 4, 3)])  # fmt: skip
def test_tokens_are_one_hot_rows(make, bound, rng, dtype):
    cell = make(weight_bound=bound)
    theta, readout, _, Y, v = case(cell, rng, dtype)
    tokens = rng.integers(4, size=len(Y))
    by_token = hessian_vector_product(cell, theta, readout, tokens, Y, v)
    by_rows = hessian_vector_product(cell, theta, readout, np.eye(4, dtype=dtype)[tokens], Y, v)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    close(flat(by_token[1]), flat(by_rows[1]), tolerance)
    close(flat(by_token[2]), flat(by_rows[2]), tolerance)


def test_every_instruction_set(isa, rng, dtype):
    cell = stack(["gru", "lstm"], 3, 19)
    theta, readout, X, Y, v = case(cell, rng, dtype, n_steps=70)
    product = hessian_vector_product(cell, theta, readout, X, Y, v)[2]
    both = [{name: array.astype(np.float64) for name, array in part.items()} for part in ({"theta": theta}, v)]
    exact = hessian_vector_product(cell, both[0]["theta"], tuple(a.astype(np.float64) for a in readout), X.astype(np.float64),
                                   Y.astype(np.float64), both[1])[2]  # fmt: skip
    close(flat(product), flat(exact), 1e-12 if dtype == np.float64 else 5e-5)


@pytest.mark.parametrize("cell", [Elman(3, 530), GRU(3, 530)], ids=["elman", "gru"])
def test_threads_change_no_bit(cell, rng):
    theta, readout, X, Y, v = case(cell, rng, n_steps=4)
    one, three = (hessian_vector_product(cell, theta, readout, X, Y, v, n_threads=n) for n in (1, 3))
    for a, b in zip(one[1:], three[1:], strict=True):
        np.testing.assert_array_equal(flat(a), flat(b))
    shift = 1e-4
    difference = [flat(pf.kernels.block_gradient(cell, theta + h * v["theta"], (readout[0] + h * v["W_out"], readout[1] + h * v["b_out"]), X, Y,
                                                 carry="none")[1]) for h in (shift, -shift)]  # fmt: skip
    close(flat(one[2]), (difference[0] - difference[1]) / (2 * shift), 1e-5)


def test_the_arguments_stay_as_they_are(rng):
    theta, readout, X, Y, v = case(CELL, rng)
    before = [a.copy() for a in (theta, *readout, X, Y, *v.values())]
    hessian_vector_product(CELL, theta, readout, X, Y, v)
    for a, b in zip(before, (theta, *readout, X, Y, *v.values()), strict=True):
        np.testing.assert_array_equal(a, b)


def test_divergence_is_named_with_its_step(rng):
    cell, readout, X, Y = Linear(1, 1), (np.ones((1, 1)), np.zeros(1)), np.ones((40, 1)), np.zeros((40, 1))
    large, direction = np.array([1e20, 1.0, 0.0]), {"theta": np.array([1e300, 0.0, 0.0])}
    for step, what, theta, v, mask in [
        (8, "the loss", large, {}, None),  # 1e160 squared
        (16, "the state", large, {}, np.zeros(40, bool)),  # 1e320
        (9, "the Hessian-vector product", np.array([10.0, 1.0, 0.0]), direction, None),  # the states are finite, what they change by is not
    ]:
        with pytest.raises(DivergenceError, match=f"{what} stopped being finite") as caught:
            hessian_vector_product(cell, theta, readout, X, Y, v, mask=mask)
        assert caught.value.step == step


def test_bad_directions_are_named(rng):
    theta, readout, X, Y, v = case(CELL, rng)
    for wrong, message in [
        (v["theta"], "v must be a dict with any of 'theta', 'W_out', 'b_out', got ndarray"),
        (v | {"W_rec": theta}, "v must have keys among 'theta', 'W_out', 'b_out', got 'W_rec'"),
        (v | {"theta": theta[1:]}, r"v\['theta'\] must have shape \(32,\), got \(31,\)"),
        (v | {"W_out": readout[0].T.copy()}, r"v\['W_out'\] must have shape \(2, 4\), got \(4, 2\)"),
        (v | {"b_out": np.ones(3)}, r"v\['b_out'\] must have shape \(2,\), got \(3,\)"),
        (v | {"theta": theta.astype(np.float32)}, r"v\['theta'\] must be float64 like the model, got float32"),
        (v | {"theta": at(theta, 3, np.nan)}, r"v\['theta'\] must be finite, got nan"),
    ]:
        refused(message, hessian_vector_product, CELL, theta, readout, X, Y, wrong)


def test_bad_arguments_are_named(rng):
    theta, readout, X, Y, v = case(CELL, rng)
    good = {"cell": CELL, "theta": theta, "readout": readout, "inputs": X, "targets": Y, "v": v}
    classes = np.zeros(len(X), int)
    for name, wrong, message in [
        ("cell", "elman", "cell must be a cell such as"),
        ("theta", theta[1:], r"theta must have shape \(32,\), got \(31,\)"),
        ("theta", list(theta), "theta must be an ndarray of float32 or float64, got list"),
        ("readout", readout[0], r"readout must be the pair \(W_out, b_out\), got ndarray"),
        ("readout", (readout[0][:, 1:], readout[1]), r"W_out must have shape \(2, 4\), got \(2, 3\)"),
        ("readout", (readout[0], readout[1][:, None]), r"b_out must have shape \(n_outputs,\)"),
        ("inputs", X[:, 1:], r"inputs must have shape \(12, 3\), got \(12, 2\)"),
        ("inputs", X[:0], "inputs must have at least one step"),
        ("inputs", X[None], "inputs must be one series"),
        ("inputs", classes + 3, "inputs must lie in 0 … 2"),
        ("inputs", at(X, (3, 1), np.inf), "inputs must be finite, got inf at series 0, step 3, column 1"),
        ("targets", Y[1:], r"targets must have shape \(12, 2\), got \(11, 2\)"),
        ("targets", Y.astype(np.float32), "targets must be float64 like the model, got float32"),
        ("loss", "absolute", "loss must be one of squared_error, cross_entropy, got 'absolute'"),
        ("state", np.zeros(3), r"state must have shape \(4,\), got \(3,\)"),
        ("mask", np.ones(12), "mask must be bool"),
        ("mask", np.ones(11, bool), r"mask must have shape \(12,\)"),
        ("readout_bound", -1.0, "readout_bound must be a positive finite number or None, got -1.0"),
        ("n_threads", 0, "n_threads must be a positive int or None, got 0"),
    ]:
        refused(message, hessian_vector_product, **good | {name: wrong})
    refused("targets must lie in 0 … 1", hessian_vector_product, **good | {"targets": classes + 2, "loss": "cross_entropy"})
    refused("targets must be classes", hessian_vector_product, **good | {"loss": "cross_entropy"})


def test_the_twin_refuses_unknown_parts(rng):
    theta, readout, X, Y, v = case(CELL, rng)
    for wrong, message in [
        (v | {"W_rec": theta}, "v must have keys among theta, W_out, b_out, got 'W_rec'"),
        (v | {"theta": theta[1:]}, r"v\['theta'\] must have shape \(32,\), got \(31,\)"),
    ]:
        refused(message, pf.reference.hessian_vector_product, CELL, theta, readout, X, Y, wrong)


@pytest.mark.slow
def test_a_long_series_stops_at_ctrl_c(rng):
    cell = Elman(3, 32)
    arguments = case(cell, rng, n_steps=400_000)
    stops_at_ctrl_c(lambda: hessian_vector_product(cell, *arguments))
