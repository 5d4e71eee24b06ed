"""Gated cells in what else is installed: PyTorch's own modules, and JAX with the exact recursion of a GRU written out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import TRUNCATION, Problem, flat


class TorchModule:
    """``torch.nn.RNN``, ``GRU`` or ``LSTM`` with a linear read-out, trained by truncated back-propagation on one thread, SGD.

    PyTorch adds two biases where the cell has one; the second is held at zero (but for a GRU's candidate, where it stands inside the reset).

    Parameters
    ----------
    problem : Problem
        With an Elman, GRU or LSTM cell.
    sliding : bool
        At every step the last τ = 32 are run again and the newest loss is differentiated. Else: one update every τ steps, from their mean loss.
    """

    def __init__(self, problem: Problem, sliding: bool = False) -> None:
        import torch

        torch.set_num_threads(1)
        kind = {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[problem.cell.name]
        dtype = {"float32": torch.float32, "float64": torch.float64}[problem.dtype]
        self._torch, self._problem = torch, problem
        self._net = kind(problem.n_inputs, problem.n_units, dtype=dtype)
        self._readout = torch.nn.Linear(problem.n_units, problem.n_outputs, dtype=dtype)
        w, self._gates = problem.cell.unpack(problem.theta), getattr(problem.cell, "gates", ("",))
        with torch.no_grad():
            self._net.weight_hh_l0.copy_(self._stacked(w, "W_rec"))
            self._net.weight_ih_l0.copy_(self._stacked(w, "W_in"))
            self._net.bias_ih_l0.copy_(self._stacked(w, "bias"))
            self._net.bias_hh_l0.zero_()
            self._readout.weight.copy_(torch.tensor(problem.readout[0]))
            self._readout.bias.copy_(torch.tensor(problem.readout[1]))
        if problem.cell.name == "gru":
            inside = torch.cat([torch.zeros(2 * problem.n_units, dtype=dtype), torch.ones(problem.n_units, dtype=dtype)])
            self._net.bias_hh_l0.register_hook(lambda gradient: gradient * inside)
        else:
            self._net.bias_hh_l0.requires_grad_(False)
        trained = [p for p in (*self._net.parameters(), *self._readout.parameters()) if p.requires_grad]
        self._optimizer = torch.optim.SGD(trained, lr=problem.optimizer.learning_rate)
        self._X, self._Y = torch.tensor(problem.X), torch.tensor(problem.Y)
        self._state: Any = None
        self._past: list[tuple[Any, Any]] = []  # (state before, input) of the last τ − 1 steps
        self.run = self._slide if sliding else self._cut

    def _stacked(self, weights: dict[str, NDArray[Any]], part: str) -> Any:
        return self._torch.tensor(np.concatenate([weights[f"{part}_{gate}" if gate else part] for gate in self._gates]))

    def _learn(self, states: Any, targets: Any) -> None:
        loss = 0.5 * (self._readout(states) - targets).square().sum() / len(targets)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()

    def _detached(self, state: Any) -> Any:
        return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()

    def _slide(self, n_steps: int) -> None:
        for x, y in zip(self._X[:n_steps], self._Y[:n_steps], strict=True):
            self._past = [*self._past[1 - TRUNCATION :], (self._state, x)]
            states, state = self._net(self._torch.stack([x_then for _, x_then in self._past]), self._past[0][0])
            self._learn(states[-1:], y[None])
            self._state = self._detached(state)

    def _cut(self, n_steps: int) -> None:
        for t in range(0, n_steps, TRUNCATION):
            states, state = self._net(self._X[t : t + TRUNCATION], self._state)
            self._learn(states, self._Y[t : t + TRUNCATION])
            self._state = self._detached(state)

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector in our order."""
        net = {name: p.detach().numpy() for name, p in self._net.named_parameters()}
        found: dict[str, NDArray[Any]] = {}
        for part, name in {"W_rec": "weight_hh_l0", "W_in": "weight_ih_l0", "bias": "bias_ih_l0"}.items():
            for gate, values in zip(self._gates, np.split(net[name], len(self._gates)), strict=True):
                found[f"{part}_{gate}" if gate else part] = values
        if self._problem.cell.name == "gru":
            found["bias_rec_candidate"] = net["bias_hh_l0"][-self._problem.n_units :]
        readout = (p.detach().numpy() for p in self._readout.parameters())
        return flat(self._problem.cell.pack(found), *readout)


class JaxGRU:
    """A GRU's influence moved by its dense D, J ← D J + ∂s/∂θ, gradient and SGD at every step, in one ``lax.scan``.

    Parameters
    ----------
    problem : Problem
        With a GRU whose reset comes after the recurrent product.
    scan : int
        Steps of the scan; runs are multiples of it.
    """

    def __init__(self, problem: Problem, scan: int) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", problem.dtype == "float64")
        n, rate, unit = problem.n_units, problem.optimizer.learning_rate, np.arange(problem.n_units)
        w = problem.cell.unpack(problem.theta)
        gate = {g: np.column_stack([w[f"W_rec_{g}"], w[f"W_in_{g}"], w[f"bias_{g}"]]) for g in ("reset", "update")}
        inside = np.column_stack([w["W_rec_candidate"], w["bias_rec_candidate"]])  # over [s; 1]
        outside = np.column_stack([w["W_in_candidate"], w["bias_candidate"]])  # over [x; 1]
        theta = (gate["reset"], gate["update"], inside, outside)
        widths = [part.shape[1] for part in theta]
        ends = np.cumsum([n * width for width in widths])[:-1]

        def step(carry: Any, event: Any) -> tuple[Any, Any]:
            (W_r, W_z, W_c, W_x), W_out, b_out, s, J = carry
            x, y = event
            one = jnp.ones(1, s.dtype)
            u, u_c, u_x = jnp.concatenate([s, x, one]), jnp.concatenate([s, one]), jnp.concatenate([x, one])
            r, z, c = jax.nn.sigmoid(W_r @ u), jax.nn.sigmoid(W_z @ u), W_c @ u_c
            m = jnp.tanh(W_x @ u_x + r * c)
            d_m = (1 - z) * (1 - m * m)
            M = (d_m * c * r * (1 - r), (s - m) * z * (1 - z), d_m * r, d_m)  # ∂s_t/∂a of the four sets of rows, each diagonal
            D = jnp.diag(z) + sum(slope[:, None] * W[:, :n] for slope, W in zip(M, (W_r, W_z, W_c), strict=False))
            parts = [part.reshape(n, n, width) for part, width in zip(jnp.split(D @ J, ends, axis=1), widths, strict=True)]
            parts = [part.at[unit, unit].add(slope[:, None] * v) for part, slope, v in zip(parts, M, (u, u, u_c, u_x), strict=True)]
            J = jnp.concatenate([part.reshape(n, -1) for part in parts], axis=1)
            s = (1 - z) * m + z * s
            error = W_out @ s + b_out - y
            G = [g.reshape(n, width) for g, width in zip(jnp.split((error @ W_out) @ J, ends), widths, strict=True)]
            weights = tuple(W - rate * g for W, g in zip((W_r, W_z, W_c, W_x), G, strict=True))
            return (weights, W_out - rate * jnp.outer(error, s), b_out - rate * error, s, J), 0.5 * error @ error

        self._problem, self._block, self._ready = problem, scan, jax.block_until_ready
        self._many = jax.jit(lambda carry, X, Y: jax.lax.scan(step, carry, (X, Y)), donate_argnums=0)
        start = (theta, *problem.readout, np.zeros(n, problem.dtype), np.zeros((n, n * sum(widths)), problem.dtype))
        self._carry = jax.tree.map(jnp.array, start)

    def run(self, n_steps: int) -> None:
        """Learn the first so many steps of the stream."""
        for t in range(0, n_steps, self._block):
            self._carry, _ = self._many(self._carry, self._problem.X[t : t + self._block], self._problem.Y[t : t + self._block])
        self._ready(self._carry)

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights now, one vector in our order."""
        theta, W_out, b_out, *_ = self._carry
        n, parts = self._problem.n_units, [np.asarray(part) for part in theta]
        found = {"W_rec_candidate": parts[2][:, :n], "bias_rec_candidate": parts[2][:, n]}
        found |= {"W_in_candidate": parts[3][:, :-1], "bias_candidate": parts[3][:, -1]}
        for gate, W in zip(("reset", "update"), parts[:2], strict=True):
            found |= {f"W_rec_{gate}": W[:, :n], f"W_in_{gate}": W[:, n:-1], f"bias_{gate}": W[:, -1]}
        return flat(self._problem.cell.pack(found), np.asarray(W_out), np.asarray(b_out))
