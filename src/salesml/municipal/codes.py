"""Codes and names of municipalities, as published files write them.

A code has five digits (JIS X 0402: two of the prefecture, three of the municipality), and often a
sixth, the check digit. Spreadsheets lose the leading zero, so that five digits may be either.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Literal

__all__ = [
    "PREFECTURES",
    "check_digit",
    "code_digits",
    "code_width",
    "five_digits",
    "name_key",
    "plain_name",
    "prefecture_name",
]

Width = Literal[5, 6]

_NAMES = (
    "北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 "
    "埼玉県 千葉県 東京都 神奈川県 新潟県 富山県 石川県 福井県 山梨県 長野県 "
    "岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 "
    "鳥取県 島根県 岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 "
    "佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県"
)
PREFECTURES = {f"{number:02}": name for number, name in enumerate(_NAMES.split(), 1)}
"""Name by the two digits of JIS X 0401."""

_SHORT = {name[:-1]: name for name in PREFECTURES.values() if name != "北海道"}

_DISTRICT = re.compile(r".+?郡(?=..*[町村]$)")
_SPACES = re.compile(r"[\s\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_WHOLE = re.compile(r"[Rr]?(\d{4,6})(?:\.0+)?")

# spellings of one name in different files, old form and new, mapped to one
_VARIANTS = str.maketrans(
    "ヶヵ髙﨑檮檜鯵澤濱邊邉國廣瀧舘淵櫻萬鹽關龍曾條頴諫蘆冨栁栃籠總眞曻穗埜桒圓惠",
    "ケカ高崎梼桧鰺沢浜辺辺国広滝館渕桜万塩関竜曽条穎諌芦富柳栃篭総真昇穂野桑円恵",
)


def check_digit(code: str) -> str:
    """The check digit of a five-digit *code*: modulus 11, weights 6 to 2.

    >>> check_digit("01100")
    '2'
    """
    total = sum(int(digit) * weight for digit, weight in zip(code, range(6, 1, -1), strict=True))
    return str((11 - total % 11) % 10)


def code_digits(text: str) -> str | None:
    """The digits of a code as a cell writes it (``R01100``, ``１１００２``, ``11002.0``), or None.

    The letter R of SSDSE is kept, since it says that no check digit follows: ``R01100``.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    match = _WHOLE.fullmatch(plain)
    if match is None:
        return None
    return plain.upper() if plain[0] in "Rr" else match[1]


def code_width(codes: Iterable[str], known: Collection[str]) -> Width | None:
    """How many digits the codes of one column have, lost zeros included: 5, 6, or None: unclear.

    *codes* are as of `code_digits`; *known* are five-digit codes. One code that is longer, or
    shorter, than five digits settles it; a column of nothing but five digits is what more of its
    codes are known as.
    """
    found = set(codes)
    lengths = {len(code) for code in found}
    if any(code[0] == "R" for code in found) or (4 in lengths and 6 not in lengths):
        return 5
    if 6 in lengths or not found:
        return 6 if found else None
    five = sum(code in known for code in found)
    six = sum(five_digits(code, 6) in known for code in found)
    if five == six:
        return None
    return 5 if five > six else 6


def five_digits(code: str, width: Width) -> str | None:
    """The five digits of *code* in a column of *width*, None where its check digit is wrong."""
    if code[0] == "R":
        return code[1:].zfill(5) if len(code) <= 6 else None
    if width == 5:
        return code.zfill(5) if len(code) <= 5 else None
    padded = code.zfill(6)
    return padded[:5] if padded[5] == check_digit(padded[:5]) else None


def plain_name(name: str) -> str:
    """*name* without spaces, in the usual width, and without the district: 石狩郡当別町 → 当別町.

    Only towns and villages lie in districts: 郡山市, 小郡市 and 上郡町 stay as they are.
    """
    text = _SPACES.sub("", unicodedata.normalize("NFKC", name))
    return _DISTRICT.sub("", text, count=1) if "郡" in text else text


@lru_cache(maxsize=65_536)
def name_key(name: str) -> str:
    """What two spellings of one name share (檮原町 and 梼原町, ヶ and ケ); for matching only."""
    return plain_name(name).translate(_VARIANTS)


@lru_cache(maxsize=4_096)
def prefecture_name(text: str) -> str | None:
    """The full name of a prefecture (東京 → 東京都), or None."""
    plain = _SPACES.sub("", unicodedata.normalize("NFKC", text))
    return plain if plain in PREFECTURES.values() else _SHORT.get(plain)
