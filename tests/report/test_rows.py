from hypothesis import given
from hypothesis import strategies as st

from salesml.report.rows import score_list
from tests.report.samples import frame, reason, row, task


def test_highest_first_and_ranked() -> None:
    rows = [row(20), row(90), row(60, probability=0.1), row(60, account_id="b", probability=0.3)]
    found = score_list(task(), frame(rows), "JPY", 3)
    assert [(r.rank, r.id.text) for r in found.rows] == [(1, "a90"), (2, "b"), (3, "a60")]
    assert found.total == 4


def test_columns_that_hold_something() -> None:
    bare = score_list(task(), frame([row(90)]), "JPY", 5)
    assert bare.columns == ["rank", "name", "score", "band", "probability", "reasons"]
    rows = [row(90), row(60, change=0, owner="o", segment="s", expected_value=1.0)]
    full = score_list(task(outcome_is="good"), frame(rows), "JPY", 1)
    assert full.columns == [
        *["rank", "name", "score", "band", "change", "probability"],
        *["expected_good", "owner", "segment", "reasons"],
    ]


def test_reasons_for_and_against_with_bars() -> None:
    points = [20, -10, 5, 1, 0]
    told = [reason(p, f"理由{p}", f"reason {p}") for p in points]
    (only,) = score_list(task(), frame([row(66, reasons=told)]), "JPY", 5).rows
    assert [(r.signed, r.width) for r in only.reasons] == [
        ("+20", 100),
        ("−10", 50),
        ("+5", 25),
        ("+1", 5),
    ]
    assert [r.words.en for r in only.brief] == ["reason 20", "reason -10", "reason 5"]
    assert [r.words.ja for r in only.raising] == ["理由20", "理由5", "理由1"]
    assert [r.words.ja for r in only.lowering] == ["理由-10"]


def test_nothing_to_list() -> None:
    found = score_list(task(), frame([]), "JPY", 5)
    assert (found.rows, found.total, found.columns) == ([], 0, [])


@given(st.lists(st.integers(1, 99), min_size=1, max_size=20), st.integers(1, 5))
def test_the_band_is_the_one_of_the_score(scores: list[int], limit: int) -> None:
    found = score_list(task(), frame([row(s) for s in scores]), "JPY", limit)
    assert len(found.rows) == min(limit, len(scores))
    for shown in found.rows:
        higher = [b.start for b in task().bands if b.start > shown.band.start]
        assert shown.band.start <= shown.score < min(higher, default=100)
