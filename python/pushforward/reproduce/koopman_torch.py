"""Two networks trained by gradient descent, in PyTorch: an LSTM, and a shallow PLRNN with generalised teacher forcing. Baselines, in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ._tasks import Tick
from .koopman_models import Scale

__all__ = ["LSTM", "ShallowPLRNN"]

Array = NDArray[np.float64]


class _Trained:
    """Adam over windows drawn at random from the trajectories.

    Parameters
    ----------
    seed : int
    n_updates, n_batch, n_window : int
        Updates, windows in each, and steps predicted in a window.
    learning_rate : float
        Falls to a hundredth of itself along half a cosine.
    """

    def __init__(self, seed: int, n_updates: int, n_batch: int, n_window: int, learning_rate: float) -> None:
        self.seed, self.n_updates, self.n_batch, self.n_window, self.learning_rate = seed, n_updates, n_batch, n_window, learning_rate

    def _descend(self, module: nn.Module, series: list[Tensor], inputs: list[Tensor] | None, loss: Callable[..., Tensor], tick: Tick) -> None:
        """Minimise ``loss(window (n_batch, n_window + 1, n_state), inputs of the window or None)``."""
        rng = np.random.default_rng(self.seed)
        last = np.array([len(x) - self.n_window for x in series])
        if last.min() < 1:
            raise ValueError(f"trajectories: expected at least {self.n_window + 1} steps each, got {min(map(len, series))}")
        ends = np.cumsum(last)
        optimizer = torch.optim.Adam(module.parameters(), lr=self.learning_rate)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.n_updates, eta_min=self.learning_rate / 100)
        for update in range(self.n_updates):
            draws = rng.integers(ends[-1], size=self.n_batch)
            which = np.searchsorted(ends, draws, side="right")
            starts = draws - (ends - last)[which]
            places = [(int(k), slice(int(s), int(s) + self.n_window + 1)) for k, s in zip(which, starts, strict=True)]
            window = torch.stack([series[k][cut] for k, cut in places])
            driving = None if inputs is None else torch.stack([inputs[k][cut] for k, cut in places])
            optimizer.zero_grad()
            torch.autograd.backward(loss(window, driving))
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            decay.step()
            if update % 20 == 0:
                tick(update / self.n_updates)


def _single_thread() -> None:
    """As all other models of the report: the grid has a process a CPU."""
    torch.set_num_threads(1)


def _tensors(arrays: Sequence[Array]) -> list[Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in arrays]


class LSTM(_Trained):
    """LSTM with a linear read-out of the change of the state; the first part of a window is teacher-forced, the rest runs freely.

    Parameters
    ----------
    n_units : int
    n_forced : int
        Steps of a window (of ``n_window``) with the true state as input.
    """

    def __init__(self, seed: int, n_units: int, n_forced: int, **training: Any) -> None:
        super().__init__(seed, **training)
        self.n_units, self.n_forced = n_units, n_forced

    def fit(self, trajectories: Sequence[Array], inputs: Sequence[Array] | None, tick: Tick) -> None:
        """Learn."""
        _single_thread()
        torch.manual_seed(self.seed)
        self.x_scale, self.u_scale = Scale(trajectories), Scale(inputs)
        series = _tensors([self.x_scale.apply(x) for x in trajectories])
        driving = None if inputs is None else _tensors([self.u_scale.apply(u) for u in inputs])
        n_state = series[0].shape[1]
        self.lstm = nn.LSTM(n_state + (0 if driving is None else driving[0].shape[1]), self.n_units, batch_first=True)
        self.readout = nn.Linear(self.n_units, n_state)
        whole = nn.ModuleList([self.lstm, self.readout])

        def loss(window: Tensor, u: Tensor | None) -> Tensor:
            n = self.n_forced
            forced, state = self._driven(window[:, :n], None if u is None else u[:, :n], None)
            free = self._free(forced[:, -1:], None if u is None else u[:, n:], state, self.n_window - n)
            return torch.mean((torch.cat([forced, free], dim=1) - window[:, 1:]) ** 2)

        self._descend(whole, series, driving, loss, tick)

    def forecast(self, past: Array, n_steps: int, inputs: Array | None) -> Array:
        """Warm up on the past, then close the loop."""
        _single_thread()
        (z,) = _tensors([self.x_scale.apply(past)])
        u = None if inputs is None else _tensors([self.u_scale.apply(inputs)])[0]
        n = z.shape[1]
        with torch.inference_mode():
            first, state = self._driven(z, None if u is None else u[:, :n], None)
            rest = self._free(first[:, -1:], None if u is None else u[:, n:], state, n_steps - 1)
            found = torch.cat([first[:, -1:], rest], dim=1)
        return self.x_scale.undo(found.numpy().astype(np.float64))

    def _driven(self, x: Tensor, u: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        """The next states after each of ``x`` (n_series, n_steps, n_state)."""
        hidden, state = self.lstm(x if u is None else torch.cat([x, u], dim=2), state)
        return x + self.readout(hidden), state

    def _free(self, x: Tensor, u: Tensor | None, state: Any, n_steps: int) -> Tensor:
        """The ``n_steps`` states after ``x`` (n_series, 1, n_state)."""
        found = [x[:, :0]]
        for t in range(n_steps):
            x, state = self._driven(x, None if u is None else u[:, t : t + 1], state)
            found.append(x)
        return torch.cat(found, dim=1)


class ShallowPLRNN(_Trained):
    """z ← A z + W₁ relu(W₂ z + h₂) + h₁ (+ C u), A diagonal, taught by generalised teacher forcing (Hess et al., ICML 2023).

    z is the standardised state, or with delays the leading principal components of the last ``n_delays + 1`` states, from which the state is
    read by least squares. In a window each step starts from (1 − α) z + α ẑ, ẑ that of the data.

    Parameters
    ----------
    n_hidden : int
        Rows of W₂.
    forcing : float
        α.
    n_delays : int
    n_components : int, optional
        Principal components; needed with delays.
    """

    def __init__(self, seed: int, n_hidden: int, forcing: float, n_delays: int = 0, n_components: int | None = None, **training: Any) -> None:
        super().__init__(seed, **training)
        self.n_hidden, self.forcing, self.n_delays, self.n_components = n_hidden, forcing, n_delays, n_components

    def fit(self, trajectories: Sequence[Array], inputs: Sequence[Array] | None, tick: Tick) -> None:
        """Learn."""
        _single_thread()
        torch.manual_seed(self.seed)
        windows = [delay_windows(x, self.n_delays) for x in trajectories]
        self.mean = np.concatenate(windows).mean(axis=0)
        self.axes = np.eye(windows[0].shape[1])
        if self.n_components is not None:
            self.axes = np.linalg.svd(np.concatenate(windows) - self.mean, full_matrices=False)[2][: self.n_components]
        embedded = [(w - self.mean) @ self.axes.T for w in windows]
        self.z_scale, self.u_scale = Scale(embedded), Scale(inputs)
        z = [self.z_scale.apply(e) for e in embedded]
        n_state = trajectories[0].shape[1]
        with_one = np.concatenate([np.concatenate(z), np.ones((sum(map(len, z)), 1))], axis=1)
        self.decoder = np.linalg.lstsq(with_one, np.concatenate([w[:, :n_state] for w in windows]), rcond=None)[0]
        driving = None if inputs is None else _tensors([self.u_scale.apply(u)[self.n_delays :] for u in inputs])
        self.net = _PLRNN(z[0].shape[1], self.n_hidden, 0 if driving is None else driving[0].shape[1])

        def loss(window: Tensor, u: Tensor | None) -> Tensor:
            state, found = window[:, 0], []
            for t in range(self.n_window):
                state = self.net(state, None if u is None else u[:, t])
                found.append(state)
                state = (1.0 - self.forcing) * state + self.forcing * window[:, t + 1]
            return torch.mean((torch.stack(found, dim=1) - window[:, 1:]) ** 2)

        self._descend(self.net, _tensors(z), driving, loss, tick)

    def forecast(self, past: Array, n_steps: int, inputs: Array | None) -> Array:
        """Start from the embedded end of the past."""
        _single_thread()
        n = past.shape[1]
        ends = np.concatenate([delay_windows(x[n - 1 - self.n_delays :], self.n_delays) for x in past])
        (state,) = _tensors([self.z_scale.apply((ends - self.mean) @ self.axes.T)])
        u = None if inputs is None else _tensors([self.u_scale.apply(inputs)[:, n - 1 :]])[0]
        found = []
        with torch.inference_mode():
            for t in range(n_steps):
                state = self.net(state, None if u is None else u[:, t])
                found.append(state)
            z = torch.stack(found, dim=1).numpy().astype(np.float64)
        return np.asarray(z @ self.decoder[:-1] + self.decoder[-1])


class _PLRNN(nn.Module):
    """One step; starts near the identity, as a flow sampled often does."""

    def __init__(self, n_state: int, n_hidden: int, n_inputs: int) -> None:
        super().__init__()
        self.A = nn.Parameter(torch.full((n_state,), 0.99))
        self.W1 = nn.Parameter(torch.empty(n_state, n_hidden).uniform_(-1, 1) * 0.1 / n_hidden**0.5)
        self.W2 = nn.Parameter(torch.empty(n_hidden, n_state).uniform_(-1, 1) / n_state**0.5)
        self.h1, self.h2 = nn.Parameter(torch.zeros(n_state)), nn.Parameter(torch.empty(n_hidden).uniform_(-1, 1))
        self.C = nn.Parameter(torch.zeros(n_inputs, n_state)) if n_inputs else None

    def forward(self, z: Tensor, u: Tensor | None) -> Tensor:
        new = self.A * z + torch.relu(z @ self.W2.T + self.h2) @ self.W1.T + self.h1
        return new if self.C is None or u is None else new + u @ self.C


def delay_windows(x: Array, n_delays: int) -> Array:
    """Rows [x[t] | x[t − 1] | … | x[t − n_delays]], the newest first.

    Examples
    --------
    >>> delay_windows(np.array([[1.0], [2.0], [3.0]]), 1).tolist()
    [[2.0, 1.0], [3.0, 2.0]]
    """
    return np.concatenate([x[n_delays - k : len(x) - k] for k in range(n_delays + 1)], axis=1)
