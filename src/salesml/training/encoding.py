"""From a DataFrame with any columns to the table of numbers that candidates learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from salesml.errors import ModelError, suggest
from salesml.training.columns import Column, Unreadable, learn_column
from salesml.training.table import Floats, Table

__all__ = ["Encoder", "as_frame"]


@dataclass(frozen=True)
class Encoder:
    """The columns of a table as training saw them, in order."""

    columns: tuple[Column, ...]

    @classmethod
    def learn(cls, frame: pd.DataFrame) -> Encoder:
        """Learn kinds and categories.

        Raises
        ------
        ModelError
            If *frame* has no or duplicate columns, or holds unreadable values.
        """
        _check_frame(frame)
        _check_duplicates(frame)
        columns, problems = [], []
        for position, name in enumerate(frame.columns):
            try:
                columns.append(learn_column(_plain_name(name), frame.iloc[:, position]))
            except Unreadable as problem:
                problems.append(f"column {name!r}: {problem}")
        _raise_unreadable(problems)
        return cls(tuple(columns))

    @property
    def names(self) -> list[str | int]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]

    def transform(self, frame: pd.DataFrame) -> Table:
        """Encode rows; columns may come in any order and extra ones are left out.

        Raises
        ------
        ModelError
            If columns are missing, or hold values of another kind than in training.
        """
        self._check_columns(frame)
        matrix = np.full((len(frame), len(self.columns)), np.nan)
        problems = []
        for position, column in enumerate(self.columns):
            try:
                matrix[:, position] = self._read(column, frame)
            except Unreadable as problem:
                problems.append(f"column {column.name!r}: {problem}")
        _raise_unreadable(problems)
        return Table(matrix, self.levels)

    @property
    def levels(self) -> dict[int, int]:
        """Index of each category column -> number of codes."""
        return {i: c.codes for i, c in enumerate(self.columns) if c.kind == "category"}

    def unseen(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """Return, by column, the categories never seen in training."""
        self._check_columns(frame)
        found = {str(c.name): c.unseen(frame[c.name]) for c in self.columns}
        return {name: texts for name, texts in found.items() if texts}

    def ignoring(self, names: set[str | int]) -> Encoder:
        """Return the encoder that leaves *names* out of the learning."""
        return Encoder(
            tuple(Column(c.name, "ignored") if c.name in names else c for c in self.columns)
        )

    def to_json(self) -> list[dict[str, Any]]:
        """Return the columns as plain lists and texts."""
        return [asdict(column) | {"levels": list(column.levels)} for column in self.columns]

    @classmethod
    def from_json(cls, columns: list[dict[str, Any]]) -> Encoder:
        """Return the encoder that `to_json` wrote."""
        return cls(tuple(Column(**c | {"levels": tuple(c["levels"])}) for c in columns))

    @staticmethod
    def _read(column: Column, frame: pd.DataFrame) -> Floats:
        return column.read(frame[column.name])

    def _check_columns(self, frame: pd.DataFrame) -> None:
        _check_frame(frame)
        present = list(frame.columns)
        missing = [name for name in self.names if name not in present]
        if missing:
            hinted = [f"{name}{suggest(str(name), map(str, present))}" for name in missing]
            raise ModelError(
                f"{len(missing)} of the model's {len(self.names)} columns are missing: "
                f"{', '.join(hinted)}.",
                received=f"columns {', '.join(map(str, present))}",
                fix="give the columns that the model was trained on",
            )
        _check_duplicates(frame[self.names])


def as_frame(X: object, names: Sequence[str | int] | None = None) -> pd.DataFrame:
    """Return *X* as a DataFrame; the columns of a plain matrix are called by number or *names*.

    Raises
    ------
    ModelError
        If X is no table.
    """
    if isinstance(X, pd.DataFrame):
        return X
    if not isinstance(X, (np.ndarray, list)) or _dimensions(X) != 2:
        raise ModelError(
            "X must be a pandas DataFrame, or a matrix of rows and columns.",
            received=f"{type(X).__name__} of {np.ndim(X)} dimensions"
            if isinstance(X, np.ndarray)
            else type(X).__name__,
            fix="pass pandas.DataFrame(X, columns=[...])",
        )
    frame = pd.DataFrame(X)
    if names is None or len(names) == frame.shape[1]:
        return frame if names is None else frame.set_axis(list(names), axis=1)
    raise ModelError(
        f"X has {frame.shape[1]} columns, but the model learnt from {len(names)}.",
        fix="give the columns that the model was trained on",
    )


def _dimensions(X: Any) -> int | None:
    try:
        return int(np.ndim(X))
    except ValueError:  # rows of different lengths
        return None


def _check_frame(frame: pd.DataFrame) -> None:
    if not frame.shape[1]:
        raise ModelError("X has no columns.", fix="give at least one feature")


def _check_duplicates(frame: pd.DataFrame) -> None:
    twice = [str(name) for name, times in Counter(map(str, frame.columns)).items() if times > 1]
    if twice:
        raise ModelError(
            f"Columns occur more than once: {', '.join(twice)}.",
            fix="rename or drop the repeated columns",
        )


def _plain_name(name: object) -> str | int:
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        return int(name)
    if isinstance(name, str):
        return name
    raise ModelError(
        "Column names must be texts or whole numbers.",
        received=repr(name),
        fix="rename the columns, e.g. X.columns = X.columns.map(str)",
    )


def _raise_unreadable(problems: list[str]) -> None:
    if problems:
        raise ModelError(
            "Columns cannot be read: " + "; ".join(problems) + ".",
            fix="convert them as they were in training, or to numbers, texts or dates",
        )
