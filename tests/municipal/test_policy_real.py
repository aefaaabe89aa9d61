from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import budget_items


def test_utterances_find_their_budget_items(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """39 and 44 of 46 among the first 1 and 5, as the benchmark prints them."""
    folder = real_data / "jp_council_minutes_budget_poliinfo3"
    if not folder.is_dir():
        pytest.skip(f"the minutes are not at {folder}")
    monkeypatch.setattr(budget_items, "FOLDER", folder)
    asked = list(budget_items.questions())
    assert len(asked) == 46
    first, five = budget_items.found(asked, budget_items.by_text("ngrams"))
    assert first >= 36
    assert five >= 42
