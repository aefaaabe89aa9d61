"""What a task's model learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from salesml.errors import ModelError
from salesml.training.inputs import cluster_codes, day_numbers, outcomes
from salesml.training.table import Floats, Ints

__all__ = ["TrainingData"]


@dataclass(frozen=True)
class TrainingData:
    """A panel: one row for each entity and date, the Series aligned by position with X.

    ``X`` holds features only; ``y`` is 0 or 1; ``as_of`` the date of the row; ``entity`` the id;
    ``amount`` what is at stake, where the entity has one; ``segments`` the columns by which the
    model is judged part by part, never learnt from unless X holds them too; ``cluster`` what hangs
    together beyond the entity, where something does; ``expected`` the features that the outcome is
    expected to rise (+1) or fall (-1) with.

    Raises
    ------
    ModelError, LabelError
        If lengths differ, or a date, an id or an outcome is missing or impossible.
    """

    X: pd.DataFrame
    y: pd.Series[Any]
    as_of: pd.Series[Any]
    entity: pd.Series[Any]
    amount: pd.Series[Any] | None = None
    segments: pd.DataFrame | None = None
    cluster: pd.Series[Any] | None = None
    expected: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _ = self.outcomes, self.days, self.clusters
        for name, part in (("amount", self.amount), ("segments", self.segments)):
            if part is not None and len(part) != len(self.X):
                raise ModelError(
                    f"{name} and X have different numbers of rows.",
                    received=f"{len(part)} and {len(self.X)}",
                )

    @property
    def outcomes(self) -> Floats:
        """Outcomes as 0.0 and 1.0, shape (n,)."""
        return outcomes(self.y, len(self.X))

    @property
    def days(self) -> Ints:
        """Dates as days since 1970-01-01, shape (n,)."""
        return day_numbers(self.as_of, len(self.X))

    @property
    def clusters(self) -> Ints:
        """Codes from 0 of what hangs together, shape (n,)."""
        return cluster_codes(self.groups, len(self.X))

    @property
    def groups(self) -> pd.Series[Any]:
        """What hangs together: rows of a cluster where there are clusters, else of an entity."""
        return self.entity if self.cluster is None else self.cluster

    def take(self, rows: Ints) -> TrainingData:
        """Return the data of *rows*, by position."""
        return TrainingData(
            self.X.iloc[rows],
            self.y.iloc[rows],
            self.as_of.iloc[rows],
            self.entity.iloc[rows],
            None if self.amount is None else self.amount.iloc[rows],
            None if self.segments is None else self.segments.iloc[rows],
            None if self.cluster is None else self.cluster.iloc[rows],
            self.expected,
        )
