"""Five towns: what was published of them as Parquet, and a project that scores them.

Scores are written by hand, as of 10 May 2024, so that every number of a plan is known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from salesml.config import load_project
from salesml.pipeline import read_sources
from salesml.run import open_run
from salesml.scorebook import ScoreBook, write_scores

AS_OF = dt.date(2024, 5, 10)
NOW = dt.datetime(2026, 1, 10, tzinfo=dt.UTC)
OSATO, OGAWA, OTHER_OSATO, SENRI, MINATO = "11801", "11802", "12801", "12802", "13801"

_PROJECT = "title: {ja: 町, en: Towns}\nas_of: 2024-05-10\n"
_TASK = """\
entity: municipality
title: {ja: 導入, en: Adoption}
question: {ja: 1年以内に導入するか, en: "Will it adopt within a year?"}
outcome_is: good
horizon: 365 days
every: month
population: |
  select municipality_id, name from municipalities
  where municipality_id not in (select municipality_id from adoptions)
outcome: |
  select spine.municipality_id, spine.as_of from spine
  join adoptions on adoptions.municipality_id = spine.municipality_id
    and adoptions.happened_at >= spine.as_of and adoptions.happened_at < spine.horizon_end
features: [season, adopted]
bands:
  - {name: high, ja: 高, en: High, from: 60}
  - {name: low, ja: 低, en: Low, from: 1}
"""
_SEASON_SQL = """\
select municipality_id, as_of, month(as_of) as month_number
from spine
"""
_SEASON_YML = """\
description: The time of the year
lookback: all
concepts: {season: {ja: 時期, en: Season}}
features:
  month_number:
    concept: season
    type: double
    unit: {ja: 月, en: number}
    good: none
    missing: 0
    words: {ja: "{value}月", en: "month {value}"}
tests:
  - name: the month
    spine: [{municipality_id: "11801", as_of: 2024-05-01}]
    expect: [{municipality_id: "11801", as_of: 2024-05-01, month_number: 5}]
"""
_ADOPTED_SQL = """\
select
    spine.municipality_id,
    spine.as_of,
    count(adoptions.adopter) as adopters
from spine
left join adoptions on adoptions.as_of = spine.as_of
group by spine.municipality_id, spine.as_of
"""
_ADOPTED_YML = """\
description: How many adopted
lookback: all
reads:
  adoptions: {on: as_of, columns: {adopter: varchar}}
concepts: {spread: {ja: 広がり, en: Spread}}
features:
  adopters:
    concept: spread
    type: double
    unit: {ja: 団体, en: number}
    good: none
    missing: 0
    words: {ja: "{value}団体", en: "adopters: {value}"}
tests:
  - name: none
    spine: [{municipality_id: "11801", as_of: 2024-05-01}]
    expect: [{municipality_id: "11801", as_of: 2024-05-01, adopters: 0}]
"""
_COLUMNS = {
    "municipalities": ["municipality_id", "name", "prefecture", "prefecture_id", "kind"],
    "adoptions": ["municipality_id", "happened_at"],
}
_TABLES: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {
    "municipalities": (
        ["municipality_id", "name", "prefecture", "prefecture_id", "kind", "known_at"],
        [
            (OSATO, "大里市", "埼玉県", "11", "city", "1900-01-01"),
            (OGAWA, "小川町", "埼玉県", "11", "town", "1900-01-01"),
            (OTHER_OSATO, "大里市", "千葉県", "12", "city", "1900-01-01"),
            (SENRI, "千里村", "千葉県", "12", "village", "1900-01-01"),
            (MINATO, "湊市", "東京都", "13", "core", "1900-01-01"),
        ],
    ),
    # the second of each pair is known too late for the plan
    "statistics": (
        ["municipality_id", "edition", "population", "known_at"],
        [
            (OSATO, 2023, 40_000.0, "2023-07-01"), (OSATO, 2024, 60_000.0, "2024-07-01"),
            (OTHER_OSATO, 2023, 400_000.0, "2023-07-01"), (SENRI, 2023, 50_000.0, "2023-07-01"),
        ],
    ),
    "adoptions": (
        ["municipality_id", "happened_at", "known_at"],
        [
            (OGAWA, "2023-10-01", "2024-03-31"), (MINATO, "2022-10-01", "2023-03-31"),
            (SENRI, "2023-10-01", "2024-06-30"), (SENRI, "2024-10-01", "2025-03-31"),
        ],
    ),
    "peers": (
        ["municipality_id", "peer_id", "rank", "similarity", "known_at"],
        [
            (OSATO, MINATO, 1, 0.9, "2022-07-01"),
            (OSATO, SENRI, 1, 0.8, "2023-07-01"), (OSATO, OGAWA, 2, 0.7, "2023-07-01"),
            (OSATO, MINATO, 3, 0.6, "2023-07-01"), (OSATO, MINATO, 1, 0.9, "2024-07-01"),
            (SENRI, OSATO, 1, 0.8, "2023-07-01"),
        ],
    ),
    "neighbours": (
        ["municipality_id", "neighbour_id", "kilometres", "known_at"],
        [(OSATO, OGAWA, 12.5, "1900-01-01")],
    ),
    "elections": (
        ["municipality_id", "held_on", "office", "known_at"],
        [
            (OSATO, "2021-04-25", "mayor", "2021-04-26"),
            (OSATO, "2023-04-23", "assembly", "2023-04-24"),
            (OTHER_OSATO, "2020-05-09", "mayor", "2020-05-10"),
            (SENRI, "2020-05-10", "mayor", "2020-05-11"),
        ],
    ),
    "eligibility": (
        ["municipality_id", "programme_id", "title", "title_en", "closes_on", "rate", "known_at"],
        [
            (OSATO, "digital", "デジタル交付金", "Digital grant", "2024-05-20", 0.5, "2024-03-01"),
            (OSATO, "past", "終了済み", "Over", "2024-05-09", 0.5, "2024-01-01"),
            (OSATO, "later", "未発表", "Not announced", "2024-05-16", 0.5, "2024-05-12"),
            (SENRI, "long", None, None, "2025-02-01", None, "2024-03-01"),
        ],
    ),
    "policy_fit": (
        ["municipality_id", "document_id", "kind", "similarity", "passage", "terms", "known_at"],
        [
            (OSATO, "d1", "plan", 0.4, "三次元の都市模型を整える", "都市", "2023-01-01"),
            (OSATO, "d2", "speech", 0.3, "子育てを支える", "子育て", "2024-03-01"),
            (OSATO, "d3", "minutes", 0.9, "まだ公開されていない", "将来", "2024-06-01"),
        ],
    ),
    "documents": (
        ["municipality_id", "document_id", "title", "known_at"],
        [(OSATO, "d1", "第5次総合計画", "2023-01-01")],
    ),
    "municipal_contacts": (
        ["contact_id", "municipality_id", "since", "known_at"],
        [
            ("1", OSATO, "2022-04-01", "2022-04-01"), ("2", OSATO, "2024-04-01", "2024-04-05"),
            ("3", SENRI, "2021-04-01", "2021-04-01"), ("4", SENRI, "2024-04-01", "2024-04-05"),
        ],
    ),
    "municipal_departures": (
        ["contact_id", "known_at"], [("4", "2024-05-01"), ("2", "2024-05-20")],
    ),
}  # fmt: skip
_DATES = ("known_at", "happened_at", "held_on", "opens_on", "closes_on", "since")


def make_towns(root: Path, tables: Sequence[str] = tuple(_TABLES)) -> Path:
    """Write the project ``towns`` with *tables* under *root*, and read its sources."""
    files = {
        "configs/towns/project.yml": _PROJECT,
        "configs/towns/sources.yml": yaml.safe_dump(_sources()),
        "configs/towns/tasks/adoption.yml": _TASK,
        "features/municipality/season.sql": _SEASON_SQL,
        "features/municipality/season.yml": _SEASON_YML,
        "features/municipality/adopted.sql": _ADOPTED_SQL,
        "features/municipality/adopted.yml": _ADOPTED_YML,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    folder = root / "var/towns/municipal"
    folder.mkdir(parents=True)
    for name in dict.fromkeys([*_COLUMNS, *tables]):
        columns, rows = _TABLES[name]
        frame = pd.DataFrame(rows, columns=columns)
        times = {c: pd.to_datetime(frame[c]) for c in frame.columns.intersection(_DATES)}
        frame.assign(**times).to_parquet(folder / f"{name}.parquet")
    with open_run("towns", AS_OF, root=root, now=NOW) as run:
        read_sources(run)
    return root


def _sources() -> dict[str, Any]:
    """Two tables are mapped as sources; the others are read as they were imported."""
    head = {"connection": "published", "entity": "whole", "known_at": "known_at"}
    names = {name: {c: c for c in columns} for name, columns in _COLUMNS.items()}
    names["adoptions"] = {"municipality_id": "municipality_id", "adopter": "municipality_id"}
    return {
        "connections": {"published": {"type": "files", "path": "var/towns/municipal"}},
        "sources": {
            "municipalities": {
                **head, "table": "municipalities.parquet", "kind": "state",
                "key": "municipality_id", "columns": names["municipalities"],
            },
            "adoptions": {
                **head, "table": "adoptions.parquet", "kind": "events",
                "key": ["municipality_id", "happened_on"], "happened_at": "happened_at",
                "columns": {**names["adoptions"], "happened_on": "happened_at"},
            },
        },
    }  # fmt: skip


def write_book(root: Path, rows: Mapping[str, Mapping[str, Any]], as_of: dt.date = AS_OF) -> None:
    """Write the scores of *as_of* by municipality; what is not given is plain."""
    project = load_project("towns", root)
    task, book = project.task("adoption"), ScoreBook(project, "adoption")
    plain = {
        "as_of": as_of, "run_id": "r1", "model_version": "1", "band": "low", "change": None,
        "probability": 0.2, "score": 50, "expected_value": None, "amount": None,
        "reasons": [], "changes": None,
    }  # fmt: skip
    frame = pd.DataFrame([{**plain, "municipality_id": k, **row} for k, row in rows.items()])
    write_scores(book.begin(as_of, "r1") / "bucket=000.parquet", task, frame)
    book.publish(as_of, "r1", {"model_version": "1", "sha256": "", "rows": len(frame)})
