"""Large changes: ingest jobs of Bulk API 2.0, each noted before anything of it can happen."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from salesml.crm.records import Fate, Jobs, Refusal
from salesml.crm.salesforce.answers import Told, refusal, refused
from salesml.crm.salesforce.change import Change
from salesml.crm.salesforce.rest import Rest
from salesml.crm.salesforce.results import Results
from salesml.crm.salesforce.values import cell
from salesml.crm.salesforce.waiting import awaited
from salesml.errors import ExportError, SourceError, UnansweredError

__all__ = ["Ingest", "Upload", "uploads"]

UPLOAD = 100_000_000
"""Bytes of one upload, before Salesforce turns them into base64.

https://developer.salesforce.com/docs/platform/api-asynch/guide/upload-job-data.html
"""
_UPLOADS = 3
_CSV = {"Content-Type": "text/csv; charset=UTF-8"}


@dataclass(frozen=True)
class Upload:
    """The content of one job: *changes* as CSV, found again by the text in *column*."""

    changes: Sequence[Change]
    column: str
    data: bytes

    @property
    def makes(self) -> bool:
        """Whether its records are to be made."""
        return self.column != "Id"


def uploads(key: str, changes: Sequence[Change]) -> Iterator[Upload]:
    """*changes*, all of them to records that are there or all to be made, in parts it takes."""
    column = "Id" if changes[0].record else key
    names = list(dict.fromkeys(name for change in changes for name in change.fields))
    head = _line([column, *names])
    part: list[Change] = []
    lines, size = [head], len(head)
    for change in changes:
        cells = [_cell(change, name) for name in names]
        line = _line([_label(change), *cells])
        if size + len(line) > UPLOAD and part:
            yield Upload(part, column, b"".join(lines))
            part, lines, size = [], [head], len(head)
        part.append(change)
        lines.append(line)
        size += len(line)
    yield Upload(part, column, b"".join(lines))


def _cell(change: Change, name: str) -> str:
    return cell(change.fields[name]) if name in change.fields else ""  # empty: no change


def _label(change: Change) -> str:
    return change.record or cell(change.key)


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> bytes:
        return text.encode()


def _line(cells: Sequence[str]) -> bytes:
    line: bytes = _writer.writerow(cells)  # what `write` returned
    return line


_writer = csv.writer(_Echo(), lineterminator="\n")


class Ingest:
    """Jobs that write; each is in the ledger from before its upload until its results are read."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    def write(self, table: str, upload: Upload, jobs: Jobs) -> dict[str, Refusal]:
        """Write the records of *upload*; returns those refused."""
        job = self._uploaded(table, upload, jobs)
        try:
            self._close(job)
            told = awaited(self.rest, _tail(job))
            refusals = self._refusals(job, told, upload)
        except ExportError:
            self.abort(job)
            jobs.end(job)
            raise
        jobs.end(job)
        return refusals

    def settle(self, job: str) -> None:
        """Bring *job* of a former run to its end."""
        told = self.rest.found(_tail(job))
        if told is not None and told["state"] == "Open":
            self.abort(job)
        awaited(self.rest, _tail(job))

    def abort(self, job: str) -> None:
        """Keep *job* from beginning; one that is over stays as it is."""
        response = self.rest.api.request(
            "PATCH", self.rest.path(_tail(job)), safe=True, json={"state": "Aborted"}
        )
        if response.is_error and (self.rest.found(_tail(job)) or {}).get("state") == "Open":
            raise refused(response, SourceError, "The job cannot be aborted.", _where(self, job))

    # from creation to results -------------------------------------------------------------------

    def _uploaded(self, table: str, upload: Upload, jobs: Jobs) -> str:
        """A job that has got its data; where nobody knows whether it has, another is made."""
        for left in reversed(range(_UPLOADS)):
            job = self._created(table, upload)
            jobs.begin(job, [change.id for change in upload.changes])
            try:
                self._fill(job, upload.data)
            except (ExportError, UnansweredError):
                self.abort(job)
                jobs.end(job)
                if not left:
                    raise
            else:
                return job
        raise AssertionError  # the last attempt returned or raised

    def _fill(self, job: str, data: bytes) -> None:
        path = self.rest.path(f"{_tail(job)}/batches")
        response = self.rest.api.request("PUT", path, content=data, headers=_CSV)
        if response.is_error:
            raise refused(response, ExportError, "Salesforce refuses the data.", _where(self, job))

    def _created(self, table: str, upload: Upload) -> str:
        by = {"externalIdFieldName": upload.column} if upload.makes else {}
        body = {
            "object": table,
            "operation": "upsert" if upload.makes else "update",
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
            **by,
        }
        # a job that nobody knows of stays without data and is never begun: this may be repeated
        response = self.rest.api.post(self.rest.path("jobs/ingest"), safe=True, json=body)
        if response.is_error:
            where = self.rest.where("jobs/ingest")
            raise refused(response, _kind(response), "Salesforce makes no job.", where)
        return str(response.json()["id"])

    def _close(self, job: str) -> None:
        """Let *job* begin; an answer that was lost on the way does no harm."""
        response = self.rest.api.request(
            "PATCH", self.rest.path(_tail(job)), safe=True, json={"state": "UploadComplete"}
        )
        if response.is_error and (self.rest.found(_tail(job)) or {}).get("state") == "Open":
            raise refused(response, ExportError, "The job does not begin.", _where(self, job))

    def _refusals(
        self, job: str, told: dict[str, Any] | None, upload: Upload
    ) -> dict[str, Refusal]:
        if told is None or told["state"] == "Aborted":
            raise SourceError(
                "Somebody took the job away.",
                received=told["state"] if told else "no such job",
                where=_where(self, job),
                fix="Ask who looks after Bulk Data Load Jobs in Setup, then start again.",
            )
        results = Results.read(self.rest, _tail(job), upload.column, failed=_failed(told))
        if told["state"] == "Failed" and not (results.written or results.refused):
            raise ExportError(
                "Salesforce could not work through the job.",
                received=told.get("errorMessage"),
                where=_where(self, job),
            )
        return {
            change.id: fate
            for change in upload.changes
            if (fate := _fate(change, results, told)) is not None
        }


def _fate(change: Change, results: Results, told: dict[str, Any]) -> Refusal | None:
    label = _label(change)
    if label in results.refused:
        return refusal(Told.of_cell(results.refused[label]), made=not change.record)
    if label in results.written:
        return None
    why = str(told.get("errorMessage") or "the job ended before it")
    if label in results.unprocessed:
        return Refusal(Fate.NOT_TRIED, why)
    return Refusal(Fate.RETRY, "the results of the job do not name it")


def _failed(told: dict[str, Any]) -> bool:
    return bool(told["state"] != "JobComplete")


def _kind(response: httpx.Response) -> type[SourceError | ExportError]:
    by_row = response.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.INTERNAL_SERVER_ERROR}
    return ExportError if by_row else SourceError


def _tail(job: str) -> str:
    return f"jobs/ingest/{job}"


def _where(ingest: Ingest, job: str) -> str:
    return ingest.rest.where(_tail(job))
