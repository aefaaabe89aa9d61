"""The connection to one HubSpot account."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import duckdb
import httpx

from salesml.crm.base import DELETED, require_since
from salesml.crm.fitting import missing, require_fit
from salesml.crm.http import Api
from salesml.crm.hubspot.listing import Listing
from salesml.crm.hubspot.objects import BATCH, Objects, readable
from salesml.crm.hubspot.policy import Policy, content, told
from salesml.crm.hubspot.properties import RECORD_ID, Property
from salesml.crm.in_turn import batches, in_turn
from salesml.crm.pages import Pages
from salesml.crm.records import Allowance, Fetched, Jobs, Refusal, Tolerance, Write
from salesml.crm.settings import settings_of
from salesml.errors import ConfigError, ExportError, SalesmlError, SourceError, UnansweredError

__all__ = ["HubSpot"]

_DEFAULTS = {"url": "https://api.hubapi.com", "version": "2026-03", "portal": ""}
_VERSION = r"\d{4}-\d{2}(-beta)?|v3"


class HubSpot:
    """The HubSpot account that the private app or service key of ``token`` belongs to.

    A table is an object type ("companies", "deals", "2-1234567"). ``version`` is the dated one of
    the interface (https://developers.hubspot.com/docs/api-reference/latest/overview), or "v3".
    ``portal`` is the id of the account that is meant: another one is warned of.
    """

    batch = BATCH

    def __init__(self, name: str, spec: Mapping[str, str]) -> None:
        settings = settings_of(name, spec, ["token"], _DEFAULTS)
        self.name, self._portal = name, settings["portal"]
        self._version = _checked(name, settings["version"])
        self._policy = Policy(name, settings["token"])
        self._api = Api(name, settings["url"], self._policy.sign_in, answer=self._policy.answer)
        self._known: dict[str, dict[str, Property]] = {}

    @property
    def calls(self) -> int:
        """Requests made so far."""
        return self._api.calls

    # reading -----------------------------------------------------------------------------------

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],  # noqa: ARG002
        since: tuple[str, str] | None,
    ) -> None:
        properties = self._properties(table)
        require_since(since, properties, table)
        columns = {name: p.sql for name, p in properties.items()} | {DELETED: "BOOLEAN"}
        pages = Pages(con, into, columns, f"connection {self.name}, table {table}")
        listing = Listing(self._objects(table, RECORD_ID), list(properties.values()))
        for page in listing.pages(since):
            pages.add(page)
        pages.finish()

    def fingerprint(self, table: str) -> str | None:  # noqa: ARG002
        """None: nothing tells."""
        return None

    def columns(self, table: str) -> dict[str, str]:
        """Properties and their types, and ``_deleted``: archived records are read too."""
        return {n: p.kind for n, p in self._properties(table).items()} | {DELETED: "bool"}

    # targets -----------------------------------------------------------------------------------

    def exists(self, table: str) -> bool:
        return self._described(table).is_success

    def check_target(
        self,
        table: str,
        key: str,
        fields: Mapping[str, type | None],
        *,
        create: bool,  # noqa: ARG002
    ) -> list[str]:
        properties = self._properties(table, ExportError)
        problems = missing([key, *fields], properties)
        problems += self._no_key(table, properties.get(key))
        found = {properties[name]: wanted for name, wanted in fields.items() if name in properties}
        problems += [problem for p, wanted in found.items() if (problem := p.unfit(wanted))]
        problems += self._no_right(table)
        require_fit(problems, table, properties)
        return [*self._choices(found), *self._elsewhere()]

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        """Nothing: people make objects and their properties."""

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:
        properties = self._properties(table)
        return {f: properties[f].tolerance for f in fields if f in properties}

    def _no_key(self, table: str, key: Property | None) -> list[str]:
        """A line if *key* does not tell records apart; the e-mail of contacts does, unsaid."""
        mail = table in {"contacts", "contact", "0-1"} and key is not None and key.name == "email"
        if key is None or key.unique or key.name == RECORD_ID or mail:
            return []
        return [f"'{key.name}' is no key: its definition lets records share one value"]

    def _no_right(self, table: str) -> list[str]:
        """A line if this token may not write: asked by writing nothing."""
        path = f"{self._objects(table, RECORD_ID).path}/batch/update"
        try:
            response = self._api.post(path, json={"inputs": []})
        except UnansweredError:
            return []  # nothing was asked for but the right
        if response.status_code == httpx.codes.FORBIDDEN:
            return [f"this token may not write {table}: {told(response)}"]
        return []

    def _choices(self, fields: Mapping[Property, type | None]) -> list[str]:
        return [
            f"'{p.name}' takes its options alone: {', '.join(p.options[:10])}"
            for p, wanted in fields.items()
            if p.kind == "enumeration" and p.options and wanted is not bool
        ]

    def _elsewhere(self) -> list[str]:
        """Warnings about an account that may not be the one that is meant."""
        account = content(self._api.get(self._path("account-info", "details")))
        portal, kind = str(account.get("portalId", "")), str(account.get("accountType", ""))
        if self._portal and portal and portal != self._portal:
            return [f"the token belongs to account {portal}, not to {self._portal}"]
        if kind not in {"", "STANDARD"} and not self._portal:
            return [f"account {portal} is no production account: its type is {kind}"]
        return []

    # records -----------------------------------------------------------------------------------

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        objects = self._objects(table, key)
        found: Fetched = {}
        for batch in batches(ids, BATCH):
            found |= objects.fetch(batch, fields)
        return found

    def write(
        self,
        table: str,
        key: str,
        writes: Sequence[Write],
        *,
        jobs: Jobs,  # noqa: ARG002
    ) -> dict[str, Refusal]:
        objects, properties = self._objects(table, key), self._properties(table)
        changed = [w for w in writes if w.seen]
        made = [w for w in writes if not w.seen]
        return in_turn(
            [
                (lambda part: objects.update(part, properties), batch)
                for batch in batches(changed, BATCH)
            ]
            + [
                (lambda part: objects.make(part, properties), batch)
                for batch in batches(made, BATCH)
            ]
        )

    def settle(self, job: str) -> None:
        """Nothing goes on without us."""

    def allowance(self) -> Allowance:
        """Calls left until midnight, as HubSpot tells with any answer."""
        self._policy.left = None
        self._api.get(self._path("account-info", "details"))
        left = self._used() if self._policy.left is None else self._policy.left
        return Allowance(calls=left, resets="midnight in the account's time zone")

    def cost(self, rows: int) -> int:
        """A look, a look for what is archived, and a write for every 100 records."""
        return 3 * -(-rows // BATCH)

    def _used(self) -> int | None:
        """Calls left by the account's own statistics, for tokens whose answers do not tell."""
        path = self._path("account-info", "api-usage/daily/private-apps")
        usage = content(self._api.get(path))
        limit, used = usage.get("usageLimit"), usage.get("currentUsage")
        known = isinstance(limit, int) and isinstance(used, int)
        return max(0, limit - used) if known else None  # type: ignore[operator]

    # addresses ---------------------------------------------------------------------------------

    def _path(self, api: str, rest: str) -> str:
        """``crm/objects`` and ``companies`` → ``crm/objects/2026-03/companies``; v3 as it was."""
        if self._version != "v3":
            return f"{api}/{self._version}/{rest}"
        group, _, kind = api.partition("/")
        return f"{group}/v3/{kind}/{rest}" if kind else f"{group}/v3/{rest}"

    def _objects(self, table: str, key: str) -> Objects:
        return Objects(self._api, self._path("crm/objects", table), key)

    def _described(self, table: str) -> httpx.Response:
        return self._api.get(self._path("crm/properties", table))

    def _properties(
        self, table: str, error: type[SalesmlError] = SourceError
    ) -> dict[str, Property]:
        if table not in self._known:
            response = self._described(table)
            if response.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND}:
                raise error(
                    f"HubSpot has no object type '{table}', or does not show it to this token.",
                    received=told(response),
                    where=f"connection {self.name}",
                    fix="Name it as the interface does: companies, contacts, deals, 2-1234567.",
                )
            described = readable(self._api, response).get("results", [])
            self._known[table] = {d["name"]: Property.of(d) for d in described}
        return self._known[table]


def _checked(name: str, version: str) -> str:
    if re.fullmatch(_VERSION, version):
        return version
    raise ConfigError(
        f"Connection '{name}' names a version of HubSpot's interface that cannot be one.",
        received=version,
        where=f"connection {name}",
        fix="Write year and month, like 2026-03.",
    )
