"""Every mistake is a ValueError or TypeError that names the argument, what was expected and what came; the model stays as it was."""

import numpy as np
import pytest
from helpers import at, everything, refused, same, series

import pushforward as pf

RNG = np.random.default_rng(0)
X, Y = series(RNG, 20)
XB, YB = series(RNG, 20, n_series=3)
CODES, TOKENS = RNG.integers(3, size=20), RNG.integers(5, size=20)
NO_MASK = np.ones(20, bool)


REGRESSION = {  # (X, y, mask): what the message must hold
    "dtype of X": (X.astype("float32"), Y, None, r"X must be float64 like the model, got float32"),
    "dtype of y": (X, Y.astype("float32"), None, r"y must be float64 like the model, got float32"),
    "complex X": (X + 0j, Y, None, r"X must be float64 like the model, got complex128"),
    "text": ([["a", "b"]], [[0.0]], None, r"X must be an array of float64 numbers, got list"),
    "ragged": ([[1.0, 2.0], [3.0]], [[0.0]], None, r"X must be an array of float64 numbers|inhomogeneous"),
    "no axes": (np.float64(3.0), Y, None, r"X must be"),
    "one axis": (X[:, 0].copy(), Y, None, r"X must be \(n_steps, n_inputs\) or \(n_series, n_steps, n_inputs\), got shape \(20,\)"),
    "four axes": (X[None, None], Y, None, r"X must be .* got shape \(1, 1, 20, 2\)"),
    "y with three axes": (X, Y[None], None, r"y must be \(n_steps,\) or \(n_steps, n_outputs\), got shape \(1, 20, 1\)"),
    "y without axes": (X, np.float64(0.0), None, r"y must (be \(n_steps,\) or|have as many .* got \(1, 1\))"),
    "y too short": (X, Y[:-1], None, r"y must have as many series and steps as X \(1, 20\), got \(1, 19\)"),
    "y too long": (X[:-1], Y, None, r"y must have as many series and steps as X \(1, 19\), got \(1, 20\)"),
    "too many inputs": (np.hstack([X, X]), Y, None, r"X must have 2 columns \(n_inputs\), got 4"),
    "too few inputs": (X[:, :1], Y, None, r"X must have 2 columns \(n_inputs\), got 1"),
    "too many outputs": (X, np.hstack([Y, Y]), None, r"y must have 1 columns \(n_outputs\), got 2"),
    "no steps": (X[:0], Y[:0], None, r"X must have at least one series of at least one step, got 1 series of 0 steps"),
    "no series": (X[None][:0], Y[None][:0], None, r"X must have at least one series of at least one step, got 0 series of 20 steps"),
    "more series": (XB, YB, None, r"X must have 1 series like the data before it, got 3"),
    "NaN in X": (at(X, (7, 1), np.nan), Y, None, r"X must be finite, got -?nan at series 0, step 7, column 1"),
    "Inf in X": (at(X, (19, 0), np.inf), Y, None, r"X must be finite, got inf at series 0, step 19, column 0"),
    "NaN in y": (X, at(Y, 3, np.nan), None, r"y must be finite, got -?nan at series 0, step 3, column 0"),
    "-Inf in y": (X, at(Y, 0, -np.inf), None, r"y must be finite, got -inf at series 0, step 0, column 0"),
    "mask of ints": (X, Y, np.ones(20, int), r"mask must be bool .*got int64"),
    "mask too short": (X, Y, NO_MASK[:5], r"mask must have shape \(20,\), a value for each step, got \(5,\)"),
    "mask with axes": (X, Y, NO_MASK[None], r"mask must have shape \(20,\), a value for each step, got \(1, 20\)"),
    "integers where numbers were": (np.zeros((20, 2), int), Y, None, r"X must be float64 like the model, got int64"),
}

RIGHT_FOR_OTHER_SIZES = {"too many inputs", "too few inputs", "too many outputs", "more series", "integers where numbers were"}

CLASSES = {
    "class too large": (X, at(CODES, 5, 3), r"y must lie in 0 … 2 \(number of classes = 3\), got 3 at series 0, step 5"),
    "negative class": (X, at(CODES, 5, -1), r"y must lie in 0 … 2 .* got -1 at series 0, step 5"),
    "class of floats": (X, CODES.astype("float64"), r"y must be classes \(integers or strings\), got float64"),
    "class as string": (X, np.full(20, "a"), r"y must hold known classes \(0, 1, 2\), got 'a' at series 0, step 0"),
    "one hot": (X, np.eye(3, dtype=int)[CODES], r"y must be \(n_steps,\), got shape \(20, 3\)"),
    "too short": (X, CODES[:7], r"y must have as many series and steps as X \(1, 20\), got \(1, 7\)"),
    "NaN in X": (at(X, (7, 1), np.nan), CODES, r"X must be finite, got -?nan at series 0, step 7, column 1"),
}

@pytest.fixture
def model():
    return pf.RecurrentRegressor(n_units=4, dtype="float64").partial_fit(X, Y)


@pytest.fixture
def classifier():
    return pf.RecurrentClassifier(n_units=4, dtype="float64", classes=3).partial_fit(X, CODES)


@pytest.mark.parametrize("case", REGRESSION)
def test_wrong_data_leave_the_model_as_it_was(case, model):
    inputs, targets, mask, message = REGRESSION[case]
    before = everything(model)
    refused(message, model.partial_fit, inputs, targets, mask)
    if case not in RIGHT_FOR_OTHER_SIZES:
        refused(message, model.fit, inputs, targets, mask)
    same(everything(model), before)


@pytest.mark.parametrize("case", CLASSES)
def test_wrong_classes_leave_the_model_as_it_was(case, classifier):
    inputs, targets, message = CLASSES[case]
    before = everything(classifier)
    refused(message, classifier.partial_fit, inputs, targets)
    refused(message, classifier.fit, inputs, targets)
    same(everything(classifier), before)


@pytest.mark.parametrize("case", sorted(REGRESSION.keys() - {"more series"}))
def test_wrong_data_first_leave_it_untrained(case):
    inputs, targets, mask, _ = REGRESSION[case]
    model = pf.RecurrentRegressor(n_units=4, dtype="float64", n_inputs=2, n_outputs=1)
    refused(r"\b(X|y|mask)\b", model.partial_fit, inputs, targets, mask)
    assert not hasattr(model, "loss_")
    assert model.partial_fit(X, Y).n_steps_ == 20


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[0].astype("float32"), 0.0, "x must be float64 like the model, got float32"),
        (X[:2], 0.0, r"x must have shape \(2,\), got \(2, 2\)"),
        (X[0, :1], 0.0, r"x must have shape \(2,\), got \(1,\)"),
        (at(X[0], 1, np.nan), 0.0, r"x must be finite, got -?nan .*column 1"),
        (2, 0.0, r"x must lie in 0 … 1 \(n_inputs = 2\), got 2"),
        (-1, 0.0, r"x must lie in 0 … 1 .*got -1"),
        ("a", 0.0, "x must be an array of float64 numbers, got str"),
        (X[0], np.nan, r"y must be finite, got -?nan"),
        (X[0], np.inf, "y must be finite, got inf"),
        (X[0], Y[:2, 0], r"y must have shape \(1,\), got \(2,\)"),
        (X[0], Y[0].astype("float32"), "y must be float64 like the model, got float32"),
        (X[0], "a", "y must be an array of float64 numbers, got str"),
        (X[0], None, "y must be"),
    ],
    ids=str,
)
def test_wrong_events(x, y, message, model):
    before = everything(model)
    refused(message, model.learn_one, x, y)
    if message.startswith("x"):
        refused("x must", model.predict_one, x)
        refused("x must", model.predict_one, x, advance=True)
        refused("x must", model.step, x)
    same(everything(model), before)


@pytest.mark.parametrize("y", [3, -1, 0.5, 1.0, "a", None, np.array([0, 1]), np.nan], ids=str)
def test_wrong_classes_of_events(y, classifier):
    before = everything(classifier)
    refused(r"\by\b", classifier.learn_one, X[0], y)
    same(everything(classifier), before)


def test_events_of_a_batch():
    model = pf.RecurrentRegressor(n_units=4, dtype="float64").partial_fit(XB, np.concatenate([YB, YB], axis=2))
    before = everything(model)
    refused(r"learn_one takes one event of one series; this model has 3", model.learn_one, XB[0, 0], YB[0, 0])
    refused(r"x must have shape \(3, 2\), got \(2,\)", model.step, XB[0, 0])
    refused(r"x must be float64 like the model, got int64", model.step, np.array([0, 1]))
    refused(r"X must have 3 series to go on from the current state, got 1", model.predict, X, state="current")
    refused(r"X must have 3 series like the data before it, got 1; fit\(\) starts afresh", model.partial_fit, X, Y)
    for series_, message in (([3], "got 3"), ([-1], "got -1"), ([0, 7], "got 7"), (1, "got 1"), ([0.5], "got 0.5"), ("a", "got 'a'")):
        refused(f"series must .*{message}", model.reset_state, series=series_)
    same(everything(model), before)
    model.step(XB[:, 0])
    before = everything(model)
    for wrong in (np.zeros((2, 3)), np.zeros(6), np.zeros((3, 1)), np.zeros(5), np.zeros((3, 2, 1)), np.zeros((3, 2), "float32")):
        refused("d_output must", model.feedback, wrong)
    same(everything(model), before)
    model.feedback(np.zeros((3, 2)))


def test_feedback_belongs_to_a_step(model):
    before = everything(model)
    refused(r"feedback needs a step before it: call step\(x\) first", model.feedback, np.zeros(1))
    same(everything(model), before)
    model.step(X[0])
    refused("d_output must", model.feedback, np.zeros(2))
    model.feedback(np.zeros(1))
    refused("feedback needs a step", model.feedback, np.zeros(1))


def test_predictions(model, classifier):
    before = everything(model)
    for predict in (model.predict, classifier.predict, classifier.predict_proba):
        refused("X must be finite, got -?nan at series 0, step 7, column 1", predict, at(X, (7, 1), np.nan))
        refused(r"X must be float64", predict, X.astype("float32"))
        refused(r"X must have 2 columns \(n_inputs\), got 1", predict, X[:, :1])
        refused(r"X must be float64 like the model, got int64", predict, TOKENS)
        refused("X must have at least one series of at least one step", predict, X[:0])
        refused("X must have at least one series of at least one step", predict, XB[:0])
        refused("state must be one of start, current, got 'end'", predict, X, state="end")
    same(everything(model), before)


def test_untrained_models_say_so(tmp_path):
    model = pf.RecurrentRegressor()
    for call in (
        lambda: model.predict(X), lambda: model.predict_one(X[0]), lambda: model.reset_state(), lambda: model.theta_, lambda: model.state_,
        lambda: model.influence_, lambda: model.feedback(np.zeros(1, "float32")), lambda: model.save(tmp_path / "m"), lambda: model.cell_,
        lambda: model.n_steps_, lambda: pf.check_gradient(model, X, Y),
    ):  # fmt: skip
        refused("has seen no data yet", call)
    assert not list(tmp_path.iterdir())


WRONG_TOKENS = {
    "token too large": (at(np.zeros(20, int), 0, 2), r"X must lie in 0 … 1 \(n_inputs = 2\), got 2 at series 0, step 0"),
    "negative token": (at(np.zeros(20, int), 4, -1), r"X must lie in 0 … 1 .*got -1 at series 0, step 4"),
    "three axes": (np.zeros((1, 1, 20), int), r"X of integers are tokens and must be .* got shape \(1, 1, 20\)"),
}


@pytest.mark.parametrize("case", WRONG_TOKENS)
def test_wrong_tokens_leave_the_model_as_it_was(case):
    tokens, message = WRONG_TOKENS[case]
    model = pf.RecurrentRegressor(n_units=4, dtype="float64", n_inputs=2).partial_fit(CODES % 2, Y)
    before = everything(model)
    refused(message, model.partial_fit, tokens, Y)
    refused(message, model.predict, tokens)
    refused("x must hold one token per series", model.step, np.array([0, 1]))
    same(everything(model), before)


def test_lists_of_integers_are_numbers_where_numbers_were(model):
    np.testing.assert_array_equal(model.predict([[0, 1], [1, 1]]), model.predict(np.array([[0.0, 1.0], [1.0, 1.0]])))
