"""What Salesforce's answers and error codes mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

from salesml.crm.http import Answer, answer_of, shortened
from salesml.crm.records import Fate, Refusal
from salesml.errors import QuotaError, SalesmlError

__all__ = ["Told", "judged", "refusal", "refused", "told"]

# https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html
_SIGNED_OUT = {
    "INVALID_SESSION_ID",
    "INVALID_AUTH_HEADER",
    "Bad_OAuth_Token",
    "Missing_OAuth_Token",
}
_QUOTA = {"REQUEST_LIMIT_EXCEEDED", "EXCEEDED_QUOTA", "ExceededQuota", "API_LIMIT_EXCEEDED"}

# https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
_PASSING = {
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "PROCESSING_HALTED",
    "QUERY_TIMEOUT",
    "REQUEST_RUNNING_TOO_LONG",
    "SERVER_UNAVAILABLE",
    "UNABLE_TO_LOCK_ROW",
    "UNKNOWN_EXCEPTION",
}
_GONE = {"CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED"}


@dataclass(frozen=True)
class Told:
    """An error in Salesforce's words: its code, its message, the fields it is about."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        about = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.code}: {shortened(self.message)}{about}"

    @classmethod
    def of_json(cls, error: dict[str, object]) -> Told:
        """From one of the ``errors`` of a record, or of a request."""
        code = error.get("statusCode") or error.get("errorCode") or error.get("error") or "?"
        fields = error.get("fields")
        named = tuple(map(str, fields)) if isinstance(fields, list) else ()
        return cls(str(code), str(error.get("message", "")), named)

    @classmethod
    def of_cell(cls, text: str) -> Told:
        """From the column ``sf__Error`` of a job: ``CODE:message:Field,Field --``."""
        code, _, rest = text.partition(":")
        found = re.fullmatch(r"(?s)(.*):([\w., ]*?) ?--", rest)
        message, names = (found[1], found[2]) if found else (rest, "")
        return cls(code, message, tuple(name.strip() for name in names.split(",") if name.strip()))


def told(response: httpx.Response) -> Told:
    """The first error that *response* tells of."""
    try:
        body = response.json()
    except ValueError:
        body = None
    error = body[0] if isinstance(body, list) and body else body
    if isinstance(error, dict):
        return Told.of_json(error)
    # some endpoints answer with the bare code
    word = response.text.strip()
    return Told(word if word in _SIGNED_OUT else f"status {response.status_code}", word)


def judged(response: httpx.Response) -> Answer:
    """What *response* means for its request; raises QuotaError where the day's limit is reached."""
    if not response.is_error:
        return Answer.FINE
    error = told(response)
    if error.code in _SIGNED_OUT:
        return Answer.EXPIRED
    if error.code in _QUOTA:
        if "concurrent" in error.message.lower():
            return Answer.WAIT
        raise QuotaError(
            "Salesforce takes no more requests until its limit of the last 24 hours has room.",
            received=str(error),
            where=str(response.request.url.host),
            fix="Nothing: the next run goes on. Lower `limits` in export.yml to leave others some.",
        )
    return answer_of(response)


def refused(
    response: httpx.Response, kind: type[SalesmlError], what: str, where: str
) -> SalesmlError:
    """The error to raise where *response* refuses a whole request."""
    return kind(what, received=f"status {response.status_code}, {told(response)}", where=where)


def refusal(error: Told, *, made: bool) -> Refusal:
    """What becomes of a record that is refused with *error*; *made*: it was to be made."""
    return Refusal(_fate(error, made), str(error))


def _fate(error: Told, made: bool) -> Fate:
    # a trigger that meets a lock reports it in the message of its own code
    if error.code in _PASSING or "UNABLE_TO_LOCK_ROW" in error.message:
        return Fate.RETRY
    if error.code in _GONE:
        return Fate.GONE
    if made and error.code == "DUPLICATE_VALUE":
        return Fate.CHANGED  # somebody was faster
    purged = error.code == "INVALID_CROSS_REFERENCE_KEY" and set(error.fields) <= {"Id"}
    return Fate.GONE if purged and not made else Fate.DEAD
