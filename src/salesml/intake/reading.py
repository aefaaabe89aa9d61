"""One read of one source: load → map → check → store, and nothing stored unless all went well."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import duckdb

from salesml import crm
from salesml.config import Project
from salesml.engine import literal, local_time, one, quote
from salesml.errors import SourceError
from salesml.intake.history import VersionTables
from salesml.intake.joins import join_tables, joined_name
from salesml.intake.mapping import SEEN, RawTable, Types, declared_types
from salesml.quality import FUTURE, QualityReport, quarantine
from salesml.store import Days, Manifest, Store, layout_of

__all__ = ["ReadReport", "check_mapping", "read_source"]


@dataclass(frozen=True)
class ReadReport:
    """What one read of one source brought."""

    source: str
    rows: int
    new_rows: int
    unchanged: bool
    quality: QualityReport


def read_source(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    name: str,
    *,
    now: dt.datetime,
    types: Types,
) -> ReadReport:
    """Bring the source *name* up to date in *store*.

    A row that the system says it has deleted (its column ``_deleted``) is a version of state that
    is deleted from this read on, also where only part of the table was read. An event of that
    kind is not added; one that was stored before stays, until the whole table is read again.

    Parameters
    ----------
    now : naive UTC time of the read; rows known later are in the future and quarantined.
    types : DuckDB type of columns, as the feature sets in use declare them.

    Raises SourceError, DataQualityError. Nothing is stored when they are raised.
    """
    reading = _Reading(con, project, store, name, now, types)
    try:
        return reading.run()
    finally:
        reading.clear()


def check_mapping(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, name: str, types: Types
) -> None:
    """Raise SourceError where the mapping of source *name* does not fit its table."""
    reading = _Reading(con, project, store, name, dt.datetime(2000, 1, 1), types)
    try:
        reading.load(since=None)
        _ = reading.raw.natural
    finally:
        reading.clear()


class _Reading:
    """One read of one source; the steps share the tables ``raw``, ``mapped`` and ``fresh``."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        project: Project,
        store: Store,
        name: str,
        now: dt.datetime,
        types: Types,
    ) -> None:
        self.con, self.project, self.store, self.name = con, project, store, name
        self.source = source = project.sources[name]
        self.read_at, self.now = now, f"timestamp {literal(now)}"
        self.raw = RawTable(con, project, name, declared_types(source, types))
        self.connection = crm.connect(source.connection, project.connections[source.connection])
        self.layout = layout_of(
            source.model_dump(exclude={"checks", "stop_above"}),
            self.raw.types,
            store.buckets,
            project.settings.timezone,
        )
        self.checks = layout_of(
            source.checks.model_dump(exclude={"fresh_within"}), source.stop_above
        )
        self.old = store.manifest(name)

    @property
    def _same_layout(self) -> bool:
        return self.old is not None and self.old.layout == self.layout

    def run(self) -> ReadReport:
        fingerprint = self._fingerprint()
        if self.old is not None and self._is_read(self.old, fingerprint):
            return self._report(self.old, 0, unchanged=True)
        since = self._since()
        self.load(since)
        self.raw.map(self.store, self.now)
        self._drop("raw")
        complete = since is None
        self._refuse_loss("mapped", complete=complete)
        folder: Path = self.project.var / "quarantine" / self.name
        quality = quarantine(self.con, self.name, self.source, folder, append=not complete)
        self._refuse_loss("mapped where _failed is null", complete=complete)
        new = Manifest(
            layout=self.layout,
            kind=self.source.kind,
            entity=self.source.entity,
            key=self.source.key,
            buckets=self.store.buckets,
            columns=self._stored_columns(),
            watermark=self._watermark(),
            fingerprint=fingerprint,
            checks=self.checks,
            read_at=self.read_at.isoformat(),
            quality=asdict(quality),
        )
        store = self._store_state if self.source.kind == "state" else self._store_events
        return store(new, complete=complete)

    # read --------------------------------------------------------------------------------------

    def _fingerprint(self) -> str | None:
        """What the result of a read depends on, as far as the source can tell."""
        tables = [self.source.table, *(join.table for join in self.source.joins.values())]
        read = [self.connection.fingerprint(table) for table in tables]
        table = None if None in read else "/".join(map(str, read))
        targets = {target.partition(".")[0] for target in self.source.checks.refers_to.values()}
        others = [self.store.checksum(t, dt.date.max) for t in sorted(targets - {self.name})]
        return None if table is None else "/".join([table, *others])

    def _is_read(self, old: Manifest, fingerprint: str | None) -> bool:
        # what was in the future then may be known by now
        return (
            fingerprint is not None
            and (old.fingerprint, old.checks) == (fingerprint, self.checks)
            and self._same_layout
            and FUTURE not in old.quality["failed"]
        )

    def _since(self) -> tuple[str, str] | None:
        """From where to read on; None to read all, as after a change of mapping or checks."""
        old, column = self.old, self.source.incremental
        if old is None or old.watermark is None or column is None:
            return None
        return (column, old.watermark) if self._same_layout and old.checks == self.checks else None

    def load(self, since: tuple[str, str] | None) -> None:
        """Let the connector make the table or view ``raw``."""
        self._drop("raw")
        source, into = self.source, "raw_rows" if self.source.joins else "raw"
        self._drop(into)
        self.connection.load(
            self.con, source.table, into, options=source.reading_options, since=since
        )
        if source.joins:
            where = self.project.where("sources.yml", "sources", self.name, "joins")
            join_tables(self.con, self.connection, source.joins, into, where)

    def clear(self) -> None:
        """Drop the tables of the read, which may be large."""
        joined = map(joined_name, self.source.joins)
        for name in ("raw", "raw_rows", *joined, "mapped", "deleted", "fresh", "stored"):
            self._drop(name)

    def _drop(self, name: str) -> None:
        for kind in ("view", "table"):
            if one(self.con, f"select 1 from duckdb_{kind}s() where {kind}_name = $1", [name]):
                self.con.execute(f"drop {kind} {name}")

    def _refuse_loss(self, rows: str, *, complete: bool) -> None:
        before = self.old.rows if self.old is not None and complete else 0
        if before and not one(self.con, f"select 1 from {rows} limit 1"):
            raise SourceError(
                f"Source {self.name} is empty, but {before:,} rows were read before.",
                where=f"{self.source.table}, connection {self.source.connection}",
                fix="Check the permissions and filters of the CRM user; nothing was changed.",
            )

    def _watermark(self) -> str | None:
        """The last value of the column that only grows; rows newer than it are read again."""
        if self.source.incremental is None:
            return None
        # a bad row may bear any value: a date in 2099 would end all reading
        found = one(self.con, "select max(_incremental)::varchar from mapped where _failed is null")
        return found if found is not None or self.old is None else self.old.watermark

    # store -------------------------------------------------------------------------------------

    def _stored_columns(self) -> dict[str, str]:
        described = self.con.execute("describe mapped").fetchall()
        types = {row[0]: row[1] for row in described if not row[0].startswith("_")}
        return types if self.source.kind == "events" else {**types, "_deleted": "BOOLEAN"}

    def _store_events(self, new: Manifest, *, complete: bool) -> ReadReport:
        rows = "(from mapped where _failed is null)"
        if not complete:
            key = ", ".join(map(quote, self.source.key))
            self.con.execute(
                f"create or replace temp table fresh as from {rows} "
                f"anti join {self.store.relation(self.name)} using ({key})"
            )
            rows = "fresh"
        new = self._dated(new, rows)
        if complete and self.old and self._same_layout and self.old.days == new.days:
            return self._keep(self.old, new)
        return self._write(new, rows, append=not complete)

    def _store_state(self, new: Manifest, *, complete: bool) -> ReadReport:
        """Add the versions that are new.

        A changed mapping rebuilds the table, unless it holds history that only past nights saw:
        that is kept, under the new columns, and the new mapping counts from now on.
        """
        versions = VersionTables(
            self.con, self.store, self.name, self.source, new.columns, self.now, complete
        )
        history = self._history(versions)
        if history is None:
            versions.create_first()
            new = replace(new, collected=self.source.known_at == SEEN)
            return self._write(self._dated(new, "fresh"), "fresh", append=False)
        versions.create_news()
        new = replace(new, collected=history.collected or versions.replaced())
        if self._same_layout:
            new = self._dated(new, "fresh")
            return self._write(new, "fresh", append=True) if new.days else self._keep(history, new)
        both = "(from stored union all by name from fresh)"
        return self._write(self._dated(new, both), both, append=False)

    def _history(self, versions: VersionTables) -> Manifest | None:
        """What is stored and stays; None where the source itself can tell all of it."""
        old = self.old
        if old is None or old.kind != "state" or old.key != self.source.key:
            return None
        versions.create_stored(old)
        if self._same_layout or (old.collected and not versions.covers_stored()):
            return old
        return None

    def _dated(self, new: Manifest, rows: str) -> Manifest:
        """*new* with (rows, checksum) by the business date on which *rows* became known."""
        day = f"cast({local_time('known_at', self.project.settings.timezone)} as date)"
        hashed = ", ".join(map(quote, new.columns))
        found = self.con.execute(
            f"select {day}::varchar, count(*), sum(hash({hashed})::hugeint) from {rows} group by 1"
        ).fetchall()
        days: Days = {date: (count, int(total)) for date, count, total in found}
        return replace(new, days=days)

    def _keep(self, old: Manifest, new: Manifest) -> ReadReport:
        kept = replace(new, parts=old.parts, days=old.days, collected=old.collected)
        self.store.save(self.name, kept)
        return self._report(kept, 0, unchanged=True)

    def _write(self, new: Manifest, rows: str, *, append: bool) -> ReadReport:
        merged = self.store.write(self.con, self.name, rows, new, append=append)
        return self._report(merged, new.rows, unchanged=not new.rows)

    def _report(self, manifest: Manifest, new_rows: int, *, unchanged: bool) -> ReadReport:
        quality = QualityReport(**manifest.quality)
        return ReadReport(self.name, manifest.rows, new_rows, unchanged, quality)
