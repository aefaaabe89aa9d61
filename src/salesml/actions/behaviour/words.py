"""Next acts and best ways in words, Japanese and English."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from salesml.actions.behaviour.response import Choice
from salesml.config import Words
from salesml.training.table import Floats

__all__ = ["CHANNELS", "HOURS", "best_words", "channel_words", "hour_words", "next_words"]

CHANNELS = {
    "mail": Words(ja="メール", en="mail"),
    "phone": Words(ja="電話", en="phone"),
    "visit": Words(ja="訪問", en="a visit"),
    "meeting": Words(ja="打ち合わせ", en="a meeting"),
    "web": Words(ja="Web", en="the web"),
    "event": Words(ja="イベント", en="an event"),
}
HOURS = 2  # hours of a day that are looked at together
_NOTHING = Words(ja="動きなし", en="nothing")


def next_words(
    kind: pd.Series, probability: pd.Series, words: pd.DataFrame, days: int
) -> pd.DataFrame:
    """``ja`` and ``en`` of the likeliest next act, index as *kind*; *words* are by kind."""
    percent = _percent(probability.to_numpy()).set_axis(kind.index)
    ja = kind.map(words["ja"].to_dict() | {"nothing": _NOTHING.ja})
    en = kind.map(words["en"].to_dict() | {"nothing": _NOTHING.en})
    return pd.DataFrame(
        {
            "ja": f"{days}日以内の次の動き：" + ja + "（" + percent + "）",
            "en": f"Next within {days} days: " + en + " (" + percent + ")",
        },
        index=kind.index,
    )


def channel_words(choice: Choice) -> pd.DataFrame:
    """``ja`` and ``en`` of the best channel; None where there is none."""
    labels = list(CHANNELS.values())
    return _chosen(choice, labels, "{}が反応されやすい", "{} is answered most")


def hour_words(choice: Choice) -> pd.DataFrame:
    """``ja`` and ``en`` of the best hours; None where there are none."""
    starts = range(0, 24, HOURS)
    labels = [Words(ja=f"{h}〜{h + HOURS}時", en=f"{h}:00 to {h + HOURS}:00") for h in starts]
    return _chosen(choice, labels, "{}が反応されやすい", "{} is the best time")


def best_words(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """*parts* in one sentence, those that are None left out."""
    joined = {}
    for language, comma in (("ja", "、"), ("en", "; ")):
        texts = [part[language].fillna("").to_numpy(dtype=object) for part in parts]
        both = np.where((texts[0] != "") & (texts[1] != ""), comma, "")
        joined[language] = pd.Series(texts[0] + both + texts[1], dtype=object).replace("", None)
    return pd.DataFrame(joined)


def _chosen(choice: Choice, labels: Sequence[Words], ja: str, en: str) -> pd.DataFrame:
    rate, usual = _percent(choice.rate), _percent(choice.usual)
    sentences = {
        "ja": ([ja.format(label.ja) for label in labels], "（反応率", "、ふだん", "）"),
        "en": ([en.format(label.en) for label in labels], " (", " answered, usually ", ")"),
    }
    told = {}
    for language, (texts, before, between, after) in sentences.items():
        named = np.array(texts, dtype=object)[choice.way]
        text = named + before + rate.to_numpy() + between + usual.to_numpy() + after
        told[language] = np.where(choice.way < 0, None, text)
    return pd.DataFrame(told)


def _percent(shares: Floats) -> pd.Series:
    whole = pd.Series(np.nan_to_num(100 * np.asarray(shares, dtype=np.float64)).round())
    return whole.astype("int64").astype("str").astype(object) + "%"
