"""Invented names: companies, people, places, industries."""

from __future__ import annotations

import math

import numpy as np

from salesml.sample.calendar import Array, stream

__all__ = ["INDUSTRIES", "companies", "employees", "people", "pick", "places", "prefectures"]

# industry: (share of companies, ends of company names with their reading)
INDUSTRIES: dict[str, tuple[float, tuple[tuple[str, str], ...]]] = {
    "製造": (0.20, (("精機", "セイキ"), ("工業", "コウギョウ"), ("化成", "カセイ"))),
    "小売": (0.14, (("ストア", "ストア"), ("商店", "ショウテン"), ("マート", "マート"))),
    "IT": (0.15, (("システムズ", "システムズ"), ("ソフト", "ソフト"), ("ラボ", "ラボ"))),
    "医療": (0.09, (("メディカル", "メディカル"), ("ヘルスケア", "ヘルスケア"), ("医科", "イカ"))),
    "金融": (0.07, (("ファイナンス", "ファイナンス"), ("リース", "リース"), ("信託", "シンタク"))),
    "教育": (
        0.08,
        (("学院", "ガクイン"), ("ラーニング", "ラーニング"), ("教育社", "キョウイクシャ")),
    ),
    "自治体関連": (
        0.06,
        (("振興公社", "シンコウコウシャ"), ("まちづくり", "マチヅクリ"), ("観光", "カンコウ")),
    ),
    "不動産": (
        0.09,
        (("不動産", "フドウサン"), ("エステート", "エステート"), ("住宅", "ジュウタク")),
    ),
    "物流": (0.07, (("運輸", "ウンユ"), ("ロジ", "ロジ"), ("倉庫", "ソウコ"))),
    "サービス": (
        0.05,
        (("サービス", "サービス"), ("プランニング", "プランニング"), ("企画", "キカク")),
    ),
}
_PREFECTURES = {
    "東京都": 0.30,
    "大阪府": 0.13,
    "神奈川県": 0.09,
    "愛知県": 0.09,
    "福岡県": 0.06,
    "埼玉県": 0.06,
    "千葉県": 0.05,
    "兵庫県": 0.05,
    "北海道": 0.04,
    "京都府": 0.04,
    "広島県": 0.03,
    "宮城県": 0.02,
    "静岡県": 0.02,
    "長野県": 0.01,
    "沖縄県": 0.01,
}
_FIRST = "ソラノネ ミナモリ コダマノ ホシマル ユキワリ カゼマチ ツキハネ アオノハ ツムギノ ヒカリベ ナギサキ モリノネ トキワベ クモイロ ハナトキ シオカゼ ネムリバ イロハノ ヒナタベ コトノハ マドベノ サザナミ ユメツグ アサギリ ウタカタ ワカミズ キリノハ スズナリ タビシロ フユナギ"  # noqa: E501
_HEAD = "雲:クモ 汐:シオ 灯:アカリ 鳴:ナル 霧:キリ 花:ハナ 月:ツキ 遠:トオ 雪:ユキ 風:カゼ 星:ホシ 朝:アサ 野:ノ 水:ミズ 木:コ 虹:ニジ 波:ナミ 露:ツユ 羽:ハ 夕:ユウ 空:ソラ 緑:ミドリ 光:ヒカリ 草:クサ"  # noqa: E501
_TAIL = "見:ミ 路:ジ 砂:スナ 原:ハラ 代:シロ 音:オト 間:マ 待:マチ 影:カゲ 分:ワケ 鏡:カガミ 橋:ハシ 浦:ウラ 庭:ニワ 守:モリ 里:サト 坂:サカ 窓:マド 瀬:セ 丘:オカ 舟:フネ 岬:ミサキ 道:ミチ 垣:カキ"  # noqa: E501
_SURNAMES = "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 清水 山崎 森 池田 橋本 阿部 石川 山下 中島 石井 小川 前田 岡田 長谷川 藤田 後藤 近藤 村上 遠藤 青木 坂本"  # noqa: E501
_GIVEN = "健一 大輔 直樹 翔太 拓也 誠 浩二 亮 俊介 和也 陽子 恵子 美咲 由美 香織 真由美 彩 千尋 愛 裕子 智子 麻衣 結衣 純 学 豊 薫 光 渚 歩"  # noqa: E501


def pick(rng: np.random.Generator, weights: dict[str, float], count: int) -> Array:
    """Draw *count* keys of *weights* with probability proportional to their values."""
    shares = np.array(list(weights.values()))
    chosen = rng.choice(len(shares), size=count, p=shares / shares.sum())
    return np.array(list(weights), dtype=object)[chosen]


def prefectures(rng: np.random.Generator, count: int) -> Array:
    """Draw prefectures of Japan, large ones more often."""
    return pick(rng, _PREFECTURES, count)


def employees(rng: np.random.Generator, count: int) -> Array:
    """Draw head counts from 5 to 20,000, median 120."""
    return np.exp(rng.normal(np.log(120), 1.25, count)).clip(5, 20_000).astype(int)


def people(rng: np.random.Generator, count: int) -> Array:
    """Draw names of persons, surname first."""
    surname = rng.choice(np.array(_SURNAMES.split(), dtype=object), count)
    return np.asarray(surname + " " + rng.choice(np.array(_GIVEN.split(), dtype=object), count))


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(word, reading) for word, reading in (item.split(":") for item in text.split())]


_FIRSTS, _HEADS, _TAILS = _FIRST.split(), _pairs(_HEAD), _pairs(_TAIL)
_BODIES = (len(_FIRSTS), len(_HEADS), len(_TAILS), 3)
_POOL = math.prod(_BODIES)


def places(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Draw *count* distinct invented names of places, at most 576, each with its reading."""
    order = rng.permutation(len(_HEADS) * len(_TAILS))[:count]
    pairs = [(_HEADS[n // len(_TAILS)], _TAILS[n % len(_TAILS)]) for n in order.tolist()]
    return [(head[0] + tail[0], head[1] + tail[1]) for head, tail in pairs]


def _company(number: int, series: int, industry: str) -> tuple[str, str]:
    a, b, c, d = (int(i) for i in np.unravel_index(number, _BODIES))
    parts = (_HEADS[b], _TAILS[c], INDUSTRIES[industry][1][d])
    body, kana = _FIRSTS[a], _FIRSTS[a]
    for word, reading in parts:
        body, kana = body + word, kana + reading
    body += str(series + 1) if series else ""
    return (f"株式会社{body}" if number % 3 else f"{body}株式会社"), kana


def companies(seed: int, industries: Array, *, after: int = 0) -> tuple[Array, Array]:
    """Return a distinct invented name and its reading in katakana for each industry given.

    *after* says how many names of this *seed* were taken before.
    """
    order = stream(seed, "companies").permutation(_POOL)
    series, place = np.divmod(after + np.arange(len(industries)), _POOL)
    numbers = zip(order[place].tolist(), series.tolist(), industries.tolist(), strict=True)
    made = [_company(*each) for each in numbers]
    return np.array([m[0] for m in made], object), np.array([m[1] for m in made], object)
