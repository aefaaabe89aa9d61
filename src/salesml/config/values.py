"""Kinds of values that several configuration files use."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from salesml.errors import suggest
from salesml.secrets import problem_of
from salesml.yaml_file import Place

__all__ = [
    "LONGEST",
    "Connections",
    "Days",
    "Every",
    "Names",
    "Sql",
    "Strict",
    "TimeZone",
    "Words",
    "days",
    "literal_secrets",
]


def days(value: object) -> int:
    """How many days *value* says, ``90 days`` or ``3 months`` (of 30 days); else ValueError."""
    match = re.fullmatch(r"\s*(\d+)\s*(day|week|month|year)?s?\s*", str(value))
    if not match:
        raise ValueError("must be a length of time such as '90 days'")
    length = {"day": 1, "week": 7, "month": 30, "year": 365, None: 1}[match.group(2)]
    return int(match.group(1)) * length


def _time_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"is no time zone.{suggest(name, available_timezones())}") from None


def _every(value: object) -> str:
    text = str(value).strip()
    if re.fullmatch(r"[1-9]\d*( *days?)?", text):
        return f"{days(text)} days"
    if not re.fullmatch(r"[A-Za-z_]\w*", text):
        raise ValueError(
            "must be 'year', 'month', 'week', a number of days such as '14 days', or the name of a "
            "source of events"
        )
    return text


def _sql(value: object) -> object:
    """YAML reads ``known_at: 2024-01-01`` or ``0`` as no text; SQL is text all the same."""
    if isinstance(value, dt.datetime):
        return f"timestamp '{value}'" if value.tzinfo is None else f"timestamptz '{value}'"
    if isinstance(value, dt.date):
        return f"date '{value}'"
    return _plain_text(value)


def _plain_text(value: object) -> object:
    return str(value) if isinstance(value, (bool, int, float)) else value


def _setting(value: object) -> object:
    """A setting of a connection as text, whatever YAML takes it for; errors show what is none."""
    return str(value) if isinstance(value, dt.date) else _plain_text(value)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Connections = dict[str, dict[str, Annotated[str, BeforeValidator(_setting)]]]
LONGEST = 36_500  # days; more is a slip of the pen, and dates end
Days = Annotated[int, BeforeValidator(days), Field(gt=0, le=LONGEST)]
Every = Annotated[str, BeforeValidator(_every)]
Names = Annotated[list[str], BeforeValidator(_as_list)]
Sql = Annotated[str, BeforeValidator(_sql)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


def literal_secrets(connections: Connections) -> Iterator[tuple[Place, str]]:
    """Secrets of *connections* that stand in the file themselves, with their places."""
    for name, spec in connections.items():
        for setting, text in spec.items():
            problem = problem_of(setting, text)
            if problem is not None:
                yield ("connections", name, setting), problem


class Strict(BaseModel):
    """A part of a file: unknown keys are errors, and nothing changes it once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Strict):
    """One text in the two languages that users read."""

    ja: str
    en: str
