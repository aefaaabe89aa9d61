"""Local elections (首長, 議員), one row an election, by name of the municipality alone.

The column 候補者数 of the layout may count those who stood or, as where a list holds the elected
alone, those who won.
"""

from __future__ import annotations

import pandas as pd

from salesml.municipal.published.layout import Layout, Part, dates, numbers, place_columns
from salesml.municipal.published.sheet import Sheet

__all__ = ["LAYOUT"]

_MANY = 20
_OFFICES = {"首長": "mayor", "議員": "assembly", "mayor": "mayor", "assembly": "assembly"}


def _read(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(LAYOUT, sheet, header)
    held, bad = dates(frame["held_on"])
    office = frame["office"].map(lambda text: _OFFICES.get(text.strip()))
    candidates, _ = numbers(frame["candidates"])
    newcomers, _ = numbers(frame["newcomer_share"])
    mayors = office == "mayor"
    elected = _counts_the_elected(candidates[mayors])
    places = frame[[c for c in ("code", "prefecture", "name") if c in frame]]
    stood = candidates * float("nan") if elected else candidates
    whole = places.assign(
        held_on=held,
        office=office,
        candidates=stood,
        elected=candidates if elected else float("nan"),
        newcomer_share=newcomers,
        contested=(stood > 1).where(mayors & stood.notna()).astype("boolean"),
        lone_newcomer=((stood == 1) & (newcomers == 1)).where(stood.notna()).astype("boolean"),
    )
    usable = whole[held.notna() & office.notna() & candidates.notna()]
    notes = _notes(len(whole) - len(usable), bad, elected)
    # by year, so that a newer file adds its years and replaces those it has as well
    return [
        Part("elections", str(year), rows.reset_index(drop=True), notes)
        for year, rows in usable.groupby(usable["held_on"].dt.year)
    ]


def _counts_the_elected(candidates: pd.Series) -> bool:
    """Where no head of a municipality had a rival in many elections, the losers are not counted."""
    return len(candidates) >= _MANY and bool((candidates <= 1).all())


def _notes(lost: int, bad: list[str], elected: bool) -> tuple[str, ...]:
    notes = []
    if lost:
        given = f" (dates: {', '.join(bad[:5])})" if bad else ""
        notes.append(f"{lost} rows without date, office or candidates left out{given}")
    if elected:
        notes.append(
            "one candidate in every mayoral election: it counts those elected, so that it is not "
            "known who was contested (candidates, contested and lone_newcomer are empty)"
        )
    return tuple(notes)


LAYOUT = Layout(
    "選挙 (首長・議員)",
    {
        "code": ("団体コード",),
        "prefecture": ("都道府県", "都道府県名"),
        "name": ("市区町村", "市区町村名", "団体名"),
        "office": ("種別",),
        "held_on": ("日付", "投票日", "選挙期日"),
        "candidates": ("候補者数",),
        "newcomer_share": ("新人割合",),
    },
    ("name", "office", "held_on", "candidates", "newcomer_share"),
    _read,
)
