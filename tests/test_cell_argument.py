"""The estimators' ``cell``: a name with settings or a value with its own, and nothing that a cell does not have is ignored in silence."""

import copy
import json
import pickle

import numpy as np
import pytest
from helpers import everything, refused, same, same_learning, series
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import pushforward as pf
from pushforward.cells import CELLS, make_cell, stack

SETTINGS = {"activation": "sigmoid", "dt": 0.2, "leak_rate": 0.3, "weight_bound": 0.9, "connectivity": 0.5}
HAS = {  # what every cell takes
    "elman": {"activation", "weight_bound", "connectivity"},
    "linear": {"dt", "weight_bound", "connectivity"},
    "leaky": {"activation", "leak_rate", "weight_bound", "connectivity"},
    "neural_ode": {"activation", "dt", "connectivity"},
    "gru": {"weight_bound", "connectivity"},
    "lstm": {"weight_bound", "connectivity"},
    "diagonal": {"activation", "weight_bound"},
    "lru": set(),
    "elstm": {"weight_bound"},
}
NEEDS = {"neural_ode": {"dt": 0.1}}
MASK = np.random.default_rng(1).random((6, 6)) < 0.5
RNG = np.random.default_rng(0)
X, Y = series(RNG, 40)
each_name = pytest.mark.parametrize("name", CELLS)


def regressor(**settings):
    sizes = {"n_units": 6} if isinstance(settings.get("cell", ""), str) else {}
    return pf.RecurrentRegressor(**{"dtype": "float64", "optimizer": pf.Adam(learning_rate=0.01)} | sizes | settings)


@each_name
def test_a_name_with_settings_is_the_cell_with_them(name):
    given = NEEDS.get(name, {}) | {key: SETTINGS[key] for key in HAS[name]}
    by_name = regressor(cell=name, **given).partial_fit(X, Y)
    assert by_name.cell_ == make_cell(name, 2, 6, **given)
    same_learning(by_name, regressor(cell=by_name.cell_).partial_fit(X, Y))
    plain = regressor(cell=name, **NEEDS.get(name, {})).partial_fit(X, Y)
    assert plain.cell_ == make_cell(name, 2, 6, **NEEDS.get(name, {}))
    assert plain.theta_.shape == (plain.cell_.n_params,)
    assert plain.W_out_.shape == (1, plain.cell_.n_features)
    assert plain.state_.shape == (plain.cell_.n_state,)


@each_name
def test_what_a_cell_does_not_have_is_refused(name):
    assert set(HAS) == set(CELLS)
    for setting in SETTINGS.keys() - HAS[name]:
        model = regressor(cell=name, **NEEDS.get(name, {}) | {setting: SETTINGS[setting]})
        refused(f"{setting} belongs to the cells .*, got {setting}={SETTINGS[setting]!r} with cell='{name}'", model.partial_fit, X, Y)
        assert not hasattr(model, "loss_")


@pytest.mark.parametrize("setting", ["n_units", *SETTINGS])
def test_a_given_cell_has_its_own_settings(setting):
    model = regressor(cell=make_cell("elman", 2, 6), **{setting: SETTINGS.get(setting, 6)})
    refused(f"{setting} belongs to a cell given by name, got {setting}=.* with a cell that has its own, Elman", model.partial_fit, X, Y)
    masked = regressor(cell=make_cell("elman", 2, 6), connectivity=MASK)
    refused("connectivity belongs to a cell given by name", masked.partial_fit, X, Y)


def test_the_inputs_of_a_given_cell():
    cell = make_cell("gru", 3, 4)
    refused("X must have n_inputs = 3 columns, got 2", regressor(cell=cell).partial_fit, X, Y)
    refused("n_inputs must be 3 like the cell's, or None, got 2", regressor(cell=cell, n_inputs=2).partial_fit, np.hstack([X, Y]), Y)
    tokens = np.array([0, 1, 0, 1])  # a third one may come
    model = regressor(cell=cell).partial_fit(tokens, Y[:4])
    assert model.partial_fit([2], Y[:1]).n_inputs_ == 3
    refused(r"X must lie in 0 … 2", model.partial_fit, [3], Y[:1])
    begun = regressor(cell=cell, n_outputs=1)
    assert begun.step(np.ones(3)).shape == (1,)
    refused("X must have n_inputs = 3 columns, got 2|x must", regressor(cell=cell, n_outputs=1).step, np.ones(2))


def test_cells_that_are_none():
    refused("cell must be one of elman, .*, or a cell such as .*, got 'elma'", regressor(cell="elma").partial_fit, X, Y)
    refused("cell must be one of .*, or a cell such as .*stack.*, got 'stack'", regressor(cell="stack").partial_fit, X, Y)
    for wrong in (None, 3, ["gru"], pf.cells.GRU):
        refused("cell must be a name .* or a cell such as .*, got", regressor(cell=wrong).partial_fit, X, Y)
    refused("dt must be given with cell='neural_ode'", regressor(cell="neural_ode").partial_fit, X, Y)


def test_connections_drawn_or_given():
    drawn = regressor(connectivity=0.5, random_state=3).partial_fit(X, Y).cell_
    assert drawn == make_cell("elman", 2, 6, connectivity=0.5, connectivity_seed=3)
    lists = [np.flatnonzero(row).tolist() for row in MASK]
    one, two, three = (regressor(connectivity=c).partial_fit(X, Y) for c in (MASK, lists, MASK.tolist()))
    same_learning(one, two)
    same_learning(one, three)
    np.testing.assert_array_equal(one.cell_.mask(), MASK)
    assert one.theta_.size == MASK.sum() + 6 * 3
    refused(r"connectivity must be .*, got \(6, 5\)", regressor(connectivity=MASK[:, :5]).partial_fit, X, Y)
    refused(r"connectivity must be .*, got 0.0", regressor(connectivity=0.0).partial_fit, X, Y)


GIVEN = {
    "stack": {"cell": stack([make_cell("lstm", 2, 4), make_cell("elman", 4, 3, connectivity=0.7)])},
    "mask": {"connectivity": MASK},
    "lists": {"connectivity": [np.flatnonzero(row) for row in MASK]},
    "in the cell": {"cell": make_cell("gru", 2, 6, connectivity=MASK)},
    "settings": {"cell": "leaky", "leak_rate": 0.3, "activation": "relu", "gradient": "eprop", "error_feedback": "random"},
    "noisy": {"cell": make_cell("neural_ode", 2, 5, dt=0.1, noise=0.2), "gradient": "uoro"},
}
each_given = pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN.keys())


@each_given
def test_saved_copied_and_loaded_it_goes_on_to_the_bit(given, tmp_path):
    model = regressor(**given).partial_fit(X[:17], Y[:17])
    model.save(tmp_path / "m")
    twins = pf.load(tmp_path / "m"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    model.partial_fit(X[17:], Y[17:])
    for twin in twins:
        assert twin.cell_ == model.cell_
        same_learning(twin.partial_fit(X[17:], Y[17:]), model)
    twins[0].save(tmp_path / "again")
    same_learning(pf.load(tmp_path / "again"), model)


@each_given
def test_a_clone_is_the_same_model_untrained(given):
    model = regressor(**given).partial_fit(X, Y)
    fresh = clone(model)
    assert not hasattr(fresh, "loss_")
    same_learning(fresh.partial_fit(X, Y), model)
    same_learning(fresh.set_params(**copy.deepcopy(given)).partial_fit(X, Y), model.partial_fit(X, Y))  # equal values are no change


def test_changes_of_cells_and_masks_are_seen():
    mask = MASK.copy()
    model = regressor(connectivity=mask).partial_fit(X, Y)
    before = everything(model)["_learner"]
    mask[0, 0] = not mask[0, 0]
    refused("connectivity was", model.partial_fit, X, Y)
    same(everything(model)["_learner"], before)
    model = regressor(cell=make_cell("gru", 2, 6)).partial_fit(X, Y)
    refused("cell was GRU", model.set_params(cell=make_cell("gru", 2, 7)).partial_fit, X, Y)
    refused("cell was GRU", model.set_params(cell="gru").partial_fit, X, Y)


def test_what_an_algorithm_draws_is_not_the_noise():
    """Equal seeds, but not equal numbers: signs that know the path would bias an unbiased gradient."""
    bits = pf.reference.random.random_bits
    for state in (0, 7, 2**64):
        cell = make_cell("neural_ode", 2, 4, dt=0.1, noise=0.5, noise_seed=state % 2**63)
        drawn = regressor(cell=cell, gradient="uoro", random_state=state).partial_fit(X, Y)._settings_.seed
        assert bits(drawn, 0, 0, 0) != bits(cell.noise_seed, 0, 0, 0)


def test_a_search_over_cells():
    cells = ["gru", make_cell("linear", 2, 3), stack(["elman", "elman"], 2, 3)]
    search = GridSearchCV(pf.RecurrentRegressor(dtype="float64"), {"cell": cells, "update_every": [1, 2]}, cv=2).fit(X, Y)
    assert len(search.cv_results_["params"]) == 6
    assert search.best_estimator_.cell_.n_inputs == 2


def test_the_settings_in_a_file_are_plain_json(tmp_path):
    model = regressor(**GIVEN["stack"]).partial_fit(X, Y)
    plain = pf.io.encode(model.cell, "cell", {})
    assert json.loads(json.dumps(plain)) == plain
    assert pf.io.decode(json.loads(json.dumps(plain)), {}) == model.cell


PAIRS = {
    "rflo of a diagonal cell": ({"cell": "diagonal", "gradient": "rflo"}, "gradient must be one of rtrl, .* got 'rflo'"),
    "kf of a sparse one": ({"connectivity": 0.5, "gradient": "kf"}, "gradient must be one of .* for this cell, got 'kf'"),
    "kf with a bound": ({"weight_bound": 0.5, "gradient": "kf"}, "gradient must be one of .*bounded.*, got 'kf'"),
    "blocks of a stack's snap1": ({**GIVEN["stack"], "gradient": "snap1", "carry_every": 4}, "carry_every must be 1 or 'auto' .*, got 4"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_pairs_that_are_not_defined_say_which_are(case):
    given, message = PAIRS[case]
    model = regressor(**given)
    before = everything(model)
    refused(message, model.partial_fit, X, Y)
    same(everything(model), before)
    assert not hasattr(model, "loss_")


@pytest.mark.parametrize(("gradient", "own", "other"), [("rflo", "random", "transposed"), ("eprop", "transposed", "random")])
def test_how_an_error_is_fed_back(gradient, own, other):
    plain, named, changed = (regressor(gradient=gradient, error_feedback=way).partial_fit(X, Y) for way in (None, own, other))
    same_learning(plain, named)
    assert np.linalg.norm(changed.theta_ - plain.theta_) > 1e-3


@pytest.mark.parametrize("gradient", ["rtrl", "snap1", "snap2", "uoro", "kf", "rflo", "eprop"])
def test_whatever_stands_for_the_influence_can_be_read(gradient):
    model = regressor(gradient=gradient).partial_fit(X, Y)
    before = everything(model)
    assert model.influence_.shape == (6, model.theta_.size)
    assert np.any(model.influence_)
    same(everything(model), before)
    two = regressor(gradient=gradient).partial_fit(np.stack([X, X]), np.stack([Y, Y]))
    assert two.influence_.shape == (2, 6, model.theta_.size)
