"""One optimiser update, on one flat vector of everything that is trained."""

from dataclasses import dataclass

import numpy as np

from ..cells._checks import FloatArray
from ..optim import SGD, Adam, AdamW, Optimizer, RMSprop


@dataclass
class Moments:
    """What an optimiser remembers: updates made t, running means m of g and v of g², each (n_weights,)."""

    t: int
    m: FloatArray
    v: FloatArray

    @classmethod
    def zeros(cls, weights: FloatArray) -> "Moments":
        """Return the moments before the first update."""
        return cls(0, np.zeros_like(weights), np.zeros_like(weights))


def update(optimizer: Optimizer, weights: FloatArray, gradient: FloatArray, moments: Moments) -> tuple[FloatArray, Moments]:
    """Make one update.

    Parameters
    ----------
    optimizer : SGD, RMSprop, Adam or AdamW
    weights, gradient : (n_weights,) ndarray
        ``[theta, W_out.ravel(), b_out]``: the norm that is clipped is that of everything together.
    moments : Moments

    Returns
    -------
    weights : (n_weights,) ndarray
    moments : Moments

    Notes
    -----
    PyTorch's formulas, in its order: clip, decay the weights, move the moments, step. Only the 1e-6 that PyTorch adds to the norm
    before it clips is left out.

    Examples
    --------
    >>> w = np.ones(2)
    >>> update(SGD(learning_rate=0.5, clip_norm=1.0), w, np.array([3.0, 4.0]), Moments.zeros(w))[0]
    array([0.7, 0.6])
    """
    rate, w, g, m, v = optimizer.rate(moments.t), weights, gradient, moments.m, moments.v
    t = moments.t + 1
    if optimizer.clip_norm is not None and (norm := float(np.linalg.norm(g))) > optimizer.clip_norm:
        g = g * (optimizer.clip_norm / norm)
    if isinstance(optimizer, AdamW):
        w = w * (1 - rate * optimizer.weight_decay)
    else:
        g = g + optimizer.weight_decay * w

    if isinstance(optimizer, SGD):
        m = optimizer.momentum * m + g
        w = w - rate * m
    elif isinstance(optimizer, RMSprop):
        v = optimizer.smoothing * v + (1 - optimizer.smoothing) * g**2
        w = w - rate * g / (np.sqrt(v) + optimizer.epsilon)
    elif isinstance(optimizer, Adam):
        m = optimizer.beta1 * m + (1 - optimizer.beta1) * g
        v = optimizer.beta2 * v + (1 - optimizer.beta2) * g**2
        m_hat, v_hat = m / (1 - optimizer.beta1**t), v / (1 - optimizer.beta2**t)
        w = w - rate * m_hat / (np.sqrt(v_hat) + optimizer.epsilon)
    else:
        raise TypeError(f"optimizer must be SGD, RMSprop, Adam or AdamW, got {optimizer!r}")
    return w, Moments(t, m, v)
