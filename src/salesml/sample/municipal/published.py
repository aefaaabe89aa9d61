"""The invented municipalities as ministries publish the real ones: files, each in its layout."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from salesml.sample.calendar import Array
from salesml.sample.mess import narrow
from salesml.sample.municipal import ssdse
from salesml.sample.municipal.figures import CARD_DATES, Figures
from salesml.sample.municipal.places import PREFECTURES, six_digits

__all__ = ["Published", "files", "write_published"]

_FISCAL_YEARS = range(2013, 2025)
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
_HIRAGANA = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}
Rows = Iterable[Iterable[object]]


@dataclass(frozen=True)
class Published:
    """What there is to be published."""

    places: pd.DataFrame
    figures: Figures
    elections: pd.DataFrame
    documents: pd.DataFrame
    seed: int


def files(world: Published) -> Iterator[tuple[str, str, Rows]]:
    """Yield name, encoding and rows of each file."""
    places = world.places
    yield "soumu_codes.csv", "utf-8", _codes(places)
    yield "FITS-M-List.csv", "cp932", _classes(places)
    yield "localgovjp-utf8.csv", "utf-8-sig", _coordinates(places)
    yield "election_data.csv", "utf-8", _elections(places, world.elections)
    yield "documents.csv", "utf-8", _documents(world.documents)
    for year in ssdse.EDITIONS:
        edition = ssdse.edition(places, world.figures, year, world.seed)
        yield f"SSDSE-A-{year}.csv", "cp932", edition
    for year in _FISCAL_YEARS:
        era = f"R{year - 2018}" if year > 2018 else f"H{year - 1988}"
        yield f"city_{era}_FY{year}.csv", "utf-8", _finance(places, world.figures, year)
    rates = world.figures.card_rates()
    for place, date in enumerate(CARD_DATES):
        rows = _cards(places, world.figures, date.astype("datetime64[D]"), rates[:, place])
        yield f"all_localgovs_{str(date).replace('-', '')}01.csv", "utf-8-sig", rows


def write_published(folder: Path, world: Published) -> None:
    """Write all files to *folder*, which is made."""
    folder.mkdir(parents=True)
    for name, encoding, rows in files(world):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        (folder / name).write_bytes(text.getvalue().encode(encoding))


def _codes(places: pd.DataFrame) -> Rows:
    yield range(5)
    names = ("都道府県名\n（漢字）", "市区町村名\n（漢字）", "都道府県名\n（カナ）")
    yield ("団体コード", *names, "市区町村名\n（カナ）")
    home = PREFECTURES.set_index("prefecture")["prefecture_kana"].map(narrow)
    for number, (name, kana) in enumerate(home.items(), 1):
        yield six_digits(f"{number:02d}000"), name, "", kana, ""
        own = places[places["prefecture"] == name]
        for code, city, reading in zip(own["code"], own["name"], own["kana"], strict=True):
            yield code, name, city, kana, narrow(reading)


def _classes(places: pd.DataFrame) -> Rows:
    yield "都道府県別団体名一覧表", "", "", "", ""
    yield "団体コード", "都道府県名", "市区町村名", "非選定", "区分"
    for row in zip(*(places[n] for n in ("code", "prefecture", "name", "class")), strict=True):
        yield (*row[:3], "", row[3])


def _coordinates(places: pd.DataFrame) -> Rows:
    yield "pid", "pref", "cid", "city", "citykana", "lat", "lng", "url", "phrase", "lgcode"
    names = ["prefecture", "name", "kana", "latitude", "longitude", "code"]
    for home, name, kana, north, east, code in places[names].to_numpy(object):
        own, hiragana = int(code[:5]), kana.translate(_HIRAGANA)
        yield own // 1000, home, own, name, hiragana, north, east, "", "", code


def _elections(places: pd.DataFrame, elections: pd.DataFrame) -> Rows:
    shares = ("新人割合", "65歳以上割合", "自民+公明割合", "共産+社民割合", "無所属割合")
    ages = ("年齢中央値", "年齢最小値", "男性", "女性")
    yield "市区町村", "種別", "日付", "候補者数", *ages, *shares
    names = ["place", "office", "held_on", "elected", "newcomers"]
    for place, office, day, elected, new in elections[names].to_numpy(object):
        men = round(0.85 * elected)
        title = "首長" if office == "mayor" else "議員"
        date = f"{day.year}/{day.month}/{day.day}"
        people = (elected, 60.0, 44.0, men, elected - men)
        yield places["name"].iloc[place], title, date, *people, new, 0.4, 0.0, 0.0, 1.0


def _documents(documents: pd.DataFrame) -> Rows:
    names = ["municipality_id", "document_id", "kind", "title", "published_on", "text"]
    yield names
    days = documents["published_on"].dt.strftime("%Y-%m-%d")
    yield from documents.assign(published_on=days)[names].itertuples(index=False, name=None)


def _finance(places: pd.DataFrame, figures: Figures, year: int) -> Rows:
    wide = str(year - 2018).translate(_WIDE)
    reiwa = f"令和{'元' if year == 2019 else wide}年度"
    title = reiwa if year > 2018 else f"平成{year - 1988}年度決算"
    yield f"全市町村の主要財政指標（{title}）", *[""] * 7
    indices = ("財政力指数", "経常収支比率", "実質公債費比率", "将来負担比率", "ラスパイレス指数")
    yield "団体コード", "都道府県名", "団体名", *indices
    names = ("fiscal_strength", "current_balance", "debt_service", "future_burden", "laspeyres")
    values = [_or_dash(figures.index(name, year)) for name in names]
    own = (places["code"], places["prefecture"], places["name"])
    yield from zip(*own, *values, strict=True)
    means = [round(float(np.nanmean(figures.index(name, year))), 2) for name in names[:4]]
    yield "全国市町村平均", "", "", *means, "－"


def _or_dash(values: Array) -> list[object]:
    return ["-" if v != v else round(v, 2) for v in values.tolist()]


def _cards(places: pd.DataFrame, figures: Figures, date: np.datetime64, rates: Array) -> Rows:
    """Codes lose their zero, towns come with their district, as published."""
    named = ("都道府県名", "市区町村名", "総数（人口）", "交付枚数", "人口に対する交付枚数率")
    yield "算出基準日", *named, "人口算出基準日", "交付件数基準日", "団体コード"
    day, year = str(date).replace("-", "/"), int(str(date)[:4])
    people = figures.people(places, year)
    cards = (people * rates).astype(int)
    titles = places["district"] + places["name"]
    columns = (places["prefecture"], titles, people, cards, places["code"])
    for home, name, all_, held, code in zip(*columns, strict=True):
        share = round(100 * held / all_, 1)
        yield day, home, name, all_, held, share, f"{year}/01/01", day, int(code)
