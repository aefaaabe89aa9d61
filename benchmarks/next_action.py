"""What `NextActionModel` is worth: on a real mailing, on logged recommendations, on known truths.

    python benchmarks/next_action.py                       # all tables, about 15 minutes on a core
    python benchmarks/next_action.py mailing --seeds 3     # or another of these parts

- mailing: Hillstrom's 64,000 customers in three arms. Half to learn from, half to judge on; visits
  under the policy by weighting with the known propensity of 1/3, without and with a cost of 0.03
  a mail; the Qini coefficient of the men's mail against none. econml's DRLearner is beside it where
  it is installed.
- bandit: the value of one recommender from the log of another one, and what it really came to.
- truth: made-up customers of known effects: regret, as a share of what the best single action
  leaves, and how often targeting is claimed.
- sample: the trial of first actions on leads in `salesml sample`, by its own truth: regret as above
  from all leads and from fewer, then the same leads without effects.
- coverage: how often intervals of average effects hold the truth (the mailing's whole table).
- size: seconds and memory for 64,000 rows.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from salesml import NextActionModel
from salesml.actions.effect import policy_value
from salesml.actions.effect.curves import uplift_coefficients
from salesml.sample import make_sample

DATA = Path(os.environ.get("SALESML_DATA", "../shared/data"))
NONE, MEN = "No E-Mail", "Mens E-Mail"
COSTS = (0.0, 0.03)
TREES = {"n_estimators": 100, "num_leaves": 8, "min_child_samples": 100, "learning_rate": 0.05}
QUIET = {"verbosity": -1, "n_jobs": 1}


def mailing() -> tuple[pd.DataFrame, pd.Series[Any], pd.Series[Any]]:
    table = pd.read_csv(DATA / "hillstrom_email/hillstrom.csv.gz")
    return (
        table.drop(columns=["segment", "visit", "conversion", "spend"]),
        table.segment,
        table.visit,
    )


def numbers(X: pd.DataFrame) -> np.ndarray:
    wide = pd.get_dummies(X, dtype=float)
    return wide.assign(log=np.log(X.history)).to_numpy(dtype=float)


def judge_mailing(seeds: int) -> None:
    X, action, visit = mailing()
    arms = [NONE, *sorted(set(action) - {NONE})]
    rows = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(X))
        learn, test = order[: len(X) // 2], order[len(X) // 2 :]
        for name, effect, policies in learners(X, action, visit, arms, learn, test):
            rows.append(judged(name, effect, policies, action.iloc[test], visit.iloc[test], arms))
            print(seed, rows[-1], flush=True)
    table = pd.DataFrame(rows).groupby("learner", sort=False)
    print(table.mean().round(5).to_string(), "\n", table.std().round(5).to_string())


def learners(
    X: pd.DataFrame,
    action: pd.Series[Any],
    visit: pd.Series[Any],
    arms: list[str],
    learn: np.ndarray,
    test: np.ndarray,
) -> Iterator[tuple[str, np.ndarray | None, list[np.ndarray]]]:
    """Yield (name, effects of shape (n, K), the policy at each cost)."""
    codes = action.map({arm: k for k, arm in enumerate(arms)}).to_numpy()
    for k, arm in enumerate(arms):
        yield f"all: {arm}", None, [np.full(len(test), k)] * len(COSTS)
    effect, policies = np.zeros((len(test), len(arms))), []
    for cost in COSTS:
        model = NextActionModel(control=NONE)
        model.fit(X.iloc[learn], action.iloc[learn], visit.iloc[learn], cost=cost)
        print(model.verdict_.en)
        chosen = model.recommend(X.iloc[test]).action
        policies.append(chosen.map({arm: k for k, arm in enumerate(arms)}).to_numpy())
        table = model.effects(X.iloc[test])
        effect[:, 1:] = [[*row] for row in table.xs("effect", axis=1, level=1)[arms[1:]].to_numpy()]
    yield "NextActionModel", effect, policies
    Z = numbers(X)
    y = visit.to_numpy(dtype=float)
    found = [
        lgb.LGBMClassifier(**TREES, **QUIET)
        .fit(Z[learn][codes[learn] == k], y[learn][codes[learn] == k])
        .predict_proba(Z[test])[:, 1]
        for k in range(len(arms))
    ]
    effect = np.column_stack(found) - found[0][:, None]
    yield "T-learner (LightGBM)", effect, greedy(effect)
    for name, effect in econml(Z, codes, y, learn, test, len(arms)):
        yield name, effect, greedy(effect)


def greedy(effect: np.ndarray) -> list[np.ndarray]:
    net = np.append(0.0, np.ones(effect.shape[1] - 1))
    return [np.argmax(effect - cost * net, axis=1) for cost in COSTS]


def econml(
    Z: np.ndarray, codes: np.ndarray, y: np.ndarray, learn: np.ndarray, test: np.ndarray, count: int
) -> Iterator[tuple[str, np.ndarray]]:
    try:
        from econml.dr import DRLearner
        from sklearn.dummy import DummyClassifier
    except ImportError:
        return
    finals = {"linear": {}, "LightGBM": {"model_final": lgb.LGBMRegressor(**TREES, **QUIET)}}
    for name, final in finals.items():
        model = DRLearner(
            model_propensity=DummyClassifier(strategy="prior"),
            model_regression=lgb.LGBMRegressor(**TREES, **QUIET),
            cv=5,
            random_state=0,
            **final,
        ).fit(y[learn], codes[learn], X=Z[learn])
        parts = [model.effect(Z[test], T0=0, T1=k) for k in range(1, count)]
        yield f"econml DRLearner ({name})", np.column_stack([np.zeros(len(test)), *parts])


def judged(
    name: str,
    effect: np.ndarray | None,
    policies: list[np.ndarray],
    action: pd.Series[Any],
    visit: pd.Series[Any],
    arms: list[str],
) -> dict[str, Any]:
    codes = action.map({arm: k for k, arm in enumerate(arms)}).to_numpy()
    y, row = visit.to_numpy(dtype=float), {"learner": name}
    for cost, policy in zip(COSTS, policies, strict=True):
        own = policy == codes
        net = y - cost * (codes > 0)
        row |= {f"ips_{cost}": np.mean(own * net * 3), f"snips_{cost}": net[own].mean()}
    if effect is not None:
        rows = np.flatnonzero(np.isin(codes, (0, arms.index(MEN))))
        order = effect[rows, arms.index(MEN)]
        ones = np.ones(len(rows))
        areas = uplift_coefficients(order, codes[rows] > 0, y[rows], ones, np.arange(len(rows)))
        row["qini_men"] = areas["qini"].value
    return row


def judge_bandit() -> None:
    """Print what a recommender came to, and what another one's log says it would have."""
    for campaign in ("men", "women"):
        logs = {
            name: pd.read_csv(DATA / f"open_bandit_small/{name}_{campaign}.csv.gz")
            for name in ("random", "bts")
        }
        items = sorted(set(logs["random"].item_id) | set(logs["bts"].item_id))
        for own, other in (("bts", "random"), ("random", "bts")):
            log = logs[other]
            policy = shares(logs[own], log.position, items)
            value = policy_value(log.item_id, log.click, log.propensity_score, policy)
            click = logs[own].click
            half = 1.96 * click.std() / np.sqrt(len(click))
            inside = [abs(each.value - click.mean()) <= half for each in (value.dr, value.snips)]
            print(
                f"| {campaign} | {own} from {other}'s log | {click.mean():.5f} "
                f"({click.mean() - half:.5f} to {click.mean() + half:.5f}) | {percent(value.dr)} | "
                f"{percent(value.snips)} | {value.effective_rows:,.0f} | {value.clipped} | "
                f"{all(inside)} |",
                flush=True,
            )


def percent(interval: Any) -> str:
    return f"{interval.value:.5f} ({interval.low:.5f} to {interval.high:.5f})"


def shares(log: pd.DataFrame, position: pd.Series[Any], items: list[int]) -> pd.DataFrame:
    """Return how often the log's recommender shows each item in each row's position."""
    counts = pd.crosstab(log.position, log.item_id).reindex(columns=items, fill_value=0)
    if log.propensity_score.nunique() == 1:
        counts.loc[:, :] = 1
    return counts.div(counts.sum(axis=1), axis=0).loc[position].reset_index(drop=True)


KINDS = ("zero", "small", "strong", "strong amounts")
NAMES = np.array(["none", "call", "mail", "visit"])


def world(kind: str, rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return features, the outcome expected of doing nothing, and the true effects (n, K)."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(rows, 7)), columns=[f"x{i}" for i in range(7)])
    X["segment"] = rng.choice(["S", "A", "B", "C"], rows, p=[0.1, 0.2, 0.3, 0.4])
    bend, effect = np.tanh(1.5 * X.x0), np.zeros((rows, len(NAMES)))
    if kind == "small":
        effect[:, 1:] = np.column_stack([0 * bend + 0.02, 0.01 + 0.01 * bend, 0 * bend + 0.01])
    if kind.startswith("strong"):
        effect[:, 1:] = np.column_stack(
            [0.25 * bend, 0.05 - 0.2 * bend, 0.3 * (X.segment == "C") - 0.1]
        )
    base = 0.3 + 0.08 * np.tanh(X.x2) + 0.1 * (X.segment == "S")
    return X, base.to_numpy(), effect


def judge_truth() -> None:
    for kind in KINDS:
        for rows, repeats in ((300, 20), (3000, 6), (20000, 2)):
            found = [one_truth(kind, rows, seed) for seed in range(repeats)]
            mean = pd.DataFrame(found).mean()
            ratio = mean.regret / mean.single if mean.single > 1e-9 else np.nan
            print(
                f"| {kind} | {rows:,} | {mean.targets:.2f} | {mean.regret:.4f} | {mean.single:.4f} "
                f"| {ratio:.0%} | {mean.average:.2f} | {mean.rows:.2f} |",
                flush=True,
            )


def one_truth(kind: str, rows: int, seed: int) -> dict[str, float]:
    X, base, effect = world(kind, rows, seed)
    rng = np.random.default_rng(seed + 1000)
    arm = rng.integers(0, len(NAMES), rows)
    expected = np.clip(base + effect[np.arange(rows), arm], 0, 1)
    y = rng.random(rows) < expected
    outcome = expected + 0.2 * rng.normal(size=rows) if "amounts" in kind else y.astype(float)
    model = NextActionModel(random_state=seed)
    model.fit(X, NAMES[arm], outcome, propensity=np.full(rows, 1 / len(NAMES)))
    new, _, truth = world(kind, 5000, seed + 10**6)
    taken = [list(NAMES).index(each) for each in model.recommend(new).action]
    best, value = truth.max(axis=1).mean(), truth[np.arange(len(new)), taken].mean()
    told = model.effects(new)
    ends = [told.xs(end, axis=1, level=1)[NAMES[1:]].to_numpy() for end in ("low", "high")]
    average, own = model.average_effects_.loc[NAMES[1:]], effect[:, 1:].mean(axis=0)
    return {
        "targets": float(model.targets_),
        "regret": best - value,
        "single": best - truth.mean(axis=0).max(),
        "average": float(((average.low <= own) & (own <= average.high)).mean()),
        "rows": float(((ends[0] <= truth[:, 1:]) & (truth[:, 1:] <= ends[1])).mean()),
    }


LEAD = ["source", "industry", "employees", "prefecture", "job_title"]
FEWER = ((300, 10), (600, 6), (1000, 4), (None, 1))  # leads that are learnt from, and how often


def judge_sample(seeds: int) -> None:
    for effects in (True, False):
        for rows, repeats in FEWER:
            found = [
                one_sample(seed, rows, draw, effects)
                for seed in range(seeds)
                for draw in range(repeats)
            ]
            mean = pd.DataFrame(found).mean()
            ratio = mean.regret / mean.single if mean.single > 1e-9 else np.nan
            print(
                f"| {'as it is' if effects else 'no effects'} | {mean.rows:,.0f} | "
                f"{mean.targets:.2f} | {mean.regret:.4f} | {mean.single:.4f} | {ratio:.0%} | "
                f"{mean.average:.2f} |",
                flush=True,
            )


def one_sample(seed: int, rows: int | None, draw: int, effects: bool) -> dict[str, float]:
    trials, truth = sample_trials(seed)
    rng = np.random.default_rng(draw)
    names = ["none", *(name for name in truth if name != "none")]
    chance = truth[names].to_numpy()
    if not effects:
        chance = np.tile(chance[:, :1], len(names))
        trials = trials.assign(converted=(rng.random(len(trials)) < chance[:, 0]).astype(int))
    learnt = trials.iloc[rng.permutation(len(trials))[:rows]]
    model = NextActionModel(random_state=draw).fit(
        learnt[LEAD], learnt.action, learnt.converted, learnt.probability
    )
    taken = [names.index(each) for each in model.recommend(trials[LEAD]).action]
    best, value = chance.max(axis=1).mean(), chance[np.arange(len(chance)), taken].mean()
    average, own = (
        model.average_effects_,
        pd.Series(chance.mean(axis=0) - chance[:, 0].mean(), names),
    )
    own = own[average.index]
    return {
        "rows": len(learnt),
        "targets": float(model.targets_),
        "regret": best - value,
        "single": best - chance.mean(axis=0).max(),
        "average": float(((average.low <= own) & (own <= average.high)).mean()),
    }


@cache
def sample_trials(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials with what is known of their leads, and the truth under each action."""
    with TemporaryDirectory() as folder:
        crm = make_sample(folder, seed=seed)
        with closing(sqlite3.connect(crm)) as db:
            trials = pd.read_sql("select * from action_trials where probability is not null", db)
            leads = pd.read_sql(f"select lead_id, {', '.join(LEAD)} from leads", db)
        with closing(sqlite3.connect(crm.with_name("truth.sqlite"))) as db:
            came = pd.read_sql("select lead_id, converted from conversion", db)
            truth = pd.read_sql("select * from actions", db)
    rows = trials.merge(leads, left_on="entity_id", right_on="lead_id").merge(came, on="lead_id")
    wide = truth.pivot(index="entity_id", columns="action", values="probability")
    return rows, wide.loc[rows.lead_id]


def judge_coverage(resamples: int) -> None:
    X, action, visit = mailing()
    means = visit.groupby(action).mean()
    held = []
    for seed in range(resamples):
        rows = np.random.default_rng(seed).integers(0, len(X), 2000)
        model = NextActionModel(control=NONE).fit(X.iloc[rows], action.iloc[rows], visit.iloc[rows])
        found = model.average_effects_
        truth = means[found.index] - means[NONE]
        held.append(((found.low <= truth) & (truth <= found.high)).to_numpy())
    print(f"{np.mean(held):.1%} of {np.size(held)} intervals, {resamples} resamples of 2,000 rows")


def judge_size() -> None:
    X, action, visit = mailing()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    model = NextActionModel(control=NONE).fit(X, action, visit)
    learnt = time.perf_counter()
    model.recommend(X, capacity=5000, explore=0.05)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{len(X):,} rows: fit {learnt - started:.0f} s, recommend "
        f"{time.perf_counter() - learnt:.1f} s, {(peak - before) / 2**20:.2f} GB more"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = ("size", "bandit", "mailing", "truth", "sample", "coverage")
    options.add_argument("parts", nargs="*", default=[], help=", ".join(parts))
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--resamples", type=int, default=100)
    options.add_argument("--samples", type=int, default=3)
    given = options.parse_args()
    run = {
        "size": judge_size,
        "bandit": judge_bandit,
        "mailing": lambda: judge_mailing(given.seeds),
        "truth": judge_truth,
        "sample": lambda: judge_sample(given.samples),
        "coverage": lambda: judge_coverage(given.resamples),
    }
    for part in given.parts or parts:
        print(f"\n## {part}", flush=True)
        run[part]()


if __name__ == "__main__":
    main()
