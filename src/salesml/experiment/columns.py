"""Which features a variant learns from: names of sets, features and concepts resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from salesml.config import Project, TaskConfig
from salesml.errors import ConfigError, FeatureError, suggest
from salesml.experiment.variant import Variant
from salesml.features import FeatureSet, load_feature_set, load_feature_sets

__all__ = ["Catalogue", "Chosen"]

Chosen = dict[str, tuple[str, ...]]  # the features in use of each feature set, in their order


class Catalogue:
    """The feature sets that a task has, and those that it could have."""

    def __init__(self, project: Project, task: TaskConfig) -> None:
        self.project, self.task = project, task
        self.folder = project.features / task.entity
        self.names = sorted(path.stem for path in self.folder.glob("*.sql"))

    @cached_property
    def configured(self) -> Chosen:
        """The features of the task as configured."""
        sets = load_feature_sets(self.project.features, self.task.entity, self.task.features)
        return {feature_set.name: tuple(feature_set.features) for feature_set in sets}

    def chosen(self, variant: Variant) -> Chosen:
        """The features of *variant*; raises ConfigError or FeatureError for what makes no sense."""
        current = dict(self.configured)
        for name in variant.remove:
            current = self._without(current, name)
        for name in variant.add:
            current = self._with(current, name)
        if not current:
            raise ConfigError(
                f"The variant '{variant.title}' leaves no feature to learn from.",
                received=f"the task has {', '.join(self.configured)}",
                fix="Keep a feature set, or add one with --with.",
            )
        load_feature_sets(self.project.features, self.task.entity, current)
        return current

    def _without(self, current: Chosen, name: str) -> Chosen:
        gone = _matches(name, {s: self._kept(s, features) for s, features in current.items()})
        if not gone:
            raise self._unknown(name, current, f"Task {self.task.name} does not use '{name}'.")
        left = {
            s: tuple(f for f in features if f not in gone.get(s, ()))
            for s, features in current.items()
        }
        return {s: features for s, features in left.items() if features}

    def _with(self, current: Chosen, name: str) -> Chosen:
        found = _matches(name, self._addable(name))
        if not found:
            what = f"There is no feature set, feature or concept '{name}' of {self.task.entity}."
            raise self._unknown(name, self.names, what)
        if len(found) > 1:
            raise FeatureError(
                f"'{name}' is in several feature sets.",
                received=", ".join(found),
                where=str(self.folder),
                fix=f"Name the set, too: {next(iter(found))}.{name}.",
            )
        (home, features), *_ = found.items()
        have = current.get(home, ())
        if set(features) <= set(have):
            raise ConfigError(
                f"Task {self.task.name} uses '{name}' already.",
                where=f"tasks/{self.task.name}.yml, features",
                fix=f"See what it is worth with --without {name}.",
            )
        order = self._set(home).features
        return {**current, home: tuple(f for f in order if f in {*have, *features})}

    def _addable(self, name: str) -> dict[str, dict[str, str]]:
        """The sets that *name* may mean: one where it says so, as others need not be sound."""
        home = name.partition(".")[0]
        sets = [home] if home in self.names else self.names
        return {s: self._kept(s, self._set(s).features) for s in sets}

    def _set(self, name: str) -> FeatureSet:
        return load_feature_set(self.project.features, self.task.entity, name)

    def _kept(self, name: str, features: Iterable[str]) -> dict[str, str]:
        """The concept of each of *features*, which are in the set *name*."""
        return {f: self._set(name).features[f].concept for f in features}

    def _unknown(self, name: str, sets: Iterable[str], what: str) -> FeatureError:
        owner = next(iter(self.project.features.glob(f"*/{name.partition('.')[0]}.sql")), None)
        if owner is not None and owner.parent != self.folder:
            return FeatureError(
                f"'{name}' is of {owner.parent.name}, and task {self.task.name} asks about "
                f"{self.task.entity}.",
                where=str(owner),
                fix=f"Use one of: {', '.join(self.names)}.",
            )
        known = [word for s in sets for word in _words(s, self._set(s))]
        return FeatureError(
            what + suggest(name, known),
            received=f"sets {', '.join(sets)}",
            where=str(self.folder),
            fix="Name a feature set, one of its features (set.feature), or a concept.",
        )


def _words(name: str, feature_set: FeatureSet) -> list[str]:
    features = feature_set.features
    dotted = [f"{name}.{feature}" for feature in features]
    return [name, *features, *dotted, *(f.concept for f in features.values())]


def _matches(name: str, sets: Mapping[str, Mapping[str, str]]) -> Chosen:
    """What *name* means among *sets* (feature -> concept): a set, a feature, or a concept."""
    if name in sets:
        return {name: tuple(sets[name])}
    home, dot, rest = name.partition(".")
    if dot:
        sets, name = {s: features for s, features in sets.items() if s == home}, rest
    named: Chosen = {s: (name,) for s, features in sets.items() if name in features}
    return named or {
        s: tuple(f for f, concept in features.items() if concept == name)
        for s, features in sets.items()
        if name in features.values()
    }
