"""How long a night's plan takes, and how far it may be from the best one.

100,000 entities with 20 allowed actions each (2,000,000 options) and 200 people of five roles with
600 to 1,200 minutes; values as effects on probabilities times amounts make them, most entities
owned, visits and meetings limited, a few urgent plays.

    python -m benchmarks.assignment                     as above
    python -m benchmarks.assignment 20000 20 50         fewer
    python -m benchmarks.assignment --seeds 5           several markets
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from salesml.actions.assignment import allocate

_ROLES = np.array(["BDR", "IS", "FS", "route", "CS"])
_MINUTES = [5, 10, 15, 20, 30, 45, 60, 90, 120]
_CHANNELS = {"visit": 10, "meeting": 15}


def people_of(rng: np.random.Generator, people: int) -> pd.DataFrame:
    """Return *people* of five roles, 600 to 1,200 minutes each."""
    return pd.DataFrame(
        {
            "rep_id": [f"R{i:04}" for i in range(people)],
            "role": _ROLES[np.arange(people) % len(_ROLES)],
            "skill": rng.integers(1, 6, people),
            "minutes": rng.integers(60, 121, people) * 10.0,
        }
    )


def options_of(
    rng: np.random.Generator, entities: int, actions: int, people: pd.DataFrame
) -> pd.DataFrame:
    """Return every action of every entity, and what it is worth net of a minute's cost of 60."""
    minutes = rng.choice(_MINUTES, actions)
    amount, chance = rng.lognormal(12.5, 1.2, entities), rng.beta(1, 5, entities)
    effect = rng.uniform(0.02, 0.15, actions) * np.exp(rng.normal(0, 0.5, (entities, actions)))
    value = (amount * chance * (1 - chance))[:, None] * effect - 60 * minutes
    owner = people["rep_id"].to_numpy(object)[rng.integers(0, len(people), entities)]
    owner[rng.random(entities) < 0.2] = None
    which, whose = np.tile(np.arange(actions), entities), np.repeat(np.arange(entities), actions)
    urgent = np.zeros((entities, actions), dtype=bool)
    hurried = rng.choice(entities, entities // 500, replace=False)
    urgent[hurried, rng.integers(0, actions, len(hurried))] = True
    return pd.DataFrame(
        {
            "entity": np.array([f"E{i:06}" for i in range(entities)])[whose],
            "action": np.array([f"A{i:02}" for i in range(actions)])[which],
            "value": value.ravel(),
            "minutes": minutes[which],
            "channel": rng.choice(["mail", "phone", "visit", "meeting", "web"], actions)[which],
            "role": _ROLES[np.arange(actions) % len(_ROLES)][which],
            "skill": rng.integers(1, 4, actions)[which],
            "owner_id": owner[whose],
            "urgent": urgent.ravel(),
        }
    )


def run(entities: int, actions: int, people: int, seed: int) -> None:
    """Plan one night and print what it took."""
    rng = np.random.default_rng(seed)
    staff = people_of(rng, people)
    options = options_of(rng, entities, actions, staff)
    started = time.process_time()
    found = allocate(options, staff, channels=_CHANNELS)
    spent = time.process_time() - started
    urgent = options.loc[found.chosen.index, "urgent"].sum()
    load = found.loads["minutes"] / found.loads["of"]
    print(
        f"seed {seed}: {len(options):,} options, {people} people: {found.seconds:.1f} s "
        f"({spent:.1f} s of CPU), gap {found.gap:.3%}, {len(found.chosen):,} done, "
        f"{urgent} of {options['urgent'].sum()} urgent, loads {load.min():.0%}-{load.max():.0%}, "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("entities", 100_000), ("actions", 20), ("people", 200)):
        parser.add_argument(name, type=int, nargs="?", default=usual)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    for seed in range(given.seeds):
        run(given.entities, given.actions, given.people, seed)


if __name__ == "__main__":
    main()
