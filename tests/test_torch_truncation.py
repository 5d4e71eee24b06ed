"""Truncated back-propagation as PyTorch does it: chunks, and a window that slides on with every update."""

import pytest
from helpers import close, series

import pushforward as pf
from pushforward._gradients import stream_gradient

torch = pytest.importorskip("torch")

N_STEPS = 24
each_cell = pytest.mark.parametrize("name", ["elman", "gru", "lstm"])


def learn_there(module, readout, X, y, update_every, truncation, learning_rate, apply_at_once):
    """SGD on the mean loss ½‖y − ŷ‖² of every ``update_every`` steps, looking ``truncation`` steps back; updates at once, or all at the end."""
    parameters = [*module.parameters(), *readout.parameters()]
    total = [torch.zeros_like(p) for p in parameters]
    states = [None]
    for t in range(update_every, len(X) + 1, update_every):
        first = max(0, t - truncation)
        outputs, _ = module(X[first:t], states[first])
        loss = 0.5 * ((readout(outputs)[-update_every:] - y[t - update_every : t]) ** 2).sum() / update_every
        with torch.no_grad():
            for k in range(t - update_every, t):  # the states that later windows start from, made with the weights of their time
                state = module(X[k : k + 1], states[k])[1]
                states.append(state)
            for p, sum_of_all, gradient in zip(parameters, total, torch.autograd.grad(loss, parameters), strict=True):
                sum_of_all -= learning_rate * gradient
                if apply_at_once:
                    p -= learning_rate * merged(module, p, gradient)
    if not apply_at_once:
        with torch.no_grad():
            for p, moved in zip(parameters, total, strict=True):
                p += merged(module, p, moved)


def merged(module, parameter, gradient):
    """Of PyTorch's two biases the second stays, where it is but added to the first: here they are one."""
    if parameter is not getattr(module, "bias_hh_l0", None):
        return gradient
    kept = gradient.clone()
    kept[: 2 * module.hidden_size if isinstance(module, torch.nn.GRU) else None] = 0
    return kept


def untrained(name, update_every, truncation, learning_rate, X, y):
    """A model that has seen the data and learnt nothing, and its like in PyTorch."""
    settings = {"cell": name, "n_units": 4, "dtype": "float64", "gradient": "tbptt", "truncation": truncation, "update_every": update_every}
    still = pf.RecurrentRegressor(**settings, optimizer=pf.SGD(learning_rate=0.0)).partial_fit(X, y)
    return pf.RecurrentRegressor(**settings, optimizer=pf.SGD(learning_rate=learning_rate)), still, *still.to_torch()


@each_cell
@pytest.mark.parametrize("update_every", [1, 4])
def test_chunks_learn_what_pytorch_learns(name, update_every, rng):
    X, y = series(rng, N_STEPS, n_outputs=2)
    model, still, module, readout = untrained(name, update_every, update_every, 0.1, X, y)
    learn_there(module, readout, torch.tensor(X), torch.tensor(y), update_every, update_every, 0.1, apply_at_once=True)
    theirs = pf.from_torch(module, readout)
    model.partial_fit(X, y)
    close(model.theta_ - still.theta_, theirs.theta_ - still.theta_, 1e-12)
    close(model.W_out_ - still.W_out_, theirs.W_out_ - still.W_out_, 1e-12)


@each_cell
@pytest.mark.parametrize(("update_every", "truncation"), [(1, 5), (2, 7), (3, 9), (1, N_STEPS)])
def test_a_sliding_window_has_the_gradient_of_pytorchs(name, update_every, truncation, rng):
    """At fixed weights: PyTorch, which runs a window again, would otherwise differentiate old steps with new weights."""
    X, y = series(rng, N_STEPS, n_outputs=2)
    _, still, module, readout = untrained(name, update_every, truncation, 0.0, X, y)
    learn_there(module, readout, torch.tensor(X), torch.tensor(y), update_every, truncation, float(update_every), apply_at_once=False)
    theirs = pf.from_torch(module, readout)
    stream = still._inputs(X), y[None], None, None
    theta, W_out, b_out = stream_gradient(still._settings_, (still.theta_, still.W_out_, still.b_out_), stream)
    for at in still.cell_.positions().values():
        close(theta[at], still.theta_[at] - theirs.theta_[at], 1e-11)
    close(W_out, still.W_out_ - theirs.W_out_, 1e-11)
    close(b_out, still.b_out_ - theirs.b_out_, 1e-11)
