"""The book of scores: what a run found of every entity, as Parquet by task and date."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from salesml.config import Project, TaskConfig
from salesml.errors import ModelError
from salesml.store import write_atomically

__all__ = ["ScoreBook", "keep_inputs", "score_types", "write_scores"]

_INPUTS = "_inputs"  # readers of Parquet pass over folders named like this

_REASON = pa.struct(
    {
        "concept": pa.string(),
        "points": pa.int32(),
        "text_ja": pa.string(),
        "text_en": pa.string(),
        "peers_ja": pa.string(),
        "peers_en": pa.string(),
        "help": pa.int32(),
    }
)
_CHANGE = pa.struct(
    {
        "kind": pa.string(),
        "concept": pa.string(),
        "points": pa.int32(),
        "text_ja": pa.string(),
        "text_en": pa.string(),
    }
)
_TOLD = {"reasons": pa.list_(_REASON), "changes": pa.list_(_CHANGE)}


def write_scores(path: Path, task: TaskConfig, scored: pd.DataFrame) -> None:
    """Write the scores of some entities, with their reasons and changes, to *path*."""
    columns = {
        name: pa.array(scored[name], type=kind, from_pandas=True)
        if name in scored
        else pa.nulls(len(scored), kind)
        for name, kind in _schema(task).items()
    }
    columns |= {name: pa.array(list(scored[name]), type=kind) for name, kind in _TOLD.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def keep_inputs(folder: Path, bucket: str, files: Mapping[str, Path]) -> None:
    """Keep the feature values that *bucket* was scored with, *files* by feature set, for audits.

    Links take no space, and keep the values when a correction of the past replaces the snapshot;
    where the disk knows none, they are copied.
    """
    for name, path in files.items():
        target = folder / _INPUTS / bucket / f"{name}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)


def _schema(task: TaskConfig) -> dict[str, pa.DataType]:
    text, number = pa.string(), pa.float64()
    return {
        task.id_column: text,
        "as_of": pa.date32(),
        "run_id": text,
        "model_version": text,
        "probability": number,
        "score": pa.int32(),
        "band": text,
        "change": pa.int32(),
        "expected_value": number,
        "name": text,
        "owner": text,
        "segment": text,
        "amount": number,
    }


def score_types(task: TaskConfig) -> dict[str, type]:
    """Columns with single values that `ScoreBook.read` returns for *task*, and their types."""
    kinds = {pa.string(): str, pa.float64(): float, pa.int32(): int, pa.date32(): dt.date}
    return {name: kinds[kind] for name, kind in _schema(task).items()}


class ScoreBook:
    """The scores of one task: one folder a run, and per date a note of the run that counts."""

    def __init__(self, project: Project, task: str) -> None:
        self.root = project.var / "scores" / task
        self._task = task

    def begin(self, as_of: dt.date, run_id: str) -> Path:
        """The folder a run writes its buckets to; nobody reads it before `publish`."""
        self._sweep()
        return self._folder(as_of, run_id)

    def publish(self, as_of: dt.date, run_id: str, meta: dict[str, Any]) -> None:
        """Let the run *run_id* count for *as_of*, and delete what it replaces."""
        write_atomically(self._note(as_of), json.dumps({"run_id": run_id, **meta}))
        self._sweep()

    def dates(self) -> list[dt.date]:
        """Dates that have scores, oldest first."""
        return sorted(dt.date.fromisoformat(p.stem) for p in self.root.glob("*.json"))

    def meta(self, as_of: dt.date) -> dict[str, Any]:
        """What the run of *as_of* noted; raises ModelError where there is none."""
        if not self._note(as_of).exists():
            have = ", ".join(map(str, self.dates()[-5:])) or "none"
            raise ModelError(
                f"There are no scores of {self._task} for {as_of}.",
                received=f"scores for: {have}",
                where=str(self.root),
                fix="Run the nightly for that date, or ask for another one.",
            )
        meta: dict[str, Any] = json.loads(self._note(as_of).read_text(encoding="utf-8"))
        return meta

    def read(self, as_of: dt.date, bucket: str | None = None) -> pd.DataFrame:
        """Scores of a date, one row an entity, highest score first; those of *bucket* alone.

        ``reasons`` and ``changes`` are lists of dicts, ``changes`` None where there is nothing to
        explain.
        """
        folder = self._published(as_of)
        table = pq.read_table(folder if bucket is None else folder / f"bucket={bucket}.parquet")
        told = [name for name in _TOLD if name in table.column_names]
        frame: pd.DataFrame = table.drop_columns(told).to_pandas()
        frame["change"] = frame["change"].astype("Int32")  # whole points, missing the first time
        for name in _TOLD:  # scores of former versions of the package have no changes
            found = table[name].to_pylist() if name in told else [None] * len(frame)
            frame[name] = pd.Series(found, dtype=object)
        order = ["score", "probability"]
        return frame.sort_values(order, ascending=False, kind="stable", ignore_index=True)

    def parts(self, as_of: dt.date) -> Iterator[pd.DataFrame]:
        """The scores of a date as `read` returns them, bucket by bucket, for what must be small."""
        for path in sorted(self._published(as_of).glob("bucket=*.parquet")):
            yield self.read(as_of, path.stem.partition("=")[2])

    def before(self, as_of: dt.date, id_column: str) -> dict[str, int]:
        """Scores of the last date before *as_of* by id; empty for the first date ever."""
        last = self.last_before(as_of)
        if last is None:
            return {}
        table = pq.read_table(self._published(last), columns=[id_column, "score"])
        return dict(zip(table[id_column].to_pylist(), table["score"].to_pylist(), strict=True))

    def last_before(self, as_of: dt.date) -> dt.date | None:
        """The last date before *as_of* that has scores."""
        return max((date for date in self.dates() if date < as_of), default=None)

    def history(self, id_column: str, entity: str, until: dt.date) -> pd.DataFrame:
        """The scores of one entity up to *until*: as_of, score, band, model_version by date."""
        columns = ["as_of", "score", "band", "model_version"]
        rows = [
            pq.read_table(
                self._published(date), columns=columns, filters=[(id_column, "==", entity)]
            ).to_pandas()
            for date in self.dates()
            if date <= until
        ]
        return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)

    def inputs(self, as_of: dt.date, id_column: str, entity: str) -> pd.DataFrame | None:
        """The feature values that *entity* was scored with on *as_of*, one row.

        None where they were not kept, as former versions of the package did not.
        """
        folder = self._published(as_of)
        for path in sorted(folder.glob("bucket=*.parquet")):
            ids = pq.read_table(path, columns=[id_column], partitioning=None)[id_column]
            row = pc.index(ids, entity).as_py()
            files = sorted((folder / _INPUTS / path.stem.partition("=")[2]).glob("*.parquet"))
            if row >= 0 and files:
                return pd.concat([pd.read_parquet(f).iloc[[row]] for f in files], axis=1)
        return None

    def courses(
        self, id_column: str, entities: Sequence[str], dates: Sequence[dt.date]
    ) -> dict[str, list[tuple[dt.date, int]]]:
        """The scores of *entities* on *dates*, by entity in the order of the dates."""
        found: dict[str, list[tuple[dt.date, int]]] = {entity: [] for entity in entities}
        wanted = [(id_column, "in", set(entities))]
        for date in dates if entities else ():
            folder = self._published(date)
            table = pq.read_table(folder, columns=[id_column, "score"], filters=wanted)
            for entity, score in zip(*table.to_pydict().values(), strict=True):
                found[entity].append((date, score))
        return found

    def _note(self, as_of: dt.date) -> Path:
        return self.root / f"{as_of}.json"

    def _folder(self, as_of: dt.date, run_id: str) -> Path:
        return self.root / f"{as_of}-{run_id}"

    def _published(self, as_of: dt.date) -> Path:
        return self._folder(as_of, str(self.meta(as_of)["run_id"]))

    def _sweep(self) -> None:
        """Delete what does not count: replaced runs, and what runs that died left."""
        counting = {self._published(date) for date in self.dates()}
        for folder in self.root.glob("*/"):
            if folder not in counting:
                shutil.rmtree(folder, ignore_errors=True)
