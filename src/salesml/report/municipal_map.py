"""Japan as tiles: one square a prefecture, about where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from salesml.config import Words
from salesml.report.section import TaskSection

__all__ = ["PREFECTURES", "Prefecture", "Tile", "TileMap", "prefecture_of", "tile_map"]

SHADES = 5


@dataclass(frozen=True)
class Prefecture:
    """One prefecture and its place among the tiles, from the top left."""

    code: str
    words: Words
    column: int
    row: int


# name, column and row by JIS code; 都, 府 and 県 are left out, as on every map
_PLACES = """
北海道 Hokkaido 14 1, 青森 Aomori 14 2, 岩手 Iwate 14 3, 宮城 Miyagi 14 4, 秋田 Akita 13 3,
山形 Yamagata 13 4, 福島 Fukushima 14 5, 茨城 Ibaraki 14 7, 栃木 Tochigi 14 6, 群馬 Gunma 13 6,
埼玉 Saitama 13 7, 千葉 Chiba 14 8, 東京 Tokyo 13 8, 神奈川 Kanagawa 13 9, 新潟 Niigata 13 5,
富山 Toyama 12 5, 石川 Ishikawa 11 5, 福井 Fukui 11 6, 山梨 Yamanashi 12 7, 長野 Nagano 12 6,
岐阜 Gifu 11 7, 静岡 Shizuoka 12 8, 愛知 Aichi 11 8, 三重 Mie 10 8, 滋賀 Shiga 10 7,
京都 Kyoto 9 7, 大阪 Osaka 8 8, 兵庫 Hyogo 8 7, 奈良 Nara 9 8, 和歌山 Wakayama 9 9,
鳥取 Tottori 7 7, 島根 Shimane 6 7, 岡山 Okayama 7 8, 広島 Hiroshima 6 8, 山口 Yamaguchi 5 8,
徳島 Tokushima 7 11, 香川 Kagawa 7 10, 愛媛 Ehime 6 10, 高知 Kochi 6 11, 福岡 Fukuoka 3 8,
佐賀 Saga 2 8, 長崎 Nagasaki 1 8, 熊本 Kumamoto 2 9, 大分 Oita 3 9, 宮崎 Miyazaki 3 10,
鹿児島 Kagoshima 2 10, 沖縄 Okinawa 1 11
"""


def _prefecture(number: int, place: str) -> Prefecture:
    ja, en, column, row = place.split()
    return Prefecture(f"{number:02d}", Words(ja=ja, en=en), int(column), int(row))


PREFECTURES = [_prefecture(n, place) for n, place in enumerate(_PLACES.split(","), 1)]


@dataclass(frozen=True)
class Tile:
    """One prefecture: how many are scored, how many of them in the top band, their mean score.

    ``shade`` runs from 1 to 5 with the mean, and is 0 where nobody is scored.
    """

    prefecture: Prefecture
    scored: int
    top: int
    mean: float
    shade: int


@dataclass(frozen=True)
class TileMap:
    """All prefectures, and the ends of the shades: the lowest and the highest mean."""

    tiles: list[Tile]
    lowest: float
    highest: float


def prefecture_of(ids: pd.Series) -> pd.Series:
    """The prefecture's code of each municipality: the first two digits of its own."""
    return ids.astype("str").str[:2]


def tile_map(section: TaskSection) -> TileMap | None:
    """The map of *section*; None where nobody has the code of a prefecture."""
    scores, best = section.scores, section.task.bands[0].name
    codes = prefecture_of(scores[section.task.id_column])
    grouped = scores.assign(top=scores["band"] == best).groupby(codes)
    found = grouped.agg(scored=("score", "size"), top=("top", "sum"), mean=("score", "mean"))
    found = found[found.index.isin([each.code for each in PREFECTURES])]
    if found.empty:
        return None
    low, high = float(found["mean"].min()), float(found["mean"].max())
    tiles = [_tile(each, found, low, high) for each in PREFECTURES]
    return TileMap(tiles, low, high)


def _tile(prefecture: Prefecture, found: pd.DataFrame, low: float, high: float) -> Tile:
    own = found[found.index == prefecture.code].to_dict("records")
    if not own:
        return Tile(prefecture, 0, 0, 0.0, 0)
    mean = float(own[0]["mean"])
    part = (mean - low) / (high - low) if high > low else 0.5
    shade = 1 + min(int(part * SHADES), SHADES - 1)
    return Tile(prefecture, int(own[0]["scored"]), int(own[0]["top"]), mean, shade)
