"""Saving: a loaded model goes on bit for bit, a file is whole or not there, and what is not ours is refused by name."""

import itertools
import json
import struct

import numpy as np
import pytest
from helpers import everything, same, same_learning, series
from safetensors import safe_open
from safetensors.numpy import save_file

import pushforward as pf

WAYS = {
    "exact": {},
    "H = 1": {"carry_every": 1},
    "H = 7, K = 3": {"carry_every": 7, "update_every": 3},
    "bounded latency": {"carry_every": 5, "latency": "bounded", "update_every": 2},
    "truncated": {"gradient": "tbptt", "update_every": 4},
    "sliding": {"gradient": "tbptt", "update_every": 2, "truncation": 9},
    "bounded weights": {"weight_bound": 0.7, "readout_bound": 1.2, "carry_every": 6},
    "linear": {"cell": "linear", "dt": 0.1, "init": "glorot"},
    "relu": {"activation": "relu", "init": "identity"},
}
OPTIMIZERS = [
    pf.SGD(learning_rate=0.01, clip_norm=0.5),
    pf.SGD(learning_rate=0.01, momentum=0.9, schedule=pf.Exponential(factor=0.99)),
    pf.RMSprop(learning_rate=0.01, schedule=pf.InverseTime(decay=0.01, power=0.7)),
    pf.Adam(learning_rate=0.01, schedule=pf.Step(every=7, factor=0.5)),
    pf.AdamW(learning_rate=0.01, weight_decay=0.1),
]
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def regressor(**settings):
    return pf.RecurrentRegressor(**{"n_units": 6, "dtype": "float64", "optimizer": pf.Adam(learning_rate=0.01)} | settings)


def goes_on(model, path, rest):
    """Saved and loaded, it is the same, and stays the same over the rest of the stream."""
    model.save(path)
    loaded = pf.load(path)
    assert type(loaded) is type(model)
    assert loaded.get_params() == model.get_params()
    same_learning(loaded, model)
    same_learning(loaded.partial_fit(*rest), model.partial_fit(*rest))
    assert loaded.loss_ == model.loss_


@each_way
@pytest.mark.parametrize("n_series", [None, 3])
@pytest.mark.parametrize("stop", [1, 13, 20])  # in the middle of a block and of an update, and at the end of one
def test_a_loaded_model_goes_on_bit_for_bit(way, n_series, stop, dtype, rng, tmp_path):
    X, y = series(rng, 47, dtype, n_series)
    model = regressor(dtype=str(dtype), **way)
    first, rest = (np.s_[:stop], np.s_[stop:]) if n_series is None else (np.s_[:, :stop], np.s_[:, stop:])
    goes_on(model.partial_fit(X[first], y[first]), tmp_path / "m.safetensors", (X[rest], y[rest]))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_with_every_optimiser(optimizer, dtype, rng, tmp_path):
    X, y = series(rng, 60, dtype)
    model = regressor(dtype=str(dtype), optimizer=optimizer).partial_fit(X[:25], y[:25])
    goes_on(model, tmp_path / "m.safetensors", (X[25:], y[25:]))


@pytest.mark.parametrize("classes", [3, ["down", "flat", "up"], [-1, 0, 1]])
def test_classes_and_tokens(classes, rng, tmp_path):
    names = np.arange(3) if classes == 3 else np.array(classes)
    tokens, y = rng.integers(5, size=60), names[rng.integers(3, size=60)]
    model = pf.RecurrentClassifier(n_units=6, n_inputs=5, classes=classes).partial_fit(tokens[:25], y[:25])
    goes_on(model, tmp_path / "m.safetensors", (tokens[25:], y[25:]))
    loaded = pf.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.classes_, names)
    assert loaded.classes_.dtype == model.classes_.dtype


def test_between_a_step_and_its_feedback(rng, tmp_path):
    X, y = series(rng, 20)
    model = regressor().partial_fit(X, y)
    output = model.step(X[0])
    model.save(tmp_path / "m")
    loaded = pf.load(tmp_path / "m")
    same_learning(loaded.feedback(output - y[0]), model.feedback(output - y[0]))


def test_after_a_reset_and_twice_over(rng, tmp_path):
    X, y = series(rng, 40, n_series=2)
    model = regressor().partial_fit(X[:, :15], y[:, :15]).reset_state(series=[1])
    pf.save(model, tmp_path / "a")
    pf.load(tmp_path / "a").save(tmp_path / "b")
    goes_on(pf.load(tmp_path / "b"), tmp_path / "c", (X, y))
    same_learning(model.partial_fit(X, y), pf.load(tmp_path / "b").partial_fit(X, y))


def test_settings_of_every_kind_survive(rng, tmp_path):
    X, y = series(rng, 20)
    model = regressor(n_units=np.int64(6), n_threads=1, random_state=np.int32(4), n_epochs=2).fit(X, y)
    goes_on(model, tmp_path / "m", (X, y))


@pytest.fixture
def saved(rng, tmp_path):
    X, y = series(rng, 20)
    model = regressor(carry_every=6).partial_fit(X, y)
    model.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def rewritten(path, change):
    """The file again after change(header, tensors)."""
    with safe_open(path, framework="np") as file:
        header, tensors = dict(file.metadata()), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    change(header, tensors)
    save_file(tensors, path, metadata=header)
    return path


def test_a_truncated_file_is_refused(saved, tmp_path):
    whole = saved.read_bytes()
    for length in [0, 1, 7, 8, 9, 100, *range(200, len(whole) - 1, len(whole) // 15), len(whole) - 1]:
        (tmp_path / "part").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"path must be a whole safetensors file, got .*part"):
            pf.load(tmp_path / "part")


def test_files_that_are_not_ours(tmp_path):
    (tmp_path / "text").write_text("hello " * 100)
    (tmp_path / "huge").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    (tmp_path / "json").write_bytes(struct.pack("<Q", 5) + b"[1,2]")
    for name in ("text", "huge", "json"):
        with pytest.raises(ValueError, match="path must be a whole safetensors file, got"):
            pf.load(tmp_path / name)
    save_file({"weight": np.zeros(3)}, tmp_path / "other")
    with pytest.raises(ValueError, match=r"path must be a file written by pushforward, got .*other: a safetensors file of another kind"):
        pf.load(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match=r"path must be a model file, got .*nothing: there is none"):
        pf.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="path must be a model file"):
        pf.load(tmp_path)


def test_files_of_version_2_are_read(saved):
    before = pf.load(saved)
    same_learning(pf.load(rewritten(saved, lambda header, _: (header.update(format_version="2"), header.pop("complex")))), before)


HEADERS = {
    "another version": ({"format_version": "1"}, "has format version 1, this pushforward reads 2 and 3"),
    "another estimator": ({"estimator": "Oracle"}, "holds a Oracle, which this pushforward does not know"),
    "no settings": ({"settings": None}, "the header of .* is damaged"),
    "settings cut off": ({"settings": '{"n_units": 6'}, "the header of .* is damaged"),
    "settings of another kind": ({"settings": "[1]"}, "the header of .* is damaged"),
    "an unknown setting": ({"settings": '{"n_units": 6, "magic": 1}'}, "the header of .* is damaged"),
    "no facts": ({"facts": None}, "the header of .* is damaged"),
    "empty facts": ({"facts": "{}"}, "the header of .* is damaged"),
    "facts of another kind": ({"facts": "3"}, "the header of .* is damaged"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_damaged_headers_are_refused(case, saved):
    changes, message = HEADERS[case]

    def change(header, tensors):
        for key, value in changes.items():
            header.pop(key)
            if value is not None:
                header[key] = value

    with pytest.raises(ValueError, match=message):
        pf.load(rewritten(saved, change))


def test_wrong_settings_in_the_file_are_refused(saved):
    def change(header, tensors):
        header["settings"] = json.dumps(json.loads(header["settings"]) | {"gradient": "bptt"})

    with pytest.raises(ValueError, match=r"gradient must be one of rtrl, .*, tbptt, got 'bptt'"):
        pf.load(rewritten(saved, change))


def test_wrong_tensors_are_refused(saved):
    with safe_open(saved, framework="np") as file:
        names = list(file.keys())
    assert {"parameters", "optimizer.moment1", "optimizer.moment2", "series0.state", "series0.influence"} <= set(names)
    whole = saved.read_bytes()
    for name in names:
        for change, message in [
            (lambda _, tensors: tensors.pop(name), f"'{name}' is missing"),  # noqa: B023
            (lambda _, tensors: tensors.update({name: np.zeros(tensors[name].size + 1, tensors[name].dtype)}), f"'{name}' must have"),  # noqa: B023
            (lambda _, tensors: tensors.update({name: tensors[name].astype("float32")}), f"'{name}' has another type"),  # noqa: B023
        ]:
            saved.write_bytes(whole)
            with pytest.raises((ValueError, TypeError), match=message):
                pf.load(rewritten(saved, change))
    saved.write_bytes(whole)
    with pytest.raises(ValueError, match="'extra' is not"):
        pf.load(rewritten(saved, lambda _, tensors: tensors.update(extra=np.zeros(3))))


@pytest.mark.parametrize("way", ["H = 7, K = 3", "bounded latency", "sliding"])
def test_counts_that_cannot_be_are_refused(way, rng, tmp_path):
    """A place or a length outside its array would be followed out of memory."""
    X, y = series(rng, 20)
    regressor(**WAYS[way]).partial_fit(X, y).save(tmp_path / "m")
    whole = (tmp_path / "m").read_bytes()
    with safe_open(tmp_path / "m", framework="np") as file:
        counts = {key: file.get_tensor(key) for key in file.keys() if file.get_tensor(key).dtype == np.int64}  # noqa: SIM118
    assert len(counts) >= 6
    for name, value in counts.items():
        may_be_large = name in ("learner.steps", "optimizer.updates") or name.endswith((".terms", ".tick"))
        for place, wrong in itertools.product(range(min(value.size, 6)), (-2,) if may_be_large else (-2, 2**40)):

            def change(_, tensors, name=name, place=place, wrong=wrong):
                tensors[name][place] = wrong

            (tmp_path / "m").write_bytes(whole)
            with pytest.raises(ValueError, match=f"'{name}'"):
                pf.load(rewritten(tmp_path / "m", change))


def test_numbers_that_are_not_finite_are_refused(saved):
    def change(_, tensors):
        tensors["parameters"][0] = np.nan

    with pytest.raises(ValueError, match="'parameters' must be finite"):
        pf.load(rewritten(saved, change))


@pytest.mark.parametrize("moment", ["save_file", "os.fsync", "os.replace"])
def test_a_failure_while_writing_leaves_the_old_file(moment, saved, monkeypatch, rng):
    before = saved.read_bytes()
    model = pf.load(saved)
    model.partial_fit(*series(rng, 20))
    state = everything(model)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"pushforward.io.{moment}", full)
        with pytest.raises(OSError, match="No space left"):
            model.save(saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    same(everything(model), state)
    model.save(saved)
    same_learning(pf.load(saved), model)


def test_a_folder_that_is_not_there(saved):
    with pytest.raises(FileNotFoundError):
        pf.load(saved).save(saved.parent / "no" / "m")


@pytest.mark.parametrize("way", [{}, {"latency": "bounded", "carry_every": 4}, {"gradient": "tbptt", "truncation": 5}])
def test_a_model_that_diverged_can_be_saved(way, tmp_path):
    X = np.ones((30, 1))
    model = regressor(activation="relu", **way).partial_fit(X, X)
    X[20] = 1e300
    with pytest.raises(pf.DivergenceError):
        model.partial_fit(X, -X)
    model.save(tmp_path / "m.safetensors")
    X[20] = 1.0
    same_learning(pf.load(tmp_path / "m.safetensors").partial_fit(X, X), model.partial_fit(X, X))


def test_the_file_is_readable_by_whom_other_files_are(tmp_path):
    (tmp_path / "plain").touch()
    series_of_ones = np.ones((5, 1))
    regressor().partial_fit(series_of_ones, series_of_ones).save(tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
