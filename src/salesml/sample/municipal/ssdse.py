"""SSDSE-A of the invented municipalities, edition by edition."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.calendar import Array, stream
from salesml.sample.municipal.figures import TRADES, Figures

__all__ = ["EDITIONS", "edition"]

EDITIONS = range(2018, 2027)
_FIRST_WITH_STAFF = 2023
_LEAVE = 0.034  # of the people, each year
_LABELS = (
    "A1101:総人口 A1301:15歳未満人口 A1302:15～64歳人口 A1303:65歳以上人口 A1419:75歳以上人口 "
    "A1700:外国人人口 A4101:出生数 A4200:死亡数 A5101:転入者数（日本人移動者） "
    "A5102:転出者数（日本人移動者） A7101:世帯数 A710101:一般世帯数 A710201:一般世帯人員数 "
    "A810105:単独世帯数 A8301:65歳以上世帯員の単独世帯数 A9101:婚姻件数 "
    "B1101:総面積（北方地域及び竹島を除く） B1103:可住地面積 C2108:事業所数（民営） "
    "C210832:事業所数（民営）（農業，林業） C210836:事業所数（民営）（建設業） "
    "C210837:事業所数（民営）（製造業） C210839:事業所数（民営）（情報通信業） "
    "C210841:事業所数（民営）（卸売業，小売業） C210850:事業所数（民営）（医療，福祉） "
    "C210852:事業所数（民営）（サービス業（他に分類されないもの）） C2208:従業者数（民営） "
    "C220832:従業者数（民営）（農業，林業） C220836:従業者数（民営）（建設業） "
    "C220837:従業者数（民営）（製造業） C220839:従業者数（民営）（情報通信業） "
    "C220841:従業者数（民営）（卸売業，小売業） C220850:従業者数（民営）（医療，福祉） "
    "C220852:従業者数（民営）（サービス業（他に分類されないもの）） "
    "D1202:一般行政部門職員数（市区町村） D2203:経常収支比率（市町村財政） "
    "D2211:実質公債費比率（市町村財政） D3201:歳入決算総額（市町村財政） "
    "D320101:地方税（市町村財政） D3203:歳出決算総額（市町村財政） D320303:民生費（市町村財政） "
    "D320308:土木費（市町村財政） D320310:教育費（市町村財政） D320311:災害復旧費（市町村財政） "
    "E2101:小学校数 E2501:小学校児童数 F1102:就業者数 F2201:第１次産業就業者数 "
    "F2211:第２次産業就業者数 F2221:第３次産業就業者数 G1401:図書館数 I510120:一般病院数 "
    "I5102:一般診療所数 I6100:医師数"
)
LABELS = dict(item.split(":") for item in _LABELS.split())


def data_year(code: str, year: int) -> int:
    """Return the year that the column *code* of edition *year* tells of."""
    census = 2015 if year < 2022 else 2020
    if code in ("A4101", "A4200", "A9101") or code.startswith("I5"):
        return year - 3
    if code[0] == "C":
        return 2016 if year < 2025 else 2021
    if code.startswith(("D2", "D3")):
        return year - 4
    if code == "I6100":
        return (year - 3) // 2 * 2
    if code == "G1401":
        return 2015 if year < 2021 else 2018 if year < 2024 else 2021
    return year - 2 if code[0] in "BDE" or code.startswith("A51") else census


def edition(places: pd.DataFrame, figures: Figures, year: int, seed: int) -> list[list[object]]:
    """Return the rows of edition *year*: three header rows, then one a municipality."""
    codes = [code for code in LABELS if code != "D1202" or year >= _FIRST_WITH_STAFF]
    values = _values(places, figures, year, stream(seed, f"municipal ssdse {year}"))
    head: list[list[object]] = [
        [f"SSDSE-A-{year}", "Prefecture", "Municipality", *codes],
        ["", "", "年度", *(data_year(code, year) for code in codes)],
        ["地域コード", "都道府県", "市区町村", *(LABELS[code] for code in codes)],
    ]
    own = ("R" + places["municipality_id"], places["prefecture"], places["name"])
    columns = [*(each.tolist() for each in own), *(_cells(values[code]) for code in codes)]
    return head + [list(row) for row in zip(*columns, strict=True)]


def _cells(values: Array) -> list[object]:
    return [v if isinstance(v, float) else int(v) for v in np.where(values < 0, 0, values).tolist()]


def _values(
    places: pd.DataFrame, figures: Figures, year: int, rng: np.random.Generator
) -> dict[str, Array]:
    return {
        **_people(places, figures, year, rng),
        **_work(places, figures, year),
        **_money(places, figures, year, rng),
        **_services(places, figures, year, rng),
    }


def _people(
    places: pd.DataFrame, figures: Figures, year: int, rng: np.random.Generator
) -> dict[str, Array]:
    people = figures.people(places, data_year("A1101", year))
    births = figures.people(places, year - 3)
    moves = figures.people(places, year - 2)
    old = (people * figures.old).astype(int)
    young = (people * (0.185 - 0.2 * figures.old)).astype(int)
    households = (people / (2.6 - 1.1 * figures.old)).astype(int)
    return {
        "A1101": people,
        "A1301": young,
        "A1302": people - old - young,
        "A1303": old,
        "A1419": (0.53 * old).astype(int),
        "A1700": rng.poisson(0.018 * people * rng.gamma(2, 0.5, len(people))),
        "A4101": rng.poisson(births * (0.0125 - 0.018 * figures.old)),
        "A4200": rng.poisson(births * 0.043 * figures.old),
        "A5101": rng.poisson(moves * (_LEAVE + figures.growth + 0.011)),
        "A5102": rng.poisson(moves * _LEAVE),
        "A7101": households,
        "A710101": (0.997 * households).astype(int),
        "A710201": (0.975 * people).astype(int),
        "A810105": (households * (0.18 + 0.3 * figures.old)).astype(int),
        "A8301": (0.36 * figures.old * households).astype(int),
        "A9101": rng.poisson(births * 0.0041),
        "B1101": places["area"].to_numpy(),
        "B1103": (0.42 * places["area"].to_numpy()).astype(int),
    }


def _work(places: pd.DataFrame, figures: Figures, year: int) -> dict[str, Array]:
    living = figures.people(places, data_year("F1102", year))
    jobs = 0.41 * figures.people(places, data_year("C2208", year))
    shares = places[["share_1", "share_2", "share_3"]].to_numpy()
    found: dict[str, Array] = {
        "C2108": (jobs / 10.3).astype(int),
        "C2208": jobs.astype(int),
        "F1102": (0.49 * living).astype(int),
    }
    for sector, code in enumerate(("F2201", "F2211", "F2221")):
        found[code] = (0.48 * living * shares[:, sector]).astype(int)
    for industry, (sector, share, size) in TRADES.items():
        workers = jobs * share * shares[:, sector - 1]
        found[f"C2108{industry}"] = (workers / size).astype(int)
        found[f"C2208{industry}"] = workers.astype(int)
    return found


def _money(
    places: pd.DataFrame, figures: Figures, year: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Return thousands of yen, and the ratios of a fiscal year four years before the edition."""
    people, past = figures.people(places, year - 4), year - 4
    strength = figures.index("fiscal_strength", past)
    revenue = people * 480 * (25_000 / people) ** 0.13 * np.exp(rng.normal(0, 0.06, len(people)))
    spent = 0.965 * revenue
    disaster = spent * np.where(rng.random(len(people)) < 0.25, rng.beta(1, 30, len(people)), 0)
    return {
        "D2203": figures.index("current_balance", past),
        "D2211": np.nan_to_num(figures.index("debt_service", past)),
        "D3201": revenue.astype(int),
        "D320101": (revenue * (0.08 + 0.36 * strength).clip(0.03, 0.7)).astype(int),
        "D3203": spent.astype(int),
        "D320303": (spent * (0.30 + 0.02 * places["size"].to_numpy())).astype(int),
        "D320308": (0.11 * spent).astype(int),
        "D320310": (0.115 * spent).astype(int),
        "D320311": disaster.astype(int),
    }


def _services(
    places: pd.DataFrame, figures: Figures, year: int, rng: np.random.Generator
) -> dict[str, Array]:
    people = figures.people(places, year - 2)
    staff = 6.2e-3 * people * (25_000 / people) ** 0.22
    return {
        "D1202": (staff * (1 + 0.05 * np.tanh(figures.growth * 50))).astype(int),
        "E2101": np.maximum(people / 6_400, 1).astype(int),
        "E2501": (people * (0.09 - 0.11 * figures.old)).astype(int),
        "G1401": np.maximum((people / 38_000).astype(int), people > 6_000),
        "I510120": (people / 17_500).astype(int),
        "I5102": (people / 1_230).astype(int),
        "I6100": rng.poisson(people * 0.0022),
    }
