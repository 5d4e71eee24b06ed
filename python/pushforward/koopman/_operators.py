"""The operators of a model in the units of the data, their eigenvalues, and what these are worth."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels import EDMDResult
from ._model import KoopmanModel
from ._spectrum import Spectrum, continuous_eigenvalues, decompose, eigenpair_residuals, pseudospectrum, stabilize

__all__ = ["Operators"]

Array = NDArray[Any]


class Operators(KoopmanModel):
    """Fitted attributes: computed when asked for, from what least squares has seen, and kept until it has seen more. Arrays are copies.

    ψ = T ψ_s, where ψ_s are the standard features of the fit: K = T K_s T⁻¹, and all of the spectrum is computed with K_s.
    """

    def _standard(self) -> EDMDResult:
        """What was fitted, its operator stabilised if that is wished."""
        result = self._solve()
        if result.K is None:
            raise AttributeError('there is no operator: target must be "observables", got "state"')
        if "K" not in self._solution:
            moved = (result.K, 0) if self.stabilize is None else stabilize(result.K)
            self._solution["K"], self._solution["n_moved"] = moved
        return result

    def _spectrum(self) -> Spectrum:
        self._standard()
        if "spectrum" not in self._solution:
            self._solution["spectrum"] = decompose(self._solution["K"])
        spectrum: Spectrum = self._solution["spectrum"]
        return spectrum

    def _factors(self) -> tuple[Array, Array, Array]:
        result = self._standard()
        if result.factors is None and "factors" not in self._solution:
            self._solution["factors"] = self._accumulator.solve(self.rcond, self.ridge).factors  # a model from a file holds the operators alone
        factors: tuple[Array, Array, Array] | None = result.factors or self._solution["factors"]
        if factors is None:
            raise AttributeError(f'there are no factors of the snapshots: solver must be "auto", "qr" or "svd", got {self.solver!r}')
        return factors

    # -- operators -----------------------------------------------------------------------------------------------------------

    @property
    def koopman_matrix_(self) -> Array | None:
        """K (n_features, n_features): ψ[t+1] ≈ K ψ[t] + B g(u[t]); None with ``target="state"``."""
        if self._solve().K is None:
            return None
        self._standard()
        features = self._drawn.features
        return features.raised(features.over(self._solution["K"]))

    @property
    def input_matrix_(self) -> Array | None:
        """B (n_features, n_input_features); None without inputs, and with ``target="state"``."""
        B, inputs = self._solve().B, self._drawn.inputs
        return None if B is None or inputs is None else self._drawn.features.raised(B / inputs.scale)

    @property
    def projection_(self) -> Array | None:
        """C (n_state, n_features): h ≈ C ψ, exactly where the state stands in ψ; None with ``target="state"``."""
        C, features = self._solve().C, self._drawn.features
        if C is None:
            return None
        return C.copy() if features.state_columns is not None else features.over(C)

    @property
    def state_matrix_(self) -> Array:
        """A (n_state, n_features): h[t+1] ≈ A ψ[t] + A_u g(u[t]), from least squares with the next state alone: what predicts and simulates."""
        return self._next_state()[0].copy()

    @property
    def state_input_matrix_(self) -> Array | None:
        """A_u (n_state, n_input_features), or None without inputs."""
        A_u = self._next_state()[1]
        return None if A_u is None else A_u.copy()

    def _next_state(self) -> tuple[Array, Array | None]:
        result, features, inputs = self._solve(), self._drawn.features, self._drawn.inputs
        if "next_state" not in self._solution:
            A, A_u, columns = result.A, result.A_u, features.state_columns
            if result.K is not None and columns is not None:  # A is that of the standard state
                A, A_u = features.scale[columns, None] * A, None if A_u is None else features.scale[columns, None] * A_u
                if features.constant_column is not None:
                    A[:, features.constant_column] += features.center[columns]
            A, A_u = features.over(A), None if A_u is None or inputs is None else A_u / inputs.scale
            self._solution["next_state"] = tuple(None if a is None else np.ascontiguousarray(a) for a in (A, A_u))
        found: tuple[Array, Array | None] = self._solution["next_state"]
        return found

    # -- what least squares says of itself -----------------------------------------------------------------------------------

    @property
    def singular_values_(self) -> Array:
        """Of the standard features and inputs, descending."""
        return np.array(self._solve().singular_values)

    @property
    def rank_(self) -> int:
        """How many of them were used."""
        return self._solve().rank

    @property
    def residuals_(self) -> Array:
        """Root of the sum of squares of what is left of each feature, or with ``target="state"`` of each component of the state."""
        result = self._solve()
        return np.array(result.residuals) if result.K is None else result.residuals * self._drawn.features.scale

    @property
    def n_snapshots_(self) -> int:
        """Pairs of states seen."""
        self._check_built()
        return int(self._accumulator.n_snapshots)

    # -- spectrum ------------------------------------------------------------------------------------------------------------

    @property
    def eigenvalues_(self) -> Array:
        """(n_features,) complex, per step, descending in modulus."""
        return self._spectrum().eigenvalues.copy()

    @property
    def modes_(self) -> Array:
        """(n_state, n_features) complex: h ≈ Σ_j modes_j φ_j(h)."""
        C, features = self._standard().C, self._drawn.features
        assert C is not None  # like K
        C = features.times(C) if features.state_columns is not None else C
        return np.asarray(C @ self._spectrum().right)

    @property
    def eigenpair_residuals_(self) -> Array:
        """(n_features,) ‖φ_j(h[t+1]) − λ_j φ_j(h[t])‖ / ‖φ_j(h[t])‖ over the snapshots of the fit: an eigenvalue with a large one is none."""
        factors, spectrum = self._factors(), self._spectrum()
        if "residuals" not in self._solution:
            self._solution["residuals"] = eigenpair_residuals(*factors, spectrum.eigenvalues, spectrum.left)
        return np.array(self._solution["residuals"])

    @property
    def n_stabilized_(self) -> int:
        """How many eigenvalues ``stabilize`` moved."""
        self._standard()
        return int(self._solution["n_moved"])

    def continuous_eigenvalues(self, dt: float) -> Array:
        """Rates log(λ) / dt in 1 / s: growth + i angular frequency.

        Parameters
        ----------
        dt : float
            Time of a step [s].
        """
        return continuous_eigenvalues(self.eigenvalues_, dt)

    def pseudospectrum(self, grid: ArrayLike) -> Array:
        """Return the smallest residual that any function of the features has with each of these eigenvalues.

        Parameters
        ----------
        grid : complex array-like of any shape

        Returns
        -------
        ndarray of the shape of ``grid``
            At most ε where the ε-pseudospectrum lies (Colbrook & Townsend 2024).
        """
        return pseudospectrum(*self._factors(), grid, rcond=max(self.rcond, float(np.finfo(self._type()).eps)))

    # -- for control ---------------------------------------------------------------------------------------------------------

    def _feature_factor(self) -> Array | None:
        """A matrix with the Gram matrix of the features over the snapshots."""
        if self._solve().K is None or not self._accumulator._fit.has_factors:
            return None
        return self._drawn.features.lifted(self._factors()[0])
