"""The linear recurrent unit, in complex numbers z = Re + i Im: z ← λ z + γ B x, λ = exp(−exp(ν) + iθ), γ = √(1 − |λ|²)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cells import LRU
from ...cells._checks import FloatArray
from ._functions import unit_rows
from ._twin import Jacobians, Pullback, Weights

Complex = NDArray[np.complexfloating[Any, Any]]


def _complex(s: FloatArray) -> Complex:
    real, imag = np.split(s, 2)
    return real + 1j * imag


def _real(z: Complex) -> FloatArray:
    return np.concatenate([z.real, z.imag])


def _matrix(f: Complex) -> FloatArray:
    """∂[Re; Im](f ∘ z)/∂[Re; Im] z."""
    return np.block([[np.diag(f.real), -np.diag(f.imag)], [np.diag(f.imag), np.diag(f.real)]])


def _columns(f: Complex) -> FloatArray:
    """∂[Re; Im]/∂p of a real number p a unit whose derivative is f, (n_state, n_units)."""
    return np.vstack([np.diag(f.real), np.diag(f.imag)])


def poles(w: Weights) -> tuple[Complex, FloatArray]:
    """λ and γ (n_units,)."""
    pole = np.exp(-np.exp(w["nu"])) * np.exp(1j * w["phase"])
    return pole, np.sqrt(-np.expm1(-2 * np.exp(w["nu"])))


def _derivatives(w: Weights, s: FloatArray, x: FloatArray) -> tuple[Complex, Complex]:
    """∂z_t/∂ν and ∂z_t/∂θ."""
    pole, gain = poles(w)
    fed = w["W_in_real"] @ x + 1j * (w["W_in_imag"] @ x)
    rate = np.exp(w["nu"])
    return -rate * pole * _complex(s) + np.abs(pole) ** 2 * rate / gain * fed, 1j * pole * _complex(s)


def step(cell: LRU, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> FloatArray:
    """[Re z; Im z]."""
    pole, gain = poles(w)
    return _real(pole * _complex(s) + gain * (w["W_in_real"] @ x + 1j * (w["W_in_imag"] @ x)))


def jacobians(cell: LRU, w: Weights, s: FloatArray, x: FloatArray, tick: int | None) -> Jacobians:
    """∂s_t/∂s, ∂s_t/∂weights, ∂s_t/∂x."""
    pole, gain = poles(w)
    by_nu, by_phase = _derivatives(w, s, x)
    M_real, M_imag = _columns(gain + 0j), _columns(1j * gain)
    parts = {"nu": _columns(by_nu), "phase": _columns(by_phase), "W_in_real": unit_rows(M_real, x), "W_in_imag": unit_rows(M_imag, x)}
    return _matrix(pole), parts, M_real @ w["W_in_real"] + M_imag @ w["W_in_imag"]


def pullback(cell: LRU, w: Weights, s: FloatArray, x: FloatArray, tick: int | None, adjoint: FloatArray) -> Pullback:
    """From dL/ds_t back to dL/ds, dL/dweights, dL/dx; a product f z is undone by f̄, dL/dp is Re(conj(∂z_t/∂p) times the adjoint)."""
    pole, gain = poles(w)
    v = _complex(adjoint)
    to_pole = np.conj(_complex(s)) * v  # dL/dλ
    to_gain = np.real(np.conj(w["W_in_real"] @ x + 1j * (w["W_in_imag"] @ x)) * v)
    to_log = np.conj(pole) * to_pole  # dL/d log λ, log λ = −exp(ν) + iθ
    rate = np.exp(w["nu"])
    to_nu = -rate * to_log.real + to_gain * rate * np.exp(-2 * rate) / gain
    to_fed = gain * v
    parts = {"nu": to_nu, "phase": to_log.imag, "W_in_real": np.outer(to_fed.real, x), "W_in_imag": np.outer(to_fed.imag, x)}
    return _real(np.conj(pole) * v), parts, to_fed.real @ w["W_in_real"] + to_fed.imag @ w["W_in_imag"]
