from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fakes import WORDS, project, source, state, task
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from salesml.config import Project, TaskConfig, days, load_project
from salesml.errors import ConfigError

PROJECT = "title: {ja: 試, en: Test}\ntimezone: Europe/Berlin\nas_of: 2024-05-01\n"
SOURCES = """\
connections:
  crm: {type: sqlite, path: data/crm.sqlite}
  pg: {type: postgres, dsn: "${TEST_DSN:-host=x}", port: 5432}
sources:
  accounts:
    connection: crm
    table: accounts
    kind: state
    key: account_id
    entity: account_id
    known_at: seen
    columns: {account_id: id, segment: null, is_new: true, day: 2024-01-31}
  activities:
    connection: crm
    table: activities
    kind: events
    key: [account_id, no]
    entity: account_id
    happened_at: happened
    known_at: 2020-01-01
    columns:
      account_id: account
      no: {sql: number, type: integer}
    checks:
      not_null: no
      accepted: {no: [1, 2]}
      refers_to: {account_id: accounts.account_id}
      fresh_within: 3 days
"""
TASK = """\
entity: account
title: {ja: 解約, en: Churn}
question: {ja: 解約するか, en: Will they leave}
outcome_is: bad
horizon: 90 days
every: month
population: select account_id from accounts
outcome: select account_id, as_of from spine
features: [engagement]
bands:
  - {name: high, ja: 高, en: High, from: 60}
  - {name: low, ja: 低, en: Low, from: 1}
"""
EXPORT = """\
targets:
  scores: {task: churn, connection: crm, table: t, key: id, fields: {a: score}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "configs" / "shop"
    (made / "tasks").mkdir(parents=True)
    (made / "project.yml").write_text(PROJECT)
    (made / "sources.yml").write_text(SOURCES)
    (made / "export.yml").write_text(EXPORT)
    (made / "tasks" / "churn.yml").write_text(TASK)
    return made


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def line_of(path: Path, text: str) -> str:
    lines = path.read_text().splitlines()
    return f"{path}:{next(i for i, line in enumerate(lines, 1) if text in line)}"


def failure(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_project("shop", folder.parents[1])
    return str(caught.value)


def test_a_project_is_read(folder: Path) -> None:
    read = load_project("shop", folder.parents[1])
    root = folder.parents[1]
    assert read.connections["crm"] == {"type": "sqlite", "path": str(root / "data/crm.sqlite")}
    spec = {"type": "postgres", "dsn": "${TEST_DSN:-host=x}", "port": "5432"}
    assert read.connections["pg"] == spec, "looked up when it is used"
    assert (read.var, read.features) == (root / "var" / "shop", root / "features")
    accounts, activities = read.sources["accounts"], read.sources["activities"]
    assert accounts.key == ["account_id"]
    assert [c.sql for c in accounts.columns.values()] == ["id", "null", "True", "date '2024-01-31'"]
    assert activities.known_at == "date '2020-01-01'"
    assert (activities.columns["no"].type, activities.checks.not_null) == ("integer", ["no"])
    assert (activities.checks.fresh_within, activities.stop_above) == (3, 0.2)
    churn = read.task("churn")
    assert (churn.id_column, churn.bucket_column, churn.horizon) == ("account_id", "account_id", 90)
    assert [band.start for band in churn.bands] == [60, 1]
    assert read.targets["scores"].fields == {"a": "score"}


def test_export_may_be_left_out(folder: Path) -> None:
    (folder / "export.yml").unlink()
    assert load_project("shop", folder.parents[1]).targets == {}


def test_an_unknown_project(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no project 'shpo'\. Did you mean 'shop'\?") as caught:
        load_project("shpo", folder.parents[1])
    assert caught.value.fix == "Use one of: shop."


def test_no_configs_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_project("shop", tmp_path)
    assert caught.value.fix == "Run salesml in the folder that holds configs/."


def test_an_unknown_task(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no task 'chrun'\. Did you mean 'churn'\?"):
        load_project("shop", folder.parents[1]).task("chrun")


def test_a_project_without_tasks(folder: Path) -> None:
    (folder / "tasks" / "churn.yml").unlink()
    assert "has no task" in failure(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("project.yml", "timezone", "timezon", "unknown key 'timezon'. Did you mean 'timezone'?"),
        ("project.yml", "Europe/Berlin", "Europe/Berln", "is no time zone. Did you mean 'Europe/"),
        ("project.yml", "Europe/Berlin", "Europe", "is no time zone."),
        ("project.yml", "2024-05-01", "tomorrow", "(received 'tomorrow')"),
        ("sources.yml", "    known_at: seen\n", "", "'sources.accounts.known_at' is missing: say"),
        ("sources.yml", "kind: state", "kind: staet", "Input should be 'events' or 'state'"),
        ("sources.yml", "    happened_at: happened\n", "", "events need happened_at"),
        ("sources.yml", "known_at: seen", "known_at: seen\n    happened_at: x", "no happened_at"),
        (
            "sources.yml",
            "not_null: no",
            "not_null: acount_id",
            "'acount_id' is not among columns. Did",
        ),
        ("sources.yml", "{account_id: id", "{known_at: x, account_id: id", "a key of its own"),
        (
            "sources.yml",
            "{account_id: id",
            "{as_of: x, account_id: id",
            "must not be called 'as_of'",
        ),
        ("sources.yml", "{account_id: id", "{_raw: x, account_id: id", "must not be called '_raw'"),
        ("sources.yml", "within: 3 days", "within: 3 moons", "a length of time such as '90 d"),
        ("sources.yml", "fresh_within: 3 days", "range: {no: [1]}", "range.no.1' is missing"),
        ("sources.yml", "{no: [1, 2]}", "{no: []}", "at least 1 item"),
        (
            "tasks/churn.yml",
            "every: month",
            "every: month\nvalue: {contact: 5, positive: 1}",
            "equal to 0",
        ),
        ("tasks/churn.yml", "every: month", "every: month\nvalue: {positive: x}", "0.1 * amount"),
        ("tasks/churn.yml", "every: month", "every: month\ncapacity: {contacts: 5}", "per"),
        ("tasks/churn.yml", "every: month", "every: 2 weeks", "a number of days such as '14 days'"),
        ("tasks/churn.yml", "every: month", "every: 0 days", "a number of days such as '14 days'"),
        ("tasks/churn.yml", "horizon: 90 days", "horizon: 0 days", "greater than 0"),
        ("tasks/churn.yml", "from: 1}", "from: 61}", "from high to low scores"),
        ("tasks/churn.yml", "from: 1}", "from: 2}", "the last one `from: 1`"),
        ("tasks/churn.yml", "horizon: ", "horizont: ", "unknown key 'horizont'. Did you mean"),
        ("export.yml", "fields:", "felds:", "unknown key 'targets.scores.felds'. Did you mean"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, file: str, old: str, new: str, message: str) -> None:
    replaced(folder / file, old, new)
    assert message in failure(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("sources.yml", "connection: crm", "connection: crn", "no connection 'crn'. Did you mean"),
        ("sources.yml", "accounts.account_id", "acounts.account_id", "unknown source 'acounts'."),
        ("sources.yml", "accounts.account_id", "accounts.id", "unknown column 'accounts.id'."),
        (
            "tasks/churn.yml",
            "every: month",
            "every: acounts",
            "nor a source. Did you mean 'accounts'?",
        ),
        ("tasks/churn.yml", "every: month", "every: mont", "nor a source. Did you mean 'month'?"),
        ("tasks/churn.yml", "every: month", "every: accounts", "a source of state, whose rows"),
        ("export.yml", "task: churn", "task: chrun", "unknown task 'chrun'. Did you mean 'churn'?"),
        ("export.yml", "{task: churn, ", "{", "a target has either `task:` or `actions:`"),
        ("export.yml", "task: churn", "task: churn, actions: all", "either `task:` or `actions:`"),
        ("export.yml", "task: churn", "actions: all", "The project has no actions.yml."),
        ("export.yml", "connection: crm", "connection: csm", "unknown connection 'csm'."),
    ],
)
def test_references_name_their_line(
    folder: Path, file: str, old: str, new: str, message: str
) -> None:
    replaced(folder / file, old, new)
    text = failure(folder)
    assert message in text
    assert line_of(folder / file, new) + ": " in text


def test_all_problems_of_a_source_are_told_at_once(folder: Path) -> None:
    replaced(folder / "sources.yml", "key: [account_id, no]", "key: [acount_id, nr]")
    text = failure(folder)
    assert "'acount_id' is not among columns" in text
    assert "'nr' is not among columns" in text
    assert line_of(folder / "sources.yml", "activities:") in text


def test_where_names_the_line(folder: Path) -> None:
    read = load_project("shop", folder.parents[1])
    place = line_of(folder / "sources.yml", "activities:")
    assert read.where("sources.yml", "sources", "activities") == f"{place}, sources.activities"
    nowhere = project(folder, {"a": source()})
    assert nowhere.where("sources.yml", "sources", "a") == "configs/test/sources.yml, sources.a"


@pytest.mark.parametrize(
    ("text", "number"),
    [("90 days", 90), ("1 day", 1), (7, 7), ("2 weeks", 14), ("3 months", 90), ("1 year", 365)],
)
def test_lengths_of_time(text: object, number: int) -> None:
    assert days(text) == number


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (dt.datetime(2024, 1, 31, 10), "timestamp '2024-01-31 10:00:00'"),
        (dt.datetime(2024, 1, 31, tzinfo=dt.UTC), "timestamptz '2024-01-31 00:00:00+00:00'"),
        (dt.date(2024, 1, 31), "date '2024-01-31'"),
        (0, "0"),
        ("now_known", "now_known"),
    ],
)
def test_yaml_dates_and_numbers_are_sql(value: object, sql: str) -> None:
    assert state(known_at=value).known_at == sql


def test_sampling_in_days_is_kept_as_days() -> None:
    assert task(every=14).every == "14 days"
    assert task(every="1 day").every == "1 days"


def test_a_panel_is_dated_by_the_calendar_or_by_events() -> None:
    assert [task(every=every).anchor for every in ("month", "week", 14, "2 days")] == [None] * 4
    assert task(every="orders").anchor == "orders"


def test_ids_and_buckets_of_a_task() -> None:
    deal = task(entity="opportunity", bucket="account_id")
    assert (deal.id_column, deal.bucket_column) == ("opportunity_id", "account_id")


def test_configuration_does_not_change() -> None:
    with pytest.raises(ValidationError):
        state().table = "other"  # type: ignore[misc]


def in_zone(folder: Path, zone: str) -> Project:
    return project(folder, {}, timezone=zone)


@pytest.mark.parametrize(
    ("zone", "date", "utc"),
    [
        ("Asia/Tokyo", dt.date(2024, 4, 1), dt.datetime(2024, 3, 31, 15)),
        ("Europe/Berlin", dt.date(2024, 3, 31), dt.datetime(2024, 3, 30, 23)),
        ("Europe/Berlin", dt.date(2024, 4, 1), dt.datetime(2024, 3, 31, 22)),
        # on this day Brazil's clocks went from midnight to one: midnight itself did not exist
        ("America/Sao_Paulo", dt.date(2018, 11, 4), dt.datetime(2018, 11, 4, 3)),
        # on this day Cuba's clocks went back from one to midnight: there were two of them
        ("America/Havana", dt.date(2024, 11, 3), dt.datetime(2024, 11, 3, 4)),
    ],
)
def test_the_first_moment_of_a_date(
    tmp_path: Path, zone: str, date: dt.date, utc: dt.datetime
) -> None:
    assert in_zone(tmp_path, zone).instant(date) == utc


@given(
    date=st.dates(dt.date(1990, 1, 1), dt.date(2035, 12, 31)),
    zone=st.sampled_from(["Asia/Tokyo", "Europe/Berlin", "America/Sao_Paulo", "America/Havana"]),
)
def test_an_instant_parts_two_dates(date: dt.date, zone: str) -> None:
    instant = in_zone(Path(), zone).instant(date).replace(tzinfo=dt.UTC)
    before = instant - dt.timedelta(seconds=1)
    assert instant.astimezone(ZoneInfo(zone)).date() == date
    assert before.astimezone(ZoneInfo(zone)).date() < date


def test_the_date_of_a_run(folder: Path) -> None:
    now = dt.datetime(2024, 6, 30, 16, tzinfo=dt.UTC)
    assert load_project("shop", folder.parents[1]).default_as_of(now) == dt.date(2024, 5, 1)
    assert in_zone(folder, "Asia/Tokyo").default_as_of(now) == dt.date(2024, 7, 1)
    assert in_zone(folder, "Europe/Berlin").default_as_of(now) == dt.date(2024, 6, 30)


def test_words_are_needed_in_both_languages() -> None:
    with pytest.raises(ValidationError, match=r"question\.en"):
        task(question={"ja": WORDS["ja"]})
    assert isinstance(task(), TaskConfig)


def test_capacity_value_and_segments_are_read(folder: Path) -> None:
    replaced(
        folder / "tasks/churn.yml",
        "every: month",
        "every: month\nsegments: region\nbaseline: health\ncapacity: {contacts: 50, per: week}\n"
        "value: {contact: -3000, positive: 0.1 * amount, negative: -500}",
    )
    read = load_project("shop", folder.parents[1]).tasks["churn"]
    assert (read.segments, read.baseline) == (["region"], "health")
    assert read.capacity is not None
    assert (read.capacity.contacts, read.capacity.period) == (50, 7)
    assert read.value is not None
    assert read.value.contact == -3000
    assert (read.value.positive.of_amount, read.value.negative.fixed) == (0.1, -500)
    assert read.value.needs_amount


# retraining ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{}", (30, 0.2, 0.25, 7)),
        ("false", (None, None, None, 7)),
        ("off", (None, None, None, 7)),
        ("{after: 3 months, drift: null}", (90, 0.2, None, 7)),
        ("{after: 2 weeks, new_labels: 1, drift: 0.1, pause: 1 day}", (14, 1, 0.1, 1)),
    ],
)
def test_when_to_train_again(
    folder: Path, written: str, expected: tuple[float | None, ...]
) -> None:
    (folder / "tasks" / "churn.yml").write_text(f"{TASK}retrain: {written}\n")
    rules = load_project("shop", folder.parents[1]).task("churn").retrain
    assert (rules.after, rules.new_labels, rules.drift, rules.pause) == expected


def test_by_default_a_task_is_trained_again(folder: Path) -> None:
    assert load_project("shop", folder.parents[1]).task("churn").retrain.after == 30


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{aftr: 3 days}", "unknown key 'retrain.aftr'. Did you mean 'after'?"),
        ("{drift: 0}", "'retrain.drift': Input should be greater than 0"),
        ("{pause: never}", "'retrain.pause': must be a length of time such as '90 days'"),
        ("sometimes", "'retrain': must be `off`, or hold any of after, new_labels, drift and"),
    ],
)
def test_what_cannot_be_meant_by_it(folder: Path, written: str, said: str) -> None:
    path = folder / "tasks" / "churn.yml"
    path.write_text(f"{TASK}retrain: {written}\n")
    text = failure(folder)
    assert said in text
    assert line_of(path, "retrain") in text
