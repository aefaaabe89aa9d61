"""SQL of the catalogue over the sources: who the people are, what became of actions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from salesml.config import Project
from salesml.engine import outside_of, tables_in
from salesml.errors import ConfigError, suggest
from salesml.features import create_source_views
from salesml.store import Store
from salesml.yaml_file import Place

__all__ = ["Subject", "ask", "sources_in"]


@dataclass(frozen=True)
class Subject:
    """What an error is about: *what* it is called, and its *place* in *file*."""

    what: str
    file: str
    place: Place

    def error(
        self, project: Project, problem: str, fix: str, *, line: int | None = None
    ) -> ConfigError:
        """*problem* of the subject, on *line* of its SQL."""
        where = project.where(self.file, *self.place)
        on = f", line {line} of the SQL" if line is not None else ""
        return ConfigError(f"{self.what} {problem}", where=where + on, fix=fix)


def ask(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    place: Place,
    sql: str,
    columns: Sequence[str],
    as_of: dt.date,
    *,
    file: str = "actions.yml",
) -> pd.DataFrame:
    """What *sql*, at *place* in *file*, tells of the sources as known before *as_of*.

    Returns all that it selects. Raises ConfigError where it does not run, depends on more than its
    sources, or does not return *columns*.
    """
    subject = Subject(f"The SQL of {'.'.join(map(str, place))}", file, place)
    names = sources_in(con, project, sql, subject)
    create_source_views(con, project, store, names, known_before=as_of, as_of=as_of, bucket=None)
    try:
        rows: pd.DataFrame = con.execute(sql).df()
    except duckdb.Error as error:
        raise _explained(project, subject, error) from None
    missing = [column for column in columns if column not in rows.columns]
    if missing:
        problem = (
            f"does not return {', '.join(missing)}, but {', '.join(map(str, rows.columns))}."
            f"{''.join(suggest(column, rows.columns) for column in missing)}"
        )
        raise subject.error(project, problem, f"Select {', '.join(columns)}.")
    return rows


def sources_in(
    con: duckdb.DuckDBPyConnection, project: Project, sql: str, subject: Subject
) -> set[str]:
    """The sources that *sql* reads.

    Raises ConfigError for a table that is no source, and for SQL that depends on more than its
    sources: the clock, chance, files.
    """
    try:
        found, outside = tables_in(con, sql), outside_of(con, sql)
    except duckdb.Error as error:
        raise _explained(project, subject, error) from None
    for table in sorted(found - set(project.sources)):
        problem = f"reads the unknown source '{table}'.{suggest(table, project.sources)}"
        fix = f"Use one of: {', '.join(sorted(project.sources))}."
        raise subject.error(project, problem, fix)
    for name in sorted(outside):
        problem = f"uses {name}, whose result depends on more than its sources."
        raise subject.error(project, problem, "Use as_of for the date, and the sources for data.")
    return found


def _explained(project: Project, subject: Subject, error: duckdb.Error) -> ConfigError:
    text = str(error)
    line = re.search(r"LINE (\d+):", text)
    return subject.error(
        project,
        f"does not run: {text.splitlines()[0]}",
        "Correct the SQL; it sees the sources of sources.yml by name.",
        line=int(line.group(1)) if line else None,
    )
