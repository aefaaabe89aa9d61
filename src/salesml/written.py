"""What a project's ledger tells: how far each target is, what waits, and one record's history."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from salesml.config import Limits, Project, load_project
from salesml.errors import ConfigError, ExportError, suggest
from salesml.export import Attempt, Ledger
from salesml.outgoing import ledger_of

__all__ = ["TargetStatus", "export_history", "export_retry", "export_status"]

LISTED = 1000


@dataclass(frozen=True)
class TargetStatus:
    """How far one target is.

    Parameters
    ----------
    connection : empty for targets that the project has no more.
    newest : the newest date that any record holds.
    counts : records by the status of their newest attempt, see `salesml.export.Attempt`.
    jobs : ids of jobs of the system that a run began and has not seen the end of.
    dead : the first thousand attempts that are not repeated until the value changes or
        `export_retry` says so.
    calls, rows : requests and records of the connection today (UTC), by all its targets.
    """

    target: str
    connection: str
    newest: dt.date | None
    counts: dict[str, int]
    jobs: list[str]
    dead: list[Attempt]
    calls: int
    rows: int
    limits: Limits


def export_status(
    project: str,
    target: str | None = None,
    *,
    root: Path | str = ".",
    now: dt.datetime | None = None,
) -> list[TargetStatus]:
    """How far each target is, or *target* alone, by the ledger; no system is asked."""
    loaded = load_project(project, root)
    ledger, today = ledger_of(loaded), (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).date()
    return [_status(loaded, ledger, name, today) for name in _targets(loaded, ledger, target)]


def _status(project: Project, ledger: Ledger, name: str, today: dt.date) -> TargetStatus:
    connection = project.targets[name].connection if name in project.targets else ""
    return TargetStatus(
        target=name,
        connection=connection,
        newest=ledger.newest(name),
        counts=ledger.counts(name),
        jobs=ledger.open_jobs(name),
        dead=ledger.listed(name, ["dead"], LISTED),
        calls=ledger.spent(connection, today),
        rows=ledger.rows_spent(connection, today),
        limits=project.limits.get(connection, Limits()),
    )


def export_retry(
    project: str, *ids: str, target: str | None = None, root: Path | str = "."
) -> dict[str, int]:
    """Let the next run write dead records again, all of them or *ids*; how many, by target.

    Raises ExportError where none of *ids* is dead but by coming twice, LockedError while somebody
    writes.
    """
    loaded = load_project(project, root)
    ledger = ledger_of(loaded)
    names = _targets(loaded, ledger, target)
    counts = {name: ledger.retry(name, list(ids) or None) for name in names}
    if ids and not any(counts.values()):
        raise ExportError(
            "No such record is dead.",
            received=", ".join(ids),
            where=_where(loaded),
            fix="`salesml export status` lists dead records, `… show ID` tells of one. Where an id"
            " comes several times, give one row a record: the next run then writes it.",
        )
    return counts


def export_history(
    project: str, record: str, target: str | None = None, *, root: Path | str = "."
) -> dict[str, list[Attempt]]:
    """All attempts to write *record* (its external id), oldest first, by target.

    Raises ExportError where there are none.
    """
    loaded = load_project(project, root)
    ledger = ledger_of(loaded)
    found = {name: ledger.history(name, record) for name in _targets(loaded, ledger, target)}
    found = {name: attempts for name, attempts in found.items() if attempts}
    if not found:
        raise ExportError(
            f"Nothing was ever to be written to the record '{record}'.",
            where=_where(loaded),
            fix="Check the external id: it is what the key of the target holds.",
        )
    return found


def _targets(project: Project, ledger: Ledger, wanted: str | None) -> list[str]:
    """Targets of the project, then those that only the ledger knows; *wanted* alone if given."""
    known = list(dict.fromkeys([*project.targets, *ledger.targets()]))
    if wanted is None:
        return known
    if wanted not in known:
        raise ConfigError(
            f"Project {project.name} has no target '{wanted}'.{suggest(wanted, known)}",
            where=str(project.root / "configs" / project.name / "export.yml"),
            fix=f"Use one of: {', '.join(known)}." if known else "Add a target.",
        )
    return [wanted]


def _where(project: Project) -> str:
    """The ledger, as the project names it: its address may hold a password."""
    return f"ledger {project.ledger or project.var / 'ledger.sqlite'}"
