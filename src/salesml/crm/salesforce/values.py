"""Values as the fields of Salesforce take them."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal, InvalidOperation

from salesml.crm.salesforce.objects import NUMBERS, WHOLE, Field, too_large

__all__ = ["NULL", "Unfit", "cell", "sent"]

NULL = "#N/A"
"""An explicit null in the CSV of a job; an empty cell means no change.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/datafiles_prepare_csv.htm
"""
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Unfit(Exception):
    """A value that its field can never take, and why."""


def sent(field: Field, value: object) -> bool | int | float | str | None:
    """*value* as JSON for *field*: None is an explicit null. Raises Unfit."""
    if value is None or value == "":
        return False if field.type == "boolean" else None  # check boxes know no null
    if field.type in NUMBERS:
        return _number(field, value)
    if field.type == "boolean":
        return _truth(field, value)
    if field.type in {"date", "datetime"}:
        return _moment(field, str(value))
    return _text(field, value)


def cell(value: bool | int | float | str | None) -> str:
    """What `sent` gave, as a cell of a job's CSV."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{Decimal(repr(value)):f}"


def _number(field: Field, value: object) -> int | float:
    try:
        number = Decimal(value if isinstance(value, int) else str(value).strip())
    except InvalidOperation:
        raise Unfit(f"{field.name} takes numbers, not {value!r}"[:200]) from None
    if too_large(number):
        raise Unfit(f"{field.name} cannot hold {value}"[:200])
    if field.type in WHOLE or number == number.to_integral_value():
        return math.floor(number + Decimal("0.5"))
    return float(number)


def _truth(field: Field, value: object) -> bool:
    word = str(value).strip().lower().removesuffix(".0")
    if word not in _TRUTHS:
        raise Unfit(f"{field.name} is a checkbox and takes true or false, not {value!r}"[:200])
    return _TRUTHS[word]


def _moment(field: Field, text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"{field.name} takes a {field.type}, not {text!r}"[:200]) from None
    if field.type == "date":
        return moment.date().isoformat()
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _text(field: Field, value: object) -> str:
    text = cell(value) if isinstance(value, bool) else str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit(f"{field.name}: half a character is no text") from None
    return text
