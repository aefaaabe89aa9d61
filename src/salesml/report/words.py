"""What the report says, in both languages."""

from __future__ import annotations

import re
from typing import Any, Protocol

from markupsafe import Markup, escape

from salesml.config import Words
from salesml.report.action_words import ACTION_WORDS
from salesml.report.export_words import EXPORT_WORDS

__all__ = ["Bilingual", "both", "check_words", "filled", "metric_words", "phrase", "say"]


class Bilingual(Protocol):
    """Anything with a text in both languages: `Words`, a band."""

    @property
    def ja(self) -> str: ...
    @property
    def en(self) -> str: ...


_WORDS: dict[str, tuple[str, str]] = {
    # head
    "report": ("営業スコアレポート", "Sales score report"),
    "as_of": ("基準日", "As of"),
    "project": ("プロジェクト", "Project"),
    "run": ("実行ID", "Run"),
    "created": ("作成日時", "Created"),
    "language": ("表示言語", "Language"),
    "theme": ("配色", "Colours"),
    "theme_auto": ("自動", "Auto"),
    "theme_light": ("明", "Light"),
    "theme_dark": ("暗", "Dark"),
    "to_content": ("本文へ移動", "Skip to content"),
    "contents": ("目次", "Contents"),
    "overview": ("概要", "Overview"),
    "notices": ("確認してください", "Please note"),
    # notices
    "notice_base_rate": ("{title}：{verdict}", "{title}: {verdict}"),
    "notice_quarantined": (
        "取り込み時のチェックで{n:,}行を除外しました。",
        "Rows set aside by the checks on reading: {n:,}.",
    ),
    "notice_empty": (
        "{title}：この基準日に対象となる先はありません。",
        "{title}: nobody to score on this date.",
    ),
    "notice_task_failed": (
        "{title}：今回はスコアを計算できませんでした。CRMには前回のスコアが残っています。（{error}）",
        "{title}: could not be scored this time; the CRM keeps the last scores. ({error})",
    ),
    "notice_model": ("{title}：{words}", "{title}: {words}"),
    "empty": ("この基準日に対象となる先はありません。", "Nobody to score on this date."),
    # cards
    "scored": ("対象", "Scored"),
    "count": ("{n:,}件", "{n:,}"),
    "bands": ("ランク別の件数", "Count by band"),
    "entered": ("新たに「{band}」", "New in “{band}”"),
    "expected_positives": ("{days}日以内の見込み件数", "Expected within {days} days"),
    "about": ("約{n}件", "about {n}"),
    "expected_total_bad": ("想定損失額の合計", "Expected loss, total"),
    "expected_total_good": ("期待金額の合計", "Expected amount, total"),
    "to_list": ("一覧を見る", "See the list"),
    "failed_task": (
        "今回はスコアを計算できませんでした。",
        "Could not be scored this time.",
    ),
    # changes
    "changed": ("前回からの変化", "What changed since last time"),
    "newly": ("新たに「{band}」", "New in “{band}”"),
    "newly_none": ("新たに「{band}」になった先はありません。", "Nobody new in “{band}”."),
    "newly_more": ("ほか{n:,}件は一覧にあります。", "{n:,} more are in the list."),
    "rises": ("スコアが大きく上がった先", "Biggest rises"),
    "falls": ("スコアが大きく下がった先", "Biggest falls"),
    "no_moves": ("ほかに動いたスコアはありません。", "No other score moved."),
    "first_scored": ("前回はスコアがありません。", "Had no score last time."),
    "small_move": ("小さな変化の積み重ねです。", "Many small things added up."),
    "kind_model": ("モデルの更新", "model changed"),
    "kind_correction": ("過去データの修正", "past corrected"),
    "kind_unknown": ("内訳不明", "not known"),
    # lists
    "meaning_bad": (
        "スコアが高いほど注意が必要です（50＝平均）。",
        "The higher the score, the more it needs attention (50 = average).",
    ),
    "meaning_good": (
        "スコアが高いほど有望です（50＝平均）。",
        "The higher the score, the more promising (50 = average).",
    ),
    "list": ("スコア一覧", "Scores"),
    "listed_all": ("全{total:,}件", "All {total:,}"),
    "listed_top": ("スコア上位{n:,}件（全{total:,}件）", "Top {n:,} of {total:,}"),
    "search": ("名称・ID・担当者・理由で検索", "Search name, id, owner, reason"),
    "filter": ("ランクで絞り込み", "Filter by band"),
    "all": ("すべて", "All"),
    "pages": ("ページ", "Pages"),
    "previous": ("前へ", "Previous"),
    "next": ("次へ", "Next"),
    "unreadable": (
        "このブラウザーでは上位の行だけを表示します。",
        "This browser shows the first rows only.",
    ),
    "nothing_found": (
        "条件に合うものがありません。絞り込みを変えてください。",
        "Nothing matches. Change the search or the band.",
    ),
    "rank": ("順位", "Rank"),
    "name": ("名称", "Name"),
    "score": ("スコア", "Score"),
    "band": ("ランク", "Band"),
    "change": ("前回比", "Change"),
    "probability": ("確率", "Probability"),
    "expected_bad": ("想定損失額", "Expected loss"),
    "expected_good": ("期待金額", "Expected amount"),
    "owner": ("担当者", "Owner"),
    "segment": ("セグメント", "Segment"),
    "reasons": ("主な理由", "Main reasons"),
    "new": ("新規", "New"),
    "all_reasons": ("すべての理由（{n}）", "All reasons ({n})"),
    "close": ("閉じる", "Close"),
    "raising": ("スコアを上げている理由", "Raises the score"),
    "lowering": ("スコアを下げている理由", "Lowers the score"),
    "no_reasons": ("平均と同じ水準です。", "On a level with the average."),
    "sum": ("平均50点 {points} ＝ {score}点", "Average 50 {points} = {score}"),
    "would_help": ("中央値並みになれば{points}点", "at the median: {points}"),
    # one entity
    "reasons_of_score": ("スコアの内訳", "What makes the score"),
    "why_changed": ("前回からの変化の理由", "Why it changed"),
    "history": ("スコアの推移", "Scores so far"),
    "timeline": ("最近の動き（半年）", "What happened (half a year)"),
    "no_events": ("記録された動きはありません。", "Nothing on record."),
    "brief_only": (
        "このページには主な理由だけを載せています。",
        "This page holds the main reasons only.",
    ),
    # charts
    "distribution": ("スコアの分布", "Distribution of scores"),
    "distribution_alt": (
        "スコア5点刻みの件数。点線は平均（50点）。",
        "Count by steps of 5 points. The dashed line is the average, 50.",
    ),
    "calibration": ("予測した確率と実際の割合", "Predicted against observed"),
    "calibration_alt": (
        "点が対角線に近いほど、確率をそのまま信じられます。円の大きさは件数、縦線は95%区間です。",
        "The nearer the dots to the diagonal, the more literally a probability can be taken. "
        "Size: rows; bars: 95% interval.",
    ),
    "predicted": ("予測した確率", "Predicted"),
    "observed": ("実際の割合", "Observed"),
    "funnel": ("ランク別の実績", "What came of each band"),
    "funnel_alt": (
        "検証期間に各ランクだった先のうち、実際にそうなった割合。線は95%区間です。",
        "Of those in each band in the test, the share that came true. Lines: 95% interval.",
    ),
    "came_true": ("実際の割合（検証期間）", "Came true (test)"),
    "came_true_of": ("{true:,} / {rows:,}件", "{true:,} of {rows:,}"),
    "now": ("現在", "Now"),
    "expected_now": ("見込み", "Expected"),
    "outlook": ("月別の見込みと実績", "Expected and actual by month"),
    "outlook_count": (
        "各月から{days}日以内の件数。横線＝予測した確率の合計、帯＝90%区間、点＝実績。右端は今回の見込み。"
        "区間は、個々の結果が互いに独立だとした場合の幅です。",
        "Outcomes within {days} days from each month. Line: sum of the probabilities; band: its "
        "90% interval; dot: actual. The last one is tonight's. The interval takes outcomes as "
        "independent of each other.",
    ),
    "outlook_money": (
        "各月から{days}日以内の金額（{currency}）。横線＝確率×金額の合計、帯＝90%区間、点＝実績。右端は今回の見込み。"
        "区間は、個々の結果が互いに独立だとした場合の幅です。",
        "Amounts within {days} days from each month, {currency}. Line: sum of probability × "
        "amount; band: its 90% interval; dot: actual. The last one is tonight's. The interval "
        "takes outcomes as independent of each other.",
    ),
    # municipalities
    "map": ("都道府県別", "By prefecture"),
    "map_alt": (
        "数字は「{band}」の件数、色の濃さは平均スコア。選ぶと一覧を絞り込みます。",
        "Number: how many in “{band}”; shade: mean score. A click filters the list.",
    ),
    "map_shade": ("平均スコア", "Mean score"),
    "map_count": ("「{band}」の件数", "in “{band}”"),
    "map_tip": (
        "「{band}」{top:,}件／全{scored:,}件、平均{mean}点",
        "{top:,} of {scored:,} in “{band}”, mean score {mean}",
    ),
    "prefecture": ("都道府県", "Prefecture"),
    "budget_year": ("{year}年度の予算カレンダー", "Budget year {year}"),
    "budget_year_alt": (
        "縦線が基準日です。日付は設定された標準で、議会の日程は自治体により異なります。",
        "The vertical line is the date of the scores. Dates are the usual ones, as configured; "
        "assemblies differ.",
    ),
    "stage": ("予算編成", "Budget"),
    "assembly": ("議会", "Assembly"),
    "supplementary": ("補正予算", "Supplementary budget"),
    "rotation": ("人事異動", "Personnel rotation"),
    "subsidy": ("補助金の公募", "Subsidies open"),
    "coming": ("これからの予定", "Coming up"),
    "until": ("{date}まで", "until {date}"),
    "begins": ("{date}から", "from {date}"),
    "days_ahead": ("あと{n:,}日", "{n:,} days"),
    "today": ("本日", "today"),
    "concerns": ("対象{n:,}団体", "{n:,} eligible"),
    "steps": ("段階ごとに、誰に何を", "Whom to meet about what, stage by stage"),
    "step": ("段階", "Stage"),
    "step_time": ("期間", "When"),
    "step_now": ("現在", "now"),
    "bring": ("持っていくもの", "What to bring"),
    "whom": ("誰に（関心）", "To whom (what they care about)"),
    "approach": ("いま、誰に何を", "Whom to meet now, about what"),
    "next_deadline": ("次の期限", "Next deadline"),
    "deadlines": ("期限", "Deadlines"),
    "subsidies": ("使える補助金（締切）", "Subsidies it meets (closing)"),
    "cite": ("引用できる採用団体", "To cite: similar ones that adopted"),
    "similar": ("類似度{points}", "{points} similar"),
    "policy": ("政策との一致", "What its policy says"),
    "stage_scores": ("段階ごとのスコア", "Score by stage"),
    "new_contact": (
        "担当者は4月以降に替わっています。",
        "The contact person is new since April.",
    ),
    "election": ("次の首長選挙：{points}", "Next mayoral election: {points}"),
    # model
    "model": ("予測モデルの精度", "How good the models are"),
    "version": ("モデル {version}", "Model {version}"),
    "trained_now": ("今回の実行で学習", "trained in this run"),
    "trained_before": ("学習済みのモデルを使用", "trained earlier"),
    "card": ("モデルカード", "model card"),
    "model_as_of": ("モデルの基準日", "Trained as of"),
    "days_old": ("{date}（{n:,}日前）", "{date} ({n:,} days ago)"),
    "next_training": ("次の再学習", "Next training"),
    "next_by": ("遅くとも{date}", "{date} at the latest"),
    "next_new": ("新しい結果が判明しだい", "once new outcomes are known"),
    "next_asked": ("指示したとき、または変化があったとき", "when asked for, or when data shift"),
    "metric": ("指標", "Measure"),
    "value": ("値", "Value"),
    "interval": ("95%区間", "95% interval"),
    "train_window": ("学習に使った期間", "Learnt on"),
    "test_window": ("検証に使った期間", "Tested on"),
    "unseen": (
        "学習時になかった値を含む項目（不明として扱いました）",
        "Values never seen in training (treated as unknown)",
    ),
    "kinds": ("{n:,}種類", "{n:,}"),
    "no_metrics": ("精度の記録がありません。", "No measures were recorded."),
    # data
    "data": ("取り込んだデータ", "Data read"),
    "source": ("データ", "Source"),
    "rows": ("行数", "Rows"),
    "new_rows": ("新規・変更", "New or changed"),
    "set_aside": ("除外", "Set aside"),
    "checks": ("除外の内訳", "Why"),
    "unchanged_source": ("前回から変更なし", "unchanged"),
    "set_aside_note": (
        "除外した行は捨てずに保管しています。CRM側で直すと、次回から取り込まれます。",
        "Rows set aside are kept. Correct them in the CRM and the next run reads them.",
    ),
    "no_reads": ("読み込んだデータの記録がありません。", "No source was read in this run."),
    "footer": (
        "スコアは1〜99点で、50点が平均です。理由の点数を合計すると、平均との差になります。"
        "確率は過去の実績に合わせて調整しています。",
        "Scores run from 1 to 99, 50 is the average. The points of the reasons add up to the "
        "distance from it. Probabilities are calibrated on past outcomes.",
    ),
    **ACTION_WORDS,
    **EXPORT_WORDS,
}

_METRICS: dict[str, tuple[Words, Words]] = {
    "roc_auc": (
        Words(ja="順位づけの正しさ（AUC）", en="Ranking (AUC)"),
        Words(ja="0.5＝当てずっぽう、1＝完全", en="0.5 = chance, 1 = perfect"),
    ),
    "average_precision": (
        Words(ja="上位の的中率（AP）", en="Precision at the top (AP)"),
        Words(ja="全体の発生率より高いほどよい", en="The further above the base rate, the better"),
    ),
    "lift_at_10": (
        Words(ja="上位10%の的中（リフト）", en="Lift in the top 10%"),
        Words(ja="1＝無作為と同じ、3＝無作為の3倍当たる", en="1 = random, 3 = three times as many"),
    ),
    "log_loss": (
        Words(ja="確率のずれ（Log loss）", en="Error of probabilities (log loss)"),
        Words(ja="小さいほどよい", en="The smaller, the better"),
    ),
    "brier": (
        Words(ja="確率の二乗誤差（Brier）", en="Squared error (Brier)"),
        Words(ja="小さいほどよい", en="The smaller, the better"),
    ),
}

_CHECKS: dict[str, tuple[str, str]] = {
    "accepted": ("{column}が決められた値ではない", "{column} is not an accepted value"),
    "happened_at": ("発生日時がない", "no time of happening"),
    "known_after_happening": (
        "登録日時が発生日時より前",
        "entered before it happened",
    ),
    "known_at": ("登録日時がない", "no time of entry"),
    "not_in_future": ("登録日時が未来", "entered in the future"),
    "not_null": ("{column}が空欄", "{column} is empty"),
    "range": ("{column}が範囲外", "{column} is out of range"),
    "refers_to": ("{column}の参照先がない", "{column} refers to nothing known"),
    "type": ("{column}の形式が違う", "{column} has the wrong type"),
    "unique": ("{column}が重複", "{column} is a duplicate"),
}


def phrase(key: str, **values: Any) -> Words:
    """The phrase *key*; a value that has both languages is put in by language."""
    return filled(*_WORDS[key], values)


def filled(ja: str, en: str, values: dict[str, Any]) -> Words:
    """Two texts with *values* put in; one that has both languages by language."""
    by_language = {
        language: {name: getattr(value, language, value) for name, value in values.items()}
        for language in ("ja", "en")
    }
    return Words(ja=ja.format(**by_language["ja"]), en=en.format(**by_language["en"]))


def both(words: Bilingual) -> Markup:
    """Both languages as HTML, of which the page shows one."""
    if words.ja == words.en:
        return escape(words.ja)
    return Markup(
        '<span class="ja" lang="ja">{}</span><span class="en" lang="en">{}</span>'
    ).format(words.ja, words.en)


def say(key: str, **values: Any) -> Markup:
    """The phrase *key* in both languages as HTML."""
    return both(phrase(key, **values))


def metric_words(name: str) -> tuple[Words, Words]:
    """The title of a measure and how to read it."""
    return _METRICS.get(name, (Words(ja=name, en=name), Words(ja="", en="")))


def check_words(name: str) -> Words:
    """A check in words: ``not_null(account_id)`` is "account_id is empty"."""
    found = re.fullmatch(r"(\w+)(?:\((.*)\))?", name, re.DOTALL)
    if not found or found[1] not in _CHECKS:
        return Words(ja=name, en=name)
    return filled(*_CHECKS[found[1]], {"column": found[2] or ""})
