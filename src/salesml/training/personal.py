"""Personal data among features, which are not learnt from: addresses, numbers, names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.errors import FeatureError

__all__ = ["Personal", "personal_columns", "require_impersonal"]

LOOKED_AT = 20_000  # rows of a column, evenly drawn: a guard must not slow a large training
LONGEST = 500  # characters of a text
MANY_ENTITIES = 50  # with fewer, texts differ by chance
MOSTLY = 0.9
PHONES = 0.5  # of the texts: a column of codes holds one that looks like a number by chance

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2012\u2013\u2014\u2015\u2212"), "-")
_PHONE = re.compile(
    r"(?!\d\d-\d\d-(?:19|20)\d\d$)"  # 01-31-2024 is a date
    r"(?:\+81[- ]?\(?0?\)?|\(?0)[1-9]\d{0,3}[-() ]+\d{1,4}[-) ]+\d{3,4}"  # 03-1234-5678
    r"|\+\d{1,3}[- ]?\d[\d -]{6,12}\d"  # +1 415 555 0100
    r"|0[5789]0\d{8}|0[1-9]\d{8}"  # 09012345678, 0312345678
)
_NAME = re.compile(r"[^\W\d_]+(?:[ ・.'-]{1,2}[^\W\d_]+){0,3}\.?")  # words of letters alone
_LONGEST_NAME = 40
_TITLES = re.compile(
    r"(?:^|[._ ])(?:e_?mail_address|mail_address|(?:tele)?phone_number|tel_no"
    r"|(?:first|last|full|family|given|person|contact|customer)_name)$"
    r"|メールアドレス|電話番号|携帯番号|氏名|名前|担当者名|お名前",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Personal:
    """A column that looks like personal data; ``example`` is masked."""

    column: str
    what: str
    example: str

    def __str__(self) -> str:
        return f"{self.column} ({self.what}, such as {self.example})"


def personal_columns(X: pd.DataFrame, entity: Sequence[Any] | pd.Series[Any]) -> list[Personal]:
    """Return the columns of texts in *X* that hold addresses, telephone numbers or names.

    Parameters
    ----------
    X : features, shape (n, columns).
    entity : the id of each row's entity, shape (n,). A text that differs between nearly all of
        them and is made of letters alone names them.
    """
    step = max(len(X) // LOOKED_AT, 1)
    rows, ids = X.iloc[::step], pd.Series(entity).iloc[::step].to_numpy()
    once = ~pd.Series(ids).duplicated().to_numpy()
    found = (
        _looked_at(str(name), rows[name].dropna(), rows[name][once].dropna())
        for name in X.columns
        if _is_text(rows[name])
    )
    return [each for each in found if each is not None]


def require_impersonal(
    X: pd.DataFrame, entity: Sequence[Any] | pd.Series[Any], where: str | None = None
) -> None:
    """Raise FeatureError, naming *where*, if a column of *X* looks like personal data."""
    found = personal_columns(X, entity)
    if found:
        raise FeatureError(
            "Features look like personal data, which is not learnt from.",
            received="; ".join(map(str, found)),
            where=where,
            fix="Take them out of the feature set, or select a fact that names nobody instead: "
            "a number, a yes or no, the domain of an address, the kind of a contact.",
        )


def _is_text(values: pd.Series[Any]) -> bool:
    kinds = (pd.StringDtype, pd.CategoricalDtype)
    return values.dtype == object or isinstance(values.dtype, kinds)


def _looked_at(name: str, values: pd.Series[Any], once: pd.Series[Any]) -> Personal | None:
    texts = _texts(values)
    mails = [text for text in texts if _MAIL.search(text)]
    if mails:
        return Personal(name, "e-mail addresses", _masked(_MAIL.findall(mails[0])[0]))
    phones = [text for text in texts if _PHONE.fullmatch(text)]
    if phones and len(phones) >= PHONES * len(texts):
        return Personal(name, "telephone numbers", _masked(phones[0]))
    if texts and _TITLES.search(name):
        return Personal(name, "by its name", _masked(texts[0]))
    return _names(name, once)


def _names(name: str, once: pd.Series[Any]) -> Personal | None:
    texts = _texts(once)
    if len(once) < MANY_ENTITIES or len(texts) < MOSTLY * len(once):
        return None
    names = [text for text in texts if len(text) <= _LONGEST_NAME and _NAME.fullmatch(text)]
    if len(names) < MOSTLY * len(texts):
        return None
    return Personal(name, "a name for nearly each entity", _masked(names[0]))


def _texts(values: pd.Series[Any]) -> list[str]:
    """The different texts of *values*, full width as half width, any dash as a hyphen, in order."""
    texts = (value[:LONGEST] for value in values.unique() if isinstance(value, str))
    plain = (unicodedata.normalize("NFKC", text).translate(_DASHES).strip() for text in texts)
    return [text for text in plain if text]


def _masked(text: str) -> str:
    """*text* but for its first character and what is neither letter nor digit: ``t***@e******.j*``.

    Every run of letters or digits keeps the first of them.
    """
    return re.sub(r"(\w)(\w*)", lambda found: found[1] + "*" * len(found[2]), text)
