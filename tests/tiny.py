"""A small company: its CRM as an SQLite file and a project about it, for tests of whole runs.

Customers visit or stay away for weeks on end; the task asks who will not come within 30 days.
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

AS_OF = dt.date(2025, 3, 1)
NEXT = dt.date(2025, 3, 2)
EARLY = dt.date(2025, 1, 1)
NOW = dt.datetime(2025, 3, 10, 2, 0, tzinfo=dt.UTC)
CUSTOMERS = 48
_BEGIN = dt.date(2023, 12, 1)
_SEGMENTS = ("大企業", "中堅", "SMB")

PROJECT = """\
title: {ja: 小さな会社, en: Tiny}
as_of: 2025-03-01
complete_from: 2024-01-01
buckets: 3
"""

SOURCES = """\
connections:
  crm: {type: sqlite, path: crm.sqlite}
sources:
  accounts:
    connection: crm
    table: customers
    kind: state
    key: account_id
    entity: account_id
    known_at: opened_on
    columns:
      account_id: code
      name: name
      owner_id: rep
      segment: segment
      fee: fee
  activities:
    connection: crm
    table: visits
    kind: events
    key: activity_id
    entity: account_id
    happened_at: visited_at
    known_at: logged_at
    columns:
      activity_id: id
      account_id: customer
      channel: channel
    checks:
      refers_to: {account_id: accounts.account_id}
"""

TASK = """\
entity: account
title: {ja: 来訪, en: Staying away}
question: {ja: 30日以内に来ないか, en: "Will they stay away for 30 days?"}
outcome_is: bad
horizon: 30 days
every: month
population: |
  select account_id, name, owner_id as owner, segment, fee as amount from accounts
outcome: |
  select spine.account_id, spine.as_of
  from spine
  anti join activities
      on activities.account_id = spine.account_id
      and activities.happened_at >= spine.as_of
      and activities.happened_at < spine.horizon_end
features: [contact, profile]
model: {tree_budget: 300, num_threads: 1}
bands:
  - {name: high, ja: 高, en: High, from: 60}
  - {name: low, ja: 低, en: Low, from: 1}
"""

EXPORT = """\
targets:
  customers:
    task: away
    connection: crm
    table: customers
    key: code
    fields: {score: score, band: band_ja}
    stamps: {reasons: reasons_ja, scored_on: as_of}
"""

CONTACT_SQL = """\
select
    account_id,
    as_of,
    count(*) filter (where happened_at >= as_of - 30) as visits_30d,
    count(*) filter (where happened_at < as_of - 30 and happened_at >= as_of - 60)
        as visits_prev_30d,
    date_diff('day', max(happened_at)::date, as_of) as days_since_visit
from activities
group by account_id, as_of
"""

CONTACT_YML = """\
description: Visits
lookback: 180 days
reads:
  activities: {columns: {channel: varchar}}
concepts:
  visits: {ja: 来訪, en: Visits}
  rhythm: {ja: 間隔, en: Rhythm}
features:
  visits_30d:
    concept: visits
    type: double
    unit: {ja: 回, en: visits}
    good: up
    missing: 0
    words: {ja: "来訪が{previous}回→{value}回", en: "Visits in 30 days: {previous} → {value}"}
    previous: visits_prev_30d
  visits_prev_30d:
    concept: visits
    type: double
    unit: {ja: 回, en: visits}
    good: up
    missing: 0
    words: {ja: "その前は来訪が{value}回", en: "Visits in the 30 days before: {value}"}
  days_since_visit:
    concept: rhythm
    type: double
    unit: {ja: 日, en: days}
    good: down
    missing: unknown
    missing_words: {ja: "来訪の記録がありません", en: "No visit on record"}
    words: {ja: "最後の来訪から{value}日", en: "Days since the last visit: {value}"}
tests:
  - name: visits are counted
    given:
      activities:
        - {account_id: a, happened_at: 2025-01-20}
        - {account_id: a, happened_at: 2024-12-20}
    spine: [{account_id: a, as_of: 2025-02-01}]
    expect:
      - {account_id: a, as_of: 2025-02-01, visits_30d: 1, visits_prev_30d: 1, days_since_visit: 12}
"""

PROFILE_SQL = "select account_id, as_of, segment as account_segment from accounts\n"

PROFILE_YML = """\
description: Who they are
lookback: all
reads:
  accounts: {columns: {segment: varchar}}
concepts:
  profile: {ja: 属性, en: Profile}
features:
  account_segment:
    concept: profile
    type: varchar
    unit: {ja: 区分, en: category}
    good: none
    missing: unknown
    missing_words: {ja: "区分の記録がありません", en: "No segment on record"}
    words: {ja: "区分は{value}", en: "Segment: {value}"}
tests:
  - name: the segment
    given: {accounts: [{account_id: a, segment: SMB}]}
    spine: [{account_id: a, as_of: 2025-02-01}]
    expect: [{account_id: a, as_of: 2025-02-01, account_segment: SMB}]
"""

_FILES = {
    "configs/tiny/project.yml": PROJECT,
    "configs/tiny/sources.yml": SOURCES,
    "configs/tiny/tasks/away.yml": TASK,
    "configs/tiny/export.yml": EXPORT,
    "features/account/contact.sql": CONTACT_SQL,
    "features/account/contact.yml": CONTACT_YML,
    "features/account/profile.sql": PROFILE_SQL,
    "features/account/profile.yml": PROFILE_YML,
}


def make_company(root: Path) -> Path:
    """Write the project ``tiny`` and its CRM under *root*; returns *root*."""
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with crm(root) as link:
        link.executescript(
            """create table customers (code text primary key, name text, rep text, segment text,
                   fee real, opened_on text, score integer, band text, reasons text,
                   scored_on text);
               create table visits (id integer primary key, customer text, visited_at text,
                   logged_at text, channel text);"""
        )
        rng = random.Random(0)
        for number in range(CUSTOMERS):
            _live(link, rng, f"c{number:03d}", number)
    return root


def _live(link: sqlite3.Connection, rng: random.Random, code: str, number: int) -> None:
    """One customer: months of coming often and of staying away follow each other."""
    values = (code, f"株式会社{number}", f"r{number % 3}", _SEGMENTS[number % 3], 1000.0 * number)
    opened = _BEGIN + dt.timedelta(days=number % 20)
    link.execute(
        "insert into customers (code, name, rep, segment, fee, opened_on) values (?,?,?,?,?,?)",
        (*values, opened.isoformat()),
    )
    comes, day = rng.random() < 0.6, opened
    while day < NOW.date():
        if rng.random() < 1 / 120:
            comes = not comes
        if comes and rng.random() < 0.15:
            at = dt.datetime.combine(day, dt.time(10)) + dt.timedelta(minutes=rng.randrange(400))
            visit(link, code, at, rng.choice(("visit", "phone")))
        day += dt.timedelta(days=1)


def visit(link: sqlite3.Connection, code: str, at: dt.datetime, channel: str = "visit") -> None:
    """Note a visit, an hour after it happened."""
    logged = at + dt.timedelta(hours=1)
    link.execute(
        "insert into visits (customer, visited_at, logged_at, channel) values (?,?,?,?)",
        (code, str(at), str(logged), channel),
    )


def copy_of(root: Path, target: Path) -> Path:
    """A copy of everything under *root*, runs and models included, that lives on at *target*."""
    shutil.copytree(root, target)
    return target


@contextmanager
def crm(root: Path) -> Iterator[sqlite3.Connection]:
    """The CRM, open; what was changed is kept."""
    with closing(sqlite3.connect(root / "crm.sqlite")) as link:
        yield link
        link.commit()


def content(root: Path) -> list[str]:
    """All rows of the CRM as text."""
    with crm(root) as link:
        return list(link.iterdump())


def change(root: Path, name: str, place: str, value: Any) -> None:
    """Set the value at *place* (keys joined by dots) in the YAML file *name*; None deletes it."""
    path = root / name
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    *parents, last = place.split(".")
    found = whole
    for key in parents:
        found = found[key]
    if value is None:
        del found[last]
    else:
        found[last] = value
    path.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False), encoding="utf-8")


_FLAGS = """\
create table flags as
with months as (select distinct date(visited_at, 'start of month') as as_of from visits)
select code || as_of as id, code as customer, as_of as flagged_at, not exists (
    select 1 from visits where customer = code and visited_at >= as_of
    and visited_at < date(as_of, '+30 days')) as gone
from customers, months
"""
_FLAGGED_SQL = """\
select account_id, as_of, any_value(segment) as account_segment,
    max_by(gone, flags.happened_at) as flag
from accounts left join flags using (account_id, as_of)
group by account_id, as_of
"""


def leak(root: Path) -> None:
    """Add a feature, ``flag``, that tells the outcome: the CRM says it was known in time."""
    with crm(root) as link:
        link.execute(_FLAGS)
    source = {
        "connection": "crm", "table": "flags", "kind": "events", "key": "flag_id",
        "entity": "account_id", "happened_at": "flagged_at",
        "known_at": "flagged_at::timestamp - interval 1 hour",
        "columns": {"flag_id": "id", "account_id": "customer", "gone": "gone"},
    }  # fmt: skip
    flag = {
        "concept": "profile", "type": "double", "unit": {"ja": "無", "en": "none"},
        "good": "none", "missing": 0, "words": {"ja": "{value}", "en": "{value}"},
    }  # fmt: skip
    change(root, "configs/tiny/sources.yml", "sources.flags", source)
    profile = "features/account/profile.yml"
    change(root, profile, "reads.flags", {"columns": {"gone": "double"}})
    change(root, profile, "features.flag", flag)
    (root / "features/account/profile.sql").write_text(_FLAGGED_SQL, encoding="utf-8")
