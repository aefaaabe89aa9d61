"""Every error that salesml raises, in one tree.

An error says what was wrong, what was received, where, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "ConfigError",
    "DataQualityError",
    "ExportError",
    "FeatureError",
    "IncompleteError",
    "LabelError",
    "LockedError",
    "ModelError",
    "QuotaError",
    "SalesmlError",
    "SourceError",
    "StoppedError",
    "UnansweredError",
    "suggest",
]


class SalesmlError(Exception):
    """Base of all errors of salesml.

    Parameters
    ----------
    what : what is wrong, one sentence.
    received : what was found instead, where that helps.
    where : file and line, table and column, or record.
    fix : what the reader can do.
    """

    def __init__(
        self,
        what: str,
        *,
        received: object | None = None,
        where: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.received, self.where, self.fix = what, received, where, fix
        super().__init__(what, received, where, fix)

    def __str__(self) -> str:
        labelled = (("received", self.received), ("where", self.where), ("to do", self.fix))
        return "\n".join([self.what, *(f"  {k}: {v}" for k, v in labelled if v is not None)])

    def __reduce__(self) -> tuple[object, ...]:
        state = {"received": self.received, "where": self.where, "fix": self.fix}
        return _rebuild, (type(self), self.what, state)


def _rebuild(kind: type[SalesmlError], what: str, state: dict[str, str | None]) -> SalesmlError:
    return kind(what, **state)


class ConfigError(SalesmlError):
    """A file under ``configs/`` or ``features/`` says something impossible."""


class SourceError(SalesmlError):
    """A source cannot be read: unreachable, missing, empty, or without a column it must have."""


class QuotaError(SourceError):
    """A system's limit for the day is used up: it takes nothing more until it is reset."""


class UnansweredError(SourceError):
    """A request was sent and no answer came: it may have been carried out, or not."""


class DataQualityError(SalesmlError):
    """More rows failed a check than the project allows."""


class FeatureError(SalesmlError):
    """A feature set does not bind, breaks its own examples, looks ahead, or names persons."""


class LabelError(SalesmlError, ValueError):
    """There is nothing to learn from: no rows, one class only, or too few positives."""


class ModelError(SalesmlError, ValueError):
    """A model is missing, was changed by hand, or does not fit the data it is given."""


class ExportError(SalesmlError):
    """Scores cannot be written back; ``result`` tells what was done before, where anything was."""

    result: Any = None


class LockedError(SalesmlError):
    """Another run of the same project is under way."""


class StoppedError(SalesmlError):
    """The run was asked to stop, and did after what it had in hand; ``result`` tells what."""

    result: Any = None


class IncompleteError(SalesmlError):
    """Some tasks failed or targets could not be written; ``result`` tells what was done."""

    result: Any = None


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for a near miss of *word* in *known*, else an empty text."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
