"""The tables of BottleCRM, and what its own fields take.

Checked against the server's own description (``/schema/``) by a test; of release 1.35.0,
https://pypi.org/project/django-crm/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from salesml.errors import SalesmlError, SourceError, suggest

__all__ = ["TABLES", "Kind", "Table", "table_of"]


@dataclass(frozen=True)
class Kind:
    """What a field takes.

    Parameters
    ----------
    word : text, choice, number, whole, flag, date, time, link (to another record) or many.
    length : most characters of a text.
    written : whether it can be set.
    """

    word: str
    length: int | None = None
    written: bool = True


_TEXT, _LONG, _CHOICE = Kind("text", 255), Kind("text"), Kind("choice")
_LINK, _WHOLE, _DATE, _FLAG = Kind("link"), Kind("whole"), Kind("date"), Kind("flag")
_EMAIL, _PHONE, _MONEY = Kind("text", 254), Kind("text", 25), Kind("number")
_SHOWN_TEXT, _SHOWN_LINK = Kind("text", written=False), Kind("link", written=False)
_SHOWN_TIME, _MANY = Kind("time", written=False), Kind("many", written=False)
_ADDRESS = {
    "address_line": _TEXT,
    "city": _TEXT,
    "state": _TEXT,
    "postcode": Kind("text", 64),
    "country": _CHOICE,
}
_SOURCE = {"source_detail": Kind("text", 100), "source_ref": _TEXT}
_SHOWN = {
    "id": _SHOWN_TEXT,
    "created_at": _SHOWN_TIME,
    "created_by": _SHOWN_LINK,
    "assigned_to": _MANY,
    "teams": _MANY,
    "tags": _MANY,
}


@dataclass(frozen=True)
class Table:
    """Where BottleCRM shows the records of one kind.

    Parameters
    ----------
    name : part of the address, ``/api/<name>/``.
    model : its name among custom fields.
    lists : where the rows stand in the answer of the list.
    shown : where the record stands in the answer of its own address.
    needed : what a new record must have.
    """

    name: str
    model: str
    lists: tuple[tuple[str, ...], ...]
    shown: str
    needed: tuple[str, ...]
    kinds: Mapping[str, Kind] = field(repr=False)


_TABLES = (
    Table(
        "accounts",
        "Account",
        (("active_accounts", "open_accounts"), ("closed_accounts", "close_accounts")),
        "account_obj",
        ("name",),
        {
            **_SHOWN,
            "name": _TEXT,
            "email": _EMAIL,
            "phone": _PHONE,
            "website": Kind("text", 200),
            "industry": _CHOICE,
            "number_of_employees": _WHOLE,
            "annual_revenue": _MONEY,
            "currency": _CHOICE,
            **_ADDRESS,
            "description": _LONG,
            "is_active": _FLAG,
        },
    ),
    Table(
        "contacts",
        "Contact",
        (("contact_obj_list",),),
        "contact_obj",
        ("first_name", "last_name"),
        {
            **_SHOWN,
            "first_name": _TEXT,
            "last_name": _TEXT,
            "email": _EMAIL,
            "phone": _PHONE,
            "source": _TEXT,
            **_SOURCE,
            "organization": _TEXT,
            "title": _TEXT,
            "department": _TEXT,
            "do_not_call": _FLAG,
            "linkedin_url": Kind("text", 500),
            **_ADDRESS,
            "description": _LONG,
            "account": _LINK,
            "is_active": _FLAG,
            "updated_at": _SHOWN_TIME,
        },
    ),
    Table(
        "leads",
        "Lead",
        (("open_leads", "open_leads"), ("close_leads", "close_leads")),
        "lead_obj",
        (),
        {
            **_SHOWN,
            "title": _TEXT,
            "salutation": Kind("text", 64),
            "first_name": _TEXT,
            "last_name": _TEXT,
            "email": _EMAIL,
            "phone": _PHONE,
            "job_title": _TEXT,
            "website": _TEXT,
            "linkedin_url": Kind("text", 500),
            "status": _CHOICE,
            "source": _TEXT,
            **_SOURCE,
            "industry": _CHOICE,
            "rating": _CHOICE,
            "opportunity_amount": _MONEY,
            "currency": _CHOICE,
            "probability": _WHOLE,
            "close_date": _DATE,
            **_ADDRESS,
            "last_contacted": _DATE,
            "next_follow_up": _DATE,
            "description": _LONG,
            "company_name": _TEXT,
            "is_active": _FLAG,
            "stage": _SHOWN_LINK,
            "contacts": _MANY,
            "updated_at": _SHOWN_TIME,
            "first_response_at": _SHOWN_TIME,
            "last_outbound_at": _SHOWN_TIME,
        },
    ),
    Table(
        "opportunities",
        "Opportunity",
        (("opportunities",),),
        "opportunity_obj",
        ("name",),
        {
            **_SHOWN,
            "name": _TEXT,
            "account": _LINK,
            "pipeline": _LINK,
            "stage": Kind("text", 64),
            "opportunity_type": _CHOICE,
            "currency": _CHOICE,
            "amount": _MONEY,
            "probability": _WHOLE,
            "closed_on": _DATE,
            "lead_source": _TEXT,
            **_SOURCE,
            "description": _LONG,
            "is_active": _FLAG,
            "contacts": _MANY,
            "stage_label": _SHOWN_TEXT,
            "stage_kind": _SHOWN_TEXT,
            "closed_by": _SHOWN_LINK,
            "stage_changed_at": _SHOWN_TIME,
        },
    ),
    Table(
        "tasks",
        "Task",
        (("tasks",),),
        "task_obj",
        ("title", "status", "priority"),
        {
            **_SHOWN,
            "title": Kind("text", 200),
            "status": _CHOICE,
            "priority": _CHOICE,
            "due_date": _DATE,
            "description": _LONG,
            "account": _LINK,
            "opportunity": _LINK,
            "case": _LINK,
            "lead": _LINK,
            "project": _LINK,
        },
    ),
    Table(
        "cases",
        "Case",
        (("cases",),),
        "cases_obj",
        ("name", "status", "priority"),
        {
            **_SHOWN,
            "name": Kind("text", 64),
            "status": _CHOICE,
            "priority": _CHOICE,
            "case_type": _CHOICE,
            "closed_on": _DATE,
            "description": _LONG,
            "account": _LINK,
            "contacts": _MANY,
            "first_response_at": _SHOWN_TIME,
            "resolved_at": _SHOWN_TIME,
        },
    ),
)
TABLES = {table.name: table for table in _TABLES}
"""The tables that can be read and written, by name."""


def table_of(name: str, connection: str, error: type[SalesmlError] = SourceError) -> Table:
    """The table *name*; raises *error*, with near misses, for another."""
    if name not in TABLES:
        raise error(
            f"BottleCRM has no table '{name}' that salesml knows.{suggest(name, TABLES)}",
            received=f"tables {', '.join(TABLES)}",
            where=f"connection {connection}",
            fix="Name one of these as `table`.",
        )
    return TABLES[name]
