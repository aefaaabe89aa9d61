"""Tables of local targets, made and read from outside."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from crm.no_jobs import NoJobs
from salesml.crm import Connection, connect
from salesml.crm.records import Fate, Refusal, Write

BAND = "band 帯%"


class Target:
    """A table ``name`` of one kind of target, with ways to make and read it from outside."""

    name = "accounts"

    def __init__(self, kind: str, place: str) -> None:
        self.kind, self.place = kind, place
        self.crm: Connection = connect(
            "crm", {"type": kind, "dsn" if kind == "postgres" else "path": place}
        )

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        with self._open() as link:
            for statement in statements:
                cursor = link.execute(statement)
                if statement.startswith("select"):
                    found = [tuple(row) for row in cursor.fetchall()]
            if self.kind == "sqlite":
                link.commit()
        return found

    def _open(self) -> Any:
        if self.kind == "sqlite":
            return closing(sqlite3.connect(self.place))
        if self.kind == "duckdb":
            return duckdb.connect(self.place)
        return psycopg.connect(self.place, autocommit=True)

    def make(self, *rows: Sequence[str | None]) -> None:
        """Columns id (integer), score (number), band and owner (text)."""
        columns = 'id integer, score double precision, "band 帯%" text, owner text'
        values = (", ".join("null" if v is None else repr(v) for v in row) for row in rows)
        self.run(
            f"create table accounts ({columns})",
            *(f"insert into accounts values ({listed})" for listed in values),
        )

    def remove(self, key: str) -> None:
        self.run(f"delete from accounts where id = {key}")

    def rows(self) -> list[tuple[Any, ...]]:
        found = self.run('select id, score, "band 帯%", owner from accounts order by id')
        return [tuple(None if v is None else str(v) for v in row) for row in found]


class CsvTarget(Target):
    name = "accounts.csv"

    def make(self, *rows: Sequence[str | None]) -> None:
        self.write([["id", "score", "band 帯%", "owner"], *([v or "" for v in r] for r in rows)])

    def remove(self, key: str) -> None:
        with Path(self.place, self.name).open(newline="", encoding="utf-8-sig") as file:
            kept = [row for row in csv.reader(file) if row[0] != key]
        self.write(kept)

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        with Path(self.place, self.name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    def rows(self) -> list[tuple[Any, ...]]:
        with Path(self.place, self.name).open(newline="", encoding="utf-8-sig") as file:
            return [tuple(v or None for v in row) for row in list(csv.reader(file))[1:]]


def write(
    target: Target, *rows: Mapping[str, object], table: str = "", key: str = "id"
) -> dict[str, Refusal]:
    """Look at the records, then write *rows*, like the write-back."""
    table, ids = table or target.name, [str(row[key]) for row in rows]
    fields = dict.fromkeys(f for row in rows for f in row if f != key)
    found = target.crm.fetch(table, key, ids, list(fields))
    writes = [
        Write(str(r[key]), {f: r[f] for f in r if f != key}, found.get(str(r[key]))) for r in rows
    ]
    return target.crm.write(table, key, writes, jobs=NoJobs())


def fates(refused: Mapping[str, Refusal]) -> dict[str, Fate]:
    return {i: refusal.fate for i, refusal in refused.items()}
