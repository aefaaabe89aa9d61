"""Who adopted a programme in which fiscal year: PLATEAU's list of datasets, and plain lists."""

from __future__ import annotations

import re

import pandas as pd

from salesml.errors import SourceError
from salesml.municipal.published.layout import Layout, Part, place_columns, years
from salesml.municipal.published.sheet import Sheet

__all__ = ["LIST", "PLATEAU"]

_CODE = re.compile(r"plateau-(\d{5})(?:-|$)")
_WARDS = "plateau-tokyo23ku"
_WARD_CODES = tuple(f"{code}" for code in range(13101, 13124))


def _read_plateau(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(PLATEAU, sheet, header)
    year, bad = years(frame["fiscal_year"])
    codes = frame["dataset_id"].str.extract(_CODE)[0]
    listed = pd.DataFrame({"code": codes, "fiscal_year": year}).dropna()
    # one dataset covers Tokyo's 23 wards and has no code of a municipality
    covered = frame["dataset_id"].str.startswith(_WARDS) & year.notna()
    wards = [
        pd.DataFrame({"code": _WARD_CODES, "fiscal_year": each}) for each in set(year[covered])
    ]
    first = _first_years(pd.concat([listed, *wards]).assign(programme="plateau"))
    others = sorted(set(frame["dataset_id"][codes.isna() & ~covered]))
    notes = (
        *_no_years(bad),
        *(f"{name}: the dataset of no municipality, left out" for name in others),
    )
    return [Part("adoptions", "plateau", first, notes)]


def _first_years(frame: pd.DataFrame) -> pd.DataFrame:
    """The first fiscal year of each municipality and programme."""
    places = [c for c in ("code", "prefecture", "name") if c in frame]
    years = frame.groupby([*places, "programme"], dropna=False)["fiscal_year"].min()
    return years.astype("int64").reset_index()


def _read_list(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(LIST, sheet, header)
    if not {"code", "name"} & set(frame):
        raise SourceError(
            "The list names no municipalities.",
            received=", ".join(sheet.rows[header]),
            where=str(sheet.path),
            fix="Add a column municipality_id (or 団体コード), or prefecture and name.",
        )
    year, bad = years(frame["fiscal_year"])
    usable = frame.assign(fiscal_year=year)[year.notna() & (frame["programme"] != "")]
    if usable.empty:
        raise SourceError(
            "No row of the list says which programme was adopted in which fiscal year.",
            received=", ".join(bad[:5]) or "no rows with a programme",
            where=str(sheet.path),
            fix="Fill in the programme, and years such as 2023 or 令和5年度.",
        )
    return [
        Part("adoptions", str(programme), _first_years(rows), _no_years(bad))
        for programme, rows in usable.groupby("programme")
    ]


def _no_years(bad: list[str]) -> tuple[str, ...]:
    return (f"no years and left out: {', '.join(bad[:5])}",) if bad else ()


PLATEAU = Layout(
    "PLATEAU",
    {"dataset_id": ("dataset_id",), "city": ("city_name",), "fiscal_year": ("version",)},
    ("dataset_id", "city", "fiscal_year"),
    _read_plateau,
)
LIST = Layout(
    "list of adoptions",
    {
        "code": ("municipality_id", "団体コード", "code"),
        "prefecture": ("prefecture", "都道府県名", "都道府県"),
        "name": ("name", "市区町村名", "団体名"),
        "programme": ("programme", "事業名", "事業"),
        "fiscal_year": ("fiscal_year", "年度"),
    },
    ("programme", "fiscal_year"),
    _read_list,
)
