"""What a reader must know before trusting the lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salesml.config import Words
from salesml.report.action_section import ActionSection
from salesml.report.agenda import counts
from salesml.report.formats import shown
from salesml.report.section import TaskSection
from salesml.report.words import phrase

if TYPE_CHECKING:
    from salesml.export import ExportResult
    from salesml.intake import ReadReport

__all__ = ["Notice", "notices", "unacted"]


@dataclass(frozen=True)
class Notice:
    """One thing to know; ``part`` is the id of the part of the page that tells more."""

    words: Words
    part: str
    serious: bool


def notices(
    sections: Sequence[TaskSection],
    reads: Sequence[ReadReport],
    exports: Sequence[ExportResult],
    failures: Sequence[tuple[Words, str]] = (),
    actions: ActionSection | None = None,
) -> list[Notice]:
    """Everything to know, serious things first; *failures* are titles of tasks, and errors."""
    found = [
        *_of_failures(failures),
        *_of_exports(exports),
        *(_of_actions(actions) if actions else ()),
        *_of_tasks(sections),
        *_of_models(sections),
        *_of_reads(reads),
    ]
    return sorted(found, key=lambda notice: not notice.serious)


def _of_failures(failures: Sequence[tuple[Words, str]]) -> Iterator[Notice]:
    for title, error in failures:
        why = shown(error.partition("\n")[0], limit=200).text
        words = phrase("notice_task_failed", title=title, error=why)
        yield Notice(words, "overview", serious=True)


def _of_models(sections: Sequence[TaskSection]) -> Iterator[Notice]:
    for section in sections:
        upkeep, title = section.upkeep, section.task.title
        if upkeep and upkeep.retrained:
            words = phrase("notice_model", title=title, words=upkeep.retrained)
            yield Notice(words, "model", serious=upkeep.failed)
        for drift in upkeep.drift if upkeep else ():
            yield Notice(phrase("notice_model", title=title, words=drift), "model", serious=False)


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
        yield from _of_export(export)


def _of_export(export: ExportResult) -> Iterator[Notice]:
    def notice(key: str, *, serious: bool = True, **values: object) -> Notice:
        words = phrase(key, target=export.target, **values)
        return Notice(words, "write-back", serious)

    if export.stopped is not None:
        yield notice("notice_stopped", why=shown(export.stopped.what, limit=200).text)
    if export.dead:
        yield notice("notice_dead", n=export.dead)
    if export.dropped:
        yield notice("notice_dropped", fields=", ".join(export.dropped))
    if export.carried and export.stopped is None:
        yield notice("notice_carried", n=export.carried, serious=False)


def unacted(error: str) -> Iterator[Notice]:
    """That next actions could not be decided, for *error*; nothing where there is none."""
    if error:
        why = shown(error.partition("\n")[0], limit=200).text
        yield Notice(phrase("notice_actions_failed", error=why), "overview", serious=True)


def _of_actions(actions: ActionSection) -> Iterator[Notice]:
    overdue = counts(actions.agenda, actions.as_of).overdue
    if overdue:
        yield Notice(phrase("notice_overdue", n=overdue), "today", serious=True)
    if actions.notes:
        words = phrase("notice_action_notes", n=len(actions.notes))
        yield Notice(words, "action-notes", serious=False)
