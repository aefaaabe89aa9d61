"""DuckDB as salesml uses it: one connection a process, UTC, quoting, and our SQL functions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "connect",
    "literal",
    "local_time",
    "one",
    "outside_of",
    "quote",
    "subqueries_in",
    "tables_in",
    "utc_time",
]

_CLOCK_WORDS = {
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
}  # fmt: skip
_MAKING_ROWS = {"generate_series", "range", "repeat", "repeat_row", "unnest"}


def connect(spill: Path | None = None, *, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB in UTC that knows ``nfkc(text)``.

    *spill* is the folder for what does not fit into memory, *threads* the most it may use.
    """
    config: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        # else a name that is no table would be looked up among Python's variables
        "python_enable_replacements": False,
    }
    if threads is not None:
        config["threads"] = threads
    if spill is not None:
        spill.mkdir(parents=True, exist_ok=True)
        config["temp_directory"] = str(spill)
    con = duckdb.connect(":memory:", config=config)
    con.execute("set timezone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    con.create_function("_decomposed", _decomposed, ["VARCHAR"], "VARCHAR", type="arrow")
    con.execute("create temp macro nfkc(text) as nfc_normalize(_decomposed(text))")
    return con


def _decomposed(texts: pa.Array) -> pa.Array:
    """Fold full-width letters, half-width kana and their like (Unicode NFKC).

    pyarrow leaves ガ in two parts; DuckDB puts them together. Python's own function would do both,
    but its threads wait for each other.
    """
    return pc.utf8_normalize(texts, form="NFKC")


def one(con: duckdb.DuckDBPyConnection, sql: str, parameters: object = None) -> Any:
    """The first value that *sql* returns, None for no row.

    All rows are fetched: DuckDB refuses other work while a result is unfinished.
    """
    rows = con.execute(sql, parameters).fetchall()
    return rows[0][0] if rows else None


def quote(name: str) -> str:
    """*name* as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """*value* as an SQL literal."""
    if value is None:
        return "null"
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def local_time(column: str, zone: str) -> str:
    """SQL: the naive UTC timestamp *column* in business time."""
    return f"timezone({literal(zone)}, timezone('UTC', {column}))"


def utc_time(expression: str, zone: str) -> str:
    """SQL: the naive business timestamp *expression* in UTC."""
    return f"timezone('UTC', timezone({literal(zone)}, {expression}))"


def tables_in(con: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """Names of the tables that *sql* reads, common table expressions left out.

    A qualified name comes with its schema. Raises duckdb.Error unless *sql* is one select.
    """
    return set(_tables(_tree(con, sql), frozenset()))


def outside_of(con: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """What *sql* uses whose result depends on more than its tables.

    That is the clock, chance, settings, files and whatever else a table function reads. Raises
    duckdb.Error unless *sql* is one select.
    """
    nodes = list(_nodes(_tree(con, sql)))
    return {name for node in nodes for name in (*_unstable(node), *_foreign(node))}


def subqueries_in(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[str, str]]:
    """The outermost subqueries of *sql*, each as its kind (EXISTS, SCALAR, ANY for ``in``) and SQL.

    Raises duckdb.Error unless *sql* is one select.
    """
    return [(kind, _text_of(con, query)) for kind, query in _outermost(_tree(con, sql))]


def _outermost(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict) and tree.get("class") == "SUBQUERY":
        yield tree["subquery_type"], tree["subquery"]
        return
    for child in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(child, (dict, list)):
            yield from _outermost(child)


def _text_of(con: duckdb.DuckDBPyConnection, query: Any) -> str:
    whole = json.dumps({"error": False, "statements": [query]})
    return str(one(con, "select json_deserialize_sql($1::json)", [whole]))


def _unstable(node: dict[str, Any]) -> Iterator[str]:
    name = str(node.get("function_name", "")).lower()
    # age(t) counts from today, age(t, u) does not
    if name in _unstable_functions() or (name == "age" and len(node["arguments"]) == 1):
        yield name
    column = node.get("column_names", [])
    if len(column) == 1 and column[0].lower() in _CLOCK_WORDS:
        yield column[0].lower()


def _foreign(node: dict[str, Any]) -> Iterator[str]:
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node["function"]["function_name"]).lower()
        if name not in _MAKING_ROWS:
            yield name
    if node.get("type") == "SHOW_REF":
        yield "show"
    if node.get("sample"):
        yield "sample"


# macros have no stability of their own, and what they hide they tell only by their text
_CLOCK_IN_MACRO = r"now\(|current_|today\(|random\("
_BY_NAME = frozenset({"current_localtime", "current_localtimestamp", "reservoir_quantile"})


@cache
def _unstable_functions() -> frozenset[str]:
    with duckdb.connect(":memory:") as con:
        found = con.execute(
            "select function_name from duckdb_functions() where stability <> 'CONSISTENT'"
            " or (stability is null and regexp_matches(macro_definition, $1, 'i'))",
            [_CLOCK_IN_MACRO],
        ).fetchall()
    return frozenset(row[0] for row in found) | _BY_NAME


def _tables(tree: Any, hidden: frozenset[str]) -> Iterator[str]:
    """Tables read under *tree*, where the names in *hidden* are common table expressions."""
    if isinstance(tree, dict):
        if tree.get("type") == "BASE_TABLE":
            name = _full_name(tree)
            if name.lower() not in hidden:
                yield name
        for entry in _common_tables(tree):
            key = entry["key"].lower()
            recursive = entry["value"]["query_node"]["type"] == "RECURSIVE_CTE_NODE"
            # inside itself, a name means the table behind it, unless it is recursive
            yield from _tables(entry["value"], hidden | {key} if recursive else hidden)
            hidden |= {key}
    for key, child in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if key != "cte_map" and isinstance(child, (dict, list)):
            yield from _tables(child, hidden)


def _full_name(node: dict[str, Any]) -> str:
    parts = (node.get("catalog_name"), node.get("schema_name"), node["table_name"])
    return ".".join(part for part in parts if part)


def _common_tables(node: dict[str, Any]) -> list[dict[str, Any]]:
    found = node.get("cte_map")
    return found["map"] if isinstance(found, dict) else []


def _tree(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    tree = json.loads(one(con, "select json_serialize_sql($1)", [sql.rstrip().rstrip(";")]))
    if tree.get("error"):
        raise duckdb.ParserException(str(tree.get("error_message")))
    if len(tree["statements"]) != 1:
        raise duckdb.ParserException("There must be one select, not several statements.")
    return tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(child, (dict, list)):
            yield from _nodes(child)
