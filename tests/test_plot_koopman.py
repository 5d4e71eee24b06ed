"""Figures of simulated orbits and of spectra: what is drawn is what was given."""

import types

import numpy as np
import pytest
from helpers import refused

pytest.importorskip("matplotlib")

from pushforward import plot

TURN = np.linspace(0.0, 6.0, 40)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN), 0 * TURN], axis=1)
GRID = np.linspace(-1.2, 1.2, 24) + 1j * np.linspace(-1.1, 1.1, 22)[:, None]


def drawn(figure):
    """Draw it without a display, warnings being errors."""
    figure.canvas.draw()
    return figure


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_a_phase_portrait_shows_both_orbits_in_one_frame():
    left, right = drawn(plot.phase_portrait(CIRCLE, 0.5 * CIRCLE, names=("a", "b"), title="circles")).axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), CIRCLE[:, :2])
    np.testing.assert_array_equal(right.lines[0].get_xydata(), CIRCLE[:, :2])
    np.testing.assert_array_equal(right.lines[1].get_xydata(), 0.5 * CIRCLE[:, :2])
    assert left.get_xlim() == right.get_xlim()
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("a", "b")
    assert not texts(right)


def test_states_are_chosen_and_one_state_is_drawn_against_its_past():
    left, _ = plot.phase_portrait(CIRCLE, CIRCLE, states=(1, 0)).axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), CIRCLE[:, [1, 0]])
    assert left.get_xlabel() == "state 1"
    left, _ = plot.phase_portrait(CIRCLE[:, :1], CIRCLE[:, :1], lag=5).axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), np.stack([CIRCLE[:-5, 0], CIRCLE[5:, 0]], axis=1))
    assert left.get_ylabel() == "state 5 steps later"


def test_lists_and_batches_are_many_orbits_and_those_that_leave_are_counted():
    for batch in ([CIRCLE, CIRCLE[:20]], np.stack([CIRCLE, CIRCLE]), [CIRCLE.tolist(), CIRCLE.tolist()]):
        left, right = drawn(plot.phase_portrait(batch, [CIRCLE, 3 * CIRCLE])).axes
        assert len(left.lines) == 3  # and the starts
        assert texts(right) == ["1 of 2 leave the frame"]
    gone = np.where(np.arange(40)[:, None] > 20, np.nan, CIRCLE)
    assert texts(drawn(plot.phase_portrait(CIRCLE, gone)).axes[1]) == ["leaves the frame"]


def test_a_spectrum_shows_every_eigenvalue_and_counts_those_outside():
    values = np.array([0.9 + 0.3j, 0.9 - 0.3j, 1.5, -0.2, 0.0])
    axes = drawn(plot.spectrum(values)).axes[0]
    circle, *marks = axes.lines
    np.testing.assert_allclose(np.hypot(*circle.get_xydata().T), 1.0)
    shown = np.concatenate([mark.get_xydata() for mark in marks]) @ [1, 1j]
    np.testing.assert_array_equal(np.sort_complex(shown), np.sort_complex(values))
    assert texts(axes) == ["1 of 5 outside the circle"]
    assert axes.get_xlim()[1] > 1.5
    model = types.SimpleNamespace(eigenvalues_=values)
    assert texts(plot.spectrum(model).axes[0]) == ["1 of 5 outside the circle"]


def test_residuals_colour_eigenvalues():
    values, residuals = np.array([0.5, 0.6, 0.7, 0.8]), np.array([1e-3, 0.1, np.inf, 0.0])
    axes, bar = drawn(plot.spectrum(values, residuals=residuals)).axes
    marks = axes.collections[0]
    np.testing.assert_array_equal(marks.get_offsets()[:, 0], [0.6, 0.5, 0.8])  # the surest on top
    np.testing.assert_allclose(marks.get_array()[:2], [0.1, 1e-3])
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [0.7])  # hollow
    assert bar.get_ylabel() == "residual"
    model = types.SimpleNamespace(eigenvalues_=values, eigenpair_residuals_=residuals)
    np.testing.assert_array_equal(plot.spectrum(model).axes[0].collections[0].get_offsets(), marks.get_offsets())
    for odd in ([0.0] * 4, [np.nan] * 4, [1.0] * 4):
        drawn(plot.spectrum(values, residuals=odd))


def test_contours_of_a_pseudospectrum_are_where_the_residual_is():
    axes, bar = drawn(plot.pseudospectrum(GRID, np.abs(GRID), eigenvalues=[0.0])).axes
    lines = axes.collections[1]
    paths = dict(zip(lines.levels, lines.get_paths(), strict=True))
    for level in (-0.5, -0.25):
        np.testing.assert_allclose(np.hypot(*paths[level].vertices.T), 10**level, rtol=0.05)
    assert [label.get_text() for label in bar.get_yticklabels()] == [f"{10.0**level:.2g}" for level in axes.collections[0].levels]
    np.testing.assert_array_equal(axes.lines[-1].get_xydata(), [[0.0, 0.0]])
    for values in (np.ones(GRID.shape), 10 ** (20 * GRID.real), np.where(GRID.real > 0, 0.0, 1.0)):
        drawn(plot.pseudospectrum(GRID, values))


def test_an_error_is_the_median_over_starts(rng):
    table = rng.uniform(0.5, 2.0, size=(11, 6)) * 10.0 ** np.arange(6)
    axes = drawn(plot.error_against_horizon({"a": table, "b": table[0]}, dt=0.5, baselines={"limit": 3.0})).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.median(table, axis=0))
    np.testing.assert_allclose(axes.lines[0].get_xdata(), 0.5 * np.arange(1, 7))
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), table[0])
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b", "limit: 3"]


def test_what_diverged_is_larger_than_any_other():
    table = np.ones((5, 4))
    table[:2, 2], table[:3, 3] = np.nan, np.inf  # the median goes where three of five are gone
    axes = drawn(plot.error_against_horizon({"model": table})).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1, 1, 1, np.nan])
    drawn(plot.error_against_horizon({"nothing": [np.nan]}))
    drawn(plot.error_against_horizon({"zero": [0.0, 0.0]}))


def test_mistakes_are_named():
    refused("simulated must be \\(n_steps, n_state\\)", plot.phase_portrait, CIRCLE, np.ones(3))
    refused("states must be numbers of 3 states of true, got \\(0, 3\\)", plot.phase_portrait, CIRCLE, CIRCLE, states=(0, 3))
    refused("lag must lie in", plot.phase_portrait, CIRCLE[:, :1], CIRCLE[:, :1], lag=40)
    refused("true must hold at least one row of finite", plot.phase_portrait, np.nan * CIRCLE, CIRCLE)
    refused("simulated must hold at least one orbit", plot.phase_portrait, CIRCLE, np.empty((0, 5, 2)))
    refused("residuals must have the shape of the eigenvalues", plot.spectrum, [0.5], residuals=[1.0, 2.0])
    refused("eigenvalues must be finite, got nan", plot.spectrum, [np.nan])
    refused("eigenvalues must be a \\(n,\\) array", plot.spectrum, [])
    refused("grid must have at least two rows", plot.pseudospectrum, GRID[0], GRID[0].real)
    refused("residuals must have the shape of the grid", plot.pseudospectrum, GRID, GRID.real[1:])
    refused("grid must be rectangular", plot.pseudospectrum, GRID.T, GRID.T.real)
    refused("residuals must hold a positive", plot.pseudospectrum, GRID, 0 * GRID.real)
    refused("errors must hold at least one model", plot.error_against_horizon, {})
    refused("errors: a: expected", plot.error_against_horizon, {"a": np.ones((2, 2, 2))})
    refused("dt must be a positive", plot.error_against_horizon, {"a": [1.0]}, dt=0.0)
