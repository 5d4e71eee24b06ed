"""Reports that repeat the papers' experiments: what a run measures, that a grid survives every stop, and that the report says what came out."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest

import pushforward as pf
from pushforward.errors import DivergenceError
from pushforward.reproduce import carries, carries_report, carries_summary, streams
from pushforward.reproduce.carries import ALGORITHMS, Plan

PLAN = Plan(data=("lobster",), nets=("elman-tanh-3",), learning_rates=(1e-3, 1e-2), n_seeds=2, steps=400)


@pytest.fixture
def stream(monkeypatch):
    """Short streams in place of the real ones: what came in two steps ago, with noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 2)).astype("float32")
    y = (np.digitize(np.roll(X[:, 0], 2), [-0.5, 0.5])).astype(np.int64)
    found = streams.Series(X, y, 2, 3, "0" * 64)
    monkeypatch.setattr(carries, "load", lambda name: found)
    return found


def quietly(task):
    return carries.run(task, lambda share: None)


# -- one run -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_a_run_is_the_stream_learnt_event_by_event(stream, algorithm):
    task = PLAN.task("lobster", "elman-tanh-3", algorithm, 1e-2, 1)
    result, model = quietly(task), carries.model_for(task)
    losses = [model.learn_one(stream.X[t], int(stream.y[t])) for t in range(400)]
    np.testing.assert_allclose([loss for _, loss in result["curve"]], np.reshape(losses, (100, 4)).mean(axis=1), rtol=1e-5)
    assert [events for events, _ in result["curve"]] == list(range(4, 401, 4))
    assert result["online"] == pytest.approx(np.mean(losses[360:]), rel=1e-5)
    p = np.array([model.predict_proba_one(stream.X[t], advance=True) for t in range(400, 480)])
    assert result["held_out"] == pytest.approx(-np.log(p[np.arange(80), stream.y[400:480]]).mean(), rel=1e-4)
    assert result["diverged_at"] is None
    assert result["seconds"] > 0
    base = carries.baseline(task)
    assert base["online"] == pf.metrics.class_frequency_entropy(stream.y[360:400], stream.y[:400])
    assert base["held_out"] == pf.metrics.class_frequency_entropy(stream.y[400:480], stream.y[:400])


def test_the_algorithms_of_a_seed_start_alike_and_part_later(stream):
    curves = {a: quietly(PLAN.task("lobster", "elman-tanh-3", a, 1e-2, 0))["curve"] for a in ALGORITHMS}
    first = {curve[0][1] for curve in curves.values()}
    assert max(first) - min(first) < 0.1
    assert len({curve[-1][1] for curve in curves.values()}) == len(ALGORITHMS)
    assert quietly(PLAN.task("lobster", "elman-tanh-3", ALGORITHMS[0], 1e-2, 1))["curve"][0][1] not in first


def test_divergence_is_a_result_with_its_step(stream):
    task = PLAN.task("lobster", "elman-relu-3", ("tbptt", 5), 1e-3, 0)
    stream.X[203] = 1e38
    model = carries.model_for(task)
    with pytest.raises(DivergenceError) as caught:
        model.partial_fit(stream.X[:400], stream.y[:400])
    assert 200 < caught.value.step < 210
    result = quietly(task)
    assert result["diverged_at"] == result["events"] == caught.value.step
    assert result["online"] is None is result["held_out"]
    assert len(result["curve"]) == caught.value.step // 4
    json.dumps(result, allow_nan=False)


# -- the report --------------------------------------------------------------------------------------------------------------


def made_up(**losses):
    """A ``find`` for :data:`PLAN`: {algorithm: {(rate, seed): online loss, a step of divergence as −step, or missing}}."""

    def find(task):
        loss = losses[task["gradient"] + str(task["truncation"] or "")].get((task["optimizer"]["learning_rate"], task["seed"]))
        if loss is None:
            return None
        result = {"curve": [[4 * k + 4, abs(loss) + 1 / (k + 1)] for k in range(100)], "events": 400, "seconds": 0.5, "wall_seconds": 1.0}
        result |= {"online": loss, "held_out": 2 * loss, "diverged_at": None, "machine": {"processor": "abacus", "isa": "beads", "pushforward": "0"}}
        return result if loss >= 0 else result | {"online": None, "held_out": None, "diverged_at": int(-loss), "curve": []}

    return find


FINDINGS = made_up(
    rtrl={(1e-3, 0): 0.90, (1e-3, 1): 0.80, (1e-2, 0): 0.2, (1e-2, 1): -77},  # the better rate diverged once: it comes last
    tbptt1={(1e-3, 0): 0.95, (1e-3, 1): 0.79, (1e-2, 0): 0.99, (1e-2, 1): 0.98},
    tbptt5={(1e-3, 0): 0.70, (1e-3, 1): 0.60, (1e-2, 0): 0.71, (1e-2, 1): 0.61},
    tbptt10={(1e-3, 0): -5, (1e-3, 1): -6, (1e-2, 0): -7, (1e-2, 1): -8},
    tbptt25={(1e-2, 1): 0.86},
    tbptt50={},
)


def test_the_best_rate_is_the_lowest_among_those_that_hold(stream):
    rows = {row.algorithm: row for row in carries_summary.summarise(PLAN, FINDINGS)}
    assert list(rows) == ["rtrl", "tbptt τ = 1", "tbptt τ = 5", "tbptt τ = 10", "tbptt τ = 25"]
    assert [row.learning_rate for row in rows.values()] == [1e-3, 1e-3, 1e-3, 1e-3, 1e-2]
    assert [(row.n_done, row.n_diverged) for row in rows.values()] == [(4, 1), (4, 0), (4, 0), (4, 4), (1, 0)]
    assert carries_summary.values(rows["rtrl"], "held_out") == {0: 1.8, 1: 1.6}
    assert carries_summary.values(rows["tbptt τ = 10"], "online") == {}
    assert carries_summary.speed(rows["rtrl"]) == 800  # by CPU time
    found = {(d.measure, d.truncation): (round(d.mean, 9), d.n_lower, d.n_seeds) for d in carries_summary.differences(list(rows.values()))}
    assert found["online", 1] == (-0.02, 1, 2)
    assert found["held_out", 5] == (0.4, 0, 2)
    assert found["online", 25] == (-0.06, 1, 1)  # seed 1 with seed 1
    assert len(found) == 6


def test_the_report_says_where_rtrl_does_not_win_and_what_is_missing(stream):
    report = carries_report.Report(PLAN, FINDINGS, {"numpy": "2"})
    text = report.markdown()
    assert report.n_missing == 7
    assert "**7 of 24 runs are missing**" in text
    assert "- elman-tanh-3, online, last tenth: **rtrl is number 2 of 4**, 0.2000 above tbptt τ = 5, the lowest (lower in 0 of 2 seeds)." in text
    assert "| elman-tanh-3 | rtrl | 0.001* | 0.8500 ± 0.0707 | 1.7000 ± 0.1414 | 800 | 4 of 4, 1 diverged |" in text
    assert "| elman-tanh-3 | tbptt τ = 10 | 0.001* | — | — | 800 | 4 of 4, 4 diverged |" in text
    assert "| elman-tanh-3 | tbptt τ = 25 | 0.01* | 0.8600 | 1.7200 | 800 | 1 of 4 |" in text
    assert "rtrl, rate 0.01: 77; elman-tanh-3, tbptt τ = 10, rate 0.001: 5, 6;" in text
    assert "| elman-tanh-3 | online, last tenth | -0.0200 (1 of 2) | +0.2000 (0 of 2) | — | -0.0600 (1 of 1) | — |" in text
    assert "abacus" in text
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b(?<!2012-06-21)", text), "a report bears no date but its data's"
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert len(content["runs"]) == 24
    assert not any("curve" in (run["result"] or {}) for run in content["runs"])
    lost = made_up(**{a + str(tau or ""): {(1e-3, 0): -3 if a == "rtrl" else 1.0} for a, tau in ALGORITHMS})
    assert "**rtrl has no figure**, every run at its best rate diverged; lowest is tbptt" in carries_report.Report(PLAN, lost, {}).markdown()
    assert "24 of 24 runs are missing" in carries_report.Report(PLAN, lambda task: None, {}).markdown()


def test_the_figure_holds_every_line_and_pairs_the_seeds(stream):
    plot = pytest.importorskip("pushforward.plot")
    pytest.importorskip("matplotlib")
    figure = carries_report.Report(PLAN, FINDINGS, {}).figures()["carries-lobster.png"]
    above, below = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["rtrl", "tbptt τ = 1", "tbptt τ = 5", "tbptt τ = 25"]
    assert (above.get_ylabel(), below.get_xlabel()) == ("online loss [nats]", "events learnt")
    last = [line.get_ydata()[-1] for line in below.lines]
    np.testing.assert_allclose(last, [0.02, -0.2, 0.06, 0.0], atol=1e-12)  # the last is the line of rtrl
    figure.savefig(io.BytesIO(), format="png")
    windows = np.arange(1.0, 101.0)
    merged = plot.learning_curves({"net": {"line": (windows, windows[None])}}, reference="line", n_points=10).axes[0].lines[0]
    x, y = merged.get_xdata(), merged.get_ydata()
    starts = np.concatenate([[0], x[:-1]])
    np.testing.assert_allclose(y, (starts + 1 + x) / 2)  # the mean of windows start + 1 … x
    assert len(x) <= 10
    assert x[-1] == 100
    for panels in ({}, {"net": {"line": ([1, 2], [[1.0]])}}, {"net": {"line": ([], [[]])}}):
        with pytest.raises(ValueError, match="panels"):
            plot.learning_curves(panels, reference="line")


# -- the command -------------------------------------------------------------------------------------------------------------
OPTIONS = ["--data", "lobster", "--nets", "elman-tanh-3", "--learning-rates", "1e-2", "--seeds", 2, "--steps", 400, "--jobs", 1]


def reproduce(*arguments, code=0):
    """Run the command in this process; return the result after checking its exit code (unless ``None``)."""
    pytest.importorskip("typer")
    from typer.testing import CliRunner

    from pushforward.cli import build_app

    result = CliRunner().invoke(build_app(), ["reproduce", "carries", *map(str, arguments)], prog_name="pushforward")
    assert code in (None, result.exit_code), f"{result.output}\n{result.exception!r}"
    return result


def numbers(out):
    """All runs of a report by their settings, without what the clock decides."""
    report = json.loads((out / "carries.json").read_text())
    found = {}
    for run in report["runs"]:
        result = run.pop("result")
        found[json.dumps(run)] = result and {name: value for name, value in result.items() if "seconds" not in name}
    return found, report["n_missing"]


def test_ctrl_c_and_the_same_command_again_change_nothing(stream, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    reproduce(*OPTIONS, "--out", tmp_path / "whole")
    run, calls = carries.run, []

    def run_and_interrupt(task, on_progress):
        calls.append(task)
        if len(calls) % 5 == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return run(task, on_progress)

    monkeypatch.setattr(carries, "run", run_and_interrupt)
    before, out, codes = signal.getsignal(signal.SIGINT), tmp_path / "cut", [130]
    while codes[-1] == 130 and len(codes) < 9:
        result = reproduce(*OPTIONS, "--out", out, code=None)
        codes.append(result.exit_code)
        done, n_missing = numbers(out)
        assert sum(value is None for value in done.values()) == n_missing
        says = f"{n_missing} of 12 runs are missing" if codes[-1] else "All 12 runs are in"
        assert says in (out / "carries.md").read_text()
    assert codes == [130, 130, 130, 0]
    assert signal.getsignal(signal.SIGINT) is before
    assert numbers(out) == numbers(tmp_path / "whole")
    assert len((out / "runs.jsonl").read_text().splitlines()) == 12  # no run kept twice
    lines = (out / "runs.jsonl").read_bytes()
    (out / "runs.jsonl").write_bytes(lines[:-30])  # half a line
    calls.clear()
    assert "cut short" in reproduce(*OPTIONS, "--out", out, "--resume").stderr
    assert len(calls) == 1
    assert numbers(out) == numbers(tmp_path / "whole")


def test_a_run_that_fails_is_tried_again_by_the_same_command(stream, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    run = carries.run

    def run_but_one(task, on_progress):
        if (task["truncation"], task["seed"]) == (10, 1):
            raise MemoryError("none left")
        return run(task, on_progress)

    with monkeypatch.context() as patch:
        patch.setattr(carries, "run", run_but_one)
        result = reproduce(*OPTIONS, "--out", tmp_path, code=1)
    assert "tbptt τ = 10 rate 0.01 seed 1 failed" in result.stderr
    assert "none left" in result.stderr
    assert numbers(tmp_path)[1] == 1
    reproduce(*OPTIONS, "--out", tmp_path)
    assert numbers(tmp_path)[1] == 0


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--data", "shakespear"], "--data: .*shakespeare, lobster"),
        (["--data", ","], "--data: "),
        (["--nets", "gru"], "--nets: .*'gru'"),
        (["--nets", "elman-10"], "--nets: "),
        (["--nets", "elman-tanh-0"], "--nets: "),
        (["--nets", "elman-tanh-4,elman-tanh-4"], "--nets: .*each once"),
        (["--learning-rates", "fast"], "--learning-rates: "),
        (["--learning-rates", "0.1,-1"], "--learning-rates: .*-1"),
        (["--seeds", "0"], "--seeds: "),
        (["--steps", "7"], "--steps: "),
        (["--resume"], "--resume: no runs"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_option(stream, tmp_path, arguments, names):
    pytest.importorskip("matplotlib")
    result = reproduce(*arguments, "--out", tmp_path / "out", code=2)
    assert result.stderr.count("\n") == 1
    assert re.search(names, result.stderr), result.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_missing_is_said_before_anything_is_written(stream, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'pushforward[cli]'" in reproduce(*OPTIONS, "--out", tmp_path / "out", code=2).stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_grid_goes_on_and_leaves_no_process(data_dir, tmp_path, number):
    pytest.importorskip("matplotlib")
    options = ["--data", "lobster", "--nets", "elman-tanh-3", "--steps", "20000", "--seeds", "1", "--jobs", "2", "--out", str(tmp_path)]
    command = [sys.executable, "-c", "from pushforward.cli import main; main()", "reproduce", "carries", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
    log = tmp_path / "runs.jsonl"
    while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)  # as a terminal does; the parent alone
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -number), errors
    assert "Traceback" not in errors
    n_done = log.read_bytes().count(b"\n")
    assert 2 <= n_done < 18
    for _ in range(500):  # the workers see that the line is cut
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 0)
            time.sleep(0.02)
            continue
        break
    else:
        pytest.fail("a process outlived the command")
    result = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True)
    assert f"{n_done} of 18 runs are done" in result.stderr
    assert numbers(tmp_path)[1] == 0
