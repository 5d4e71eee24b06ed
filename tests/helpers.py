"""What several test files share: random problems, comparisons, all that a model holds, programs in processes of their own."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import pushforward as pf
from pushforward.cells import ACTIVATIONS, Elman, Linear

N_INPUTS, N_UNITS, N_OUTPUTS = 3, 5, 2
PLAIN_CELLS = [*(Elman(N_INPUTS, N_UNITS, name) for name in ACTIVATIONS), Linear(N_INPUTS, N_UNITS), Linear(N_INPUTS, N_UNITS, dt=0.3)]
CELLS = [*PLAIN_CELLS, Elman(N_INPUTS, N_UNITS, "tanh", weight_bound=0.6), Linear(N_INPUTS, N_UNITS, dt=0.3, weight_bound=0.6)]


def problem(cell, rng, dtype="float64", loss="squared_error", n_steps=40):
    """θ with a random bias, readout, inputs, targets."""
    theta = (0.8 * cell.init(rng) + 0.1 * rng.normal(size=cell.n_params)).astype(dtype)
    readout = rng.normal(size=(N_OUTPUTS, cell.n_features)).astype(dtype), rng.normal(size=N_OUTPUTS).astype(dtype)
    inputs = rng.normal(size=(n_steps, cell.n_inputs)).astype(dtype)
    classes, floats = rng.integers(N_OUTPUTS, size=n_steps), rng.normal(size=(n_steps, N_OUTPUTS)).astype(dtype)
    return theta, readout, inputs, classes if loss == "cross_entropy" else floats


def series(rng, n_steps, dtype="float64", n_series=None, n_outputs=1):
    """X (…, n_steps, 2) of noise and y (…, n_steps, n_outputs): what came in one and two steps ago."""
    lead = () if n_series is None else (n_series,)
    noise = rng.normal(size=(*lead, n_steps + 2, 2))
    y = np.stack([noise[..., 1:-1, 0], noise[..., :-2, 1]], axis=-1)[..., :n_outputs]
    return noise[..., 2:, :].astype(dtype), y.astype(dtype)


def flat(gradient):
    """A gradient as one vector."""
    return np.concatenate([gradient["theta"], gradient["W_out"].ravel(), gradient["b_out"]])


def close(actual, expected, relative):
    """Equal in norm: single entries may be tiny by cancellation."""
    assert np.all(np.isfinite(actual))
    assert np.linalg.norm(np.subtract(actual, expected)) <= relative * np.linalg.norm(expected)
    assert np.linalg.norm(expected) > 1e-3  # or else it would be no test


def everything(model):
    """All that evolves in a model: weights, states, windows, influence, moments, counts, losses."""
    return model.__getstate__()


def same(a, b):
    """Bitwise equality of what everything() gave, NaN being equal to itself."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (np.ndarray, list, float)):
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


def same_learning(model, other):
    """Two models that have learnt the same, whatever their settings: bitwise, losses included."""
    same(everything(model)["_learner"], everything(other)["_learner"])
    same(model.loss_history_, other.loss_history_)


def weights_of(model):
    """θ, (W_out, b_out)."""
    return model.theta_, (model.W_out_, model.b_out_)


def starting_weights(model, X, y):
    """The weights that an untrained model like this one begins with, for data like these."""
    fresh = type(model)(**model.get_params() | {"optimizer": pf.SGD(learning_rate=0.0)})
    return weights_of(fresh.partial_fit(X, y))


def program(*arguments, **environment):
    """The start of a Python program in a process of its own: arguments for subprocess.run and Popen."""
    return {"args": [sys.executable, *map(str, arguments)], "env": os.environ | environment, "text": True}


def run_program(*arguments, timeout=120, **environment):
    """Run Python to its end; return what it printed."""
    done = subprocess.run(**program(*arguments, **environment), capture_output=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def at(array, place, value):
    """A copy with one number replaced."""
    copy = array.copy()
    copy[place] = value
    return copy


def refused(message, function, *arguments, **settings):
    with pytest.raises((ValueError, TypeError), match=message):
        function(*arguments, **settings)


def stops_at_ctrl_c(body):
    """Ctrl-C after a tenth of the time that the call takes ends it before half of that time."""
    begin = time.monotonic()
    body()
    whole = time.monotonic() - begin
    timer = threading.Timer(whole / 10, os.kill, (os.getpid(), signal.SIGINT))
    begin = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        body()
    assert time.monotonic() - begin < whole / 2
    timer.join()
