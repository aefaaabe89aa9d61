"""Plans, policy speeches and minutes: a CSV with a row each, or text files named by what they are.

``<code>_<kind>_<YYYY-MM-DD>[_title].txt`` names a text file.
"""

from __future__ import annotations

import datetime as dt
import re

import pandas as pd

from salesml.errors import SourceError, suggest
from salesml.municipal.published.layout import Layout, Part, dates, place_columns
from salesml.municipal.published.sheet import Sheet

__all__ = ["LAYOUT", "is_document", "read_document"]

KINDS = {
    "plan": "plan",
    "speech": "speech",
    "minutes": "minutes",
    "計画": "plan",
    "総合計画": "plan",
    "施政方針": "speech",
    "会議録": "minutes",
    "議事録": "minutes",
}
_NAME = re.compile(
    r"(?P<code>\d{4,6})_(?P<kind>[^_]+)_(?P<date>\d{4}-\d\d-\d\d)(?:_(?P<title>.+))?"
)


def is_document(sheet: Sheet) -> bool:
    """Whether the file is a text file, not a table."""
    return sheet.name.lower().endswith(".txt")


def read_document(sheet: Sheet) -> list[Part]:
    """The text file as a part of its own; raises SourceError where its name does not tell."""
    stem = sheet.name[: -len(".txt")]
    match = _NAME.fullmatch(stem)
    if match is None:
        raise _unnamed(sheet, "")
    kind, date = KINDS.get(match["kind"]), _date(match["date"])
    if kind is None or date is None:
        wrong = f" '{match['kind']}' is no kind.{suggest(match['kind'], KINDS)}" if date else ""
        raise _unnamed(sheet, wrong or f" {match['date']} is no date.")
    row = {"code": match["code"], "kind": kind, "title": match["title"] or ""}
    frame = pd.DataFrame([{**row, "published_on": pd.Timestamp(date), "text": sheet.text.strip()}])
    return [_part(frame.assign(document_id=stem), stem)]


def _unnamed(sheet: Sheet, wrong: str) -> SourceError:
    return SourceError(
        f"The name of the text file does not say what it is.{wrong}",
        received=sheet.name,
        where=str(sheet.path),
        fix="Name it CODE_KIND_DATE_TITLE.txt, with one of plan, speech, minutes as its kind: "
        "011002_speech_2024-02-15_施政方針.txt.",
    )


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _read(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(LAYOUT, sheet, header)
    _require_places(sheet, header, frame)
    published, bad = dates(frame["published_on"])
    kinds = frame["kind"].map(lambda text: KINDS.get(text.strip()))
    notes = []
    if bad:
        notes.append(f"no dates and left out: {', '.join(bad[:5])}")
    if unknown := sorted(set(frame["kind"][kinds.isna()])):
        notes.append(f"no kinds (plan, speech, minutes) and left out: {', '.join(unknown[:5])}")
    title = frame.get("title", "")
    whole = frame.assign(kind=kinds, title=title, published_on=published)
    whole["text"] = whole["text"].map(str.strip)
    if "document_id" not in whole:
        whole["document_id"] = [_id(sheet, row) for row in range(len(whole))]
    return [_part(whole[published.notna() & kinds.notna()], sheet.name, tuple(notes))]


def _require_places(sheet: Sheet, header: int, frame: pd.DataFrame) -> None:
    if not {"code", "name"} & set(frame):
        raise SourceError(
            "The documents name no municipalities.",
            received=", ".join(sheet.rows[header]),
            where=str(sheet.path),
            fix="Add a column municipality_id (or 団体コード), or prefecture and name.",
        )


def _id(sheet: Sheet, row: int) -> str:
    return f"{sheet.name}:{row + 1}"


def _part(frame: pd.DataFrame, name: str, notes: tuple[str, ...] = ()) -> Part:
    """Documents without text say nothing: they are left out and named."""
    empty = frame["text"] == ""
    if empty.any():
        named = ", ".join(frame["document_id"][empty][:5])
        notes = (*notes, f"{empty.sum()} documents are empty and left out: {named}")
    return Part("documents", name, frame[~empty].reset_index(drop=True), notes)


LAYOUT = Layout(
    "documents",
    {
        "code": ("municipality_id", "団体コード", "code"),
        "prefecture": ("prefecture", "都道府県名", "都道府県"),
        "name": ("name", "市区町村名", "団体名"),
        "document_id": ("document_id",),
        "kind": ("kind", "種別"),
        "title": ("title", "題名", "件名"),
        "published_on": ("published_on", "date", "公表日", "日付"),
        "text": ("text", "本文"),
    },
    ("kind", "published_on", "text"),
    _read,
)
