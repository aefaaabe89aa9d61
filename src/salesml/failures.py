"""What fails for one task and is not to stop the others."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from salesml.errors import SalesmlError
from salesml.run import Run
from salesml.store import write_atomically

__all__ = ["Failure", "all_in_one", "explained"]


@dataclass(frozen=True)
class Failure:
    """A task that could not be done, and why."""

    task: str
    error: SalesmlError


def explained(run: Run, task: str, error: Exception) -> SalesmlError:
    """*error* as one of ours; of one that nobody foresaw the traceback is kept in a file."""
    if isinstance(error, SalesmlError):
        return error
    path = run.project.var / "errors" / f"{run.run_id}-{task}.txt"
    write_atomically(path, "".join(traceback.format_exception(error)))
    text = " ".join(str(error).split()) or "no message"
    return SalesmlError(
        f"Task {task} met an unexpected {type(error).__name__}: {text[:300]}",
        where=str(path),
        fix="Look at the traceback in that file; the other tasks of the run are not affected.",
    )


def all_in_one(errors: list[SalesmlError]) -> SalesmlError:
    """One error that tells all of *errors*; a single one is returned as it is."""
    if len(errors) == 1:
        return errors[0]
    return SalesmlError(f"{len(errors)} tasks failed:\n" + "\n".join(map(str, errors)))
