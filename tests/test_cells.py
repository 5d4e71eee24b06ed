"""Cells: the layout of θ, starting weights that neither explode nor vanish, and refusals that name the argument."""

import dataclasses
import json
import pickle

import numpy as np
import pytest

from pushforward.cells import ACTIVATIONS, CELLS, ELSTM, GRU, LRU, LSTM, Cell, Diagonal, Elman, Leaky, Linear, NeuralODE, make_cell, stack
from pushforward.reference.cells import activation, activation_slope

KINDS = [Elman(3, 5), Elman(2, 4, "relu", weight_bound=0.3), Linear(3, 5), Linear(1, 6, dt=0.1), Linear(2, 3, 0.5, weight_bound=1.0)]
RING = tuple(tuple(sorted({(i - 1) % 4, i})) for i in range(4))
OTHERS = [
    Leaky(2, 4, learn_leak=True, weight_bound=0.8), GRU(2, 4), GRU(3, 4, reset="before", connectivity=RING), LSTM(2, 3, weight_bound=0.5),
    LSTM(3, 4, connectivity=RING), Diagonal(2, 4), LRU(3, 4), ELSTM(2, 4), NeuralODE(2, 4, dt=0.1), NeuralODE(2, 4, 0.2, decay="dense", noise=0.1),
    NeuralODE(3, 4, dt=0.1, decay="gram"), Elman(2, 6, connectivity=0.5), stack([LSTM(2, 3), Diagonal(3, 4), Elman(4, 4, connectivity=RING)]),
]  # fmt: skip
each_cell = pytest.mark.parametrize("cell", KINDS, ids=repr)
every_cell = pytest.mark.parametrize("cell", KINDS + OTHERS, ids=repr)


def effective(cell: Cell, theta: np.ndarray) -> dict[str, np.ndarray]:
    """The weights as the cell uses them, bound included."""
    bound = cell.weight_bound
    return cell.unpack(theta if bound is None else bound * np.tanh(theta / bound))


@each_cell
def test_theta_is_one_row_per_unit(cell, dtype):
    theta = np.arange(cell.n_params, dtype=dtype)
    weights, row, n = cell.unpack(theta), cell.n_units + cell.n_inputs + 1, cell.n_units
    assert cell.n_params == n * row
    assert cell.n_state == n
    for i in range(n):
        np.testing.assert_array_equal(weights["W_rec"][i], theta[i * row : i * row + n])
        np.testing.assert_array_equal(weights["W_in"][i], theta[i * row + n : (i + 1) * row - 1])
        assert weights["bias"][i] == theta[(i + 1) * row - 1]


@every_cell
def test_the_parts_cover_theta_once(cell):
    at = cell.positions()
    np.testing.assert_array_equal(np.sort(np.concatenate([place[place >= 0] for place in at.values()])), np.arange(cell.n_params))
    assert {name: array.shape for name, array in cell.unpack(cell.init(0)).items()} == {name: place.shape for name, place in at.items()}
    assert 0 <= cell.first_feature <= cell.first_feature + cell.n_features <= cell.n_state


@every_cell
def test_pack_undoes_unpack_and_both_copy(cell, dtype, rng):
    theta = rng.normal(size=cell.n_params).astype(dtype)
    before, weights = theta.copy(), cell.unpack(theta)
    again = cell.pack(weights)
    np.testing.assert_array_equal(again, theta)
    assert again.dtype == dtype
    for array in weights.values():
        array += 1
    np.testing.assert_array_equal(theta, before)
    np.testing.assert_array_equal(again, before)
    for name, at in cell.positions().items():
        if np.any(at < 0):  # what does not exist is zero, and cannot be anything else
            assert not np.any(cell.unpack(theta)[name][at < 0])
            wrong = cell.unpack(theta)
            wrong[name][at < 0] = 1
            with pytest.raises(ValueError, match=f"{name} must be zero where there is no connection"):
                cell.pack(wrong)


@every_cell
def test_a_cell_is_a_value(cell):
    assert make_cell(cell.name, **json.loads(json.dumps(cell.settings()))) == cell
    assert pickle.loads(pickle.dumps(cell)) == cell
    assert hash(dataclasses.replace(cell)) == hash(cell)
    assert dataclasses.replace(cell, **({"layers": cell.layers[:1]} if cell.name == "stack" else {"n_inputs": 7})) != cell
    with pytest.raises(dataclasses.FrozenInstanceError):
        cell.n_units = 3


def test_numpy_numbers_become_plain_ones():
    assert json.dumps(Linear(np.int64(2), np.int32(3), dt=np.float32(0.5)).settings()) == json.dumps(Linear(2, 3, dt=0.5).settings())


@every_cell
def test_init_follows_its_seed(cell):
    theta = cell.init(0)
    np.testing.assert_array_equal(theta, cell.init(np.random.default_rng(0)))
    np.testing.assert_array_equal(theta.astype(np.float32), cell.init(0, dtype="float32"))
    assert theta.dtype == np.float64
    assert theta.shape == (cell.n_params,)
    weights, others, at = cell.unpack(theta), cell.unpack(cell.init(1)), cell.positions()
    for name, array in weights.items():
        fixed = name.split(".")[-1].startswith(("bias", "leak_logit")) or (name == "decay" and array.ndim == 1)
        assert np.all((array == others[name])[at[name] >= 0] == fixed), name
    generator = np.random.default_rng(0)
    assert np.any(cell.init(generator) != cell.init(generator))


@each_cell
def test_input_weights_are_uniform_and_the_bias_zero(cell):
    cell = dataclasses.replace(cell, n_inputs=400, weight_bound=None)
    weights = cell.unpack(cell.init(0))
    assert 0.9 * 0.05 < np.abs(weights["W_in"]).max() <= 0.05
    assert abs(weights["W_in"].std() - 0.05 / np.sqrt(3)) < 2e-3
    assert not np.any(weights["bias"])


@pytest.mark.parametrize("n_units", [1, 2, 17])
@pytest.mark.parametrize("kind", [Elman, Linear])
def test_every_eigenvalue_of_the_default_start_has_modulus_nine_tenths(kind, n_units):
    cell = kind(2, n_units)
    W_rec = cell.unpack(cell.init(3))["W_rec"]
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(W_rec)), 0.9, rtol=1e-12)
    np.testing.assert_allclose(W_rec @ W_rec.T, 0.81 * np.eye(n_units), atol=1e-12)


@pytest.mark.parametrize("dt", [1e-3, 0.1, 1.0, 50.0])
def test_a_linear_start_in_continuous_time_decays(dt):
    cell = Linear(1, 20, dt=dt)
    A = cell.unpack(cell.init(0))["W_rec"]
    np.testing.assert_allclose(A, A.T, atol=1e-15)
    modes = np.linalg.eigvalsh(np.eye(20) + dt * A)
    assert modes.min() > -1e-12
    assert modes.max() < 1.0
    if dt == 0.1:
        assert -4.0 < np.linalg.eigvalsh(A).min() < -1.0  # neither shrunk nor stretched without need


@pytest.mark.parametrize("scheme", ["orthogonal", "glorot", "identity", "scaled_normal"])
@pytest.mark.parametrize("cell", [Elman(1, 100), Linear(1, 100), Linear(1, 100, dt=0.1), Linear(1, 100, dt=3.0)], ids=repr)
def test_schemes(scheme, cell):
    W = cell.unpack(cell.init(0, scheme=scheme))["W_rec"]
    if cell.name == "linear" and cell.dt is not None:
        W = np.eye(100) + max(1.0, cell.dt) * W
    spread = {"orthogonal": 0.09, "glorot": 0.1, "identity": 0.1, "scaled_normal": 0.09}[scheme]
    assert abs(np.sqrt(np.mean(W**2)) - spread) < 2e-3
    if scheme == "identity":
        np.testing.assert_allclose(W, np.eye(100), atol=1e-14)
    if scheme == "glorot":
        assert np.abs(W).max() <= np.sqrt(6 / 200)


def test_init_sees_through_the_bound():
    free, wide, tight = Elman(3, 8), Elman(3, 8, weight_bound=2.0), Elman(3, 8, weight_bound=0.05)
    for key, array in effective(wide, wide.init(0)).items():
        np.testing.assert_allclose(array, free.unpack(free.init(0))[key], rtol=1e-12, atol=1e-15)
    for key in ("W_rec", "W_in"):
        inside, given = effective(tight, tight.init(0))[key], free.unpack(free.init(0))[key]
        np.testing.assert_allclose(np.abs(inside).max(), 0.045)
        np.testing.assert_allclose(inside / np.abs(inside).max(), given / np.abs(given).max(), rtol=1e-12)


def test_the_registry_builds_by_name():
    assert set(CELLS) == {"elman", "linear", "leaky", "neural_ode", "gru", "lstm", "diagonal", "lru", "elstm"}
    assert all(kind.name == name for name, kind in CELLS.items())
    assert make_cell("elman", 2, 3, activation="elu") == Elman(2, 3, activation="elu")
    assert set(ACTIVATIONS) == {"identity", "relu", "tanh", "sigmoid", "elu"}
    with pytest.raises(ValueError, match=r"elman, linear, .*, got 'elma'"):
        make_cell("elma", 2, 3)
    with pytest.raises(TypeError, match="among activation, weight_bound, connectivity, connectivity_seed, got 'dt'"):
        make_cell("elman", 2, 3, dt=0.1)


@pytest.mark.parametrize("kind", [Elman, Linear])
@pytest.mark.parametrize(("argument", "value", "error"), [
    ("n_units", 0, ValueError), ("n_units", -3, ValueError), ("n_units", 2.0, TypeError), ("n_units", True, TypeError),
    ("n_inputs", 0, ValueError), ("n_inputs", "3", TypeError), ("n_inputs", None, TypeError),
    ("weight_bound", 0.0, ValueError), ("weight_bound", -1.0, ValueError), ("weight_bound", float("nan"), ValueError),
    ("weight_bound", float("inf"), ValueError), ("weight_bound", "1", TypeError), ("weight_bound", True, TypeError),
])  # fmt: skip
def test_bad_settings_are_named(kind, argument, value, error):
    with pytest.raises(error, match=f"{argument} must be a positive .* got {value!r}"):
        kind(**({"n_inputs": 2, "n_units": 3} | {argument: value}))


@pytest.mark.parametrize("dt", [0.0, -0.1, float("nan"), float("inf")])
def test_bad_dt_is_named(dt):
    with pytest.raises(ValueError, match="dt must be a positive finite number or None"):
        Linear(1, 2, dt=dt)


@pytest.mark.parametrize("activation", ["gelu", None, 3, ["tanh"]])
def test_an_unknown_activation_is_refused_with_the_known_ones(activation):
    with pytest.raises(ValueError, match="activation must be one of identity, relu, tanh, sigmoid, elu, got"):
        Elman(1, 2, activation=activation)


def test_the_base_cannot_be_built():
    with pytest.raises(TypeError, match="abstract"):
        Cell(1, 2)


@pytest.mark.parametrize(("arguments", "error", "match"), [
    ({"seed": -1}, ValueError, "seed"), ({"seed": None}, TypeError, "seed"), ({"seed": 1.0}, TypeError, "seed"),
    ({"seed": True}, TypeError, "seed"), ({"seed": 0, "dtype": "float16"}, TypeError, "dtype must be float32 or float64, got float16"),
    ({"seed": 0, "dtype": "int64"}, TypeError, "dtype"),
    ({"seed": 0, "scheme": "xavier"}, ValueError, "scheme must be one of orthogonal.*xavier"),
])  # fmt: skip
def test_bad_init_is_named(arguments, error, match):
    with pytest.raises(error, match=match):
        Elman(1, 2).init(**arguments)


@pytest.mark.parametrize(("theta", "error", "match"), [
    (np.zeros(7), ValueError, r"theta must have shape \(8,\), got \(7,\)"), (np.zeros((2, 4)), ValueError, "theta"),
    (np.zeros(8, int), TypeError, "theta must be float32 or float64, got int64"), (np.zeros(8, complex), TypeError, "theta"),
])  # fmt: skip
def test_a_bad_theta_is_named(theta, error, match):
    with pytest.raises(error, match=match):
        Elman(1, 2).unpack(theta)


@pytest.mark.parametrize(("change", "error", "match"), [
    ({"bias": None}, ValueError, "exactly the keys W_rec, W_in, bias, got W_rec, W_in"),
    ({"W_out": np.zeros(2)}, ValueError, "exactly the keys"),
    ({"W_in": np.zeros((1, 2))}, ValueError, r"W_in must have shape \(2, 1\), got \(1, 2\)"),
    ({"bias": np.zeros(2, int)}, TypeError, "bias must be float"),
    ({"bias": np.zeros(2, np.float32)}, TypeError, "share one dtype.*bias float32"),
])  # fmt: skip
def test_bad_weights_are_named(change, error, match):
    weights = {"W_rec": np.zeros((2, 2)), "W_in": np.zeros((2, 1)), "bias": np.zeros(2)} | change
    with pytest.raises(error, match=match):
        Elman(1, 2).pack({key: array for key, array in weights.items() if array is not None})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_at_the_ends(name, dtype):
    a = np.array([-1e4, -100.0, 0.0, 100.0, 1e4], dtype)
    low, high = {"identity": (-1e4, 1e4), "relu": (0, 1e4), "tanh": (-1, 1), "sigmoid": (0, 1), "elu": (-1, 1e4)}[name]
    np.testing.assert_allclose(activation(name, a)[[0, 4]], [low, high], atol=1e-30)
    assert activation(name, a).dtype == activation_slope(name, a).dtype == dtype
