"""What the tests of approximate carries share: learners by name, the cells they run over, the test of a mean over seeds."""

import numpy as np

from pushforward import SGD
from pushforward._learner import LearnerSettings
from pushforward.cells import make_cell, stack

N_INPUTS, N_OUTPUTS = 3, 2
MASK = ((0, 1), (3, 4), (1, 2), (0, 4), ())  # the last unit hears nobody


def cells(*wanted):
    """Cells by (name, n_units, settings)."""
    return [make_cell(name, N_INPUTS, n_units, **settings) for name, n_units, settings in wanted]


DENSE = cells(
    ("elman", 4, {}), ("elman", 3, {"activation": "relu"}), ("linear", 4, {}), ("linear", 4, {"dt": 0.3}), ("leaky", 4, {"leak_rate": 0.4}),
    ("leaky", 4, {"leak_rate": 0.4, "learn_leak": True}), ("gru", 3, {}), ("gru", 4, {"reset": "before"}), ("lstm", 3, {}),
    ("neural_ode", 4, {"dt": 0.2}), ("neural_ode", 4, {"dt": 0.2, "decay": "dense"}), ("neural_ode", 3, {"dt": 0.2, "decay": "gram"}),
)  # fmt: skip
DIAGONAL = cells(("diagonal", 4, {}), ("lru", 3, {}), ("elstm", 3, {}))
BOUNDED = cells(("elman", 4, {"weight_bound": 0.6}), ("lstm", 3, {"weight_bound": 0.8}))
SPARSE = cells(*((name, 5, {"connectivity": MASK}) for name in ("elman", "leaky", "gru", "lstm")))
SPARSE += cells(("gru", 5, {"connectivity": MASK, "reset": "before"}), ("linear", 5, {"connectivity": MASK, "weight_bound": 0.6}))
STACKS = [
    stack([make_cell("gru", N_INPUTS, 3), make_cell("lstm", 3, 2)]),
    stack([make_cell("lstm", N_INPUTS, 3), make_cell("elman", 3, 5, connectivity=MASK), make_cell("leaky", 5, 3, learn_leak=True)]),
]


def learner(cell, gradient, *, dtype="float64", optimizer=None, carry_every=None, **settings):
    """A learner of the extension module; weights zero."""
    optimizer = optimizer or SGD(learning_rate=0.0)
    return LearnerSettings(cell, N_OUTPUTS, "squared_error", np.dtype(dtype), optimizer, gradient, carry_every=carry_every, **settings).build()


def problem(cell, rng, dtype="float64", n_steps=8, n_series=1):
    """(θ, W_out, b_out), X (n_series, n_steps, n_inputs), Y (n_series, n_steps, n_outputs): every series the same."""
    theta = 0.8 * cell.init(rng) + 0.15 * rng.normal(size=cell.n_params)
    weights = theta, rng.normal(size=(N_OUTPUTS, cell.n_features)), rng.normal(size=N_OUTPUTS)
    X, Y = (np.tile(rng.normal(size=(n_steps, n)), (n_series, 1, 1)).astype(dtype) for n in (cell.n_inputs, N_OUTPUTS))
    return [w.astype(dtype) for w in weights], X, Y


def gather(cell, gradient, weights, X, Y, mask=None, **settings):
    """A learner that has gathered the gradient of the sum of all losses at fixed weights."""
    core = learner(cell, gradient, dtype=X.dtype, n_series=len(X), **settings)
    core.set_parameters(*weights)
    core.gather(X, None, Y, None, mask)
    return core


def goes_on_to_the_bit(make, weights, X, Y, n_before=17):
    """A learner that takes over another's state after some steps learns the rest as the other does; ``make`` builds them."""
    whole, resumed = make(), make()
    whole.set_parameters(*weights)
    whole.run(X[:, :n_before].copy(), None, Y[:, :n_before].copy(), None, None)
    resumed.import_state(whole.export_state())
    for core in (whole, resumed):
        core.run(X[:, n_before:].copy(), None, Y[:, n_before:].copy(), None, None)
    kept, again = whole.export_state(), resumed.export_state()
    assert kept.keys() == again.keys()
    for name in kept:
        np.testing.assert_array_equal(kept[name], again[name], err_msg=name)


def mean_over_seeds(cell, gradient, rng, n_seeds=5_000, **settings):
    """Hold the mean of a random gradient against the exact one; print and return its relative error, and what chance makes of it."""
    weights, X, Y = problem(cell, rng, n_series=n_seeds)
    core = gather(cell, gradient, weights, X, Y, **settings)
    draws = np.array([core.gradient(i)[0] for i in range(n_seeds)])
    exact = gather(cell, "rtrl", weights, X[:1], Y[:1]).gradient(0)[0]
    error, deviation = draws.mean(axis=0) - exact, draws.std(axis=0, ddof=1) / np.sqrt(n_seeds)
    constant = deviation <= 1e-9 * np.abs(exact).max()  # what no sign changes must be exact
    np.testing.assert_allclose(error[constant], 0, atol=1e-9 * np.abs(exact).max())
    sigmas = np.abs(error[~constant]) / deviation[~constant]
    assert np.mean(sigmas <= 4) >= 0.99, sigmas
    assert np.all(sigmas <= 6), sigmas
    expected = np.linalg.norm(deviation) / np.linalg.norm(exact)
    bias = np.linalg.norm(error) / np.linalg.norm(exact)
    print(f"{gradient}, {cell!r}: relative bias {bias:.4f}, expected of {n_seeds} seeds {expected:.4f}")
    assert bias <= 4 * expected
    return bias, expected
