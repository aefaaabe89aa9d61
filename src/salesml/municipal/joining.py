"""Rows of published files joined to the municipalities of today."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from salesml.municipal.published import Part
from salesml.municipal.register import Found, Register

__all__ = ["Joined", "Unjoined", "join"]

_SUMMARY = re.compile(r"^(?:全国|合計|総計)|平均$|計$")
_DATED_BY = {"elections": "held_on", "documents": "published_on"}
_PLACE = ("code", "prefecture", "name")


@dataclass(frozen=True)
class Unjoined:
    """A municipality of a file that is none of today's: as written, why, and in how many rows."""

    written: str
    reason: str
    detail: str
    rows: int


@dataclass(frozen=True)
class Joined:
    """A part joined: ``frame`` with ``municipality_id`` in place of what was written."""

    part: Part
    frame: pd.DataFrame = field(repr=False)
    unjoined: tuple[Unjoined, ...] = ()
    summaries: int = 0
    repeated: int = 0
    by: Counter[str] = field(default_factory=Counter)


def join(part: Part, register: Register) -> Joined:
    """*part* with the ids of its municipalities; rows without one are told, not kept."""
    places = _places(part.frame)
    summary = _is_summary(places)
    rows = places[~summary]
    found = pd.Series(list(_found(part, rows, register)), index=rows.index, dtype=object)
    ids = found.map(lambda f: f.municipality_id)
    values = part.frame.drop(columns=[c for c in _PLACE if c in part.frame])
    known = ids[ids.notna()].rename("municipality_id")
    kept = pd.concat([known, values.loc[known.index]], axis=1)
    repeated = kept.duplicated(_key(part, kept))
    return Joined(
        part,
        kept[~repeated].reset_index(drop=True),
        _unjoined(rows[ids.isna()], found[ids.isna()]),
        int(summary.sum()),
        int(repeated.sum()),
        Counter(found[ids.notna()].map(lambda f: f.by)),
    )


def _places(frame: pd.DataFrame) -> pd.DataFrame:
    """What a file says of where a row is of, empty where it says nothing."""
    texts = {c: frame[c].fillna("").astype(str) if c in frame else "" for c in _PLACE}
    return pd.DataFrame(texts, index=frame.index)


def _is_summary(places: pd.DataFrame) -> pd.Series:
    """Rows that are of no municipality: means and totals, and footnotes, in any of the cells."""
    coded = places["code"].str.contains(r"\d{4}", regex=True)
    whole = places["prefecture"] + places["name"]
    told = whole.str.contains(_SUMMARY) | places["code"].str.contains(_SUMMARY)
    return ~coded & (told | (places["name"].str.strip() == ""))


def _found(part: Part, rows: pd.DataFrame, register: Register) -> Iterator[Found]:
    """What each of *rows* means."""
    width = register.width(rows["code"][rows["code"] != ""])
    texts = [rows[column].str.strip().tolist() for column in _PLACE]
    for code, prefecture, name, date in zip(*texts, _dates(part, rows), strict=True):
        yield register.find(code, prefecture, name, width=width, at=date)


def _dates(part: Part, rows: pd.DataFrame) -> list[dt.date | None]:
    column = _DATED_BY.get(part.table)
    if column is None:
        return [None] * len(rows)
    return [None if pd.isna(d) else d.date() for d in part.frame.loc[rows.index, column]]


def _key(part: Part, frame: pd.DataFrame) -> list[str]:
    """The columns no two rows of a part share."""
    more = {"elections": ["held_on", "office"], "documents": ["document_id"]}.get(part.table, [])
    return [name for name in ("municipality_id", *more) if name in frame]


def _unjoined(rows: pd.DataFrame, found: pd.Series) -> tuple[Unjoined, ...]:
    written = rows["prefecture"] + rows["name"]
    written = written.where(written != "", rows["code"])
    counted = Counter(zip(written, found, strict=True))
    return tuple(
        Unjoined(name, f.reason, f.detail, rows) for (name, f), rows in sorted(counted.items())
    )
