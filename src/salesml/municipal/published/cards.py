"""マイナンバーカード交付状況: cards issued, by municipality and date."""

from __future__ import annotations

from salesml.errors import SourceError
from salesml.municipal.published.layout import Layout, Part, dates, numbers, place_columns
from salesml.municipal.published.sheet import Sheet

__all__ = ["LAYOUT"]


def _read(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(LAYOUT, sheet, header)
    counted, bad = dates(frame["counted_on"])
    if counted.isna().all():
        raise SourceError(
            "No row says on which date the cards were counted.",
            received=", ".join(bad[:5]),
            where=str(sheet.path),
            fix="The column 交付件数基準日 or 算出基準日 must hold dates such as 2022/12/31.",
        )
    population, _ = numbers(frame["population"])
    cards, unread = numbers(frame["cards"])
    notes = [f"cards: no numbers and left out: {', '.join(unread[:5])}"] if unread else []
    places = frame[[c for c in ("code", "prefecture", "name") if c in frame]]
    whole = places.assign(counted_on=counted, population=population, cards=cards)
    usable = whole[counted.notna() & cards.notna() & (population > 0)]
    usable = usable.assign(rate=(usable["cards"] / usable["population"]))
    return [
        Part("card_uptake", f"{date:%Y-%m-%d}", rows.reset_index(drop=True), tuple(notes))
        for date, rows in usable.groupby("counted_on")
    ]


LAYOUT = Layout(
    "マイナンバーカード交付状況",
    {
        "code": ("団体コード", "地方公共団体コード", "全国地方公共団体コード"),
        "prefecture": ("都道府県名", "都道府県"),
        "name": ("市区町村名", "市区町村", "団体名"),
        "counted_on": ("交付件数基準日", "算出基準日", "保有枚数基準日"),
        "population": ("総数(人口)", "人口", "総数（人口）"),
        "cards": ("交付枚数", "交付件数", "保有枚数"),
    },
    ("prefecture", "name", "counted_on", "population", "cards"),
    _read,
)
