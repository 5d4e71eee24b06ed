"""Optimisers against their formulas (and against PyTorch where it is installed), schedules, and what JSON makes of them."""

import dataclasses
import json
import math
import pickle

import numpy as np
import pytest

from pushforward.optim import SGD, Adam, AdamW, Constant, Exponential, InverseTime, RMSprop, Step, optimizer_from_dict
from pushforward.reference.optim import Moments, update

SCHEDULES = [Constant(), InverseTime(decay=0.5, power=0.75), Exponential(factor=0.9), Step(every=3, factor=0.5)]
OPTIMIZERS = [
    SGD(),
    SGD(learning_rate=0.1, momentum=0.9, weight_decay=0.1, clip_norm=1.0),
    RMSprop(learning_rate=0.1, smoothing=0.9, epsilon=1e-3, schedule=InverseTime(decay=0.1)),
    Adam(learning_rate=0.1, beta1=0.8, beta2=0.95, weight_decay=0.1, schedule=Step(every=2, factor=0.5)),
    AdamW(learning_rate=0.1, weight_decay=0.2, schedule=Exponential(factor=0.9), clip_norm=0.5),
]
CONFIG_KEYS = ["kind", "learning_rate", "beta1", "beta2", "epsilon", "weight_decay", "clip_norm", "schedule", "schedule_a", "schedule_b"]


def run(optimizer, w, gradients):
    """Weights after each update."""
    moments, path = Moments.zeros(w), []
    for g in gradients:
        w, moments = update(optimizer, w, g, moments)
        path.append(w)
    return path


def test_schedules_follow_their_formulas():
    for t in (0, 1, 2, 3, 7, 100):
        assert Constant().multiplier(t) == 1.0
        assert InverseTime(decay=0.5, power=0.75).multiplier(t) == pytest.approx(1 / (1 + 0.5 * t) ** 0.75, rel=1e-15)
        assert Exponential(factor=0.9).multiplier(t) == pytest.approx(math.exp(t * math.log(0.9)), rel=1e-12)
    assert [Step(every=3, factor=0.5).multiplier(t) for t in range(8)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert SGD(learning_rate=0.2, schedule=InverseTime(decay=1.0)).rate(3) == pytest.approx(0.05, rel=1e-15)


def test_the_first_update_has_the_full_rate():
    for schedule in SCHEDULES:
        assert schedule.multiplier(0) == 1.0


@pytest.mark.parametrize("power", [0.5, 0.3, 0.0, -1.0, 1.0000001, 2.0, math.nan, math.inf])
def test_powers_outside_robbins_and_monro_are_refused(power):
    with pytest.raises(ValueError, match=r"power must be a number in \(0.5, 1\]"):
        InverseTime(decay=1.0, power=power)


def test_powers_inside_are_taken():
    for power in (math.nextafter(0.5, 1), 0.75, 1):
        assert InverseTime(decay=1.0, power=power).power == power


def test_sgd_in_closed_form(rng, dtype, tol):
    w, g, h = rng.normal(size=(3, 6)).astype(dtype)
    first, second = run(SGD(learning_rate=0.1), w, [g, h])
    np.testing.assert_allclose(first, w - 0.1 * g, rtol=tol)
    np.testing.assert_allclose(second, w - 0.1 * g - 0.1 * h, rtol=tol, atol=tol)
    assert second.dtype == dtype


def test_momentum_in_closed_form(rng, dtype, tol):
    w, g, h = rng.normal(size=(3, 6)).astype(dtype)
    first, second = run(SGD(learning_rate=0.1, momentum=0.9), w, [g, h])
    np.testing.assert_allclose(first, w - 0.1 * g, rtol=tol, atol=tol)
    np.testing.assert_allclose(second, w - 0.1 * g - 0.1 * (0.9 * g + h), rtol=tol, atol=tol)


def test_rmsprop_in_closed_form(rng, dtype, tol):
    w, g, h = rng.normal(size=(3, 6)).astype(dtype)
    first, second = run(RMSprop(learning_rate=0.1, smoothing=0.9, epsilon=1e-2), w, [g, h])
    one = w - 0.1 * g / (np.sqrt(0.1) * np.abs(g) + 1e-2)
    np.testing.assert_allclose(first, one, rtol=tol, atol=tol)
    np.testing.assert_allclose(second, one - 0.1 * h / (np.sqrt(0.09 * g**2 + 0.1 * h**2) + 1e-2), rtol=tol, atol=tol)


def test_adam_in_closed_form(rng, dtype, tol):
    w, g, h = rng.normal(size=(3, 6)).astype(dtype)
    first, second = run(Adam(learning_rate=0.1, beta1=0.5, beta2=0.75, epsilon=1e-2), w, [g, h])
    one = w - 0.1 * g / (np.abs(g) + 1e-2)  # bias correction makes m̂ = g, v̂ = g²
    m_hat, v_hat = (0.25 * g + 0.5 * h) / 0.75, (0.1875 * g**2 + 0.25 * h**2) / 0.4375
    np.testing.assert_allclose(first, one, rtol=tol, atol=tol)
    np.testing.assert_allclose(second, one - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-2), rtol=tol, atol=tol)


def test_weight_decay_is_part_of_the_gradient_except_in_adamw(rng):
    w, g = rng.normal(size=(2, 6))
    np.testing.assert_allclose(run(SGD(learning_rate=0.1, weight_decay=0.5), w, [g])[0], w - 0.1 * (g + 0.5 * w), rtol=1e-13)
    np.testing.assert_allclose(run(Adam(learning_rate=0.1, weight_decay=0.5), w, [g])[0], w - 0.1 * np.sign(g + 0.5 * w), rtol=1e-6)
    np.testing.assert_allclose(run(AdamW(learning_rate=0.1, weight_decay=0.5), w, [g])[0], 0.95 * w - 0.1 * np.sign(g), rtol=1e-6)
    np.testing.assert_allclose(run(AdamW(weight_decay=0.0), w, [g, w])[1], run(Adam(), w, [g, w])[1], rtol=1e-15)


def test_clipping_is_by_the_norm_of_everything_and_comes_before_decay():
    w, g = np.array([1.0, 2.0, 0.0]), np.array([3.0, 0.0, 4.0])
    np.testing.assert_allclose(run(SGD(learning_rate=1.0, clip_norm=2.5, weight_decay=0.5), w, [g])[0], w - (g / 2 + w / 2))
    np.testing.assert_array_equal(run(SGD(learning_rate=1.0, clip_norm=5.1), w, [g])[0], w - g)
    np.testing.assert_array_equal(run(SGD(clip_norm=1.0), w, [np.zeros(3)])[0], w)


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:4], ids=repr)
def test_the_schedule_scales_the_step(optimizer, rng):
    w, g = rng.normal(size=(2, 6))
    start = dataclasses.replace(optimizer, weight_decay=0.0, clip_norm=None, schedule=Constant())
    for schedule in SCHEDULES:
        late = Moments(5, np.ones(6), np.ones(6))
        plain, scaled = (update(dataclasses.replace(start, schedule=s), w, g, late)[0] - w for s in (Constant(), schedule))
        np.testing.assert_allclose(scaled, schedule.multiplier(5) * plain, rtol=1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_against_pytorch(optimizer, rng):
    torch = pytest.importorskip("torch")
    settings = {"lr": optimizer.learning_rate, "weight_decay": optimizer.weight_decay}
    if isinstance(optimizer, SGD):
        make, settings = torch.optim.SGD, settings | {"momentum": optimizer.momentum}
    elif isinstance(optimizer, RMSprop):
        make, settings = torch.optim.RMSprop, settings | {"alpha": optimizer.smoothing, "eps": optimizer.epsilon}
    else:
        make = torch.optim.AdamW if isinstance(optimizer, AdamW) else torch.optim.Adam
        settings |= {"betas": (optimizer.beta1, optimizer.beta2), "eps": optimizer.epsilon}
    w, gradients = rng.normal(size=7), rng.normal(size=(8, 7))
    parameter = torch.nn.Parameter(torch.tensor(w))
    theirs = make([parameter], **settings)
    ours = run(dataclasses.replace(optimizer, clip_norm=None), w, gradients)
    for t, g in enumerate(gradients):
        theirs.param_groups[0]["lr"] = optimizer.rate(t)
        parameter.grad = torch.tensor(g)
        theirs.step()
        np.testing.assert_allclose(ours[t], parameter.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_an_optimizer_is_a_value(optimizer):
    assert optimizer_from_dict(json.loads(json.dumps(optimizer.to_dict()))) == optimizer
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer
    assert hash(dataclasses.replace(optimizer)) == hash(optimizer)
    assert dataclasses.replace(optimizer, learning_rate=0.123) != optimizer
    for schedule in SCHEDULES:
        other = dataclasses.replace(optimizer, schedule=schedule)
        assert optimizer_from_dict(other.to_dict()) == other
    with pytest.raises(dataclasses.FrozenInstanceError):
        optimizer.learning_rate = 1.0


def test_kinds_differ_though_their_numbers_agree():
    assert Adam(weight_decay=0.1) != AdamW(weight_decay=0.1)
    assert Constant() != Exponential(factor=1.0)


def test_numpy_numbers_become_plain_ones():
    assert type(SGD(learning_rate=np.float32(0.5), clip_norm=np.int64(2)).clip_norm) is float
    assert json.dumps(Step(every=np.int64(3), factor=np.float32(0.5)).to_dict()) == '{"kind": "step", "every": 3, "factor": 0.5}'


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_config_is_flat_and_complete(optimizer):
    assert list(optimizer.config()) == CONFIG_KEYS
    assert all(isinstance(value, str if key in ("kind", "schedule") else float) for key, value in optimizer.config().items())


@pytest.mark.parametrize(("optimizer", "values"), [
    (SGD(learning_rate=0.5), ["sgd", 0.5, 0, 0, 0, 0, 0, "constant", 0, 0]),
    (SGD(momentum=0.9, schedule=Step(every=7, factor=0.1)), ["momentum", 0.01, 0.9, 0, 0, 0, 0, "step", 7, 0.1]),
    (RMSprop(clip_norm=2.0, schedule=InverseTime(decay=3.0, power=0.6)), ["rmsprop", 1e-3, 0, 0.99, 1e-8, 0, 2, "inverse_time", 3, 0.6]),
    (Adam(weight_decay=0.1, schedule=Exponential(factor=0.9)), ["adam", 1e-3, 0.9, 0.999, 1e-8, 0.1, 0, "exponential", 0.9, 0]),
    (AdamW(), ["adamw", 1e-3, 0.9, 0.999, 1e-8, 0.01, 0, "constant", 0, 0]),
], ids=repr)  # fmt: skip
def test_config_values(optimizer, values):
    assert optimizer.config() == dict(zip(CONFIG_KEYS, values, strict=True))


@pytest.mark.parametrize(("values", "error", "match"), [
    ({"kind": "lion"}, ValueError, "optimizer kind must be one of sgd, rmsprop, adam, adamw, got 'lion'"),
    ({"learning_rate": 0.1}, ValueError, "optimizer kind.*got None"), ({"kind": ["sgd"]}, ValueError, "optimizer kind"),
    ({"kind": "sgd", "beta1": 0.9}, ValueError, "optimizer sgd takes .*, got beta1"), ("sgd", TypeError, "optimizer must be a dict"),
    ({"kind": "sgd", "schedule": {"kind": "cosine"}}, ValueError, "schedule kind must be one of constant, .*, got 'cosine'"),
    ({"kind": "sgd", "schedule": "constant"}, TypeError, "schedule must be a dict"),
    ({"kind": "sgd", "schedule": {"kind": "inverse_time"}}, TypeError, "decay"),
    ({"kind": "sgd", "learning_rate": -1.0}, ValueError, "learning_rate"),
    ({"kind": "sgd", "learning_rate": "1"}, TypeError, "learning_rate"),
])  # fmt: skip
def test_what_is_not_ours_is_refused_by_name(values, error, match):
    with pytest.raises(error, match=match):
        optimizer_from_dict(values)


@pytest.mark.parametrize(("kind", "settings", "error"), [
    (SGD, {"learning_rate": -0.1}, ValueError), (SGD, {"learning_rate": math.nan}, ValueError),
    (SGD, {"learning_rate": math.inf}, ValueError), (SGD, {"learning_rate": "0.1"}, TypeError), (SGD, {"learning_rate": None}, TypeError),
    (SGD, {"learning_rate": True}, TypeError), (SGD, {"momentum": 1.0}, ValueError), (SGD, {"weight_decay": -1.0}, ValueError),
    (SGD, {"clip_norm": 0.0}, ValueError), (SGD, {"schedule": "constant"}, TypeError), (SGD, {"schedule": None}, TypeError),
    (RMSprop, {"smoothing": 1.0}, ValueError), (RMSprop, {"epsilon": 0.0}, ValueError), (Adam, {"beta1": -0.1}, ValueError),
    (Adam, {"beta2": 1.0}, ValueError), (AdamW, {"epsilon": -1}, ValueError), (InverseTime, {"decay": 0.0}, ValueError),
    (Exponential, {"factor": 0.0}, ValueError), (Exponential, {"factor": 1.1}, ValueError),
])  # fmt: skip
def test_bad_settings_are_named(kind, settings, error):
    (name,) = settings
    with pytest.raises(error, match=f"^{name} must be"):
        kind(**settings)


@pytest.mark.parametrize(("every", "factor", "error", "name"), [
    (0, 0.5, ValueError, "every"), (2.0, 0.5, TypeError, "every"), (2, 0.0, ValueError, "factor"), (2, 1.5, ValueError, "factor"),
])  # fmt: skip
def test_bad_steps_are_named(every, factor, error, name):
    with pytest.raises(error, match=f"^{name} must be"):
        Step(every=every, factor=factor)
