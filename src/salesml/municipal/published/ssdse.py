"""SSDSE-A of any edition: three header rows (e-Stat codes, years of the data, labels), cp932."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

from salesml.errors import SourceError
from salesml.municipal.published.layout import Layout, Part, numbers
from salesml.municipal.published.sheet import Sheet

__all__ = ["INDICATORS", "LAYOUT"]

# industries by the last digits of e-Stat codes: of private establishments, and of all (to 2020)
_INDUSTRIES = {
    "agriculture": ("32", "03"),
    "fishery": ("33", None),
    "mining": ("35", None),
    "construction": ("36", "08"),
    "manufacturing": ("37", "09"),
    "utilities": ("38", "10"),
    "information": ("39", "11"),
    "transport": ("40", "12"),
    "trade": ("41", "13"),
    "banking": ("44", "16"),
    "real_estate": ("45", "17"),
    "research": ("46", "18"),
    "hospitality": ("47", "19"),
    "leisure": ("48", "20"),
    "schooling": ("49", "21"),
    "health": ("50", "22"),
    "cooperative": ("51", "23"),
    "services": ("52", "24"),
    "government": (None, "25"),
}


def _by_industry(noun: str, private: str, all_: str) -> dict[str, tuple[str, ...]]:
    return {
        f"{noun}_{industry}": tuple(
            base + end for base, end in zip((private, all_), ends, strict=True) if end
        )
        for industry, ends in _INDUSTRIES.items()
    }


INDICATORS: dict[str, tuple[str, ...]] = {
    "population": ("A1101",),
    "males": ("A110101",),
    "females": ("A110102",),
    "japanese": ("A1102",),
    "under_15": ("A1301",),
    "working_age": ("A1302",),
    "over_65": ("A1303",),
    "over_75": ("A1419",),
    "foreigners": ("A1700",),
    "births": ("A4101",),
    "deaths": ("A4200",),
    "moved_in": ("A5101",),
    "moved_out": ("A5102",),
    "all_households": ("A7101",),
    "households": ("A710101",),
    "household_members": ("A710201",),
    "family_households": ("A810102",),
    "single_households": ("A810105",),
    "family_households_over_65": ("A811102",),
    "couples_over_65": ("A8201",),
    "single_over_65": ("A8301",),
    "marriages": ("A9101",),
    "divorces": ("A9201",),
    "area": ("B1101",),
    "habitable_area": ("B1103",),
    "establishments": ("C2108", "C2107"),
    **_by_industry("establishments", "C2108", "C2107"),
    "establishments_primary": ("C2110",),
    "establishments_secondary": ("C2111",),
    "establishments_tertiary": ("C2112",),
    "employees": ("C2208", "C2207"),
    **_by_industry("employees", "C2208", "C2207"),
    "employees_primary": ("C2210",),
    "employees_secondary": ("C2211",),
    "employees_tertiary": ("C2212",),
    "commercial_farms": ("C310201",),
    "subsistence_farms": ("C310202",),
    "staff": ("D1202",),
    "current_balance": ("D2203",),
    "debt_service": ("D2211",),
    "revenue": ("D3201",),
    "local_tax": ("D320101",),
    "expenditure": ("D3203",),
    "welfare_cost": ("D320303",),
    "works_cost": ("D320308",),
    "education_cost": ("D320310",),
    "disaster_cost": ("D320311",),
    "kindergartens": ("E1101",),
    "kindergarten_pupils": ("E1501",),
    "primary_schools": ("E2101",),
    "primary_teachers": ("E2401",),
    "primary_pupils": ("E2501",),
    "middle_schools": ("E3101",),
    "middle_teachers": ("E3401",),
    "middle_pupils": ("E3501",),
    "unified_schools": ("E3901",),
    "unified_teachers": ("E3904",),
    "unified_primary_pupils": ("E3905",),
    "unified_middle_pupils": ("E3906",),
    "high_schools": ("E4101",),
    "high_pupils": ("E4501",),
    "workers": ("F1102",),
    "unemployed": ("F1107",),
    "not_in_labour_force": ("F1108",),
    "workers_primary": ("F2201",),
    "workers_secondary": ("F2211",),
    "workers_tertiary": ("F2221",),
    "community_centres": ("G1201",),
    "libraries": ("G1401",),
    "sewerage_population": ("H5507",),
    "without_flush_toilet": ("H550701",),
    "retail_shops": ("H6130",),
    "restaurants": ("H6131",),
    "large_shops": ("H6132",),
    "hospitals": ("I510120",),
    "clinics": ("I5102",),
    "dental_clinics": ("I5103",),
    "physicians": ("I6100",),
    "dentists": ("I6200",),
    "pharmacists": ("I6300",),
    "nurseries": ("J250302", "J2503"),
    "nursery_children": ("J250602", "J2506"),
}
"""Our name of each indicator and the e-Stat codes that mean it, the newest first; units are those
of e-Stat (people, households, ha, establishments, 1,000 yen, per cent). ``employees_…`` count jobs
by place of work, ``workers_…`` residents at work."""

_NAME_OF = {code: name for name, codes in INDICATORS.items() for code in codes}
_CODE = re.compile(r"[A-Z]\d{4,6}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_NEWEST_YEAR_BEFORE_EDITION = 2


def _read(sheet: Sheet, header: int) -> list[Part]:
    codes, years = sheet.heads[header], sheet.heads[header + 1]
    places = {n: code for n, code in enumerate(codes) if _CODE.fullmatch(code)}
    raw = sheet.table([str(n) for n in range(len(codes))], header + 3)
    named = {role: _place(codes, role) for role in ("prefecture", "name")}
    code = _code_column(codes, {*places, *named.values()})
    named |= {} if code is None else {"code": code}
    frame = pd.DataFrame({role: raw[str(place)] for role, place in named.items()})
    columns, notes = {}, []
    for place, indicator in places.items():
        columns[_NAME_OF.get(indicator, indicator.lower())], bad = numbers(raw[str(place)])
        if bad:
            notes.append(f"{indicator}: no numbers and left empty: {', '.join(bad[:5])}")
    data_year = _newest([years[place] for place in places if place < len(years)], sheet)
    values = pd.DataFrame(columns).assign(data_year=float(data_year))
    edition = _edition(sheet, "" if code is None else codes[code], data_year)
    frame = pd.concat([frame, values], axis=1).assign(edition=edition)
    return [Part("statistics", str(edition), frame, tuple(notes))]


def _place(codes: list[str], role: str) -> int:
    return min(codes.index(cell) for cell in LAYOUT.columns[role] if cell in codes)


def _code_column(codes: list[str], taken: Collection[int]) -> int | None:
    """The first column that is none of those *taken*; its head differs from edition to edition."""
    return next((n for n, cell in enumerate(codes) if cell and n not in taken), None)


def _newest(years: list[str], sheet: Sheet) -> int:
    found = [int(year) for year in years if _YEAR.fullmatch(year)]
    if not found:
        raise SourceError(
            "The second header row of SSDSE-A holds no years of the data.",
            received=", ".join(years[:5]),
            where=f"{sheet.path}, row 2",
            fix="Import the file as it was published, with all three header rows.",
        )
    return max(found)


def _edition(sheet: Sheet, code_head: str, data_year: int) -> int:
    """The edition: of the codes' head (SSDSE-A-2021), else of the file's name, else by the data."""
    for text in (code_head, sheet.name):
        if match := re.search(r"SSDSE-?A?-?(20\d\d)", text, re.I):
            return int(match[1])
    return data_year + _NEWEST_YEAR_BEFORE_EDITION


LAYOUT = Layout(
    name="SSDSE-A",
    columns={
        "prefecture": ("Prefecture", "prefecture"),
        "name": ("Municipality", "municipality"),
        "population": ("A1101",),
    },
    needed=("prefecture", "name", "population"),
    read=_read,
)
