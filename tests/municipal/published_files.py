"""Files in the layouts of ministries, of a few real municipalities and invented figures."""

from __future__ import annotations

import gzip
from pathlib import Path

from salesml.municipal.codes import check_digit

PLACES = (
    ("01100", "北海道", "札幌市", "政令指定都市"),
    ("01202", "北海道", "函館市", "中核市"),
    ("01303", "北海道", "当別町", "町村Ⅲ－２"),
    ("11203", "埼玉県", "川口市", "中核市"),
    ("13101", "東京都", "千代田区", "特別区"),
    ("13206", "東京都", "府中市", "都市Ⅳ－３"),
    ("34208", "広島県", "府中市", "都市Ⅰ－２"),
    ("04216", "宮城県", "富谷市", "都市Ⅱ－３"),
    ("09411", "栃木県", "那珂川町", "町村Ⅳ－２"),
    ("40231", "福岡県", "那珂川市", "都市Ⅱ－３"),
    ("39405", "高知県", "梼原町", "町村Ⅰ－０"),
)
"""Code, prefecture, name and class."""


def six(code: str) -> str:
    return code + check_digit(code)


def code_list(folder: Path) -> Path:
    """全国地方公共団体コード, with a prefecture and an island village that is none."""
    rows = [
        "0,1,2,3,4",
        '団体コード,"都道府県名\n（漢字）","市区町村名\n（漢字）","都道府県名\n（ｶﾅ）","市区町村名\n（ｶﾅ）"',
        "010006,北海道,,ﾎｯｶｲﾄﾞｳ,",
        "016951,北海道,色丹村,ﾎｯｶｲﾄﾞｳ,ｼｺﾀﾝﾑﾗ",
        *(f"{six(code)},{prefecture},{name},ｶﾅ,ｶﾅ" for code, prefecture, name, _ in PLACES),
    ]
    return written(folder / "団体コード.csv", rows)


def class_list(folder: Path) -> Path:
    """FITS-M, in cp932 with a title above the header."""
    rows = [
        "都道府県団体名一覧表,,,,",
        "団体コード,都道府県名,市区町村名,非選定,区分",
        *(
            f"{six(code)},{prefecture},{name},,{class_}"
            for code, prefecture, name, class_ in PLACES
        ),
    ]
    return written(folder / "FITS-M.csv", rows, encoding="cp932")


def ssdse(folder: Path, edition: int = 2023, *, first_cell: str | None = None) -> Path:
    """SSDSE-A: population 100, 200 … and the other columns of which two have a name."""
    rows = [
        f"{first_cell or f'SSDSE-A-{edition}'},Prefecture,Municipality,A1101,D1202,A110201,C2107",
        f",,年度,2015,{edition - 2},2015,2014",
        "地域コード,都道府県,市区町村,総人口,一般行政部門職員数,日本人人口（男）,事業所総数",
        *(
            f"R{code},{prefecture},{name},{100 * n},{n},{50 * n},-"
            for n, (code, prefecture, name, _) in enumerate(PLACES, 1)
        ),
    ]
    return written(folder / f"SSDSE-A-{edition}.csv.gz", rows, encoding="cp932")


def finance(folder: Path, rows: list[str], title: str, name: str, *, coded: bool = True) -> Path:
    """全市町村の主要財政指標, one sheet."""
    head = "都道府県名,団体名,財政力指数,経常収支比率,実質公債費比率,将来負担比率,ラスパイレス指数"
    return written(
        folder / name, [f"{title},,,,,,,", f"団体コード,{head}" if coded else head, *rows]
    )


def cards(folder: Path, date: str, rows: list[str], name: str = "cards.csv") -> Path:
    """マイナンバーカード交付状況 of one date; rows hold prefecture, name, people, cards, code."""
    head = "算出基準日,都道府県名,市区町村名,総数（人口）,交付枚数,交付件数基準日,団体コード"
    lines = []
    for row in rows:
        *first, code = row.split(",")
        lines.append(",".join([date, *first, date, code]))
    return written(folder / name, [head, *lines], encoding="utf-8-sig")


def elections(folder: Path, rows: list[str]) -> Path:
    return written(folder / "elections.csv", ["市区町村,種別,日付,候補者数,新人割合", *rows])


def written(path: Path, rows: list[str], encoding: str = "utf-8") -> Path:
    content = ("\n".join(rows) + "\n").encode(encoding)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def coordinates(folder: Path) -> Path:
    """localgovjp, with a ward of a city."""
    rows = [
        "pid,pref,cid,city,citykana,lat,lng,url,phrase,lgcode",
        "1,北海道,1100,札幌市,さっぽろし,43.06,141.35,https://example.jp,花,011002",
        "1,北海道,1101,札幌市 中央区,さっぽろし ちゅうおうく,43.05,141.34,https://example.jp,都心,011011",
    ]
    return written(folder / "localgovjp-utf8.csv", rows, encoding="utf-8-sig")
