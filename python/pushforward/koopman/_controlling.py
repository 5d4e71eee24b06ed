"""Controllers of a fitted estimator."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ._steady import finite
from .control import KEPT, STEPS, LinearQuadraticController, PredictiveController, lqr, mpc

__all__ = ["Controlling"]

Array = NDArray[Any]


class Controlling:
    """``lqr`` and ``mpc`` of an estimator that has a whole operator and inputs that enter as they are.

    Of the estimator: ``koopman_matrix_``, ``input_matrix_``, ``projection_``, ``n_delays``, ``input_layer``, ``_lift_state(x)`` -> (n_features,),
    ``_constant_column()`` -> int or None and ``_feature_factor()`` -> a matrix with the Gram matrix of the features, or None.
    """

    koopman_matrix_: Array | None
    input_matrix_: Array | None
    projection_: Array | None
    n_delays: int
    input_layer: str | int

    if TYPE_CHECKING:  # the estimator's own, whatever the order of its bases

        def _lift_state(self, x: Array) -> Array: ...

        def _constant_column(self) -> int | None: ...

        def _feature_factor(self) -> Array | None: ...

    def lqr(
        self, Q: ArrayLike, R: ArrayLike, target: ArrayLike | None = None, *, rcond: float = KEPT, horizon: int = STEPS,
        steady_tolerance: float = 0.05,
    ) -> LinearQuadraticController:  # fmt: skip
        """Linear-quadratic regulator of the fitted model.

        Parameters
        ----------
        Q : float, (n_state,) or (n_state, n_state) array-like
            Cost of the distance from the target.
        R : float, (n_inputs,) or (n_inputs, n_inputs) array-like
            Cost of the distance from the input that holds the target.
        target : (n_state,) array-like, optional
            The origin unless given.
        rcond, horizon, steady_tolerance
            As for :func:`pushforward.koopman.control.lqr`, whose notes say what is done; ``controller.report`` says it of this model.

        Returns
        -------
        controller : LinearQuadraticController
            controller(x) -> u, x the state (n_state,), of a model with delays the last states (n_delays + 1, n_state), oldest first.

        Raises
        ------
        ValueError
            When the model has no inputs, or not as they are (``input_layer``), or no whole operator (``target="state"``); when no input holds the
            target.
        ControlError
            When no method finds a gain.
        """
        K, B, C = self._operators()
        return lqr(
            K, B, C, Q, R, target, lift=self._lift_state, psi_target=self._lifted_target(target), factor=self._feature_factor(),
            rcond=rcond, horizon=horizon, steady_tolerance=steady_tolerance, constant_column=self._constant_column(),
        )  # fmt: skip

    def mpc(
        self, Q: ArrayLike, R: ArrayLike, horizon: int, u_min: ArrayLike | None = None, u_max: ArrayLike | None = None,
        x_min: ArrayLike | None = None, x_max: ArrayLike | None = None, target: ArrayLike | None = None, *, rcond: float = KEPT,
        steady_tolerance: float = 0.05, soft_weight: float | None = 1e4, tolerance: float = 1e-6, max_iter: int = 10000,
    ) -> PredictiveController:  # fmt: skip
        """Predictive controller of the fitted model, with bounds; needs OSQP (extra ``[control]``).

        Parameters
        ----------
        Q, R, target
            As for :meth:`lqr`.
        horizon : int
            Steps.
        u_min, u_max : float or (n_inputs,) array-like, optional
        x_min, x_max : float or (n_state,) array-like, optional
        rcond, steady_tolerance, soft_weight, tolerance, max_iter
            As for :func:`pushforward.koopman.control.mpc`.

        Returns
        -------
        controller : PredictiveController
            controller(x) -> u, x as for :meth:`lqr`.

        Raises
        ------
        ImportError
            When OSQP is not installed.
        ValueError, ControlError
            As for :meth:`lqr`; ControlError also at a call.
        """
        K, B, C = self._operators()
        return mpc(
            K, B, C, Q, R, horizon, u_min, u_max, x_min, x_max, target, lift=self._lift_state, psi_target=self._lifted_target(target),
            factor=self._feature_factor(), rcond=rcond, steady_tolerance=steady_tolerance, constant_column=self._constant_column(),
            soft_weight=soft_weight, tolerance=tolerance, max_iter=max_iter,
        )  # fmt: skip

    def _operators(self) -> tuple[Array, Array, Array]:
        check_is_fitted(self, "projection_")
        if self.koopman_matrix_ is None or self.projection_ is None:
            raise ValueError('target must be "observables" for control: a model of the next state alone has no operator')
        if self.input_matrix_ is None:
            raise ValueError("inputs must have been given to fit: a model without inputs cannot be controlled")
        if self.input_layer != "identity":
            raise ValueError(f'input_layer must be "identity" for control, where the model is linear in the inputs, got {self.input_layer!r}')
        return self.koopman_matrix_, self.input_matrix_, self.projection_

    def _lifted_target(self, target: ArrayLike | None) -> Array | None:
        """Features of a target that has been held for as long as the delays reach back; None: those of a state."""
        if not self.n_delays:
            return None
        assert self.projection_ is not None  # _operators has looked
        n_state, dtype = len(self.projection_), self.projection_.dtype
        state = np.zeros(n_state, dtype) if target is None else finite("target", target, (n_state,)).astype(dtype)
        return self._lift_state(np.tile(state, (self.n_delays + 1, 1)))
