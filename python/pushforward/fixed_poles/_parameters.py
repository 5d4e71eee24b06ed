"""The parameters the two estimators share, described once."""

PARAMETERS = """
    s[t] = σ(β ∘ s[t−1] + W_in x[t] + b) with poles β that are chosen, and y[t] = W_out [s[t] | x[t]] + b_out by least squares.

    Parameters
    ----------
    poles : {"ring", "disc", "real", "log_spaced"} or (n_units,) array
        "ring": at equally spaced angles, on the circle of ``radius``. "disc": uniform in the disc of ``radius``. "real": uniform in
        (−``radius``, ``radius``). "log_spaced": real, with time constants −1 / log β spaced logarithmically, β from 0.1 to ``radius``.
        In discrete time. A real dtype takes complex poles in conjugate pairs: two units that hear one another with the block
        [[a, −b], [b, a]] of β = a ± ib, the real and the imaginary part of one complex state.
    n_units : int
        Numbers of the state, and poles; of an array its length counts.
    radius : float or (low, high)
        A pair: radii in between (in the disc: a ring), "real" and "log_spaced": poles in between.
    input_scaling : float
        W_in is uniform in (−input_scaling, input_scaling); complex: both parts, divided by √2.
    bias_scaling : float
        The same for the bias of the units.
    activation : {"identity", "relu", "tanh", "sigmoid", "elu"}
        Complex: of the real and of the imaginary part.
    readout : {"rls", "ridge"}
        "rls": recursive least squares, event by event; the real-time path. "ridge": in closed form, from all steps seen so far.
    forgetting : float in (0, 1]
        Of "rls": what is k steps old counts forgettingᵏ.
    ridge : float, optional
        ‖W_out‖² counts this much beside the squared errors; of "rls" the inverse of the first P. 1e-6 unless given, in single precision 1e-2.
    include_inputs : bool
        The read-out sees x[t] too.
    washout : int
        Steps at the start of every series of which the state is taken, but nothing is learnt.
    allow_unstable : bool
        Take poles on or outside the unit circle.
    learn_poles : bool
        Follow the exact gradient of ½‖y − ŷ‖² with the poles as well, one update a step, from where they were chosen. Needs "rls"; complex poles
        need a complex dtype and the identity. Nothing holds them inside the unit circle: a run that is carried away ends in DivergenceError.
    learn_input_weights : bool
        With ``learn_poles``: W_in learns too.
    optimizer : Optimizer, optional
        Of the poles; RMSprop(learning_rate=1e-4) unless given.
    dtype : {"float32", "float64", "complex64", "complex128"}
        Of data, states, read-out and predictions.
    random_state : int"""
