"""One comparison of actions with doing nothing: rows, a model, and what it says of others."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from salesml.actions.book import NO_ACTION
from salesml.actions.effect import NextActionModel
from salesml.actions.effect.value import mean_of
from salesml.errors import ModelError
from salesml.training.table import Floats

__all__ = ["ALL", "FEWEST_ROWS", "FEWEST_TRIED", "Comparison", "compare", "designs"]

FEWEST_ROWS, FEWEST_TRIED = 100, 30  # from which effects are learnt
OTHER = "(other)"  # whatever else was done: no control, and nothing that is asked about
TOGETHER = 0.9  # share of rows with the same choice from which actions are compared at once
ALL = ""  # the segment that stands for all of them
SEAL = "sha256"  # the file with the digest of all others
_NEVER = 2.0  # a cost above any effect on a probability


def designs(rows: pd.DataFrame) -> dict[str, tuple[list[str], pd.DataFrame]]:
    """What can be compared: name -> actions, and the rows in which each of them was possible.

    All actions at once where nearly all rows had the same choice; else each by itself, with those
    who could have got it: whoever never could is no control.
    """
    if rows.empty:
        return {}
    menus = rows["could"].value_counts()
    if menus.iloc[0] >= TOGETHER * len(rows):
        alike = rows[rows["could"].map(lambda menu: menu == menus.index[0])]
        actions = [a for a in menus.index[0] if _enough(alike, a)]
        return {"all": (actions, alike)} if actions else {}
    found = {}
    for action in sorted(set(rows["action"]) - {NO_ACTION}):
        own = rows[[action in menu for menu in rows["could"]]]
        if _enough(own, action):
            found[action] = ([action], own)
    return found


def _enough(rows: pd.DataFrame, action: str) -> bool:
    tried = rows["action"].value_counts()
    fewest = min(tried.get(action, 0), tried.get(NO_ACTION, 0))
    return bool(len(rows) >= FEWEST_ROWS and fewest >= FEWEST_TRIED)


@dataclass(frozen=True)
class Comparison:
    """Effects of ``actions`` on the probability of a task's good outcome, against doing nothing.

    ``rows`` are those that were learnt from: entity_id, as_of, action, arm, probability, good, how,
    segment, amount, action_id, and the model's ``scores_``, named ``score <arm>``,
    ``effect <arm>`` and ``followed``; ``given`` is how many it was given, those of actions too rare
    to be learnt among them. ``typical`` is half the interval of an effect on a row like
    those, by action.
    """

    actions: tuple[str, ...]
    model: NextActionModel
    rows: pd.DataFrame
    as_of: dt.date
    typical: dict[str, float]
    given: int

    def effects(self, X: pd.DataFrame, segments: Sequence[Any]) -> pd.DataFrame:
        """Return row (the place in *X*), action, effect, low and high; *segments* are those of X.

        Where choosing by features is proven to be better, the effect is the model's; the less a row
        is like those that were tried, the more it is what was foretold of the like cases, those of
        its segment. Else all have the average effect. Either is drawn towards none as far as chance
        alone could have made it (James and Stein, Estimation with quadratic loss, 1961): among
        several actions the one with the luckiest error must not win. Intervals are as measured.
        """
        told = self.model.effects(X) if self.model.targets_ else None
        parts = [
            self._averages(X, action)
            if told is None
            else self._mixed(told[action].to_numpy(), action, segments)
            for action in self.actions
        ]
        return pd.concat(parts, ignore_index=True)

    def _averages(self, X: pd.DataFrame, action: str) -> pd.DataFrame:
        return _frame(np.tile(self.average(action), (len(X), 1)), action)

    def _mixed(self, told: Floats, action: str, segments: Sequence[Any]) -> pd.DataFrame:
        half = self._repeated(action) * (told[:, 2] - told[:, 1]) / 2
        own = np.minimum(1.0, (self._repeated(action) * self.typical[action] / half) ** 2)
        like = self.like(action)
        known = [segment if segment in like.index else ALL for segment in segments]
        cases = like.loc[known].to_numpy(dtype=np.float64)
        effect = own * told[:, 0] + (1 - own) * cases[:, 0]
        width = np.hypot(own * half, (1 - own) * cases[:, 1])
        return _frame(np.column_stack([effect, effect - width, effect + width]), action)

    def _repeated(self, action: str) -> float:
        """How much wider intervals are as rows of one entity go together; at least 1."""
        gain = self.rows[f"score {action}"] - self.rows[f"score {NO_ACTION}"]
        plain = float(gain.std()) / np.sqrt(len(gain))
        _, low, high = self.average(action)
        return max(1.0, (high - low) / 2 / 1.96 / plain) if plain > 0 else 1.0

    def like(self, action: str) -> pd.DataFrame:
        """What was foretold of the effect of *action*, by segment (`ALL` for all of them).

        Indexed by segment: effect, the mean over its rows of what models that had not seen them
        foretold, and half, that of an interval for one of them: of the effect as measured in the
        segment, and of how far its rows differ.
        """
        foretold = self.rows[f"effect {action}"]
        gain = self.rows[f"score {action}"] - self.rows[f"score {NO_ACTION}"]
        found = {ALL: _like(foretold, gain, self.rows["entity_id"])}
        for segment, rows in self.rows.groupby("segment"):
            if len(rows) >= FEWEST_TRIED:
                ids = rows["entity_id"]
                found[str(segment)] = _like(foretold[rows.index], gain[rows.index], ids)
        return pd.DataFrame(found, index=["effect", "half"]).T

    def average(self, action: str) -> tuple[float, float, float]:
        """The average effect of *action* with its 95 % interval."""
        row = self.model.average_effects_.loc[[action], ["effect", "low", "high"]]
        value, low, high = row.to_numpy(dtype=np.float64)[0].tolist()
        return value, low, high

    def rates(self, action: str) -> pd.DataFrame:
        """How often the good outcome came with *action* and without any, by segment.

        Indexed by segment (`ALL` for all of them): with_n, with_rate, without_n, without_rate; rows
        weigh by how rarely they get what they got, so that both sides are alike.
        """
        groups = {str(name): rows for name, rows in self.rows.groupby("segment")}
        found = {name: _rates(rows, action) for name, rows in ({ALL: self.rows} | groups).items()}
        return pd.DataFrame(found).T

    def save(self, directory: Path) -> None:
        """Write it to *directory*, all of it or nothing."""
        draft = directory.with_name(f".{directory.name}.{uuid.uuid4().hex[:8]}")
        try:
            self.model.save(draft / "model")
            self.rows.to_parquet(draft / "rows.parquet", index=False)
            about = {
                "actions": list(self.actions),
                "as_of": str(self.as_of),
                "typical": self.typical,
                "given": self.given,
            }
            (draft / "about.json").write_text(json.dumps(about), encoding="utf-8")
            (draft / SEAL).write_text(_digest(draft), encoding="utf-8")
            shutil.rmtree(directory, ignore_errors=True)
            draft.replace(directory)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @classmethod
    def load(cls, directory: Path) -> Comparison:
        """What `save` wrote; raises ModelError where any of its files was changed."""
        _verify(directory)
        about = json.loads((directory / "about.json").read_text(encoding="utf-8"))
        model = NextActionModel.load(directory / "model")
        rows = pd.read_parquet(directory / "rows.parquet")
        date, typical = dt.date.fromisoformat(about["as_of"]), about["typical"]
        return cls(tuple(about["actions"]), model, rows, date, typical, about["given"])


def _digest(directory: Path) -> str:
    """One SHA-256 over names and contents of all that was written, but the seal."""
    total = hashlib.sha256()
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        if file.name != SEAL:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(directory).as_posix()}\n{content}\n".encode())
    return total.hexdigest()


def _verify(directory: Path) -> None:
    seal = directory / SEAL
    if not seal.is_file() or seal.read_bytes() != _digest(directory).encode():
        raise ModelError(
            "What was learnt of actions was changed since, or by an older version.",
            where=str(directory),
            fix="delete the folder; it is learnt anew",
        )


def _frame(values: Floats, action: str) -> pd.DataFrame:
    """Effects of *action*, drawn towards none, from *values*: effect, low and high as measured."""
    found = pd.DataFrame(values, columns=["effect", "low", "high"])
    found["effect"] *= _kept(values)
    return found.assign(row=np.arange(len(found)), action=action)


def _like(foretold: pd.Series, gain: pd.Series, ids: pd.Series) -> list[float]:
    clusters = pd.factorize(ids)[0].astype(np.int64)
    interval = mean_of(gain.to_numpy(dtype=np.float64), clusters)
    measured, differing = (interval.high - interval.low) / 2, 1.96 * float(foretold.std())
    return [float(foretold.mean()), float(np.hypot(measured, differing))]


def _kept(values: Floats) -> Floats:
    """The share of each effect (with low and high) that so many standard errors leave of it."""
    effect, error = values[:, 0], (values[:, 2] - values[:, 1]) / 2 / 1.96
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(0.0, np.nan_to_num(1 - (error / effect) ** 2, neginf=0.0))


def _rates(rows: pd.DataFrame, action: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for side, name in (("with", action), ("without", NO_ACTION)):
        own = rows[rows["action"] == name]
        weights = 1 / own["probability"] if own["probability"].notna().all() else None
        rate = np.average(own["good"], weights=weights) if len(own) else np.nan
        found |= {f"{side}_n": len(own), f"{side}_rate": float(rate)}
    return found


def compare(
    actions: Sequence[str], rows: pd.DataFrame, X: pd.DataFrame, as_of: dt.date
) -> Comparison:
    """Learn what *actions* do from *rows*, as of `panel_of`, and their features *X*.

    Where no probability is known, it is estimated from X.
    """
    arms = rows["action"].where(rows["action"].isin([NO_ACTION, *actions]), OTHER)
    known = rows["probability"].notna().all()
    other = arms == OTHER  # many actions: as probable as they were frequent, not as each was
    chances = rows["probability"].mask(other, other.mean())
    model = NextActionModel(control=NO_ACTION).fit(
        X,
        arms.to_numpy(object),
        rows["good"].to_numpy(),
        propensity=chances.to_numpy() if known else None,
        cost={OTHER: _NEVER} if other.any() else None,
        groups=rows["entity_id"].to_numpy(object),
    )
    kept = rows.iloc[model.scores_.index].reset_index(drop=True)
    told = model.scores_.reset_index(drop=True)
    told.columns = [" ".join(filter(None, pair)) for pair in told.columns]
    columns = ["entity_id", "as_of", "action", "probability", "good", "how", "action_id"]
    kept = kept.reindex(columns=[*columns, "segment", "amount"]).assign(
        arm=arms.iloc[model.scores_.index].to_numpy(object)
    )
    kept["segment"] = kept["segment"].astype("str").where(kept["segment"].notna(), None)
    kept["amount"] = pd.to_numeric(kept["amount"]).astype("float64")
    kept = pd.concat([kept, told], axis=1)
    return Comparison(tuple(actions), model, kept, as_of, _typical(model, X, actions), len(rows))


def _typical(model: NextActionModel, X: pd.DataFrame, actions: Sequence[str]) -> dict[str, float]:
    told = model.effects(X)
    return {a: float((told[a, "high"] - told[a, "low"]).median()) / 2 for a in actions}
