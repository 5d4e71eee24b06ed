"""Every cell under every algorithm that is defined for it: one training run each, against the twin where there is one, and resumed to the bit."""

import re

import numpy as np
import pytest
from helpers import close, everything, same, same_learning, series, starting_weights

import pushforward as pf
from pushforward._learner import GRADIENTS
from pushforward.cells import CELLS, make_cell, stack

N_STEPS = 26
RING = tuple(tuple(sorted({(i - 1) % 4, i})) for i in range(4))
ODE = {"dt": 0.2}
ALL = {  # how far a unit's gates reach (design: none, recurrent, full), and the cell
    "elman": ("recurrent", make_cell("elman", 2, 4)),
    "bounded": ("recurrent", make_cell("elman", 2, 4, weight_bound=0.7)),
    "linear": ("recurrent", make_cell("linear", 2, 4, dt=0.3)),
    "leaky": ("recurrent", make_cell("leaky", 2, 4, learn_leak=True)),
    "gru": ("recurrent", make_cell("gru", 2, 4)),
    "gru, reset before": ("full", make_cell("gru", 2, 4, reset="before")),
    "lstm": ("recurrent", make_cell("lstm", 2, 3)),
    "sparse lstm": ("recurrent", make_cell("lstm", 2, 4, connectivity=RING)),
    "neural_ode": ("recurrent", make_cell("neural_ode", 2, 4, **ODE)),
    "noisy": ("recurrent", make_cell("neural_ode", 2, 4, **ODE, decay="dense", noise=0.2)),
    "gram": ("full", make_cell("neural_ode", 2, 4, **ODE, decay="gram")),
    "diagonal": ("none", make_cell("diagonal", 2, 4)),
    "lru": ("none", make_cell("lru", 2, 3)),
    "elstm": ("none", make_cell("elstm", 2, 4)),
    "stack": ("full", stack([make_cell("gru", 2, 3), make_cell("lstm", 3, 2), make_cell("elman", 2, 3)])),
    "mixed stack": ("full", stack([make_cell("lru", 2, 2), make_cell("elman", 4, 4, connectivity=RING), make_cell("diagonal", 4, 3)])),
}
NO_KRONECKER = {"bounded", "sparse lstm", "neural_ode", "diagonal", "elstm", "mixed stack"}  # a unit's weights see numbers of their own
PAIRS = [(name, gradient) for name in ALL for gradient in GRADIENTS]


def defined(name, gradient):
    if gradient == "kf":
        return name not in NO_KRONECKER
    return gradient not in ("rflo", "eprop") or ALL[name][0] == "recurrent"


def estimator(name, gradient, dtype, update_every):
    coupling, cell = ALL[name]
    settings = {"cell": cell, "gradient": gradient, "dtype": str(dtype), "update_every": update_every, "optimizer": pf.SGD(learning_rate=0.02)}
    if gradient in ("rtrl", "uoro", "rflo", "eprop") or (gradient == "snap1" and coupling != "full"):
        settings["carry_every"] = 4
    if gradient == "tbptt":
        settings["truncation"] = update_every + 2
    return pf.RecurrentRegressor(**settings)


def test_every_cell_is_here():
    assert {cell.name for _, cell in ALL.values()} == CELLS.keys() | {"stack"}
    assert sum(defined(*pair) for pair in PAIRS) > 0.8 * len(PAIRS)


@pytest.mark.parametrize(("name", "gradient"), [pair for pair in PAIRS if defined(*pair)])
def test_defined_pairs(name, gradient, dtype, rng, tmp_path):
    X, y = series(rng, N_STEPS, dtype)
    for update_every in (1, 2, 3):
        whole, first = (estimator(name, gradient, dtype, update_every) for _ in range(2))
        start = starting_weights(whole, X, y)
        whole.partial_fit(X, y)
        first.partial_fit(X[:11], y[:11]).save(tmp_path / "m")
        same_learning_but_history(pf.load(tmp_path / "m").partial_fit(X[11:], y[11:]), whole)
        assert whole.carry_every_ == whole.carry_every or whole.carry_every == "auto"
        moved = whole.theta_ - start[0]
        assert np.all(np.isfinite(moved))
        assert np.linalg.norm(moved) > 1e-4
        if gradient in ("rtrl", "tbptt"):
            way = {"gradient": gradient, "truncation": whole.truncation, "update_every": update_every, "optimizer": whole.optimizer}
            twin = pf.reference.online_training(whole.cell_, *start, X, y, **way)
            tight = 1e-11 if dtype == np.float64 else 2e-4
            close(moved, twin["theta"] - start[0], 10 * tight)
            close(whole.W_out_, twin["W_out"], tight)
            close(whole.state_, twin["state"], tight)
    bias = whole.gradient_bias(X, y)
    numbers = [getattr(row, field) for row in bias.table for field in ("relative_error", "cosine", "norm")]
    assert np.all(np.isfinite(numbers))
    alone = ALL[name][0] == "none"  # what one step reaches of a unit's states is then all, if there is one; two steps reach them all
    exact = gradient == "rtrl" or (alone and gradient == "snap2") or (name, gradient) == ("diagonal", "snap1")
    if alone or gradient != "snap2":  # which is exact for small dense cells too
        assert (bias.relative_error < (1e-12 if dtype == np.float64 else 1e-5)) == exact
    assert bias.table[-1].relative_error < 1e-4  # the read-out's own


def same_learning_but_history(model, other):
    same(everything(model)["_learner"], everything(other)["_learner"])


@pytest.mark.parametrize(("name", "gradient"), [pair for pair in PAIRS if not defined(*pair)])
def test_other_pairs_are_refused_with_the_defined_ones(name, gradient, dtype, rng):
    X, y = series(rng, N_STEPS, dtype)
    model = estimator(name, gradient, dtype, 1)
    before = everything(model)
    with pytest.raises(ValueError, match=rf"gradient must be one of .* for this cell.*, got '{gradient}'") as caught:
        model.partial_fit(X, y)
    same(everything(model), before)
    listed = re.search("one of (.*) for this cell", str(caught.value)).group(1).split(", ")
    assert set(listed) == {other for other in GRADIENTS if defined(name, other)}


@pytest.mark.parametrize(("name", "gradient"), [pair for pair in PAIRS if defined(*pair)])
def test_series_are_independent(name, gradient, rng):
    """Two series side by side, threads or not, are what each is alone as long as nothing is learnt; then both are learnt from."""
    X, y = series(rng, N_STEPS, n_series=2)
    alone = estimator(name, gradient, "float64", 3).set_params(optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X[0], y[0])
    both = estimator(name, gradient, "float64", 3).set_params(optimizer=pf.SGD(learning_rate=0.0), n_threads=2).partial_fit(X, y)
    np.testing.assert_array_equal(both.state_[0], alone.state_)
    one, two = (estimator(name, gradient, "float64", 3).set_params(n_threads=n).partial_fit(X, y) for n in (1, 2))
    same_learning(one, two)
    both.reset_state([1])
    np.testing.assert_array_equal(both.state_[0], alone.state_)
    assert not np.any(both.state_[1])
