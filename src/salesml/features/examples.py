"""Given/expect: the examples beside a feature set, run through the same engine as real data."""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from salesml.config import Project, ProjectConfig, Words
from salesml.engine import quote, utc_time
from salesml.errors import FeatureError, suggest
from salesml.features.compute import compute_set, with_links
from salesml.features.definition import Example, FeatureSet
from salesml.store import Manifest, Store

__all__ = ["run_examples"]

_LONG_AGO = "1900-01-01"
_ZONE = "Asia/Tokyo"


def run_examples(con: duckdb.DuckDBPyConnection, feature_set: FeatureSet) -> None:
    """Run every example of *feature_set*, and its SQL on empty tables.

    Raises FeatureError listing each expectation that does not hold.
    """
    empty = Example(name="empty tables", spine=feature_set.tests[0].spine, expect=[{}])
    problems = [p for e in [empty, *feature_set.tests] for p in _run(con, feature_set, e)]
    if problems:
        raise FeatureError(
            f"Feature set {feature_set.entity}/{feature_set.name} breaks its own examples:\n"
            + "\n".join(f"  {p}" for p in problems),
            where=str(feature_set.path.with_suffix(".yml")),
            fix="Correct the SQL, or the example where it is wrong.",
        )


def _run(con: duckdb.DuckDBPyConnection, feature_set: FeatureSet, example: Example) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        project = _example_project(Path(folder))
        store = Store(Path(folder), buckets=1)
        for source, columns in _columns(feature_set).items():
            _store_rows(con, store, source, columns, _given(feature_set, example, source))
        spine = pd.DataFrame(example.spine)
        spine["as_of"] = pd.to_datetime(spine["as_of"]).dt.date
        for link in sorted(feature_set.links - set(spine.columns)):
            spine[link] = None
        spine = with_links(spine, feature_set)
        computed = compute_set(con, project, store, feature_set, spine)
    keys = spine[[feature_set.id_column, "as_of"]]
    return _differences(feature_set, example, pd.concat([keys, computed], axis=1))


def _example_project(folder: Path) -> Project:
    settings = ProjectConfig(title=Words(ja="例", en="Examples"), timezone=_ZONE)
    return Project("examples", folder, settings, {}, {}, {}, {})


def _columns(feature_set: FeatureSet) -> dict[str, dict[str, str]]:
    """Columns and types of each source, over all views of it."""
    columns: dict[str, dict[str, str]] = defaultdict(dict)
    for read in feature_set.reads.values():
        link = {} if read.shared else {read.on: "varchar"}
        columns[read.source] |= link | feature_set.source_columns(read)
    return columns


def _given(feature_set: FeatureSet, example: Example, source: str) -> list[dict[str, Any]]:
    reads = feature_set.reads
    _require_known(feature_set, example, "rows of", example.given, {*reads, *_columns(feature_set)})
    names = {source, *(name for name, read in reads.items() if read.source == source)}
    rows = [row for name in sorted(names) for row in example.given.get(name, [])]
    known = {*_columns(feature_set)[source], "happened_at", "known_at"}
    for row in rows:
        _require_known(feature_set, example, f"{source} the column", row, known)
    return rows


def _require_known(
    feature_set: FeatureSet, example: Example, what: str, given: Iterable[str], known: set[str]
) -> None:
    for name in given:
        if name not in known:
            raise FeatureError(
                f"The example '{example.name}' gives {what} '{name}', which is not under reads."
                f"{suggest(name, known)}",
                where=str(feature_set.path.with_suffix(".yml")),
                fix="Correct the name.",
            )


def _store_rows(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    source: str,
    columns: dict[str, str],
    rows: list[dict[str, Any]],
) -> None:
    """Store *rows*; without happened_at they are versions of states, each its own."""
    events = not rows or any("happened_at" in row for row in rows)
    times = {"happened_at": "timestamp", "known_at": "timestamp"}
    types = {**{c: t for c, t in columns.items() if c not in times}, **times}
    values = [_dated(row) for row in rows]
    con.register("_rows", pd.DataFrame(values, columns=list(types), dtype="object").astype("str"))
    casts = [f"cast({quote(c)} as {t}) as {quote(c)}" for c, t in types.items()]
    utc = [f"{utc_time(name, _ZONE)} as {name}" for name in times]
    con.execute(
        f"create or replace temp table _example as select row_number() over () as _row, "
        f"* replace ({', '.join(utc)}), false as _deleted from (select {', '.join(casts)} "
        "from _rows)"
    )
    con.unregister("_rows")
    stored = {**types, "_deleted": "boolean", "_row": "bigint"}
    kind = "events" if events else "state"
    manifest = Manifest("example", kind, "whole", ["_row"], 1, stored)
    if rows:
        manifest.days["2000-01-01"] = (len(rows), 0)
    store.write(con, source, "_example", manifest, append=False)


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: None if value is None else str(value) for name, value in row.items()}
    return {"known_at": texts.get("happened_at") or _LONG_AGO, **texts}


def _differences(feature_set: FeatureSet, example: Example, computed: pd.DataFrame) -> list[str]:
    keys = [feature_set.id_column, "as_of"]
    found = {tuple(map(str, row[keys])): row for _, row in computed.iterrows()}
    problems = []
    for expected in example.expect:
        if not expected:
            continue
        key = tuple(str(expected.get(k)) for k in keys)
        if key not in found:
            problems.append(f"{example.name}: no row {', '.join(key)} in spine")
            continue
        problems += _wrong_values(feature_set, example, expected, found[key])
    return problems


def _wrong_values(
    feature_set: FeatureSet, example: Example, expected: dict[str, Any], row: pd.Series
) -> list[str]:
    problems = []
    for name, value in expected.items():
        if name in (feature_set.id_column, "as_of"):
            continue
        if name not in feature_set.features:
            hint = suggest(name, feature_set.features)
            problems.append(f"{example.name}: '{name}' is no feature.{hint}")
        elif not _equal(value, row[name]):
            problems.append(f"{example.name}: {name} is {row[name]}, expected {value}")
    return problems


def _equal(expected: object, computed: object) -> bool:
    if expected is None or pd.isna(computed):  # type: ignore[call-overload]
        return expected is None and bool(pd.isna(computed))  # type: ignore[call-overload]
    if isinstance(expected, (int, float)) and isinstance(computed, (int, float)):
        return math.isclose(float(expected), float(computed), rel_tol=1e-6, abs_tol=1e-6)
    return str(expected) == str(computed)
