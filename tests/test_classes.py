"""Classes by any name: labels that are not 0 … n − 1 learn the same, and what is no class is named with what was expected and what came."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward.kernels import block_gradient, hessian_vector_product

RNG = np.random.default_rng(0)
X, CODES = RNG.normal(size=(40, 2)), RNG.integers(3, size=40)
MODELS = {
    "recurrent": lambda **more: pf.RecurrentClassifier(n_units=4, dtype="float64", **more),
    "echo state": lambda **more: pf.EchoStateClassifier(n_units=10, readout="rls", input_scaling=0.5, **more),
    "fixed poles": lambda **more: pf.FixedPoleClassifier(n_units=6, **more),
}
NAMES = {  # ascending, as 0, 1, 2 are
    "strings": ["a", "bb", "c"], "objects": np.array(["a", "bb", "c"], object), "bytes": [b"a", b"b", b"cc"], "from 5 on": [5, 6, 9],
    "negative": [-7, 0, 3],
}  # fmt: skip
INSIDE = r"must be classes 0 … n_outputs - 1 \(integers\) with loss='cross_entropy', got "


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("kind", MODELS)
def test_what_the_classes_are_called_changes_nothing(kind, names):
    known = np.array(NAMES[names])
    plain, named = MODELS[kind](classes=[0, 1, 2]), MODELS[kind](classes=known[::-1])
    for x, code in zip(X[:10], CODES[:10], strict=True):
        plain.learn_one(x, code)
        named.learn_one(x, known[code])
    plain.partial_fit(X[10:], CODES[10:])
    named.partial_fit(X[10:], known[CODES[10:]])
    np.testing.assert_array_equal(named.classes_, known)
    np.testing.assert_array_equal(named.predict(X), known[plain.predict(X)])
    assert named.score(X, known[CODES]) == plain.score(X, CODES)


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_no_class_is_named(kind):
    model = MODELS[kind](classes=["a", "b"]).fit(X, np.array(["a", "b"])[CODES % 2])
    before = model.predict(X)
    for labels, message in (
        (CODES, r"y must hold known classes \('a', 'b'\), got [0-2] at series 0, step 0"),
        (np.where(np.arange(40) == 7, "c", "a"), r"y must hold known classes \(a, b\), got c at series 0, step 7"),
        (CODES + 0.5, r"y must be classes \(integers.*\), got float64"),
        (CODES.astype(object), r"y must be classes \(integers.*\), got object"),
        ([["a"], ["a", "b"]], "y must be an array or lists of one length, got list"),
    ):
        refused(message, model.partial_fit, X, labels)
        refused(message, model.fit, X, labels)
    for label, message in (
        ("c", "got c at series 0, step 0"), (0, "known classes .* got 0"), (None, "y must be classes .* got object"),
        (["a", "b"], r"y must be one class, got shape \(2,\)"), (["a", ["b"]], "y must be an array or lists of one length, got list"),
    ):  # fmt: skip
        refused(message, model.learn_one, X[0], label)
    np.testing.assert_array_equal(model.predict(X), before)
    refused("y must show at least 2 classes, got .'a'.; give them all with classes=", MODELS[kind]().fit, X, ["a"] * 40)
    refused("classes must be of one kind, got", MODELS[kind](classes=np.array(["a", 1], object)).fit, X, CODES)
    refused(r"classes must be an array of at least 2 classes, got \['a'\]", MODELS[kind](classes=["a"]).fit, X, ["a"] * 40)


@pytest.mark.parametrize("kind", ["echo state", "fixed poles"])
def test_a_number_is_not_the_classes(kind):
    refused("classes must be an array of at least 2 classes, got 3", MODELS[kind](classes=3).fit, X, CODES)


def test_cross_entropy_of_kernels_takes_numbers_of_outputs():
    cell = pf.cells.Elman(2, 3)
    given = {"cell": cell, "theta": cell.init(0), "readout": (np.ones((3, 3)), np.zeros(3)), "inputs": X, "loss": "cross_entropy"}
    for targets, came in ((CODES.astype("U1"), "<U1"), (list("abca") * 10, "<U1"), (CODES + 0.0, "float64"), (CODES.astype(object), "object")):
        refused("targets " + INSIDE + came, block_gradient, **given, targets=targets)
        refused("targets " + INSIDE + came, hessian_vector_product, **given, targets=targets, v={"b_out": np.ones(3)})
    for targets in (CODES + 5, CODES - 1):
        refused(r"targets must lie in 0 … 2 \(number of classes = 3\), got ", block_gradient, **given, targets=targets)


def test_regressors_say_where_classes_belong():
    model = pf.RecurrentRegressor(loss="cross_entropy")
    refused("loss must be squared_error, got 'cross_entropy'; classes are for RecurrentClassifier", model.fit, X, CODES)
