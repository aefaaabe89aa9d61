"""Whether a table can take what is to be written: all that is in the way, found at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from salesml.errors import ExportError, suggest

__all__ = ["missing", "repeated", "require_fit"]


def missing(wanted: Iterable[str], known: Iterable[str]) -> list[str]:
    """A line, with near misses, for each column of *wanted* that is not *known*."""
    known = list(known)
    return [f"there is no column '{c}'.{suggest(c, known)}" for c in wanted if c not in known]


def repeated(key: str, values: Sequence[object]) -> list[str]:
    """A line if several records share one of *values* of the column *key*."""
    shared = ", ".join(map(str, values))
    return [f"'{key}' is no key: several records share one value: {shared}"] if values else []


def require_fit(problems: Sequence[str], table: str, known: Iterable[str]) -> None:
    """Raise ExportError naming all *problems* of *table*, whose columns are *known*."""
    if problems:
        raise ExportError(
            "The target table does not fit:\n" + "\n".join(f"  {line}" for line in problems),
            received=f"columns {', '.join(known)}",
            where=f"table {table}",
            fix="Correct key, fields and stamps of the target; or the table: add columns, change "
            "types, grant rights, merge records of one key.",
        )
