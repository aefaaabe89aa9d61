"""Invented municipalities in the real prefectures: names, codes, kinds, places, size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.municipal.codes import check_digit
from salesml.sample import names
from salesml.sample.calendar import Array, stream

__all__ = ["KINDS", "PREFECTURES", "make_places", "six_digits"]

# prefecture: reading, rough latitude and longitude of its middle, municipalities it really has
_PREFECTURES = (
    "北海道:ホッカイドウ:43.3:142.2:179 青森県:アオモリケン:40.8:140.9:40 "
    "岩手県:イワテケン:39.6:141.4:33 宮城県:ミヤギケン:38.3:140.9:35 "
    "秋田県:アキタケン:39.8:140.3:25 山形県:ヤマガタケン:38.5:140.2:35 "
    "福島県:フクシマケン:37.4:140.4:59 茨城県:イバラキケン:36.2:140.3:44 "
    "栃木県:トチギケン:36.6:139.9:25 群馬県:グンマケン:36.5:139.0:35 "
    "埼玉県:サイタマケン:36.0:139.5:63 千葉県:チバケン:35.6:140.2:54 "
    "東京都:トウキョウト:35.7:139.5:39 神奈川県:カナガワケン:35.4:139.4:33 "
    "新潟県:ニイガタケン:37.6:138.9:30 富山県:トヤマケン:36.7:137.2:15 "
    "石川県:イシカワケン:36.7:136.7:19 福井県:フクイケン:35.9:136.2:17 "
    "山梨県:ヤマナシケン:35.6:138.6:27 長野県:ナガノケン:36.1:138.0:77 "
    "岐阜県:ギフケン:35.6:136.9:42 静岡県:シズオカケン:34.9:138.3:35 "
    "愛知県:アイチケン:35.1:137.0:54 三重県:ミエケン:34.6:136.5:29 "
    "滋賀県:シガケン:35.1:136.1:19 京都府:キョウトフ:35.1:135.6:26 "
    "大阪府:オオサカフ:34.6:135.5:43 兵庫県:ヒョウゴケン:34.9:134.9:41 "
    "奈良県:ナラケン:34.5:135.8:39 和歌山県:ワカヤマケン:33.9:135.4:30 "
    "鳥取県:トットリケン:35.4:133.8:19 島根県:シマネケン:35.1:132.7:19 "
    "岡山県:オカヤマケン:34.8:133.8:27 広島県:ヒロシマケン:34.5:132.7:23 "
    "山口県:ヤマグチケン:34.1:131.6:19 徳島県:トクシマケン:33.9:134.3:24 "
    "香川県:カガワケン:34.2:133.9:17 愛媛県:エヒメケン:33.6:132.8:20 "
    "高知県:コウチケン:33.4:133.4:34 福岡県:フクオカケン:33.6:130.6:60 "
    "佐賀県:サガケン:33.3:130.2:20 長崎県:ナガサキケン:33.0:129.8:21 "
    "熊本県:クマモトケン:32.7:130.8:45 大分県:オオイタケン:33.2:131.5:18 "
    "宮崎県:ミヤザキケン:32.2:131.3:26 鹿児島県:カゴシマケン:31.6:130.5:43 "
    "沖縄県:オキナワケン:26.4:127.8:41"
)
PREFECTURES = pd.DataFrame(
    [item.split(":") for item in _PREFECTURES.split()],
    columns=["prefecture", "prefecture_kana", "latitude", "longitude", "municipalities"],
).astype({"latitude": float, "longitude": float, "municipalities": int})

# kind: share of municipalities, ending and reading, median population and its spread, fewest
# and most people
KINDS: dict[str, tuple[float, tuple[str, str], float, float, tuple[int, int]]] = {
    "designated": (0.012, ("市", "シ"), 850_000, 0.30, (500_000, 2_500_000)),
    "core": (0.035, ("市", "シ"), 310_000, 0.20, (200_000, 480_000)),
    "city": (0.43, ("市", "シ"), 58_000, 0.60, (15_000, 190_000)),
    "town": (0.42, ("町", "チョウ"), 11_000, 0.65, (1_200, 48_000)),
    "village": (0.103, ("村", "ムラ"), 2_600, 0.60, (300, 20_000)),
}
_FIRST_CODE, _MOST_OF_A_PREFECTURE = 801, 99
_LIMITS = {"都市": (50_000, 100_000, 150_000), "町村": (5_000, 10_000, 15_000, 20_000)}
_ROMAN, _WIDE = "ⅠⅡⅢⅣⅤ", "０１２３"


def six_digits(municipality_id: str) -> str:
    """Return the code with its check digit."""
    return municipality_id + check_digit(municipality_id)


def make_places(count: int, seed: int) -> pd.DataFrame:
    """Return *count* municipalities, ordered by code.

    ``municipality_id`` (xx801 to xx899, which no municipality has), ``code`` with check digit,
    ``name``, ``kana``, ``prefecture``, ``prefecture_id``, ``kind``, ``class``, ``district`` (郡,
    or empty), ``latitude``, ``longitude``, ``population`` of 2020, ``size`` (its logarithm,
    standardised), ``share_1``, ``share_2`` and ``share_3`` of workers by sector, ``area`` in ha.
    """
    rng = stream(seed, "municipal places")
    frame = pd.DataFrame({"where": _prefectures(rng, count)})
    frame["kind"] = names.pick(rng, {kind: each[0] for kind, each in KINDS.items()}, count)
    frame["rank"] = frame["kind"].map({kind: i for i, kind in enumerate(KINDS)})
    frame = frame.sort_values(["where", "rank"], kind="stable").reset_index(drop=True)
    frame = frame.assign(**_codes(frame["where"]), **_named(rng, frame))
    frame = frame.assign(**_placed(rng, frame), **_sized(rng, frame))
    frame["class"] = [_class(*each) for each in zip(*_class_of(frame), strict=True)]
    return frame


def _prefectures(rng: np.random.Generator, count: int) -> Array:
    weight = PREFECTURES["municipalities"].to_numpy(float)
    drawn = rng.multinomial(max(count - len(weight), 0), weight / weight.sum()) + 1
    return np.repeat(np.arange(len(weight)), drawn.clip(max=_MOST_OF_A_PREFECTURE))[:count]


def _codes(where: pd.Series) -> dict[str, list[str]]:
    number = _FIRST_CODE + where.groupby(where).cumcount()
    ids = [f"{p + 1:02d}{n}" for p, n in zip(where, number, strict=True)]
    return {
        "municipality_id": ids,
        "code": [six_digits(each) for each in ids],
        "prefecture_id": [each[:2] for each in ids],
        "prefecture": PREFECTURES["prefecture"].to_numpy(object)[where].tolist(),
    }


def _named(rng: np.random.Generator, frame: pd.DataFrame) -> dict[str, list[str]]:
    pairs = names.places(rng, len(frame))
    ends = [KINDS[kind][1] for kind in frame["kind"]]
    districts = [word + "郡" for word, _ in names.places(rng, len(PREFECTURES))]
    rural = frame["kind"].isin(["town", "village"])
    return {
        "name": [word + end for (word, _), (end, _) in zip(pairs, ends, strict=True)],
        "kana": [read + end for (_, read), (_, end) in zip(pairs, ends, strict=True)],
        "district": [districts[w] * r for w, r in zip(frame["where"], rural, strict=True)],
    }


def _placed(rng: np.random.Generator, frame: pd.DataFrame) -> dict[str, Array]:
    home = PREFECTURES.loc[frame["where"]]
    reach = 0.06 * np.sqrt(home["municipalities"].to_numpy())
    return {
        "latitude": (home["latitude"].to_numpy() + reach * _within(rng, len(frame))).round(4),
        "longitude": (home["longitude"].to_numpy() + reach * _within(rng, len(frame))).round(4),
    }


def _within(rng: np.random.Generator, count: int) -> Array:
    return rng.normal(0, 0.7, count).clip(-1.5, 1.5)


def _sized(rng: np.random.Generator, frame: pd.DataFrame) -> dict[str, Array]:
    usual = frame["kind"].map({kind: each[2] for kind, each in KINDS.items()}).to_numpy(float)
    spread = frame["kind"].map({kind: each[3] for kind, each in KINDS.items()}).to_numpy(float)
    ends = np.array([KINDS[kind][4] for kind in frame["kind"]])
    people = np.exp(np.log(usual) + spread * rng.normal(size=len(frame)))
    people = people.clip(ends[:, 0], ends[:, 1]).astype(int)
    size = (np.log(people) - np.log(25_000)) / 1.4
    farms = (0.10 * np.exp(-0.8 * size + rng.normal(0, 0.5, len(frame)))).clip(0.002, 0.45)
    works = (1 - farms) * rng.beta(9, 21, len(frame))
    area = np.exp(9.4 + 0.15 * size + rng.normal(0, 0.7, len(frame)))
    return {
        "population": people,
        "size": size,
        "share_1": farms,
        "share_2": works,
        "share_3": 1 - farms - works,
        "area": area.astype(int),
    }


def _class_of(frame: pd.DataFrame) -> list[list[object]]:
    """Return what decides the 類似団体 class, column by column."""
    columns = ("kind", "population", "share_1", "share_3")
    return [frame[name].tolist() for name in columns]


def _class(kind: str, population: int, farms: float, services: float) -> str:
    if kind in ("designated", "core"):
        return {"designated": "政令指定都市", "core": "中核市"}[kind]
    group = "都市" if kind == "city" else "町村"
    size = sum(population >= limit for limit in _LIMITS[group])
    if group == "都市":
        sector = 2 * (farms < 0.10) + (services >= (0.65 if farms < 0.10 else 0.55))
    else:
        sector = (farms < 0.20) * (1 + (services >= 0.60))
    return f"{group}{_ROMAN[size]}－{_WIDE[sector]}"
