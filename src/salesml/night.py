"""What a night came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from salesml.actions.deciding import Actions
from salesml.champions import Appointment
from salesml.config import TaskConfig, Words
from salesml.errors import IncompleteError
from salesml.export import ExportResult
from salesml.failures import Failure
from salesml.intake import ReadReport
from salesml.learning import Trained
from salesml.run import Run
from salesml.writing import not_written

if TYPE_CHECKING:
    from salesml.registry import Champion

__all__ = ["NightlyResult", "TaskScores"]


@dataclass(frozen=True)
class TaskScores:
    """What scoring a task came to; ``drift`` is what has shifted since training, in words."""

    task: TaskConfig
    appointed: Appointment
    rows: int
    seconds: dict[str, float]
    unseen: dict[str, int]
    drift: list[Words] = field(default_factory=list)

    @property
    def champion(self) -> Champion:
        """The model that scored."""
        return self.appointed.champion

    @property
    def trained(self) -> Trained | None:
        """What was trained in this run."""
        return self.appointed.trained


@dataclass(frozen=True)
class NightlyResult:
    """What one nightly run did, for whoever prints or renders it.

    ``failures`` are the tasks that could not be done, ``warnings`` what else is to be looked at,
    ``actions`` what is to be done next (None in a project without actions, or where deciding that
    failed).
    """

    run: Run
    reads: list[ReadReport]
    tasks: list[TaskScores]
    exports: list[ExportResult]
    report: Path
    paths: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    actions: Actions | None = None

    def require_whole(self) -> None:
        """Raise IncompleteError, which tells every failure and holds this, where one failed."""
        said = [each for each in (self._tasks_failed(), not_written(self.exports)) if each]
        if said:
            error = IncompleteError("\n".join(said))
            error.result = self
            raise error

    def _tasks_failed(self) -> str:
        if not self.failures:
            return ""
        count = len(self.tasks) + len(self.failures)
        errors = "\n".join(f"{f.task}: {f.error}" for f in self.failures)
        return f"{len(self.failures)} of {count} tasks failed; the others are done.\n{errors}"
