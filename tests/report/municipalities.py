"""Municipalities scored, and how to approach them, to render."""

from __future__ import annotations

import datetime as dt
from typing import Any

from salesml.config import Words
from salesml.report import TaskSection
from salesml.report.municipal import (
    Approach,
    Deadline,
    Municipal,
    Passage,
    Peer,
    Span,
    Step,
    Talk,
)
from salesml.report.municipal_map import PREFECTURES
from tests.report.samples import row, section, task

TODAY = dt.date(2025, 7, 1)
STAGES = [
    (4, 1, 6, 30, "予算編成方針", "Budget policy"),
    (7, 1, 9, 30, "予算要求", "Requests"),
    (10, 1, 12, 31, "査定", "Assessment"),
    (1, 1, 2, 28, "予算案", "Draft budget"),
    (3, 1, 3, 31, "議会審議・成立", "Deliberation and passage"),
]


def words(ja: str, en: str) -> Words:
    return Words(ja=ja, en=en)


def talk() -> Talk:
    return Talk(words("財政部門", "finance department"), words("予算の根拠", "justification"))


BRING = words("要求書に書ける理由と数値", "Reasons and numbers")


def calendar() -> list[Span]:
    found = []
    for year in (2025, 2026):
        for first, day, last, end, ja, en in STAGES:
            own = year + (first < 4)
            span = dt.date(own, first, day), dt.date(own, last, end)
            found.append(Span("stage", words(ja, en), *span))
        for month, ja in ((6, "6月"), (9, "9月"), (12, "12月"), (15, "3月")):
            own, number = year + (month > 12), (month - 1) % 12 + 1
            days = dt.date(own, number, 1), dt.date(own, number, 25)
            name = dt.date(own, number, 1).strftime("%B")
            found.append(Span("assembly", words(f"{ja}議会", f"{name} session"), *days))
            found.append(Span("supplementary", words(f"{ja}補正", f"{name}"), *days))
        move = dt.date(year, 4, 1), dt.date(year, 4, 7)
        found.append(Span("rotation", words("人事異動", "Rotation"), *move))
    grant = words("デジタル実装補助金", "Grant for digital services")
    found.append(Span("subsidy", grant, dt.date(2025, 5, 10), dt.date(2025, 8, 29), 42))
    other = words("防災交付金", "Disaster grant")
    found.append(Span("subsidy", other, dt.date(2025, 8, 1), dt.date(2025, 11, 14), 7))
    return found


def approach(**changes: Any) -> Approach:
    known: dict[str, Any] = {
        "material": BRING,
        "talks": [talk(), Talk(words("担当課", "Department"), words("機能と運用", "Features"))],
        "tier": words("5万人未満", "Under 50,000"),
        "advice": words("パッケージ、共同利用", "Package, joint use"),
        "deadlines": [Deadline(words("予算要求の締切", "Requests close"), dt.date(2025, 9, 30))],
        "subsidies": [Deadline(words("デジタル実装補助金", "Grant"), dt.date(2025, 8, 29))],
        "peers": [
            Peer("01204", "旭川市", "北海道", dt.date(2023, 10, 1), 0.91),
            Peer("02201", "青森市", "青森県", dt.date(2024, 10, 1), 0.84),
        ],
        "passage": Passage("総合計画 2024", "3D都市モデルを活用し、防災まちづくりを推進する。"),
        "outlook": [
            (words("予算要求", "Requests"), dt.date(2025, 7, 1), 81),
            (words("査定", "Assessment"), dt.date(2025, 10, 1), 64),
        ],
        "election": dt.date(2027, 4, 11),
        "new_contact": True,
    }
    return Approach(**{**known, **changes})


def municipal(ids: list[str]) -> Municipal:
    spans = [span for span in calendar() if span.kind == "stage" and span.last >= TODAY][:5]
    return Municipal(
        as_of=TODAY,
        calendar=calendar(),
        steps=[Step(each.words, each.first, each.last, BRING, [talk()]) for each in spans],
        approaches={id_: approach() for id_ in ids[:20]},
        notes=[words("議事録がありません。", "There are no minutes.")],
    )


def municipal_section(each: int = 3, **changes: Any) -> TaskSection:
    """Municipalities of all prefectures but 奈良, *each* of them."""
    about = task("adopt", "good").model_copy(update={"entity": "municipality"})
    places = [place for place in PREFECTURES if place.words.ja != "奈良"]
    rows = [
        row(
            max(99 - 2 * n - 13 * k, 2),
            account_id=f"{place.code}{100 + k:03d}",
            name=f"{place.words.ja}{k}市",
            owner=("Sato", "Ito")[k % 2],
        )
        for n, place in enumerate(places)
        for k in range(each)
    ]
    made = section(rows, task=about)
    scores = made.scores.rename(columns={"account_id": "municipality_id"})
    known = {"municipal": municipal(scores["municipality_id"].tolist()), **changes}
    return section(scores=scores, task=about, **known)
