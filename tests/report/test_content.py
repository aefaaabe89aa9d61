from pathlib import Path

from salesml.config import Words
from salesml.errors import SourceError
from salesml.export import Edit, ExportResult, Failure
from tests.report.page import Element
from tests.report.runs import full_page, listed, page_of
from tests.report.samples import row, section


def test_head_names_date_run_project_and_local_time(tmp_path: Path) -> None:
    page = full_page(tmp_path)
    assert "見本株式会社" in page.one("h1").said("ja")
    foot = page.one("footer").said("en")
    assert "run-1" in foot
    assert "sample" in foot
    assert "2025-07-02 02:02 (Asia/Tokyo)" in foot


def test_rows_hold_what_a_seller_needs(tmp_path: Path) -> None:
    first, second, third = (r.said("en") for r in listed(full_page(tmp_path)))
    for words in ("First", "a90", "90", "Critical", "▲ +45", "45.0%", "¥1,234,567", "Sato", "S"):
        assert words in first
    assert "+40 3 contacts in 30 days" in first
    assert "Average 50 + 40 = 90" in first
    assert "▼ −3" in second
    assert "New" in third
    assert "−30" in third


def test_numbers_are_sortable(tmp_path: Path) -> None:
    page = full_page(tmp_path)
    values = {
        css: [r.one(css=css).attributes["data-value"] for r in listed(page)]
        for css in ("c-score", "c-change", "c-probability", "c-expected")
    }
    assert values == {
        "c-score": ["90", "60", "20"],
        "c-change": ["45", "-3", ""],
        "c-probability": ["0.45", "0.3", "0.1"],
        "c-expected": ["1234567.4", "10.0", ""],
    }
    table = page.one("section", id="task-churn").one("table")
    assert [h.one("button").attributes["data-sort"] for h in table.all("th", aria_sort="ascending")]
    heads, cells = table.one("thead").all("th"), listed(page)[0].children
    assert len(heads) == len([c for c in cells if isinstance(c, Element)])


def test_only_the_top_is_listed_but_all_are_counted(tmp_path: Path) -> None:
    rows = [row(99 - i % 90, account_id=f"a{i:03d}") for i in range(120)]
    page = page_of(tmp_path, [section(rows)])
    assert len(listed(page)) == 100
    assert "All 120" in page.one("section", id="task-churn").said("en")
    assert "Scored 120" in page.one("article", css="card").said("en")


def test_controls_are_labelled(tmp_path: Path) -> None:
    part = full_page(tmp_path).one("section", id="task-churn")
    search = part.one("input", type="search")
    assert part.one("label", **{"for": search.attributes["id"]}).said("en")
    radios = part.one("fieldset").all("input", type="radio")
    assert [r.attributes["value"] for r in radios] == ["", "critical", "risk", "ok"]
    assert part.one("legend").said("en") == "Filter by band"
    assert {r.attributes["data-band"] for r in listed(full_page(tmp_path))} == {
        "critical",
        "risk",
        "ok",
    }


def test_says_where_a_model_does_not_beat_the_base_rate(tmp_path: Path) -> None:
    words = Words(ja="基準を上回りません。", en="Does not beat the base rate.")
    page = page_of(tmp_path, [section(beats_base_rate=False, verdict=words)])
    assert "Does not beat the base rate." in page.one(css="notices").said("en")
    for part in ("task-churn", "model"):
        assert page.one("section", id=part).one(css="banner").said("ja") == words.ja


def test_a_good_model_raises_no_banner(tmp_path: Path) -> None:
    page = page_of(tmp_path, [section()])
    assert not page.all(css="banner")
    assert not page.all(css="notices")


def test_model_quality_with_intervals_windows_and_unseen(tmp_path: Path) -> None:
    windows = {"train_from": "2023-01-01", "train_to": "2024-06-01", "test_from": "2025-01-01"}
    quality = section(
        trained=True, unseen={"industry": 2}, windows={**windows, "test_to": "2025-03-01"}
    )
    text = page_of(tmp_path, [quality]).one("section", id="model").said("en")
    for words in ("0.781", "0.700 – 0.850", "3.46", "2.00 – 4.90", "trained in this run"):
        assert words in text
    assert "2023-01-01 – 2024-06-01" in text
    assert "2025-01-01 – 2025-03-01" in text
    assert "industry 2" in text


def test_unknown_intervals_and_measures_render(tmp_path: Path) -> None:
    nan = float("nan")
    metrics = {"roc_auc": (0.5, nan, nan), "brier": (nan, nan, nan), "own_measure": (1.0, 0.5, 1.5)}
    text = page_of(tmp_path, [section(metrics=metrics)]).one("section", id="model").said("en")
    assert "0.500 –" in text
    assert "nan" not in text
    assert "own_measure 1.000 0.500 – 1.500" in text


def test_data_tells_what_was_set_aside_and_why(tmp_path: Path) -> None:
    part = full_page(tmp_path).one("section", id="data")
    accounts, usage = (r.said("en") for r in part.one("tbody").all("tr"))
    assert "300" in accounts
    assert "account_id is empty 2" in accounts
    assert "own_check 1" in accounts
    assert "1.0%" in accounts
    assert "unchanged" in usage
    assert "account_idが空欄 2" in part.said("ja")


def test_write_back_tells_every_outcome(tmp_path: Path) -> None:
    page = full_page(tmp_path)
    cells = page.one("section", id="write-back").one("tbody").one("tr").all("td")
    assert [c.said("en").split()[-1] for c in cells] == ["4", "290", "5", "1"]
    assert "crm_churn" in page.one(css="notices").said("en")
    assert "Dry run" not in page.said("en")


def test_rare_outcomes_show_where_they_occur(tmp_path: Path) -> None:
    exports = [ExportResult("a", written=1), ExportResult("b", missing=2, older=3, already=4)]
    part = page_of(tmp_path, [], exports=exports).one("section", id="write-back")
    heads = [h.said("en") for h in part.one("thead").all("th")]
    assert heads == [
        *["Target", "Written", "Unchanged", "Already there", "Kept (edited by a person)"],
        *["Newer value there", "Missing in the CRM", "Refused"],
    ]
    counts = [[c.said("en").split()[-1] for c in r.all("td")] for r in part.one("tbody").all("tr")]
    assert counts == [list("1000000"), list("0040320")]


def test_names_the_records_to_look_at(tmp_path: Path) -> None:
    done = ExportResult(
        "crm",
        kept=1,
        dead=30,
        failures=[Failure(f"a{i}", "too long\nby far", "Shorten it.") for i in range(30)],
        edits=[Edit("b1", "score", 71, 64)],
    )
    cases = page_of(tmp_path, [], exports=[done]).one("details", css="cases")
    rows = [r.said("en") for r in cases.one("tbody").all("tr")]
    assert len(rows) == 21
    assert rows[0].startswith("a0 crm Refused too long To do: mend the value, or the rule")
    assert rows[-1] == "b1 crm Kept (edited by a person) score: 71"


def test_what_the_limits_of_a_crm_left_for_later(tmp_path: Path) -> None:
    done = ExportResult("crm", written=60, verified=50, carried=1_900, waiting=2)
    page = page_of(tmp_path, [section()], exports=[done])
    part = page.one("section", id="write-back")
    heads = [h.said("en") for h in part.one("thead").all("th")]
    assert heads[1:3] == ["Written", "Of these read back"]
    assert heads[-3:] == ["To be repeated", "Carried over", "Refused"]
    cells = [c.said("ja") for c in part.one("tbody").all("td")]
    assert cells[-2] == "次回に繰り越し 1,900"
    assert "1,900 rows are carried over to the next run" in page.one(css="notices").said("en")


def test_a_system_that_was_down(tmp_path: Path) -> None:
    error = SourceError("The system cannot be used: it answers 503.", fix="Check its status page.")
    done = ExportResult("crm", total=3, carried=3, stopped=error)
    page = page_of(tmp_path, [section()], exports=[done])
    notices = page.one(css="notices")
    assert "crm: could not be written to the end; the next run goes on" in notices.said("en")
    assert "残りは次回の実行で書き込みます。（The system cannot" in notices.said("ja")
    banner = page.one("section", id="write-back").one(css="banner").said("en")
    assert banner.endswith("it answers 503. Check its status page.")
    assert "carried over" not in notices.said("en"), "its limits are not the reason"


def test_errors_of_systems_may_cite_names(tmp_path: Path) -> None:
    done = ExportResult(
        "crm", dead=1, failures=[Failure("a1", "山田 is too long", "Shorten it.")],
        stopped=SourceError("山田 is in the way"),
    )  # fmt: skip
    page = page_of(tmp_path, [section()], exports=[done], report={"names": "hidden"})
    for language in ("ja", "en"):
        assert "山田" not in page.said(language)
    assert "see the log of the run" in page.one("section", id="write-back").said("en")


def test_fields_that_the_crm_drops_and_warnings(tmp_path: Path) -> None:
    done = ExportResult("crm", dropped={"Score__c": 50}, warnings=["2 texts were cut: Why__c"])
    page = page_of(tmp_path, [section()], exports=[done])
    told = [each.said("en") for each in page.one("ul", css="told").all("li")]
    assert told == [
        "crm: the CRM does not keep what is written to “Score__c” (50 records looked at). "
        "Check the name, the type and the rights of the field.",
        "crm: 2 texts were cut: Why__c",
    ]
    assert "does not keep what is written to Score__c" in page.one(css="notices").said("en")


def test_a_dry_run_says_so(tmp_path: Path) -> None:
    page = page_of(tmp_path, [section()], exports=[ExportResult("crm", written=4, dry_run=True)])
    for part in (page.one(css="notices"), page.one("section", id="write-back")):
        assert "Dry run: nothing was written" in part.said("en")
    assert "Would be written" in page.one("section", id="write-back").said("en")


def test_warnings_of_training_and_the_card_stand_beside_the_model(tmp_path: Path) -> None:
    words = Words(ja="短い。<b>", en="Short. <b>")
    page = page_of(tmp_path, [section(warnings=[words], card="../m/r%201/card.html")])
    model = page.one(id="model")
    assert model.one("ul", "banner").said("en") == "Short. <b>"
    assert model.one("ul", "banner").said("ja") == "短い。<b>"
    assert model.one("a").attributes["href"] == "../m/r%201/card.html"
    assert model.one("a").said("ja") == "モデルカード"
    plain = page_of(tmp_path, [section()]).one(id="model")
    assert not plain.all("a")
    assert not plain.all("ul", "banner")
