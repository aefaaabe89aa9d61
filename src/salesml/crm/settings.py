"""Settings of a connection: which it needs, which it may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from salesml.errors import ConfigError, suggest

__all__ = ["settings_of"]


def settings_of(
    name: str,
    spec: Mapping[str, str],
    needed: Sequence[str],
    optional: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The settings of connection *name*, those of *optional* by default as given there.

    Raises ConfigError, naming all that is unknown or missing.
    """
    optional = optional or {}
    known = ["type", *needed, *optional]
    unknown = [key for key in spec if key not in known]
    missing = [key for key in needed if not spec.get(key)]
    if unknown or missing:
        listed = [f"'{key}' is unknown{suggest(key, known)}" for key in unknown]
        listed += [f"'{key}' is missing" for key in missing]
        raise ConfigError(
            f"Connection '{name}' has wrong settings: {'; '.join(listed)}.",
            received=f"settings {', '.join(spec)}",
            where=f"connection {name}",
            fix=f"A connection of type {spec['type']} has {', '.join(known[1:])}.",
        )
    return {**optional, **{key: value for key, value in spec.items() if key != "type"}}
