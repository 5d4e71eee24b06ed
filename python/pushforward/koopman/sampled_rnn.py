"""A recurrent network without gradients: a sampled hidden layer, and one least-squares problem."""

from .._checks import one_of, positive_int
from .._series import Array
from ..cells import ACTIVATIONS
from ._controlling import Controlling
from ._file import Saved
from .dictionaries import Dictionary, Sampled

__all__ = ["SampledRNN"]

SCHEMES = ("pairs", "random")


class SampledRNN(Controlling, Saved):
    """Recurrent network whose hidden weights are sampled from pairs of data points; all else is one linear least-squares problem, in one pass.

    A trajectory is (n_steps, n_state), several of one length (n_series, n_steps, n_state), several of any length a list; inputs likewise.

    Parameters
    ----------
    n_units : int
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
    n_delays : int
        How many states before the present one are seen too.
    delay_compression : int, optional
        Principal components that take the place of the state and the delayed ones.
    include_state, include_constant : bool
        The state (its embedding) and a 1 stand among the features.
    input_layer : "identity" or int
        Inputs enter as they are, which control needs, or through a sampled layer of that many units.
    target : {"observables", "state"}
        Of the least squares: all features of the next state, or the next state alone, in less than half of the time and without an operator K:
        no eigenvalues, no :meth:`simulate_linear`, no control.
    rcond : float
        Singular values of the standard features of at most ``rcond`` times the largest are cut off.
    ridge : float
        Penalty of the operators of the standard features.
    stabilize : {"project"}, optional
        Eigenvalues of K outside the unit circle are moved onto it: for :meth:`simulate_linear`, the spectrum and control. What lifts anew at every
        step (:meth:`predict`, :meth:`simulate`, :meth:`forecast`) does not change.
    scheme : {"pairs", "random"}
        Where weights come from: see :func:`pushforward.kernels.sample_weights`. "random": of standard data.
    n_candidates, unique
        As there.
    weight_scaling : float
        Factor of W and b of units from pairs. 1 is the published steepness (tanh goes from −1/2 to 1/2 between the points of the pair). Flatter units
        describe smooth systems better, until all of them look alike.
    solver : {"auto", "qr", "gram", "svd"}
        As for :class:`pushforward.kernels.EDMDAccumulator`.
    dtype : {"float64", "float32"}
        Precision of everything; data of another precision are refused.
    random_state : int, optional

    Attributes
    ----------
    koopman_matrix_ : (n_features, n_features) ndarray or None
        K of ψ[t+1] ≈ K ψ[t] + B g(u[t]).
    input_matrix_ : (n_features, n_input_features) ndarray or None
        B.
    projection_ : (n_state, n_features) ndarray or None
        C of h ≈ C ψ.
    state_matrix_, state_input_matrix_ : ndarray, ndarray or None
        A (n_state, n_features) and A_u (n_state, n_input_features) of h[t+1] = A ψ[t] + A_u g(u[t]).
    eigenvalues_ : (n_features,) complex ndarray
    modes_ : (n_state, n_features) complex ndarray
    eigenpair_residuals_ : (n_features,) ndarray
        Of what a step does to an eigenfunction, relative to it.
    n_stabilized_ : int
    W_, b_ : (n_units, n_z), (n_units,) ndarrays
        The sampled layer.
    rank_ : int
        Of the features; less than their number where some are combinations of others.
    singular_values_, residuals_ : ndarray
    n_snapshots_, n_features_, n_features_in_, n_inputs_ : int

    Notes
    -----
    State h, embedding e[t] = [h[t] | h[t−1] | … | h[t−n_delays]], z = e or P (e − e_mean), P its principal components (not scaled):

        ψ(z) = [z | σ(W z + b) | 1] ,   h[t+1] = A ψ(z[t]) + A_u g(u[t]) ,   ψ(z[t+1]) ≈ K ψ(z[t]) + B g(u[t])

    (E. Bolager, A. Cukarska, I. Burak, Z. Monfared, F. Dietrich, arXiv 2410.23467). Units are placed by the increments of the standard state (its
    mean taken off, divided by its deviation). Least squares sees z without its mean and in units of its deviation (to a power of two): rcond cuts the
    same directions whatever the units of the data. K, B, C, A are those of ψ. What is drawn is drawn from 50,000 steps of the first data at most.

    rcond, ridge and stabilize may be changed on a fitted model: operators are solved for anew from what has been folded in.

    :class:`sklearn.model_selection.GridSearchCV` takes a list of trajectories, or one with ``cv=TimeSeriesSplit()``; inputs take the place of ``y``.

    Examples
    --------
    >>> import numpy as np, pushforward as pf
    >>> X = pf.datasets.lorenz63(6000, dt=0.02)
    >>> model = pf.SampledRNN(n_units=100, random_state=0).fit(X[:5000])
    >>> future = model.simulate(X[4999], 1000)
    >>> float(pf.metrics.valid_prediction_time(X[5000:], future, dt=0.02, lyapunov_exponent=0.9056)) > 5
    True
    """

    def __init__(
        self, n_units: int = 200, activation: str = "tanh", n_delays: int = 0, delay_compression: int | None = None, include_state: bool = True,
        include_constant: bool = True, input_layer: str | int = "identity", *, target: str = "observables", rcond: float = 1e-10, ridge: float = 0.0,
        stabilize: str | None = None, scheme: str = "pairs", n_candidates: int | str | None = None, unique: bool = True, weight_scaling: float = 0.5,
        solver: str = "auto", dtype: str = "float64", random_state: int | None = None,
    ) -> None:  # fmt: skip
        self.n_units, self.activation, self.n_delays, self.delay_compression = n_units, activation, n_delays, delay_compression
        self.include_state, self.include_constant, self.input_layer, self.target = include_state, include_constant, input_layer, target
        self.rcond, self.ridge, self.stabilize, self.scheme, self.n_candidates, self.unique = rcond, ridge, stabilize, scheme, n_candidates, unique
        self.weight_scaling, self.solver, self.dtype, self.random_state = weight_scaling, solver, dtype, random_state

    def _check_settings(self) -> None:
        positive_int("n_units", self.n_units)
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("scheme", self.scheme, SCHEMES)
        super()._check_settings()

    def _unfitted(self) -> Dictionary:
        return Sampled(self.n_units, self.activation, self.scheme, self.n_candidates, self.unique)

    def _input_units(self) -> Sampled | None:
        layer = super()._input_units()
        return layer if layer is None else Sampled(layer.n_units, self.activation, self.scheme, None, self.unique)

    def _steepness(self) -> float:
        return self.weight_scaling

    def _layer(self) -> Sampled:
        self._check_built()
        layer = self._drawn.features.lift.dictionary
        assert isinstance(layer, Sampled)  # _unfitted made it
        return layer

    @property
    def W_(self) -> Array:
        """Weights of the sampled layer (n_units, n_z), in the units of the data. A copy."""
        return self._layer().W_.copy()

    @property
    def b_(self) -> Array:
        """Biases of the sampled layer (n_units,). A copy."""
        return self._layer().b_.copy()
