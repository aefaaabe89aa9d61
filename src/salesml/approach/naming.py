"""Which municipality somebody means by a code or a name."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from salesml.errors import ConfigError
from salesml.municipal.codes import PREFECTURES, code_digits, name_key
from salesml.municipal.register import MERGED, Former, Register, read_successions

__all__ = ["find_municipality"]

_NEAR = 3


def find_municipality(who: pd.DataFrame, text: str) -> str:
    """The id of the municipality that *text* means: five or six digits, or a name.

    A name may begin with its prefecture. *who* has ``municipality_id, name, prefecture, kind``.
    Raises ConfigError where several bear the name, and, with near misses, where none does.
    """
    register = Register(who, _former())
    digits = code_digits(text)
    if digits is None:
        found = register.find("", *_split(text), width=None)
    else:
        found = register.find(digits, "", "", width=6 if len(digits) == 6 else 5)
        if found.municipality_id is None and len(digits) == 5:  # of six, without its zero?
            longer = register.find(digits, "", "", width=6)
            found = longer if longer.municipality_id else found
    if found.municipality_id is not None:
        return found.municipality_id
    several = _alike(who, text) if digits is None else []
    near = [] if several else _near(who, digits or text, by_code=digits is not None)
    why = f"{MERGED} {found.detail}" if found.reason == MERGED else found.reason
    raise ConfigError(
        f"No one municipality is meant by '{text}': {why}.",
        received="; ".join(several or near) or text,
        where="CODE",
        fix="Give the code of one of these."
        if several or near
        else "Give a code of five or six digits, or a name, with its prefecture where needed.",
    )


def _former() -> tuple[Former, ...]:
    rows = read_successions().itertuples(index=False, name=None)
    return tuple(Former(date.date(), *rest) for date, *rest in rows)


def _split(text: str) -> tuple[str, str]:
    """Prefecture and name; a prefecture alone is a name."""
    for prefecture in PREFECTURES.values():
        if text.startswith(prefecture) and text != prefecture:
            return prefecture, text.removeprefix(prefecture)
    return "", text


def _alike(who: pd.DataFrame, text: str) -> list[str]:
    """All that bear the name, with code and prefecture."""
    prefecture, name = _split(text)
    keys = who["name"].map(name_key)
    rows = who[(keys == name_key(name)) & who["prefecture"].str.startswith(prefecture)]
    return sorted(_shown(row) for row in rows.to_dict("records"))


def _near(who: pd.DataFrame, text: str, *, by_code: bool) -> list[str]:
    texts = who["municipality_id"] if by_code else who["name"]
    # with its check digit a code has six digits
    wanted = text[:5] if by_code else _split(text)[1]
    close = difflib.get_close_matches(wanted, list(texts.astype("str")), n=_NEAR, cutoff=0.6)
    rows = who[texts.isin(close)].head(_NEAR)
    return [_shown(row) for row in rows.to_dict("records")]


def _shown(row: Mapping[Hashable, Any]) -> str:
    return f"{row['municipality_id']} {row['prefecture']}{row['name']}"
