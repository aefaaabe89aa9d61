"""The connection to one org."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import duckdb
import httpx

from salesml.crm.base import require_since
from salesml.crm.http import Api
from salesml.crm.records import Allowance, Fate, Fetched, Jobs, Refusal, Tolerance, Write
from salesml.crm.salesforce import composite, soql
from salesml.crm.salesforce.answers import judged
from salesml.crm.salesforce.change import Change, prepared
from salesml.crm.salesforce.ingest import Ingest, uploads
from salesml.crm.salesforce.lookup import looked_up
from salesml.crm.salesforce.objects import Objects
from salesml.crm.salesforce.query import loaded
from salesml.crm.salesforce.rest import Rest
from salesml.crm.salesforce.sign_in import SalesforceSignIn, is_sandbox
from salesml.crm.salesforce.target import doubts, require_writable
from salesml.crm.settings import settings_of
from salesml.errors import ConfigError, ExportError, SourceError

__all__ = ["Salesforce"]

_SMALL = 2_000
"""Records up to which Salesforce advises collections instead of jobs.

https://developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/salesforce-app-limits-platform-bulkapi.html
"""
_BATCH = 10_000  # what Salesforce itself works on at a time, and counts as one batch a day
_IDS_A_CALL = 400
_CALLS_A_JOB = 20  # made, filled, begun, three results, and polled about as often again
_NEEDED = ["url", "client_id"]
_OPTIONAL = {
    "client_secret": "",
    "username": "",
    "private_key": "",
    "version": "64.0",
    "environment": "",
}


@dataclass(frozen=True)
class _Piece:
    """Records that travel together."""

    changes: Sequence[Change]
    send: Callable[[], dict[str, Refusal]]


class Salesforce:
    """The org whose My Domain is ``url``; tables are objects by their API names.

    Records that were seen are changed by their Ids; only those without any trace are made, by
    their external id. Up to 2,000 travel in requests of 200, more in ingest jobs. Deleted and
    archived records are read, too.
    """

    batch = _BATCH

    def __init__(self, name: str, spec: Mapping[str, str]) -> None:
        self.name = name
        settings = _checked(name, settings_of(name, spec, _NEEDED, _OPTIONAL))
        self._environment = settings["environment"]
        sign_in = SalesforceSignIn(
            name,
            settings["url"],
            settings["client_id"],
            settings["client_secret"],
            settings["username"],
            settings["private_key"],
        )
        self._api = Api(name, settings["url"], sign_in, answer=judged)
        self._rest = Rest(self._api, settings["version"])
        self._objects, self._ingest = Objects(self._rest), Ingest(self._rest)

    @property
    def calls(self) -> int:
        """Requests made so far."""
        return self._api.calls

    # reading ------------------------------------------------------------------------------------

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],  # noqa: ARG002
        since: tuple[str, str] | None,
    ) -> None:
        """As the protocol says; times are naive UTC, and of times a little more is read."""
        thing = self._objects.get(table)
        fields = thing.readable
        require_since(since, [field.name for field in fields], table)
        query = f"select {', '.join(field.name for field in fields)} from {table}"
        if since is not None:
            query += f" where {soql.since(thing.fields[since[0]], since[1])}"
        loaded(self._rest, query, fields, con, into)

    def fingerprint(self, table: str) -> str | None:  # noqa: ARG002
        """None: nothing tells cheaply whether an object changed."""
        return None

    def columns(self, table: str) -> dict[str, str]:
        """Fields that can be read, with their types."""
        return {field.name: field.type for field in self._objects.get(table).readable}

    def exists(self, table: str) -> bool:
        """Whether this user sees the object *table*."""
        return self._objects.exists(table)

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """The records *ids*; those in the recycle bin, merged or converted are barred."""
        return looked_up(self._rest, self._objects.get(table), key, ids, fields)

    # before writing -----------------------------------------------------------------------------

    def check_target(
        self, table: str, key: str, fields: Mapping[str, type | None], *, create: bool
    ) -> list[str]:
        """As the protocol says, from a fresh description; warns of sandboxes, too."""
        self._objects.exists(table)
        thing = self._objects.get(table, ExportError)
        require_writable(thing, key, fields, create=create)
        return [*self._wrong_place(), *doubts(thing, key, fields, create=create)]

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        """Nothing: people make objects."""

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:
        """By the types, scales and lengths of the fields."""
        known = self._objects.get(table).fields
        return {field: known[field].tolerance for field in fields if field in known}

    def allowance(self) -> Allowance:
        """Requests and rows of jobs that are left of the last 24 hours."""
        limits = self._rest.get("limits/")
        batches = _remaining(limits, "DailyBulkApiBatches")
        return Allowance(
            calls=_remaining(limits, "DailyApiRequests"),
            rows=None if batches is None else batches * _BATCH,
            resets="what was used comes back 24 hours later",
        )

    def cost(self, rows: int) -> int:
        """Look-ups of some hundred Ids, and requests of 200 records or jobs of 10,000."""
        jobs, rest = divmod(rows, _BATCH)
        job = _BATCH // _IDS_A_CALL + _CALLS_A_JOB
        return jobs * job + min(job, _rounded_up(rest, _IDS_A_CALL) + _requests(rest))

    # writing ------------------------------------------------------------------------------------

    def write(
        self, table: str, key: str, writes: Sequence[Write], *, jobs: Jobs
    ) -> dict[str, Refusal]:
        """As the protocol says; siblings travel side by side, so that they wait for no lock."""
        thing = self._objects.get(table, ExportError)
        changes, refusals = prepared(thing, key, writes)
        for number, piece in enumerate(pieces := list(self._pieces(table, key, changes, jobs))):
            try:
                refusals |= piece.send()
            except ExportError as error:
                if not number:
                    raise
                left = [change.id for later in pieces[number:] for change in later.changes]
                return refusals | dict.fromkeys(left, Refusal(Fate.NOT_TRIED, str(error)))
        return refusals

    def settle(self, job: str) -> None:
        """Abort the job if it was never begun; wait for it if it works."""
        self._ingest.settle(job)

    def _pieces(
        self, table: str, key: str, changes: Sequence[Change], jobs: Jobs
    ) -> Iterator[_Piece]:
        there = [change for change in changes if change.record]
        new = [change for change in changes if not change.record]
        send = partial(composite.changed, self._rest, table)
        make = partial(composite.made, self._rest, table, key)
        for group, call in ((there, send), (new, make)):
            large = [c for c in group if c.by_job] if len(group) > _SMALL else []
            small = [c for c in group if not large or not c.by_job]
            for start in range(0, len(small), composite.MOST):
                part = small[start : start + composite.MOST]
                yield _Piece(part, partial(call, part))
            for upload in uploads(key, large) if large else ():
                yield _Piece(upload.changes, partial(self._ingest.write, table, upload, jobs))

    # where we are -------------------------------------------------------------------------------

    def _wrong_place(self) -> Iterator[str]:
        """Warnings where the org is not what its address or the connection says."""
        sandbox = self._is_sandbox()
        named = is_sandbox(self._api.url.host)
        if sandbox is None:
            return
        what = "a sandbox" if sandbox else "the production org"
        if self._environment and (self._environment == "sandbox") != sandbox:
            said = f"environment: {self._environment}"
            yield f"Connection {self.name} says {said}, but this is {what}."
        elif named and not sandbox:
            yield f"Connection {self.name} has the address of a sandbox, but this is {what}."
        elif sandbox and not self._environment:
            yield (
                f"Connection {self.name} writes to {what}; "
                "if that is meant, write environment: sandbox."
            )

    def _is_sandbox(self) -> bool | None:
        try:
            found = self._rest.get(soql.address("select IsSandbox from Organization"))
            return bool(found["records"][0]["IsSandbox"])
        except (SourceError, LookupError):
            return None  # not every user may see this


def _remaining(limits: Mapping[str, Mapping[str, int]], name: str) -> int | None:
    found = limits.get(name)
    return None if found is None else int(found["Remaining"])


def _requests(rows: int) -> int:
    return _rounded_up(rows, composite.MOST) if rows <= _SMALL else _CALLS_A_JOB


def _rounded_up(rows: int, size: int) -> int:
    return -(-rows // size)


def _checked(name: str, settings: dict[str, str]) -> dict[str, str]:
    """*settings* as they are, if they make sense together; raises ConfigError."""
    by_secret, by_key = settings["client_secret"], settings["username"] and settings["private_key"]
    extra = bool(by_secret) and bool(settings["username"] or settings["private_key"])
    wrong = []
    if extra or not (by_secret or by_key):
        wrong.append("it needs client_secret, or username and private_key")
    if not re.fullmatch(r"\d\d\.0", settings["version"]):
        wrong.append("version is not like 64.0")
    if settings["environment"] not in {"", "production", "sandbox"}:
        wrong.append("environment is neither production nor sandbox")
    if _is_page(settings["url"]):
        wrong.append("url is that of pages, the API answers under …my.salesforce.com")
    if wrong:
        raise ConfigError(
            f"Connection '{name}' cannot be: {'; '.join(wrong)}.",
            received=f"settings {', '.join(key for key, value in settings.items() if value)}",
            where=f"connection {name}",
            fix="Write url, client_id, and client_secret or username and private_key.",
        )
    return settings


def _is_page(url: str) -> bool:
    try:
        return httpx.URL(url).host.endswith(".lightning.force.com")
    except httpx.InvalidURL:
        return False
