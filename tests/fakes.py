"""A CRM in memory and projects without files, for tests of what lies behind the connectors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import yaml

from salesml.config import Project, ProjectConfig, SourceConfig, TaskConfig, Words
from salesml.features import FeatureSet, load_feature_set
from salesml.intake import ReadReport, read_source
from salesml.store import Manifest, Store

NOON = dt.datetime(2024, 6, 1, 12)
WORDS = {"ja": "言葉", "en": "words"}
# columns of ``activities`` and ``accounts`` as the store holds them
EVENTS = {
    "activity_id": "VARCHAR",
    "account_id": "VARCHAR",
    "amount": "DOUBLE",
    "happened_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
}
STATES = {
    "account_id": "VARCHAR",
    "segment": "VARCHAR",
    "known_at": "TIMESTAMP",
    "_deleted": "BOOLEAN",
}


class FakeCrm:
    """Tables as lists of rows; `connect` takes the place of `salesml.crm.connect`."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.types: dict[str, dict[str, str]] = {}
        self.fingerprints: dict[str, str] = {}
        self.loads: list[tuple[str, tuple[str, str] | None]] = []

    def connect(self, name: str, spec: Mapping[str, str]) -> FakeCrm:  # noqa: ARG002
        return self

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],  # noqa: ARG002
        since: tuple[str, str] | None,
    ) -> None:
        self.loads.append((table, since))
        types = self.types[table]
        rows = pd.DataFrame(self.tables[table], columns=list(types), dtype="object")
        con.register("_fake", rows.astype("str"))
        casts = ", ".join(f'"{c}"::{kind} as "{c}"' for c, kind in types.items())
        chosen = f"where \"{since[0]}\" >= '{since[1]}'" if since else ""
        con.execute(
            f"create or replace temp table {into} as from (select {casts} from _fake) {chosen}"
        )
        con.unregister("_fake")

    def fingerprint(self, table: str) -> str | None:
        return self.fingerprints.get(table)


def source(**changes: Any) -> SourceConfig:
    """A source of events, ``activities``, with *changes*."""
    plain: dict[str, Any] = {
        "connection": "crm",
        "table": "activities",
        "kind": "events",
        "key": "activity_id",
        "entity": "account_id",
        "happened_at": "happened",
        "known_at": "known",
        "columns": {"activity_id": "id", "account_id": "account", "amount": "amount"},
    }
    given = {**plain, **changes}
    return SourceConfig.model_validate({k: v for k, v in given.items() if v is not None})


def state(**changes: Any) -> SourceConfig:
    """A source of state, ``accounts``, whose rows are known once they are seen."""
    plain: dict[str, Any] = {
        "table": "accounts",
        "kind": "state",
        "key": "account_id",
        "happened_at": None,
        "known_at": "seen",
        "columns": {"account_id": "id", "segment": "segment"},
    }
    return source(**{**plain, **changes})


def task(**changes: Any) -> TaskConfig:
    """A task about accounts, with *changes*."""
    plain: dict[str, Any] = {
        "name": "churn",
        "entity": "account",
        "title": WORDS,
        "question": WORDS,
        "outcome_is": "bad",
        "horizon": "90 days",
        "every": "month",
        "population": "select account_id from accounts",
        "outcome": "select account_id, as_of from spine where false",
        "features": ["engagement"],
        "bands": [{"name": "all", "ja": "全", "en": "All", "from": 1}],
    }
    return TaskConfig.model_validate({**plain, **changes})


def project(
    root: Path,
    sources: Mapping[str, SourceConfig],
    *tasks: TaskConfig,
    timezone: str = "Asia/Tokyo",
    buckets: int = 1,
) -> Project:
    """A project that no file describes."""
    settings = ProjectConfig(title=Words(ja="試", en="Test"), timezone=timezone, buckets=buckets)
    connections = {s.connection: {"type": "files", "path": str(root)} for s in sources.values()}
    return Project(
        "test", root, settings, connections, dict(sources), {t.name: t for t in tasks}, {}
    )


def store_of(given: Project) -> Store:
    """The store of a project."""
    return Store(given.var / "data", given.settings.buckets)


def read(
    con: duckdb.DuckDBPyConnection,
    given: Project,
    name: str,
    *,
    now: dt.datetime = NOON,
    types: Mapping[str, str] | None = None,
) -> ReadReport:
    """Read one source of *given* into its store."""
    return read_source(con, given, store_of(given), name, now=now, types=types or {})


def stored(con: duckdb.DuckDBPyConnection, given: Project, name: str) -> list[dict[str, Any]]:
    """All rows stored of a source, by known_at and then all else."""
    found = con.execute(f"from {store_of(given).relation(name)}")
    names = [column[0] for column in found.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return sorted(rows, key=lambda row: (row["known_at"], str(row)))


def put(
    con: duckdb.DuckDBPyConnection,
    given: Project,
    name: str,
    columns: Mapping[str, str],
    rows: list[tuple[Any, ...]],
    *,
    kind: str = "events",
    entity: str = "account_id",
    key: str = "",
) -> None:
    """Store *rows* (times in UTC) as the source *name*, past the intake."""
    types = ", ".join(f'"{column}" {kind_}' for column, kind_ in columns.items())
    con.execute(f"create or replace temp table given ({types})")
    if rows:
        con.executemany(f"insert into given values ({', '.join('?' * len(columns))})", rows)
    day = f"(timezone('{given.settings.timezone}', timezone('UTC', known_at)))::date::varchar"
    days = con.execute(f"select {day}, count(*), sum(hash(given)::hugeint) from given group by 1")
    manifest = Manifest(
        layout="put",
        kind=kind,
        entity=entity,
        key=[key or next(iter(columns))],
        buckets=given.settings.buckets,
        columns=dict(columns),
        days={date: (count, int(total)) for date, count, total in days.fetchall()},
    )
    store_of(given).write(con, name, "given", manifest, append=False)
    con.execute("drop table given")


def feature(**changes: Any) -> dict[str, Any]:
    """A feature as it stands in a YAML file, with *changes*."""
    plain = {"concept": "contact", "type": "double", "unit": WORDS, "good": "up", "missing": 0}
    return {**plain, "words": {"ja": "{value}", "en": "{value}"}, **changes}


def feature_set(
    folder: Path,
    sql: str,
    features: Mapping[str, Mapping[str, Any]],
    *,
    reads: Mapping[str, Any],
    name: str = "engagement",
    entity: str = "account",
    **changes: Any,
) -> FeatureSet:
    """Write the two files of a feature set under *folder* and read them."""
    plain: dict[str, Any] = {
        "description": "A set",
        "lookback": "all",
        "reads": reads,
        "concepts": {"contact": WORDS},
        "features": features,
        "tests": [
            {
                "name": "empty",
                "spine": [{f"{entity}_id": "a", "as_of": "2024-01-01"}],
                "expect": [{f"{entity}_id": "a", "as_of": "2024-01-01"}],
            }
        ],
    }
    path = folder / entity / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sql, encoding="utf-8")
    text = yaml.safe_dump({**plain, **changes}, allow_unicode=True, sort_keys=False)
    path.with_suffix(".yml").write_text(text, encoding="utf-8")
    return load_feature_set(folder, entity, name)


def spine(*rows: tuple[str, str], **links: list[str]) -> pd.DataFrame:
    """A spine of accounts: ids and dates, and link columns."""
    return pd.DataFrame(
        {
            "account_id": [row[0] for row in rows],
            "as_of": [dt.date.fromisoformat(row[1]) for row in rows],
            **links,
        }
    )
