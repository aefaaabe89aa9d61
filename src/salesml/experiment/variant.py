"""A variant: what an experiment changes in a task."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from salesml.errors import ConfigError, suggest

__all__ = ["BASE", "Variant"]

BASE = "as configured"
_OPTIONS = ("--with", "--without", "--set")
_GRAMMAR = 'Write it like "no usage: --without usage --set model.time_budget=10".'


@dataclass(frozen=True)
class Variant:
    """One way to change a task; `salesml.api.experiment` compares it with the task as configured.

    Parameters
    ----------
    add, remove : names of a feature set (``usage``), of a feature (``usage.logins_30d``, or
        ``logins_30d`` alone), or of a concept, which stands for all its features. What is removed
        goes first, so that a part of it can be added again.
    settings : options of the task, ``{"model.time_budget": 10}``.
    name : what the table calls it; by default what it changes.
    """

    add: Sequence[str] = ()
    remove: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def title(self) -> str:
        """The name, or what the variant changes."""
        changes = [
            *(f"without {name}" for name in self.remove),
            *(f"with {name}" for name in self.add),
            *(f"{key}={value}" for key, value in self.settings.items()),
        ]
        return self.name or ", ".join(changes)

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read ``name: --with usage --without tickets --set model.time_budget=10``.

        The name may be left out. Raises ConfigError for anything else.
        """
        name, options = "", text
        if not text.lstrip().startswith("--"):
            name, _, options = text.partition(":")
        values: dict[str, list[str]] = {option: [] for option in _OPTIONS}
        for option, value in _pairs(options, text):
            values[option].append(value)
        read = cls.of(values["--with"], values["--without"], values["--set"], name.strip())
        if not (read.add or read.remove or read.settings):
            raise ConfigError("A variant changes nothing.", received=repr(text), fix=_GRAMMAR)
        return read

    @classmethod
    def of(
        cls, add: Sequence[str], remove: Sequence[str], settings: Sequence[str], name: str = ""
    ) -> Variant:
        """A variant from texts, in which commas may part names: ``usage,tickets``."""
        return cls(_names(add), _names(remove), _assignments(settings), name)


def _pairs(options: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise ConfigError(
            f"A variant cannot be read: {error}.", received=repr(text), fix=_GRAMMAR
        ) from None
    while words:
        option, equals, value = words.pop(0).partition("=")
        if option not in _OPTIONS:
            raise ConfigError(
                f"A variant has the unknown option '{option}'.{suggest(option, _OPTIONS)}",
                received=repr(text),
                fix=_GRAMMAR,
            )
        if not equals:
            value = words.pop(0) if words else ""
        yield option, value


def _names(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def _assignments(texts: Sequence[str]) -> dict[str, str]:
    """Read ``model.time_budget=10`` and its like; raises ConfigError for anything else."""
    found = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise ConfigError(
                "A setting must have a name and a value.",
                received=repr(text),
                fix="Write it like --set model.time_budget=10.",
            )
        found[key] = value
    return found
