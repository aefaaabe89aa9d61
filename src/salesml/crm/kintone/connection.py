"""The connection to one kintone environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import httpx

from salesml.crm.base import require_since
from salesml.crm.fitting import missing, require_fit
from salesml.crm.http import Api
from salesml.crm.in_turn import batches, in_turn
from salesml.crm.kintone.fields import RECORD_ID, Field, Precision, fields_of
from salesml.crm.kintone.records import BATCH, Records, readable
from salesml.crm.kintone.refused import answer, content, told
from salesml.crm.pages import Pages
from salesml.crm.records import Allowance, Fetched, Jobs, Refusal, Tolerance, Write
from salesml.crm.settings import settings_of
from salesml.errors import ExportError, SalesmlError, SourceError, UnansweredError

__all__ = ["Kintone"]

_CALLS_A_DAY = 10_000


class Kintone:
    """The kintone environment at ``url`` ("https://example.cybozu.com"), or one guest space of it.

    A table is the id of an app; its columns are the codes of its fields, ``$id`` and
    ``$revision``. ``token`` is the app's API token, or those of several apps with commas between.
    kintone does not show what was deleted.
    """

    batch = BATCH

    def __init__(self, name: str, spec: Mapping[str, str]) -> None:
        settings = settings_of(name, spec, ["url", "token"], {"guest_space": ""})
        self.name, self._token = name, settings["token"].replace(" ", "")
        space = settings["guest_space"]
        self._root = f"k/guest/{space}/v1" if space else "k/v1"
        self._api = Api(name, settings["url"], _SignIn(self._token), answer=answer)
        self._known: dict[str, dict[str, Field]] = {}

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
        fields = self._fields(table)
        require_since(since, fields, table)
        columns = {code: field.sql for code, field in fields.items()}
        pages = Pages(con, into, columns, f"connection {self.name}, app {table}")
        for page in self._records(table, RECORD_ID).pages(since):
            pages.add(page)
        pages.finish()

    def fingerprint(self, table: str) -> str | None:  # noqa: ARG002
        """None: nothing tells."""
        return None

    def columns(self, table: str) -> dict[str, str]:
        return {code: field.kind for code, field in self._fields(table).items()}

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
        known = self._fields(table, ExportError)
        problems = missing([key, *fields], known)
        if key in known and not known[key].unique:
            problems.append(f"'{key}' is no key: the form allows records to share one value")
        found = {known[code]: wanted for code, wanted in fields.items() if code in known}
        problems += [problem for f, wanted in found.items() if (problem := f.unfit(wanted))]
        problems += self._no_right(table)
        require_fit(problems, table, known)
        return [*_choices(found), *_required(known, {key, *fields})]

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        """Nothing: people make apps and their fields."""

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:
        known = self._fields(table)
        precision = self._precision(table)
        return {f: known[f].tolerance(precision) for f in fields if f in known}

    def _no_right(self, table: str) -> list[str]:
        """A line if this token may not write: asked by writing nothing."""
        body = {"app": table, "records": []}
        try:
            response = self._api.request("PUT", f"{self._root}/records.json", json=body)
        except UnansweredError:
            return []  # nothing was asked for but the right
        if response.status_code == httpx.codes.FORBIDDEN:
            return [f"this token may not write: {told(response)}"]
        return []

    def _precision(self, table: str) -> Precision:
        path = f"{self._root}/app/settings.json"
        return Precision.of(content(self._api.get(path, params={"app": table})))

    # records -----------------------------------------------------------------------------------

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        records = self._records(table, key)
        found: Fetched = {}
        for batch in batches(ids, BATCH):
            found |= records.fetch(batch, fields)
        return found

    def write(
        self,
        table: str,
        key: str,
        writes: Sequence[Write],
        *,
        jobs: Jobs,  # noqa: ARG002
    ) -> dict[str, Refusal]:
        records = self._records(table, key)
        changed = [w for w in writes if w.seen]
        made = [w for w in writes if not w.seen]
        return in_turn(
            [(records.change, batch) for batch in batches(changed, BATCH)]
            + [(records.make, batch) for batch in batches(made, BATCH)]
        )

    def settle(self, job: str) -> None:
        """Nothing goes on without us."""

    def allowance(self) -> Allowance:
        """10,000 calls an app and day, of which kintone does not tell how many are left.

        https://cybozu.dev/ja/kintone/tips/best-practices/performance/kintone-api-request-limit-exceeded-guide
        """
        return Allowance(calls_a_day=_CALLS_A_DAY, resets="9:00 in Japan")

    def cost(self, rows: int) -> int:
        """A look, a request that changes and one that makes, for every 100 records."""
        return 3 * -(-rows // BATCH)

    # forms -------------------------------------------------------------------------------------

    def _records(self, table: str, key: str) -> Records:
        fields = self._fields(table)
        if key not in fields:
            raise SourceError(f"App {table} has no field '{key}'.", where=f"connection {self.name}")
        return Records(self._api, f"{self._root}/records.json", table, fields, key)

    def _described(self, table: str) -> httpx.Response:
        return self._api.get(f"{self._root}/app/form/fields.json", params={"app": table})

    def _fields(self, table: str, error: type[SalesmlError] = SourceError) -> dict[str, Field]:
        if table not in self._known:
            response = self._described(table)
            if response.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND}:
                raise error(
                    f"kintone has no app '{table}', or does not show it to this token.",
                    received=told(response),
                    where=f"connection {self.name}",
                    fix="Name the app by the number in its address; one in a guest space needs "
                    "the setting guest_space.",
                )
            self._known[table] = fields_of(readable(self._api, response).get("properties", {}))
        return self._known[table]


class _SignIn:
    """The header of API tokens: they need no exchange (a class, so that it can be pickled)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, _client: httpx.Client) -> dict[str, str]:
        return {"X-Cybozu-API-Token": self._token}


def _choices(fields: Mapping[Field, type | None]) -> list[str]:
    return [
        f"'{f.code}' takes its options alone: {', '.join(f.options[:10])}"
        for f in fields
        if f.options
    ]


def _required(known: Mapping[str, Field], written: set[str]) -> list[str]:
    """A warning about fields without which new records are refused."""
    codes = [f.code for f in known.values() if f.required and f.code not in written]
    return [f"records cannot be made without {', '.join(codes)}"] if codes else []
