"""Quality checks: a row of a source passes them, or goes to quarantine with the check's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from salesml.config import SourceConfig
from salesml.engine import literal, one, quote
from salesml.errors import DataQualityError
from salesml.store import Store

__all__ = ["Check", "QualityReport", "checks_of", "quarantine"]

FUTURE = "not_in_future(known_at)"
_SMALL = 100  # an increment of fewer rows is judged as if it had so many
_CONTENT = "hash(*columns(* exclude _failed))"
Check = tuple[str, str]  # name, and SQL that is true for a row that fails


@dataclass(frozen=True)
class QualityReport:
    """What the checks found in one source: ``failed`` counts rows by check."""

    source: str
    rows: int
    quarantined: int
    failed: dict[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the rows that went to quarantine."""
        return self.quarantined / self.rows if self.rows else 0.0

    def lines(self) -> list[str]:
        """One line a check that found something."""
        return [f"{self.source}: {count:,} rows fail {name}" for name, count in self.failed.items()]


def checks_of(
    name: str,
    source: SourceConfig,
    store: Store,
    types: Mapping[str, str],
    cast: Sequence[str],
    now: str,
) -> list[Check]:
    """The checks of the source *name*, each as SQL over its typed rows.

    *types* are those of the columns, *cast* the columns whose value before the cast is in
    ``_raw_<column>``, *now* the UTC time of the read as an SQL literal.
    """
    return [*_built_in(source, cast, now), *_configured(name, source, store, types)]


def _built_in(source: SourceConfig, cast: Sequence[str], now: str) -> Iterator[Check]:
    for column in cast:
        raw, value = quote(f"_raw_{column}"), quote(column)
        yield f"type({column})", f"{raw} is not null and {value} is null"
    yield "known_at", "known_at is null"
    yield FUTURE, f"known_at > {now}"
    if source.kind == "events":
        yield "happened_at", "happened_at is null"
        # a date without a time of day may lie up to a day after the moment it was noted
        yield "known_after_happening", "known_at < happened_at - interval 1 day"
    for column in dict.fromkeys([*source.key, *([] if source.whole else [source.entity])]):
        yield f"not_null({column})", f"{quote(column)} is null"


def _configured(
    name: str, source: SourceConfig, store: Store, types: Mapping[str, str]
) -> Iterator[Check]:
    checks = source.checks
    for column in checks.not_null:
        if column not in (*source.key, source.entity):
            yield f"not_null({column})", f"{quote(column)} is null"
    for column, accepted in checks.accepted.items():
        values = ", ".join(_value(v, types[column]) for v in accepted if v is not None)
        yield f"accepted({column})", f"{quote(column)} not in ({values or 'null'})"
    for column, (low, high) in checks.range.items():
        limits = [f"{quote(column)} < {low}"] * (low is not None)
        limits += [f"{quote(column)} > {high}"] * (high is not None)
        yield f"range({column})", " or ".join(limits) or "false"
    for column, reference in checks.refers_to.items():
        known = _known_values(name, store, *reference.split(".", 1))
        yield f"refers_to({column})", f"{quote(column)} not in ({known})"


def _value(value: object, kind: str) -> str:
    """*value* as a literal; text is compared with text, a number would not convert."""
    plain = literal(value)
    return literal(plain) if kind == "VARCHAR" and not isinstance(value, str) else plain


def _known_values(name: str, store: Store, table: str, column: str) -> str:
    """SQL: the values that a reference may take; a source may refer to its own rows."""
    relations = ["typed"] if table == name else []
    if table != name or store.manifest(name) is not None:
        relations.append(store.relation(table))
    values = (f"select {quote(column)} as value from {relation}" for relation in relations)
    # one null among them would make every comparison unknown
    return f"select value from ({' union all '.join(values)}) where value is not null"


def quarantine(
    con: duckdb.DuckDBPyConnection,
    name: str,
    source: SourceConfig,
    folder: Path,
    *,
    append: bool,
) -> QualityReport:
    """Write the failing rows of the table ``mapped`` to *folder* and report them.

    In ``mapped``, ``_failed`` holds the names of the checks a row fails, null for none. *append*
    says that the table holds an increment: failing rows that *folder* holds already, read again
    because they are newer than any good row, are dropped from it. Raises DataQualityError where
    more than ``stop_above`` of the rows fail.
    """
    mark_duplicates(con, source)
    if append:
        _forget_known(con, folder)
    report = _report(con, name)
    _write(con, folder, append=append)
    # one bad row must not stop the run of a quiet day
    rows = max(report.rows, _SMALL) if append else report.rows
    if report.quarantined > source.stop_above * rows:
        raise DataQualityError(
            f"{report.share:.1%} of the rows of source {name} fail checks, "
            f"more than the {source.stop_above:.1%} allowed.",
            received="; ".join(report.lines()),
            where=f"rows in {folder}, e.g. {_example(con)}",
            fix="Correct the rows or the mapping in sources.yml, or raise stop_above.",
        )
    return report


def mark_duplicates(con: duckdb.DuckDBPyConnection, source: SourceConfig) -> None:
    """Let the first-known row of each key stand and mark the others ``unique``."""
    key = [*source.key, "known_at"] if source.kind == "state" else source.key
    order = "order by known_at, _content"
    _mark(con, key, f"row_number() over (partition by {_names(key)} {order}) > 1")
    own = f"({_names(source.key)})"
    for column in source.checks.unique:
        # versions of one row may share a value, two rows may not
        first = f"first_value({own}) over (partition by {quote(column)} {order})"
        _mark(con, [column], f"{own} is distinct from {first}")


def _mark(con: duckdb.DuckDBPyConnection, key: Sequence[str], repeated: str) -> None:
    # first by hash alone: few values repeat, so few rows need a closer look
    hashed = f"hash({_names(key)})"
    con.execute(
        f"""create or replace temp table repeated as
            with many as (
                select {hashed} from mapped where _failed is null group by 1 having count(*) > 1
            )
            select _row from (
                select rowid as _row, *, {_CONTENT} as _content from mapped
                where _failed is null and {hashed} in (from many)
            )
            where {" and ".join(f"{quote(column)} is not null" for column in key)}
            qualify {repeated}"""
    )
    if one(con, "select count(*) from repeated"):
        check = literal(f"unique({', '.join(key)})")
        con.execute(f"update mapped set _failed = [{check}] where rowid in (from repeated)")
    con.execute("drop table repeated")


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(quote, columns))


def _report(con: duckdb.DuckDBPyConnection, name: str) -> QualityReport:
    rows, bad = con.execute("select count(*), count(_failed) from mapped").fetchall()[0]
    failed = con.execute(
        "select check_name, count(*) from (select unnest(_failed) as check_name from mapped "
        "where _failed is not null) group by 1 order by 2 desc, 1"
    ).fetchall()
    return QualityReport(name, rows, bad, dict(failed))


def _forget_known(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    files = [str(path) for path in sorted(folder.glob("*.parquet"))]
    if files:
        paths = ", ".join(map(literal, files))
        con.execute(
            f"""delete from mapped where rowid in (
                select _row
                from (select rowid as _row, _failed, {_CONTENT} as _content from mapped)
                where _failed is not null and _content in (
                    select _content from read_parquet([{paths}], union_by_name = true)))"""
        )


def _write(con: duckdb.DuckDBPyConnection, folder: Path, *, append: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    old = sorted(folder.glob("*.parquet"))
    target = folder / f"{len(old) if append else 0:05d}.parquet"
    if append and one(con, "select count(_failed) from mapped") == 0:
        return
    con.execute(
        f"copy (select *, {_CONTENT} as _content from mapped where _failed is not null) "
        f"to {literal(target)} (format parquet)"
    )
    for path in [] if append else old[1:]:
        path.unlink()


def _example(con: duckdb.DuckDBPyConnection) -> str:
    found = con.execute("select * from mapped where _failed is not null limit 1").df()
    row = found.to_dict("records")[0]
    return str({name: value for name, value in row.items() if not name.startswith("_")})
