"""A score that somebody made by rules, as a candidate: what any model has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from salesml.training.candidates import Candidate, Trial, cross_fit, timed
from salesml.training.logistic import learn_path
from salesml.training.split import Fold
from salesml.training.table import Floats, Table
from salesml.training.terms import SHAPES, Term, restore_term

__all__ = ["Rule", "RuleRecipe", "try_rule"]

STRENGTH = 1.0  # two numbers are learnt from all rows: there is nothing to regularise


@dataclass(frozen=True)
class Rule:
    """Log-odds that rise or fall with one column."""

    expected_value: float
    column: int
    term: Term

    def margin(self, table: Table) -> Floats:
        """Return log-odds, shape (n,)."""
        return self.expected_value + self.term.contribution(table.matrix[:, self.column])

    def contributions(self, table: Table) -> Floats:
        """Return shape (n, columns), zero but for the rule's column."""
        result = np.zeros((len(table), table.width))
        result[:, self.column] = self.term.contribution(table.matrix[:, self.column])
        return result

    def dump(self, directory: Path) -> dict[str, Any]:  # noqa: ARG002 (all of it is JSON)
        """Return the term."""
        return asdict(self)

    @classmethod
    def restore(cls, stored: dict[str, Any]) -> Rule:
        """Return the rule that `dump` described."""
        return cls(stored["expected_value"], stored["column"], restore_term(stored["term"]))


@dataclass(frozen=True)
class RuleRecipe:
    """Which column holds the rule's score, and the way it must go (0: any)."""

    column: int
    direction: int = 0

    def learn(self, table: Table, y: Floats, finished: Mapping[str, Candidate]) -> Rule:  # noqa: ARG002
        """Learn which probability each score stands for."""
        levels = {0: table.levels[self.column]} if self.column in table.levels else {}
        alone = Table(table.matrix[:, [self.column]], levels)
        directions = {0: self.direction}
        found = learn_path(alone, y, SHAPES["straight"], [STRENGTH], directions, seed=0)[0]
        return Rule(found.expected_value, self.column, found.terms[0])


def try_rule(
    table: Table,
    column: int,
    y: Floats,
    folds: Sequence[Fold],
    *,
    direction: int = 0,
    answers: bool = True,
) -> Trial:
    """Judge the score in *column*; without *answers* it only shows what there is to beat."""
    started = timed()
    recipe = RuleRecipe(column, direction)
    margin = cross_fit(recipe, table, y, folds)
    return Trial("rule", margin, "the score given", recipe if answers else None, started())
