from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
import tiny
import yaml

from salesml.config import Project, load_project
from salesml.errors import ConfigError, FeatureError
from salesml.wiring import declared_types, feature_sets_of, require_wired

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES, TASK = "configs/tiny/sources.yml", "configs/tiny/tasks/away.yml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tiny.make_company(tmp_path)


def wire(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    project = load_project("tiny", root)
    require_wired(con, project, project.task("away"))


def refused(con: duckdb.DuckDBPyConnection, root: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        wire(con, root)
    return caught.value


def reads(root: Path, name: str, value: dict[str, Any]) -> None:
    """Let the set ``contact`` read another source, too."""
    tiny.change(root, "features/account/contact.yml", f"reads.{name}", value)


def test_what_fits_passes(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    wire(con, root)


@pytest.mark.parametrize("name", ["sample", "olist", "cdnow", "maven"])
def test_the_shipped_projects_fit(con: duckdb.DuckDBPyConnection, name: str) -> None:
    project = load_project(name, REPOSITORY)
    for task in project.tasks.values():
        require_wired(con, project, task)
    assert declared_types(feature_sets_of(project))


def test_a_source_that_is_not_mapped(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    reads(root, "activites", {"columns": {"channel": "varchar"}})
    error = refused(con, root)
    assert "account/contact reads the source 'activites'" in error.what
    assert "project tiny does not map. Did you mean 'activities'?" in error.what
    assert error.received == "sources accounts, activities"
    assert error.where == str(root / "features/account/contact.yml")
    assert error.fix is not None
    assert "Map activites in sources.yml" in error.fix


def test_columns_that_a_source_lacks(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    columns = {"chanel": "varchar", "duration": "double"}
    tiny.change(root, "features/account/contact.yml", "reads.activities.columns", columns)
    error = refused(con, root)
    assert "source activities does not have: chanel, duration." in error.what
    assert "Did you mean 'channel'?" in error.what
    assert error.received == "columns account_id, activity_id, channel, happened_at, known_at"
    line = 1 + (root / SOURCES).read_text().splitlines().index("    happened_at: visited_at")
    assert error.where == f"{root / SOURCES}:{line + 2}, sources.activities.columns"
    assert error.fix is not None
    assert "`null` where the company has none" in error.fix


def test_a_link_that_a_source_lacks(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    reads(root, "accounts", {"on": "rep_id", "columns": {"name": "varchar"}})
    tiny.change(root, SOURCES, "sources.accounts.entity", "whole")
    assert "source accounts does not have: rep_id." in refused(con, root).what


def test_rows_in_other_buckets(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    tiny.change(root, SOURCES, "sources.activities.entity", "activity_id")
    text = str(refused(con, root))
    # by the feature set, and by the outcome
    assert "do not fit together in 2 places" in text
    assert "source activities (feature set contact) lies in buckets of activity_id" in text
    assert "source activities (population or outcome) lies in buckets of activity_id" in text
    assert "Task away is computed by account_id" in text
    assert "Set `bucket: activity_id` in the task" in text
    assert f"{root / SOURCES}:" in text


def test_small_sources_may_lie_whole(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    tiny.change(root, SOURCES, "sources.activities.entity", "whole")
    wire(con, root)


@pytest.mark.parametrize("on", ["owner_id", "as_of"])
def test_a_bucket_holds_only_its_part_of_what_entities_share(
    con: duckdb.DuckDBPyConnection, root: Path, on: str
) -> None:
    reads(root, "accounts", {"on": on, "columns": {"owner_id": "varchar"}})
    error = refused(con, root)
    assert f"account/contact joins accounts on {on}" in error.what
    assert error.where == str(root / "features/account/contact.yml")
    assert error.fix is not None
    assert "`entity: whole`" in error.fix
    tiny.change(root, SOURCES, "sources.accounts.entity", "whole")
    tiny.change(root, "configs/tiny/project.yml", "buckets", 1)
    wire(con, root)


def test_a_population_of_whole_sources_is_no_bucket_s_own(
    con: duckdb.DuckDBPyConnection, root: Path
) -> None:
    tiny.change(root, SOURCES, "sources.accounts.entity", "whole")
    error = refused(con, root)
    assert "Every bucket would score the whole population of task away" in error.what
    assert error.received == "buckets: 3; sources accounts"
    assert f"{root / TASK}:" in str(error.where)


def test_all_that_does_not_fit_is_told_together(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    reads(root, "tickets", {"columns": {}})
    tiny.change(root, "features/account/profile.yml", "reads.accounts.columns.size", "double")
    text = str(refused(con, root))
    assert "in 2 places" in text
    assert "reads the source 'tickets'" in text
    assert "does not have: size" in text
    assert text.count("to do:") == 2


def test_a_set_that_is_not_there(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    tiny.change(root, TASK, "features", ["contacts", "profile"])
    with pytest.raises(FeatureError, match="Did you mean 'contact'"):
        wire(con, root)


def test_tables_that_are_no_sources(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    tiny.change(root, TASK, "population", "select account_id from acounts")
    error = refused(con, root)
    assert "reads the unknown source 'acounts'. Did you mean 'accounts'?" in error.what


# types -----------------------------------------------------------------------------------------


def types(root: Path) -> dict[str, dict[str, str]]:
    project: Project = load_project("tiny", root)
    return declared_types(feature_sets_of(project))


def test_types_are_gathered_by_source(root: Path) -> None:
    reads(root, "all_accounts", {"source": "accounts", "columns": {"fee": "double"}})
    assert types(root) == {
        "activities": {"channel": "varchar"},
        "accounts": {"segment": "varchar", "fee": "double"},
    }


def test_an_id_that_a_view_shows_under_another_name(root: Path) -> None:
    view = {"source": "accounts", "on": "owner_id", "columns": {"source_account_id": "varchar"}}
    reads(root, "colleagues", view)
    assert types(root)["accounts"] == {"segment": "varchar", "account_id": "varchar"}


def test_one_column_has_one_type(root: Path) -> None:
    reads(root, "accounts", {"columns": {"segment": "VARCHAR"}})
    assert types(root)["accounts"] == {"segment": "VARCHAR"}
    reads(root, "accounts", {"columns": {"segment": "double"}})
    with pytest.raises(ConfigError) as caught:
        types(root)
    error = caught.value
    assert "declare accounts.segment as two types" in error.what
    assert error.received == "double and varchar"
    folder = root / "features/account"
    assert error.where == f"{folder / 'contact.yml'} and {folder / 'profile.yml'}"
    assert error.fix == "Use one type in all of them."


def test_sets_of_several_tasks(root: Path) -> None:
    text = (root / TASK).read_text(encoding="utf-8")
    other = root / "configs/tiny/tasks/other.yml"
    other.write_text(yaml.safe_dump({**yaml.safe_load(text), "features": ["profile"]}))
    found = [s.name for s in feature_sets_of(load_project("tiny", root))]
    assert found == ["contact", "profile", "profile"]
