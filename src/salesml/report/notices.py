"""What a reader must know before trusting the lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salesml.config import Words
from salesml.report.section import TaskSection
from salesml.report.words import phrase

if TYPE_CHECKING:
    from salesml.export import ExportResult
    from salesml.intake import ReadReport

__all__ = ["Notice", "notices"]


@dataclass(frozen=True)
class Notice:
    """One thing to know; ``part`` is the id of the part of the page that tells more."""

    words: Words
    part: str
    serious: bool


def notices(
    sections: Sequence[TaskSection], reads: Sequence[ReadReport], exports: Sequence[ExportResult]
) -> list[Notice]:
    """Everything to know, serious things first."""
    found = [*_of_exports(exports), *_of_tasks(sections), *_of_reads(reads)]
    return sorted(found, key=lambda notice: not notice.serious)


def _of_tasks(sections: Sequence[TaskSection]) -> Iterator[Notice]:
    for section in sections:
        title, part = section.task.title, f"task-{section.task.name}"
        if section.scores.empty:
            yield Notice(phrase("notice_empty", title=title), part, serious=False)
        if not section.beats_base_rate:
            words = phrase("notice_base_rate", title=title, verdict=section.verdict)
            yield Notice(words, part, serious=True)


def _of_reads(reads: Sequence[ReadReport]) -> Iterator[Notice]:
    count = sum(read.quality.quarantined for read in reads)
    if count:
        yield Notice(phrase("notice_quarantined", n=count), "data", serious=False)


def _of_exports(exports: Sequence[ExportResult]) -> Iterator[Notice]:
    if any(export.dry_run for export in exports):
        yield Notice(phrase("notice_dry_run"), "write-back", serious=False)
    for export in exports:
        if export.failed:
            words = phrase("notice_failed", n=export.failed, target=export.target)
            yield Notice(words, "write-back", serious=True)
