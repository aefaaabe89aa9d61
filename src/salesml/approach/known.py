"""The tables of a project as they were known before a date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd

from salesml.config import Project, Words
from salesml.engine import literal, quote
from salesml.errors import SourceError, suggest
from salesml.features import create_source_views
from salesml.scoring import store_of

__all__ = ["Known", "newest"]


class Known:
    """What was known of municipalities before *as_of*.

    A table is the source of that name, cut off as for features; where the project maps none, what
    `salesml municipal import` wrote, cut off by ``known_at``. ``left_out`` names what was asked for
    and is in neither.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, project: Project, as_of: dt.date) -> None:
        self.as_of, self.left_out = as_of, dict[str, Words]()
        self._con, self._project, self._store = con, project, store_of(project)
        self.folder = project.var / "municipal"

    def rows(
        self,
        name: str,
        needed: Sequence[str],
        also: Sequence[str] = (),
        *,
        part: Words | None = None,
        published: bool = False,
    ) -> pd.DataFrame | None:
        """The columns *needed* and *also* of the table *name*, ids as text; None without the table.

        Columns *also* are empty where the table has none. *part* is what a plan lacks without rows.
        *published* asks for what was imported first, which has columns that no source maps. Raises
        SourceError where one of *needed* is not there.
        """
        found = self._imported(name) if published else None
        found = found or self._open(name)
        rows = None if found is None else self._read(name, found, needed, also)
        if part is not None and (rows is None or rows.empty):
            self.left_out[name] = part
        return rows

    def _read(
        self, name: str, found: tuple[str, str], needed: Sequence[str], also: Sequence[str]
    ) -> pd.DataFrame:
        relation, where = found
        have = self._con.execute(f"describe {relation}").df()["column_name"].tolist()
        self._require(name, [column for column in needed if column not in have], have, where)
        chosen = [self._column(column) for column in (*needed, *also) if column in have]
        rows: pd.DataFrame = self._con.execute(f"select {', '.join(chosen)} from {relation}").df()
        return rows.reindex(columns=[*needed, *also])

    def _open(self, name: str) -> tuple[str, str] | None:
        """SQL of the table, cut off, and where it is from."""
        if name in self._project.sources and self._store.manifest(name) is not None:
            create_source_views(
                self._con, self._project, self._store, [name],
                known_before=self.as_of, as_of=None, bucket=None,
            )  # fmt: skip
            return f"(from {quote(name)})", f"sources.yml, source {name}"
        return self._imported(name)

    def _imported(self, name: str) -> tuple[str, str] | None:
        path = self.folder / f"{name}.parquet"
        return (f"({_cut(path, self.as_of)})", str(path)) if path.exists() else None

    def _require(self, name: str, missing: list[str], have: list[str], where: str) -> None:
        if missing:
            raise SourceError(
                f"The table {name} has no column {', '.join(missing)}.{suggest(missing[0], have)}",
                received=f"columns {', '.join(have)}",
                where=where,
                fix="Add it to the columns of the source, or import the published files again.",
            )

    @staticmethod
    def _column(name: str) -> str:
        if name.endswith("_id"):
            return f"{quote(name)}::varchar as {quote(name)}"
        return quote(name)


def _cut(path: Path, as_of: dt.date) -> str:
    return f"from read_parquet({literal(path)}) where known_at < timestamp {literal(as_of)}"


def newest(rows: pd.DataFrame, *key: str) -> pd.DataFrame:
    """Of the *rows* of one *key* the one that became known last."""
    ordered = rows.sort_values("known_at", kind="stable")
    return ordered.drop_duplicates(list(key), keep="last").reset_index(drop=True)
