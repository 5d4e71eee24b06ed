"""Checks of single numbers: what lies within, what does not, and that the message names the argument, what was expected and what came."""

import numpy as np
import pytest
from helpers import refused

import pushforward as pf
from pushforward._checks import fraction, non_negative, number, positive_int, positive_number, true_or_false, within

LARGEST = np.finfo(np.float64).max


def test_ends_belong_to_an_interval_as_its_brackets_say():
    for ends, expected in (("[]", (True, True)), ("(]", (False, True)), ("[)", (True, False)), ("()", (False, False))):
        assert (within(0, 0, 1, ends), within(1.0, 0, 1, ends)) == expected
        assert within(0.5, 0, 1, ends)
        assert not any(within(value, 0, 1, ends) for value in (-0.1, 1.1, np.nan, np.inf, True, "0.5", None, 0.5j, np.ones(1)))
    assert within(LARGEST, 0)
    assert not within(np.inf, 0)
    assert within(np.inf, 0, np.inf)
    assert not within(10**400, 0)  # an int beyond any float


@pytest.mark.parametrize("kind", [int, float, np.int64, np.uint8, np.float32, np.float64, np.longdouble])
def test_every_kind_of_number_becomes_a_float(kind):  # warnings are errors: a float32 must not meet the largest float
    for check in (non_negative, positive_number, fraction):
        found = check("a", kind(1))
        assert (type(found), found) == (float, 1.0)
    assert pf.kernels.NLMS(epsilon=kind(1)).run(np.ones((3, 1)), np.ones(3)).shape == (3,)


def test_messages():
    for check, expected in (
        (non_negative, "a finite number of at least 0"), (positive_number, "a positive finite number or None"), (fraction, r"a number in \(0, 1\]"),
    ):  # fmt: skip
        for value in (-1.0, np.nan, np.inf, 10**400, "1", True, None):
            refused(rf"^rate must be {expected}, got {value!r}$", check, "rate", value)
    for value, kind in ((2.0, ValueError), ("2", TypeError), (np.bool_(True), TypeError)):
        with pytest.raises(kind, match=r"^rate must be a number in \[1, 2\), got "):
            number("rate", value, "a number in [1, 2)", 1, 2, "[)")
    refused("^n must be an int of at least 2, got 1$", positive_int, "n", 1, "an int of at least 2", least=2)
    for settings in ({"learning_rate": 10**400}, {"clip_norm": 10**400}):  # an interval without an upper end
        refused(r" must be a number in .*, got 1000", pf.SGD, **settings)
    refused("r_max 1000", pf.cells.LRU, 2, 3, r_max=10**400)
    refused("rate must be finite and not negative, got 1000", pf.diagnostics.robbins_monro, lambda t: 10**400)
    refused("^flag must be True or False, got 1$", true_or_false, "flag", 1)
