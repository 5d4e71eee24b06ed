"""PyTorch's modules and ours: one arithmetic, forward and back, and what has no counterpart refused by name."""

import builtins
import doctest

import numpy as np
import pytest
from helpers import close, refused

import pushforward as pf
from pushforward import kernels
from pushforward.cells import GRU, LSTM, Elman, Leaky, stack

torch = pytest.importorskip("torch")

N_INPUTS, N_UNITS, N_OUTPUTS, N_STEPS = 3, 7, 2, 40
MODULES = {"tanh": (torch.nn.RNN, {}), "relu": (torch.nn.RNN, {"nonlinearity": "relu"}), "gru": (torch.nn.GRU, {}), "lstm": (torch.nn.LSTM, {})}
each_module = pytest.mark.parametrize("name", MODULES)
each_depth = pytest.mark.parametrize("num_layers", [1, 3])


def pair(name, dtype, num_layers=1, **options):
    """A module and a read-out of PyTorch, drawn from a seed of their own."""
    kind, given = MODULES[name]
    with torch.random.fork_rng():
        torch.manual_seed(11)
        where = {"dtype": getattr(torch, np.dtype(dtype).name)}
        return kind(N_INPUTS, N_UNITS, num_layers, **given | options, **where), torch.nn.Linear(N_UNITS, N_OUTPUTS, **where)


def theirs(module, linear, X):
    """Outputs of PyTorch, for one series or a batch in front."""
    with torch.no_grad():
        first = getattr(module, "batch_first", False) or X.ndim == 2
        inputs = torch.from_numpy(X if first else X.swapaxes(0, 1).copy())
        outputs = linear(module(inputs)[0]).numpy()
    return outputs if first else outputs.swapaxes(0, 1)


def data(rng, dtype, n_series=None):
    shape = (N_STEPS,) if n_series is None else (n_series, N_STEPS)
    return rng.normal(size=(*shape, N_INPUTS)).astype(dtype), rng.normal(size=(*shape, N_OUTPUTS)).astype(dtype)


def agree(ours, others):
    np.testing.assert_allclose(ours, others, rtol=0, atol=1e-6 if ours.dtype == np.float32 else 1e-13)
    assert np.std(others) > 1e-3


# -- there and back ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_first", [False, True])
@each_depth
@each_module
def test_outputs_agree(name, num_layers, batch_first, rng, dtype):
    module, linear = pair(name, dtype, num_layers, batch_first=batch_first)
    model = pf.from_torch(module, linear, n_series=4)
    assert model.dtype == dtype.name
    for X, _ in (data(rng, dtype), data(rng, dtype, n_series=4)):
        agree(model.predict(X), theirs(module, linear, X))


@each_depth
@each_module
def test_a_model_trained_here_goes_on_there(name, num_layers, rng, dtype):
    model = pf.from_torch(*pair(name, dtype, num_layers), optimizer=pf.SGD(learning_rate=0.05))
    X, y = data(rng, dtype)
    before = model.predict(X)
    model.partial_fit(X, y)
    after = model.predict(X)
    assert np.abs(after - before).max() > 0.05
    module, linear = model.to_torch()
    agree(after, theirs(module, linear, X))
    agree(after, theirs(*model.to_torch(batch_first=False), X))
    assert module.batch_first
    assert all(p.requires_grad for p in [*module.parameters(), *linear.parameters()])
    again = pf.from_torch(module, linear)
    for ours, came in zip((again.theta_, again.W_out_, again.b_out_), (model.theta_, model.W_out_, model.b_out_), strict=True):
        np.testing.assert_array_equal(ours, came)


@each_depth
@each_module
def test_the_exact_gradient_is_that_of_back_propagation_there(name, num_layers, rng):
    module, linear = pair(name, "float64", num_layers)
    model = pf.from_torch(module, linear)
    X, y = data(rng, "float64")
    (0.5 * (linear(module(torch.from_numpy(X))[0]) - torch.from_numpy(y)) ** 2).sum().backward()
    arguments = model.cell_, model.theta_, (model.W_out_, model.b_out_), X, y
    for carry_every in (1, 5, None):
        gradient = kernels.block_gradient(*arguments, carry_every=carry_every)[1]
        close(gradient["W_out"], linear.weight.grad.numpy(), 1e-12)
        close(gradient["b_out"], linear.bias.grad.numpy(), 1e-12)
        named = model.cell_.unpack(gradient["theta"])
        for number in range(num_layers):
            prefix = f"layer{number}." if num_layers > 1 else ""
            for part, weight in (("W_rec", "weight_hh"), ("W_in", "weight_ih"), ("bias", "bias_ih")):
                gates = [W for key, W in named.items() if key.startswith(prefix + part) and "rec_candidate" not in key.removeprefix(prefix + "W_rec")]
                for ours, grad in zip(gates, torch.chunk(getattr(module, f"{weight}_l{number}").grad, len(gates)), strict=True):
                    close(ours, grad.numpy(), 1e-12)
            if name == "gru":
                close(named[f"{prefix}bias_rec_candidate"], getattr(module, f"bias_hh_l{number}").grad[-N_UNITS:].numpy(), 1e-12)


def test_both_biases_are_used(rng, dtype):
    module, linear = pair("gru", dtype)
    weights = pf.from_torch(module, linear).cell_.unpack(pf.from_torch(module, linear).theta_)
    b_in, b_rec = (np.split(b.detach().numpy(), 3) for b in (module.bias_ih_l0, module.bias_hh_l0))
    np.testing.assert_array_equal(weights["bias_reset"], b_in[0] + b_rec[0])
    np.testing.assert_array_equal(weights["bias_candidate"], b_in[2])
    np.testing.assert_array_equal(weights["bias_rec_candidate"], b_rec[2])


# -- models from modules -------------------------------------------------------------------------------------------------------


def test_a_classifier_of_tokens(rng):
    module, linear = pair("gru", "float32")
    model = pf.from_torch(module, linear, classes=N_OUTPUTS, tokens=True, n_series=2, update_every=3, gradient="tbptt")
    tokens, y = rng.integers(N_INPUTS, size=(2, N_STEPS)), rng.integers(N_OUTPUTS, size=(2, N_STEPS))
    expected = torch.softmax(torch.from_numpy(theirs(module, linear, np.eye(N_INPUTS, dtype=np.float32)[tokens])), -1).numpy()
    agree(model.predict_proba(tokens), expected)
    model.partial_fit(tokens, y)
    assert model.n_updates_ == N_STEPS // 3
    assert isinstance(model, pf.RecurrentClassifier)


def test_a_module_without_a_read_out_gets_a_drawn_one(rng, dtype):
    module, _ = pair("lstm", dtype)
    model, other = (pf.from_torch(module, n_outputs=2, random_state=seed) for seed in (0, 1))
    np.testing.assert_array_equal(model.theta_, other.theta_)
    assert np.all(model.W_out_ != other.W_out_)
    X, y = data(rng, dtype)
    model.partial_fit(X, y)
    assert pf.from_torch(module, classes=["a", "b", "c"]).W_out_.shape == (3, N_UNITS)


def test_a_model_is_saved_and_goes_on(rng, dtype, tmp_path):
    model = pf.from_torch(*pair("gru", dtype, 2), carry_every=4)
    X, y = data(rng, dtype)
    model.partial_fit(X[:21], y[:21]).save(tmp_path / "model.safetensors")
    twin = pf.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(twin.partial_fit(X[21:], y[21:]).theta_, model.partial_fit(X[21:], y[21:]).theta_)


def test_the_module_is_neither_changed_nor_referred_to(rng):
    module, linear = pair("lstm", "float32")
    before = [p.detach().clone() for p in [*module.parameters(), *linear.parameters()]]
    X, y = data(rng, "float32")
    model = pf.from_torch(module, linear).partial_fit(X, y)
    assert all(torch.equal(a, b) for a, b in zip(before, [*module.parameters(), *linear.parameters()], strict=True))
    theta = model.theta_
    with torch.no_grad():
        module.weight_hh_l0.zero_()
        model.to_torch()[0].weight_hh_l0.zero_()
    np.testing.assert_array_equal(model.theta_, theta)


def test_torchs_generator_is_left_alone():
    state = torch.random.get_rng_state()
    pf.from_torch(*pair("gru", "float32", 2)).to_torch()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_weights_are_written_as_they_are_used(rng):
    X, y = data(rng, "float32")
    cell = GRU(N_INPUTS, N_UNITS, connectivity=0.5, weight_bound=0.4)
    model = pf.RecurrentRegressor(cell=cell, readout_bound=0.3).partial_fit(X, y)
    module, linear = model.to_torch()
    agree(model.predict(X), theirs(module, linear, X))
    assert np.all(module.weight_hh_l0.detach().numpy()[:N_UNITS][~cell.mask()] == 0)


# -- refusals ------------------------------------------------------------------------------------------------------------------


def test_what_has_no_counterpart_is_named():
    for option, value in (("bidirectional", True), ("dropout", 0.5), ("bias", False)):
        refused(f"module must have {option}=.*got {option}={value}", pf.from_torch, *pair("gru", "float32", 2, **{option: value}))
    refused("module must have proj_size=0.*got proj_size=2", pf.from_torch, pair("lstm", "float32", proj_size=2)[0], n_outputs=1)
    refused("module must be a torch.nn.RNN, GRU or LSTM, got GRUCell", pf.from_torch, torch.nn.GRUCell(2, 3), n_outputs=1)
    module, linear = pair("gru", "float32")
    refused("module.weight_ih_l0 must be float32 or float64, got float16", pf.from_torch, pair("gru", "float16")[0], n_outputs=1)
    refused("readout must be float32 like the module, got float64", pf.from_torch, module, pair("gru", "float64")[1])
    refused("readout must have in_features=7.*got 8", pf.from_torch, module, torch.nn.Linear(8, 1))
    refused("readout must have bias=True", pf.from_torch, module, torch.nn.Linear(7, 1, bias=False))
    refused("readout must be a torch.nn.Linear or None, got ReLU", pf.from_torch, module, torch.nn.ReLU())
    refused("n_outputs, or classes, must be given", pf.from_torch, module)
    refused("n_outputs must be 2 like the read-out's, got 3", pf.from_torch, module, linear, n_outputs=3)
    refused("classes must be as many as the read-out's outputs, 2, got 3", pf.from_torch, module, linear, classes=3)
    refused("readout_bound must be left out", pf.from_torch, module, linear, readout_bound=1.0)
    refused("n_series must be a positive int", pf.from_torch, module, linear, n_series=0)
    refused("tokens must be a bool", pf.from_torch, module, linear, tokens=1)
    refused("gradient must be one of", pf.from_torch, module, linear, gradient="bptt")
    for setting in ({"n_units": 3}, {"cell": "gru"}, {"dtype": "float32"}, {"init": "glorot"}, {"weight_bound": 1.0}):
        refused(f"{next(iter(setting))} is what the module says it is", pf.from_torch, module, linear, **setting)
    with torch.no_grad():
        module.weight_hh_l0[0, 0] = torch.nan
    refused("theta must be finite", pf.from_torch, module, linear)


@pytest.mark.parametrize("cell", [
    Leaky(1, 3), Elman(1, 3, "sigmoid"), GRU(1, 3, reset="before"), stack([GRU(1, 3), LSTM(3, 3)]), stack([GRU(1, 3), GRU(3, 4)]),
    stack([Elman(1, 3), Elman(3, 3, "relu")]), stack([GRU(1, 3), GRU(3, 3, reset="before")]),
], ids=repr)  # fmt: skip
def test_cells_that_pytorch_lacks_are_refused(cell):
    X = np.ones((3, 1), "float32")
    refused("cell must be one that PyTorch has", pf.RecurrentRegressor(cell=cell).partial_fit(X, X).to_torch)


def test_without_pytorch_the_error_says_how_to_get_it(monkeypatch):
    model = pf.from_torch(*pair("gru", "float32"))
    imported = builtins.__import__

    def without(name, *arguments, **settings):
        if name == "torch":
            raise ImportError(name)
        return imported(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", without)
    for function in (model.to_torch, lambda: pf.from_torch(None)):
        with pytest.raises(ImportError, match=r"pip install 'pushforward\[torch\]'"):
            function()


def test_the_example_runs():
    source = pf.from_torch.__doc__.replace("  # doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(source, {}, "from_torch", None, None)
    assert len(example.examples) == 7
    assert doctest.DocTestRunner().run(example).failed == 0


def test_classes_stand_in_the_order_of_the_outputs(rng):
    """A classifier sorts its classes: others than sorted ones would change the meaning of the read-out's rows."""
    module, linear = pair("gru", "float64")
    assert list(pf.from_torch(module, linear, classes=["a", "b"]).classes_) == ["a", "b"]
    for wrong in (["b", "a"], [1, 1]):
        refused("classes must be in rising order, each once", pf.from_torch, module, linear, classes=wrong)
