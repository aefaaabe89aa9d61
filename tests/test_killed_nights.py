"""Runs that were killed on the way: the next one ends as if nothing had happened."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
import tiny
from dying import die

from salesml import api
from salesml.config import load_project
from salesml.history import periods
from salesml.pipeline import nightly
from salesml.scoring import ScoreBook
from salesml.store import Store


def more_visits(root: Path) -> Path:
    """The CRM goes on: a night has something to read."""
    with tiny.crm(root) as link:
        for number in range(0, tiny.CUSTOMERS, 3):
            tiny.visit(link, f"c{number:03d}", dt.datetime(2025, 3, 1, 9, number))
    return root


def scores(root: Path, as_of: dt.date) -> pd.DataFrame:
    return api.scores("tiny", "away", as_of=as_of, root=root).drop(columns="run_id")


@pytest.fixture(scope="module")
def undisturbed(tiny_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company after a second night that nobody killed."""
    root = more_visits(tiny.copy_of(tiny_night, tmp_path_factory.mktemp("calm") / "company"))
    nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    return root


@pytest.mark.parametrize(
    ("place", "nth", "moment"),
    [
        # a table is written, its manifest is not
        ("salesml.store:Store.save", 2, "before"),
        ("pandas:DataFrame.to_parquet", 2, "half"),
        ("salesml.scoring:write_scores", 2, "half"),
        ("salesml.pipeline:ScoreBook.publish", 1, "before"),
    ],
)
def test_killed_before_the_scores_count(
    tiny_night: Path, undisturbed: Path, tmp_path: Path, place: str, nth: int, moment: str
) -> None:
    root = more_visits(tiny.copy_of(tiny_night, tmp_path / "company"))
    before = tiny.content(root)
    die(root, place, nth, moment, tiny.NEXT)
    book = ScoreBook(load_project("tiny", root), "away")
    assert book.dates() == [tiny.AS_OF]
    assert tiny.content(root) == before
    pd.testing.assert_frame_equal(scores(root, tiny.AS_OF), scores(tiny_night, tiny.AS_OF))
    night = nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    assert night.exports[0].written > 0
    pd.testing.assert_frame_equal(scores(root, tiny.NEXT), scores(undisturbed, tiny.NEXT))
    assert tiny.content(root) == tiny.content(undisturbed)
    # nothing is left of the run that died
    assert len(list(book.root.glob("*/"))) == 2
    store = Store(root / "var/tiny/data", 3)
    for table in store.tables():
        kept = {path.name for path in (store.root / table).iterdir()}
        assert kept == {"manifest.json", *store.needed(table).parts}
    features = [path for path in (root / "var/tiny/features").rglob("*") if path.is_file()]
    assert {path.suffix for path in features} == {".parquet"}


@pytest.mark.parametrize(
    ("place", "nth"),
    [
        ("salesml.export.writeback_send:Sender._answered", 1),
        ("salesml.pipeline:render", 1),
    ],
)
def test_killed_after_the_crm_was_written(
    tiny_night: Path, undisturbed: Path, tmp_path: Path, place: str, nth: int
) -> None:
    root = more_visits(tiny.copy_of(tiny_night, tmp_path / "company"))
    die(root, place, nth, "before", tiny.NEXT)
    assert tiny.content(root) == tiny.content(undisturbed)
    night = nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    assert night.exports[0].written == 0
    assert night.exports[0].kept == 0
    assert night.report.exists()
    assert tiny.content(root) == tiny.content(undisturbed)


@pytest.mark.parametrize("place", ["salesml.audit:_End._write", "salesml.audit:write_atomically"])
def test_killed_while_it_was_noted(tiny_night: Path, tmp_path: Path, place: str) -> None:
    """The scores count already, or the line is there and the head of the log is not."""
    root = tiny.copy_of(tiny_night, tmp_path / "company")
    die(root, place, 1, "before", tiny.NEXT)
    first = ScoreBook(load_project("tiny", root), "away").meta(tiny.NEXT)["run_id"]
    nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    _, audit = api.audit("tiny", root=root)
    assert (audit.problems, audit.torn) == ([], b"")
    scored = [e["run_id"] for e in audit.entries if e["as_of"] == str(tiny.NEXT)]
    assert scored[0] == first
    assert len(scored) == 2
    told = periods(audit.entries)
    assert told[["version", "nights", "rows"]].values.tolist() == [[1, 2, 96]]


def test_killed_between_the_model_and_its_note(tiny_night: Path, tmp_path: Path) -> None:
    root = tiny.copy_of(tiny_night, tmp_path / "company")
    tiny.change(root, "configs/tiny/tasks/away.yml", "features", ["contact"])
    die(root, "salesml.learning:note_models", 1, "before", tiny.NEXT)
    before = [e["event"] for e in api.audit("tiny", root=root)[1].entries]
    night = nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    assert night.tasks[0].champion.as_of == tiny.NEXT, "the model of the run that died is whole"
    assert night.tasks[0].trained is None
    after = [e["event"] for e in api.audit("tiny", root=root)[1].entries]
    assert after == [*before, "trained", "gate", "champion", "scored"]


def test_killed_while_the_panel_was_made(tiny_night: Path, tmp_path: Path) -> None:
    """The very first night, before anything was trained."""
    root = tiny.make_company(tmp_path)
    die(root, "pandas:DataFrame.to_parquet", 20, "half", tiny.AS_OF)
    assert not (root / "var/tiny/scores").exists()
    kept = list((root / "var/tiny/features").rglob("*.parquet"))
    assert 0 < len(kept) < 20
    night = nightly("tiny", tiny.AS_OF, root=root, now=tiny.NOW)
    assert night.tasks[0].trained is not None
    pd.testing.assert_frame_equal(scores(root, tiny.AS_OF), scores(tiny_night, tiny.AS_OF))
    assert tiny.content(root) == tiny.content(tiny_night)
