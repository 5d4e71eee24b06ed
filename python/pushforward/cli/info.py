"""``pushforward info``: what is installed, and what it runs on."""

from __future__ import annotations

import json
import os
import platform
from typing import Annotated, Any

import typer


def info(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Print the version, the instruction sets in use and usable, threads, build and dependencies."""
    facts = collect()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            text = ", ".join(f"{k} {'not installed' if v is None else v}" for k, v in value.items())
        elif isinstance(value, list):
            text = ", ".join(map(str, value))
        else:
            text = "not set" if value is None else str(value)
        typer.echo(f"{name if name.isupper() else name.replace('_', ' '):<18} {text}")


def collect() -> dict[str, Any]:
    """Gather the facts that ``pushforward info`` prints."""
    import pushforward as pf
    from pushforward import _core
    from pushforward.cli._report import versions

    build_info: Any = getattr(_core, "build_info", None)
    found = versions()
    return {
        "version": pf.__version__,
        "isa": _core.isa(),
        "usable_isas": list(_core.usable_isas()),
        "threads": pf.get_num_threads(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "platform": platform.platform(),
        "build": build_info() if build_info is not None else None,
        "python": found.pop("python"),
        "dependencies": {name: version for name, version in found.items() if name != "pushforward"},
        "PUSHFORWARD_DATA": os.environ.get("PUSHFORWARD_DATA"),
    }
