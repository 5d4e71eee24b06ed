"""The benchmarks of the theory's kernels at tiny sizes: every answer that is timed is checked, and a wrong one is reported."""

from functools import partial

import numpy as np
import pytest
from benches import quick_session, sound

pytest.importorskip("pushforward.bench", reason="the benchmarks are not installed beside this build of the package")

from pushforward.bench import suite, theory

import pushforward as pf


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few and short series."""
    for name, value in {"N_SERIES": 5, "NTK_SERIES": 3, "HESSIAN_STEPS": 6, "PRODUCT_STEPS": 9}.items():
        monkeypatch.setattr(theory, name, value)


@pytest.fixture
def session():
    return partial(quick_session, goal_dtype=theory.GOAL_DTYPE)


@pytest.mark.parametrize("name", theory.CASES)
def test_every_case_checks_what_it_times(name, session, dtype):
    for row in sound(suite.run(theory.CASES, session(dtype, 7), [name]), name, dtype, theory.GOAL_DTYPE):
        assert row.microseconds is not None
        assert 0 <= row.error <= (1e-5 if dtype == np.float32 else 1e-12)


def test_the_goals_are_those_of_the_diagonal_network(session):
    rows = {row.what.rpartition(", ")[2]: row for row in suite.run(theory.CASES, session("float32", 7), ["diagonal"])}
    assert (rows["pushforward"].goal, rows["NumPy"].goal) == (theory.PEAK_SHARE, theory.NUMPY_AHEAD) == (0.3, 10)


def spoilt(function, part):
    """What a kernel gives, one of its parts a little off."""

    def run(*arguments, **settings):
        found = function(*arguments, **settings)
        return 1.01 * found if part is None else (*found[:part], _off(found[part]), *found[part + 1 :])

    return run


def _off(what):
    if isinstance(what, dict):
        return {name: 1.01 * a for name, a in what.items()}
    return type(what)(1.01 * what.packed)


@pytest.mark.parametrize(
    ("name", "kernel", "part"), [("diagonal", "diagonal_gradient", 1), ("hessian", "forward_hessian", 2), ("hvp", "hessian_vector_product", 2)]
)
def test_a_wrong_answer_is_caught(name, kernel, part, session, dtype, monkeypatch):
    monkeypatch.setattr(theory, kernel, spoilt(getattr(pf.kernels, kernel), part))
    (row,) = suite.run(theory.CASES, session(dtype, 7), [name])
    assert row.what == "WRONG ANSWER"
    assert row.error == float("inf")
    assert "relative error" in row.note


def test_a_wrong_kernel_matrix_is_caught(session, monkeypatch):
    monkeypatch.setitem(theory.GRAMS, "pushforward", spoilt(pf.kernels.ntk_gram, None))
    (row,) = suite.run(theory.CASES, session("float64", 7), ["ntk"])
    assert row.what == "WRONG ANSWER"


def test_series_of_which_some_are_left_out_are_caught(session, monkeypatch):
    def forgetful(X, *arguments):
        loss, gradient = pf.kernels.diagonal_gradient(X, *arguments)
        return (loss, gradient) if len(X) < theory.N_SERIES else (loss, {name: 0.99 * g for name, g in gradient.items()})

    monkeypatch.setattr(theory, "diagonal_gradient", forgetful)
    (row,) = suite.run(theory.CASES, session("float64", 7), ["diagonal"])
    assert row.what == "WRONG ANSWER"
    assert "two parts" in row.note
