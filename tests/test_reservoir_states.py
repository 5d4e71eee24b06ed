"""The reservoir kernel: equal to its twin for every kind of W_rec, a block is a block, series do not hear each other, what is wrong is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import pushforward as pf
from pushforward._network import core_network, echo_state_layer

DTYPES = ["float32", "float64", "complex64", "complex128"]
N = 37
KINDS = ["csr", "dense", "orthogonal", "ring", "delay line", "jumps", "uneven jumps", "blocks", "small blocks", "empty rows"]


def numbers(rng, shape, dtype):
    drawn = rng.normal(size=shape)
    return (drawn + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else drawn).astype(dtype)


def recurrent(kind, rng, dtype="float64", n=N):
    """A W_rec of n units of this kind; n = 37 is no multiple of a register, a slice or a group of lanes."""
    W = pf.reservoirs
    weight = 0.8 * np.exp(0.3j) if np.dtype(dtype).kind == "c" else 0.8
    if kind == "empty rows":
        array = numbers(rng, (n, n), dtype) * (rng.random((n, n)) < 0.1)
        array[[0, 5, n - 1]] = 0
        return sparse.csr_array(array)
    if kind == "blocks":
        return W.BlockDiagonal(0.2 * numbers(rng, (1, n, n), dtype))
    return {
        "csr": lambda: W.random(n, connectivity=0.2, dtype=dtype, random_state=1),
        "dense": lambda: W.random(n, connectivity=1.0, dtype=dtype, random_state=1),
        "orthogonal": lambda: W.orthogonal(n, dtype=dtype, random_state=1),
        "ring": lambda: W.Ring(n, weight),
        "delay line": lambda: W.DelayLine(n, weight, 0.1),
        "jumps": lambda: W.CycleWithJumps(n, weight, 0.2, jump=5),
        "uneven jumps": lambda: W.CycleWithJumps(n, weight, 0.2, jump=4),
        "small blocks": lambda: W.BlockDiagonal(0.5 * numbers(rng, (n, 1, 1), dtype)),
    }[kind]()


def tolerance(dtype):
    return 2e-5 if np.dtype(dtype).char in "fF" else 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(90, 2), (3, 20, 2), (18, 20, 1)])
def test_the_kernel_equals_its_twin(kind, dtype, shape, rng):
    args = recurrent(kind, rng, dtype), numbers(rng, (N, shape[-1]), dtype), numbers(rng, N, dtype), numbers(rng, shape, dtype)
    options = {"leak_rate": rng.uniform(0.2, 1, N), "W_feedback": numbers(rng, (N, 3), dtype), "feedback": numbers(rng, (*shape[:-1], 3), dtype)}
    options |= {"noise": 0.1, "seed": 7, "state": numbers(rng, (*shape[:-2], N), dtype)}
    states = pf.kernels.reservoir_states(*args, **options)
    expected = pf.reference.reservoir_states(*args, **options)
    assert states.dtype == np.dtype(dtype)
    assert np.abs(states - expected).max() < tolerance(dtype)


@pytest.mark.parametrize("activation", ["identity", "relu", "sigmoid", "elu"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_activation_equals_its_twin(activation, dtype, rng):
    args = recurrent("ring", rng, dtype), numbers(rng, (N, 1), dtype), None, numbers(rng, (30, 1), dtype)
    states = pf.kernels.reservoir_states(*args, activation=activation)
    expected = pf.reference.reservoir_states(*args, activation=activation)
    assert np.abs(states - expected).max() < tolerance(dtype) * max(1, np.abs(expected).max())


@pytest.mark.parametrize("kind", ["csr", "dense", "jumps"])
def test_every_instruction_set_equals_the_twin(kind, dtype, isa, rng):
    args = recurrent(kind, rng, dtype), numbers(rng, (N, 2), dtype), None
    for X in (numbers(rng, (40, 2), dtype), numbers(rng, (17, 20, 2), dtype)):
        assert np.abs(pf.kernels.reservoir_states(*args, X) - pf.reference.reservoir_states(*args, X)).max() < tolerance(dtype)


@pytest.mark.parametrize("kind", ["csr", "dense", "ring", "empty rows"])
def test_the_skip_of_edge_of_stability_units(kind, dtype, rng):
    args = recurrent(kind, rng, dtype), numbers(rng, (N, 2), dtype), None
    options = {"leak_rate": 0.3, "W_skip": pf.reservoirs.orthogonal(N, dtype=dtype, random_state=3)}
    for X in (numbers(rng, (40, 2), dtype), numbers(rng, (17, 20, 2), dtype)):
        states = pf.kernels.reservoir_states(*args, X, **options)
        assert np.abs(states - pf.reference.reservoir_states(*args, X, **options)).max() < tolerance(dtype)


@pytest.mark.parametrize("kind", ["csr", "dense", "ring"])
@pytest.mark.parametrize("cut", [1, 63, 64, 65, 100])
def test_a_run_in_two_halves_is_the_run(kind, cut, dtype, rng):
    W, W_in, X = recurrent(kind, rng, dtype), numbers(rng, (N, 2), dtype), numbers(rng, (150, 2), dtype)
    whole = pf.kernels.reservoir_states(W, W_in, None, X, leak_rate=0.5)
    first = pf.kernels.reservoir_states(W, W_in, None, X[:cut], leak_rate=0.5)
    rest = pf.kernels.reservoir_states(W, W_in, None, X[cut:], leak_rate=0.5, state=first[-1])
    assert np.array_equal(np.concatenate([first, rest]), whole)


def test_series_side_by_side_do_not_hear_each_other(dtype, rng):
    W, W_in, X = recurrent("csr", rng, dtype), numbers(rng, (N, 2), dtype), numbers(rng, (20, 30, 2), dtype)
    batch = pf.kernels.reservoir_states(W, W_in, None, X)
    for b in (0, 15, 16, 19):
        assert np.abs(batch[b] - pf.kernels.reservoir_states(W, W_in, None, X[b])).max() < tolerance(dtype)
    other = X.copy()
    other[3] = 9
    assert np.array_equal(np.delete(pf.kernels.reservoir_states(W, W_in, None, other), 3, axis=0), np.delete(batch, 3, axis=0))


@pytest.mark.parametrize("n_series", [1, 40])
def test_threads_do_not_change_a_bit(n_series, rng):
    W, W_in, X = recurrent("csr", rng), numbers(rng, (N, 2), "float64"), numbers(rng, (n_series, 50, 2), "float64")
    before = pf.get_num_threads()
    try:
        found = []
        for n_threads in (1, 3):
            pf.set_num_threads(n_threads)
            found.append(pf.kernels.reservoir_states(W, W_in, None, X, noise=0.1, seed=1))
    finally:
        pf.set_num_threads(before)
    assert np.array_equal(*found)


def test_causality(rng):
    W, W_in, X = recurrent("csr", rng), numbers(rng, (N, 2), "float64"), numbers(rng, (100, 2), "float64")
    other = X.copy()
    other[70:] += 1
    a, b = (pf.kernels.reservoir_states(W, W_in, None, x) for x in (X, other))
    assert np.array_equal(a[:70], b[:70])
    assert not np.allclose(a[70], b[70])


def test_noise_has_the_deviation_asked_for_and_comes_from_the_seed():
    n = 2000
    W, W_in, X = sparse.csr_array((n, n)), np.zeros((n, 1)), np.zeros((50, 1))
    draw = [pf.kernels.reservoir_states(W, W_in, None, X, activation="identity", noise=0.3, seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])
    assert abs(draw[0].std() - 0.3) < 4 * 0.3 / np.sqrt(2 * draw[0].size)
    assert abs(draw[0].mean()) < 4 * 0.3 / np.sqrt(draw[0].size)
    z = pf.kernels.reservoir_states(W.astype(complex), W_in.astype(complex), None, X.astype(complex), activation="identity", noise=0.3, seed=0)
    assert abs(np.sqrt(np.mean(np.abs(z) ** 2)) - 0.3) < 0.003


def test_tanh_stays_within_one(dtype, isa):
    inputs = np.array([[0.0], [1e-3], [3.0], [9.0], [17.0], [300.0], [1e30]], dtype)
    states = pf.kernels.reservoir_states(np.zeros((1, 1), dtype), np.ones((1, 1), dtype), None, inputs)
    assert states.max() == 1
    assert np.abs(states - np.tanh(inputs)).max() <= 4 * np.finfo(dtype).eps


def test_layers_draw_their_noise_from_seeds_of_their_own():
    X, drawn = np.zeros((50, 1)), []
    for seed in (0, 1):
        layers = [echo_state_layer(sparse.csr_array((4, 4)), np.zeros((4, k)), None, X.dtype, activation="identity", noise=1.0) for k in (1, 4)]
        out = np.empty((1, 50, 8, 1))
        core_network(layers, 1, 0, 1, False, seed, X.dtype).run(X[None, ..., None], None, out)
        drawn += [out[0, :, :4, 0], out[0, :, 4:, 0]]
    for a in range(4):
        for b in range(a):
            assert np.abs(drawn[a] - drawn[b]).max() > 0.5


def test_out_is_written_and_returned(dtype, rng):
    W, W_in, X = recurrent("csr", rng, dtype), numbers(rng, (N, 1), dtype), numbers(rng, (30, 1), dtype)
    out = np.empty((30, N), dtype)
    assert pf.kernels.reservoir_states(W, W_in, None, X, out=out) is out
    assert np.array_equal(out, pf.kernels.reservoir_states(W, W_in, None, X))


def test_what_the_caller_gave_is_not_changed(rng):
    """Entries of W_rec given twice are summed, in a copy: SciPy sums them in place, in arrays that the caller's matrix shares."""
    W = sparse.csr_array((np.array([0.3, 0.4, 0.2]), np.array([1, 1, 0]), np.array([0, 2, 2, 3])), shape=(3, 3))
    W_in, X, start = np.ones((3, 1)), rng.normal(size=(9, 1)), rng.normal(size=3)
    before = [a.copy() for a in (W.data, W.indices, W.indptr, W_in, X, start)]
    expected = pf.reference.reservoir_states(W.toarray(), W_in, None, X, start)
    for _ in range(2):
        np.testing.assert_allclose(pf.kernels.reservoir_states(W, W_in, None, X, start), expected, rtol=1e-13)
    for kept, found in zip(before, (W.data, W.indices, W.indptr, W_in, X, start), strict=True):
        np.testing.assert_array_equal(found, kept)


@given(n=st.integers(1, 70), density=st.floats(0, 1), n_series=st.integers(1, 35), n_steps=st.integers(1, 70), seed=st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_any_size_equals_the_twin(n, density, n_series, n_steps, seed):
    rng = np.random.default_rng(seed)
    W = sparse.random_array((n, n), density=density, rng=rng, format="csr")
    args = W, rng.normal(size=(n, 1)), rng.normal(size=n), rng.normal(size=(n_series, n_steps, 1))
    assert np.abs(pf.kernels.reservoir_states(*args) - pf.reference.reservoir_states(*args)).max() < 1e-11


BAD = {
    "leak_rate": ({"leak_rate": 0.0}, "leak_rate must lie in (0, 1], got 0.0"),
    "leak_rate above one": ({"leak_rate": [0.5] * 4 + [1.5]}, "leak_rate must lie in (0, 1], got 1.5"),
    "leak_rate of another length": ({"leak_rate": [0.5, 0.5]}, "leak_rate must be a number or (5,)"),
    "W_rec not square": ({"W_rec": np.zeros((4, 5))}, "W_rec must have shape (5, 5), got (4, 5)"),
    "operator of another size": ({"W_rec": pf.reservoirs.Ring(6, 0.5)}, "W_rec must have shape (5, 5), got (6, 6)"),
    "W_rec not finite": ({"W_rec": np.full((5, 5), np.nan)}, "W_rec must be finite, got nan at (0, 0)"),
    "W_in": ({"W_in": np.zeros((5, 3))}, "W_in must have shape (any, 2), got (5, 3)"),
    "bias": ({"bias": np.zeros(4)}, "bias must have shape (5,), got (4,)"),
    "state": ({"state": np.zeros(4)}, "state must have shape (5,), got (4,)"),
    "activation": ({"activation": "cube"}, "activation must be one of"),
    "noise without seed": ({"noise": 0.1}, "seed must be given with noise"),
    "negative noise": ({"noise": -0.1, "seed": 0}, "noise must be a finite standard deviation of at least 0, got -0.1"),
    "feedback alone": ({"feedback": np.zeros((6, 1))}, "W_feedback and feedback must be given together"),
    "feedback too short": ({"W_feedback": np.zeros((5, 1)), "feedback": np.zeros((4, 1))}, "feedback must have shape (6, 1), got (4, 1)"),
    "no steps": ({"inputs": np.zeros((0, 2))}, "none of them 0, got shape (0, 2)"),
    "inputs not finite": ({"inputs": np.array([[0.0, 0.0], [0.0, np.inf]])}, "inputs must be finite, got inf at series 0, step 1, column 1"),
    "out": ({"out": np.zeros((6, 4))}, "out must be a C-contiguous, writeable array of float64 and shape (6, 5)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_values_are_named(case):
    changed, message = BAD[case]
    args = {"W_rec": np.zeros((5, 5)), "W_in": np.zeros((5, 2)), "bias": None, "inputs": np.zeros((6, 2))} | changed
    with pytest.raises(ValueError) as caught:
        pf.kernels.reservoir_states(**args)
    assert message in str(caught.value)


MIXED = [
    ("W_rec", np.zeros((5, 5), complex)), ("W_rec", sparse.csr_array((5, 5), dtype=complex)), ("W_rec", pf.reservoirs.Ring(5, 0.5j)),
    ("W_in", np.zeros((5, 2), "float32")), ("inputs", np.zeros((6, 2), int)), ("state", np.zeros(5, complex)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), MIXED)
def test_mixed_types_are_refused(name, value):
    args = {"W_rec": np.zeros((5, 5)), "W_in": np.zeros((5, 2)), "bias": None, "inputs": np.zeros((6, 2))} | {name: value}
    with pytest.raises(TypeError, match=name):
        pf.kernels.reservoir_states(**args)


@pytest.mark.parametrize("n_series", [1, 20])
def test_overflow_is_reported_with_its_step(n_series):
    inputs = np.zeros((n_series, 5000, 1))
    inputs[n_series // 2, 0] = 1
    with pytest.raises(pf.DivergenceError) as caught:
        pf.kernels.reservoir_states(pf.reservoirs.Ring(4, 2.0), np.ones((4, 1)), None, inputs, activation="identity")
    assert (caught.value.step, caught.value.series) == (1024, n_series // 2)  # 2^1024 is no double
