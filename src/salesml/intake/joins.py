"""Other tables joined to a raw one: an order's line learns its customer and date from the order."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from salesml.config import JoinConfig
from salesml.crm.base import Connection
from salesml.engine import one, quote
from salesml.errors import SourceError, suggest
from salesml.intake.deleted import is_deleted

__all__ = ["join_tables", "joined_name"]


def joined_name(name: str) -> str:
    """The table that a join is loaded into."""
    return f"raw_{name}"


def join_tables(
    con: duckdb.DuckDBPyConnection,
    connection: Connection,
    joins: Mapping[str, JoinConfig],
    base: str,
    where: str,
) -> None:
    """Create the view ``raw``: the rows of *base*, and of each join one column, a row of it.

    Each row of *base* stays one row, and is joined to no row that the system has deleted. Raises
    SourceError, naming *where*, for columns that are not there, and for a table with several rows
    to join.
    """
    names = _columns(con, base)
    for name, join in joins.items():
        table = joined_name(name)
        connection.load(con, join.table, table, options=join.reading_options, since=None)
        _require_columns(name, join, names, _columns(con, table), where)
        _require_one_row(con, name, join, where)
    tables = " ".join(
        f"left join {_living(con, name)} {quote(name)} on "
        + " and ".join(
            f"base.{quote(c)}::varchar = {quote(name)}.{quote(c)}::varchar" for c in j.on
        )
        for name, j in joins.items()
    )
    columns = ", ".join(["base.*", *map(quote, joins)])
    con.execute(f"create or replace temp view raw as select {columns} from {base} base {tables}")


def _living(con: duckdb.DuckDBPyConnection, name: str) -> str:
    """SQL: the rows of a joined table that its system has not deleted."""
    table = joined_name(name)
    return f"(from {quote(table)} where not {is_deleted(_columns(con, table))})"


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in con.execute(f"describe {quote(table)}").fetchall()]


def _require_columns(
    name: str, join: JoinConfig, base: list[str], joined: list[str], where: str
) -> None:
    if name in base:
        raise SourceError(
            f"The join '{name}' is named like a column of its table.",
            where=where,
            fix="Give it another name.",
        )
    for column in join.on:
        for known in (base, joined):
            if column not in known:
                raise SourceError(
                    f"The join '{name}' is on {column}, which one of the two tables does not have."
                    f"{suggest(column, known)}",
                    received=f"columns {', '.join(known)}",
                    where=where,
                    fix="Name columns that both tables have.",
                )


def _require_one_row(
    con: duckdb.DuckDBPyConnection, name: str, join: JoinConfig, where: str
) -> None:
    keys = ", ".join(map(quote, join.on))
    twice = one(
        con,
        f"select concat_ws(', ', {keys}) from {_living(con, name)} "
        f"group by {keys} having count(*) > 1 limit 1",
    )
    if twice is not None:
        raise SourceError(
            f"The join '{name}' has several rows for one {', '.join(join.on)}.",
            received=f"{twice}, twice or more in {join.table}",
            where=where,
            fix="Join on the key of that table, so that a row stays one row.",
        )
