"""MLflow's own file, mended where it was moved: it notes the full path of every artifact."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from salesml.errors import ModelError

__all__ = ["relocate"]

_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def relocate(store: Path, old: str, artifacts: Path) -> None:
    """Let *store* know that the files under the URI *old* lie in *artifacts* now.

    Done only where the files of every finished run are there: then store and files were moved, or
    copied, together. Raises ModelError otherwise, and changes nothing.
    """
    new = artifacts.as_uri()
    with closing(sqlite3.connect(store)) as link, link:
        missing = [run for run in _finished(link, old) if not (artifacts / run).is_dir()]
        if missing:
            raise ModelError(
                "The MLflow store keeps its files in another directory.",
                received=f"{old}; {artifacts} lacks the files of {len(missing)} runs",
                where=str(store),
                fix=f"Copy what is there to {artifacts}, or start a new store.",
            )
        for table, column in _PLACES:
            link.execute(
                f"update {table} set {column} = :new || substr({column}, length(:old) + 1) "
                f"where {column} = :old or substr({column}, 1, length(:old) + 1) = :old || '/'",
                {"old": old, "new": new},
            )


def _finished(link: sqlite3.Connection, old: str) -> list[str]:
    found = link.execute(
        "select run_uuid from runs where status = 'FINISHED' "
        "and substr(artifact_uri, 1, length(:old) + 1) = :old || '/'",
        {"old": old},
    )
    return [str(run) for (run,) in found]
