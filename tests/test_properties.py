"""What must hold for any sizes, dtypes and memory layouts: hypothesis draws them, NumPy twins judge."""

import numpy as np
from helpers import everything, flat, same
from hypothesis import given, settings
from hypothesis import strategies as st

import pushforward as pf
from pushforward import kernels, reference
from pushforward.cells import ACTIVATIONS, Elman, Linear

few = settings(max_examples=40, deadline=None, derandomize=True)
dtypes = st.sampled_from(["float32", "float64"])
sizes = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)
layouts = st.sampled_from(["C", "Fortran", "every other", "reversed", "columns reversed", "inside", "read-only"])


@st.composite
def cells(draw):
    n_inputs, n_units, bound = draw(st.integers(1, 9)), draw(sizes), draw(st.sampled_from([None, 0.7]))
    if draw(st.booleans()):
        return Elman(n_inputs, n_units, draw(st.sampled_from(ACTIVATIONS)), bound)
    return Linear(n_inputs, n_units, draw(st.sampled_from([None, 0.1])), bound)


def laid_out(array, layout):
    """The same numbers in another memory layout."""
    if layout == "Fortran":
        other = np.asfortranarray(array)
    elif layout == "every other":
        other = np.zeros((2 * len(array), *array.shape[1:]), array.dtype)[::2]
    elif layout == "reversed":
        other = np.zeros_like(array)[::-1]
    elif layout == "columns reversed":
        other = np.zeros_like(array)[..., ::-1]
    elif layout == "inside":
        other = np.zeros(tuple(n + 3 for n in array.shape), array.dtype)[tuple(slice(1, n + 1) for n in array.shape)]
    else:
        other = array.copy()
    other[...] = array
    other.flags.writeable = layout != "read-only"
    return other


def drawn(cell, seed, dtype, n_steps, n_outputs):
    rng = np.random.default_rng(seed)
    theta = (0.7 * cell.init(rng) + 0.1 * rng.normal(size=cell.n_params)).astype(dtype)
    readout = rng.normal(size=(n_outputs, cell.n_units)).astype(dtype), rng.normal(size=n_outputs).astype(dtype)
    return theta, readout, rng.normal(size=(n_steps, cell.n_inputs)).astype(dtype), rng.normal(size=(n_steps, n_outputs)).astype(dtype)


def near(ours, expected, dtype):
    """In norm, relative to what is larger than 1."""
    scale = max(1.0, float(np.linalg.norm(expected)))
    assert np.linalg.norm(np.subtract(ours, expected)) <= (2e-4 if dtype == "float32" else 1e-10) * scale


@few
@given(cells(), seeds, dtypes, st.integers(1, 40), st.integers(1, 5), st.one_of(st.none(), st.integers(1, 40)))
def test_exact_gradients_of_any_size(cell, seed, dtype, n_steps, n_outputs, carry_every):
    theta, readout, inputs, targets = drawn(cell, seed, dtype, n_steps, n_outputs)
    rng = np.random.default_rng(seed + 1)
    start = {"state": rng.normal(size=cell.n_state).astype(dtype), "influence": rng.normal(size=(cell.n_state, cell.n_params)).astype(dtype)}
    ours = kernels.block_gradient(cell, theta, readout, inputs, targets, **start, carry_every=carry_every)
    expected = reference.block_gradient(cell, theta, readout, inputs, targets, **start)
    near(ours[0], expected[0], dtype)
    near(flat(ours[1]), flat(expected[1]), dtype)
    near(ours[2], expected[2], dtype)
    near(ours[3], expected[3], dtype)


@few
@given(cells(), seeds, dtypes, st.lists(layouts, min_size=4, max_size=4))
def test_memory_layout_does_not_matter_to_the_kernels(cell, seed, dtype, chosen):
    theta, readout, inputs, targets = drawn(cell, seed, dtype, 9, 2)
    plain = kernels.block_gradient(cell, theta, readout, inputs, targets)
    others = [laid_out(a, layout) for a, layout in zip((theta, readout[0], inputs, targets), chosen, strict=True)]
    copies = [a.copy() for a in others]
    ours = kernels.block_gradient(cell, others[0], (others[1], readout[1]), others[2], others[3])
    np.testing.assert_array_equal(flat(ours[1]), flat(plain[1]))
    np.testing.assert_array_equal(ours[3], plain[3])
    for a, b in zip(others, copies, strict=True):
        np.testing.assert_array_equal(a, b)


@few
@given(seeds, dtypes, sizes, st.sampled_from([None, 1, 3]), layouts, layouts, st.integers(1, 4), st.sampled_from(["rtrl", "tbptt"]))
def test_memory_layout_does_not_matter_to_the_estimators(seed, dtype, n_units, n_series, layout_X, layout_y, update_every, gradient):
    rng = np.random.default_rng(seed)
    shape = (12,) if n_series is None else (n_series, 12)
    X, y, mask = rng.normal(size=(*shape, 3)).astype(dtype), rng.normal(size=(*shape, 2)).astype(dtype), rng.random(shape) < 0.7
    plain, other = (pf.RecurrentRegressor(n_units, dtype=dtype, update_every=update_every, gradient=gradient) for _ in range(2))
    plain.partial_fit(X, y, mask)
    other.partial_fit(laid_out(X, layout_X), laid_out(y, layout_y), laid_out(mask, layout_y))
    same(everything(other), everything(plain))
    np.testing.assert_array_equal(other.predict(laid_out(X, layout_X)), plain.predict(X))
    if n_series is None:
        assert other.learn_one(laid_out(X[0], layout_X), laid_out(y[0], layout_y)) == plain.learn_one(X[0], y[0])
        np.testing.assert_array_equal(other.step(laid_out(X[1], layout_X)), plain.step(X[1]))
        same(everything(other.feedback(laid_out(y[1], layout_y))), everything(plain.feedback(y[1])))


@few
@given(
    seeds, dtypes, sizes, st.lists(st.integers(1, 15), min_size=1, max_size=6), st.integers(1, 7), st.integers(1, 20),
    st.sampled_from(["throughput", "bounded"]), st.booleans(),
)  # fmt: skip
def test_a_stream_cut_anywhere_is_one_stream(seed, dtype, n_units, pieces, update_every, carry_every, latency, tokens):
    rng, n_steps = np.random.default_rng(seed), sum(pieces)
    X = rng.integers(4, size=n_steps) if tokens else rng.normal(size=(n_steps, 4)).astype(dtype)
    y, mask = rng.integers(3, size=n_steps), rng.random(n_steps) < 0.8
    arguments = {"classes": 3, "n_inputs": 4, "update_every": update_every, "carry_every": carry_every, "latency": latency, "dtype": dtype}
    whole, parts = (pf.RecurrentClassifier(n_units, **arguments) for _ in range(2))
    whole.partial_fit(X, y, mask=mask)
    for start, length in zip(np.cumsum([0, *pieces]), pieces, strict=False):
        cut = slice(start, start + length)
        parts.partial_fit(X[cut], y[cut], mask=mask[cut])
    same(everything(parts)["_learner"], everything(whole)["_learner"])


@few
@given(seeds, sizes, st.integers(1, 30), st.integers(1, 10), st.integers(1, 10))
def test_bounded_latency_gives_the_same_numbers(seed, n_units, n_steps, update_every, carry_every):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_steps, 2)), rng.normal(size=n_steps)
    arguments = {"update_every": update_every, "dtype": "float64", "optimizer": pf.SGD(learning_rate=0.01)}
    plain = pf.RecurrentRegressor(n_units, carry_every=1, **arguments).partial_fit(X, y)
    spread = pf.RecurrentRegressor(n_units, carry_every=carry_every, latency="bounded", **arguments).partial_fit(X, y)
    near(spread.theta_, plain.theta_, "float64")
    near(spread.influence_, plain.influence_, "float64")


@few
@given(seeds, dtypes, st.integers(1, 30), st.integers(1, 6), st.sampled_from(["uint8", "int16", "int32", "int64", "uint64"]))
def test_tokens_of_any_integer_type(seed, dtype, n_steps, n_inputs, kind):
    rng, cell = np.random.default_rng(seed), Elman(n_inputs, 5)
    theta, readout, _, targets = drawn(cell, seed, dtype, n_steps, 2)
    tokens = rng.integers(n_inputs, size=n_steps).astype(kind)
    ours = kernels.block_gradient(cell, theta, readout, tokens, targets)
    near(flat(ours[1]), flat(kernels.block_gradient(cell, theta, readout, np.eye(n_inputs, dtype=dtype)[tokens.astype(int)], targets)[1]), dtype)
