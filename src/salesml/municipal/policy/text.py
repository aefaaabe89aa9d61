"""Japanese text: one way of writing it, passages of it, and what two texts have in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from string import ascii_uppercase

__all__ = ["excerpt", "matching_terms", "normalised", "passages"]

SHORTEST, LONGEST = 200, 300

# a dot ends a sentence as well, but not within ３．５
_ENDS = re.compile(r"(?<=[。｡!?！？])|(?<=．)(?![0-9０-９])|[\r\n]+")
# texts out of a PDF break lines, and pad numbers, within a sentence
_GAP = re.compile(r"(?<![!-~])\s+|\s+(?![!-~])")
_SPACES = re.compile(r"\s+")
_SAYS_SOMETHING = re.compile(r"\w")
# what stands before the first word, and particles behind the last; 子育て and 手続き stay whole
_ENDINGS = re.compile(r"^[ぁ-ゟ\W_]+|[をにがはのでとへもや\W_]+$")
_BREAK = re.compile(r"\W")
_WRITING = re.compile(r"[^ぁ-ゟ\W_]")
_KANJI_OR_LATIN = re.compile(r"[一-鿿々A-Za-z]")
_WITHIN = re.compile(r"[ァ-ヺー]{2}|[A-Za-z]{2}")
_LOWER = {ord(upper): upper.lower() for upper in ascii_uppercase}  # keeps every place


def normalised(text: str) -> str:
    """*text* in one way of writing: NFKC, no gaps but those between Latin words."""
    return _SPACES.sub(" ", _GAP.sub("", unicodedata.normalize("NFKC", text))).strip()


def passages(text: str) -> list[str]:
    """Whole sentences of *text* put together to passages of about 200 to 300 characters.

    Normalised; a sentence that is longer is cut. Line breaks within a sentence are no ends of it.
    Punctuation alone is left out, so a text without words has no passages.
    """
    found: list[str] = []
    current = ""
    for piece in _pieces(text):
        if len(current) >= SHORTEST or len(current) + len(piece) >= LONGEST:
            found.append(current)
            current = ""
        current = _joined(current, piece)
    return [passage for passage in [*found, current] if passage]


def _pieces(text: str) -> Iterator[str]:
    """Sentences and lines, normalised, none longer than a passage."""
    for part in _ENDS.split(text):
        piece = normalised(part)
        if _SAYS_SOMETHING.search(piece):
            for start in range(0, len(piece), LONGEST):
                yield piece[start : start + LONGEST]


def _joined(first: str, second: str) -> str:
    latin = first[-1:].isascii() and second[:1].isascii()
    return f"{first} {second}" if first and latin else first + second


def matching_terms(
    query: str, passage: str, limit: int = 5, weight: Callable[[str], float] = len
) -> list[str]:
    """The longest strings of *passage* that stand in *query* too, as *passage* writes them.

    Particles and endings around them are left out, and so are pieces of a Katakana or Latin word.
    At most *limit*, those of most *weight* first; ties in the order of the passage.
    """
    passage = normalised(passage)
    found = (_term(passage, start, end) for start, end in _shared(normalised(query), passage))
    terms = [term for term in dict.fromkeys(found) if term]
    whole = [t for t in terms if not any(t != other and t in other for other in terms)]
    return sorted(whole, key=weight, reverse=True)[:limit]


def _shared(query: str, passage: str) -> Iterator[tuple[int, int]]:
    """Greedily, from left to right, where the longest pieces are that *query* holds.

    Nothing reaches over punctuation.
    """
    known = _BREAK.sub("\n", query.translate(_LOWER))
    folded = _BREAK.sub("\t", passage.translate(_LOWER))
    start = 0
    while start < len(passage):
        end = start
        while end < len(passage) and folded[start : end + 1] in known:
            end += 1
        yield start, end
        start = max(end, start + 1)


def _term(passage: str, start: int, end: int) -> str:
    """What is a word of ``passage[start:end]``; empty where too little is left to be one."""
    while start < end and _within_word(passage, start):
        start += 1
    while start < end and _within_word(passage, end):
        end -= 1
    term = _ENDINGS.sub("", passage[start:end])
    letters = _WRITING.findall(term)
    shortest = 2 if _KANJI_OR_LATIN.search(term) else 3
    return term if len(letters) >= shortest and not "".join(letters).isdecimal() else ""


def _within_word(passage: str, place: int) -> bool:
    """Whether *place* lies between two letters of one Katakana or Latin word."""
    return _WITHIN.fullmatch(passage, max(place - 1, 0), place + 1) is not None


def excerpt(passage: str, terms: Sequence[str]) -> str:
    """The sentences of *passage* that hold one of *terms*, "…" for what is left out in between.

    All of it where none does.
    """
    found, left_out = "", False
    for sentence in _ENDS.split(passage):
        if any(term in sentence for term in terms):
            found += "…" * (left_out and bool(found)) + sentence
            left_out = False
        else:
            left_out = True
    return found or passage
