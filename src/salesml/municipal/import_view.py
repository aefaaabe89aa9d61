"""What an import came to, on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from salesml.municipal.import_report import FileReport, ImportReport, summed
from salesml.municipal.joining import Unjoined
from salesml.municipal.register import MERGED

__all__ = ["show_import"]

_NAMES_SHOWN = 8


def show_import(console: Console, report: ImportReport) -> None:
    """Print what each file was and what joined, what did not and why, and what was written."""
    console.print(_files(report.files))
    for line in _lines(report):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(
        f"{report.municipalities:,} municipalities in {escape(str(report.folder))}", highlight=False
    )
    for name, rows in report.rows.items():
        console.print(f"  {name:<16} {rows:>9,} rows", highlight=False)
    for problem in report.problems:
        text = f"[bold red]Error:[/] {escape(str(problem))}"
        console.print(text, highlight=False, soft_wrap=True)


def _files(files: Iterable[FileReport]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("recognised as", "edition", "file", "rows", "joined", "known from"):
        table.add_column(name, justify="right" if name in ("rows", "joined") else "left")
    for file in files:
        again = f" [dim](replaced {file.replaced})[/]" if file.replaced else ""
        table.add_row(
            escape(file.layout),
            escape(_span(file.editions)) + again if file.tables else "not needed",
            escape(file.path.name),
            f"{file.rows:,}",
            f"{file.joined:,}",
            _span([str(d) for d in (file.known_from, file.known_until) if d]),
        )
    return table


def _span(values: Sequence[str]) -> str:
    return " … ".join(dict.fromkeys((*values[:1], *values[-1:])))


def _lines(report: ImportReport) -> Iterator[str]:
    """All that is worth a look, one line each."""
    for layout in dict.fromkeys(file.layout for file in report.files):
        files = [file for file in report.files if file.layout == layout]
        for text in (*_counts(files), *_why_not(files), *_notes(files)):
            yield f"[yellow]{escape(layout)}[/]: {escape(text)}"
    for table, years in report.gaps.items():
        yield f"[yellow]{table}[/]: missing in between: {', '.join(map(str, years))}"
    if not report.municipalities:
        yield (
            "[bold yellow]There is no list of municipalities yet, so that nothing joins.[/] Import "
            "the list of 全国地方公共団体コード; what was read is kept until then."
        )
    for warning in report.warnings:
        yield f"[yellow]{escape(warning)}[/]"
    passed = dict.fromkeys(f"{path.name} ({why})" for path, why in report.skipped)
    if passed:
        yield f"[dim]passed over: {escape(', '.join(passed))}[/]"
    if any(file.unjoined for file in report.files):
        yield f"[dim]all that did not join: {escape(str(report.unjoined_csv))}[/]"


def _why_not(files: Sequence[FileReport]) -> Iterator[str]:
    """What did not join, by reason, with the first names."""
    unjoined = summed(one for file in files for one in file.unjoined)
    for reason in dict.fromkeys(one.reason for one in unjoined):
        group = [one for one in unjoined if one.reason == reason]
        rows = sum(one.rows for one in group)
        more = f" and {len(group) - _NAMES_SHOWN} more" if len(group) > _NAMES_SHOWN else ""
        head = "merged since, set aside" if reason == MERGED else reason
        names = "; ".join(_named(one) for one in group[:_NAMES_SHOWN])
        yield f"{head} ({rows:,} rows): {names}{more}"


def _counts(files: Sequence[FileReport]) -> Iterator[str]:
    """How many rows joined by less than a code, are of no municipality, or stand there twice."""
    for by in dict.fromkeys(by for file in files for by in file.by):
        rows = sum(file.by[by] for file in files)
        yield f"joined by {by} ({rows:,} rows)"
    summaries = sum(file.summaries for file in files)
    repeated = sum(file.repeated for file in files)
    if summaries:
        yield f"means, totals and footnotes left out ({summaries:,} rows)"
    if repeated:
        yield f"more rows of a municipality that the file has already, left out ({repeated:,} rows)"


def _named(one: Unjoined) -> str:
    return f"{one.written} ({one.detail})" if one.detail else one.written


def _notes(files: Sequence[FileReport]) -> Iterator[str]:
    """Notes, each once, with the files it is of where those are not all."""
    notes: dict[str, list[str]] = {}
    for file in files:
        for note in file.notes:
            notes.setdefault(note, []).append(file.path.name)
    for note, names in notes.items():
        whose = f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}: "
        yield note if len(names) == len(files) else f"{whose}{note}"
