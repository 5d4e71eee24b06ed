"""The constructor arguments that the echo state estimators share, and what resets what, as their docstrings say them."""

FEEDBACK = """\
    feedback : bool
        Every step also hears the output of the step before: in fit the target (teacher forcing), else the model's own.
    feedback_scaling : float, optional
        W_feedback is uniform in ±feedback_scaling; unless given it is chosen from the first targets as ``input_scaling`` is from the inputs.
"""

_PARAMETERS = """
    Parameters
    ----------
    n_units : int or list of int
        Units of the reservoir; a list makes a deep one: layer l + 1 hears the states of layer l, the read-out hears all. Every setting marked (*)
        may then be a list too, an entry a layer.
    spectral_radius : float (*)
        Largest |eigenvalue| of W_rec. An operator or array given as ``topology`` keeps its own.
    input_scaling : float or (n_inputs,) ndarray, optional (*)
        W_in is uniform in ±input_scaling (complex: in either part), column by column. Unless given it is chosen from the first data, see
        :func:`pushforward.reservoirs.suggest`; above the first layer it is 1 / √(units below).
    bias_scaling : float (*)
        The bias is uniform in ±bias_scaling.
    leak_rate : float or (n_units,) ndarray, in (0, 1] (*)
        1: no leak.
    connectivity : float in (0, 1], optional (*)
        Fraction of non-zero recurrent weights, for topologies that are drawn; unless given every unit hears ten others (or all, if there are fewer).
    topology : {"random", "ring", "delay_line", "cycle_with_jumps", "orthogonal", "block_diagonal"} or operator or array (*)
        Structure of W_rec; or W_rec itself: (n_units, n_units) ndarray, SciPy sparse array, or an operator of :mod:`pushforward.reservoirs`.
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"} (*)
        Of complex units it acts on the real and the imaginary part separately.
    proximity : float in (0, 1], optional (*)
        β of edge-of-stability units (ES²N): s ← (1 − β) O s + β σ(…), O random and orthogonal, in the place of ``leak_rate``.
    washout : int or list of int
        Steps at the start of every series that are not learnt from (one for all, or one a series), nor counted by :meth:`score`.
        A series that is not longer is refused by :meth:`fit`.
{feedback}    noise : float (*)
        Standard deviation of normal numbers added to what units hear while the model learns; predictions are without.
    readout : {"ridge", "rls", "nlms", "lms"} or read-out
        "ridge" is solved in closed form, the others learn event by event. Or a read-out of :mod:`pushforward.kernels`, which is copied.
    ridge : float, optional
        Of "ridge": the penalty, 1e-8 unless given. Of "rls": 1 / ridge is its start, 1e-6 in double and 1e-2 in single precision unless given; with
        ``forgetting=1`` and the same ridge both give the same weights.
    solver : {"qr", "gram"}
        Of "ridge". "gram" is faster and loses half the digits, which costs a closed loop most of its horizon.
    forgetting : float in (0, 1]
        Of "rls".
    learning_rate : float, optional
        Of "nlms" and "lms"; their own default unless given.
    include_inputs : bool
        The features are [states of layer 1 | … | states of layer L | inputs]; without it the inputs are left out.
    intercept : bool
        The read-out has a constant.
    intrinsic_plasticity : {"gaussian", "exponential"}, optional
        Gain and bias of every unit are first adapted to the data, so that its output gets this distribution ("gaussian" of tanh units,
        "exponential" of sigmoid units), before anything is learnt from them.
    plasticity_rate, plasticity_mean, plasticity_deviation : float
        Learning rate, mean and, of the gaussian, standard deviation aimed at.
    plasticity_epochs : int
        Passes over the first data.
    dtype : {"float64", "float32", "complex128", "complex64"}
        Precision of everything; data of another precision are refused.
    random_state : int
        Seed of all that is drawn."""

PARAMETERS = _PARAMETERS.replace("{feedback}", FEEDBACK)
PARAMETERS_WITHOUT_FEEDBACK = _PARAMETERS.replace("{feedback}", "")

RESETS = """
    **What resets what.** :meth:`fit` starts afresh: the reservoir is drawn again, all that was learnt is dropped, every series starts at the zero
    state and has its own washout. :meth:`partial_fit` and :meth:`learn_one` go on with the series at the state where they stand, and the washout is
    counted once a series. :meth:`reset_state` ends the series (zero state, new washout, any number of series may follow) and keeps what was learnt.
    What predicts changes nothing; it starts at the zero state, or with ``state="current"`` where the series stand. ``advance=True`` is the one way
    by which it moves the series on."""
