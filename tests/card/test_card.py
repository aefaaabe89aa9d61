from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import fakes
import numpy as np
import pandas as pd
import pytest

from salesml.config import Words
from salesml.training import Decision, Interval, TrainingResult
from salesml.training.profit import Best, profit_curve, row_values
from tests.card.conftest import KIND, LOGINS, NASTY, VALUE, Card, make_data, make_task, trained


def test_names_are_shown_as_they_are_and_run_nothing(card: Card, result: TrainingResult) -> None:
    page = card(result)
    assert len(page.all("script")) == 1
    assert not [e for e in page.all() if e.attributes.keys() & {"onclick", "onload", "src"}]
    said = page.said("ja")
    assert "解約<b>&" in said
    assert "r<1>" in said
    features = page.one("section", id="features")
    assert LOGINS in features.text
    assert KIND in features.text
    segments = page.one("section", id="segments").text
    assert "segment <i>" in segments
    assert "<b>大</b>" in segments
    assert NASTY[:39] in segments


def test_page_needs_nothing_but_itself(card: Card, result: TrainingResult) -> None:
    page = card(result)
    links = [e.attributes.get("href", "") for e in page.all("a") + page.all("link")]
    assert all(link.startswith(("#", "data:")) for link in links)
    targets = {e.attributes["id"] for e in page.all() if "id" in e.attributes}
    assert {link[1:] for link in links if link.startswith("#")} <= targets
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"url\(|@import", page.one("style").text)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_both_languages_say_everything(card: Card, result: TrainingResult, language: str) -> None:
    page = card(result, language=language)
    assert page.one("html").attributes["lang"] == language
    said = page.said(language)
    assert getattr(result.verdict, language) in said
    for words in (decisions(result), ["0.5", "99"]):
        assert all(word in said for word in words)
    assert "{" not in re.sub(re.escape("noise{z}"), "", said)
    other = {"ja": "Model card", "en": "モデルカード"}[language]
    assert other not in said


def decisions(result: TrainingResult) -> list[str]:
    return [f"{result.metrics['roc_auc'].value:.3f}", f"{result.calibration_error.value:.3f}"]


def test_windows_measures_and_candidates_are_told(card: Card, result: TrainingResult) -> None:
    page = card(result)
    data = page.one("section", id="data").said("en")
    for window in (result.training, result.testing, result.whole):
        assert f"{window.first} – {window.last} {window.rows:,} {window.entities:,}" in data
    metrics = page.one("section", id="metrics").said("en")
    for name, measures in result.candidates.items():
        loss = measures["log_loss"]
        assert f"{loss.value:.4f} {loss.low:.4f} – {loss.high:.4f}" in metrics, name
    assert metrics.count("in use") == 1


def test_gate_is_told_in_the_language_of_the_reader(card: Card, result: TrainingResult) -> None:
    refused = Decision.of(False, [Words(ja="劣ります。", en="It is worse.")])
    summary = card(result, decision=refused).one("section", id="summary")
    assert summary.one(css="refused")
    assert "Refused: the champion stays It is worse." in summary.said("en")
    assert "劣ります。" in summary.said("ja")
    assert "It is worse." not in summary.said("ja")


def test_reasons_in_english_alone_are_told_to_all(card: Card, result: TrainingResult) -> None:
    page = card(result, decision=Decision(True, ["Somebody said so."]))
    for language in ("ja", "en"):
        assert "Somebody said so." in page.one("section", id="summary").said(language)


def test_warnings_stand_at_the_top(card: Card, result: TrainingResult) -> None:
    worse = replace(result.segments[0], flaw="level")
    assert worse.warning is not None
    warned = replace(
        result, segments=[worse, *result.segments[1:]], warnings=["Short.", worse.warning.en]
    )
    page = card(warned)
    notes = page.one("section", id="summary").one("ul")
    assert notes.said("en") == f"Short. {worse.warning.en}"
    assert notes.said("ja") == f"Short. {worse.warning.ja}"
    assert len(page.one("section", id="segments").all("tr", "flawed")) == 1
    assert not card(replace(result, warnings=[])).one("section", id="summary").all("ul")


def test_bands_hold_all_rows_of_the_test(card: Card, result: TrainingResult) -> None:
    rows = card(result).one("section", id="reading").one("tbody").all("tr")
    shares = [float(row.all("td")[2].text.rstrip("%")) for row in rows]
    assert len(rows) == 2
    assert sum(shares) == pytest.approx(100, abs=0.11)
    observed = [float(row.all("b")[-1].text.rstrip("%")) for row in rows]
    assert observed[0] > observed[1]
    assert "High 60 and up" in rows[0].said("en")


def test_contacts_are_told_by_capacity_without_money(card: Card, result: TrainingResult) -> None:
    contacts = card(result).one("section", id="contacts")
    cut = result.targeting.capacity
    assert cut is not None
    row = contacts.one("tbody").all("tr")[-1].said("en")
    assert row.startswith(f"Capacity (5 a week) {cut.share:.1%} 5.0")
    assert f"{cut.precision.value:.1%} {cut.precision.low:.1%} – {cut.precision.high:.1%}" in row
    assert "profit" not in contacts.said("en")


@pytest.mark.parametrize("threshold", [0.25, float("inf")])
def test_profit_is_told_with_what_it_rests_on(
    card: Card, result: TrainingResult, threshold: float
) -> None:
    best = Best(threshold, 0.2, Interval(2e5, 1e5, 3e5), 0.3, 3, Interval(-1e5, -2e5, 1e4))
    worth = row_values(result.test, VALUE)
    p = result.test_predictions["probability"].to_numpy()
    curve = profit_curve(p, worth, result.test.clusters, result.targeting.rate)
    paid = replace(result, targeting=replace(result.targeting, best=best, curve=curve))
    contacts = card(paid, task=make_task()).one("section", id="contacts")
    said = contacts.said("en")
    assert "A contact: −¥1,000; to one where it happens: 10% of the amount" in said
    if np.isinf(threshold):
        assert "it is best to contact nobody" in said
    else:
        assert "contact nobody" not in said
        assert "25.0%" in said
        assert "−¥100,000 −¥200,000 – ¥10,000" in said
        assert "¥200,000 ¥100,000 – ¥300,000" in said
    assert len(contacts.all("svg")) == 1


def test_base_rate_is_told_without_features_and_segments(
    card: Card, silent: TrainingResult
) -> None:
    assert silent.deployed == "base_rate"
    page = card(silent, task=make_task(capacity=None, value=None))
    assert page.one("section", id="summary").one(css="banner").said("en") == silent.verdict.en
    features = page.one("section", id="features")
    assert "no feature is used" in features.said("en")
    assert not features.all("svg")
    assert not page.all("section", id="segments")
    assert "#segments" not in {a.attributes["href"] for a in page.all("a")}


def test_single_date_and_single_class_segments_are_told(card: Card) -> None:
    data = make_data(rows=600, dates=1)
    alike = pd.Series(np.where(data.y == 1, "won", "lost"))
    found = trained(replace(data, segments=pd.DataFrame({"end": alike})))
    page = card(found, task=make_task(capacity=None, value=None))
    assert "made on other entities" in page.one("section", id="data").said("en")
    rows = page.one("section", id="segments").one("tbody").all("tr")
    assert len(rows) == 2
    assert all(row.all("td")[-1].text.startswith("–") for row in rows)


def test_words_and_concepts_come_from_the_feature_sets(card: Card, tmp_path: Path) -> None:
    data = make_data()
    X = data.X.rename(columns={LOGINS: "logins_30d", KIND: "plan"})[["logins_30d", "plan"]]
    found = trained(replace(data, X=X))
    logins = fakes.feature(
        concept="contact",
        words={"ja": "ログインが{previous}回→{value}回", "en": "Logins: {previous} → {value}"},
        previous="logins_30d",
    )
    plan = fakes.feature(
        concept="contract",
        type="varchar",
        missing="unknown",
        missing_words=fakes.WORDS,
        words={"ja": "プランは{value}", "en": "Plan: {value}"},
    )
    made = fakes.feature_set(
        tmp_path,
        "select 1",
        {"logins_30d": logins, "plan": plan},
        reads={},
        concepts={
            "contact": {"ja": "接点<量>", "en": "Contacts"},
            "contract": {"ja": "契約", "en": "Contract"},
        },
    )
    features = card(found, sets=[made]).one("section", id="features")
    concepts = features.all("summary")
    assert {c.all("span")[0].said("ja") for c in concepts} == {"接点<量>", "契約"}
    said = features.said("ja")
    assert "ログインが○回" in said
    assert "プラン plan" in said
    assert "Logins logins_30d" in features.said("en")
