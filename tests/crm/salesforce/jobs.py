"""Jobs of Bulk API 2.0 in the fake."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from crm.salesforce.org import Crashed, Org, Record, Refused

CHUNK = 200  # records that one transaction holds
_BATCH = 10_000
_UPLOAD = 100_000_000
_CELL = 32_000
_LINE = 400_000
_NULL = "#N/A"
_DATE = r"\d{4}-\d\d-\d\d"
_TIME = _DATE + r"T\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:?\d\d)"
_PATTERNS = {
    "boolean": r"(?i)true|false|1|0",
    "date": _DATE,
    "datetime": _TIME,
    "double": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    "int": r"[+-]?\d+",
}
csv.field_size_limit(2**24)


class BadJob(Exception):
    """A request about a job that Salesforce refuses."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class Job:
    """One job that writes."""

    id: str
    thing: str
    operation: str
    key: str
    line_ending: str
    state: str = "Open"
    data: bytes | None = None
    error: str = ""
    processed: int = 0
    failed: int = 0
    results: dict[str, bytes] = field(default_factory=dict)

    def as_json(self, version: str) -> dict[str, Any]:
        told = {
            "id": self.id,
            "operation": self.operation,
            "object": self.thing,
            "state": self.state,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": self.line_ending,
            "concurrencyMode": "Parallel",
            "apiVersion": float(version),
            "numberRecordsProcessed": self.processed,
            "numberRecordsFailed": self.failed,
        }
        if self.state == "Open":
            told["contentUrl"] = f"services/data/v{version}/jobs/ingest/{self.id}/batches"
        if self.error:
            told["errorMessage"] = self.error
        return told


@dataclass
class Troubles:
    """What goes wrong with jobs."""

    held: bool = False
    """Closed jobs wait in the queue."""
    fail_after: int | None = None
    """The next job fails after so many rows; 0: before the first."""
    aborted: bool = False
    """An administrator aborts the next job."""
    unnamed: int = 0
    """So many rows of the next job stand in none of its results."""


class Ingest:
    """The jobs that write, worked on by threads."""

    def __init__(self, org: Org) -> None:
        self.org, self.jobs, self.troubles = org, {}, Troubles()
        self.jobs: dict[str, Job] = {}
        self._numbers = itertools.count(1)

    def create(self, body: dict[str, Any]) -> Job:
        thing, operation = body.get("object"), body.get("operation")
        if body.get("contentType") != "CSV" or body.get("columnDelimiter", "COMMA") != "COMMA":
            raise BadJob("INVALIDJOB", "contentType and columnDelimiter")
        if thing not in self.org.records:
            raise BadJob("INVALIDENTITY", f"sObject type '{thing}' is not supported.")
        if operation not in {"insert", "update", "upsert"}:
            raise BadJob("INVALIDOPERATION", f"{operation}")
        key = body.get("externalIdFieldName", "")
        if operation == "upsert":
            told = self.org.fields(thing).get(key)
            if told is None or not told["externalId"]:
                raise BadJob(
                    "INVALIDJOB", f"InvalidJob : Field name provided, {key} does not match"
                )
        number = next(self._numbers)
        job = Job(f"750{number:012d}AAA", thing, operation, key, body.get("lineEnding", "LF"))
        self.jobs[job.id] = job
        return job

    def upload(self, job: Job, data: bytes) -> None:
        if job.state != "Open":
            raise BadJob("INVALIDJOBSTATE", f"Job is not Open but {job.state}")
        if job.data is not None:
            raise BadJob("CLIENTINPUTERROR", "Found multiple contents for job")
        if len(data) > _UPLOAD:
            raise BadJob("CLIENTINPUTERROR", "The uploaded data exceeds 150 MB in base64")
        job.data = data

    def close(self, job: Job) -> None:
        if job.state != "Open" or job.data is None:
            raise BadJob("INVALIDJOBSTATE", f"Job is {job.state}, or has no data")
        job.state = "UploadComplete"
        if not self.troubles.held:
            threading.Thread(target=self.work, args=(job,), daemon=True).start()

    def abort(self, job: Job) -> None:
        if job.state not in {"Open", "UploadComplete", "InProgress"}:
            raise BadJob("INVALIDJOBSTATE", f"Aborting already {job.state} job not allowed")
        job.state, job.data = "Aborted", None

    def release(self) -> None:
        """Let the jobs that wait begin."""
        self.troubles.held = False
        for job in list(self.jobs.values()):
            if job.state == "UploadComplete":
                self.work(job)

    def work(self, job: Job) -> None:
        """Write what *job* carries."""
        job.state = "InProgress"
        if self.troubles.aborted:
            self.troubles.aborted = False
            job.state = "Aborted"
            return
        _Work(self.org, job, self.troubles).run()
        job.data = None


class _Work:
    """One job being worked on."""

    def __init__(self, org: Org, job: Job, troubles: Troubles) -> None:
        self.org, self.job, self.troubles = org, job, troubles
        self.done: list[list[str]] = []
        self.refused: list[list[str]] = []

    def run(self) -> None:
        try:
            head, rows = self._parsed()
        except BadJob as error:
            self.job.error, self.job.state = error.message, "Failed"
            return
        stop = self.troubles.fail_after
        self.troubles.fail_after = None
        going = rows if stop is None else rows[:stop]
        for start in range(0, len(going), CHUNK):
            with self.org.lock:
                self._chunk(head, going, start)
        left = [] if stop is None else rows[stop:]
        self.org.batches_left -= -(-len(rows) // _BATCH)
        self._finish(head, left)

    def _parsed(self) -> tuple[list[str], list[list[str]]]:
        text = (self.job.data or b"").decode()  # UTF-8, or it fails
        if "\r" in text or self.job.line_ending != "LF":
            raise BadJob("", "ClientInputError : LineEnding is invalid on user data")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        head, rows = rows[0], rows[1:]
        known = self.org.fields(self.job.thing)
        for name in head:
            if name not in known:
                raise BadJob("", f"InvalidBatch : Field name not found : {name}")
        by = self.job.key if self.job.operation == "upsert" else "Id"
        if self.job.operation != "insert" and by not in head:
            raise BadJob("", f"InvalidBatch : Field name not found : {by}")
        if len(set(head)) != len(head):
            raise BadJob("", "InvalidBatch : Duplicate field in header")
        for row in rows:
            if len(row) != len(head):
                raise BadJob("", "InvalidBatch : Row length differs from header")
            if max(map(len, row)) > _CELL or sum(map(len, row)) > _LINE:
                raise BadJob("", "InvalidBatch : Field data exceeds 32000 characters")
        return head, rows

    def _chunk(self, head: list[str], rows: list[list[str]], start: int) -> None:
        chunk = rows[start : start + CHUNK]
        locked = self._parents(head, rows[max(0, start - CHUNK) : start])
        keys: set[str] = set()
        for row in chunk:
            try:
                values = self._values(head, row)
                self._require_alone(values, keys, locked)
                record, made = self._write(values)
            except Crashed:
                self._refuse(row, Refused("UNKNOWN_EXCEPTION", "An unexpected error occurred"))
            except Refused as error:
                self._refuse(row, error)
            else:
                self.done.append([record, "true" if made else "false", *row])

    def _parents(self, head: list[str], rows: list[list[str]]) -> set[str]:
        """Parents that the neighbouring chunk locks, every other one at the same time."""
        if not self.org.parallel or self.job.operation != "update":
            return set()
        held = (self.org.records[self.job.thing].get(row[head.index("Id")], {}) for row in rows)
        return {str(record["AccountId"]) for record in held if record.get("AccountId")}

    def _require_alone(self, values: Record, keys: set[str], locked: set[str]) -> None:
        key = values.get(self.job.key) if self.job.key else None
        if key is not None:
            folded = str(key).lower()
            if folded in keys:
                raise Refused("DUPLICATE_VALUE", f"Duplicate external id specified: {key}")
            keys.add(folded)
        if locked and "Id" in values:
            parent = self.org.records[self.job.thing].get(values["Id"], {}).get("AccountId")
            if parent in locked:
                message = f"unable to obtain exclusive access to this record or 1 records: {parent}"
                raise Refused("UNABLE_TO_LOCK_ROW", message)

    def _values(self, head: list[str], row: list[str]) -> Record:
        known = self.org.fields(self.job.thing)
        pairs = zip(head, row, strict=True)
        return {name: _typed(known[name], text) for name, text in pairs if text != ""}

    def _write(self, values: Record) -> tuple[str, bool]:
        if self.job.operation == "update":
            record = values.pop("Id", "")
            return self.org.update(self.job.thing, record, values), False
        return self.org.upsert(self.job.thing, self.job.key, values)

    def _refuse(self, row: list[str], error: Refused) -> None:
        self.refused.append(["", error.as_cell(), *row])

    def _finish(self, head: list[str], left: list[list[str]]) -> None:
        job, lost = self.job, self.troubles.unnamed
        self.troubles.unnamed = 0
        done = self.done[lost:]
        job.results = {
            "successfulResults": _csv(["sf__Id", "sf__Created", *head], done[::-1]),
            "failedResults": _csv(["sf__Id", "sf__Error", *head], self.refused[::-1]),
            "unprocessedrecords": _csv(head, left),
        }
        job.processed, job.failed = len(self.done) + len(self.refused), len(self.refused)
        if left:
            job.error = "InternalServerError : the batch was retried too often"
        job.state = "Failed" if left else "JobComplete"


def _csv(head: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode()


def _typed(told: dict[str, Any], text: str) -> Any:
    if text == _NULL:
        if told["type"] == "boolean":
            raise Refused("INVALID_TYPE_ON_FIELD_IN_RECORD", "a checkbox", told["name"])
        return None
    kind = told["type"]
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        return text
    if not re.fullmatch(pattern, text):
        message = f"Error converting value to correct data type: {text[:60]}"
        raise Refused("INVALID_TYPE_ON_FIELD_IN_RECORD", message, told["name"])
    if kind == "boolean":
        return text.lower() in {"true", "1"}
    if kind == "datetime":
        return shown_time(text)
    return {"double": float, "int": int}.get(kind, str)(text)


def shown_time(text: str) -> str:
    """A time as REST shows it."""
    moment = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


@dataclass
class QueryJob:
    """A job that reads, done as soon as it is asked for the second time."""

    id: str
    head: list[str]
    kinds: list[str]
    rows: list[list[Any]]
    error: str = ""
    polls: int = 0

    @property
    def state(self) -> str:
        if self.polls < 2:
            return "InProgress"
        return "Failed" if self.error else "JobComplete"

    def page(self, start: int, most: int) -> bytes:
        rows = self.rows[start : start + most]
        return _csv(self.head, [list(self._cells(row)) for row in rows])

    def _cells(self, row: list[Any]) -> Iterator[str]:
        for kind, value in zip(self.kinds, row, strict=True):
            if value is None:
                yield ""
            elif isinstance(value, bool):
                yield "true" if value else "false"
            else:
                yield str(value).replace("+0000", "Z") if kind == "datetime" else str(value)
