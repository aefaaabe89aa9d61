import base64
import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from salesml.report import TaskSection
from salesml.report.packed import allotted, pack
from salesml.report.rows import score_list
from tests.report.runs import page_of
from tests.report.samples import AS_OF, reason, row, section


def unpacked(about: TaskSection, listed: int = 100) -> Any:
    rows = dict(enumerate(score_list(about.task, about.scores, "JPY", listed).rows))
    return json.loads(gzip.decompress(base64.b64decode(pack(about, about.scores, rows, "JPY"))))


def test_columns_hold_every_row() -> None:
    told = [reason(p, f"理由{p}", f"reason {p}") for p in (20, -10, 5, 1)]
    rows = [
        row(90, change=5, expected_value=12345.678, owner="Sato", segment="S", reasons=told),
        row(60, owner="Abe", reasons=[reason(10, "理由20", "reason 20")]),
        row(20, name=None),
    ]
    found = unpacked(section(rows))
    assert found["id"] == ["a90", "a60", "a20"]
    assert found["name"] == ["会社90", "会社60", ""]
    assert found["score"] == [90, 60, 20]
    assert found["change"] == [5, None, None]
    assert found["probability"] == [0.45, 0.3, 0.1]
    assert found["expected"] == [12346, None, None]
    assert (found["owners"], found["owner"]) == (["Abe", "Sato"], [1, 0, -1])
    assert (found["segments"], found["segment"]) == (["S"], [0, -1, -1])
    assert found["reasons"][:2] == [[20, 0, -10, 1, 5, 2], [10, 0]]
    assert found["texts"][0] == ["理由20", "reason 20"]
    assert found["money"] == {"symbol": "¥", "decimals": False}


def test_listed_ones_are_told_in_full() -> None:
    compared = {"peers_ja": "中央値は5日", "peers_en": "median: 5 days", "help": -12}
    change = {"kind": "fact", "concept": "c", "points": 8, "text_ja": "変化", "text_en": "moved"}
    rows = [row(90, change=8, reasons=[reason(40) | compared], changes=[change]), row(20)]
    events = pd.DataFrame(
        {
            "account_id": ["a90"],
            "happened_at": [dt.date(2025, 6, 1)],
            "ja": ["電話"],
            "en": ["Call"],
        }
    )
    peers = compared["peers_ja"], compared["peers_en"]
    history = {"a90": [(dt.date(2025, 6, 1), 82), (AS_OF, 90)]}
    found = unpacked(section(rows, events=events, history=history), listed=1)
    assert found["profiles"] == {
        "0": {
            "reasons": [
                [40, *("接点が3回（30日）", "3 contacts in 30 days"), *peers, "−12"],
            ],
            "changes": [["fact", 8, "変化", "moved"]],
            "events": [["2025-06-01", "電話", "Call"]],
            "history": [["2025-06-01", 82], ["2025-07-01", 90]],
        }
    }


def test_a_task_without_timeline_differs_from_an_entity_without_events() -> None:
    columns = ["account_id", "happened_at", "ja", "en"]
    quiet = section([row(90)], events=pd.DataFrame(columns=columns))
    assert unpacked(quiet)["profiles"]["0"]["events"] == []
    assert unpacked(section([row(90)]))["profiles"]["0"]["events"] is None


@given(st.lists(st.integers(0, 1000), max_size=6), st.integers(0, 1500))
def test_room_is_shared_and_short_lists_fit_whole(counts: list[int], most: int) -> None:
    granted = allotted(counts, most)
    assert sum(granted) == min(sum(counts), most) or sum(counts) - sum(granted) < len(counts) + most
    assert all(0 <= g <= c for g, c in zip(granted, counts, strict=True))
    assert sum(granted) <= most
    fair = most // max(len(counts), 1)
    assert all(g == c for g, c in zip(granted, counts, strict=True) if c <= fair)


def test_hidden_names_are_nowhere_in_the_page(tmp_path: Path) -> None:
    rows = [row(90, name="秘密商事", owner="秘密太郎", change=50), row(20, name="秘密銀行")]
    about = section(rows)
    page = page_of(tmp_path, [about], report={"names": "hidden"})
    text = next(tmp_path.rglob("*.html")).read_text(encoding="utf-8")
    assert "秘密" not in text
    packed = page.one("script", type="text/plain").text
    found = gzip.decompress(base64.b64decode(packed)).decode()
    assert "秘密" not in found
    assert "a90" in found
    assert not page.all(css="c-owner")
