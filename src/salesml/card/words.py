"""What a card says, in both languages."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from salesml.config import Words
from salesml.report.words import both, filled

__all__ = ["candidate", "phrase", "say"]

_WORDS: dict[str, tuple[str, str]] = {
    "card": ("モデルカード", "Model card"),
    "summary": ("要点", "In short"),
    "as_of": ("基準日", "As of"),
    "language": ("表示言語", "Language"),
    "contents": ("目次", "Contents"),
    "deployed": ("使うモデル", "Model in use"),
    "auc": ("順位づけ（AUC）", "Ranking (AUC)"),
    "lift": ("上位10%の的中", "Lift, top 10%"),
    "ece": ("確率のずれ（ECE）", "Calibration error"),
    "base_share": ("検証での発生率", "Observed, test"),
    "times": ("{n}倍", "{n}×"),
    "gate_passed": ("採用：現行モデルにしました", "Passed: it is the champion now"),
    "gate_refused": (
        "不採用：現行モデルを変えません",
        "Refused: the champion stays",
    ),
    "notes": ("確認してください", "Please note"),
    # read the score
    "reading": ("スコアの読み方", "How to read the score"),
    "reading_score": (
        "スコアは1〜99点で、50点が平均的な先です。順位をつけるための点数で、確率そのものではありません。",
        "Scores run from 1 to 99; 50 is the average row. They rank; they are not probabilities.",
    ),
    "reading_bad": (
        "高いほど「起きやすい」、つまり注意が必要です。",
        "The higher, the likelier it is to happen: it needs attention.",
    ),
    "reading_good": (
        "高いほど有望です。",
        "The higher, the more promising.",
    ),
    "reading_probability": (
        "確率は過去の実績に合わせて調整済みです。20%の先が100件あれば、約20件で実際に起きる見込みです。",
        "Probabilities are calibrated on past outcomes: of 100 rows at 20%, about 20 come true.",
    ),
    "reading_cause": (
        "理由は予測の根拠であり、原因とは限りません。値を変えれば結果が変わるという意味ではありません。",
        "Reasons say what the prediction rests on, not what causes the outcome; changing a value "
        "need not change what happens.",
    ),
    "band": ("ランク", "Band"),
    "score": ("スコア", "Score"),
    "probability_from": ("確率の目安", "Probability, about"),
    "test_share": ("検証での割合", "Share of the test"),
    "observed": ("実際に起きた割合", "Observed"),
    "from_up": ("{n}以上", "{n} and up"),
    # data
    "data": ("データと検証のしかた", "Data, and how it was tested"),
    "window": ("期間", "Window"),
    "rows": ("行数", "Rows"),
    "entities": ("対象数", "Entities"),
    "positives": ("起きた件数", "Positives"),
    "learnt": ("学習（検証用モデル）", "Learnt on, for the test"),
    "tested": ("検証", "Tested on"),
    "whole": ("学習（使うモデル）", "Learnt on, model in use"),
    "split_time": (
        "新しい日付で検証しました。検証の最初の日に結果が分かっていた行だけから学習し"
        "（{days}日の間隔）、検証データは一度しか使っていません。",
        "Tested on the newest dates. Only rows whose outcome was known on the first of them were "
        "learnt from (a gap of {days} days), and the test was used once.",
    ),
    "split_groups": (
        "期間が短いため、別の先で検証しました。新しい日付での精度は、これより低いおそれがあります。",
        "History is too short for a test on newer dates: it was made on other entities, and may "
        "flatter the model.",
    ),
    "clusters": (
        "区間はすべて95%区間で、先（エンティティ）を単位に再抽出して求めました。",
        "All intervals are 95% intervals from resampled entities.",
    ),
    # metrics
    "metrics": ("精度", "How good it is"),
    "metric": ("指標", "Measure"),
    "value": ("値", "Value"),
    "interval": ("95%区間", "95% interval"),
    "base_rate_column": ("基準率", "Base rate"),
    "rule_column": ("ルール", "Rule"),
    "ece_long": ("確率のずれの平均（ECE、10群）", "Calibration error (ECE, 10 groups)"),
    "ece_reading": ("0に近いほどよい", "The nearer to 0, the better"),
    "leaderboard": ("候補の比較", "Leaderboard"),
    "leaderboard_note": (
        "単純なものから順に試し、最良のものと差がない中で最も単純なものを選びます。",
        "Tried from simple to complex; of those within noise of the best, the simplest is kept.",
    ),
    "candidate": ("候補", "Candidate"),
    "fold_loss": ("Log loss（学習期間内）", "Log loss, out of fold"),
    "test_loss": ("Log loss（検証）", "Log loss, test"),
    "in_use": ("使用", "in use"),
    "calibration": ("予測した確率と実際の割合", "Predicted against observed"),
    "calibration_note": (
        "点が対角線に近いほど、確率をそのまま信じられます。円の大きさは行数、縦線は95%区間です。",
        "The nearer the dots to the diagonal, the more literally a probability can be taken. "
        "Size: rows; bars: 95% interval.",
    ),
    "predicted": ("予測した確率", "Predicted"),
    "gain": ("上位から当たる割合", "Share of positives reached"),
    "gain_note": (
        "スコアの高い順に接触したとき、起きた先の何割に届くか。帯は95%区間、破線は無作為の場合です。",
        "Of all positives, how many are reached from the highest score down. Band: 95% interval; "
        "dashed: at random.",
    ),
    "contacted": ("接触した割合", "Share contacted"),
    "captured": ("届いた割合", "Share reached"),
    # contacts
    "contacts": ("何件に接触し、何が得られるか", "Whom to contact, and what it brings"),
    "top": ("上位{n}%", "Top {n}%"),
    "at_capacity": ("対応できる件数（{per}{n:,}件）", "Capacity ({n:,} a {per})"),
    "best_row": ("利益が最大のしきい値", "Threshold of the highest profit"),
    "share": ("割合", "Share"),
    "threshold": ("確率のしきい値", "Probability from"),
    "precision": ("的中率", "Precision"),
    "recall": ("捕捉率", "Recall"),
    "lift_column": ("リフト", "Lift"),
    "profit_column": ("期待利益", "Expected profit"),
    "contacts_per": ("件数（{per}）", "Contacts {per}"),
    "per_100": ("100件あたり", "per 100 rows"),
    "per_day": ("1日あたり", "a day"),
    "per_week": ("1週間あたり", "a week"),
    "per_month": ("1か月あたり", "a month"),
    "day": ("1日", "day"),
    "week": ("週", "week"),
    "month": ("月", "month"),
    "value_note": (
        "接触1件 {contact}、起きる先に接触した場合 {positive}、"
        "起きない先に接触した場合 {negative}。",
        "A contact: {contact}; to one where it happens: {positive}; to one where it does not: "
        "{negative}.",
    ),
    "of_amount": ("金額の{n}%", "{n}% of the amount"),
    "best_note": (
        "学習期間の中で利益が最大だった確率のしきい値です。検証では当てはめただけで、選び直していません。",
        "The probability from which up contacting brought the most within the training window; on "
        "the test it was only tried, not chosen.",
    ),
    "best_test": ("検証での利益", "Profit on the test"),
    "best_expected": ("学習期間での見込み", "Expected in training"),
    "best_share": ("接触する割合（検証）", "Share contacted, test"),
    "everybody": ("全員に接触した場合", "If everybody is contacted"),
    "best_nobody": (
        "この前提では、誰にも接触しないのが最も有利です（1件の費用に見合う確率の先がありません）。",
        "With these values it is best to contact nobody: no probability is worth a contact.",
    ),
    "profit": ("接触した割合ごとの期待利益", "Expected profit by share contacted"),
    "profit_note": (
        "縦軸は{per}の利益、帯は95%区間です。",
        "Profit {per}; the band is the 95% interval.",
    ),
    "mark_capacity": ("対応できる件数", "capacity"),
    "mark_best": ("選んだしきい値", "chosen threshold"),
    "repeat_note": (
        "同じ先が別の日付にも現れる場合は、その都度1件と数えます。",
        "Who is there on several dates counts each time.",
    ),
    # features
    "features": ("何を見て予測しているか", "What it looks at"),
    "features_note": (
        "観点ごとに、予測（対数オッズ）を動かした大きさの平均を強い順に示します。",
        "By concept: how far it moves the prediction (log-odds) on average, strongest first.",
    ),
    "concept": ("観点", "Concept"),
    "feature_count": ("{n:,}項目", "features: {n:,}"),
    "unused_concepts": ("使われていない観点：", "Not used:"),
    "more_concepts": ("ほか{n}の観点", "{n} more concepts"),
    "no_features": (
        "全員に同じ確率を割り当てるため、予測に使われている項目はありません。",
        "Everybody gets the same probability: no feature is used.",
    ),
    "swarm": ("項目の値と予測への影響（SHAP）", "Values and what they add (SHAP)"),
    "swarm_note": (
        "点は検証データの1行。右ほど確率を上げ、左ほど下げます。色は値の大きさ（青＝小、赤＝大、"
        "灰＝順序のない値・不明）。",
        "A dot is a row of the test: to the right it raises the probability, to the left it lowers "
        "it. Blue: low values, red: high, grey: without an order, or unknown.",
    ),
    "log_odds": ("対数オッズへの寄与", "Contribution (log-odds)"),
    "dependence": ("値と確率の関係（部分依存）", "Value and probability (partial dependence)"),
    "dependence_note": (
        "全員がその値だったときの平均確率です。下の灰色の棒は値の分布で、棒が低いところの線は"
        "あまり当てになりません。因果を示すものではありません。",
        "The mean probability if everybody had that value. Grey bars: how common values are; where "
        "they are low, the line says little. It does not tell of causes.",
    ),
    "missing": ("不明", "unknown"),
    "if_missing": ("不明の場合 {p}", "if unknown: {p}"),
    # segments
    "segments": ("セグメント別の精度", "By segment"),
    "segments_note": (
        "多くのセグメントを同時に見ていることを考慮したうえで、明らかにずれているものに印をつけています。"
        "行数が少ないセグメントの数値は表示しません。",
        "Marked where clearly off, taking into account that many segments are looked at. Segments "
        "of few rows show no numbers.",
    ),
    "segment": ("セグメント", "Segment"),
    "seg_predicted": ("予測", "Predicted"),
    "seg_observed": ("実際", "Observed"),
    "seg_gain": ("基準率からの改善", "Gain over base rate"),
    "seg_other": ("その他", "other"),
    "seg_missing": ("不明", "unknown"),
    "flaw_level": ("確率がずれています", "Probabilities off"),
    "flaw_worse": ("基準率に劣ります", "Worse than base rate"),
    "too_few": ("行数が少ない", "too few rows"),
    # fairness
    "fairness": ("グループ間の公平性", "Fairness between groups"),
    "fairness_note": (
        "検証期間でスコア上位{share}に入る割合を、列ごとに最も高いグループと比べた倍率です。目安の{limit}倍を"
        "明らかに下回るものに印をつけています（行数の少なさと、多くの組を同時に比べていることを考慮）。"
        "実際の割合の差によることもあります。選び方を決める前に人が確認してください。",
        "How many of each group are in the top {share} of the test, and the ratio to the group of "
        "the column with most. Marked where clearly below {limit}, taking into account how few "
        "rows there are and how many pairs are looked at. Groups may differ in truth: a person "
        "should look before it is decided whom to approach.",
    ),
    "fair_selected": ("上位に入る割合", "Selected"),
    "fair_ratio": ("最高のグループとの比", "Ratio to the most selected"),
    "fair_best": ("最も高い", "most selected"),
    "unfair": ("選ばれにくい", "Passed over"),
    "not_compared": ("比較しない", "not compared"),
    "region": ("地方", "Region"),
    "kind": ("団体の種類", "Kind"),
    "tier": ("規模", "Size tier"),
    # footer
    "project": ("プロジェクト", "Project"),
    "task": ("タスク", "Task"),
    "run": ("実行ID", "Run"),
    "created": ("作成日時", "Created"),
    "settings": ("設定", "Settings"),
}

_CANDIDATES = {
    "base_rate": Words(ja="基準率", en="Base rate"),
    "rule": Words(ja="ルール", en="Rule"),
    "logistic": Words(ja="ロジスティック回帰", en="Logistic regression"),
    "lightgbm": Words(ja="LightGBM", en="LightGBM"),
    "blend": Words(ja="回帰とLightGBMの平均", en="Blend of both"),
}


def phrase(key: str, **values: Any) -> Words:
    """The phrase *key*; a value that has both languages is put in by language."""
    return filled(*_WORDS[key], values)


def say(key: str, **values: Any) -> Markup:
    """The phrase *key* in both languages as HTML."""
    return both(phrase(key, **values))


def candidate(name: str) -> Words:
    """What a candidate is called."""
    return _CANDIDATES.get(name, Words(ja=name, en=name))
