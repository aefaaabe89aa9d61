"""The catalogue of subsidies: ``subsidies.yml`` and ``subsidies.csv`` of a project."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from salesml.config import Words
from salesml.config.values import Sql, Strict
from salesml.crm.text import TextFile
from salesml.errors import ConfigError, suggest
from salesml.yaml_file import YamlFile, read_model

__all__ = ["ApplicationWindow", "Programme", "ProgrammeConfig", "read_programmes"]

_DETAILS = ("title_ja", "title_en", "ministry", "condition", "rate", "cap")
_DATES = ("announced_on", "opens_on", "closes_on")
_COLUMNS = ("programme_id", *_DETAILS, *_DATES)


def _date(value: object) -> object:
    """Spreadsheets write 2024/4/1 for 2024-04-01."""
    match = re.fullmatch(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})\s*", str(value))
    return "{}-{:0>2}-{:0>2}".format(*match.groups()) if match else value


Date = Annotated[dt.date, BeforeValidator(_date)]


class ApplicationWindow(Strict):
    """When a programme takes applications, the last day included, and since when that is known."""

    announced_on: Date
    opens_on: Date
    closes_on: Date

    @model_validator(mode="after")
    def _in_order(self) -> ApplicationWindow:
        for name in ("opens_on", "announced_on"):
            begin = getattr(self, name)
            if self.closes_on < begin:
                raise ValueError(f"closes_on {self.closes_on} lies before {name} {begin}")
        return self


class ProgrammeConfig(Strict):
    """A subsidy: who may apply (``condition``, SQL on columns of municipalities), and when.

    ``rate`` is the share of the cost that is paid, ``cap`` the most that is paid, in yen.
    """

    title: Words
    ministry: str
    condition: Sql
    rate: float | None = Field(default=None, gt=0, le=1)
    cap: float | None = Field(default=None, gt=0)
    windows: list[ApplicationWindow] = Field(min_length=1)

    @model_validator(mode="after")
    def _windows_differ(self) -> ProgrammeConfig:
        opening = [window.opens_on for window in self.windows]
        for day in sorted({day for day in opening if opening.count(day) > 1}):
            raise ValueError(f"two windows open on {day}")
        return self


class _Catalogue(Strict):
    """``subsidies.yml``."""

    programmes: dict[str, ProgrammeConfig] = Field(min_length=1)


@dataclass(frozen=True)
class Programme:
    """One programme of the catalogue; ``where`` is file and line of its condition."""

    id: str
    config: ProgrammeConfig
    where: str


def read_programmes(folder: Path) -> list[Programme]:
    """The programmes of ``subsidies.yml`` and ``subsidies.csv`` in *folder*; none without files.

    The CSV has a row a window: programme_id, title_ja, title_en, ministry, condition, rate, cap,
    announced_on, opens_on, closes_on; what is said of a programme may be left out of its further
    rows. Raises ConfigError (SourceError for a CSV that is none) with every problem and its line.
    """
    programmes = [*_from_yaml(folder / "subsidies.yml"), *_from_csv(folder / "subsidies.csv")]
    places: dict[str, str] = {}
    for programme in programmes:
        if programme.id in places:
            raise ConfigError(
                f"The programme '{programme.id}' stands in both files.",
                where=f"{places[programme.id]} and {programme.where}",
                fix="Keep one of the two.",
            )
        places[programme.id] = programme.where
    return programmes


def _from_yaml(path: Path) -> list[Programme]:
    if not path.exists():
        return []
    catalogue, file = read_model(path, _Catalogue), YamlFile(path)
    return [
        Programme(name, config, file.where(("programmes", name, "condition")))
        for name, config in catalogue.programmes.items()
    ]


def _from_csv(path: Path) -> list[Programme]:
    if not path.exists():
        return []
    grouped: dict[str, list[_Row]] = {}
    for row in _rows(path):
        grouped.setdefault(row.values["programme_id"], []).append(row)
    problems: list[str] = []
    found = [_programme(path, name, rows, problems) for name, rows in grouped.items()]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigError(f"{path.name} has problems:\n{lines}", fix="Correct these lines.")
    return [programme for programme in found if programme is not None]


@dataclass(frozen=True)
class _Row:
    line: int
    values: dict[str, str]


def _rows(path: Path) -> list[_Row]:
    """The records of the CSV, in whichever of the usual encodings."""
    guessed = TextFile(path).guess() or "utf-8"
    text = TextFile(path, "utf-8-sig" if guessed == "utf-8" else guessed)
    header, separator = text.header()
    _require_columns(path, [name.strip() for name in header])
    text.check(len(header), separator)
    with path.open(encoding=text.encoding, newline="") as lines:
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
        records = [(reader.line_num, record) for record in reader if record][1:]
    names = [name.strip() for name in header]
    return [
        _Row(line, dict(zip(names, map(str.strip, record), strict=True)))
        for line, record in records
    ]


def _require_columns(path: Path, header: list[str]) -> None:
    missing = [name for name in _COLUMNS if name not in header]
    other = [name for name in header if name not in _COLUMNS]
    if missing or other:
        hints = "".join(suggest(name, _COLUMNS) for name in other)
        said = [f"lacks {', '.join(missing)}"] if missing else []
        said += [f"has the unknown {', '.join(other)}"] if other else []
        raise ConfigError(
            f"The header of {path.name} {' and '.join(said)}.{hints}",
            received=", ".join(header),
            where=f"{path}:1",
            fix=f"Use the columns {', '.join(_COLUMNS)}.",
        )


def _programme(path: Path, name: str, rows: list[_Row], problems: list[str]) -> Programme | None:
    """The programme that *rows* tell of; None where they have problems, which are added."""
    first = rows[0]
    faults = list(_contradictions(path, name, rows))
    try:
        config = ProgrammeConfig.model_validate(_nested(rows))
    except ValidationError as error:
        faults += [_told(path, rows, dict(problem)) for problem in error.errors()]
    problems += faults
    return None if faults else Programme(name, config, f"{path}:{first.line}")


def _contradictions(path: Path, name: str, rows: list[_Row]) -> Iterator[str]:
    if not name:
        yield f"{path}:{rows[0].line}: programme_id is empty"
    for row in rows[1:]:
        for column in _DETAILS:
            if row.values[column] not in ("", rows[0].values[column]):
                yield (
                    f"{path}:{row.line}: {column} of '{name}' is not what line {rows[0].line} says"
                )


def _nested(rows: list[_Row]) -> dict[str, Any]:
    values = {column: text or None for column, text in rows[0].values.items()}
    return {
        "title": {"ja": values["title_ja"], "en": values["title_en"]},
        **{column: values[column] for column in ("ministry", "condition", "rate", "cap")},
        "windows": [{date: row.values[date] for date in _DATES} for row in rows],
    }


def _told(path: Path, rows: list[_Row], problem: dict[str, Any]) -> str:
    place = problem["loc"]
    window = len(place) > 1 and place[0] == "windows"
    row = rows[place[1]] if window else rows[0]
    column = "_".join(map(str, place[2:] if window else place))
    message = problem["msg"].removeprefix("Value error, ")
    received = "" if isinstance(problem["input"], (dict, list)) else f" ({problem['input']!r})"
    return f"{path}:{row.line}: {column + ': ' if column else ''}{message}{received}"
