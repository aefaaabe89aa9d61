"""Where scores go: one table of one CRM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from salesml.errors import ConfigError, suggest

__all__ = ["Target"]

_MODES = ("update", "upsert")


@dataclass(frozen=True)
class Target:
    """A table of a CRM, and which of its fields get which columns of the scores.

    Parameters
    ----------
    name : name in the ledger and in messages.
    table, key : table, and the column that holds the external id.
    mode : ``update`` writes to records that exist; ``upsert`` creates missing records, and the
        table itself.
    fields : field of the table → column of the scores.
    stamps : fields written along with others, but never reason enough to write (a date, a run).

    Raises ConfigError.
    """

    name: str
    table: str
    key: str
    mode: str
    fields: Mapping[str, str]
    stamps: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            self._refuse(f"Mode '{self.mode}' is unknown.{suggest(self.mode, _MODES)}")
        if not self.fields:
            self._refuse("It has no fields: nothing would be written.")
        twice = sorted(self.fields.keys() & self.stamps.keys())
        if twice:
            self._refuse(f"Both field and stamp: {', '.join(twice)}.")
        if self.key in self.columns:
            self._refuse(f"The key '{self.key}' is a field too.")

    def _refuse(self, what: str) -> None:
        raise ConfigError(
            what,
            where=f"target {self.name}",
            fix=f"Give it a mode ({' or '.join(_MODES)}), fields, and stamps other than these.",
        )

    @property
    def columns(self) -> dict[str, str]:
        """Fields and stamps: field of the table → column of the scores."""
        return {**self.fields, **self.stamps}

    @property
    def creates(self) -> bool:
        """Whether missing records are created."""
        return self.mode == "upsert"
