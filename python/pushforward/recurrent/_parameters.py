"""The constructor arguments that the recurrent estimators share, as their docstrings say them."""

PARAMETERS = """
    Parameters
    ----------
    n_units : int
    cell : {"elman", "linear"}
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}
        Of the Elman cell.
    dt : float, optional
        Step of the linear cell's Euler form, seconds; None is the plain form h ← A h + B x + b.
    weight_bound, readout_bound : float, optional
        c: every weight of the cell, or of the read-out, enters as c·tanh(w / c) (the bounded maps of arXiv 2501.08040, (2.17)).
    gradient : {"rtrl", "tbptt"}
        "rtrl" is exact and untruncated; "tbptt" is approximate: it looks ``truncation`` steps back.
    truncation : int, optional
        For "tbptt", at least ``update_every`` (its default).
    update_every : int
        K: one optimiser update every K steps, by the mean gradient over the losses since the last.
    carry_every : int or "auto"
        H: steps by which the influence is moved at a time. A matter of speed only: every H gives the same numbers up to round-off.
    latency : {"throughput", "bounded"}
        "bounded" spreads the work of a block's end over the next H steps, for control loops.
    optimizer : Optimizer, optional
        ``RMSprop()`` unless given.
    init : str, optional
        How W_rec is drawn: "orthogonal", "glorot", "identity", "scaled_normal"; the cell's own choice unless given.
    n_inputs : int, optional
        Number of inputs; needed for integer tokens whose largest value is not in the first data.
    n_epochs : int
        Passes of :meth:`fit` over the data.
    dtype : {"float32", "float64"}
        Precision of everything; data of another precision are refused.
    n_threads : int, optional
        The global default (:func:`pushforward.set_num_threads`) unless given. Results do not depend on it.
    random_state : int
        Seed of the starting weights."""
