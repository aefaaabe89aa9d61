"""全市町村の主要財政指標: a sheet a fiscal year (with codes since 2011), or many years in one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from salesml.errors import SourceError
from salesml.municipal.published.layout import (
    Layout,
    Part,
    fiscal_year,
    numbers,
    place_columns,
    years,
)
from salesml.municipal.published.sheet import Sheet

__all__ = ["COMBINED", "LAYOUT"]

FIGURES = ("fiscal_strength", "current_balance", "debt_service", "future_burden", "laspeyres")
# a dash means "no such debt" here, which is 0, and "does not apply" elsewhere
_NONE_IS_ZERO = ("debt_service", "future_burden")
_DASHES = ("-", "－", "―", "‐", "−", "ー")
_COLUMNS = {
    "code": ("団体コード",),
    "prefecture": ("都道府県名", "都道府県"),
    "name": ("団体名", "市町村名", "市区町村名"),
    "fiscal_strength": ("財政力指数",),
    "current_balance": ("経常収支比率",),
    "debt_service": ("実質公債費比率",),
    "future_burden": ("将来負担比率",),
    "laspeyres": ("ラスパイレス指数",),
}
_NEEDED = ("prefecture", "name", "fiscal_strength", "current_balance", "debt_service")


def _read_year(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(LAYOUT, sheet, header)
    return [_part(frame, fiscal_year(sheet, header))]


def _read_combined(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(COMBINED, sheet, header)
    year, bad = years(frame.pop("fiscal_year"))
    if year.isna().all():
        raise SourceError(
            "No row says which fiscal year it is of.",
            received=", ".join(bad[:5]),
            where=str(sheet.path),
            fix="Fill the column 年度 with years such as 2021 or 令和3年度.",
        )
    notes = [f"no years and left out: {', '.join(bad[:5])}"] if bad else []
    return [_part(rows, int(float(str(each))), notes) for each, rows in frame.groupby(year)]


def _part(frame: pd.DataFrame, year: int, notes: Sequence[str] = ()) -> Part:
    notes = [*notes]
    kept = frame[[c for c in ("code", "prefecture", "name") if c in frame]].copy()
    for name in FIGURES:
        if name not in frame:
            kept[name] = pd.Series(float("nan"), index=frame.index)
            continue
        texts = frame[name].map(str.strip)
        kept[name], bad = numbers(texts)
        if name in _NONE_IS_ZERO:
            kept.loc[texts.isin(_DASHES), name] = 0.0
        if bad:
            notes.append(f"{name}: no numbers and left empty: {', '.join(bad[:5])}")
    kept = kept.assign(fiscal_year=year).reset_index(drop=True)
    return Part("finance", str(year), kept, tuple(notes))


LAYOUT = Layout("全市町村の主要財政指標", _COLUMNS, _NEEDED, _read_year)
COMBINED = Layout(
    "全市町村の主要財政指標 of several years",
    {**_COLUMNS, "fiscal_year": ("年度", "会計年度")},
    ("fiscal_year", *_NEEDED),
    _read_combined,
)
