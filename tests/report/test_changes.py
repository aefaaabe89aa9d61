from pathlib import Path

from salesml.report.changes import changes
from tests.report.runs import page_of
from tests.report.samples import row, section


def why(points: int, text: str, kind: str = "fact") -> dict[str, object]:
    words = {"text_ja": f"{text}の話", "text_en": text}
    return {"kind": kind, "concept": "c", "points": points, **words}


def test_a_first_run_has_no_changes() -> None:
    assert changes(section([row(90), row(20)])) is None
    assert changes(section([])) is None


def test_new_in_the_top_band_first_then_the_largest_moves_each_way() -> None:
    moved = [5, -8, 0, 12, -1, 7, 6, None, -20, -9]
    rows = [row(40 + i, change=c) for i, c in enumerate(moved)]
    rows += [row(85, change=6), row(90, change=None), row(88, change=3)]
    found = changes(section(rows))
    assert found is not None
    assert [(m.score, m.before) for m in found.entered] == [(90, None), (85, 79)]
    assert found.new == 2
    assert [m.signed for m in found.rises] == ["+12", "+7", "+6", "+5", "+3"]
    assert [m.signed for m in found.falls] == ["−20", "−9", "−8", "−1"]


def test_many_new_ones_are_counted_and_the_first_shown() -> None:
    rows = [row(99 - i, change=20, account_id=f"a{i:02d}") for i in range(15)]
    found = changes(section(rows))
    assert found is not None
    assert (found.new, len(found.entered)) == (15, 10)


def test_the_page_says_why(tmp_path: Path) -> None:
    told = [why(12, "Logins stopped: 6 to 0"), why(-3, "model", "model"), why(1, "third")]
    page = page_of(tmp_path, [section([row(85, change=10, changes=told), row(20, change=0)])])
    part = page.one("section", id="changed")
    said = part.said("en")
    assert "New in “Critical” 1" in said
    assert "75 → 85" in said
    assert "+12 Logins stopped: 6 to 0" in said
    assert "−3 model model changed" in said
    assert "third" not in said
    assert "+12 Logins stopped: 6 to 0の話" in part.said("ja")


def test_a_night_without_moves_says_so(tmp_path: Path) -> None:
    page = page_of(tmp_path, [section([row(60, change=0)])])
    said = page.one("section", id="changed").said("en")
    assert "Nobody new in “Critical”." in said
    assert "No other score moved." in said
