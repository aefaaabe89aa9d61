"""What actions brought so far, as readers see it."""

from pathlib import Path

from salesml.report.action_charts import effects, policies, uplift
from salesml.report.brought import brought_view
from tests.report.decisions import acting, brought
from tests.report.test_agenda import page_of


def test_numbers_as_readers_see_them() -> None:
    webinar, call = brought_view(brought(), "JPY").rows
    assert (call.recommended, call.done, call.done_share) == (40, "30", "75.0%")
    assert (call.by, webinar.by) == ("佐藤 花子 20, Abe 10", "")
    assert (call.with_it, call.with_n, call.without_it) == ("90.0%", 30, "85.0%")
    assert (call.effect, call.interval, call.clear) == ("+5.0", "+1.0 – +9.0", 1)
    assert (call.worth, call.worth_interval) == ("¥1,500,000", "¥300,000 – ¥2,700,000")
    assert (call.recommended, call.trials) == (40, 0)
    # nobody tells whether trials from elsewhere were done
    assert (webinar.recommended, webinar.trials, webinar.done_share) == (100, 20, "60.0%")
    assert (webinar.effect, webinar.clear, webinar.worth) == ("−2.0", 0, "–")
    assert webinar.worth_interval == ""


def test_an_action_never_done() -> None:
    actions = (
        brought()
        .actions.head(1)
        .assign(own=0, done=None, with_n=0, with_rate=None, effect=None, low=None, high=None)
    )
    (row,) = brought_view(brought(actions=actions), "JPY").rows
    assert (row.recommended, row.trials) == (0, 40)
    assert (row.done, row.with_it, row.effect, row.interval) == ("–", "–", "–", "")
    assert row.clear == 0
    assert effects(brought(actions=actions)) is None


def test_harm_is_told_as_such() -> None:
    actions = brought().actions.tail(1).assign(effect=-0.05, low=-0.09, high=-0.01)
    assert brought_view(brought(actions=actions), "JPY").rows[0].clear == -1


def test_pictures_speak_both_languages() -> None:
    chart = effects(brought())
    assert chart is not None
    assert 'lang="ja"' in chart
    assert "状況確認の電話" in chart
    assert "Check-in call" in chart
    assert "Effect (points)" in chart
    worth = policies(brought(), "churn")
    assert worth is not None
    assert "As recommended" in worth
    assert policies(brought(), "win") is None
    curve = uplift(brought(), "churn")
    assert curve is not None
    assert "Share acted on" in curve
    assert uplift(brought(), "win") is None


def test_an_estimate_without_interval_is_a_dot() -> None:
    without = brought().actions.assign(low=None, high=None)
    chart = effects(brought(actions=without))
    assert chart is not None
    assert "NaN" not in chart


def test_the_part_of_the_page(tmp_path: Path) -> None:
    part = page_of(tmp_path, acting()).one("section", id="brought")
    assert "状況確認の電話" in part.one("table", css="brought").said("ja")
    assert "何もしない" in part.said("ja")
    assert "選び方による違い：解約" in part.said("ja")
    assert "3か月分の結果です。" in part.said("ja")
    assert part.one("b", css="better").text == "+5.0"
    assert part.one("h2").said("ja") == "アクションの成果（7/1（火）時点）"
    assert "提案 100 ＋試行20" in part.one("table", css="brought").said("ja")


def test_nothing_known_yet_is_said(tmp_path: Path) -> None:
    none = brought(actions=brought().actions.iloc[:0], policies=brought().policies.iloc[:0])
    part = page_of(tmp_path, acting(brought=none)).one("section", id="brought")
    assert "まだ成果を測れるだけの結果がありません" in part.said("ja")
    assert not part.all("table")
