"""``$batch``: many requests in one, each answered on its own.

See https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api:
at most 1,000 operations, carried out one after the other, answered in their order.
"""

from __future__ import annotations

import email
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

__all__ = ["Operation", "answers_in", "packed"]

_PART = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"


@dataclass(frozen=True)
class Operation:
    """One request inside a batch."""

    method: str
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def packed(operations: Sequence[Operation]) -> tuple[str, bytes]:
    """Content type and content of the batch of *operations*."""
    boundary = f"batch_{uuid.uuid4()}"
    parts = "".join(f"--{boundary}\r\n{_PART}{_request(o)}\r\n" for o in operations)
    return f'multipart/mixed; boundary="{boundary}"', f"{parts}--{boundary}--\r\n".encode("ascii")


def _request(operation: Operation) -> str:
    headers = {"Content-Type": "application/json; type=entry", **operation.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    # JSON in ASCII: no line separator of Unicode can end a line of the envelope
    return (
        f"{operation.method} {operation.path} HTTP/1.1\r\n{lines}\r\n{json.dumps(operation.body)}"
    )


def answers_in(response: httpx.Response) -> list[httpx.Response]:
    """The answers in the *response* to a batch, in order; raises ValueError if it is none."""
    kind = response.headers.get("Content-Type", "")
    head = f"Content-Type: {kind}\r\n\r\n".encode("latin-1")
    message = email.message_from_bytes(head + response.content)
    if message.get_content_type() != "multipart/mixed" or not message.is_multipart():
        raise ValueError(kind)
    return [_answer(part.get_payload(decode=True)) for part in message.get_payload()]  # type: ignore[union-attr]


def _answer(content: Any) -> httpx.Response:
    head, _, body = bytes(content).partition(b"\r\n\r\n")
    status, *_lines = head.decode("latin-1").split("\r\n")
    return httpx.Response(int(status.split(" ")[1]), content=body)
