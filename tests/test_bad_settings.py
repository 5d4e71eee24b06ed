"""Settings and kernel arguments that make no sense: named, with what was expected and what came."""

import re

import numpy as np
import pytest
from helpers import at, refused, series

import pushforward as pf
from pushforward import kernels

RNG = np.random.default_rng(0)
X, Y = series(RNG, 20)
XB, YB = series(RNG, 20, n_series=3)
CODES, TOKENS = RNG.integers(3, size=20), RNG.integers(5, size=20)
NO_MASK = np.ones(20, bool)

SETTINGS = {
    "n_units": [0, -3, 2.5, "5", None, True],
    "cell": ["elma", "stack", None, 3, ["gru"]],
    "activation": ["softplus", 3],
    "dt": [0.0, -1.0, float("nan"), "a"],
    "weight_bound": [0.0, -1.0, float("inf"), "a"],
    "readout_bound": [0.0, -1.0, float("inf"), "a"],
    "leak_rate": [0.0, -1.0, 1.5, float("nan"), "a"],
    "connectivity": [0.0, -0.5, 1.5, "a", np.ones((3, 3), bool), [[0], [1]]],
    "gradient": ["bptt", None],
    "error_feedback": ["symmetric", 3],
    "truncation": [0, -1, 1.5, 2],  # with update_every = 3
    "update_every": [0, -1, 1.5, None],
    "carry_every": [0, -1, 2.5, "often", None],
    "latency": ["low", None],
    "optimizer": ["adam", 0.1, pf.SGD],
    "init": ["zeros"],
    "n_inputs": [0, -1, 2.5, 7],
    "n_outputs": [7],
    "n_epochs": [0, -1, 1.5, "2"],
    "dtype": ["float16", "double", np.float64, None],
    "n_threads": [0, -1, 1.5],
    "loss": ["huber", None],
}


WITH = {"dt": {"cell": "linear"}, "leak_rate": {"cell": "leaky"}, "truncation": {"gradient": "tbptt"}, "error_feedback": {"gradient": "rflo"}}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_named(name):
    for value in SETTINGS[name]:
        settings = {"n_units": 4, "dtype": "float64", "update_every": 3} | WITH.get(name, {}) | {name: value}
        model = pf.RecurrentRegressor(**settings)
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b") as caught:
            model.fit(X, Y)
        shown = {type: "SGD|float64", np.ndarray: r"\(3, 3\)", list: "gru|2 rows"}.get(type(value), re.escape(str(value)))
        assert re.search(shown, str(caught.value)), (value, str(caught.value))
        assert not hasattr(model, "loss_")


def test_settings_that_contradict_each_other():
    base = {"n_units": 4, "dtype": "float64"}
    for settings, message in [
        ({"truncation": 5}, "truncation belongs to gradient='tbptt', got truncation=5 with gradient='rtrl'"),
        ({"gradient": "tbptt", "latency": "bounded"}, "latency='bounded' belongs to gradient='rtrl'"),
        ({"gradient": "tbptt", "truncation": 3, "update_every": 4}, r"truncation must be at least update_every \(4\), got 3"),
        ({"gradient": "uoro", "latency": "bounded"}, "latency='bounded' belongs to gradient='rtrl', got it with gradient='uoro'"),
        ({"gradient": "kf", "carry_every": 4}, "carry_every belongs to gradient 'rtrl', .*, got 4 with gradient='kf'"),
        ({"gradient": "tbptt", "carry_every": 4}, "carry_every belongs to gradient 'rtrl', .*, got 4 with gradient='tbptt'"),
        ({"error_feedback": "random"}, "error_feedback belongs to gradient 'rflo', 'eprop', got 'random' with gradient='rtrl'"),
        ({"gradient": "snap1", "truncation": 4}, "truncation belongs to gradient='tbptt', got truncation=4 with gradient='snap1'"),
        ({"dt": 0.1}, "dt belongs to the cells linear, neural_ode, got dt=0.1 with cell='elman'"),
    ]:
        refused(message, pf.RecurrentRegressor(**base, **settings).partial_fit, X, Y)


def test_classes_to_be_told():
    model = pf.RecurrentClassifier(n_units=4, dtype="float64")
    refused("y must show at least 2 classes, got .0.", model.partial_fit, X, np.zeros(20, int))
    refused("classes must be at least 2, got 1", model.partial_fit, X, np.zeros(20, int), classes=1)
    refused(r"y must hold known classes \(a, b\), got c at series 0, step 2", model.partial_fit, X[:3], ["a", "b", "c"], classes=["a", "b"])
    assert not hasattr(model, "classes_")


def test_tbptt_has_no_influence():
    model = pf.RecurrentRegressor(gradient="tbptt").partial_fit([[1.0]], [1.0])
    assert not hasattr(model, "influence_")
    with pytest.raises(AttributeError, match="influence_: gradient='tbptt' keeps none"):
        _ = model.influence_


@pytest.mark.parametrize("state", [-1, "a", 0.5, None, np.random.default_rng(0)], ids=str)
def test_a_seed_is_a_non_negative_int(state):
    refused("random_state must be a non-negative int", pf.RecurrentRegressor(random_state=state).partial_fit, [[1.0]], [1.0])


@pytest.mark.parametrize("change", [{"optimizer": pf.SGD()}, {"n_units": 3}, {"dtype": "float64"}, {"update_every": 2}, {"gradient": "tbptt"}])
def test_arguments_changed_after_the_first_data_are_refused(change, tmp_path):
    X = np.ones((5, 1), "float32")
    model = pf.RecurrentRegressor(n_units=2).partial_fit(X, X)
    model.set_params(**change, n_epochs=2)
    name = next(iter(change))
    refused(f"{name} was", model.partial_fit, X, X)
    refused(f"{name} was", model.save, tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()
    if name != "dtype":
        model.fit(X, X).save(tmp_path / "m.safetensors")


def test_sizes_that_no_buffer_can_have():
    for name in ("update_every", "carry_every"):
        refused(f"{name} must be at most", pf.RecurrentRegressor(**{name: 2**61}).partial_fit, [[1.0]], [1.0])


CELL = pf.cells.Elman(2, 3)
GOOD = {"cell": CELL, "theta": CELL.init(0), "readout": (np.ones((1, 3)), np.zeros(1)), "inputs": X, "targets": Y}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": GOOD["theta"][:-1]}, r"theta must have shape \(18,\), got \(17,\)"),
        ({"theta": GOOD["theta"].astype(int)}, "theta must be an ndarray of float32 or float64, got int64"),
        ({"theta": list(GOOD["theta"])}, "theta must be an ndarray of float32 or float64, got list"),
        ({"theta": at(GOOD["theta"], 3, np.nan)}, "theta must be finite, got -?nan"),
        ({"theta": GOOD["theta"].astype("float32")}, "(b_out|W_out|inputs) must be float32"),
        ({"readout": (np.ones((1, 4)), np.zeros(1))}, r"W_out must have shape \(1, 3\), got \(1, 4\)"),
        ({"readout": (np.ones((1, 3)), np.zeros(2))}, r"W_out must have shape \(2, 3\), got \(1, 3\)"),
        ({"inputs": X[:, 0].copy()}, r"inputs must be \(n_steps, n_inputs\)"),
        ({"inputs": XB}, "inputs must be one series"),
        ({"inputs": X[:0], "targets": Y[:0]}, r"inputs must have at least one step"),
        ({"inputs": at(X, (7, 1), np.inf)}, "inputs must be finite, got inf at series 0, step 7, column 1"),
        ({"inputs": X[:, :1]}, r"inputs must have shape \(1, 20, 2\)"),
        ({"inputs": TOKENS}, r"inputs must lie in 0 … 1"),
        ({"targets": Y[:-1]}, r"targets must have shape \(1, 20, 1\), got \(1, 19, 1\)"),
        ({"targets": at(Y, 2, np.nan)}, "targets must be finite, got -?nan at series 0, step 2"),
        ({"targets": CODES, "loss": "cross_entropy"}, r"targets must lie in 0 … 0 \(number of classes = 1\)"),
        ({"targets": Y, "loss": "cross_entropy"}, "targets must be classes"),
        ({"loss": "huber"}, "loss must be one of squared_error, cross_entropy, got 'huber'"),
        ({"carry": "uoro"}, "carry must be one of exact, none, got 'uoro'"),
        ({"state": np.zeros(4)}, r"state must have shape"),
        ({"state": at(np.zeros(3), 1, np.nan)}, "state must be finite"),
        ({"influence": np.zeros((3, 17))}, r"influence must have shape \(3, 18\), got \(3, 17\)"),
        ({"influence": np.full((3, 18), np.inf)}, "influence must be finite"),
        ({"mask": NO_MASK[:3]}, r"mask must have shape"),
        ({"readout_bound": -1.0}, "readout_bound must be .* got -1.0"),
        ({"readout_bound": 0.0}, "readout_bound must be .* got 0.0"),
        ({"carry_every": 0}, "carry_every must be .* got 0"),
        ({"carry_every": -2}, "carry_every must be .* got -2"),
        ({"n_threads": 0}, "n_threads must be .* got 0"),
    ],
    ids=str,
)
def test_kernels_name_the_argument(change, message):
    refused(message, kernels.block_gradient, **GOOD | change)
    if not change.keys() - {"theta", "inputs", "state", "influence"} and not isinstance(change.get("inputs"), list):
        arguments = {name: value for name, value in (GOOD | change).items() if name not in ("readout", "targets", "loss")}
        refused(message, kernels.forward_sensitivity, **arguments)
