"""The closed loop of a sampled network: the twin, one step from features, one series beside others, threads, divergence."""

import inspect
import os
import signal
import threading
import time

import numpy as np
import pytest
from helpers import at, close, refused

import pushforward as pf
from pushforward.cells import ACTIVATIONS
from pushforward.errors import DivergenceError

rollout, twin = pf.kernels.sampled_rollout, pf.reference.sampled_rollout

SHAPES = {  # n_state, n_units, n_delays, columns kept by P, n_inputs, units of the layer of the inputs
    "Lorenz": (3, 200, 0, None, 0, 0),
    "one number": (1, 1, 0, None, 0, 0),
    "no units": (2, 0, 0, None, 0, 0),
    "inputs": (2, 37, 0, None, 2, 0),
    "lifted inputs": (4, 16, 0, None, 3, 11),
    "delays": (5, 33, 70, None, 0, 0),
    "all": (7, 61, 3, 9, 1, 5),
    "large": (50, 120, 9, 100, 0, 0),
}


def model(rng, shape, dtype="float64", activation="tanh", include_state=True, include_constant=True):
    """A network whose states neither die out nor grow."""
    n_state, n_units, n_delays, kept, n_inputs, n_input_units = shape
    n_embedding = n_state * (n_delays + 1)
    n_z = kept or n_embedding
    n_features = include_state * n_z + n_units + include_constant
    arrays = {"W": rng.normal(size=(n_units, n_z)) / np.sqrt(n_z), "b": rng.normal(size=n_units)}
    arrays["A"] = 0.4 * rng.normal(size=(n_state, n_features)) / np.sqrt(n_features)
    if kept:
        arrays["P"] = np.linalg.qr(rng.normal(size=(n_embedding, n_embedding)))[0][:kept]
        arrays["e_mean"] = rng.normal(size=n_embedding)
    if n_inputs:
        arrays["A_u"] = rng.normal(size=(n_state, n_input_units or n_inputs))
    if n_input_units:
        arrays["W_u"], arrays["b_u"] = rng.normal(size=(n_input_units, n_inputs)), rng.normal(size=n_input_units)
    settings = {"activation": activation, "include_state": include_state, "include_constant": include_constant}
    return {name: a.astype(dtype) for name, a in arrays.items()} | settings


def starts(rng, shape, n_series, n_steps, dtype="float64"):
    """Histories and inputs of several series."""
    history = rng.normal(size=(n_series, shape[2] + 1, shape[0])).astype(dtype)
    return history, rng.normal(size=(n_series, n_steps, shape[4])).astype(dtype) if shape[4] else None


def precision(dtype):
    return 1e-12 if dtype == np.float64 else 1e-5


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_is_the_twin(shape, rng, dtype, isa):
    """Six series: four and two go together. 150 steps: past the place where the rows of the past are moved."""
    n_steps = 150 if shape[1] < 120 else 30
    for parts in ((True, True), (False, True), (True, False), (shape[1] == 0, False)):
        settings = model(rng, shape, dtype, "tanh", *parts)
        start, inputs = starts(rng, shape, 6, n_steps, dtype)
        close(rollout(start, n_steps, inputs=inputs, **settings) + 1, twin(start, n_steps, inputs=inputs, **settings) + 1, precision(dtype))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation, rng, dtype, isa):
    settings = model(rng, SHAPES["all"], dtype, activation)
    start, inputs = starts(rng, SHAPES["all"], 3, 40, dtype)
    states = rollout(start, 40, inputs=inputs, **settings)
    close(states, twin(start, 40, inputs=inputs, **settings), precision(dtype))


def test_a_step_is_the_features_times_the_matrix(rng, dtype, tol):
    """Each state follows from the one before through the features of the kernel that fits them."""
    settings = model(rng, SHAPES["Lorenz"], dtype)
    states = rollout(rng.normal(size=3).astype(dtype), 50, **settings)
    before = states[:-1]
    features = pf.kernels.sampled_features(before, settings["W"], settings["b"])
    psi = np.column_stack([before, features, np.ones(len(before), dtype)])
    close(states[1:], psi @ settings["A"].T, tol)


def test_a_linear_system_is_iterated(rng, dtype, tol):
    """With the state alone among the features the roll-out is a power of the matrix."""
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    W, b = np.zeros((0, 2), dtype), np.zeros(0, dtype)
    states = rollout(np.array([1, 0], dtype), 60, W, b, turn.astype(dtype), include_constant=False)
    angles = 0.3 * np.arange(1, 61)
    close(states, np.column_stack([np.cos(angles), np.sin(angles)]), tol)


def test_delays_look_back_the_newest_first(dtype):
    """h[t+1] = h[t] + h[t−1], Fibonacci's numbers; and h[t+1] = h[t−2], where the oldest comes back."""
    W, b = np.zeros((0, 3), dtype), np.zeros(0, dtype)
    states = rollout(np.array([[9], [1], [1]], dtype), 10, W, b, np.array([[1, 1, 0]], dtype), include_constant=False)
    assert states[:, 0].tolist() == [2, 3, 5, 8, 13, 21, 34, 55, 89, 144]
    states = rollout(np.array([[7], [8], [9]], dtype), 6, W, b, np.array([[0, 0, 1]], dtype), include_constant=False)
    assert states[:, 0].tolist() == [7, 8, 9, 7, 8, 9]


def test_going_on_from_where_it_stopped_is_the_same_run(rng, dtype, isa):
    shape = SHAPES["all"]
    settings = model(rng, shape, dtype)
    start, inputs = starts(rng, shape, 5, 600, dtype)
    whole = rollout(start, 600, inputs=inputs, **settings)  # a look for Ctrl-C after 256
    first = rollout(start, 190, inputs=inputs[:, :190], **settings)
    rest = rollout(first[:, -4:], 410, inputs=inputs[:, 190:], **settings)
    assert np.array_equal(np.concatenate([first, rest], axis=1), whole)


@pytest.mark.parametrize("name", ["Lorenz", "all", "large"])
def test_a_series_does_not_hear_its_neighbours_nor_the_threads(name, rng, dtype, isa):
    """To the last bit: alone, in a batch of 11, on one thread and on four."""
    shape = SHAPES[name]
    settings = model(rng, shape, dtype)
    start, inputs = starts(rng, shape, 11, 30, dtype)
    batch = rollout(start, 30, inputs=inputs, **settings)
    for i in range(11):
        assert np.array_equal(rollout(start[i], 30, inputs=None if inputs is None else inputs[i], **settings), batch[i])
    try:
        for n_threads in (1, 4):
            pf.set_num_threads(n_threads)
            assert np.array_equal(rollout(start, 30, inputs=inputs, **settings), batch)
    finally:
        pf.set_num_threads(None)


def test_inputs_act_on_the_state_of_their_row(rng, dtype):
    settings = model(rng, SHAPES["inputs"], dtype)
    start, inputs = starts(rng, SHAPES["inputs"], 3, 20, dtype)
    changed = rollout(start, 20, inputs=at(inputs, (1, 7, 0), 5), **settings)
    states = rollout(start, 20, inputs=inputs, **settings)
    assert np.array_equal(changed[1, :7], states[1, :7])
    assert not np.any(changed[1, 7] == states[1, 7])
    assert np.array_equal(changed[[0, 2]], states[[0, 2]])


def test_divergence_names_the_first_step_and_its_series(dtype, isa):
    """h ← 10 h from starts of 10^(−k): the largest is the first to leave the range of the type, in whatever group it is."""
    W, b, A = np.zeros((0, 1), dtype), np.zeros(0, dtype), np.full((1, 1), 10, dtype)
    start = 10.0 ** -np.array([3, 9, 5, 4, 7, 8, 2, 6, 9, 2, 3])[:, None, None].astype(dtype)
    most = 38 if dtype == np.float32 else 308
    with pytest.raises(DivergenceError) as caught:
        rollout(start, 2000, W, b, A, include_constant=False)
    assert caught.value.series == 6
    assert caught.value.step in (most + 1, most + 2)
    assert np.isfinite(rollout(start, caught.value.step, W, b, A, include_constant=False)).all()
    with pytest.raises(DivergenceError) as later:  # steps beyond the first slices of a run
        rollout(start, 40_000, W, b, 1 + (A - 1) / 300, include_constant=False)
    assert later.value.step > 1000


def test_tanh_is_within_two_units_in_the_last_place(dtype, isa, rng):
    """Of a layer of one unit with weight 1, against the next wider type; most points where the error is largest, right of half the table's step."""
    wide = np.float64 if dtype == np.float32 else np.longdouble
    if np.finfo(wide).nmant < np.finfo(dtype).nmant + 8:
        pytest.skip("long double is no wider than float64 here")
    ranges = [(1e-3, 0.2), (0.3, 0.4), (0.63, 0.75), (0.2, 3), (2, 25)]
    x = np.concatenate([rng.uniform(*ends, size=100_000) for ends in ranges] + [[0, 1e-300, 1e-30, 19.07, 22, 1e3, 1e30]]).astype(dtype)
    x = np.concatenate([x, -x])[:, None]
    found = pf.kernels.sampled_features(x, np.ones((1, 1), dtype), np.zeros(1, dtype))
    truth = np.tanh(x.astype(wide))
    assert np.max(np.abs(found - truth) / np.spacing(np.abs(truth).astype(dtype))) <= 2
    assert np.all(np.abs(found) <= 1)
    assert np.array_equal(np.abs(found[np.abs(x) > 22]), np.ones(np.count_nonzero(np.abs(x) > 22), dtype))


def test_it_can_be_interrupted():
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        rollout([0.5], 10**8, np.ones((40, 1)), np.zeros(40), np.full((1, 42), 0.01))
    assert time.monotonic() - begin < 2  # of more than ten seconds
    timer.join()


def test_twin_and_kernel_take_the_same_arguments():
    assert list(inspect.signature(rollout).parameters) == list(inspect.signature(twin).parameters)


def test_wrong_arguments_are_named(rng):
    shape = SHAPES["all"]
    settings = model(rng, shape)
    start, inputs = starts(rng, shape, 2, 5)
    good = {"start": start, "n_steps": 5, "inputs": inputs} | settings

    def wrong(message, **changes):
        refused(message, lambda: rollout(**good | changes))

    rollout(**good)
    wrong("n_steps must be a positive int", n_steps=0)
    wrong("activation must be one of", activation="sin")
    wrong("W must be of dtype", W=settings["W"].astype(int))
    wrong("A must be float64 like the model, got float32", A=settings["A"].astype("float32"))
    wrong(r"A must have shape \(7, 71\)", A=settings["A"][:, 1:])
    wrong(r"b must have shape \(61,\)", b=settings["b"][1:])
    wrong("start must hold states of 7 numbers", start=start[:, :, 1:])
    wrong("start must be", start=start[None])
    wrong(r"P must have shape \(9, 21\), got \(9, 28\)", start=start[:, 1:])
    wrong("W must have 28 columns", P=None, e_mean=None)
    wrong("e_mean needs P", P=None, W=np.ones((61, 28)), A=np.ones((7, 90)))
    wrong("inputs must be given", inputs=None)
    wrong("inputs were given", A_u=None, W_u=None, b_u=None)
    wrong("W_u and b_u need A_u", A_u=None)
    wrong("b_u needs W_u", W_u=None, A_u=np.ones((7, 1)))
    wrong(r"inputs must have shape \(2, 5, 1\)", inputs=inputs[:, 1:])
    wrong(r"inputs must be \(n_series, n_steps, n_inputs\) like start", inputs=inputs[0])
    wrong("start must be finite, got nan at series 1, step 2, column 3", start=at(start, (1, 2, 3), np.nan))
    wrong("inputs must be finite, got inf at series 0, step 4", inputs=at(inputs, (0, 4, 0), np.inf))
    wrong("W must be finite", W=at(settings["W"], (3, 3), np.nan))
