"""Feature sets as files: ``features/<entity>/<set>.sql`` and the ``.yml`` beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from salesml.config import Days, Words
from salesml.errors import ConfigError, FeatureError, suggest
from salesml.yaml_file import read_model

__all__ = [
    "Event",
    "Example",
    "Feature",
    "FeatureSet",
    "Read",
    "load_feature_set",
    "load_feature_sets",
]

TYPES = {"double": "DOUBLE", "varchar": "VARCHAR", "boolean": "BOOLEAN"}
UNKNOWN = "unknown"
_FILLS = {"double": float, "varchar": str, "boolean": bool}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Read(_Strict):
    """One view a feature set reads: columns of a source, joined to the spine on ``on``.

    ``on: as_of`` joins by date alone, for what entities share (the record of a rep, say): one row
    for each date of the spine and each row of the source, without the id of the spine.
    """

    source: str = ""
    on: str = ""
    columns: dict[str, str] = {}

    @property
    def shared(self) -> bool:
        """Whether all entities of a date see the same rows."""
        return self.on == "as_of"


class Event(_Strict):
    """What a move of a value is called: to 0, from 0, up or down. Both values are added to it.

    For a boolean, ``starts`` and ``stops`` are all that is said.
    """

    stops: Words | None = None
    starts: Words | None = None
    rises: Words | None = None
    falls: Words | None = None


class Feature(_Strict):
    """What one column of a feature set means, to the model and to a seller.

    ``labels`` are words for codes; a code without one shows as it is. ``if_true`` and ``if_false``
    are words for a whole boolean fact. ``actionable`` is what somebody can do something about.
    """

    concept: str
    type: Literal["double", "varchar", "boolean"]
    unit: Words
    good: Literal["up", "down", "none"]
    missing: float | bool | str
    missing_words: Words | None = None
    words: Words
    if_true: Words | None = None
    if_false: Words | None = None
    labels: dict[str, Words] = {}
    event: Event = Event()
    actionable: bool = False
    previous: str | None = None

    @property
    def fill(self) -> float | bool | str | None:
        """The value of an entity without one; None where it stays unknown."""
        return None if self.missing == UNKNOWN else self.missing

    @property
    def shows_value(self) -> bool:
        """Whether the words show its own value; else they show ``previous`` alone."""
        return any(name == "value" for _, name, _, _ in Formatter().parse(self.words.ja))

    def label(self, value: Any) -> Words | None:
        """The words for a known *value* that is a code; None where it shows as it is."""
        if not self.labels:
            return None
        return self.labels.get(f"{value:g}" if self.type == "double" else str(value))

    def words_of(self, value: object) -> Words:
        """The words for a known *value*."""
        if self.type != "boolean":
            return self.words
        return (self.if_true if value else self.if_false) or self.words

    @model_validator(mode="after")
    def _consistent(self) -> Feature:
        if self.fill is None and self.missing_words is None:
            raise ValueError("missing: unknown needs missing_words")
        if self.fill is not None and not isinstance(self.fill, _FILLS[self.type]):
            raise ValueError(f"missing: {self.fill!r} is no {self.type}; `unknown` always may be")
        self._check_kinds()
        for words in filter(None, (self.words, self.if_true, self.if_false)):
            self._check_words(words.ja)
            self._check_words(words.en)
        return self

    def _check_kinds(self) -> None:
        if self.labels and self.type == "boolean":
            raise ValueError("labels are words for codes; a boolean has if_true and if_false")
        if (self.if_true or self.if_false) and self.type != "boolean":
            raise ValueError("if_true and if_false are words for a boolean feature")
        if self.actionable and (self.type != "double" or self.good == "none"):
            raise ValueError("actionable is only a double whose `good` is up or down")

    def _check_words(self, words: str) -> None:
        known = {"value", "previous"} if self.previous else {"value"}
        for _, name, _, _ in Formatter().parse(words):
            if name is not None and name not in known:
                raise ValueError(
                    f"words hold {{{name}}}, but only {{value}} can be filled in, and {{previous}} "
                    "where `previous` names a feature"
                )


class Example(_Strict):
    """Given rows of the sources, the rows a feature set must make of them."""

    name: str
    given: dict[str, list[dict[str, Any]]] = {}
    spine: list[dict[str, Any]] = Field(min_length=1)
    expect: list[dict[str, Any]] = Field(min_length=1)


def _lookback(value: object) -> object:
    return None if value == "all" else value


class _FeatureFile(_Strict):
    """The ``.yml`` of a feature set."""

    description: str
    lookback: Annotated[Days | None, BeforeValidator(_lookback)]
    reads: dict[str, Read] = {}
    concepts: dict[str, Words]
    features: dict[str, Feature] = Field(min_length=1)
    tests: list[Example] = Field(min_length=1)

    @model_validator(mode="after")
    def _references(self) -> _FeatureFile:
        for name, feature in self.features.items():
            if feature.concept not in self.concepts:
                hint = suggest(feature.concept, self.concepts)
                raise ValueError(f"{name} has the unknown concept '{feature.concept}'.{hint}")
            if feature.previous is not None and feature.previous not in self.features:
                hint = suggest(feature.previous, self.features)
                raise ValueError(f"{name}: previous '{feature.previous}' is no feature.{hint}")
        return self


@dataclass(frozen=True)
class FeatureSet:
    """One feature set, read and checked; ``path`` is its SQL file."""

    name: str
    entity: str
    path: Path
    sql: str
    file: _FeatureFile

    @property
    def id_column(self) -> str:
        """The column that names the entity."""
        return f"{self.entity}_id"

    @property
    def features(self) -> dict[str, Feature]:
        """The features by name."""
        return self.file.features

    @property
    def tests(self) -> list[Example]:
        """The examples that must hold."""
        return self.file.tests

    @cached_property
    def reads(self) -> dict[str, Read]:
        """The views by name, with ``source`` and ``on`` filled in."""
        return {
            name: read.model_copy(
                update={"source": read.source or name, "on": read.on or self.id_column}
            )
            for name, read in self.file.reads.items()
        }

    @property
    def links(self) -> set[str]:
        """Columns beside the id that the spine must bring."""
        return {read.on for read in self.reads.values()} - {self.id_column, "as_of"}

    def earliest(self, as_of: dt.date) -> dt.date | None:
        """The first date of the look-back from *as_of*; None for no limit."""
        lookback = self.file.lookback
        return None if lookback is None else as_of - dt.timedelta(days=lookback)

    def source_columns(self, read: Read) -> dict[str, str]:
        """Columns of the source behind *read* and their types (``source_<id>`` is ``<id>``)."""
        if read.shared:
            return read.columns
        prefixed = f"source_{self.id_column}"
        return {self.id_column if c == prefixed else c: t for c, t in read.columns.items()}


def load_feature_set(folder: Path, entity: str, name: str) -> FeatureSet:
    """Read the set *name* of *entity*; raises ConfigError or FeatureError naming the file."""
    path = folder / entity / f"{name}.sql"
    if not path.exists():
        known = [p.stem for p in (folder / entity).glob("*.sql")]
        raise FeatureError(
            f"There is no feature set '{name}' for {entity}.{suggest(name, known)}",
            where=str(path),
            fix=f"Use one of: {', '.join(sorted(known))}." if known else "Add the two files.",
        )
    file = read_model(path.with_suffix(".yml"), _FeatureFile)
    return FeatureSet(name, entity, path, path.read_text(encoding="utf-8"), file)


def load_feature_sets(folder: Path, entity: str, names: Iterable[str]) -> list[FeatureSet]:
    """Read several sets; raises ConfigError where two define the same feature."""
    sets = [load_feature_set(folder, entity, name) for name in names]
    owner: dict[str, FeatureSet] = {}
    for feature_set in sets:
        for feature in feature_set.features:
            if feature in owner:
                raise ConfigError(
                    f"The feature '{feature}' is defined twice.",
                    where=f"{owner[feature].path} and {feature_set.path}",
                    fix="Rename one of the two.",
                )
            owner[feature] = feature_set
    return sets
