"""The constructor arguments that the recurrent estimators share, as their docstrings say them."""

PARAMETERS = """
    Parameters
    ----------
    n_units : int
        Of a cell given by name.
    cell : {"elman", "linear", "leaky", "neural_ode", "gru", "lstm", "diagonal", "lru", "elstm"} or Cell
        A name, for a cell with the settings below; or a value of :mod:`pushforward.cells` with settings of its own (``pf.cells.stack([...])``).
    activation : {"tanh", "relu", "sigmoid", "elu", "identity"}, optional
        Of the cells "elman", "leaky", "neural_ode", "diagonal"; "tanh" unless given. Here as below: a setting that the cell does not have is refused.
    dt : float, optional
        Step, seconds, of "neural_ode", where it must be given, and of the Euler form of "linear"; without it that is h ← A h + B x + b.
    leak_rate : float, optional
        Of "leaky", in (0, 1].
    weight_bound, readout_bound : float, optional
        c: every weight of the cell, or of the read-out, enters as c·tanh(w / c) (the bounded maps of arXiv 2501.08040, (2.17)).
    connectivity : float or (n_units, n_units) ndarray of bool, optional
        Of the recurrent matrices of cells that have them: the fraction of units that each unit hears, drawn by ``random_state``; or row i, what
        unit i hears. What does not exist is neither stored nor learnt.
    gradient : {"rtrl", "snap1", "snap2", "uoro", "kf", "rflo", "eprop", "tbptt"}
        "rtrl" is exact and untruncated. The others are approximate: "snap1" and "snap2" keep the influence of a weight on what it reaches within one
        or two steps; "uoro" and "kf" are noisy and right in the mean; "rflo" and "eprop" are local rules; "tbptt" looks ``truncation`` steps back.
        Not every one is defined for every cell: the error says which are. :meth:`gradient_bias` measures what an approximation costs.
    truncation : int, optional
        For "tbptt", at least ``update_every`` (its default).
    error_feedback : {"random", "transposed"}, optional
        For "rflo" and "eprop", how an error reaches the units: through a fixed random matrix (the choice of "rflo" unless given) or the
        transpose of the read-out's (of "eprop").
    update_every : int
        K: one optimiser update every K steps, by the mean gradient over the losses since the last.
    carry_every : int or "auto"
        H: steps by which the influence is moved at a time; for "rtrl", "snap1", "uoro", "rflo", "eprop". A matter of speed only: every H gives the
        same numbers up to round-off ("uoro": in the mean).
    latency : {"throughput", "bounded"}
        "bounded", for "rtrl", spreads the work of a block's end over the next H steps, for control loops.
    optimizer : Optimizer, optional
        ``RMSprop()`` unless given.
    init : str, optional
        How the recurrent weights are drawn, see :func:`pushforward.init.recurrent_weights`; the cell's own choice unless given.
    n_inputs : int, optional
        Number of inputs; needed for integer tokens whose largest value is not in the first data.
    n_epochs : int
        Passes of :meth:`fit` over the data.
    dtype : {"float32", "float64"}
        Precision of everything; data of another precision are refused.
    n_threads : int, optional
        The global default (:func:`pushforward.set_num_threads`) unless given. Results do not depend on it.
    random_state : int
        Seed of the starting weights, of ``connectivity``, and of what an algorithm draws."""
