"""What the tests of echo state models share: data, and the network again in plain NumPy."""

import numpy as np

import pushforward as pf

ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda u: np.maximum(u, 0),
    "identity": lambda u: u,
    "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    "elu": lambda u: np.where(u > 0, u, np.expm1(np.minimum(u, 0))),
}


def dense(W):
    """W_rec as an array, whatever it is."""
    if isinstance(W, np.ndarray):
        return W
    return W.toarray() if hasattr(W, "toarray") else np.asarray(W)


def sigma(name, u):
    """The activation; of complex numbers on either part."""
    f = ACTIVATIONS[name]
    return f(u.real) + 1j * f(u.imag) if np.iscomplexobj(u) else f(u)


def step(layers, states, x, heard=None):
    """The states of all layers after one step."""
    new, v = [], x
    for layer, s in zip(layers, states, strict=True):
        u = dense(layer["W_rec"]) @ s + layer["W_in"] @ v + layer["bias"]
        if layer.get("W_feedback") is not None:
            u = u + layer["W_feedback"] @ heard
        a = layer["leak_rate"]
        kept = s if layer.get("W_skip") is None else dense(layer["W_skip"]) @ s
        v = (1 - a) * kept + a * sigma(layer["activation"], layer.get("gain", 1) * u + layer.get("shift", 0))
        new.append(v)
    return new


def zeros(model):
    return [np.zeros(len(layer["bias"]), model.dtype) for layer in model._reservoir.layers]


def features(model, X, heard=None, states=None):
    """[states of layer 1 | … | states of layer L | inputs] of every step (n_steps, n_features), and the last states."""
    layers, states, rows = model._reservoir.layers, states or zeros(model), []
    for t, x in enumerate(X):
        states = step(layers, states, x, None if heard is None else heard[t])
        rows.append(np.concatenate([*states, x] if model.include_inputs else states))
    return np.array(rows), states


def ridge(F, Y, penalty, intercept=True):
    """W_out and b_out of the penalised least squares, the constant unpenalised; by QR of the augmented matrix."""
    n = F.shape[1]
    A = np.concatenate([F, np.ones((len(F), 1))], axis=1) if intercept else F
    pull = np.sqrt(penalty) * np.eye(n, A.shape[1])
    W = np.linalg.lstsq(np.concatenate([A, pull]), np.concatenate([Y, np.zeros((n, Y.shape[1]))]), rcond=None)[0].T
    return (W[:, :n], W[:, n]) if intercept else (W, np.zeros(len(W)))


def task(rng, n_steps=300, n_inputs=2, dtype="float64", n_series=None):
    """Noise, and what a short memory makes of it: y (n_steps, 2)."""
    lead = () if n_series is None else (n_series,)
    X = rng.normal(size=(*lead, n_steps, n_inputs))
    if np.dtype(dtype).kind == "c":
        X = X + 1j * rng.normal(size=X.shape)
    before = np.roll(X, 1, axis=-2)
    before[..., 0, :] = 0
    y = np.stack([0.6 * before[..., 0] + 0.2 * X[..., 1], np.tanh(X[..., 0].real) * before[..., 1]], axis=-1)
    return X.astype(dtype), y.astype(dtype)


def model(**settings):
    return pf.EchoStateRegressor(**{"n_units": 30, "washout": 20, "ridge": 1e-6, "connectivity": 0.3} | settings)
