"""Words: one fact, and what became of it, as a seller would say it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesml.features import Feature, FeatureSet

__all__ = ["LANGUAGES", "Number", "Telling", "event_words", "fact_words", "missing", "quantity"]

LANGUAGES = ("ja", "en")
# "8日→8日" tells of no move
_MOVE = re.compile(r"\{previous\}[^{]*→\s*")
_PAST = re.compile(r"\{previous\}(?=[^{]*→\s*\{value)")
_VALUE = re.compile(r"\{value[^}]*\}")
# units that English leaves out, as the words before them say what is counted
_SILENT = {"times", "cases", "number", "stage", "amount", "category", "yes or no"}
_SIGNS = {"%", "×"}  # these stand at the number
_TIMES = {"days", "weeks", "months"}
_ONE = {"people": "person"}
_EXACT = 1_000_000  # smaller amounts are told to the last digit
_SCALES = {
    "ja": ((10**12, "兆"), (10**8, "億"), (10**4, "万")),
    "en": ((10**12, " trillion"), (10**9, " billion"), (10**6, " million")),
}
_UNCHANGED = {
    "ja": "{fact}（前回から変化なし、ほかの事実との兼ね合い）",
    "en": "{fact} (as last time, but it weighs differently beside the other facts)",
}
_GONE = {"ja": "{fact}（前回: {before}）", "en": "{fact} (last time: {before})"}
_NEW = {"ja": "{fact}（前回は記録なし）", "en": "{fact} (not on record last time)"}
_YES_NO: dict[str, Callable[[bool], str]] = {
    "ja": lambda yes: "はい" if yes else "いいえ",
    "en": lambda yes: "yes" if yes else "no",
}


class Number(float):
    """A number that reads well without a format, 6, 1,234 or 0.5, and signed with ``+``: +6."""

    def __format__(self, spec: str) -> str:
        if spec == "+":
            return f"{'+' if self > 0 else ''}{self}"
        if spec:
            return float(self).__format__(spec)
        if self.is_integer():
            return f"{int(self):,}"
        rounded = round(float(self), 1) + 0.0  # no -0
        return f"{float(self):,.0f}" if abs(self) >= 100 else f"{rounded:g}"


class Amount(Number):
    """Money as people say it in *language*, to three digits from a million on: 9.08 billion."""

    language: str

    def __new__(cls, value: float, language: str) -> Amount:
        made = super().__new__(cls, value)
        made.language = language
        return made

    def __format__(self, spec: str) -> str:
        if abs(self) < _EXACT or spec not in ("", "+"):
            return super().__format__(spec)
        scales = _SCALES[self.language]
        size, name = next(scale for scale in scales if abs(self) >= scale[0])
        digits = max(0, 2 - int(math.log10(abs(self) / size)))
        sign = "+" if spec == "+" and self > 0 else ""
        return f"{sign}{float(self) / size:,.{digits}f}{name}"


class _Unknown:
    """What stands for a previous value that nobody knows, whatever format the words ask for."""

    def __format__(self, spec: str) -> str:
        return "–"


def missing(value: object) -> bool:
    """Whether *value* is None or NaN."""
    return value is None or value != value


class Telling:
    """The words for the value of a feature in a row; equal facts are put in words once.

    *values* has a column for each feature and for those that its words compare with.
    """

    def __init__(self, values: pd.DataFrame, sets: Sequence[FeatureSet]) -> None:
        self.features: Mapping[str, Feature] = {
            n: f for feature_set in sets for n, f in feature_set.features.items()
        }
        self._columns = {n: values[n].to_numpy(dtype=object) for n in values.columns}
        self._shown = {
            name: name if f.shows_value or f.previous is None else f.previous
            for name, f in self.features.items()
        }
        self._told: dict[tuple[Any, ...], dict[str, str]] = {}

    def __call__(self, row: int, name: str) -> dict[str, str]:
        """``{text_ja, text_en}`` of the feature *name* in *row*."""
        feature = self.features[name]
        value = self._columns[name][row]
        previous = self._columns[feature.previous][row] if feature.previous else None
        fact = (name, None if missing(value) else value, None if missing(previous) else previous)
        if fact not in self._told:
            self._told[fact] = fact_words(feature, value, previous)
        return self._told[fact]

    def shown(self, name: str) -> str:
        """The feature whose value the words of *name* show: itself, or the one it stands for."""
        return self._shown[name]

    def values(self, name: str) -> npt.NDArray[np.object_]:
        """The values of the feature *name*, (rows,)."""
        return self._columns[name]


def fact_words(feature: Feature, value: object, previous: object = None) -> dict[str, str]:
    """``{text_ja, text_en}`` of a *value*, beside the one before where the words compare."""
    return {f"text_{lang}": _fact(feature, value, previous, lang) for lang in LANGUAGES}


def _fact(feature: Feature, value: Any, previous: object, language: str) -> str:
    if missing(value) and feature.missing_words:
        return str(getattr(feature.missing_words, language))
    value = feature.fill if missing(value) else value
    template: str = getattr(feature.words_of(value), language)
    if value == previous:
        template = _MOVE.sub("", template)
    told = _shown(feature, value, language), _shown(feature, previous, language)
    return template.format(value=told[0], previous=told[1])


def _shown(feature: Feature, value: Any, language: str) -> object:
    if missing(value):
        return _Unknown()
    if feature.type == "boolean":
        return _YES_NO[language](bool(value))
    label = feature.label(value)
    if label:
        return getattr(label, language)
    return _number(feature, value, language) if feature.type == "double" else value


def _number(feature: Feature, value: float, language: str) -> Number:
    return Amount(value, language) if feature.unit.en == "amount" else Number(value)


def quantity(feature: Feature, value: float, language: str) -> str:
    """A number with its unit: ``5日``, ``5 days``, ``30%``."""
    label, unit = feature.label(value), getattr(feature.unit, language)
    if label:
        return str(getattr(label, language))
    number = f"{_number(feature, value, language)}"
    if feature.unit.en in _SIGNS:
        return number + (unit if language == "ja" else feature.unit.en)
    if feature.unit.en in _SILENT and (language == "en" or feature.unit.en == "amount"):
        return number
    if language == "ja":
        return f"{number}{unit}"
    return f"{number} {_singular(unit) if number == '1' else unit}"


def _singular(unit: str) -> str:
    if unit in _ONE:
        return _ONE[unit]
    return f"{unit[:-3]}y" if unit.endswith("ies") else unit.removesuffix("s")


def event_words(feature: Feature, before: Any, now: Any) -> dict[str, str]:
    """``{text_ja, text_en}`` of what became of a fact: "ログインが止まりました: 6日→0日"."""
    return {f"text_{language}": _event(feature, before, now, language) for language in LANGUAGES}


def _event(feature: Feature, before: Any, now: Any, language: str) -> str:
    before, now = (feature.fill if missing(value) else value for value in (before, now))
    fact = _plain(feature, now, language)
    if missing(before) and missing(now):
        return _UNCHANGED[language].format(fact=fact)
    if missing(now):
        return _GONE[language].format(fact=fact, before=_told_alone(feature, before, language))
    if missing(before):
        return _NEW[language].format(fact=fact)
    if feature.type == "double":
        return _moved(feature, before, now, language)
    words = _named(feature, bool(before), bool(now)) if feature.type == "boolean" else None
    if words and before != now:
        return str(getattr(words, language))
    if before == now:
        return _UNCHANGED[language].format(fact=fact)
    return fact if feature.type == "boolean" else _arrow(feature, before, now, language)


def _plain(feature: Feature, value: Any, language: str) -> str:
    """The fact without the one before, which would be another day's than the last score's."""
    return _fact(feature, value, value, language)


def _told_alone(feature: Feature, value: Any, language: str) -> str:
    if feature.type == "double":
        return quantity(feature, value, language)
    return f"{_shown(feature, value, language)}"


def _moved(feature: Feature, before: float, now: float, language: str) -> str:
    ends = quantity(feature, before, language), quantity(feature, now, language)
    if ends[0] == ends[1]:
        return _UNCHANGED[language].format(fact=_plain(feature, now, language))
    words = _named(feature, before, now)
    if words is None:
        return _arrow(feature, before, now, language)
    if language == "ja":
        return f"{words.ja}: {ends[0]}→{ends[1]}"
    if feature.unit.en in _TIMES:
        return f"{words.en}: {Number(before)} → {ends[1]}"
    if feature.labels or feature.unit.en in _SIGNS:
        return f"{words.en}: {ends[0]} → {ends[1]}"
    past, present = (_number(feature, each, language) for each in (before, now))
    return f"{words.en}: {past} → {present}"  # the words say what is counted


def _named(feature: Feature, before: float, now: float) -> Any:
    """The event that the move from *before* to *now* is; None where it has no name."""
    event = feature.event
    if now > before:
        return event.starts if event.starts and not before else event.rises
    return event.stops if event.stops and not now else event.falls


def _arrow(feature: Feature, before: Any, now: Any, language: str) -> str:
    """The words of the fact, with both values in the place of one: "従業員 30名→40名"."""
    template: str = getattr(feature.words, language)
    past, present = (_shown(feature, value, language) for value in (before, now))
    if _PAST.search(template):
        return template.format(previous=past, value=present)
    found = _VALUE.search(template)
    if found is None:
        return template.format(previous=past)
    place, end = found.group(), found.end()
    unit = getattr(feature.unit, language) if language == "ja" else ""
    rest = template[end:]
    if feature.type != "double" or not unit or not rest.startswith(unit):
        unit = "%" if rest.startswith("%") else ""
    arrow = "→" if language == "ja" else " → "
    both = f"{place.format(value=past)}{unit}{arrow}{place.format(value=present)}"
    return template[: found.start()].format() + both + rest.format()
