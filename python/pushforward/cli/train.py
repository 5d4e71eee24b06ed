"""``pushforward train``: learn a stream from a file, with checkpoints, a report and a figure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pushforward._learner import GRADIENTS
from pushforward.cells import ACTIVATIONS, CELLS
from pushforward.cli._settings import InputError, Settings

OUTPUTS = ("model.safetensors", "report.json", "loss.png", "sample.txt")
_D = Settings()  # the defaults live there, once

_Opt = typer.Option


def train(
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="Text (.txt), CSV or npz, packed (.gz) or not; or shakespeare, lobster. Default: a generated series."),
    ] = None,
    task: Annotated[Literal["text", "regression", "classification"] | None, _Opt(help="What to learn; known by itself for text.")] = None,
    target: Annotated[str | None, _Opt(help="Column (CSV) or array (npz) to predict.")] = None,
    missing: Annotated[Literal["refuse", "drop", "previous"], _Opt(help="Rows with missing values: refuse, leave out, fill in.")] = "refuse",
    cell: Annotated[str, _Opt(metavar="NAME", help=f"Recurrent cell: {', '.join(CELLS)}.")] = _D.cell,
    activation: Annotated[str | None, _Opt(metavar="NAME", help=f"Of the cell, where it has one: {', '.join(ACTIVATIONS)}.")] = None,
    dt: Annotated[float | None, _Opt(help="Step in seconds: of neural_ode, of the Euler form of linear.")] = None,
    leak_rate: Annotated[float | None, _Opt(help="Of leaky, in (0, 1].")] = None,
    connectivity: Annotated[float | None, _Opt(help="Fraction of recurrent connections that exist, drawn by --seed. Default: all.")] = None,
    units: Annotated[int, _Opt(help="Recurrent units.")] = _D.units,
    gradient: Annotated[str, _Opt(metavar="NAME", help=f"rtrl is exact and online; or an approximation: {', '.join(GRADIENTS[1:])}.")] = _D.gradient,
    truncation: Annotated[int | None, _Opt(help="Steps tbptt looks back.")] = None,
    update_every: Annotated[int, _Opt(help="Steps to one update of the weights.")] = _D.update_every,
    carry_every: Annotated[str, _Opt(help="Steps to one update of the influence; speed only.")] = _D.carry_every,
    latency: Annotated[Literal["throughput", "bounded"], _Opt(help="bounded: no step much slower than the others.")] = "throughput",
    optimizer: Annotated[Literal["rmsprop", "sgd", "adam", "adamw"], _Opt(help="Optimiser.")] = "rmsprop",
    learning_rate: Annotated[float, _Opt(help="At the start.")] = _D.learning_rate,
    decay: Annotated[float, _Opt(help="rate / (1 + decay · updates); 0: constant.")] = _D.decay,
    clip_norm: Annotated[float | None, _Opt(help="Largest norm of a gradient.")] = None,
    epochs: Annotated[int, _Opt(help="Passes over the training part.")] = _D.epochs,
    dtype: Annotated[Literal["float32", "float64"], _Opt(help="Numbers of the model.")] = "float32",
    threads: Annotated[int | None, _Opt(help="Default: as pushforward info says. Changes no result.")] = None,
    seed: Annotated[int, _Opt(help="Of the initial weights and the sample.")] = _D.seed,
    limit: Annotated[int | None, _Opt(help="Use the first so many events.")] = None,
    holdout: Annotated[float, _Opt(help="Share at the end that is not learnt but scored.")] = _D.holdout,
    chunk: Annotated[int | None, _Opt(help="Events between two points of the loss curve. Default: a hundredth of all, at most 10,000.")] = None,
    checkpoint_every: Annotated[float, _Opt(metavar="SECONDS", help="0: after every chunk.")] = _D.checkpoint_every,
    sample_length: Annotated[int, _Opt(help="Characters to write at the end (text).")] = _D.sample_length,
    temperature: Annotated[float, _Opt(help="Of the sample: below 1 surer, above 1 wilder.")] = _D.temperature,
    prompt: Annotated[str, _Opt(help="What the sample begins after.", show_default=False)] = _D.prompt,
    out: Annotated[str | None, _Opt(metavar="DIR", help="Default: pushforward-run, or the first free pushforward-run-N.")] = None,
    resume: Annotated[bool, _Opt("--resume", help="Go on from the last checkpoint in --out, to the bit.")] = False,
    force: Annotated[bool, _Opt("--force", help="Start anew in --out although it has a run.")] = False,
) -> None:
    """Train a recurrent network online on a stream; write the model, a report and the loss curve to --out.

    Ctrl-C stops after the current chunk and writes a checkpoint; the same command with --resume goes on.
    """
    options = {name: value for name, value in locals().items() if name not in ("out", "resume", "force")}
    try:
        settings = Settings(**options, out=_choose_out(out, resume=resume))
        code = _train(settings, resume=resume, force=force)
    except InputError as error:
        _say(f"error: {error}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:  # a second Ctrl-C: the chunk is given up, the last checkpoint stands
        _say("stopped at once; go on from the last checkpoint, if there is one, with --resume")
        raise typer.Exit(130) from None
    raise typer.Exit(code)


def _train(settings: Settings, *, resume: bool, force: bool) -> int:
    import pushforward as pf
    from pushforward.cli import _loop, _report, _screen
    from pushforward.cli._checkpoint import CheckpointStore, Progress, publish
    from pushforward.cli._model import build_model
    from pushforward.cli._problem import load_problem
    from pushforward.cli._sample import sample_text

    _need_matplotlib()
    out = Path(settings.out)
    store = CheckpointStore(out)
    _check_out(out, store.exists(), resume=resume, force=force)
    problem = load_problem(settings)
    for note in problem.notes:
        _say(f"note: {note}")
    if resume:
        path, progress = store.read()
        differences = settings.differences(progress.settings)
        if progress.data_sha256 != problem.facts["sha256"] and not differences:
            differences = [f"the data in {problem.facts['source']} are not those the run began with"]
        if differences:
            raise InputError(f"--resume: {'; '.join(differences)}")
        model, progress.settings = pf.load(path), settings.to_dict()
        progress.finished = progress.epoch >= settings.epochs
        _say(f"going on after {progress.events:,} events")
    else:
        model, progress = build_model(settings, problem), Progress(settings.to_dict(), problem.facts["sha256"])
        _clear(out)
    total = problem.n_train * max(settings.epochs, progress.epoch)
    try:
        with _screen.Bar(total, progress.events) as bar:
            stopped = _loop.run(model, problem, settings, progress, store, bar.update)
    except pf.DivergenceError as error:
        at = progress.events + int(getattr(error, "step", 0))
        kept = f"; the checkpoint at an earlier event is in {store.folder}" if store.exists() else ""
        _say(f"error: the model diverged near event {at:,} ({error}); try a lower --learning-rate or --clip-norm 1{kept}")
        return 1
    except (ValueError, TypeError) as error:  # a combination of settings that only the model can judge
        raise InputError(" ".join(str(error).split())) from error
    if stopped is not None:
        _say(f"stopped after {progress.events:,} of {total:,} events; resume with: {settings.command()}")
        return 128 + stopped
    held_out = _report.evaluate(model, problem)
    report = _report.write_report(out, settings, problem, progress, held_out)
    _report.write_figure(out, problem, progress, held_out)
    path, _ = store.read()
    if problem.alphabet is not None:
        copy: Any = pf.load(path)  # the sample moves the state
        length, temperature = settings.sample_length, settings.temperature
        text = sample_text(copy, problem.alphabet, length, prompt=settings.prompt, temperature=temperature, seed=settings.seed)
        (out / "sample.txt").write_text(text, encoding="utf-8")
    publish(path, out / "model.safetensors")
    _screen.summary(report, problem, settings.out)
    return 0


def _choose_out(out: str | None, *, resume: bool) -> str:
    if out is not None:
        return out
    if resume:
        raise InputError("--out: name the folder of the run to resume")
    folder, k = Path(_D.out), 1
    while folder.exists():
        k += 1
        folder = Path(f"{_D.out}-{k}")
    return str(folder)


def _check_out(out: Path, has_checkpoint: bool, *, resume: bool, force: bool) -> None:
    if resume and force:
        raise InputError("--force: not together with --resume")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: {out} is not a folder")
    if resume and not has_checkpoint:
        raise InputError(f"--resume: no checkpoint in {out}")
    if not resume and not force and out.is_dir() and any(out.iterdir()):
        how = "--resume goes on with its run, --force starts anew" if has_checkpoint else "--force uses it all the same"
        raise InputError(f"--out: {out} is not empty; {how}")


def _clear(out: Path) -> None:
    """Make the folder and remove what an earlier run wrote there, the checkpoint's index first; nothing else is touched."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out: cannot make {out}: {error.strerror}") from error
    for name in ("checkpoint/progress.json", *OUTPUTS):
        (out / name).unlink(missing_ok=True)


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
        import rich  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(f"the command needs {error.name}: pip install 'pushforward[cli]'") from error


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
