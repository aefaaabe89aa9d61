"""Rows that arrive page by page as text, in a temporary table that knows their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from salesml.crm.base import quote, reading

__all__ = ["Pages"]


class Pages:
    """The temporary table *into* of *con*, filled page by page; memory holds one page.

    Parameters
    ----------
    columns : DuckDB's types by name. Empty text becomes null. Numbers of milliseconds since 1970
        are understood as times. A column with a value that is not of its type stays text as a
        whole, so that nothing is lost.
    where : named in errors.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, into: str, columns: Mapping[str, str], where: str
    ) -> None:
        self._con, self._into, self._columns, self._where = con, into, dict(columns), where
        names = ", ".join(f"{quote(name)} varchar" for name in columns)
        with reading(where):
            con.execute(f"create or replace temp table {quote(into)} ({names})")

    def add(self, rows: Sequence[Mapping[str, str | None]]) -> None:
        """Append *rows*; columns they lack are null, others are dropped."""
        if not rows:
            return
        arrays = [pa.array([row.get(c) for row in rows], pa.string()) for c in self._columns]
        names = [str(i) for i in range(len(arrays))]  # Arrow tells names apart by case, SQL not
        page = f"{self._into}_page"
        with reading(self._where):
            self._con.register(page, pa.table(arrays, names=names))
            try:
                self._con.execute(f"insert into {quote(self._into)} from {quote(page)}")
            finally:
                self._con.unregister(page)

    def finish(self) -> None:
        """Give the columns their types."""
        with reading(self._where):
            kinds = self._fitting()
            values = ", ".join(f"{_value(n, kinds[n])} as {quote(n)}" for n in self._columns)
            self._con.execute(
                f"create or replace temp table {quote(self._into)} as"
                f" select {values} from {quote(self._into)}"
            )

    def _fitting(self) -> dict[str, str]:
        """The type of each column, or text where a value is not of it."""
        typed = [name for name, kind in self._columns.items() if kind != "VARCHAR"]
        if not typed:
            return self._columns
        tests = ", ".join(
            f"count(nullif({quote(n)}, '')) = count({_value(n, self._columns[n])})" for n in typed
        )
        found = self._con.execute(f"select {tests} from {quote(self._into)}").fetchone() or ()
        unfit = {name for name, fits in zip(typed, found, strict=True) if not fits}
        return {n: "VARCHAR" if n in unfit else kind for n, kind in self._columns.items()}


def _value(name: str, kind: str) -> str:
    text = f"nullif({quote(name)}, '')"
    if kind == "VARCHAR":
        return text
    cast = f"try_cast({text} as {kind})"
    if kind in {"DATE", "TIMESTAMP"}:
        return f"coalesce({cast}, cast(epoch_ms(try_cast({text} as bigint)) as {kind}))"
    return cast
