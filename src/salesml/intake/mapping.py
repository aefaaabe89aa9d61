"""Raw rows → our columns and types, times in UTC, and the names of the checks that fail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import duckdb

from salesml.config import Project, SourceConfig
from salesml.engine import literal, local_time, quote, utc_time
from salesml.errors import SourceError, suggest
from salesml.intake.deleted import is_deleted
from salesml.quality import Check, checks_of
from salesml.store import Store

__all__ = ["SEEN", "RawTable", "Types", "declared_types"]

SEEN = "seen"
Types = Mapping[str, str]
_NULL = '"NULL"'  # DuckDB's name for the type of a bare null
_BLANKS = literal(" \t\r\n\u3000\xa0")
_OFFSET = r":\d{2}(\.\d+)?\s*(Z|z|UTC|[+-]\d{2}(:?\d{2})?)$"
# other systems write an empty date as 0001-01-01, 1753-01-01 or 1899-12-30
_FIRST_DAY = "timestamp '1899-12-31'"


def declared_types(source: SourceConfig, types: Types) -> dict[str, str]:
    """The types that columns are cast to: their own, else those in *types*; ids are text."""
    own = {c: spec.type for c, spec in source.columns.items() if spec.type}
    ids = {c: "VARCHAR" for c in source.columns if c.endswith("_id")}
    numbers = dict.fromkeys(source.checks.range, "DOUBLE")
    known = {c: kind for c, kind in types.items() if c in source.columns}
    return {**numbers, **known, **own, **ids}


@dataclass(frozen=True)
class RawTable:
    """The table or view ``raw`` that a connector loaded, and what the source makes of it."""

    con: duckdb.DuckDBPyConnection
    project: Project
    name: str
    types: Types

    @property
    def source(self) -> SourceConfig:
        """The source as configured."""
        return self.project.sources[self.name]

    @cached_property
    def natural(self) -> dict[str, str]:
        """Type of every expression over ``raw``; raises SourceError naming all that do not fit."""
        found: dict[str, str] = {}
        problems: list[str] = []
        for key, sql in self._expressions():
            try:
                found[key] = self._type_of(sql)
                problems += self._unfit(key, found[key])
            except duckdb.Error as error:
                problems.append(f"{key}: {sql}: {self._explain(error)}")
        if problems:
            raise SourceError(
                f"The mapping of source {self.name} does not fit its table:\n"
                + "\n".join(f"  {problem}" for problem in problems),
                received=f"columns {', '.join(self._raw_columns())} in {self.source.table}",
                where=self._where,
                fix="Correct these expressions, or map a column that is not there as `null`.",
            )
        return found

    @property
    def _where(self) -> str:
        return self.project.where("sources.yml", "sources", self.name)

    def _expressions(self) -> Iterator[tuple[str, str]]:
        for column, spec in self.source.columns.items():
            yield column, spec.sql
        yield from self._times()
        if self.source.where is not None:
            yield "(where)", self.source.where
        if self.source.incremental is not None:
            yield "(incremental)", quote(self.source.incremental)

    def _times(self) -> Iterator[tuple[str, str]]:
        if self.source.happened_at is not None:
            yield "happened_at", self.source.happened_at
        if self.source.known_at != SEEN:
            yield "known_at", self.source.known_at

    def _type_of(self, sql: str) -> str:
        described = self.con.execute(f"describe select ({sql}\n) as value from raw").fetchall()
        return str(described[0][1])

    def _unfit(self, key: str, natural: str) -> Iterator[str]:
        if key in ("happened_at", "known_at") and not (
            natural.startswith("TIMESTAMP") or natural in ("DATE", "VARCHAR", _NULL)
        ):
            yield f"{key}: is {natural}, not a time; use to_timestamp() or try_strptime()"
        wanted = self.types.get(key)
        if wanted is not None:
            try:
                self.con.execute(f"select null::{wanted}").fetchall()
            except duckdb.Error:
                yield f"{key}: there is no type '{wanted}'.{suggest(wanted, _COMMON_TYPES)}"

    def _raw_columns(self) -> list[str]:
        return [row[0] for row in self.con.execute("describe raw").fetchall()]

    def _explain(self, error: duckdb.Error) -> str:
        text = str(error).split("\n")[0]
        missing = re.search(r'column "([^"]+)" not found', text, re.IGNORECASE)
        return text + (suggest(missing.group(1), self._raw_columns()) if missing else "")

    def map(self, store: Store, now: str) -> None:
        """Create the table ``mapped``: typed columns, times in UTC, ``_raw`` and ``_failed``.

        *now* is the UTC time of the read as an SQL literal. Rows that the system says are deleted
        are not in it: only their keys are known for sure, and stand in the table ``deleted``.
        Raises SourceError.
        """
        cast = [c for c in self.source.columns if self._is_cast(c)]
        texts = [n for n, _ in self._times() if self.natural[n] == "VARCHAR"]
        checks = checks_of(self.name, self.source, store, self._final_types(), cast, now)
        typed = ", ".join(self._selected(cast, texts, now))
        where = f"({self.source.where}\n)" if self.source.where else "true"
        gone = is_deleted(self._raw_columns())
        flags = "".join(f", ({sql}) as _check_{i}" for i, (_, sql) in enumerate(checks))
        kept = [*map(quote, self.source.columns), *self._time_values(now)]
        kept += ["_incremental"] if self.source.incremental else []
        try:
            self.con.execute(
                f"""create or replace temp table mapped as
                with typed as (select {typed} from raw where {where} and not {gone}),
                checked as (select *{flags} from typed)
                select {", ".join(kept)}, {_raw_values([*cast, *texts], checks)} as _raw,
                    {_failed(checks)} as _failed
                from checked"""
            )
            keys = ", ".join(f"{self._value(c)} as {quote(c)}" for c in self.source.key)
            self.con.execute(
                f"create or replace temp table deleted as select distinct {keys} from raw"
                f" where {gone}"
            )
        except duckdb.Error as error:
            raise SourceError(
                f"Source {self.name} cannot be mapped: {str(error).splitlines()[0]}",
                where=self._where,
                fix="Use try_cast or try_strptime: what does not fit then goes to quarantine.",
            ) from None

    def _selected(self, cast: list[str], texts: list[str], now: str) -> Iterator[str]:
        for column in self.source.columns:
            yield f"{self._value(column)} as {quote(column)}"
        for column in cast:
            yield f"({self._clean(column)})::varchar as {quote(f'_raw_{column}')}"
        for name, sql in self._time_values(now).items():
            yield f"{sql} as {name}"
        for name, sql in self._times():
            if name in texts:
                yield f"({sql}\n) as _raw_{name}"
        if self.source.incremental is not None:
            yield f"{quote(self.source.incremental)} as _incremental"

    def _final_types(self) -> dict[str, str]:
        return {c: self.types.get(c, _plain(self.natural[c])).upper() for c in self.source.columns}

    def _is_cast(self, column: str) -> bool:
        natural, wanted = self.natural[column], self.types.get(column)
        return natural != _NULL and wanted is not None and wanted.upper() != _plain(natural).upper()

    def _clean(self, column: str) -> str:
        """SQL: the value in its own type; blanks and NaN are null, zoned times business time."""
        sql, natural = f"({self.source.columns[column].sql}\n)", self.natural[column]
        if natural == "VARCHAR":
            return f"nullif(trim({sql}, {_BLANKS}), '')"
        if natural in ("FLOAT", "DOUBLE"):
            return f"nullif({sql}, 'nan')"
        if natural.endswith("WITH TIME ZONE") and natural.startswith("TIMESTAMP"):
            return f"timezone({literal(self.project.settings.timezone)}, {sql})"
        return sql

    def _value(self, column: str) -> str:
        """SQL: the value in the type declared; null where it does not fit."""
        sql, natural = self._clean(column), self.natural[column]
        wanted = self.types.get(column, "VARCHAR").upper()
        if natural == _NULL:
            return f"null::{wanted}"
        if not self._is_cast(column):
            return sql
        if natural == "VARCHAR" and wanted.startswith(("TIMESTAMP", "DATE")):
            zone = self.project.settings.timezone
            zoned = local_time(f"timezone('UTC', try_cast({sql} as timestamptz))", zone)
            return (
                f"case when {_has_offset(sql)} then try_cast({zoned} as {wanted}) "
                f"else try_cast({sql} as {wanted}) end"
            )
        if natural in ("FLOAT", "DOUBLE") and wanted == "VARCHAR":
            # an id that another table holds as a whole number must not become '12.0'
            whole = f"try_cast(try_cast({sql} as bigint) as varchar)"
            return f"case when {sql} = trunc({sql}) then {whole} else {sql}::varchar end"
        return f"try_cast({sql} as {wanted})"

    def _time_values(self, now: str) -> dict[str, str]:
        """SQL of the times in UTC."""
        times = {name: self._utc(f"({sql}\n)", self.natural[name]) for name, sql in self._times()}
        return times if "known_at" in times else {**times, "known_at": now}

    def _utc(self, sql: str, natural: str) -> str:
        zone = self.project.settings.timezone
        if natural.endswith("WITH TIME ZONE"):
            utc = f"timezone('UTC', {sql})"
        elif natural == "VARCHAR":
            naive = utc_time(f"try_cast({sql} as timestamp)", zone)
            zoned = f"timezone('UTC', try_cast({sql} as timestamptz))"
            utc = f"case when {_has_offset(sql)} then {zoned} else {naive} end"
        else:
            utc = utc_time(f"try_cast({sql} as timestamp)", zone)
        return f"case when {utc} >= {_FIRST_DAY} then {utc} end"


_COMMON_TYPES = ("varchar", "double", "integer", "bigint", "boolean", "date", "timestamp")


def _plain(natural: str) -> str:
    """The type of a value once cleaned, before any cast."""
    return {_NULL: "VARCHAR", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}.get(natural, natural)


def _has_offset(sql: str) -> str:
    """SQL: whether a text says its time zone, which a cast to timestamp would pass over."""
    return f"regexp_matches({sql}, {literal(_OFFSET)})"


def _failed(checks: list[Check]) -> str:
    """SQL: names of the checks that a row fails; null for a good row, at little cost."""
    flags = [f"_check_{i}" for i in range(len(checks))]
    names = ", ".join(
        f"case when {flag} then {literal(name)} end"
        for flag, (name, _) in zip(flags, checks, strict=True)
    )
    listed = f"list_filter([{names}], lambda name: name is not null)"
    return f"case when {' or '.join(flags)} then {listed} end"


def _raw_values(columns: list[str], checks: list[Check]) -> str:
    """SQL: what failing rows held before the casts, by column."""
    if not columns:
        return "null::map(varchar, varchar)"
    flags = " or ".join(f"_check_{i}" for i in range(len(checks)))
    names = ", ".join(map(literal, columns))
    values = ", ".join(quote(f"_raw_{column}") for column in columns)
    return f"case when {flags} then map([{names}], [{values}]) end"
