"""Data sets: generators follow their equations, loaders use nothing of the future, files are checked before they are trusted."""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from pushforward import datasets
from pushforward.datasets import _fetch, _registry


def need(*names):
    """Skip unless PUSHFORWARD_DATA holds the files."""
    folder = os.environ.get("PUSHFORWARD_DATA")
    if not folder:
        pytest.skip("PUSHFORWARD_DATA is not set")
    for name in names:
        if not (Path(folder) / name).is_file():
            pytest.skip(f"{name} is not in PUSHFORWARD_DATA")


# -- generators --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "identity"])
def test_elman_teacher_follows_its_weights(activation):
    X, y, w = datasets.elman_teacher(50, n_inputs=3, n_units=5, n_outputs=2, seed=4, activation=activation)
    sigma = {"tanh": np.tanh, "relu": lambda a: a * (a > 0), "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "identity": lambda a: a}[activation]
    state = np.zeros(5)
    for x, target in zip(X, y, strict=True):
        state = sigma(w["W_rec"] @ state + w["W_in"] @ x + w["bias"])
        np.testing.assert_allclose(w["W_out"] @ state, target, rtol=1e-10, atol=1e-12)
    assert np.abs(np.linalg.eigvals(w["W_rec"])).max() == pytest.approx(0.9)


def test_linear_teacher_is_stable_and_follows_its_weights():
    X, y, w = datasets.linear_teacher(200, n_units=6, seed=1, dt=0.2)
    assert np.linalg.eigvalsh(w["W_rec"]).max() < 0
    state = np.zeros(6)
    for x, target in zip(X, y, strict=True):
        state = state + 0.2 * (w["W_rec"] @ state + w["W_in"] @ x)
        np.testing.assert_allclose(w["W_out"] @ state, target, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="dt"):
        datasets.linear_teacher(10, dt=100.0)


def test_teachers_are_seeded():
    a, b, c = (datasets.elman_teacher(20, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(a.y, b.y)
    assert not np.array_equal(a.y, c.y)


def test_narma10_follows_its_recursion():
    X, y = datasets.narma10(500, seed=2)
    u = X[:, 0]
    assert 0 <= u.min() < u.max() <= 0.5
    for t in range(20, 500):
        expected = 0.3 * y[t - 1] + 0.05 * y[t - 1] * y[t - 10 : t].sum() + 1.5 * u[t - 9] * u[t] + 0.1
        assert y[t] == pytest.approx(expected, rel=1e-12)


def test_lorenz63_has_the_right_derivative_and_order():
    fine, coarse = (datasets.lorenz63(n, dt=dt, transient=0)[-1] for n, dt in ((800, 0.00125), (100, 0.01)))
    finer = datasets.lorenz63(1600, dt=0.000625, transient=0)[-1]
    assert np.abs(coarse - finer).max() > 100 * np.abs(fine - finer).max()  # order 4: 8⁴ = 4096
    s = datasets.lorenz63(3, dt=1e-4, transient=0)
    x, y, z = s[1]
    np.testing.assert_allclose((s[2] - s[0]) / 2e-4, [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], rtol=1e-4)


def test_mackey_glass_obeys_its_delay_equation():
    dt = 0.1
    x = datasets.mackey_glass(2000, dt=dt, n_substeps=2, transient=0)
    t = np.arange(500, 1990)
    past = x[t - 170]
    np.testing.assert_allclose((x[t + 1] - x[t - 1]) / (2 * dt), 0.2 * past / (1 + past**10) - 0.1 * x[t], atol=2e-4)


@pytest.mark.parametrize("make", [datasets.elman_teacher, datasets.linear_teacher, datasets.narma10, datasets.lorenz63, datasets.mackey_glass])
def test_zero_steps_are_refused(make):
    with pytest.raises(ValueError, match="n_steps"):
        make(0)


# -- text --------------------------------------------------------------------------------------------------------------------


def test_text_survives_the_round_trip():
    text = "naïve ☃\nκόσμε " * 3
    tokens, alphabet = datasets.encode_text(text)
    assert alphabet == sorted(set(text))
    assert datasets.decode_text(tokens, alphabet) == text
    assert datasets.encode_text("")[0].shape == (0,)


def test_tiny_shakespeare_is_whole():
    need("tinyshakespeare.txt.gz")
    text = datasets.tiny_shakespeare()
    assert len(text.tokens) == 1_115_394
    assert len(text.alphabet) == 65
    assert datasets.decode_text(text.tokens[:14], text.alphabet) == "First Citizen:"
    np.testing.assert_array_equal(text.X[1:], text.y[:-1])
    assert datasets.tiny_shakespeare(1000).alphabet == text.alphabet


# -- order book --------------------------------------------------------------------------------------------------------------


def book_files(folder, book):
    message = np.column_stack([np.arange(len(book)) + 34200.5, *np.ones((5, len(book)))])
    paths = folder / "message.csv", folder / "book.csv.gz"
    np.savetxt(paths[0], message, delimiter=",")
    np.savetxt(paths[1], book, delimiter=",", fmt="%d")
    return {"message": paths[0], "orderbook": paths[1]}


def random_book(n, seed):
    rng = np.random.default_rng(seed)
    bid = 2_000_000 + 100 * np.cumsum(rng.integers(-1, 2, n))
    return np.column_stack([bid + 100 * rng.integers(1, 4, n), rng.integers(1, 500, n), bid, rng.integers(1, 500, n)])


def test_lobster_says_what_it_should(tmp_path):
    book = [[1010, 30, 990, 10], [1010, 30, 1000, 30], [1010, 5, 1000, 15], [2010, 1, 1000, 1]]
    data = datasets.lobster(**book_files(tmp_path, np.array(book)))
    np.testing.assert_allclose(data.X, [[0, -0.5], [0.05, 0], [0, 0.5]], atol=1e-7)
    assert data.y.tolist() == [2, 1, 2]
    assert data.X.dtype == np.float32
    last = datasets.lobster(**book_files(tmp_path, np.array([*book, book[0]])), clip=3.0, dtype="float64")
    assert last.X[3, 0] == 3.0  # the jump of 5 ticks, cut
    assert last.y[3] == 0


def test_lobster_features_use_nothing_of_the_future(tmp_path):
    book = random_book(60, 0)
    before = datasets.lobster(**book_files(tmp_path, book))
    for t in (0, 1, 20, 57):
        other = book.copy()
        other[t + 1 :] = random_book(60, 1)[t + 1 :]
        after = datasets.lobster(**book_files(tmp_path, other))
        np.testing.assert_array_equal(after.X[: t + 1], before.X[: t + 1])
        np.testing.assert_array_equal(after.y[:t], before.y[:t])
        assert not np.array_equal(after.X[t + 1 :], before.X[t + 1 :])


def test_lobster_sample_day():
    need("lobster_AMZN_2012-06-21_message_1.csv.gz", "lobster_AMZN_2012-06-21_orderbook_1.csv.gz")
    data = datasets.lobster()
    assert data.X.shape == (57_514, 2)
    assert np.abs(data.X[:, 0]).max() == 5.0
    assert np.abs(data.X[:, 1]).max() <= 1.0
    np.testing.assert_allclose(np.bincount(data.y) / len(data.y), [0.241, 0.521, 0.238], atol=1e-3)
    np.testing.assert_array_equal(np.sign(data.X[1:, 0]) + 1, data.y[:-1])  # the move that was the label is the next row's feature


@pytest.mark.parametrize("content", ["", "a,b\n", "1,2\n3,4\n", "1,2,3,4\n", "1,2,3,nan\n1,2,3,4\n"])
def test_lobster_refuses_a_bad_book(tmp_path, content):
    files = book_files(tmp_path, random_book(2, 0))
    files["orderbook"] = tmp_path / "bad.csv"
    files["orderbook"].write_text(content)
    with pytest.raises(ValueError, match="orderbook"):
        datasets.lobster(**files)
    with pytest.raises(ValueError, match="message, orderbook"):
        datasets.lobster(message=files["message"])


# -- files that are fetched --------------------------------------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch, tmp_path):
    """One known file, a data folder and a cache of our own, no network."""
    pooch = pytest.importorskip("pooch")
    content = b"to be, or not to be"
    packed = gzip.compress(content)
    source = _registry.Download("https://example.invalid/hamlet.txt", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(_fetch, "SHA256", {"hamlet.txt.gz": hashlib.sha256(packed).hexdigest(), "play.npz": "0" * 64})
    monkeypatch.setattr(_fetch, "DOWNLOADS", {"hamlet.txt.gz": source})
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")
    monkeypatch.setattr(pooch, "retrieve", lambda *a, **k: (_ for _ in ()).throw(ConnectionError("no network")))
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path / "data"))
    return tmp_path, content, packed


def test_the_folder_comes_first_and_is_checked(known):
    folder, content, packed = known
    path = folder / "data" / "hamlet.txt.gz"
    path.write_bytes(packed)
    assert datasets.fetch("hamlet.txt.gz") == path
    path.write_bytes(gzip.compress(content + b"?"))
    with pytest.raises(ValueError, match="sha256"):
        datasets.fetch("hamlet.txt.gz")
    path.unlink()
    path.with_suffix("").write_bytes(content)  # unpacked is as good
    assert datasets.read_text(datasets.fetch("hamlet.txt.gz")) == content.decode()


def test_the_cache_comes_next_and_is_checked(known):
    folder, content, _ = known
    (folder / "cache").mkdir()
    path = folder / "cache" / "hamlet.txt"
    path.write_bytes(content)
    assert datasets.fetch("hamlet.txt.gz") == path
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="sha256"):
        datasets.fetch("hamlet.txt.gz")


@pytest.mark.parametrize("name", ["hamlet.txt.gz", "play.npz"])
def test_what_cannot_be_had_says_what_to_do(known, name):
    with pytest.raises(FileNotFoundError, match=r"PUSHFORWARD_DATA .*sha256"):
        datasets.fetch(name)
    assert not list((known[0] / "data").iterdir())


def test_every_known_file_at_hand_has_its_hash():
    need("tinyshakespeare.txt.gz")
    for name in _registry.SHA256:
        if (Path(os.environ["PUSHFORWARD_DATA"]) / name).is_file():
            assert datasets.fetch(name).name == name


# -- tables ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["a,b,c\n", ""])
def test_csv_delimiter_and_header_are_found(tmp_path, delimiter, header):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress((header + "1,2,3\n4,5e-1,-6\n\n").replace(",", delimiter).encode()))
    table = datasets.load_table(path, "c" if header else "column_3")
    assert table.columns == (("a", "b") if header else ("column_1", "column_2"))
    np.testing.assert_array_equal(table.X, [[1, 2], [4, 0.5]])
    np.testing.assert_array_equal(table.y, [3, -6])


def test_text_columns_are_left_out_loudly_or_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("date,v,note\n2020-01-01,1,5\n2020-01-02,2,six\n")
    with pytest.warns(UserWarning, match=r"date \(line 2.*note \(line 3: 'six'\)"):
        table = datasets.load_table(path)
    assert (table.columns, table.dropped) == (("v",), ("date", "note"))
    with pytest.raises(ValueError, match="date"):
        datasets.load_table(path, text_columns="refuse")


def test_missing_values_are_refused_by_line_or_treated_as_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\nNA,1\n1,2\n,3\n3,inf\n")
    with pytest.raises(ValueError, match=r"3 of 4 rows \(line 2, 4, 5\)"):
        datasets.load_table(path)
    np.testing.assert_array_equal(datasets.load_table(path, missing="drop").X, [[1, 2]])
    np.testing.assert_array_equal(datasets.load_table(path, missing="previous").X, [[1, 2], [1, 3], [3, 3]])


def test_series_pairs_what_is_known_with_what_comes_next(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,kind\n1,10,x\n2,20,y\n3,30,x\n")
    with pytest.warns(UserWarning, match="kind"):
        series = datasets.load_series(path, "regression", "b")
    np.testing.assert_array_equal(series.X, [[1, 10], [2, 20]])
    np.testing.assert_array_equal([series.y, series.current], [[20, 30], [10, 20]])
    series = datasets.load_series(path, "classification", "kind")
    assert (series.classes, series.y.tolist()) == (("x", "y"), [0, 1, 0])
    np.savez(tmp_path / "t.npz", X=np.arange(6.0).reshape(3, 2), y=[1, 2, 3], u=np.arange(3))
    assert datasets.load_series(tmp_path / "t.npz", "regression").y.tolist() == [1, 2, 3]
    np.savez(tmp_path / "many.npz", u=np.arange(3), v=np.arange(3))
    assert datasets.load_series(tmp_path / "many.npz", "regression", "v").columns == ("u",)
    with pytest.raises(ValueError, match=r"target: .*u \(3,\), v \(3,\)"):
        datasets.load_series(tmp_path / "many.npz", "regression")
    np.savez(tmp_path / "x.npz", x=np.arange(5))
    assert datasets.load_series(tmp_path / "x.npz", "regression").y.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("content", "names"),
    [("", "empty"), ("a,b\n", "no rows"), ("a,b\n1,2\n3\n", "line 3"), ("a,a\n1,2\n", "more than once"), ("x\ny\nz\n", "not numbers")],
)
def test_a_bad_table_is_refused(tmp_path, content, names):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=names):
        datasets.load_table(path)
    with pytest.raises((ValueError, FileNotFoundError), match=r"npz|path"):
        datasets.load_table(path.rename(tmp_path / "t.npz"), "a")
    with pytest.raises(FileNotFoundError, match="path"):
        datasets.load_table(path)
