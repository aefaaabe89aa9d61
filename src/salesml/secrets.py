"""Settings that nobody may read: references in the files, looked up when they are used."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from salesml.errors import ConfigError

__all__ = ["SECRETS", "is_left", "looked_up", "problem_of", "register", "resolved", "substituted"]

SECRETS = frozenset(
    {"token", "password", "secret", "client_secret", "private_key", "refresh_token"}
)
"""Settings of connections that are nothing but a secret."""

_TEXTS = frozenset({"dsn"})  # settings that may hold one
_LEDGER = ("ledger",)
_PREFECT = "prefect:"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_REFERENCE = re.compile(r"\s*(\$\{\w+\}|prefect:[a-z0-9][a-z0-9-]*)\s*")
_PASSWORD = re.compile(
    r"//[^/?#@\s]*?:(?P<url>[^@\s]*)@"  # postgresql://user:password@host
    r"|(?:ssl)?password\s*=\s*(?P<pair>'(?:[^'\\]|\\.)*'|[^\s&]+)",
    re.IGNORECASE,
)
_HIDDEN = "\0"  # stands for what a variable holds

_resolvers: dict[str, Callable[[str], str]] = {}


def is_left(place: tuple[str | int, ...]) -> bool:
    """Whether the value at *place* of a YAML file keeps its references when the file is read."""
    settings = SECRETS | _TEXTS
    return place == _LEDGER or (place[:1] == ("connections",) and place[-1] in settings)


def problem_of(setting: str, text: str) -> str | None:
    """What is wrong with *text*, as a file has it, for *setting*; never shows the text."""
    if setting in SECRETS:
        plain = not _REFERENCE.fullmatch(text)
        return f"'{setting}' must be a reference; {_ADVICE}" if plain else None
    shown = _VARIABLE.sub(lambda found: found[2] or _HIDDEN, text)
    passwords = (found["url"] or found["pair"] or "" for found in _PASSWORD.finditer(shown))
    literal = any(password.strip(f"'{_HIDDEN}") for password in passwords)
    return f"'{setting}' holds a password; {_ADVICE}" if literal else None


_ADVICE = (
    "secrets do not stand in files. Write ${NAME}, set NAME in the environment, and change the "
    "secret if others have seen the file."
)


def register(resolver: Callable[[str], str]) -> None:
    """Let *resolver* return the content of the Prefect block that ``prefect:<block>`` names."""
    _resolvers[_PREFECT] = resolver


def resolved(name: str, spec: Mapping[str, str]) -> dict[str, str]:
    """The settings *spec* of connection *name* with references looked up, secrets in plain text.

    Raises ConfigError where a variable is not set or a block cannot be read.
    """
    return {key: looked_up(key, text, f"connection {name}, {key}") for key, text in spec.items()}


def looked_up(setting: str, text: str, where: str) -> str:
    """*text* of *setting* with its references looked up; *where* is for errors."""
    secret = setting in SECRETS
    private = secret or setting in {*_TEXTS, *_LEDGER}
    if private and text.strip().startswith(_PREFECT):
        found = _from_block(text.strip().removeprefix(_PREFECT), where)
    else:
        found = substituted(text, os.environ, lambda: where, may_default=not private)
    return _one_line(setting, found.strip(), where) if secret else found


def substituted(
    text: str,
    environment: Mapping[str, str],
    where: Callable[[], str],
    *,
    may_default: bool = True,
) -> str:
    """*text* with ``${NAME}`` and ``${NAME:-default}`` replaced from *environment*."""

    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        value = environment.get(name) or default
        if value is None:
            raise ConfigError(
                f"The environment variable {name} is not set.",
                where=where(),
                fix=f"Set {name}, or give a default: ${{{name}:-value}}."
                if may_default
                else f"Set {name} where salesml runs.",
            )
        return value

    return _VARIABLE.sub(replace, text)


def _from_block(block: str, where: str) -> str:
    if _PREFECT not in _resolvers:
        raise ConfigError(
            f"The secret stands in the Prefect block '{block}', which flows alone can read.",
            where=where,
            fix="Run the flow (python -m flows.nightly, or flows.export), or use ${NAME} instead.",
        )
    try:
        return _resolvers[_PREFECT](block)
    except Exception as error:  # any of Prefect's, or of the network to its server
        raise ConfigError(
            f"The Prefect block '{block}' cannot be read.",
            received=type(error).__name__,
            where=where,
            fix=f"Make a block of type Secret called {block} on the Prefect server.",
        ) from None  # its words may show what the block holds


def _one_line(setting: str, secret: str, where: str) -> str:
    """*secret*, which may go into a header: drivers show headers that they refuse."""
    fits = secret.isprintable() and (secret.isascii() or setting != "token")
    if fits or setting == "private_key":
        return secret
    raise ConfigError(
        f"'{setting}' holds line breaks or letters that do not belong there (not shown).",
        where=where,
        fix="Copy it again, as one line.",
    )
