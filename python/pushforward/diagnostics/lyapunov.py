"""How fast do neighbouring orbits part, of a system, of a model on its own, of a model under an input?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _series, datasets
from .._checks import LARGEST, positive_int, positive_number, within
from .._checks import seed as checked_seed
from ..diagonal_rnn._model import DiagonalModel
from ..fixed_poles._model import FixedPoleModel
from ..koopman._model import KoopmanModel
from ..koopman._online import OnlineOperators
from ..nvar._model import NVARModel
from ..recurrent._streaming import StreamingModel
from ._benettin import Growth, Orbits, growth_of
from ._closed_loop import LoopOrbits, MapOrbits, functions_of, loop_of, starts_of
from ._driven import CellOrbit, PoleOrbit, ReservoirOrbit, width_of
from ._flows import FLOWS, FlowOrbits, MackeyGlassOrbits
from ._lyapunov_result import Lyapunov, judged
from ._output_loop import DelayLoop, EchoLoop, closes_its_loop, delay_loop_of, echo_loop_of
from ._rates import FEWEST
from ._states import diagonal_units
from .echo_state import _layers

__all__ = ["Lyapunov", "lyapunov"]

Array = NDArray[Any]
CHECKS = 100  # points of the running estimate
FEW = 10  # exponents computed unless told, of a system with more
DELAYED = 4  # of a delay equation
LOOP_STEPS, LOOP_TRANSIENT, LOOP_STARTS = 2_000, 500, 64  # of a model on its own


def lyapunov(
    model_or_system: Any, X: ArrayLike | None = None, n_exponents: int | None = None, n_steps: int | None = None, dt: float | None = None, *,
    transient: int | None = None, n_starts: int | None = None, inputs: ArrayLike | None = None, seed: int = 0, **parameters: float,
) -> Lyapunov:  # fmt: skip
    """Estimate the largest Lyapunov exponents by QR from Jacobians along orbits.

    Parameters
    ----------
    model_or_system : str, function, fitted estimator, dict, or pair of functions
        - ``"lorenz63"``, ``"rossler"``, ``"van_der_pol"``, ``"mackey_glass"``, or these functions of :mod:`pushforward.datasets`;
        - a recurrent, echo state, fixed-pole or diagonal model, or the arguments of :func:`pushforward.kernels.reservoir_states` by name (a list of
          them: layers), driven by X: conditional exponents;
        - a :class:`pushforward.EchoStateRegressor` without X: run on its own, as by its ``simulate``, outputs being what it hears next, from where
          its series stand (after ``fit`` their ends; ``predict(X, advance=True)`` brings them elsewhere);
        - a :class:`pushforward.SampledRNN`, :class:`pushforward.KoopmanRegressor`, :class:`pushforward.koopman.OnlineEDMD` or
          :class:`pushforward.NVARRegressor`, run on its own from states in X (an NVAR model without X from where its stream stands);
        - a map: a pair ``(step, jacobian)`` of functions of a state (n_state,), or an object with these methods, from the state or states X.
    X : array-like, optional
        (n_steps, n_inputs) of a driven model; (n_steps, n_state) of a Koopman or NVAR model, rows of which are starts; (n_state,) or
        (n_starts, n_state) of a map; None of a system, and of an echo state model to be run on its own.
    n_exponents : int, optional
        All up to 10 unless given, 4 of Mackey-Glass.
    n_steps : int, optional
        After the transient: of a driven model all that X has.
    dt : float, optional
        Time of a step [s]: exponents are then per second. Of a system, the step of its integrator.
    transient : int, optional
        Steps dropped at the start: 500 of a model on its own, of a driven one a tenth of X, at most 200.
    n_starts : int, optional
        Orbits side by side, of a system or a model on its own: unless given 64 of a Koopman or NVAR model, if X has as many starts. Of an echo state
        model 16, or one a series if there are more: pieces of the orbits of its series, each with a transient; with ``inputs`` at most one a series.
    inputs : (n_steps, n_inputs) array-like, optional
        Of a Koopman model with inputs, or an echo state model with ``feedback=True`` run on its own: what drives all its orbits from the first
        step on, transient included.
    seed : int
        Of starts and tangent vectors.
    **parameters : float
        Of a system, such as ``rho=28.0``.

    Returns
    -------
    Lyapunov

    Raises
    ------
    DivergenceError
        When an orbit stops being finite.
    ValueError, TypeError
        What does not fit is named.

    Notes
    -----
    V ← D_t V for orthonormal V, every few steps V = Q R; exponent i is the mean of log R_ii a step (Benettin and others 1980). D_t are the analytic
    Jacobians of the model (of a :class:`pushforward.koopman.Custom` dictionary fourth-order differences), or of a flow what the variational
    equation, integrated beside the state by fourth-order Runge-Kutta, does to V. The standard error is that of the mean of 16 stretches or more.

    Orbits that part because they grow themselves, as of an unstable linear map, are not chaotic: where states end 1,000 times as far out as they
    began (or as 1), and grew by at least half of what the exponent says, the verdict is "unbounded".

    Conditional exponents belong to the orbit that starts at the zero state; those of a cell come from the transposed products D_1ᵀ … D_Tᵀ, which have
    the same singular values, so that their running estimate goes back in time. Largest below zero: states near the orbit meet it, the echo state
    property along this input; of starts far away :func:`echo_state_index` tells. Noise and what is fed back into a driven reservoir are left out.

    On its own a reservoir has exponents of its own: the largest may be those of the system that it learnt, the others are what reservoir and read-out
    make of it (Pathak and others 2017). Its state holds the output too where the read-out sees the inputs (``include_inputs``).

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> A = np.array([[0.5, 1.0], [0.0, 0.25]])
    >>> found = pf.diagnostics.lyapunov((lambda x: A @ x, lambda x: A), [1.0, 1.0], n_steps=500)
    >>> np.exp(found.exponents).round(9), found.verdict
    (array([0.5 , 0.25]), 'contracting')
    >>> found = pf.diagnostics.lyapunov("lorenz63", n_steps=1000)
    >>> bool(abs(found.exponents.sum() + 10 + 1 + 8 / 3) < 1e-3), found.verdict
    (True, 'chaotic')
    """
    for argument, value in (("n_exponents", n_exponents), ("n_steps", n_steps), ("n_starts", n_starts)):
        if value is not None:
            positive_int(argument, value, "a positive int or None")
    if transient is not None:
        checked_seed("transient", transient)
    checked_seed("seed", seed)
    n_steps, transient = (None if value is None else int(value) for value in (n_steps, transient))  # sums of a NumPy int8 would overflow
    if dt is not None:
        positive_number("dt", dt)
    rng, name = np.random.default_rng(seed), _system_name(model_or_system)
    if parameters and name is None:
        raise TypeError(f"parameters belong to a system of pushforward.datasets, got {', '.join(parameters)} with {type(model_or_system).__name__}")
    alone = X is None and closes_its_loop(model_or_system)
    if inputs is not None and not (alone or isinstance(model_or_system, (KoopmanModel, OnlineOperators))):
        raise TypeError("inputs belong to a Koopman model, or an echo state model with feedback run on its own; what drives another model is X")
    if name is not None:
        return _of_system(name, X, n_exponents, n_steps, dt, transient, n_starts, rng, parameters)
    if X is None and not alone and not isinstance(model_or_system, NVARModel):
        raise ValueError("X must be given: the input of a driven model, states to start from of a Koopman model or a map")
    skipped, n = LOOP_TRANSIENT if transient is None else transient, LOOP_STEPS if n_steps is None else n_steps
    orbits: LoopOrbits | EchoLoop | DelayLoop | MapOrbits
    if isinstance(model_or_system, (KoopmanModel, OnlineOperators)):
        orbits = loop_of(model_or_system, X, inputs, n_starts or LOOP_STARTS, skipped + n)
    elif isinstance(model_or_system, NVARModel):
        orbits = delay_loop_of(model_or_system, X, n_starts or LOOP_STARTS)
    elif alone:
        orbits = echo_loop_of(model_or_system, inputs, n_starts, n, skipped)
    elif (functions := functions_of(model_or_system)) is not None:
        orbits = MapOrbits(*functions, starts_of(X))
    else:
        return _of_driven(model_or_system, X, n_exponents, n_steps, dt, transient, n_starts, rng)
    k = _count(n_exponents, orbits.n_state)
    before = orbits.size()
    growth = growth_of(orbits, k, n, skipped, min(CHECKS, n), rng)
    outward = float(np.log(max(orbits.size(), 1.0) / max(before, 1.0)))
    return judged(growth, dt, orbits.n_state, inputs is not None, outward)


def _of_system(
    name: str, X: Any, n_exponents: int | None, n_steps: int | None, dt: float | None, transient: int | None, n_starts: int | None,
    rng: np.random.Generator, parameters: dict[str, float],
) -> Lyapunov:  # fmt: skip
    flow = FLOWS[name]
    if X is not None:
        raise ValueError(f"X must be None with {name!r}, which starts by itself")
    for given, value in parameters.items():
        if given not in flow.parameters:
            raise TypeError(f"parameters of {name!r} must be among {', '.join(flow.parameters)}, got {given!r}")
        if not within(value, -LARGEST):
            raise ValueError(f"{given} must be a finite number, got {value!r}")
    known, h, n = flow.parameters | {key: float(v) for key, v in parameters.items()}, dt or flow.dt, n_starts or flow.n_starts
    orbits: FlowOrbits | MackeyGlassOrbits
    if name == "mackey_glass":
        if not known["tau"] > 0:
            raise ValueError(f"tau must be positive, got {known['tau']:g}")
        orbits = MackeyGlassOrbits(known["tau"], h, n, rng)
    else:
        orbits = FlowOrbits(flow, known, h, n, rng)
    k = _count(n_exponents or (DELAYED if name == "mackey_glass" else None), orbits.n_state)
    steps, skipped = n_steps or flow.n_steps, flow.transient if transient is None else transient
    return judged(growth_of(orbits, k, steps, skipped, min(CHECKS, steps), rng), orbits.dt, orbits.n_state, driven=False)


def _of_driven(
    model: Any, X: Any, n_exponents: int | None, n_steps: int | None, dt: float | None, transient: int | None, n_starts: int | None,
    rng: np.random.Generator,
) -> Lyapunov:  # fmt: skip
    if n_starts is not None:
        raise ValueError("n_starts must be None with a driven model: its orbit is that from the zero state")
    if isinstance(model, StreamingModel):
        model._core()
        data = model._inputs(X)
        if data.batched:
            raise ValueError(f"X must be one series (n_steps, n_inputs), got shape {np.shape(X)}")
        model._check_not_empty(data)
        length = data.shape[1]
    else:
        dtype, width = width_of(model)
        found = _series.series("X", X, dtype)
        if found.form != "one" or found.arrays[0].shape[1] != width:
            given = f"{found.form} of {len(found.arrays)} with {found.arrays[0].shape[1]} columns"
            raise ValueError(f"X must be one series (n_steps, {width}), got {given}")
        x = found.arrays[0]
        length = len(x)
    skipped = min(200, length // 10) if transient is None else transient
    n = length - skipped if n_steps is None else n_steps
    if n < 1 or skipped + n > length:
        raise ValueError(f"X must have more than transient + n_steps = {skipped} + {n_steps or 0} steps, got {length}")
    if n < FEWEST:
        raise ValueError(f"X must have at least {FEWEST} steps after the transient of {skipped} to tell a rate, got {n}")
    if isinstance(model, DiagonalModel):
        return _of_diagonal(model, x[: skipped + n], n_exponents, dt, skipped)
    orbits: Orbits
    settling = skipped
    if isinstance(model, StreamingModel):  # from the end back: vectors find their directions there, and states theirs at the start
        orbits, settling = CellOrbit(model, data, skipped + n), skipped // 2
    elif isinstance(model, FixedPoleModel):
        orbits = PoleOrbit(model, x[: skipped + n])
    else:
        orbits = ReservoirOrbit(_layers(model), x[: skipped + n])
    k = _count(n_exponents, orbits.n_state)
    return judged(growth_of(orbits, k, n, settling, min(CHECKS, n), rng), dt, orbits.n_state, driven=True)


def _of_diagonal(model: DiagonalModel, x: Array, n_exponents: int | None, dt: float | None, skipped: int) -> Lyapunov:
    """Every unit is a direction of its own: log |w_i σ'(a_i)|, without any QR."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(model.w_ * diagonal_units(model, x)[1]).astype(np.float64))[skipped:]
    n_checks = min(CHECKS, len(logs))
    edges = np.linspace(0, len(logs), n_checks + 1).round().astype(np.int64)
    each = np.add.reduceat(logs, edges[:-1], axis=0)[:, None]
    most = np.argsort(-each.sum(axis=(0, 1)), kind="stable")[: _count(n_exponents, logs.shape[1])]
    return judged(Growth(edges[1:], each[:, :, most]), dt, logs.shape[1], driven=True)


def _system_name(given: Any) -> str | None:
    if isinstance(given, str):
        if given not in FLOWS:
            raise ValueError(f"model_or_system must be a model, a pair of functions or one of {', '.join(FLOWS)}, got {given!r}")
        return given
    return next((name for name in FLOWS if given is getattr(datasets, name)), None)


def _count(n_exponents: int | None, n_state: int) -> int:
    if n_exponents is None:
        return min(n_state, FEW)
    if n_exponents > n_state:
        raise ValueError(f"n_exponents must be at most n_state = {n_state}, got {n_exponents}")
    return int(n_exponents)
