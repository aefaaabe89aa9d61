"""The municipalities there are, and which one a code or a name in a file means."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from salesml.errors import suggest
from salesml.municipal.codes import (
    PREFECTURES,
    Width,
    code_digits,
    code_width,
    five_digits,
    name_key,
    plain_name,
    prefecture_name,
)

__all__ = ["AMBIGUOUS", "MERGED", "Found", "Register", "read_successions"]

MERGED, AMBIGUOUS = "merged", "ambiguous name"
_SUCCESSIONS = Path(__file__).with_name("successions.csv")
# six villages on islands that nobody administers; one bears the name of another of Hokkaido
_UNADMINISTERED = frozenset({"01695", "01696", "01697", "01698", "01699", "01700"})
_ORDER = ["codes", "classes", "coordinates"]
_CLASS_KINDS = {"政令指定都市": "designated", "中核市": "core", "特別区": "ward"}
_SUFFIX_KINDS = {"市": "city", "区": "ward", "町": "town", "村": "village"}


class Found(NamedTuple):
    """The municipality that a row means, ``by`` what; or ``reason`` and ``detail`` why none."""

    municipality_id: str | None
    reason: str = ""
    detail: str = ""
    by: str = ""


def read_successions(own: pd.DataFrame | None = None) -> pd.DataFrame:
    """Mergers and new codes since 2005, with those of a project: one row a former municipality.

    ``date, old_code, old_prefecture, old_name, new_code, new_name, kind`` (renamed or merged).
    """
    shipped = pd.read_csv(_SUCCESSIONS, dtype=str, keep_default_na=False)
    shipped["date"] = pd.to_datetime(shipped["date"]).astype("datetime64[us]")
    return shipped if own is None else pd.concat([shipped, own], ignore_index=True)


class Former(NamedTuple):
    """A municipality that is no more."""

    until: dt.date
    code: str
    prefecture: str
    name: str
    new_code: str
    new_name: str
    kind: str


@dataclass(frozen=True)
class Register:
    """``municipalities`` of today, and ``former`` ones with what became of them."""

    municipalities: pd.DataFrame
    former: tuple[Former, ...] = ()

    @classmethod
    def build(cls, lists: Mapping[str, pd.DataFrame], successions: pd.DataFrame) -> Register:
        """From the parts ``codes``, ``classes`` and ``coordinates``, those that there are.

        Each has ``code, prefecture, name``.
        """
        present = [_listed(lists[kind]) for kind in _ORDER if kind in lists]
        whole = pd.concat(present) if present else _listed(pd.DataFrame(columns=_PLACE))
        rows = whole.groupby("municipality_id", sort=True).first().reset_index()
        rows = rows[~rows["municipality_id"].isin(_UNADMINISTERED)].reset_index(drop=True)
        former = tuple(
            Former(date.date(), *rest)
            for date, *rest in successions.itertuples(index=False, name=None)
        )
        return cls(_described(rows), former)

    def __len__(self) -> int:
        return len(self.municipalities)

    @cached_property
    def names(self) -> dict[str, tuple[str, str]]:
        """Prefecture and name by id, prefectures themselves left out."""
        found = self.municipalities[self.municipalities["kind"] != "prefecture"]
        return {
            row[0]: (row[1], row[2])
            for row in found[["municipality_id", "prefecture", "name"]].itertuples(
                index=False, name=None
            )
        }

    def width(self, codes: pd.Series) -> Width | None:
        """How many digits the codes of one column have; see `code_width`."""
        digits = {code_digits(code) for code in codes.unique()} - {None}
        return code_width([d for d in digits if d], self._known) if digits else None

    def find(
        self,
        code: str,
        prefecture: str,
        name: str,
        *,
        width: Width | None,
        at: dt.date | None = None,
    ) -> Found:
        """The municipality that a row means; empty texts are not given.

        *at* is the date the row is of: names mean what they meant then.
        """
        asked = (code, prefecture, name, width, at)
        if asked not in self._found:
            # years of one table name the same places again and again
            self._found[asked] = self._look_up(code, prefecture, name, width, at)
        return self._found[asked]

    def _look_up(
        self, code: str, prefecture: str, name: str, width: Width | None, at: dt.date | None
    ) -> Found:
        digits = code_digits(code) if code else None
        by_name = self._by_name(prefecture, name, at) if name else Found(None, "no code")
        if digits is None:
            return by_name
        five = five_digits(digits, width) if width else None
        if five is None:
            return self._without_code(digits, width, by_name)
        return self._by_code(five, by_name, named=bool(prefecture and name))

    def _without_code(self, digits: str, width: Width | None, by_name: Found) -> Found:
        if by_name.municipality_id:
            return by_name
        if width:
            return Found(None, "wrong check digit", f"code {digits}")
        return Found(None, "code of five digits, or of six without its zero?", digits)

    def _by_code(self, five: str, by_name: Found, *, named: bool) -> Found:
        if five in self.names:
            other = by_name.municipality_id
            if named and other and other != five and by_name.by == "name":
                there = "".join(self.names[five])
                return Found(None, "code and name disagree", f"{five} is {there}")
            return Found(five, by="code")
        if five in self._former_codes:
            return _successor(self._former_codes[five], self.names)
        if by_name.municipality_id or by_name.reason == MERGED:
            return by_name
        return self._unknown(five)

    def _unknown(self, five: str) -> Found:
        if five[2:] == "000" and five[:2] in PREFECTURES:
            return Found(None, "a prefecture")
        city = next((c for c in self._designated if c[:3] == five[:3] and c < five), None)
        if city:
            return Found(None, "a ward of a city", self.names[city][1])
        return Found(None, "unknown code", five)

    def _by_name(self, prefecture: str, name: str, at: dt.date | None) -> Found:
        home = prefecture_name(prefecture) if prefecture else None
        if prefecture and home is None:
            near = suggest(prefecture, PREFECTURES.values())
            return Found(None, "unknown prefecture", near.strip())
        key = name_key(name)
        now = [i for i in self._keys.get(key, ()) if home in (None, self.names[i][0])]
        exact = [i for i in now if self.names[i][1] == plain_name(name)]
        now = exact or now
        then = [f for f in self._former_keys.get(key, ()) if home in (None, f.prefecture)]
        then = [f for f in then if at is None or at < f.until or not now]
        if len(now) + len(then) > 1 and len({*now, *(f.new_code for f in then)}) > 1:
            homes = [self.names[i][0] for i in now] + [f.prefecture for f in then]
            return Found(None, AMBIGUOUS, ", ".join(dict.fromkeys(homes)))
        if now:
            return Found(now[0], by="name")
        if then:
            return _successor(then[0], self.names)
        return self._cut_short(key) if home is None else Found(None, "unknown name")

    def _cut_short(self, key: str) -> Found:
        """四日市 for 四日市市: lists of names made by cutting at 市, 町 or 村 lose a second one."""
        near = [i for suffix in _SUFFIX_KINDS for i in self._keys.get(key + suffix, ())]
        if key[-1:] in _SUFFIX_KINDS and len(near) == 1:
            return Found(near[0], by="name cut short")
        if len(near) > 1:
            homes = dict.fromkeys("".join(self.names[i]) for i in near)
            return Found(None, AMBIGUOUS, ", ".join(homes))
        return Found(None, "unknown name")

    @cached_property
    def _found(self) -> dict[tuple[str, str, str, Width | None, dt.date | None], Found]:
        return {}

    @cached_property
    def _keys(self) -> dict[str, list[str]]:
        keys = defaultdict(list)
        for municipality_id, (_, name) in self.names.items():
            keys[name_key(name)].append(municipality_id)
        return keys

    @cached_property
    def _former_keys(self) -> dict[str, list[Former]]:
        keys = defaultdict(list)
        for former in self.former:
            # a city whose code alone is new is found by its name as it is
            if name_key(former.name) != name_key(former.new_name):
                keys[name_key(former.name)].append(former)
        return keys

    @cached_property
    def _former_codes(self) -> dict[str, Former]:
        return {f.code: f for f in self.former if f.code and f.code not in self.names}

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset({*self.municipalities["municipality_id"], *self._former_codes})

    @cached_property
    def _designated(self) -> list[str]:
        frame = self.municipalities
        return sorted(frame["municipality_id"][frame["kind"] == "designated"], reverse=True)


_PLACE = ["code", "prefecture", "name"]
_COLUMNS = (
    "municipality_id",
    "name",
    "name_kana",
    "prefecture",
    "prefecture_id",
    "kind",
    "class",
    "latitude",
    "longitude",
)


def _successor(former: Former, names: Mapping[str, tuple[str, str]]) -> Found:
    if former.kind == "merged":
        return Found(None, MERGED, f"into {former.new_name} on {former.until}")
    if former.new_code not in names:
        return Found(None, "renamed, and the new one is in no list", former.new_name)
    return Found(former.new_code, by="former name or code")


def _listed(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of a list with ``municipality_id`` for their code, without the wards of cities."""
    codes = frame["code"].map(lambda text: code_digits(text) or "")
    width = _list_width([code for code in codes if code])
    five = codes.map(lambda digits: five_digits(digits, width) if digits else None)
    name = frame["name"].map(plain_name)
    kept = frame.drop(columns=["code"]).assign(municipality_id=five, name=name)
    inner = name.str.contains("市.+区$", regex=True)
    return kept[five.notna() & ~inner].replace("", None)


def _list_width(codes: list[str]) -> Width:
    """The lists make the register: here check digits tell whether five digits lost a zero."""
    if width := code_width([code for code in codes if len(code) != 5], ()):
        return width
    return 6 if all(five_digits(code, 6) for code in codes) else 5


def _described(rows: pd.DataFrame) -> pd.DataFrame:
    ids = rows["municipality_id"].astype(str)
    frame = rows.rename(columns={"kana": "name_kana"}).reindex(columns=list(_COLUMNS))
    named = rows["name"].where(rows["name"].notna(), rows["prefecture"])
    frame = frame.assign(municipality_id=ids, name=named, prefecture_id=ids.str[:2])
    frame["kind"] = [_kind(*row) for row in zip(ids, named, frame["class"], strict=True)]
    return frame


def _kind(municipality_id: str, name: str, class_: object) -> str:
    if municipality_id.endswith("000"):
        return "prefecture"
    if class_ in _CLASS_KINDS:
        return _CLASS_KINDS[str(class_)]
    # the third digit 1 is of designated cities, but for Tokyo's wards
    if municipality_id[2] == "1" and name.endswith("市"):
        return "designated"
    return _SUFFIX_KINDS.get(name[-1:], "city")
