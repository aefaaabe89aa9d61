"""Writing records: the changed ones by their version, the new ones by an id of ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from salesml.crm.dataverse.batch import Operation, answers_in, packed
from salesml.crm.dataverse.service import Service, error_of
from salesml.crm.dataverse.tables import Table
from salesml.crm.dataverse.values import guid, sent
from salesml.crm.records import Fate, Refusal, Write
from salesml.errors import ExportError, UnansweredError

__all__ = ["Version", "Writer"]

_OURS = uuid.UUID("b4a8e7a2-7c1b-5b6e-9a53-1d0f8f4c2e11")
_MOST = 1_000  # operations of a batch
_DUPLICATE_RULE = "0x80040333"
_NO_RIGHTS = {"0x80040220", "0x80040225", "0x80072560"}  # privilege missing, user disabled, no user
_LATER = {408, 409, 423, 429, 500, 502, 503, 504}
_QUIET = {"MSCRM.SuppressDuplicateDetection": "true"}


class Version(NamedTuple):
    """A record as it was seen."""

    id: str
    etag: str


class Writer:
    """Writes to one table by one key.

    ``UpdateMultiple`` and ``CreateMultiple`` take all rows or none, in one go, but no version of
    a row: they write new rows, and those of tables that keep no versions. Where they refuse,
    because of one row or of a table that lacks them, each row goes by itself in a ``$batch``;
    so do rows that were seen in a version, which is the only safe way to change them
    (https://learn.microsoft.com/power-apps/developer/data-platform/bulk-operations).
    """

    def __init__(self, service: Service, table: Table, key: str) -> None:
        self._service, self._table, self._key = service, table, key

    def write(self, writes: Sequence[Write]) -> dict[str, Refusal]:
        """As `Connection.write` says."""
        rows: dict[str, dict[str, Any]] = {}
        refused: dict[str, Refusal] = {}
        for write in writes:
            try:
                rows[write.id] = self._row(write)
            except ValueError as error:
                refused[write.id] = Refusal(Fate.DEAD, str(error))
        ready = [write for write in writes if write.id in rows]
        return refused | self._sent(ready, rows)

    def _row(self, write: Write) -> dict[str, Any]:
        columns = self._table.columns
        row = {name: sent(columns[name], value) for name, value in write.fields.items()}
        if write.seen is not None:
            return row
        key = sent(columns[self._key], write.id)
        return row | {self._key: key, self._table.id: self._new_id(write.id)}

    def _new_id(self, external: str) -> str:
        """An id that only this record can have, so that no repetition makes a second one."""
        if self._key != self._table.id:
            return str(uuid.uuid5(_OURS, f"{self._table.name}/{self._key}/{external}"))
        found = guid(external)
        if found is None:
            raise ValueError(f"{external!r} is no id of table {self._table.name} (a GUID)")
        return found

    def _sent(
        self, writes: Sequence[Write], rows: Mapping[str, dict[str, Any]]
    ) -> dict[str, Refusal]:
        left = list(writes)
        for action, group in self._groups(writes):
            if len(group) > 1 and self._all_at_once(action, group, rows):
                left = [write for write in left if write not in group]
        refused: dict[str, Refusal] = {}
        for start in range(0, len(left), _MOST):
            part = left[start : start + _MOST]
            refused |= self._one_by_one(part, rows, begun=len(left) < len(writes) or start > 0)
        return refused

    # all at once --------------------------------------------------------------------------------

    def _groups(self, writes: Sequence[Write]) -> list[tuple[str, list[Write]]]:
        groups = [("CreateMultiple", [write for write in writes if write.seen is None])]
        if not self._table.versioned:
            groups += [("UpdateMultiple", [write for write in writes if write.seen is not None])]
        return [(action, group) for action, group in groups if action in self._table.multiple]

    def _all_at_once(
        self, action: str, writes: Sequence[Write], rows: Mapping[str, dict[str, Any]]
    ) -> bool:
        kind = {"@odata.type": f"Microsoft.Dynamics.CRM.{self._table.name}"}
        targets = [
            {
                **kind,
                **rows[write.id],
                **({self._table.id: write.seen.token.id} if write.seen else {}),
            }
            for write in writes
        ]
        response = self._service.api.post(
            self._service.path(f"{self._table.entity_set}/Microsoft.Dynamics.CRM.{action}"),
            content=json.dumps({"Targets": targets}),
            headers={**_QUIET, "Content-Type": "application/json"},
        )
        return response.is_success

    # one by one ---------------------------------------------------------------------------------

    def _one_by_one(
        self, writes: Sequence[Write], rows: Mapping[str, dict[str, Any]], *, begun: bool
    ) -> dict[str, Refusal]:
        kind, content = packed([self._operation(write, rows[write.id]) for write in writes])
        response = self._service.api.post(
            self._service.path("$batch"),
            content=content,
            headers={"Content-Type": kind, "Prefer": "odata.continue-on-error"},
        )
        if response.is_error:
            return self._whole_refused(response, writes, begun=begun)
        return self._taken(writes, self._answers(response))

    def _operation(self, write: Write, row: dict[str, Any]) -> Operation:
        if write.seen is None:
            body = {name: value for name, value in row.items() if name != self._table.id}
            return self._patch(row[self._table.id], body, {"If-None-Match": "*"})
        version: Version = write.seen.token
        # without a version, "*": changed if it is there, never made again
        match = version.etag if self._table.versioned else "*"
        return self._patch(version.id, row, {"If-Match": match})

    def _patch(self, record: str, body: dict[str, Any], headers: dict[str, str]) -> Operation:
        path = f"/{self._service.path(f'{self._table.entity_set}({record})')}"
        return Operation("PATCH", path, body, {**headers, **_QUIET})

    def _whole_refused(
        self, response: httpx.Response, writes: Sequence[Write], *, begun: bool
    ) -> dict[str, Refusal]:
        error = self._service.failed(response, f"table {self._table.name}")
        if response.status_code == httpx.codes.FORBIDDEN:
            raise error
        if response.is_server_error:
            raise self._unanswered(error.received)
        if begun:
            return {w.id: Refusal(Fate.NOT_TRIED, str(error.received)) for w in writes}
        raise ExportError(error.what, received=error.received, where=error.where, fix=error.fix)

    def _answers(self, response: httpx.Response) -> list[httpx.Response]:
        try:
            return answers_in(response)
        except (ValueError, IndexError):
            raise self._unanswered("an answer that is no batch") from None

    def _unanswered(self, received: object) -> UnansweredError:
        return UnansweredError(
            "Nobody knows which records of a batch were written.",
            received=received,
            where=f"connection {self._service.name}, table {self._table.name}",
            fix="Nothing: they are looked at again before they are written again.",
        )

    def _taken(
        self, writes: Sequence[Write], answers: Sequence[httpx.Response]
    ) -> dict[str, Refusal]:
        if len(answers) < len(writes) and (not answers or answers[-1].is_success):
            raise self._unanswered(f"{len(answers)} answers to {len(writes)} records")
        self._require_rights(writes, answers)
        refused = {
            write.id: _refusal(answer, new=write.seen is None)
            for write, answer in zip(writes, answers, strict=False)
            if answer.is_error
        }
        rest = writes[len(answers) :]
        return refused | {w.id: Refusal(Fate.NOT_TRIED, "an error before it") for w in rest}

    def _require_rights(self, writes: Sequence[Write], answers: Sequence[httpx.Response]) -> None:
        """Raise SourceError if each record was refused because the table may not be written."""
        refused = [error_of(a)[0] for a in answers if a.status_code == httpx.codes.FORBIDDEN]
        if len(refused) == len(writes) and set(refused) <= _NO_RIGHTS:
            raise self._service.failed(answers[0], f"table {self._table.name}")


def _refusal(answer: httpx.Response, *, new: bool) -> Refusal:
    code, message = error_of(answer)
    text = " ".join(part for part in (f"status {answer.status_code}", code, message) if part)
    return Refusal(_fate(answer.status_code, code, new=new), text)


def _fate(status: int, code: str, *, new: bool) -> Fate:
    if status == httpx.codes.PRECONDITION_FAILED:
        return Fate.DEAD if code == _DUPLICATE_RULE else Fate.CHANGED
    if status == httpx.codes.NOT_FOUND and not new:
        return Fate.GONE
    return Fate.RETRY if status in _LATER else Fate.DEAD
