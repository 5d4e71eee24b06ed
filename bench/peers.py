"""The same net in what else is installed: JAX's jitted recursion, PyTorch's truncated back-propagation. None is needed to run the rest.

Each peer has ``run(n_steps)`` and ``weights``, like :class:`Engine`; SGD at every step unless said. They learn the problem's stream from its start.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pushforward import reference

from .cases import TRUNCATION, Problem, flat


class Reference:
    """The oracle of the tests, ``pushforward.reference``: every run starts anew."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._result: dict[str, Any] = {}

    def run(self, n_steps: int) -> None:
        """Learn the first so many steps of the stream."""
        p = self._problem
        self._result = reference.online_training(p.cell, p.theta, p.readout, p.X[:n_steps], p.Y[:n_steps], optimizer=p.optimizer)

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector."""
        return flat(*(self._result[name] for name in ("theta", "W_out", "b_out")))


class JaxRTRL:
    """J ← D J + ∂s/∂θ, gradient and update as one jitted step; ``scan`` steps of it in one call, or one by one from Python.

    Parameters
    ----------
    problem : Problem
    scan : int
        Steps of a ``lax.scan``; runs are multiples of it. 0: the jitted step is called from Python.
    """

    def __init__(self, problem: Problem, scan: int) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", problem.dtype == "float64")
        n, q, rate, diagonal = problem.n_units, problem.n_units + problem.n_inputs + 1, problem.optimizer.learning_rate, np.arange(problem.n_units)

        def step(carry: Any, event: Any) -> tuple[Any, Any]:
            W, W_out, b_out, s, J = carry
            x, y = event
            u = jnp.concatenate([s, x, jnp.ones(1, s.dtype)])
            s = jnp.tanh(W @ u)
            slope = 1 - s * s
            J = ((slope[:, None] * W[:, :n]) @ J.reshape(n, n * q)).reshape(n, n, q)
            J = J.at[diagonal, diagonal].add(slope[:, None] * u)
            error = W_out @ s + b_out - y
            G = ((error @ W_out) @ J.reshape(n, n * q)).reshape(n, q)
            return (W - rate * G, W_out - rate * jnp.outer(error, s), b_out - rate * error, s, J), 0.5 * error @ error

        self._block, self._ready = scan, jax.block_until_ready
        self._one = jax.jit(step, donate_argnums=0)
        self._many = jax.jit(lambda carry, X, Y: jax.lax.scan(step, carry, (X, Y)), donate_argnums=0)
        start = (problem.theta.reshape(n, q), *problem.readout, np.zeros(n, problem.dtype), np.zeros((n, n, q), problem.dtype))
        self._carry = jax.tree.map(jnp.array, start)  # copies: a donated buffer must not be NumPy's
        self._X, self._Y = problem.X, problem.Y

    def run(self, n_steps: int) -> None:
        """Learn the first so many steps of the stream."""
        if self._block:
            for t in range(0, n_steps, self._block):
                self._carry, _ = self._many(self._carry, self._X[t : t + self._block], self._Y[t : t + self._block])
        else:
            for t in range(n_steps):
                self._carry, _ = self._one(self._carry, (self._X[t], self._Y[t]))
        self._ready(self._carry)

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector."""
        return flat(*(np.asarray(part) for part in self._carry[:3]))


def scan_length(n_units: int) -> int:
    """Steps of some milliseconds."""
    return int(np.clip(2**24 // n_units**3, 8, 4096))


class TorchTBPTT:
    """Truncated back-propagation in eager PyTorch, one thread: an approximation of the gradient, whatever it costs.

    Parameters
    ----------
    problem : Problem
    sliding : bool
        At every step the last τ = 32 are run again and the newest loss is differentiated. Else: one update every τ steps, from their mean loss.
    """

    def __init__(self, problem: Problem, sliding: bool) -> None:
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        n, q = problem.n_units, problem.n_units + problem.n_inputs + 1
        start = (problem.theta.reshape(n, q), *problem.readout)
        self._weights = [torch.tensor(part, requires_grad=True) for part in start]
        self._optimizer = torch.optim.SGD(self._weights, lr=problem.optimizer.learning_rate)
        ones = np.ones((problem.n_steps, 1), problem.dtype)
        self._X, self._Y = torch.tensor(np.hstack([problem.X, ones])), torch.tensor(problem.Y)
        self._state = torch.zeros(n, dtype=self._X.dtype)
        self._past: list[Any] = []  # (state before, input) of the last τ − 1 steps
        self.run = self._slide if sliding else self._cut
        self._step = partial(torch.nn.functional.mse_loss, reduction="sum")

    def _forward(self, s: Any, x: Any) -> Any:
        return self._torch.tanh(self._weights[0] @ self._torch.cat([s, x]))

    def _update(self, loss: Any) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()

    def _loss(self, s: Any, y: Any) -> Any:
        return 0.5 * self._step(self._weights[1] @ s + self._weights[2], y)

    def _slide(self, n_steps: int) -> None:
        for x, y in zip(self._X[:n_steps], self._Y[:n_steps], strict=True):
            self._past = [*self._past[1 - TRUNCATION :], (self._state, x)]
            s = self._past[0][0]
            for _, x_then in self._past:
                s = self._forward(s, x_then)
            self._update(self._loss(s, y))
            self._state = s.detach()

    def _cut(self, n_steps: int) -> None:
        for t in range(0, n_steps, TRUNCATION):
            s, loss = self._state, 0.0
            for x, y in zip(self._X[t : t + TRUNCATION], self._Y[t : t + TRUNCATION], strict=True):
                s = self._forward(s, x)
                loss = loss + self._loss(s, y)
            self._update(loss / TRUNCATION)
            self._state = s.detach()

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector."""
        return flat(*(part.detach().numpy() for part in self._weights))
