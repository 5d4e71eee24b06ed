"""Straight lines, and the factors a step read off their logarithms: against SciPy, and where they are known."""

import numpy as np
import pytest
from scipy.stats import linregress

from pushforward.diagnostics._rates import line, step_factor
from pushforward.diagnostics.projection import _exponent


def test_a_line_is_that_of_scipy(rng):
    x = np.sort(rng.normal(size=30))
    y = 2.5 - 0.7 * x + 0.1 * rng.normal(size=30)
    found, theirs = line(x, y), linregress(x, y)
    for ours, expected in ((found.slope, theirs.slope), (found.start, theirs.intercept), (found.slope_error, theirs.stderr)):
        assert ours == pytest.approx(expected, rel=1e-12)
    assert found.scatter == pytest.approx(np.std(y - theirs.intercept - theirs.slope * x), rel=1e-12)
    assert found.falls(1.0)
    assert not found.falls(0.1)  # 0.07, less than three times the scatter
    assert not line(x, -y).falls(1.0)


def test_the_factor_of_a_geometric_fall():
    t = np.arange(5, 40)
    assert step_factor(t, 3.0 * 0.8**t) == pytest.approx(0.8, rel=1e-12)
    assert line(t, np.log(0.8**t)).falls(len(t))
    assert not line(t, np.full(35, 2.0)).falls(35)


def test_a_gain_at_one_accuracy_has_no_exponent():
    epsilon, counts = np.array([0.3, 0.3, 0.1]), np.array([[4.0, 4.0, np.inf], [2.0, 2.0, 8.0]])
    assert np.isnan(_exponent(epsilon, counts))
    assert _exponent(np.array([0.3, 0.1]), np.array([[2.0, 6.0], [1.0, 1.0]])) == pytest.approx(1.0, rel=1e-12)
