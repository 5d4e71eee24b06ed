"""From PyTorch's recurrent modules to models and back. PyTorch is optional: it is imported when it is asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray
from ._checks import positive_int
from .cells import GRU, LSTM, Cell, Elman, Stack, stack
from .recurrent import RecurrentClassifier, RecurrentRegressor
from .recurrent._model import RecurrentModel
from .recurrent._streaming import StreamingModel

__all__ = ["from_torch", "to_torch"]

FROM_THE_MODULE = (
    "n_units", "cell", "activation", "dt", "leak_rate", "weight_bound", "connectivity", "init", "n_inputs", "dtype"
)  # fmt: skip
KINDS: dict[str, type[Cell]] = {"RNN": Elman, "GRU": GRU, "LSTM": LSTM}
NEEDED = {"bidirectional": False, "dropout": 0.0, "proj_size": 0, "bias": True}
GATES: Mapping[type[Cell], tuple[str, ...]] = {Elman: ("",), GRU: GRU.gates, LSTM: LSTM.gates}  # in PyTorch's order, which is ours


def from_torch(
    module: Any, readout: Any = None, *, classes: ArrayLike | int | None = None, n_series: int = 1, tokens: bool = False, **settings: Any
) -> Any:
    """Turn a recurrent module of PyTorch into a model that has its weights and goes on learning them online.

    Parameters
    ----------
    module : torch.nn.RNN, torch.nn.GRU or torch.nn.LSTM
        Of float32 or float64, with biases, in one direction, without dropout or projections; several layers become a stack
        (:func:`pushforward.cells.stack`).
    readout : torch.nn.Linear, optional
        What reads the outputs off the top layer. Without it they are read by weights that are drawn from ``random_state``; how many there are
        must then be said by ``n_outputs``, or ``classes``.
    classes : int or array-like, optional
        Makes a classifier of these classes: the read-out's outputs are their logits.
    n_series : int
        How many series the model will learn at a time.
    tokens : bool
        Whether inputs will be integer tokens, in place of rows with a single 1.
    **settings
        Other arguments of the estimator, ``gradient``, ``optimizer``, ``update_every``, ….

    Returns
    -------
    model : RecurrentRegressor, or RecurrentClassifier where ``classes`` are given
        It has seen no data and its state is zero. The module is copied from and not referred to.

    Raises
    ------
    ImportError
        When PyTorch is not installed.
    ValueError
        Naming an option of the module that has no counterpart here, or a setting that the module decides.

    Notes
    -----
    Outputs agree to round-off. PyTorch's two biases are one here where they only occur as a sum: bias = bias_ih + bias_hh; the GRU keeps the one
    that its reset gate multiplies (``bias_rec_candidate``) apart. Data are as for any model here, a batch has the series in front, whatever the
    module's ``batch_first``. ``partial_fit`` goes on from these weights; ``fit`` draws new ones, as always.

    Examples
    --------
    >>> import numpy as np, torch, pushforward as pf  # doctest: +SKIP
    >>> rnn, linear = torch.nn.GRU(2, 8, batch_first=True), torch.nn.Linear(8, 1)  # doctest: +SKIP
    >>> model = pf.from_torch(rnn, linear, optimizer=pf.SGD(learning_rate=0.01))  # doctest: +SKIP
    >>> X = np.random.default_rng(0).normal(size=(100, 2)).astype("float32")  # doctest: +SKIP
    >>> with torch.no_grad():  # doctest: +SKIP
    ...     theirs = linear(rnn(torch.from_numpy(X[None]))[0])[0].numpy()
    >>> bool(np.allclose(model.predict(X), theirs, atol=1e-6))  # doctest: +SKIP
    True
    >>> model.partial_fit(X, X[:, :1]).n_updates_  # doctest: +SKIP
    100
    """
    torch = _torch()
    for name in FROM_THE_MODULE:
        if name in settings:
            raise ValueError(f"{name} is what the module says it is and must not be given, got {name}={settings[name]!r}")
    positive_int("n_series", n_series)
    if not isinstance(tokens, bool):
        raise TypeError(f"tokens must be a bool, got {tokens!r}")
    cell, theta = _read(module, torch)
    read = None if readout is None else _read_linear(readout, cell, theta.dtype, torch)
    if read is not None and settings.get("readout_bound") is not None:
        raise ValueError(f"readout_bound must be left out where a read-out is given: it has none, got {settings['readout_bound']!r}")
    if read is not None and settings.get("n_outputs", read[1].size) != read[1].size:
        raise ValueError(f"n_outputs must be {read[1].size} like the read-out's, got {settings['n_outputs']!r}")
    if classes is None:
        if read is None and settings.get("n_outputs") is None:
            raise ValueError("n_outputs, or classes, must be given where no read-out is, got neither")
        settings |= {} if read is None else {"n_outputs": read[1].size}
        model: StreamingModel = RecurrentRegressor(cell=cell, dtype=theta.dtype.name, **settings)
    else:
        if np.ndim(classes) > 0 and (read is not None) and not np.array_equal(np.unique(np.asarray(classes)), np.asarray(classes)):
            raise ValueError(f"classes must be in rising order, each once: the read-out's outputs are theirs in this order; got {classes!r}")
        model = RecurrentClassifier(cell=cell, dtype=theta.dtype.name, classes=classes, **settings)
    model._tokens_ = tokens
    model._build_without_targets(cell.n_inputs, n_series)
    if read is not None and model.n_outputs_ != read[1].size:
        raise ValueError(f"classes must be as many as the read-out's outputs, {read[1].size}, got {model.n_outputs_}")
    core = model._core()
    core.set_parameters(theta, *(read or core.parameters()[1:]))
    return model


def to_torch(model: RecurrentModel, batch_first: bool = True) -> tuple[Any, Any]:
    """Return PyTorch's module and read-out with a model's weights; estimators call it as ``model.to_torch()``. See there."""
    torch = _torch()
    cell, (theta, W_out, b_out) = model.cell_, model._core().parameters()
    layers = cell.layers if isinstance(cell, Stack) else (cell,)
    kind, first = _kind_of(layers), layers[0]
    settings = model._settings_
    weights = cell.unpack(_bounded(theta, cell.bound))
    options = {"nonlinearity": first.activation} if isinstance(first, Elman) else {}
    where = {"dtype": getattr(torch, settings.dtype.name), "device": "cpu"}
    with torch.random.fork_rng(devices=[]):  # PyTorch draws weights that are overwritten below: its generator is left as it was
        module = getattr(torch.nn, kind)(first.n_inputs, first.n_units, len(layers), batch_first=batch_first, **options, **where)
        linear = torch.nn.Linear(first.n_units, settings.n_outputs, **where)
    for number, layer in enumerate(layers):
        prefix = f"layer{number}." if isinstance(cell, Stack) else ""
        for name, array in _packed(layer, {name.removeprefix(prefix): W for name, W in weights.items() if name.startswith(prefix)}).items():
            getattr(module, f"{name}_l{number}").data.copy_(torch.from_numpy(array))
    linear.weight.data.copy_(torch.from_numpy(_bounded(W_out, settings.readout_bound)))
    linear.bias.data.copy_(torch.from_numpy(_bounded(b_out, settings.readout_bound)))
    return module, linear


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError("this needs PyTorch, which is not installed: pip install 'pushforward[torch]'") from error
    return torch


def _read(module: Any, torch: Any) -> tuple[Cell, FloatArray]:
    """The cell a module is, and θ."""
    kind = next((name for name in KINDS if isinstance(module, getattr(torch.nn, name))), None)
    if kind is None:
        raise TypeError(f"module must be a torch.nn.RNN, GRU or LSTM, got {type(module).__name__}")
    for option, needed in NEEDED.items():
        if getattr(module, option) != needed:
            raise ValueError(f"module must have {option}={needed}, which is all there is here, got {option}={getattr(module, option)}")
    options = {"activation": module.nonlinearity} if kind == "RNN" else {}
    widths = [module.input_size] + [module.hidden_size] * (module.num_layers - 1)
    layers = [KINDS[kind](width, module.hidden_size, **options) for width in widths]
    parts = [_unpacked(layer, module, number) for number, layer in enumerate(layers)]
    if len(layers) == 1:
        return layers[0], layers[0].pack(parts[0])
    cell = stack(layers)
    return cell, cell.pack({f"layer{number}.{name}": W for number, weights in enumerate(parts) for name, W in weights.items()})


def _unpacked(layer: Cell, module: Any, number: int) -> dict[str, FloatArray]:
    """A layer's weights under our names."""
    gates = GATES[type(layer)]
    W_in, W_rec, b_in, b_rec = (
        np.split(_array(f"module.{name}_l{number}", getattr(module, f"{name}_l{number}")), len(gates))
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    weights: dict[str, FloatArray] = {}
    for k, gate in enumerate(gates):
        suffix = f"_{gate}" if gate else ""
        weights |= {f"W_rec{suffix}": W_rec[k], f"W_in{suffix}": W_in[k], f"bias{suffix}": b_in[k] + b_rec[k]}
    if isinstance(layer, GRU):
        weights |= {"bias_candidate": b_in[2], "bias_rec_candidate": b_rec[2]}
    return weights


def _packed(layer: Cell, weights: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """The opposite: our bias is bias_ih, and bias_hh is zero but where the GRU has two."""
    suffixes = [f"_{gate}" if gate else "" for gate in GATES[type(layer)]]
    names = {"weight_ih": "W_in", "weight_hh": "W_rec", "bias_ih": "bias"}
    packed = {name: np.concatenate([weights[f"{part}{suffix}"] for suffix in suffixes]) for name, part in names.items()}
    packed["bias_hh"] = np.zeros_like(packed["bias_ih"])
    if isinstance(layer, GRU):
        packed["bias_hh"][-layer.n_units :] = weights["bias_rec_candidate"]
    return packed


def _read_linear(readout: Any, cell: Cell, dtype: Any, torch: Any) -> tuple[FloatArray, FloatArray]:
    """W_out, b_out."""
    if not isinstance(readout, torch.nn.Linear):
        raise TypeError(f"readout must be a torch.nn.Linear or None, got {type(readout).__name__}")
    if readout.in_features != cell.n_features:
        raise ValueError(f"readout must have in_features={cell.n_features}, the module's hidden_size, got {readout.in_features}")
    if readout.bias is None:
        raise ValueError("readout must have bias=True, which is all there is here, got bias=False")
    W_out, b_out = _array("readout.weight", readout.weight), _array("readout.bias", readout.bias)
    if W_out.dtype != dtype:
        raise ValueError(f"readout must be {dtype} like the module, got {W_out.dtype}")
    return W_out, b_out


def _array(name: str, tensor: Any) -> FloatArray:
    """A copy of a tensor of float32 or float64, from wherever it is."""
    kind = str(tensor.dtype).removeprefix("torch.")
    if kind not in ("float32", "float64"):
        raise ValueError(f"{name} must be float32 or float64, got {kind}")
    array: FloatArray = np.array(tensor.detach().cpu().numpy())
    return array


def _kind_of(layers: tuple[Cell, ...]) -> str:
    """The module that all layers are."""
    expected = "cell must be one that PyTorch has, elman with tanh or relu, gru with reset='after' or lstm, its layers alike and of one width"
    first = layers[0]
    kind = next((name for name, there in KINDS.items() if type(first) is there), None)
    activation, reset = getattr(first, "activation", "tanh"), getattr(first, "reset", "after")
    if kind is None or activation not in ("tanh", "relu") or reset != "after":
        raise ValueError(f"{expected}, got {first!r}")
    for layer in layers[1:]:
        alike = type(layer) is type(first) and layer.n_units == first.n_units
        if not alike or (getattr(layer, "activation", "tanh"), getattr(layer, "reset", "after")) != (activation, reset):
            raise ValueError(f"{expected}, got {first!r} below {layer!r}")
    return kind


def _bounded(weights: FloatArray, bound: float | None) -> FloatArray:
    """The weights as they are used."""
    used: FloatArray = weights if bound is None else (bound * np.tanh(weights / bound)).astype(weights.dtype)
    return used
