from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import duckdb
import pytest
import tiny

from salesml import api
from salesml.check import CheckReport, check
from salesml.config import load_project
from salesml.crm.sqlite import Sqlite
from salesml.engine import literal, one
from salesml.errors import (
    ConfigError,
    DataQualityError,
    ExportError,
    FeatureError,
    LabelError,
    SalesmlError,
    SourceError,
)
from salesml.sample import make_sample
from salesml.store import bucket_of
from salesml.wiring import feature_sets_of

SOURCES, TASK = "configs/tiny/sources.yml", "configs/tiny/tasks/away.yml"
EXPORT = "configs/tiny/export.yml"
REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tiny.make_company(tmp_path)


def checked(root: Path) -> CheckReport:
    return check("tiny", root=root, now=tiny.NOW)


def problem(root: Path) -> SalesmlError:
    """The one thing that is wrong."""
    (found,) = checked(root).problems
    return found


def files(root: Path) -> dict[str, str]:
    """Every file under *root*, and a digest of its content."""
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def test_a_project_that_is_right(root: Path) -> None:
    told: list[str] = []
    report = check("tiny", root=root, now=tiny.NOW, tell=told.append)
    assert report.problems == []
    assert report.warnings == []
    assert report.passed == [
        "task away: configuration",
        "features account/contact: examples",
        "features account/profile: examples",
        "task away: feature sets and sources fit together",
        "types of columns",
        "order of sources",
        "source accounts",
        "source activities",
        "target customers: columns",
        "target customers",
        "task away: population and outcome",
        "features account/contact: truncation test for away",
        "features account/profile: truncation test for away",
    ]
    assert "source accounts" in told


def test_nothing_is_written_into_the_project(root: Path) -> None:
    (root / "var/tiny").mkdir(parents=True)
    (root / "var/tiny/kept").write_text("as it was")
    before = files(root)
    checked(root)
    assert files(root) == before
    assert sorted(path.name for path in root.iterdir()) == [
        "configs",
        "crm.sqlite",
        "features",
        "var",
    ]


def test_the_sample_is_right(tmp_path: Path) -> None:
    for name in ("configs", "features"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    path = make_sample(tmp_path / "var/sample", accounts=20)
    api.municipal_import("sample", path.parent / "published", root=tmp_path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    report = check("sample", root=tmp_path, now=tiny.NOW.replace(year=2026, month=11))
    assert list(map(str, report.problems)) == []
    sets = feature_sets_of(load_project("sample", tmp_path))
    assert sum("truncation test" in title for title in report.passed) == len(sets)
    # the sample is messy, and check says how
    assert any("rows fail refers_to(account_id)" in text for text in report.warnings)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["sample"]
    assert {path.name for path in (tmp_path / "var/sample").iterdir()} == {
        "crm.sqlite",
        "municipal",
        "published",
        "truth.sqlite",
    }


# features --------------------------------------------------------------------------------------

BY_ID_ALONE = """\
with latest as (select account_id, count(*) as visits from activities group by account_id)
select spine.account_id, spine.as_of, visits as visits_30d
from spine inner join latest using (account_id)
"""
WINDOW = """\
select account_id, as_of,
    row_number() over (partition by account_id order by as_of) as visits_prev_30d
from spine
"""
CONTACT = ["visits_30d", "visits_prev_30d", "days_since_visit"]


def look_ahead(root: Path, sql: str) -> None:
    """Put *sql* in place of a set, with the features it leaves out as nulls; examples hold."""
    added = [f"null as {name}" for name in CONTACT if name not in sql]
    path = root / "features/account/contact.sql"
    path.write_text(f"select *, {', '.join(added)} from ({sql})")
    key = {"account_id": "a", "as_of": "2025-02-01"}
    example = {"name": "nothing in particular", "spine": [key], "expect": [key]}
    tiny.change(root, "features/account/contact.yml", "tests", [example])


@pytest.mark.parametrize(
    ("sql", "name"), [(BY_ID_ALONE, "visits_30d"), (WINDOW, "visits_prev_30d")]
)
def test_a_feature_that_looks_ahead(root: Path, sql: str, name: str) -> None:
    look_ahead(root, sql)
    error = problem(root)
    assert isinstance(error, FeatureError)
    assert error.what == "Feature set account/contact looks ahead."
    assert error.received == f"other values once later rows are cut away: {name}"
    assert error.where == str(root / "features/account/contact.sql")
    assert error.fix is not None
    assert "Group and join by account_id and as_of both" in error.fix


def anchor(root: Path) -> None:
    """Ask about customers on the day after each of their visits."""
    tiny.change(root, TASK, "every", "activities")


def test_a_task_anchored_to_events_is_right(root: Path) -> None:
    anchor(root)
    report = checked(root)
    assert report.problems == []
    assert "features account/contact: truncation test for away" in report.passed


@pytest.mark.parametrize(
    ("sql", "name"), [(BY_ID_ALONE, "visits_30d"), (WINDOW, "visits_prev_30d")]
)
def test_looking_ahead_from_an_event(root: Path, sql: str, name: str) -> None:
    anchor(root)
    look_ahead(root, sql)
    error = problem(root)
    assert isinstance(error, FeatureError)
    assert error.received == f"other values once later rows are cut away: {name}"


def test_an_anchored_population_that_compares_customers(root: Path) -> None:
    anchor(root)
    tiny.change(root, TASK, "population", "select account_id from accounts order by fee limit 9")
    error = problem(root)
    assert isinstance(error, ConfigError)
    assert error.what.startswith("The population of task away looks across entities")


def test_a_feature_set_that_breaks_its_example(root: Path) -> None:
    sql = root / "features/account/contact.sql"
    sql.write_text(sql.read_text().replace("as_of - 30)", "as_of - 60)", 1))
    error = problem(root)
    assert isinstance(error, FeatureError)
    assert "account/contact breaks its own examples" in error.what
    assert "visits are counted: visits_30d is 2.0, expected 1" in error.what
    assert error.where == str(root / "features/account/contact.yml")
    assert error.fix is not None


def test_sql_that_does_not_run(root: Path) -> None:
    sql = root / "features/account/contact.sql"
    sql.write_text(sql.read_text().replace("count(*)", "count(duration)", 1))
    error = problem(root)
    assert "does not run" in error.what
    assert "duration" in error.what
    assert error.where == f"{sql}:4"


def test_a_column_that_tells_the_outcome_is_noted(root: Path) -> None:
    """Known in time, as far as the data say, and too good to be true."""
    tiny.leak(root)
    report = checked(root)
    assert report.problems == []
    (warning,) = report.warnings
    assert warning.startswith("away: Column flag alone tells the outcome (AUC 1.000)")


# sources ---------------------------------------------------------------------------------------


def test_a_column_that_the_table_lacks(root: Path) -> None:
    tiny.change(root, SOURCES, "sources.activities.columns.channel", "chanel")
    error = problem(root)
    assert isinstance(error, SourceError)
    assert "mapping of source activities does not fit its table" in error.what
    assert "channel: chanel:" in error.what
    assert "Did you mean 'channel'?" in error.what
    assert error.received == "columns id, customer, visited_at, logged_at, channel in visits"
    line = 1 + (root / SOURCES).read_text().splitlines().index("  activities:")
    assert error.where == f"{root / SOURCES}:{line}, sources.activities"
    assert error.fix is not None


def test_what_refers_to_a_broken_source_is_not_blamed(root: Path) -> None:
    tiny.change(root, SOURCES, "sources.accounts.columns.fee", "charge")
    report = checked(root)
    (error,) = report.problems
    assert "mapping of source accounts" in error.what
    assert "source activities" not in report.passed


def test_a_table_that_is_not_there(root: Path) -> None:
    tiny.change(root, SOURCES, "sources.activities.table", "visit")
    error = problem(root)
    assert isinstance(error, SourceError)
    assert "Did you mean 'visits'?" in error.what


def test_a_table_without_rows(root: Path) -> None:
    with tiny.crm(root) as link:
        link.execute("delete from visits")
    error = problem(root)
    assert isinstance(error, SourceError)
    assert error.what == "The source activities has no rows."
    assert error.where == "sources.yml, source activities"
    assert error.fix is not None
    assert "Task away cannot run without it" in error.fix


def test_sources_that_refer_to_each_other_in_a_circle(root: Path) -> None:
    circle = {"refers_to": {"account_id": "activities.account_id"}}
    tiny.change(root, SOURCES, "sources.accounts.checks", circle)
    error = problem(root)
    assert isinstance(error, SourceError)
    assert error.received == "accounts → activities → accounts"


def test_duplicates_and_dates_that_cannot_be_are_counted(root: Path) -> None:
    with tiny.crm(root) as link:
        link.execute("create table raw_visits as select * from visits")
        link.execute("insert into raw_visits select * from visits limit 3")
        add = "insert into raw_visits values (?, 'c001', ?, ?, 'visit')"
        link.execute(add, (90001, "2025-02-30", "2025-03-01"))
        link.execute(add, (90002, "soon", "2025-03-01"))
        link.execute(add, (90003, "2025-02-01", "2031-01-01"))
        link.execute(add, (90004, "2025-02-01", "2025-01-01"))
        link.execute("insert into raw_visits values (null, 'c001', '2025-01-01', '2025-01-01', '')")
        link.execute(
            "insert into raw_visits values (90005, 'nobody', '2025-01-01', '2025-01-01', '')"
        )
    tiny.change(root, SOURCES, "sources.activities.table", "raw_visits")
    report = checked(root)
    assert report.problems == []
    assert sorted(report.warnings) == [
        "activities: 1 rows fail known_after_happening",
        "activities: 1 rows fail not_in_future(known_at)",
        "activities: 1 rows fail not_null(activity_id)",
        "activities: 1 rows fail refers_to(account_id)",
        "activities: 2 rows fail happened_at",
        "activities: 3 rows fail unique(activity_id)",
    ]


def test_too_many_bad_rows(root: Path) -> None:
    with tiny.crm(root) as link:
        link.execute("update visits set visited_at = 'yesterday' where id % 2")
    error = problem(root)
    assert isinstance(error, DataQualityError)
    assert "of the rows of source activities fail checks, more than the 20.0% allowed" in error.what
    assert "rows fail happened_at" in str(error.received)
    assert error.fix is not None
    assert "stop_above" in error.fix


# targets and tasks -----------------------------------------------------------------------------


def test_a_field_that_the_target_lacks(root: Path) -> None:
    tiny.change(root, EXPORT, "targets.customers.fields", {"scores": "score"})
    error = problem(root)
    assert isinstance(error, ExportError)
    assert "no column 'scores'. Did you mean 'score'?" in error.what
    assert error.where == "table customers"
    assert error.fix is not None


def test_a_value_that_scores_do_not_have(root: Path) -> None:
    tiny.change(root, EXPORT, "targets.customers.stamps", {"reasons": "reason_ja"})
    error = problem(root)
    assert isinstance(error, ExportError)
    assert "'reason_ja' Did you mean 'reasons_ja'?" in error.what
    assert str(error.where).endswith("export.yml:2, targets.customers")


def test_a_column_of_the_wrong_type_and_one_that_is_not_there(root: Path) -> None:
    with tiny.crm(root) as link:
        link.execute("alter table customers add column points integer")
        link.execute("alter table customers drop column band")
    tiny.change(root, EXPORT, "targets.customers.fields", {"points": "band_ja", "band": "bnd_ja"})
    told = "\n".join(map(str, checked(root).problems))
    assert "'bnd_ja' Did you mean 'band_ja'?" in told
    assert "points" in told
    assert "'band'" in told


def test_a_secret_that_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_DSN", raising=False)
    hub = {"type": "postgres", "dsn": "${CRM_DSN}"}
    tiny.change(root, EXPORT, "connections", {"hub": hub})
    tiny.change(root, EXPORT, "targets.customers.connection", "hub")
    path = root / EXPORT
    path.write_text(f"{path.read_text()}ledger: ${{LEDGER_DSN_X}}\n")
    ledger, target = checked(root).problems
    assert "The environment variable LEDGER_DSN_X is not set." in str(ledger)
    assert "export.yml:" in str(ledger)
    assert "The environment variable CRM_DSN is not set." in str(target)
    assert target.where == "connection hub, dsn"


def test_what_a_system_finds_doubtful_is_a_note(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sqlite, "check_target", lambda *_, **__: ["It is a sandbox."])
    report = checked(root)
    assert report.problems == []
    assert report.warnings == ["target customers: It is a sandbox."]


def test_a_target_that_makes_no_sense(root: Path) -> None:
    tiny.change(root, EXPORT, "targets.customers.stamps", {"score": "as_of"})
    error = problem(root)
    assert isinstance(error, ConfigError)
    assert error.what == "Both field and stamp: score."


def test_a_population_without_anybody(root: Path) -> None:
    tiny.change(root, TASK, "population", "select account_id from accounts where fee < 0")
    error = problem(root)
    assert isinstance(error, LabelError)
    assert "population of task away is empty on every date that was tried" in error.what
    assert error.received == "2024-02-01, 2024-05-01, 2024-08-01, 2024-11-01"
    assert error.where is not None
    assert error.where.startswith(f"{root / TASK}:")


def test_a_bucket_that_holds_somebody_is_found(root: Path, con: duckdb.DuckDBPyConnection) -> None:
    assert one(con, f"select {bucket_of(literal('c005'), 3)}") == "002"
    one_customer = "select account_id from accounts where account_id = 'c005'"
    tiny.change(root, TASK, "population", one_customer)
    look_ahead(root, BY_ID_ALONE)
    assert "looks ahead" in problem(root).what


def test_a_value_by_amount_of_a_population_without_one(root: Path) -> None:
    value = {"contact": -3000, "positive": "0.1 * amount", "negative": 0}
    tiny.change(root, TASK, "value", value)
    tiny.change(root, TASK, "population", "select account_id from accounts")
    assert "value needs an amount" in str(problem(root))


def test_a_population_that_does_not_run(root: Path) -> None:
    tiny.change(root, TASK, "population", "select account_id, size from accounts")
    error = problem(root)
    assert isinstance(error, ConfigError)
    assert "The population of task away does not run" in error.what
    assert "size" in error.what
    assert error.where is not None
    assert error.where.startswith(f"{root / TASK}:")


def test_a_date_before_the_data(root: Path) -> None:
    report = check("tiny", root=root, as_of=tiny.AS_OF.replace(year=2020), now=tiny.NOW)
    (error,) = report.problems
    assert isinstance(error, SourceError)
    assert "Nothing is known before 2020-03-01" in error.what


# together --------------------------------------------------------------------------------------


def test_all_problems_are_told_together(root: Path) -> None:
    contact = root / "features/account/contact.sql"
    contact.write_text(contact.read_text().replace("as_of - 30)", "as_of - 60)", 1))
    tiny.change(root, SOURCES, "sources.other", {
        "connection": "crm", "table": "visits", "kind": "events", "key": "id", "entity": "whole",
        "happened_at": "visited", "known_at": "logged_at", "columns": {"id": "id"},
    })  # fmt: skip
    tiny.change(root, EXPORT, "targets.customers.key", "customer_code")
    text = (root / TASK).read_text(encoding="utf-8")
    (root / "configs/tiny/tasks/other.yml").write_text(
        text.replace("[contact, profile]", "[profil]"), encoding="utf-8"
    )
    report = checked(root)
    assert [type(error) for error in report.problems] == [
        FeatureError,
        FeatureError,
        SourceError,
        ExportError,
    ]
    told = "\n".join(map(str, report.problems))
    assert "account/contact breaks its own examples" in told
    assert "Did you mean 'profile'?" in told
    assert "mapping of source other" in told
    assert "customer_code" in told
    # what can be looked at was looked at all the same
    assert "source activities" in report.passed
    assert "features account/profile: truncation test for away" in report.passed


def test_looking_ahead_and_a_missing_field_are_told_together(root: Path) -> None:
    look_ahead(root, BY_ID_ALONE)
    tiny.change(root, EXPORT, "targets.customers.fields", {"scores": "score"})
    assert {type(error) for error in checked(root).problems} == {FeatureError, ExportError}


def test_two_types_for_one_column(root: Path) -> None:
    columns = {"columns": {"segment": "double"}}
    tiny.change(root, "features/account/contact.yml", "reads.accounts", columns)
    report = checked(root)
    (error,) = report.problems
    assert isinstance(error, ConfigError)
    assert "accounts.segment as two types" in error.what
    # the tables can be looked at, what becomes of their columns cannot
    assert "source accounts" in report.passed
    assert not [title for title in report.passed if "truncation" in title]


def test_one_problem_of_two_tasks_is_told_once(root: Path) -> None:
    text = (root / TASK).read_text(encoding="utf-8")
    (root / "configs/tiny/tasks/other.yml").write_text(text, encoding="utf-8")
    contact = root / "features/account/contact.sql"
    contact.write_text(contact.read_text().replace("as_of - 30)", "as_of - 60)", 1))
    assert "breaks its own examples" in problem(root).what


def test_configuration_that_cannot_be_read_ends_the_check(root: Path) -> None:
    tiny.change(root, TASK, "horizn", "30 days")
    with pytest.raises(ConfigError, match=r"unknown key 'horizn'\. Did you mean 'horizon'"):
        checked(root)


def test_the_crm_may_be_locked_by_nobody_afterwards(root: Path) -> None:
    checked(root)
    with sqlite3.connect(root / "crm.sqlite", timeout=0) as link:
        link.execute("begin exclusive")
    link.close()
