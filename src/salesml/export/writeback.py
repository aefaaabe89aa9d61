"""Writing scores back: only what changed, never over a person, safe to repeat."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace

import pandas as pd

from salesml import stopping
from salesml.config import Limits
from salesml.crm import Connection
from salesml.errors import ExportError, SourceError, StoppedError
from salesml.export.decide import Rules
from salesml.export.ledger import Ledger
from salesml.export.quota import plan_calls
from salesml.export.result import ExportResult
from salesml.export.rows import Rows
from salesml.export.target import Target
from salesml.export.writeback_check import Checker
from salesml.export.writeback_night import Night
from salesml.export.writeback_plan import Planner
from salesml.export.writeback_send import Sender

__all__ = ["write_back"]


def write_back(
    target: Target,
    rows: pd.DataFrame | Iterable[pd.DataFrame],
    *,
    connection: Connection,
    ledger: Ledger,
    as_of: dt.date,
    run_id: str,
    now: Callable[[], dt.datetime],
    limits: Limits | None = None,
    types: Mapping[str, type] | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ExportResult:
    """Write *rows* to *target*: each record that changed, unless a person edited it.

    Parameters
    ----------
    rows : column ``external_id``, the columns that *target* names, and where not all can go in one
        night ``_priority`` (the highest goes first); a row a record. Tables are read one by one.
    as_of : date the values are made for; a record with a later one is left alone.
    now : naive UTC time, asked for whenever the ledger is written.
    limits : our own, beside those of the system.
    types : types of columns, where they are known better than by the first table.
    dry_run : only say what would change; neither the CRM nor the ledger is touched.
    progress : called with the number of records done, and of all.

    What earlier nights planned and could not write is written too. A system that is down or takes
    no more ends it early: ``stopped`` of the result says so, and a later call goes on.

    Raises ExportError, before anything is written, if *rows* or the table do not fit, LockedError
    while another run writes, and StoppedError once what was in hand is finished. Where something
    was done before, because the ledger broke on the way say, ``result`` of the error tells what.
    """
    night = Night(
        target=target,
        connection=connection,
        ledger=ledger,
        as_of=as_of,
        run_id=run_id,
        now=now,
        progress=progress or _silent,
        result=ExportResult(target.name, dry_run=dry_run),
        rules=Rules(target.fields, target.creates),
    )
    with ledger.writing(run_id), ledger.rehearsing() if dry_run else nullcontext():
        _write(night, Rows(rows, target), types, limits or Limits())
    return night.result


def _silent(done: int, total: int) -> None:
    """Nobody wants to know."""


def _write(night: Night, rows: Rows, types: Mapping[str, type] | None, limits: Limits) -> None:
    try:
        kinds = rows.types(types)
        ready = _unless_down(night, lambda: _prepare(night, kinds))
        _plan(night, rows)
        if ready:
            _unless_down(night, lambda: _send(night, limits))
        _finish(night)
    except (StoppedError, ExportError) as error:
        with suppress(ExportError):  # it may be the ledger that cannot be used any more
            _finish(night)
            night.result.total = night.result.done + night.result.carried + night.result.waiting
        error.result = night.result
        raise


def _unless_down(night: Night, step: Callable[[], None]) -> bool:
    """Take a step; False, and told in the result, where the system does not play along."""
    try:
        step()
    except SourceError as error:
        night.result.stopped = error
    return night.result.stopped is None


def _prepare(night: Night, types: Mapping[str, type | None]) -> None:
    """See that the target can be written, and that nothing is on its way to it any more."""
    target, connection = night.target, night.connection
    night.result.warnings += connection.check_target(
        target.table, target.key, types, create=target.creates
    )
    found = night.exists = connection.exists(target.table)
    if not found and not night.result.dry_run:
        known = {name: kind or str for name, kind in types.items()}
        connection.ensure_table(target.table, target.key, known)
        night.exists = True
    fields = list(target.columns)
    tolerances = connection.tolerances(target.table, fields) if night.exists else {}
    night.rules = replace(night.rules, tolerances=tolerances, empty=not found)
    if not night.result.dry_run:
        night.settle_jobs()


def _plan(night: Night, rows: Rows) -> None:
    planner = Planner(night)
    for part in rows.parts(night.rules.tolerances):
        stopping.require_going()
        planner.plan(part)
    for name, count in (+rows.cuts).items():
        night.result.warnings.append(f"{count:,} texts were too long for '{name}' and were cut.")
    night.result.total = night.result.done + sum(night.ledger.still_open(night.name).values())


def _send(night: Night, limits: Limits) -> None:
    queue = night.ledger.queue(night.name)
    most = _affordable(night, len(queue), limits)
    sender = Sender(night)
    sender.send(queue[:most])
    if not night.result.dry_run:
        Checker(night, sender).check()
    night.progress(night.result.done, night.result.total)


def _affordable(night: Night, rows: int, limits: Limits) -> int:
    """How many of *rows* records may go tonight."""
    ledger, connection, today = night.ledger, night.connection, night.now().date()
    if limits.rows is not None:
        left = max(0, limits.rows - ledger.rows_spent(connection.name, today))
        limits = limits.model_copy(update={"rows": left})
    budget = plan_calls(
        rows,
        allowance=connection.allowance(),
        limits=limits,
        spent=ledger.spent(connection.name, today),
        cost=connection.cost,
    )
    if budget.rows < rows:
        night.result.warnings.append(budget.left)
    return budget.rows


def _finish(night: Night) -> None:
    """Count what is left for the next night, and what this one cost."""
    night.spend(0)
    left = night.ledger.still_open(night.name)
    night.result.carried = left.pop("planned", 0)
    night.result.waiting = sum(left.values())
