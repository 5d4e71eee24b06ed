"""rtrl_convergence and robbins_monro: exact gradients at fixed weights, the training it speaks of, and each broken condition by name."""

import numpy as np
import pytest
from helpers import everything, refused, same, starting_weights, weights_of

import pushforward as pf
from pushforward.diagnostics import robbins_monro, rtrl_convergence

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(4000, 1))
Y = np.concatenate([[0.0], X[:-1, 0]])
PAPER = {"n_units": 4, "activation": "sigmoid", "weight_bound": 0.8, "readout_bound": 5.0, "dtype": "float64"}
FALLING = pf.SGD(0.3, schedule=pf.InverseTime(decay=0.001))


def regressor(optimizer=FALLING, **settings):
    return pf.RecurrentRegressor(**PAPER | {"optimizer": optimizer} | settings)


def gradients(model, weights, X, y, n_before):
    """Loss and gradient of every single step after the first ones, from the zero state, by the kernel."""
    theta, readout = weights
    state = influence = None
    rows, losses = [], []
    for t in range(len(X)):
        loss, g, state, influence = pf.kernels.block_gradient(
            model.cell_, theta, readout, X[t : t + 1], y[t : t + 1, None], state=state, influence=influence, readout_bound=model.readout_bound
        )
        rows.append(np.concatenate([g["theta"], g["W_out"].ravel(), g["b_out"]]))
        losses.append(loss)
    return np.mean(losses[n_before:]), np.array(rows[n_before:])


def test_it_is_the_gradient_at_the_weights_of_each_check():
    model = regressor()
    found = rtrl_convergence(model, X[:500], Y[:500], n_checks=3)
    assert found.steps.tolist() == [0, 200, 400]
    trained = regressor().partial_fit(X[:200], Y[:200])
    weights = [starting_weights(regressor(), X[:1], Y[:1]), weights_of(trained), weights_of(trained.partial_fit(X[200:400], Y[200:400]))]
    for check, at in enumerate(weights):
        loss, rows = gradients(trained, at, X[200:500], Y[200:500], 200)
        mean = rows.mean(axis=0)
        assert found.loss[check] == pytest.approx(loss, rel=1e-12)
        assert found.gradient_norm[check] == pytest.approx(np.linalg.norm(mean), rel=1e-10)
        assert found.noise[check] == pytest.approx(np.sqrt(((rows - mean) ** 2).sum(axis=1).mean()), rel=1e-10)
        assert found.rate[check] == FALLING.rate(int(found.steps[check]))
    np.testing.assert_array_equal(found.fluctuation, found.rate * found.noise)


def test_it_trains_as_fit_does():
    """Passes over the stream start from a zero state each; checks on the way change nothing."""
    found = rtrl_convergence(regressor(n_epochs=3), X[:100], Y[:100], n_checks=6)
    assert found.steps.tolist() == [0, 48, 96, 144, 192, 240]
    loss, rows = gradients(model := regressor(n_epochs=3).fit(X[:80], Y[:80]), weights_of(model), X[:100], Y[:100], 80)
    assert found.loss[-1] == pytest.approx(loss, rel=1e-12)
    assert found.gradient_norm[-1] == pytest.approx(np.linalg.norm(rows.mean(axis=0)), rel=1e-10)


def test_gradient_and_fluctuation_fall_under_falling_rates():
    found = rtrl_convergence(regressor(), X, Y)
    assert found.robbins_monro
    assert found.within_theorem
    assert found.departures == ()
    assert found.gradient_norm[-1] < 0.2 * found.gradient_norm[0]
    assert found.fluctuation[-1] < 0.1 * found.fluctuation[0]
    assert found.loss[-1] < 0.1 * found.loss[0]
    assert "in the limit the gradient goes to zero" in found.summary()


def test_too_fast_a_fall_stops_where_it_is():
    found = rtrl_convergence(regressor(pf.SGD(0.3, schedule=pf.Exponential(factor=0.98))), X, Y)
    assert not found.robbins_monro
    assert "sum: a geometric fall by 0.98" in found.reason
    assert found.fluctuation[-1] < 1e-12
    assert found.gradient_norm[-1] > 0.05
    assert found.gradient_norm[-1] == pytest.approx(found.gradient_norm[-2])


def test_the_fluctuation_of_a_constant_rate_stays():
    """Targets with noise of their own: no weights make single gradients small."""
    noisy = Y + RNG.uniform(-1, 1, size=len(Y))
    plain, falling = (rtrl_convergence(regressor(given), X, noisy) for given in (pf.SGD(0.1), pf.SGD(0.3, schedule=pf.InverseTime(decay=0.02))))
    assert not plain.robbins_monro
    assert "sum of squares: a constant rate" in plain.reason
    assert plain.departures == ()
    assert not plain.within_theorem
    assert plain.fluctuation[-1] > 0.5 * plain.fluctuation[0]
    assert falling.fluctuation[-1] < 0.1 * falling.fluctuation[0]


def test_an_estimate_strays_from_the_exact_gradient():
    """Single gradients are those of the model's own algorithm, the mean is exact: what truncation leaves out counts as noise."""
    still = {"optimizer": pf.SGD(learning_rate=0.0), "weight_bound": None, "n_units": 6, "activation": "tanh"}
    exact, long, short = (
        rtrl_convergence(regressor(**still, gradient=kind, **more), X[:600], Y[:600], n_checks=2)
        for kind, more in (("rtrl", {}), ("tbptt", {"truncation": 60}), ("tbptt", {"truncation": 1}))
    )
    assert exact.gradient_norm[0] == pytest.approx(short.gradient_norm[0], rel=1e-12)
    assert exact.gradient_norm[0] == exact.gradient_norm[1]  # nothing is learnt
    assert long.noise[0] == pytest.approx(exact.noise[0], rel=1e-3)
    assert abs(short.noise[0] / exact.noise[0] - 1) > 0.01
    blocks = rtrl_convergence(regressor(**still, update_every=20), X[:600], Y[:600], n_checks=2)
    assert 0.1 < blocks.noise[0] / exact.noise[0] < 0.7  # the mean of 20 strays less


@pytest.mark.parametrize(("settings", "named"), [
    ({"optimizer": pf.RMSprop()}, "RMSprop divides"), ({"optimizer": pf.Adam()}, "Adam divides"), ({"optimizer": None}, "RMSprop divides"),
    ({"optimizer": pf.SGD(momentum=0.5)}, "momentum=0.5"), ({"optimizer": pf.SGD(weight_decay=0.1)}, "weight_decay=0.1"),
    ({"optimizer": pf.SGD(clip_norm=1.0)}, "clip_norm=1"), ({"gradient": "snap1"}, "gradient='snap1'"), ({"weight_bound": None}, "bounded weights"),
    ({"cell": "gru", "activation": None}, "sigmoid layer"), ({"weight_bound": 1.0}, "N C_phi sup"), ({"readout_bound": None}, "read-out"),
    ({"update_every": 3}, "every 3"), ({"n_epochs": 2}, "more than once"),
], ids=str)  # fmt: skip
def test_what_departs_from_the_theorem_is_named(settings, named):
    found = rtrl_convergence(regressor(**settings), X[:60], Y[:60], n_checks=2)
    assert [named in said for said in found.departures] == [True]
    assert not found.within_theorem
    assert named in found.summary()
    assert found.steps[-1] == 48 * settings.get("n_epochs", 1)


def test_classes_tokens_and_batches():
    tokens = RNG.integers(3, size=400)
    letters = np.array(list("abc"))[np.roll(tokens, 1)]
    letters[:330][letters[:330] == "c"] = "a"  # a class that training never sees
    model = pf.RecurrentClassifier(n_units=5, random_state=1)
    found = rtrl_convergence(model, tokens, letters, n_checks=3)
    assert found.loss[0] == pytest.approx(np.log(3), rel=0.3)
    assert "its loss is the squared error, not cross_entropy" in found.departures
    batch = rtrl_convergence(regressor(), X.reshape(8, 500, 1), Y.reshape(8, 500), n_checks=3)
    assert batch.steps.tolist() == [0, 200, 400]
    assert batch.loss[-1] < batch.loss[0]
    assert any("not 8 at a time" in said for said in batch.departures)
    two = rtrl_convergence(regressor(), X[:60], np.stack([Y[:60], Y[:60]], axis=1), n_checks=2)
    assert "its output is one number, not 2" in two.departures
    single = rtrl_convergence(regressor(dtype="float32"), X[:500].astype("float32"), Y[:500].astype("float32"), n_checks=3)
    double = rtrl_convergence(regressor(), X[:500], Y[:500], n_checks=3)
    np.testing.assert_allclose(single.gradient_norm, double.gradient_norm, rtol=1e-3)


def test_the_model_stays_as_it_was():
    fitted, fresh = regressor().partial_fit(X[:50], Y[:50]), regressor()
    before = everything(fitted)
    found, other = (rtrl_convergence(model, X[:200], Y[:200], n_checks=2) for model in (fitted, fresh))
    same(before, everything(fitted))
    assert not hasattr(fresh, "loss_")
    np.testing.assert_array_equal(found.gradient_norm, other.gradient_norm)  # trained afresh, both


KNOWN = [
    (pf.SGD(0.1), "sum of squares: a constant rate"), (pf.Constant(), "sum of squares"), (pf.Exponential(factor=1.0), "sum of squares"),
    (pf.Step(every=5, factor=1.0), "sum of squares"), (pf.Adam(schedule=pf.Exponential(factor=0.9)), "sum: a geometric"),
    (pf.Step(every=1000, factor=0.5), "sum: a geometric"), (pf.SGD(0.0), "sum: the rate is zero"),
    (pf.InverseTime(decay=1.0), None), (pf.SGD(0.1, schedule=pf.InverseTime(decay=1e-6, power=0.501)), None),
]  # fmt: skip
OTHER = [
    (lambda t: 0.1, "sum of squares: a constant rate"), (lambda t: 1 / np.sqrt(t + 1), "sum of squares: a rate like t^-0.5"),
    (lambda t: (t + 1) ** -0.3, "sum of squares"), (lambda t: (t + 1) ** -1.2, "sum: a rate like t^-1.2"), (lambda t: float(t < 1000), "sum: "),
    (lambda t: 1 / ((t + 2) * np.log(t + 2)), "sum: a rate like t^-1.04 is too near 1/t to tell"),
    (lambda t: 1 / np.sqrt((t + 2) * np.log(t + 2)), "sum of squares: a rate like t^-0.518 is too near 1/sqrt"),
    (lambda t: 1 + np.sin(t), "monotone: the rate rises after t = 0"), (lambda t: min(t, 10) / (t + 1), "monotone"),
    (lambda t: 1 / (t + 1), None), (lambda t: 3 / (t + 50) ** 0.75, None), (lambda t: (t + 1) ** -0.51, None),
]  # fmt: skip


@pytest.mark.parametrize(("rate", "named"), [*KNOWN, *OTHER])
def test_every_broken_condition_is_named(rate, named):
    verdict = robbins_monro(rate)
    assert verdict.holds == (named is None)
    assert (named or "it never rises") in verdict.reason
    assert verdict.by_formula == ((rate, named) in KNOWN)
    if named and named.startswith("sum of squares"):
        assert (verdict.sum_diverges, verdict.sum_of_squares_converges) == (True, None if "near" in named else False)
    elif named and named.startswith("sum:"):
        assert (verdict.sum_diverges, verdict.sum_of_squares_converges) == (None if "near" in named else False, True)
    assert verdict.monotone == (named is None or not named.startswith("monotone"))
    assert ("meets" in verdict.summary()) == (named is None)


def test_figures():
    pytest.importorskip("matplotlib")
    found = rtrl_convergence(regressor(), X[:200], Y[:200], n_checks=4)
    loss, norms = found.plot().axes
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), found.steps)
    np.testing.assert_array_equal(norms.lines[0].get_ydata(), found.gradient_norm)
    assert len(norms.lines) == 3
    assert len(found.schedule.plot().axes[0].lines) == 3
    assert len(robbins_monro(pf.SGD(0.0)).plot().axes[0].lines) == 0


def test_mistakes():
    model = regressor()
    refused("model must be a RecurrentRegressor", rtrl_convergence, pf.EchoStateRegressor(), X, Y)
    for wrong in (0.0, 1.0, -0.1, np.nan, "half", True):
        refused(r"held_out must be a number in \(0, 1\)", rtrl_convergence, model, X, Y, held_out=wrong)
    for wrong in (0, 1, 2.0):
        refused("n_checks must be an int of at least 2", rtrl_convergence, model, X, Y, n_checks=wrong)
    refused("y must have as many series and steps", rtrl_convergence, model, X, Y[:-1])
    refused("y must have as many series and steps", rtrl_convergence, model, X[None], Y)
    refused("X must have at least n_checks − 1 = 7 steps before", rtrl_convergence, model, X[:6], Y[:6])
    refused("X must be float64 like the model", rtrl_convergence, model, X.astype("float32"), Y)
    with pytest.raises(pf.DivergenceError):
        rtrl_convergence(pf.RecurrentRegressor(n_units=4, cell="linear", dtype="float64", optimizer=pf.SGD(1e3)), X, Y)
    refused("rate must be an optimiser, a schedule, or a function of t, got float", robbins_monro, 0.1)
    refused("rate must be finite and not negative, got -1.0 at t = 0", robbins_monro, lambda t: -1.0)
    refused("rate must give a number for every t, got None at t = 0", robbins_monro, lambda t: None)
    refused("rate must give a number", robbins_monro, pf.SGD)
