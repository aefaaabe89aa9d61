"""Elections, what town halls write about their policy, and the subsidies they may use."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.calendar import Array, stream
from salesml.sample.municipal.figures import Figures
from salesml.sample.municipal.world import FIRST_QUARTER, QUARTERS

__all__ = [
    "eligible",
    "make_documents",
    "make_elections",
    "new_mayors",
    "published_elections",
]

_FIRST_SUNDAY, _TERM, _TERMS = np.datetime64("2014-01-05"), 1461, 4
_SEEN_UNTIL = np.datetime64("2026-06-30")
_NEW_FOR = 730  # days
_FIRST_YEAR = FIRST_QUARTER.item().year
_CHANGES, _MISSING = 0.34, 0.04  # shares of the elections
# share of town halls that publish what they plan, and how often they do
_PUBLISH, _OFTEN = 0.45, 0.92

_OPENINGS = (
    "{year}年度の行政運営にあたり、所信を申し述べます。",
    "本日ここに{year}年度当初予算案を提出するにあたり、施政の方針を申し上げます。",
    "{year}年度の予算編成に際し、基本的な考え方をご説明いたします。",
)
# theme: sentences; the one of the solution comes first
_SOLUTION = (
    "住民が来庁せずに手続きできるよう、行政手続きのオンライン化を進め、電子申請の対象を広げます。",
    "窓口では書かない窓口を導入し、申請書の記入の負担をなくして、待ち時間を短くします。",
    "生成AIを活用した文書作成や問い合わせ対応により、職員の業務を効率化します。",
    "自治体DXの推進計画に基づき、住民サービスのデジタル化と内部事務の見直しを一体で進めます。",
    "マイナンバーカードを使った証明書の交付とオンライン申請を、より身近なものにします。",
    "紙の申請書をデータで受け取り、入力と審査にかかる時間を減らす仕組みを整えます。",
)
_THEMES = (
    "保育所の待機児童の解消と放課後の居場所づくりに引き続き取り組みます。",
    "子育て世帯の医療費の助成を高校生まで広げます。",
    "地域医療を守るため、診療所の医師の確保と救急体制の充実を図ります。",
    "高齢者が住み慣れた地域で暮らせるよう、介護予防と見守りの体制を強めます。",
    "河川の改修と避難所の備えを進め、災害に強いまちをつくります。",
    "老朽化した上下水道と橋りょうの更新を計画的に進めます。",
    "農林水産業の担い手を育て、特産品の販路を国内外に広げます。",
    "空き家の活用と移住の支援により、定住する人を増やします。",
    "観光の周遊の道を整え、地域の魅力を発信してまいります。",
    "企業の誘致と中小企業の設備投資の支援により、雇用を生み出します。",
    "小中学校の施設の長寿命化と教育環境の充実に努めます。",
    "再生可能エネルギーの導入を進め、脱炭素の地域づくりに取り組みます。",
    "地域公共交通の再編とデマンド交通の実証を行います。",
    "文化財の保存と活用、生涯スポーツの振興を図ります。",
)
_CLOSING = "限られた財源を大切に使い、健全な財政運営に努めてまいります。"


def make_elections(places: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return elections of mayors and assemblies from 2014 on, some years into the future.

    ``place`` (row of *places*), ``office``, ``held_on``, ``elected`` (how many), ``newcomers``
    (their share).
    """
    rng = stream(seed, "municipal elections")
    offices = [_of_office(rng, len(places), office) for office in ("mayor", "assembly")]
    frame = pd.concat([_fought(rng, frame, places) for frame in offices], ignore_index=True)
    return frame.sort_values(["place", "office", "held_on"], ignore_index=True)


def _of_office(rng: np.random.Generator, count: int, office: str) -> pd.DataFrame:
    first = rng.integers(0, _TERM, count)
    days = first[:, None] + _TERM * np.arange(_TERMS)[None, :]
    sundays = _FIRST_SUNDAY + (days // 7 * 7)
    place = np.repeat(np.arange(count), _TERMS)
    return pd.DataFrame({"place": place, "office": office, "held_on": sundays.ravel()})


def _fought(rng: np.random.Generator, frame: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Count those elected, as the published list does: of a mayor, one, new or not."""
    count = len(frame)
    if frame["office"].iloc[0] == "mayor":
        changed = rng.random(count) < _CHANGES
        return frame.assign(elected=1, newcomers=changed.astype(float))
    people = places["population"].to_numpy()[frame["place"]]
    seats = (7 + 3.2 * (people / 5_000) ** 0.55).astype(int) + rng.integers(0, 4, count)
    return frame.assign(elected=seats, newcomers=rng.binomial(seats, 0.2) / seats)


def new_mayors(elections: pd.DataFrame, count: int) -> Array:
    """Return whether the mayor came within two years, (quarter, municipality)."""
    starts = (FIRST_QUARTER + 3 * np.arange(QUARTERS)).astype("datetime64[D]")
    new = np.zeros((QUARTERS, count), bool)
    changed = elections[(elections["office"] == "mayor") & (elections["newcomers"] == 1)]
    held = changed["held_on"].to_numpy().astype("datetime64[D]")
    ago = (starts[:, None] - held[None, :]).astype(int)
    quarter, row = np.nonzero((ago > 0) & (ago <= _NEW_FOR))
    new[quarter, changed["place"].to_numpy()[row]] = True
    return new


def published_elections(elections: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the elections that the list has: up to the CRM's last date, a few missing."""
    rng = stream(seed, "municipal elections missing")
    kept = rng.random(len(elections)) >= _MISSING
    return elections[kept & (elections["held_on"] <= _SEEN_UNTIL)].reset_index(drop=True)


def eligible(places: pd.DataFrame, figures: Figures) -> Array:
    """Return who meets the conditions of a subsidy, (quarter, municipality).

    As ``subsidies.yml`` of the sample says: small and poor, or far along in ageing, or large.
    """
    people, rows = places["population"].to_numpy(), []
    for quarter in range(QUARTERS):
        strength = figures.index("fiscal_strength", _FIRST_YEAR - 2 + quarter // 4)
        small = (people < 50_000) & (strength < 0.4)
        rows.append(small | (figures.old >= 0.40) | (people >= 200_000))
    return np.array(rows)


def make_documents(places: pd.DataFrame, interest: Array, seed: int) -> pd.DataFrame:
    """Return policy speeches of each spring and, now and then, general plans.

    *interest* is (fiscal year since the first, municipality). The more of it, the more sentences on
    the solution's theme. Columns of the published CSV, ``place`` besides.
    """
    rng = stream(seed, "municipal documents")
    publish = rng.random(len(places)) < _PUBLISH
    rows = [
        _document(rng, place, _FIRST_YEAR + year, float(interest[year, place]))
        for year in range(1, len(interest))
        for place in np.flatnonzero(publish & (rng.random(len(places)) < _OFTEN)).tolist()
    ]
    frame = pd.DataFrame(rows)
    numbers = frame.groupby("place").cumcount() + 1
    own = places["municipality_id"].to_numpy(object)[frame["place"]]
    ids = [f"{code}-{number:02d}" for code, number in zip(own, numbers, strict=True)]
    return frame.assign(municipality_id=own, document_id=ids)


def _document(
    rng: np.random.Generator, place: int, year: int, interest: float
) -> dict[str, object]:
    plan = rng.random() < 0.08
    day = np.datetime64(f"{year}-02-20") + int(rng.integers(0, 24))
    return {
        "place": place,
        "kind": "plan" if plan else "speech",
        "title": f"第{year % 7 + 3}次総合計画" if plan else f"{year}年度施政方針",
        "published_on": day,
        "text": _text(rng, year, interest, others=11 if plan else 7),
    }


def _text(rng: np.random.Generator, year: int, interest: float, *, others: int) -> str:
    on_theme = int(np.clip(np.round(1.1 + 1.3 * interest + 0.6 * rng.normal()), 0, 5))
    count = others - min(on_theme, 2)
    told = [*_some(rng, _THEMES, count), *_some(rng, _SOLUTION, on_theme)]
    order = rng.permutation(len(told))
    opening = _OPENINGS[int(rng.integers(len(_OPENINGS)))].format(year=year)
    return "".join([opening, *(told[i] for i in order), _CLOSING])


def _some(rng: np.random.Generator, sentences: tuple[str, ...], count: int) -> list[str]:
    return [sentences[i] for i in rng.permutation(len(sentences))[:count]]
