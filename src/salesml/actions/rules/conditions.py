"""Conditions: when an action makes sense, what forbids it, what starts a play, as SQL."""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from salesml.actions.rules.asking import Subject, sources_in
from salesml.actions.rules.tables import SPINE, Tables
from salesml.config import ActionsConfig, Project
from salesml.engine import quote, subqueries_in, tables_in
from salesml.errors import ConfigError, suggest
from salesml.features import create_source_views
from salesml.store import Store

__all__ = ["Condition", "Conditions", "all_in_one", "conditions_of"]

_MISSED_TABLE = re.compile(r'Referenced table "(.+?)"')
_MISSED_COLUMN = re.compile(r'(?:"(.+?)" does not have a column named|Referenced column) "(.+?)"')


@dataclass(frozen=True)
class Condition:
    """One SQL condition of the catalogue: *kind* is action, block or play, *id* whose it is."""

    kind: str
    id: str
    sql: str

    @property
    def column(self) -> str:
        """Its column among the truths of all conditions."""
        return f"{self.kind}.{self.id}"

    @property
    def subject(self) -> Subject:
        """What errors call it, and where it stands."""
        key = "trigger" if self.kind == "play" else "when"
        file = "plays.yml" if self.kind == "play" else "actions.yml"
        place = (f"{self.kind}s", self.id, key)
        return Subject(f"The condition `{key}` of {self.kind} {self.id}", file, place)


def conditions_of(config: ActionsConfig, entity: str) -> list[Condition]:
    """All conditions about *entity*."""
    return [
        *(Condition("action", each.id, each.when) for each in config.actions_of(entity)),
        *(Condition("block", each.id, each.when) for each in config.blocks_of(entity)),
        *(Condition("play", each.id, each.trigger) for each in config.plays_of(entity)),
    ]


class Conditions:
    """The conditions of one entity, over the rows of its tables.

    *bucket_column* is what those rows lie in buckets by: subqueries see only the sources that lie
    so, too, or whole. ``failed`` says what is wrong with those that cannot be used, by column.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        project: Project,
        store: Store,
        tables: Tables,
        conditions: Sequence[Condition],
        bucket_column: str,
    ) -> None:
        self.con, self.project, self.store, self.tables = con, project, store, tables
        self.conditions, self.bucket_column = conditions, bucket_column
        self.failed: dict[str, ConfigError] = {}

    def bind(self, as_of: dt.date, bucket: str | None) -> None:
        """See which conditions are sound over the tables, which must be there."""
        self._set_aside(self._read)
        create_source_views(
            self.con,
            self.project,
            self.store,
            self._read(self._sound),
            known_before=as_of,
            as_of=as_of,
            bucket=bucket,
        )
        self._set_aside(self._require_sound)

    def truths(self) -> pd.DataFrame:
        """Which conditions are true of which rows: the id, and a boolean a condition.

        Unknown is not true. One that fails is true of a block, lest what it would forbid be done,
        and else false.
        """
        try:
            rows = self._truths(self._sound)
        except ConfigError:
            self._set_aside(self._truths)
            rows = self._truths(self._sound)
        failed = [c for c in self.conditions if c.column in self.failed]
        return rows.assign(**{c.column: c.kind == "block" for c in failed})

    def require(self) -> None:
        """Raise ConfigError with all that failed so far."""
        if self.failed:
            raise all_in_one(list(self.failed.values()))

    @property
    def _sound(self) -> list[Condition]:
        return [c for c in self.conditions if c.column not in self.failed]

    def _set_aside(self, check: Callable[[Sequence[Condition]], object]) -> None:
        """Those that fail *check*: all are asked at once, which is quick, and if need be each."""
        try:
            check(self._sound)
        except ConfigError:
            for condition in self._sound:
                try:
                    check([condition])
                except ConfigError as error:
                    self.failed[condition.column] = error

    def _truths(self, conditions: Sequence[Condition]) -> pd.DataFrame:
        columns = [f"{SPINE}.{quote(self.tables.id_column)}"]
        columns += [f"((\n{c.sql}\n)) is true as {quote(c.column)}" for c in conditions]
        sql = f"select {', '.join(columns)} from {self.tables.source} order by 1"
        try:
            rows: pd.DataFrame = self.con.execute(sql).df()
        except duckdb.Error as error:
            raise self._error(conditions[0], error) from None
        return rows

    def _read(self, conditions: Sequence[Condition]) -> set[str]:
        """The sources that *conditions* read; raises ConfigError for those that they cannot."""
        if not conditions:
            return set()
        subject = conditions[0].subject
        columns = ", ".join(f"(\n{condition.sql}\n)" for condition in conditions)
        found = sources_in(self.con, self.project, f"select {columns}", subject)
        for name in sorted(found):
            source = self.project.sources[name]
            if not source.whole and source.entity != self.bucket_column:
                raise subject.error(
                    self.project,
                    f"reads source {name}, which lies in buckets of {source.entity}, not "
                    f"{self.bucket_column}.",
                    f"Make {name} `entity: whole` where it is small, or put it into a feature set.",
                )
        return found

    def _require_sound(self, conditions: Sequence[Condition]) -> None:
        """Raise ConfigError unless *conditions* are true or false of each row by itself."""
        if not conditions:
            return
        self._require_own_rows(conditions)
        each = [f"(\n{condition.sql}\n)" for condition in conditions]
        named = ", ".join(f"{sql} as _{number}" for number, sql in enumerate(each))
        source = self.tables.source
        try:
            # where, unlike select, refuses what looks at other rows: aggregates and windows
            self.con.execute(f"select 1 from {source} where {' and '.join(each)} limit 0")
            described = self.con.execute(f"describe select {named} from {source}").fetchall()
        except duckdb.Error as error:
            raise self._error(conditions[0], error) from None
        for condition, (_, kind, *_) in zip(conditions, described, strict=True):
            if kind != "BOOLEAN":
                problem = f"is of type {kind}, not true or false."
                raise condition.subject.error(self.project, problem, "Compare it with something.")

    def _require_own_rows(self, conditions: Sequence[Condition]) -> None:
        """Raise ConfigError for a subquery that tells the same of everybody in a bucket."""
        columns = ", ".join(f"(\n{condition.sql}\n)" for condition in conditions)
        for kind, sql in subqueries_in(self.con, f"select {columns}"):
            names = sorted(tables_in(self.con, sql))
            spread = [name for name in names if not self.project.sources[name].whole]
            # `x in (select …)` compares the row with what is selected, the others do not
            if kind != "ANY" and spread and self._stands_alone(sql):
                key = self.tables.id_column
                raise conditions[0].subject.error(
                    self.project,
                    f"has a subquery over {spread[0]} that does not depend on the row.",
                    f"Compare with the row by its table: {spread[0]}.{key} = {SPINE}.{key}.",
                )

    def _stands_alone(self, sql: str) -> bool:
        try:
            self.con.execute(f"describe {sql}")
        except duckdb.Error:
            return False
        return True

    def _error(self, condition: Condition, error: duckdb.Error) -> ConfigError:
        text = str(error)
        line = re.search(r"LINE (\d+):", text)
        several = line is not None and "\n" in condition.sql.strip()
        return condition.subject.error(
            self.project,
            f"does not run: {text.splitlines()[0].rstrip('!.')}.{self._hint(condition, text)}",
            f"Use a column of {', '.join(self.tables.types)}, or a source in a subquery.",
            line=int(line.group(1)) - 1 if line is not None and several else None,
        )

    def _hint(self, condition: Condition, text: str) -> str:
        """The near miss of the table or column that *text*, an error, does not find."""
        missed = _MISSED_TABLE.search(text)
        if missed:
            return self._hint_of_table(condition, missed.group(1))
        missed = _MISSED_COLUMN.search(text)
        if missed is None:
            return ""
        every = {name for columns in self.tables.types.values() for name in columns}
        return suggest(missed.group(2), self.tables.types.get(missed.group(1), every))

    def _hint_of_table(self, condition: Condition, table: str) -> str:
        """DuckDB does not find a source in a subquery, either, that lacks the column asked for."""
        if table not in self.project.sources:
            return suggest(table, self.tables.types)
        known = {*self.project.sources[table].columns, "happened_at", "known_at", "as_of"}
        asked = re.findall(rf"\b{re.escape(table)}\.(\w+)", condition.sql)
        missing = [column for column in dict.fromkeys(asked) if column not in known]
        return "".join(
            f" Source {table} has no column '{column}'.{suggest(column, known)}"
            for column in missing
        )


def all_in_one(errors: Sequence[ConfigError]) -> ConfigError:
    """*errors* as one."""
    if len(errors) == 1:
        return errors[0]
    lines = "\n".join(textwrap.indent(str(error), "  ") for error in errors)
    return ConfigError(f"The actions have {len(errors)} problems:\n{lines}")
