"""Writing a date back to every target; one that cannot be written does not stop the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from salesml import crm, stopping
from salesml.actions.book import ActionBook
from salesml.actions.deciding import Actions
from salesml.config import Limits, load_project
from salesml.errors import ConfigError, IncompleteError, StoppedError
from salesml.export import ExportResult, write_back
from salesml.failures import explained
from salesml.outgoing import column_types, ledger_of, newest, target_of, target_rows
from salesml.run import Run, Tell, open_run
from salesml.scoring import ScoreBook

__all__ = ["export", "not_written", "write_back_scores", "write_target"]

WriteTarget = Callable[..., ExportResult]


def export(
    project: str,
    *,
    as_of: dt.date | None = None,
    dry_run: bool = False,
    root: Path | str = ".",
    now: dt.datetime | None = None,
    tell: Tell = lambda _: None,
    write: WriteTarget | None = None,
) -> list[ExportResult]:
    """Write the scores of a date (the newest by default) back, only what changed.

    *write* writes one target, `write_target` by default. Raises IncompleteError, with the results,
    at the end where a target could not be written.
    """
    loaded = load_project(project, root)
    if not loaded.targets:
        raise ConfigError(
            f"Project {project} says nowhere to write to.",
            where=str(loaded.root / "configs" / project / "export.yml"),
            fix="Add a target.",
        )
    tasks = {target.task for target in loaded.targets.values() if target.task is not None}
    books: list[ScoreBook | ActionBook] = [ScoreBook(loaded, task) for task in tasks]
    date = as_of or max(newest(book) for book in books or [ActionBook(loaded)])
    with open_run(project, date, root=root, now=now, tell=tell) as run:
        results = write_back_scores(run, dry_run=dry_run, write=write)
    _require_written(results)
    return results


def write_back_scores(
    run: Run,
    tasks: Collection[str] | None = None,
    *,
    dry_run: bool = False,
    actions: Actions | None = None,
    write: WriteTarget | None = None,
) -> list[ExportResult]:
    """Write the scores of the run's date to every target, of *tasks* only where given.

    What is to be done as of that date is written too, where that was decided: what earlier nights
    could not write is caught up on. A dry run records no decisions and shows *actions* instead. A
    target that cannot be written does not stop the others: its result says why it ``stopped``.
    *write* writes one target, `write_target` by default.
    """
    unrecorded = actions if dry_run else None
    decided = unrecorded is not None or run.as_of in ActionBook(run.project).dates()
    names = [
        name
        for name, target in run.project.targets.items()
        if (decided if target.task is None else tasks is None or target.task in tasks)
    ]
    results: list[ExportResult] = []
    for name in names:
        told = _asked_to_stop(results)
        if told is not None:
            results.append(ExportResult(name, dry_run=dry_run, stopped=told))
        else:
            done = partial(write or write_target, dry_run=dry_run, actions=unrecorded)
            results.append(_settled(run, name, done, dry_run=dry_run))
    return results


def _asked_to_stop(results: Sequence[ExportResult]) -> StoppedError | None:
    """What stopped the last of *results*, if it was somebody who wants the run to end."""
    last = results[-1].stopped if results else None
    return last if isinstance(last, StoppedError) else None


def _settled(
    run: Run, name: str, write: Callable[[Run, str], ExportResult], *, dry_run: bool
) -> ExportResult:
    """What *write* did to the target *name*, or why it could not."""
    try:
        result = write(run, name)
    except IncompleteError as error:
        result = error.result
    except Exception as error:  # a bug in one target is no reason to withhold the others
        ours = explained(run, name, error)
        result = getattr(ours, "result", None) or ExportResult(name, dry_run=dry_run)
        result.stopped = ours
    if result.stopped is not None:
        run.tell(f"writing back {name} stopped: {result.stopped.what}")
    return result


def write_target(
    run: Run, name: str, *, dry_run: bool = False, actions: Actions | None = None
) -> ExportResult:
    """Write to one target; when asked to stop, finish the batch in hand and raise StoppedError.

    Raises ExportError for what has to be configured otherwise, LockedError where somebody else
    writes. A system that is down raises nothing: the result says why it ``stopped``.
    """
    project, config = run.project, run.project.targets[name]
    run.tell(f"writing back {name}")
    ledger = ledger_of(project)
    with stopping.finishing():
        return write_back(
            target_of(project, name),
            target_rows(project, name, run.as_of, ledger, actions),
            connection=crm.connect(config.connection, project.connections[config.connection]),
            ledger=ledger,
            as_of=run.as_of,
            run_id=run.run_id,
            now=lambda: dt.datetime.now(dt.UTC).replace(tzinfo=None),
            limits=project.limits.get(config.connection, Limits()),
            types=column_types(project, config),
            dry_run=dry_run,
            progress=lambda done, total: run.tell(f"writing back {name}: {done:,} of {total:,}"),
        )


def not_written(results: Sequence[ExportResult]) -> str:
    """Which targets could not be written, and why; empty where all were."""
    stopped = [(result.target, result.stopped) for result in results if result.stopped]
    if not stopped:
        return ""
    errors = "\n".join(f"{target}: {error}" for target, error in stopped)
    return (
        f"{len(stopped)} of {len(results)} targets could not be written to the end; the next run "
        f"goes on from there.\n{errors}"
    )


def _require_written(results: list[ExportResult]) -> None:
    """Raise IncompleteError, which tells why and holds *results*, where a target was not."""
    said = not_written(results)
    if said:
        error = IncompleteError(said)
        error.result = results
        raise error
