"""The command ``pushforward``: one file a command, put together when it is run.

A command ``name`` is a function ``name`` in the module ``pushforward.cli.name``; that module imports nothing heavy at its top.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

COMMANDS = ("train", "info", "bench", "reproduce")


def build_app() -> typer.Typer:
    """Put the commands together; needs the extra ``[cli]``."""
    import typer

    app = typer.Typer(
        name="pushforward",
        help="Train recurrent networks exactly and online.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_callback)  # a group even while there is one command
    for name in COMMANDS:
        module = importlib.import_module(f"pushforward.cli.{name}")
        app.command(name)(getattr(module, name))
    return app


def _callback() -> None:
    """Train recurrent networks exactly and online."""


def main() -> None:
    """Entry point of the command line."""
    try:
        app = build_app()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich", "click"}:
            raise
        print(f"pushforward: the command line needs {error.name}: pip install 'pushforward[cli]'", file=sys.stderr)
        raise SystemExit(2) from error
    app()
