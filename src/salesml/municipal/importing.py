"""Importing published files: recognise, read, join, and write the tables of a project."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from salesml.config import Project
from salesml.errors import LockedError, SalesmlError, SourceError
from salesml.municipal.budget_year import budget_calendar
from salesml.municipal.import_report import FileReport, ImportReport, file_report
from salesml.municipal.joining import Joined, join
from salesml.municipal.parts import Parts, write_parquet
from salesml.municipal.peers import neighbours, peers
from salesml.municipal.policy import policy_fit, priorities
from salesml.municipal.published import Part, Sheet, read_published
from salesml.municipal.register import Register, read_successions
from salesml.municipal.settings import MunicipalConfig, load_municipal
from salesml.municipal.subsidies import eligibility
from salesml.municipal.tables import ALWAYS, PUBLISHED, as_arrow, published_table

__all__ = ["import_files"]

Tell = Callable[[str], None]

_TABLES = (".csv", ".tsv", ".xls", ".xlsx")
_REGISTER = ("codes", "classes", "coordinates")


@dataclass(frozen=True)
class Derived:
    """What a table that looks across municipalities is made of."""

    tables: Mapping[str, pd.DataFrame]
    settings: MunicipalConfig
    folder: Path
    tell: Tell


DERIVED: dict[str, Callable[[Derived], pd.DataFrame]] = {
    "budget_calendar": lambda d: budget_calendar(d.settings),
    "eligibility": lambda d: eligibility(d.tables, d.settings, d.folder, d.tell),
    "peers": lambda d: peers(d.tables, d.settings),
    "neighbours": lambda d: neighbours(d.tables, d.settings),
    "policy_fit": lambda d: policy_fit(d.tables, d.settings, d.tell),
    "policy_priorities": lambda d: priorities(d.tables, d.settings),
}
"""Tables computed from the published ones, in order."""


@dataclass
class _Read:
    """A file and what came of it."""

    path: Path
    layout: str = ""
    parts: list[Part] = field(default_factory=list)
    replaced: int = 0


def import_files(
    project: Project, paths: Sequence[Path], tell: Tell = lambda _: None
) -> ImportReport:
    """Read published files into the tables of *project*, under ``var/<project>/municipal/``.

    Folders are walked. A file of a table and edition that was imported before replaces it; all
    others stay. Files that cannot be read are among ``problems`` of the report, and the others
    are imported all the same.
    """
    settings = load_municipal(project)
    folder = project.var / "municipal"
    report = ImportReport(folder, project.root / "configs" / project.name)
    parts = Parts(folder / "parts")
    files, report.skipped = _files(paths)
    with _alone(folder):
        reads = list(_read_all(files, parts, report.problems, tell))
        joined = _write_published(parts, settings, folder, report, tell)
        _write_unjoined(joined.values(), report.unjoined_csv)
    many = report.municipalities
    report.files = [_told(read, joined, settings, many) for read in reads]
    return report


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the imports into *folder*; the system frees it when the process dies."""
    lock = FileLock(folder / "import.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedError(
            "Another import into this project is under way.",
            where=str(folder / "import.lock"),
            fix="Wait until it ends; the lock of an import that died is free at once.",
        ) from None
    except OSError as error:
        raise SourceError(
            f"Nothing can be written where imports go: {error.strerror}.",
            where=str(folder),
            fix="Make it a folder that may be written to.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _files(paths: Iterable[Path]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The files under *paths*, folders walked, and those in folders that are no data."""
    absent = [path for path in paths if not path.exists()]
    if absent:
        raise SourceError(
            f"There is no file {', '.join(map(str, absent))}.", fix="Check the paths."
        )
    named = [path for path in paths if not path.is_dir()]
    inside = [
        file
        for path in paths
        if path.is_dir()
        for file in sorted(path.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    ]
    read = [file for file in inside if _worth_reading(file)]
    skipped = [(file, "no published data") for file in inside if not _worth_reading(file)]
    return list(dict.fromkeys([*named, *read])), skipped


def _worth_reading(file: Path) -> bool:
    """Whether a file found in a folder is meant: a table, or a text named like a document."""
    name = file.name.removesuffix(".gz").lower()
    return name.endswith(_TABLES) or (name.endswith(".txt") and name[:4].isdigit())


def _read_all(
    files: Sequence[Path], parts: Parts, problems: list[SalesmlError], tell: Tell
) -> Iterator[_Read]:
    """Each file read, and its parts kept; what cannot be read goes to *problems*."""
    for number, path in enumerate(files, 1):
        tell(f"reading {path.name} ({number} of {len(files)})")
        try:
            layout, read = read_published(Sheet(path))
        except SalesmlError as error:
            problems.append(error)
            continue
        replaced = [parts.put(part) for part in read]
        yield _Read(path, layout, read, sum(replaced))


def _write_published(
    parts: Parts, settings: MunicipalConfig, folder: Path, report: ImportReport, tell: Tell
) -> dict[tuple[str, str], Joined]:
    """Join all parts there are and write every table; returns the parts joined."""
    lists = {kind: frame for kind in _REGISTER if (frame := parts.frame(kind)) is not None}
    register = Register.build(lists, read_successions(parts.frame("successions")))
    report.municipalities = len(register.names)
    tables = {"municipalities": register.municipalities.assign(known_at=ALWAYS)}
    joined: dict[tuple[str, str], Joined] = {}
    for table in PUBLISHED:
        tell(f"joining {table}")
        found = [join(part, register) for part in parts.read(table)]
        joined |= {(table, one.part.edition): one for one in found}
        frames = [one.frame for one in found]
        tables[table] = published_table(table, frames, settings.publication)
        report.editions[table] = [one.part.edition for one in found]
    for name, frame in tables.items():
        _write(name, frame, folder, report)
    _write_derived(tables, settings, folder, report, tell)
    return joined


def _write_derived(
    tables: Mapping[str, pd.DataFrame],
    settings: MunicipalConfig,
    folder: Path,
    report: ImportReport,
    tell: Tell,
) -> None:
    known = {name: frame for name, frame in tables.items() if len(frame)}
    given = Derived(known, settings, report.configs, report.warnings.append)
    for name, make in DERIVED.items():
        tell(f"computing {name}")
        try:
            _write(name, make(given), folder, report)
        except SalesmlError as error:
            report.problems.append(error)


def _write(name: str, frame: pd.DataFrame, folder: Path, report: ImportReport) -> None:
    write_parquet(as_arrow(frame, name), folder / f"{name}.parquet")
    report.rows[name] = len(frame)


def _told(
    read: _Read,
    joined: Mapping[tuple[str, str], Joined],
    settings: MunicipalConfig,
    municipalities: int,
) -> FileReport:
    found = [joined[key] for part in read.parts if (key := (part.table, part.edition)) in joined]
    return file_report(
        read.path, read.layout, read.parts, found, read.replaced, settings, municipalities
    )


def _write_unjoined(joined: Iterable[Joined], path: Path) -> None:
    """All that did not join so far, whichever import it came with."""
    rows = [
        (one.part.table, one.part.edition, u.written, u.reason, u.detail, u.rows)
        for one in joined
        for u in one.unjoined
    ]
    columns = ["table", "edition", "written", "reason", "detail", "rows"]
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    pd.DataFrame(rows, columns=columns).to_csv(temporary, index=False)
    temporary.replace(path)
