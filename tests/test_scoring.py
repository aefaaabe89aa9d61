from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from fakes import project, source, task

from salesml import api, scoring
from salesml.config import load_project
from salesml.errors import ConfigError, ModelError, SalesmlError, SourceError
from salesml.pipeline import TaskScores, nightly, read_sources, score_task
from salesml.run import open_run
from salesml.scorebook import score_types
from salesml.scoring import BucketReport, ScoreBook, Scorer, executor, merge_unseen

MAY, JUNE, JULY = (dt.date(2024, month, 1) for month in (5, 6, 7))
REASON = {"concept": "visits", "points": 10, "text_ja": "来訪", "text_en": "Visits"}


# the book --------------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path) -> ScoreBook:
    return ScoreBook(project(tmp_path, {"activities": source()}, task()), "churn")


def write(book: ScoreBook, as_of: dt.date, run_id: str, rows: dict[str, int | None]) -> Path:
    """Write scores by id, one bucket each, as a run does; nothing is published."""
    folder = book.begin(as_of, run_id)
    folder.mkdir(parents=True)
    for number, (name, score) in enumerate(rows.items()):
        table = pa.table(
            {
                "account_id": [name],
                "as_of": [as_of],
                "band": ["high"],
                "model_version": ["3"],
                "score": pa.array([score], pa.int32()),
                "probability": [0.5 + number / 10],
                "change": pa.array([number or None], pa.int32()),
                "reasons": [[REASON]],
            }
        )
        pq.write_table(table, folder / f"bucket={number:03d}.parquet")
    return folder


def publish(book: ScoreBook, as_of: dt.date, run_id: str, rows: dict[str, int | None]) -> Path:
    folder = write(book, as_of, run_id, rows)
    book.publish(as_of, run_id, {"model_version": "3"})
    return folder


def test_scores_count_once_they_are_published(book: ScoreBook) -> None:
    write(book, JUNE, "r1", {"a": 40})
    assert book.dates() == []
    with pytest.raises(ModelError):
        book.read(JUNE)
    book.publish(JUNE, "r1", {"model_version": "3"})
    assert book.dates() == [JUNE]
    assert book.meta(JUNE) == {"run_id": "r1", "model_version": "3"}
    assert book.read(JUNE)["account_id"].tolist() == ["a"]


def test_the_highest_score_comes_first_then_the_likelier(book: ScoreBook) -> None:
    publish(book, JUNE, "r1", {"a": 40, "b": 60, "c": 40})
    frame = book.read(JUNE)
    assert frame["account_id"].tolist() == ["b", "c", "a"]
    assert frame["reasons"].tolist() == [[REASON]] * 3
    assert str(frame["change"].dtype) == "Int32"
    assert frame["change"].tolist() == [1, 2, pd.NA]


def test_a_later_run_replaces_the_scores_of_its_date(book: ScoreBook) -> None:
    other = publish(book, MAY, "r0", {"a": 1})
    first = publish(book, JUNE, "r1", {"a": 40})
    second = publish(book, JUNE, "r2", {"a": 50})
    assert book.read(JUNE)["score"].tolist() == [50]
    assert book.read(MAY)["score"].tolist() == [1]
    assert [path.exists() for path in (other, first, second)] == [True, False, True]


def test_what_a_run_that_died_left_is_swept_by_the_next(book: ScoreBook) -> None:
    good = publish(book, MAY, "r0", {"a": 1})
    died = write(book, JUNE, "r1", {"a": 40})
    assert book.before(JULY, "account_id") == {"a": 1}
    book.begin(JULY, "r2")
    assert [path.exists() for path in (good, died)] == [True, False]


def test_a_note_that_cannot_be_written_leaves_the_old_scores(
    book: ScoreBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(book, JUNE, "r1", {"a": 40})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            publish(book, JUNE, "r2", {"a": 50})
    assert book.read(JUNE)["score"].tolist() == [40]
    assert sorted(path.name for path in book.root.glob("*.json")) == ["2024-06-01.json"]
    assert not list(book.root.glob(".*"))


def test_the_scores_before_are_those_of_the_last_earlier_date(book: ScoreBook) -> None:
    assert book.before(JUNE, "account_id") == {}
    publish(book, MAY, "r0", {"a": 10, "b": 20})
    publish(book, JULY, "r1", {"a": 99})
    assert book.before(JUNE, "account_id") == {"a": 10, "b": 20}
    assert book.before(MAY, "account_id") == {}
    assert book.before(JULY + dt.timedelta(1), "account_id") == {"a": 99}


def test_a_date_without_scores_names_those_that_have_some(book: ScoreBook) -> None:
    with pytest.raises(ModelError) as caught:
        book.read(JUNE)
    assert "There are no scores of churn for 2024-06-01." in str(caught.value)
    assert "scores for: none" in str(caught.value)
    for day in range(1, 8):
        publish(book, JULY + dt.timedelta(day), f"r{day}", {"a": day})
    with pytest.raises(ModelError) as caught:
        book.read(JUNE)
    text = str(caught.value)
    assert "2024-07-04, 2024-07-05, 2024-07-06, 2024-07-07, 2024-07-08" in text
    assert "2024-07-03" not in text
    assert str(book.root) in text
    assert "Run the nightly for that date" in text


def test_the_history_of_an_entity(book: ScoreBook) -> None:
    publish(book, MAY, "r0", {"a": 10, "b": 20})
    publish(book, JUNE, "r1", {"b": 30})
    publish(book, JULY, "r2", {"a": 40})
    assert book.last_before(MAY) is None
    assert book.last_before(JULY) == JUNE
    assert book.history("account_id", "a", JULY)["score"].tolist() == [10, 40]
    assert book.history("account_id", "b", JUNE)["score"].tolist() == [20, 30]
    assert book.history("account_id", "c", JULY).empty


def test_categories_never_seen_are_counted_over_buckets() -> None:
    reports = [
        BucketReport("000", 1, {}, {"segment": ["X", "Y"], "plan": ["P"]}),
        BucketReport("001", 1, {}, {"segment": ["Y", "Z"]}),
        BucketReport("002", 1, {}),
    ]
    assert merge_unseen(reports) == {"segment": 3, "plan": 1}


# whole runs ------------------------------------------------------------------------------------


@pytest.fixture
def company(tiny_night: Path, tmp_path: Path) -> Path:
    return tiny.copy_of(tiny_night, tmp_path / "company")


def score(root: Path, as_of: dt.date = tiny.NEXT) -> TaskScores:
    with open_run("tiny", as_of, root=root, now=tiny.NOW) as run:
        read_sources(run)
        return score_task(run, "away")


def scores(root: Path, as_of: dt.date = tiny.NEXT) -> pd.DataFrame:
    """The scores of a date, without what tells one run from another."""
    return api.scores("tiny", "away", as_of=as_of, root=root).drop(columns="run_id")


@pytest.fixture(scope="module")
def next_scores(tiny_night: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The scores of the second night: three buckets, one thread."""
    root = tiny.copy_of(tiny_night, tmp_path_factory.mktemp("next") / "company")
    score(root)
    return scores(root)


@pytest.mark.parametrize("settings", [{"workers": 2}, {"buckets": 1}, {"buckets": 24}])
def test_scores_depend_on_neither_workers_nor_buckets(
    company: Path, next_scores: pd.DataFrame, settings: dict[str, int]
) -> None:
    assert next_scores["score"].nunique() > 10
    for name, value in settings.items():
        tiny.change(company, "configs/tiny/project.yml", name, value)
    scored = score(company)
    assert scored.rows == tiny.CUSTOMERS
    assert scored.seconds.keys() == {"features", "scores", "reasons", "write"}
    pd.testing.assert_frame_equal(
        scores(company).sort_values("account_id", ignore_index=True),
        next_scores.sort_values("account_id", ignore_index=True),
    )


def test_the_change_is_that_since_the_last_date(next_scores: pd.DataFrame, company: Path) -> None:
    both = next_scores.merge(scores(company, tiny.AS_OF), on="account_id", suffixes=("", "_last"))
    assert (both["change"] == both["score"] - both["score_last"]).all()
    assert both["change"].abs().sum() > 0
    assert both["change_last"].isna().all()


def rescore(root: Path, by: int, version: str | None = None) -> None:
    """Let the last night have scored *by* more, with the model *version*."""
    book = ScoreBook(load_project("tiny", root), "away")
    meta = book.meta(tiny.AS_OF)
    for path in (book.root / f"{tiny.AS_OF}-{meta['run_id']}").glob("*.parquet"):
        table = pq.read_table(path)
        place = table.column_names.index("score")
        raised = pa.array([s + by for s in table["score"].to_pylist()], pa.int32())
        pq.write_table(table.set_column(place, "score", raised), path)
    book.publish(tiny.AS_OF, meta.pop("run_id"), {**meta, "model_version": version or "1"})


def kinds(frame: pd.DataFrame) -> set[str]:
    return {each["kind"] for told in frame["changes"] if told for each in told}


def test_changes_are_told_where_a_score_moved_and_add_up(
    next_scores: pd.DataFrame, company: Path
) -> None:
    assert scores(company, tiny.AS_OF)["changes"].isna().all()
    assert (next_scores["changes"].notna() == next_scores["change"].abs().ge(5)).all()
    rescore(company, -200)
    assert score(company).rows == tiny.CUSTOMERS
    moved = scores(company)
    sums = [sum(each["points"] for each in told) for told in moved["changes"]]
    assert sums == moved["change"].tolist()
    # the facts are told as they are; that the past scored otherwise is told apart from them
    assert kinds(moved) == {"fact", "correction"}
    rest = [each for told in moved["changes"] for each in told if each["kind"] == "correction"]
    assert [each["points"] for each in rest] == [200] * tiny.CUSTOMERS


def test_a_change_of_model_is_told(company: Path) -> None:
    rescore(company, -200, "0")
    score(company)
    assert kinds(scores(company)) == {"fact", "model"}


def test_a_past_that_cannot_be_computed_withholds_no_score(
    company: Path, next_scores: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescore(company, -200)
    now = scoring._Bucket.population

    def gone(bucket: scoring._Bucket, as_of: dt.date) -> pd.DataFrame:
        if as_of < tiny.NEXT:
            raise SourceError("The history is gone.")
        return now(bucket, as_of)

    monkeypatch.setattr(scoring._Bucket, "population", gone)
    score(company)
    found = scores(company)
    assert found["score"].tolist() == next_scores["score"].tolist()
    for told, change in zip(found["changes"], found["change"], strict=True):
        ((kind, points),) = [(each["kind"], each["points"]) for each in told]
        assert (kind, points) == ("unknown", change)


def test_facts_are_compared_with_peers(next_scores: pd.DataFrame) -> None:
    told = [reason for found in next_scores["reasons"] for reason in found]
    assert any("の顧客の中央値は" in (reason["peers_ja"] or "") for reason in told)


def test_scores_of_former_versions_have_no_changes(book: ScoreBook) -> None:
    publish(book, JUNE, "r1", {"a": 40})
    assert book.read(JUNE)["changes"].tolist() == [None]


def test_points_add_up_and_bands_and_amounts_fit(next_scores: pd.DataFrame) -> None:
    sums = next_scores["reasons"].map(lambda found: sum(reason["points"] for reason in found))
    assert (sums == next_scores["score"] - 50).all()
    assert (
        next_scores["band"] == next_scores["score"].ge(60).map({True: "high", False: "low"})
    ).all()
    expected = next_scores["probability"] * next_scores["amount"]
    pd.testing.assert_series_equal(next_scores["expected_value"], expected, check_names=False)


def test_an_empty_population_is_scored_as_nobody(company: Path) -> None:
    nobody = "select account_id, name, segment, fee as amount from accounts where false"
    tiny.change(company, "configs/tiny/tasks/away.yml", "population", nobody)
    night = nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    assert night.tasks[0].rows == 0
    assert night.exports[0].total == 0
    assert night.report.exists()
    frame = api.scores("tiny", "away", as_of=tiny.NEXT, root=company)
    assert frame.empty
    types = score_types(night.tasks[0].task)
    assert list(frame.columns) == [*types, "reasons", "changes"]
    # the night after knows nobody from before
    score(company, tiny.NEXT + dt.timedelta(1))


def test_a_feature_and_a_column_of_the_population_must_not_share_a_name(company: Path) -> None:
    shared = "select account_id, fee as visits_30d, segment as account_segment from accounts"
    tiny.change(company, "configs/tiny/tasks/away.yml", "population", shared)
    with pytest.raises(ConfigError) as caught:
        score(company)
    text = str(caught.value)
    assert "population of task away and its features share names" in text
    assert "received: account_segment, visits_30d" in text
    assert "tasks/away.yml" in text
    assert "Rename" in text
    assert ScoreBook(load_project("tiny", company), "away").dates() == [tiny.AS_OF]


def test_a_category_never_seen_in_training_is_scored_and_told(company: Path) -> None:
    with tiny.crm(company) as link:
        link.execute(
            "insert into customers (code, name, segment, fee, opened_on) values "
            "('new', '新しい会社', '個人', 10, '2025-02-01')"
        )
    night = nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    assert night.tasks[0].unseen == {"account_segment": 1}
    row = api.explain("tiny", "away", "new", as_of=tiny.NEXT, root=company)
    assert 0 < row["probability"] < 1
    assert "account_segment" in night.report.read_text(encoding="utf-8")


# a disk that is full, a process that dies ----------------------------------------------------


def _full(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "writing", ["salesml.scorebook.pq.write_table", "pandas.DataFrame.to_parquet", "os.fsync"]
)
def test_a_full_disk_is_said_and_leaves_what_was(
    company: Path, monkeypatch: pytest.MonkeyPatch, writing: str
) -> None:
    before, records = scores(company, tiny.AS_OF), tiny.content(company)
    with monkeypatch.context() as patch:
        patch.setattr(writing, _full)
        with pytest.raises(SalesmlError) as caught:
            nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    text = str(caught.value)
    assert "No space left on device" in text
    assert str(company) in text
    assert "Free disk space" in text
    assert "Traceback" not in text
    book = ScoreBook(load_project("tiny", company), "away")
    assert book.dates() == [tiny.AS_OF]
    pd.testing.assert_frame_equal(scores(company, tiny.AS_OF), before)
    assert tiny.content(company) == records
    assert nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW).exports[0].written > 0


def test_a_folder_that_cannot_be_made_is_said(company: Path) -> None:
    features = company / "var/tiny/features"
    features.rename(company / "var/tiny/kept")
    features.write_text("in the way")
    with pytest.raises(SalesmlError, match="could not use its files") as caught:
        nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    assert str(features) in str(caught.value)


def test_a_worker_that_dies_is_said(company: Path) -> None:
    tiny.change(company, "configs/tiny/project.yml", "workers", 2)
    with (
        pytest.raises(SalesmlError) as caught,
        executor(load_project("tiny", company)) as pool,
    ):
        pool.submit(os._exit, 1).result()
    text = str(caught.value)
    assert "One of the 2 worker processes died" in text
    assert "project.yml:" in text
    assert "Lower `workers`" in text


# models ----------------------------------------------------------------------------------------


def test_a_worker_loads_no_model_but_the_one_it_was_told(company: Path) -> None:
    champion = score(company).champion
    Scorer(champion.directory, champion.sha256, "1").load()
    with pytest.raises(ModelError, match="changed after training"):
        Scorer(champion.directory, "0" * 64, "1").load()


def test_training_again_mends_a_champion_changed_by_hand(company: Path) -> None:
    first = score(company).champion
    damaged = first.directory / "model.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(ModelError) as caught:
        score(company)
    assert str(damaged) in str(caught.value)
    assert "train again" in str(caught.value)
    told: list[str] = []
    again = api.train("tiny", "away", as_of=tiny.NEXT, root=company, now=tiny.NOW, tell=told.append)
    assert again.decision.promote
    passed_over = f"version {first.version}, is passed over: The model was changed"
    assert any(passed_over in text for text in told)
    assert score(company).champion.version == again.version.version == 3
