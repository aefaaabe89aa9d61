"""What the readers of published files share: a layout, its parts, numbers and years in words."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from salesml.errors import SourceError
from salesml.municipal.published.sheet import Sheet

__all__ = ["Layout", "Part", "dates", "fiscal_year", "numbers", "place_columns", "years"]

_ERAS = {"昭和": 1925, "平成": 1988, "令和": 2018, "S": 1925, "H": 1988, "R": 2018}
_ERA_YEAR = re.compile(r"(?P<era>昭和|平成|令和)(?P<year>元|\d{1,2})年")
_CELL_YEAR = re.compile(
    r"(?P<era>昭和|平成|令和|[SHR])?(?P<year>元|\d{1,4})(?:\.0+)?(?:年度?)?", re.I
)
_YEARS = range(1950, 2100)  # a number beyond is no year
_FISCAL_YEAR = re.compile(r"(?P<era>昭和|平成|令和|(?=20))(?P<year>元|\d{1,2}|20\d\d)年度")
_FILE_YEAR = re.compile(
    r"(?P<era>(?<![A-Z])[SHR](?=\d{1,2}(?!\d))|(?:FY|(?<!\d))(?=(?:19|20)\d\d(?!\d)))(?P<year>\d+)",
    re.IGNORECASE,
)
_NONE = {"", "-", "―", "‐", "−", "ー", "–", "—", "...", "x", "X", "***", "NA", "nan"}


@dataclass(frozen=True)
class Part:
    """What one file says of one edition of a table, before it is joined to municipalities.

    ``frame`` has ``code``, ``prefecture`` and ``name`` as written (those that the file has), and
    the columns of the table. ``edition`` orders and replaces: a year, a date, a name.
    """

    table: str
    edition: str
    frame: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A layout of files: the columns it is told by, and how to read it.

    ``columns`` maps our names to the header cells that mean them; ``needed`` are those without
    which a file is not of this layout. ``read`` gets the sheet and the row of its header.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    read: Callable[[Sheet, int], list[Part]]

    def header(self, sheet: Sheet) -> int | None:
        """The number of the row that holds all needed columns, or None."""
        return next((n for n in range(len(sheet.heads)) if not self._absent(sheet, n)), None)

    def missing(self, sheet: Sheet) -> tuple[str, ...]:
        """The needed columns, as files call them, that the likeliest header row is without."""
        absent = [self._absent(sheet, n) for n in range(len(sheet.heads))]
        return tuple(self.columns[role][0] for role in min(absent, key=len))

    def _absent(self, sheet: Sheet, row: int) -> list[str]:
        cells = set(sheet.heads[row])
        return [role for role in self.needed if cells.isdisjoint(self.columns[role])]


def place_columns(layout: Layout, sheet: Sheet, header: int) -> pd.DataFrame:
    """The rows below *header* with the columns of *layout* that the file has, under our names."""
    heads = sheet.heads[header]
    table = sheet.table([str(n) for n in range(len(heads))], header + 1)
    found = {
        role: str(heads.index(spelling))
        for role, spellings in layout.columns.items()
        for spelling in spellings[::-1]
        if spelling in heads
    }
    return pd.DataFrame({role: table[place] for role, place in found.items()})


def numbers(texts: pd.Series) -> tuple[pd.Series, list[str]]:
    """*texts* as doubles, null where a cell says that there is none; and the cells that fail.

    Thousands separators, full-width digits and △ for minus are read.
    """
    plain = pd.to_numeric(texts, errors="coerce").astype("float64")
    if plain.notna().all():
        return plain, []
    rest = {str(text): _number(str(text)) for text in texts[plain.isna()].unique()}
    read = {text: value for text, value in rest.items() if value is not None}
    return plain.fillna(texts.astype(str).map(read).astype("float64")), sorted({*rest} - {*read})


def _number(text: str) -> float | None:
    plain = unicodedata.normalize("NFKC", text).strip().replace(",", "").rstrip("%")
    # figures for reference stand in brackets
    plain = re.sub(r"^\((.*)\)$", r"\1", plain)
    with contextlib.suppress(ValueError):
        return math.nan if plain in _NONE else float(re.sub(r"^[△▲]", "-", plain))
    return None


def years(texts: pd.Series) -> tuple[pd.Series, list[str]]:
    """*texts* (2023, 2023年度, 令和5年度, R5) as doubles, and the cells that say another thing."""
    distinct = {text: _cell_year(str(text)) for text in texts.unique()}
    bad = (str(text).strip() for text, year in distinct.items() if year is None)
    return texts.map(distinct).astype("float64"), sorted(set(bad) - _NONE)


def _cell_year(text: str) -> int | None:
    match = _CELL_YEAR.fullmatch(unicodedata.normalize("NFKC", text).strip())
    year = _year(match["era"] or "", match["year"]) if match else 0
    return year if year in _YEARS else None


def dates(texts: pd.Series) -> tuple[pd.Series, list[str]]:
    """*texts* (2022/12/31, 2022-12-31, 令和4年12月31日) as dates, and those that are none."""
    distinct = {text: _date(str(text)) for text in texts.unique()}
    found = pd.to_datetime(texts.map(distinct)).astype("datetime64[us]")
    return found, sorted(str(text) for text, date in distinct.items() if date is None)


def _date(text: str) -> dt.date | None:
    plain = unicodedata.normalize("NFKC", text).strip()
    if match := _ERA_YEAR.match(plain):
        plain = f"{_year(match['era'], match['year'])}年{plain[match.end() :]}"
    match = re.match(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:$|[ T])", plain)
    try:
        return dt.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _year(era: str, year: str) -> int:
    """The year of the Gregorian calendar; of one already where there is no *era*."""
    return _ERAS.get(era.upper(), 0) + (1 if year == "元" else int(year))


def fiscal_year(sheet: Sheet, header: int) -> int:
    """The fiscal year of a sheet: from the title above *header* (令和３年度), or the file's name.

    Raises SourceError where neither says one.
    """
    title = unicodedata.normalize("NFKC", " ".join(" ".join(row) for row in sheet.rows[:header]))
    name = unicodedata.normalize("NFKC", sheet.name)
    # a title may hold dates as well, such as that of the index of pay
    for text, pattern in ((title, _FISCAL_YEAR), (name, _ERA_YEAR), (name, _FILE_YEAR)):
        if match := pattern.search(text):
            return _year(match["era"], match["year"])
    raise SourceError(
        "Neither the title nor the file's name says which fiscal year it is of.",
        received=title.strip() or sheet.name,
        where=str(sheet.path),
        fix="Rename the file so that the year is in its name, such as 主要財政指標_FY2022.csv.",
    )
