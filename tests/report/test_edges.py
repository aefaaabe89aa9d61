from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesml.config import Words
from salesml.errors import SourceError
from salesml.export import Edit, ExportResult, Failure
from salesml.report.formats import clean
from tests.report.runs import listed, page_of
from tests.report.samples import read, reason, row, section

HOSTILE = [
    "<script>alert(1)</script>",
    'O\'Reilly & "Sons" </td></table></body>',
    "{{ 7 * 7 }}{% raw %}",
    "👩‍👩‍👧‍👦 株式会社🚀",
    "شركة المبيعات",
    "javascript:alert(1)",
    "--></style><b>",
]


def test_a_run_of_nothing_renders(tmp_path: Path) -> None:
    page = page_of(tmp_path, [])
    assert "No target is configured." in page.said("en")
    assert "No source was read" in page.said("en")


def test_a_task_without_entities_renders(tmp_path: Path) -> None:
    page = page_of(tmp_path, [section([])])
    part = page.one("section", id="task-churn")
    assert not part.all("table")
    assert "Nobody to score" in part.said("en")
    assert "Nobody to score" in page.one("article", css="card").said("en")


def test_a_first_run_has_no_changes(tmp_path: Path) -> None:
    page = page_of(tmp_path, [section([row(90), row(60)])])
    assert not page.all("section", id="changed")
    assert "#changed" not in [link.attributes["href"] for link in page.all("a")]
    part = page.one("section", id="task-churn")
    assert not part.all(css="c-change")
    assert "New" not in part.said("en")


def test_columns_without_values_are_left_out(tmp_path: Path) -> None:
    part = page_of(tmp_path, [section([row(90)])]).one("section", id="task-churn")
    assert not [css for css in ("c-expected", "c-owner", "c-segment") if part.all(css=css)]


def test_an_average_score_has_no_reasons(tmp_path: Path) -> None:
    (only,) = listed(page_of(tmp_path, [section([row(50)])]))
    assert "On a level with the average" in only.said("en")


def test_an_entity_without_name_shows_its_id_once(tmp_path: Path) -> None:
    for name in (None, "", " \n", float("nan")):
        (only,) = listed(page_of(tmp_path, [section([row(90, name=name)])]))
        assert only.one("th").text == "a90"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(tmp_path: Path, text: str) -> None:
    rows = [
        row(
            90,
            account_id=text,
            name=text,
            owner=text[:16],
            segment=text[:16],
            change=9,
            reasons=[reason(40, text, text)],
        )
    ]
    words = Words(ja=text, en=text)
    bad = section(rows, version=text, verdict=words, beats_base_rate=False, unseen={text: 1})
    done = ExportResult(
        text,
        dead=1,
        failures=[Failure(text, text, text)],
        edits=[Edit(text, text, text, None)],
        warnings=[text],
        dropped={text: 1},
        stopped=SourceError(text),
    )
    page = page_of(tmp_path, [bad], reads=[read(text, **{f"not_null({text})": 1})], exports=[done])
    plain = page_of(tmp_path, [section([row(90, change=9, owner="x", segment="y")])])
    assert len(page.all("script")) == len(plain.all("script")) == 3
    (shown,) = listed(page)
    assert [b.text for b in shown.all("bdi")][:1] == [" ".join(text.split())]
    assert " ".join(text.split()) in shown.one(css="brief").said("en")


def test_text_is_isolated_from_directions_and_controls(tmp_path: Path) -> None:
    name = "a\u202eb\x00c\x1b[31md"
    (only,) = listed(page_of(tmp_path, [section([row(90, name=name)])]))
    assert only.all("bdi")[0].text == "ab\ufffdc\ufffd[31md"


def test_long_text_is_cut_where_one_sees_it(tmp_path: Path) -> None:
    rows = [row(90, name="長" * 10_000, reasons=[reason(40, "理" * 10_000, "r" * 10_000)])]
    page = page_of(tmp_path, [section(rows)])
    name = listed(page)[0].all("bdi")[0]
    assert name.text == "長" * 59 + "…"
    assert name.attributes["title"] == "長" * 1_000 + "…"
    assert max(len(e.text) for e in listed(page)[0].all("span")) < 1_000


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(max_size=50), points=st.integers(-49, 49))
def test_any_name_keeps_the_page_whole(tmp_path: Path, name: str, points: int) -> None:
    rows = [row(50 + points, name=name, reasons=[reason(points, name, name)])]
    page = page_of(tmp_path, [section(rows)])
    (only,) = listed(page)
    assert only.all("bdi")[0].text == " ".join((clean(name) or f"a{50 + points}").split())
    assert len(page.all("script")) == 3


@pytest.mark.parametrize(
    ("currency", "shown"), [("JPY", "¥1,235"), ("USD", "$1,235"), ("CHF", "CHF 1,235")]
)
def test_amounts_speak_the_currency(tmp_path: Path, currency: str, shown: str) -> None:
    page = page_of(tmp_path, [section([row(90, expected_value=1234.6)])], currency=currency)
    assert shown in listed(page)[0].said("en")
    assert f"Expected loss, total {shown}" in page.one("article", css="card").said("en")
