"""``pushforward reproduce carries``: its plan from the options, how long its runs take, what it says and writes."""

from __future__ import annotations

from typing import Any

from pushforward.cli._settings import InputError


class CarriesGrid:
    """What the command needs to know of a report. See :class:`pushforward.cli._tasks_grid.TasksGrid` for the other one.

    Parameters
    ----------
    data, nets, learning_rates, seeds, steps, quick
        As given on the command line, ``None`` where they were not.
    """

    name = "carries"

    def __init__(
        self, data: str | None, nets: str | None, learning_rates: str | None, seeds: int | None, steps: int | None, *, quick: bool
    ) -> None:
        from pushforward.reproduce.carries import LEARNING_RATES, QUICK_RATE, QUICK_STEPS, Plan

        try:
            rates = tuple(float(r) for r in names(learning_rates)) if learning_rates is not None else (QUICK_RATE,) if quick else LEARNING_RATES
        except ValueError:
            raise InputError(f"--learning-rates: expected numbers with commas between, got {learning_rates!r}") from None
        with_option = {"learning_rates": rates, "n_seeds": seeds if seeds is not None else 1 if quick else 3}
        with option_errors():
            self.plan: Any = Plan(
                data=names(data if data is not None else "shakespeare,lobster"),
                nets=None if nets is None else names(nets),
                steps=steps if steps is not None else QUICK_STEPS if quick else None,
                **with_option,  # type: ignore[arg-type]
            )

    def tasks(self) -> list[dict[str, Any]]:
        """All runs; data that cannot be had is the caller's mistake."""
        try:
            tasks: list[dict[str, Any]] = self.plan.tasks()
        except (OSError, ValueError) as error:
            raise InputError(f"--data: {error}") from error
        return tasks

    def work(self) -> Any:
        """What does a run."""
        from pushforward.reproduce import carries

        return carries.run

    def weights(self, tasks: list[dict[str, Any]], waiting: list[dict[str, Any]], log: Any) -> list[float]:
        """Seconds that each waiting run is expected to take."""
        seconds = _estimates(tasks, log)
        return [seconds[_kind(task)] * task["steps"] for task in waiting]

    def report(self, log: Any, versions: dict[str, str | None]) -> Any:
        """The report from the runs there are."""
        from pushforward.reproduce.carries_report import Report

        return Report(self.plan, log.result, versions)

    def title(self, task: dict[str, Any]) -> str:
        """Name a run."""
        from pushforward.reproduce.carries_summary import name_of

        algorithm, rate = name_of(task["gradient"], task["truncation"]), task["optimizer"]["learning_rate"]
        return f"{task['data']} {task['net']} {algorithm} rate {rate:g} seed {task['seed']}"

    def outcome(self, result: dict[str, Any]) -> str:
        """Say in a line what a run gave."""
        if result["diverged_at"] is not None:
            return f"diverged at step {result['diverged_at']:,}"
        return f"{result['online']:.4f} nats online, {result['events'] / max(result['seconds'], 1e-9):,.0f} events/s"

    def tables(self, report: Any) -> list[tuple[str, list[list[str]]]]:
        """Tables for the terminal: title, lines with the heading first. Each algorithm at its best rate."""
        from pushforward.reproduce.carries_report import columns
        from pushforward.reproduce.streams import DATA

        return [(f"{DATA[name].title} [{DATA[name].unit}]", columns([row for row in report.rows if row.data == name])) for name in self.plan.data]


def names(text: str) -> tuple[str, ...]:
    """Split at commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


class option_errors:
    """Turns ``ValueError("argument: …")`` into the mistake of an option."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError):
            name, _, rest = str(error).partition(":")
            raise InputError(f"--{name.replace('_', '-')}:{rest}") from error


def _kind(task: dict[str, Any]) -> tuple[Any, ...]:
    """What decides the speed of a run."""
    return task["data"], task["net"], task["gradient"], task["truncation"]


def _estimates(tasks: list[dict[str, Any]], log: Any) -> dict[tuple[Any, ...], float]:
    """Seconds an event by kind of run: from a finished one, or measured now. A model that cannot be built is told here, before the hours."""
    from pushforward.reproduce.carries import seconds_per_event

    found: dict[tuple[Any, ...], float] = {}
    for task in tasks:
        result = log.result(task)
        if result is not None and result["events"]:
            found.setdefault(_kind(task), result["wall_seconds"] / result["events"])
    for task in tasks:
        if _kind(task) not in found and log.result(task) is None:
            try:
                found[_kind(task)] = seconds_per_event(task)
            except (ValueError, TypeError) as error:
                raise InputError(f"--nets: {task['net']}, {task['gradient']}: {' '.join(str(error).split())}") from error
    return found
