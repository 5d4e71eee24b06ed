"""The command line: what a run writes, that stopping changes nothing, that a checkpoint is always whole, and how mistakes are told."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from safetensors.numpy import load_file
from typer.testing import CliRunner

import pushforward as pf
from pushforward import cli
from pushforward.cli import _loop
from pushforward.cli._checkpoint import CheckpointStore, Progress

SMALL = ["--units", "6", "--limit", "900", "--chunk", "100", "--sample-length", "40"]
COMMAND = [sys.executable, "-c", "from pushforward.cli import main; main()"]


def run(*arguments, code=0):
    """Run the command in this process; return the result after checking its exit code."""
    result = CliRunner().invoke(cli.build_app(), [str(a) for a in arguments], prog_name="pushforward")
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


def same(a, b):
    """Two runs ended with the same numbers: every array of the model, and the loss curve."""
    one, two = (load_file(Path(out) / "model.safetensors") for out in (a, b))
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    curves = [json.loads((Path(out) / "checkpoint/progress.json").read_text())["history"] for out in (a, b)]
    assert curves[0] == curves[1]


@pytest.fixture
def text_file(tmp_path):
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog.\n" * 40)
    return tmp_path / "text.txt"


@pytest.fixture
def table_file(tmp_path):
    rng = np.random.default_rng(0)
    a = np.cumsum(rng.normal(size=1000)) + 50
    label = np.where(np.append(np.diff(a), 1) > 0, "up", "down").tolist()
    path = tmp_path / "table.csv"
    path.write_text("a,b,label\n" + "".join(f"{x!r},{y!r},{k}\n" for x, y, k in zip(a.tolist(), (100 * a**2).tolist(), label, strict=True)))
    return path


# -- what a run writes -------------------------------------------------------------------------------------------------------


def test_without_data_it_trains_and_writes_everything(tmp_path):
    out = tmp_path / "out"
    result = run("train", "--out", out, *SMALL)
    assert "held-out loss" in result.stdout
    assert (out / "loss.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    report = json.loads((out / "report.json").read_text())
    assert report["events"] == report["data"]["n_train"] == 810
    assert report["settings"]["units"] == 6
    assert {"loss", "nrmse", "rmse", "baseline"} <= report["held_out"].keys()
    model = pf.load(out / "model.safetensors")
    assert model.n_steps_ == 810
    model.partial_fit(np.zeros((5, 2), "float32"), np.zeros(5, "float32"))


def test_text_writes_a_sample_that_the_seed_decides(tmp_path, text_file):
    for out in ("a", "b"):
        run("train", text_file, "--out", tmp_path / out, *SMALL)
    sample = (tmp_path / "a/sample.txt").read_text()
    assert len(sample) == 40
    assert set(sample) <= set(text_file.read_text())
    assert sample == (tmp_path / "b/sample.txt").read_text()
    same(tmp_path / "a", tmp_path / "b")
    held = json.loads((tmp_path / "a/report.json").read_text())["held_out"]
    assert held["bits_per_character"] == pytest.approx(held["loss"] / np.log(2))
    assert held["loss"] < held["baseline"]["class frequencies"]["loss"]


def test_classification_by_text_labels(tmp_path, table_file):
    run("train", table_file, "--task", "classification", "--target", "label", "--out", tmp_path / "out", *SMALL)
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["data"]["classes"] == ["down", "up"]
    assert 0 <= report["held_out"]["accuracy"] <= 1


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_regression_standardises_by_the_training_part_alone(tmp_path, table_file):
    lines = table_file.read_text().splitlines()
    other = tmp_path / "other.csv"
    other.write_text("\n".join(lines[:900] + [line.replace(",", "7,") for line in lines[900:]]) + "\n")
    reports = []
    for k, path in enumerate((table_file, other)):
        result = run("train", path, "--task", "regression", "--target", "a", "--out", tmp_path / str(k), "--units", 4, "--chunk", 100)
        assert "note: " in result.stderr  # the column of labels is left out
        reports.append(json.loads((tmp_path / str(k) / "report.json").read_text()))
    scales = [{k: v for k, v in r["data"].items() if k.endswith(("_mean", "_std"))} for r in reports]
    assert len(scales[0]) == 4
    assert scales[0] == scales[1]
    assert reports[0]["train_loss"] == reports[1]["train_loss"]
    assert {"training mean", "no change"} == reports[0]["held_out"]["baseline"].keys()


# -- stop and go on ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 2])
def test_ctrl_c_then_resume_changes_nothing(tmp_path, text_file, monkeypatch, epochs):
    options = [text_file, *SMALL, "--epochs", epochs]
    run("train", *options, "--out", tmp_path / "whole")
    learn, calls = _loop.learn, []

    def learn_and_interrupt(*arguments):
        calls.append(arguments)
        if len(calls) % 3 == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return learn(*arguments)

    monkeypatch.setattr(_loop, "learn", learn_and_interrupt)
    before = signal.getsignal(signal.SIGINT)
    result = run("train", *options, "--out", tmp_path / "cut", code=130)
    assert signal.getsignal(signal.SIGINT) is before
    while result.exit_code == 130 and len(calls) < 100:
        command = shlex.split(result.stderr.strip().splitlines()[-1].partition("resume with: ")[2])
        assert command[-1] == "--resume"
        result = CliRunner().invoke(cli.build_app(), command[1:])
    assert result.exit_code == 0, result.output
    assert len(calls) == 9 * epochs  # no chunk twice
    same(tmp_path / "whole", tmp_path / "cut")


def test_one_more_epoch_is_what_two_would_have_been(tmp_path, text_file):
    run("train", text_file, *SMALL, "--epochs", 2, "--out", tmp_path / "two")
    run("train", text_file, *SMALL, "--out", tmp_path / "one")
    run("train", text_file, *SMALL, "--epochs", 2, "--out", tmp_path / "one", "--resume")
    same(tmp_path / "two", tmp_path / "one")


def wait_for_events(process, out, events):
    index = out / "checkpoint/progress.json"
    while process.poll() is None and not (index.exists() and json.loads(index.read_text())["events"] >= events):
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_stopped_by_a_signal_resumes_to_the_bit(tmp_path, number):
    options = ["train", "--units", 24, "--limit", 8000, "--chunk", 100]
    run(*options, "--out", tmp_path / "whole")
    options += ["--checkpoint-every", 0]
    out, events, resume = tmp_path / "cut", 200, []
    for _ in range(3):
        command = [*COMMAND, *map(str, options), "--out", str(out), *resume]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for_events(process, out, events)
        time.sleep(0.003 * (events % 7))
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == (130 if number == signal.SIGINT else -number), errors
        events, resume = json.loads((out / "checkpoint/progress.json").read_text())["events"] + 1501, ["--resume"]
    assert resume, "it was never stopped"
    run(*options, "--out", out, "--resume")
    same(tmp_path / "whole", out)


class Crash(BaseException):
    """The machine stops."""


@dataclass
class Recorded:
    """A model whose file says which one it is."""

    number: int

    def save(self, path):
        Path(path).write_text(str(self.number) * 10)


@pytest.mark.parametrize("after", [False, True])
def test_a_checkpoint_is_whole_whenever_the_machine_stops(tmp_path, monkeypatch, after):
    stops = 0
    while True:
        out = tmp_path / f"{stops}"
        CheckpointStore(out).write(Recorded(1), Progress({}, "x", events=1, history=[(1, 0.1)]))
        store, left = CheckpointStore(out), stops
        store.read()
        with monkeypatch.context() as patch:
            for name in ("open", "fsync", "replace", "unlink", "close"):
                original = getattr(os, name)

                def stopping(*arguments, original=original, **options):
                    nonlocal left
                    left -= 1
                    if left < 0 and not after:
                        raise Crash
                    result = original(*arguments, **options)
                    if left < 0:
                        raise Crash
                    return result

                patch.setattr(os, name, stopping)
            with suppress(Crash):
                store.write(Recorded(2), Progress({}, "x", events=2, history=[(1, 0.1), (2, 0.2)]))
        path, progress = CheckpointStore(out).read()
        assert path.read_text() == str(progress.events) * 10
        assert progress.events == len(progress.history)
        assert len(list((out / "checkpoint").iterdir())) == 2  # what was left over is gone
        if left >= 0:  # it was never stopped
            break
        stops += 1
    assert progress.events == 2
    assert stops >= 5


# -- mistakes ----------------------------------------------------------------------------------------------------------------


def test_resume_refuses_what_differs_and_names_it(tmp_path, text_file):
    out = tmp_path / "out"
    run("train", text_file, *SMALL, "--out", out)
    run("train", text_file, *SMALL, "--out", out, code=2)
    result = run("train", text_file, *SMALL, "--out", out, "--resume", "--learning-rate", "0.5", "--seed", 3, code=2)
    assert "--learning-rate 0.5 (the run has 0.001); --seed 3 (the run has 0)" in result.stderr
    text_file.write_text(text_file.read_text().replace("quick", "quirk"))
    assert "the data in" in run("train", text_file, *SMALL, "--out", out, "--resume", code=2).stderr
    run("train", text_file, *SMALL, "--out", out, "--force")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["nowhere.csv"], "DATA: no file nowhere.csv"), (["{table}"], "--task: "), (["{table}", "--task", "classification"], "--target: "),
        (["{table}", "--task", "regression", "--target", "c"], "--target: no column 'c'.*a, b, label"),
        (["{table}", "--task", "regression", "--target", "label"], "--target: 'label' is not a column of numbers"),
        (["{empty}", "--task", "regression"], "DATA: .* is empty"), (["{empty}", "--task", "text"], "DATA: .*0 characters"),
        (["--task", "text"], "--task: "), (["--target", "a"], "--target: "), (["--holdout", "1"], "--holdout: "), (["--units", "0"], "--units: "),
        (["--carry-every", "often"], "--carry-every: "), (["--gradient", "tbptt"], "--truncation: "), (["--learning-rate", "nan"], "--learning-rate"),
        (["--cell", "elma"], "--cell: expected one of elman, .*, elstm.*, got 'elma'"), (["--connectivity", "1.5"], "connectivity"),
        (["--gradient", "bptt"], "--gradient: expected one of rtrl, .*, tbptt, got 'bptt'"), (["--activation", "gelu"], "--activation: expected"),
        (["--cell", "gru", "--activation", "relu"], "activation belongs to the cells"), (["--cell", "neural_ode"], "dt must be given"),
        (["--gradient", "uoro", "--latency", "bounded"], "latency='bounded' belongs to"), (["--dt", "0"], "--dt: "),
        (["--resume", "--out", "{empty}.d"], "--resume: no checkpoint"), (["--out", "{empty}"], "--out: .* not a folder"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_mistake_is_one_line_that_names_the_argument(tmp_path, table_file, arguments, names):
    (tmp_path / "empty.csv").write_text("")
    filled = [a.format(table=table_file, empty=tmp_path / "empty.csv") for a in arguments]
    if "--out" not in arguments:
        filled += ["--out", str(tmp_path / "out")]
    result = run("train", *filled, code=2)
    assert (result.stderr.count("\n"), result.stdout) == (1, "")
    assert re.search(names, result.stderr), result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", ["--cell gru --gradient snap1", "--cell leaky --leak-rate 0.3 --connectivity 0.5 --gradient eprop"])
def test_other_cells_and_gradients(options, tmp_path):
    run("train", *SMALL, *options.split(), "--out", tmp_path / "out")
    assert pf.load(tmp_path / "out" / "model.safetensors").get_params()["gradient"] == options.split()[-1]


def test_divergence_is_told(tmp_path):
    options = ["--cell", "linear", "--optimizer", "sgd", "--learning-rate", "1e18"]
    assert "diverged" in run("train", *SMALL, *options, "--out", tmp_path / "out", code=1).stderr


def test_info_prints_the_instruction_sets_and_needs_no_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    facts = json.loads(run("info", "--json").stdout)
    assert facts["isa"] in facts["usable_isas"]
    assert f"version            {pf.__version__}" in run("info").stdout
    assert "pip install 'pushforward[cli]'" in run("train", "--out", tmp_path / "out", code=2).stderr


def test_without_typer_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert "pip install 'pushforward[cli]'" in capsys.readouterr().err
