"""How much of each document speaks of each theme of policy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from salesml.municipal.policy.settings import PolicySettings, SolutionConfig, ThemeConfig
from salesml.municipal.policy.text import normalised, passages

__all__ = ["priorities", "theme_of"]

TYPES = {
    "municipality_id": "string",
    "document_id": "string",
    "kind": "string",
    "published_on": "date32[day][pyarrow]",
    "known_at": "datetime64[us]",
    "theme": "string",
    "share": "float64",
    "of_solution": "bool",
}


def priorities(tables: Mapping[str, pd.DataFrame], settings: PolicySettings) -> pd.DataFrame:
    """One row for each of ``documents`` with words and each theme of ``themes``.

    ``share`` is the share of its passages that hold a keyword of the theme, 0 to 1; a passage may
    speak of several themes or of none. ``of_solution`` marks the theme of what is sold.
    """
    patterns = {name: _pattern(theme) for name, theme in settings.themes.items()}
    sold = theme_of(settings.solution, settings.themes)
    documents = tables.get("documents", pd.DataFrame(columns=["text"])).fillna({"text": ""})
    rows = [
        {**document, "theme": theme, "share": share, "of_solution": theme == sold}
        for document in documents.to_dict("records")
        for theme, share in _shares(document["text"], patterns)
    ]
    frame = pd.DataFrame(rows, columns=list(TYPES))
    keys = ["municipality_id", "document_id", "theme"]
    return frame.sort_values(keys, ignore_index=True).astype(TYPES)


def theme_of(solution: SolutionConfig | None, themes: Mapping[str, ThemeConfig]) -> str | None:
    """The theme of *solution*: the one it names, else the one its text speaks of most."""
    if solution is None or solution.theme is not None:
        return solution.theme if solution else None
    text = _folded(f"{solution.summary}。{solution.description}")
    counts = {name: len(_pattern(theme).findall(text)) for name, theme in themes.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else None


def _pattern(theme: ThemeConfig) -> re.Pattern[str]:
    """Any keyword; one in Latin letters only as a word of its own (AI, but not maintain)."""
    return re.compile("|".join(_one(_folded(keyword)) for keyword in theme.keywords))


def _one(keyword: str) -> str:
    start = "(?<![a-z])" if keyword[:1].isascii() else ""
    end = "(?![a-z])" if keyword[-1:].isascii() else ""
    return start + re.escape(keyword) + end


def _folded(text: str) -> str:
    return normalised(text).lower()


def _shares(text: Any, patterns: Mapping[str, re.Pattern[str]]) -> Iterator[tuple[str, float]]:
    """The share of each theme; nothing for a text without words."""
    texts = [passage.lower() for passage in passages(text)]
    if texts:
        for name, pattern in patterns.items():
            yield name, sum(1 for text in texts if pattern.search(text)) / len(texts)
