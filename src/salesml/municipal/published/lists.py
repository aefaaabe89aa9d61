"""Lists of municipalities: 団体コード, 類似団体 classes (FITS-M), coordinates (localgovjp)."""

from __future__ import annotations

import unicodedata

import pandas as pd

from salesml.municipal.published.layout import Layout, Part, numbers, place_columns
from salesml.municipal.published.sheet import Sheet

__all__ = ["CLASSES", "CODES", "COORDINATES"]


def _read_codes(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(CODES, sheet, header)
    if "kana" not in frame:
        frame["kana"] = ""
    kana = frame["kana"].map(lambda text: unicodedata.normalize("NFKC", text))
    frame = frame.assign(kana=kana)[["code", "prefecture", "name", "kana"]]
    # the sheet of designated cities repeats these, with their wards, and has no prefectures
    edition = "current" if (frame["name"] == "").any() else "designated"
    return [Part("codes", edition, frame)]


def _read_classes(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(CLASSES, sheet, header)[["code", "prefecture", "name", "class"]]
    classes = frame["class"].map(str.strip)
    return [Part("classes", "current", frame.assign(**{"class": classes}))]


def _read_coordinates(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(COORDINATES, sheet, header)
    latitude, _ = numbers(frame["latitude"])
    longitude, _ = numbers(frame["longitude"])
    kana = frame.get("kana", "")
    frame = frame[["code", "prefecture", "name"]].assign(
        kana=kana, latitude=latitude, longitude=longitude
    )
    return [Part("coordinates", "current", _without_wards(frame))]


def _without_wards(frame: pd.DataFrame) -> pd.DataFrame:
    """The list names wards as ``札幌市 中央区``, with a space in between."""
    return frame[~frame["name"].str.contains(r"\s")].reset_index(drop=True)


CODES = Layout(
    "全国地方公共団体コード",
    {
        "code": ("団体コード",),
        "prefecture": ("都道府県名(漢字)",),
        "name": ("市区町村名(漢字)",),
        "kana": ("市区町村名(カナ)",),
    },
    ("code", "prefecture", "name"),
    _read_codes,
)
CLASSES = Layout(
    "類似団体 (FITS-M)",
    {
        "code": ("団体コード",),
        "prefecture": ("都道府県名",),
        "name": ("市区町村名", "団体名"),
        "class": ("区分", "類似団体区分", "類型"),
    },
    ("code", "prefecture", "name", "class"),
    _read_classes,
)
COORDINATES = Layout(
    "localgovjp",
    {
        "code": ("lgcode",),
        "prefecture": ("pref",),
        "name": ("city",),
        "kana": ("citykana",),
        "latitude": ("lat",),
        "longitude": ("lng",),
    },
    ("code", "prefecture", "name", "latitude", "longitude"),
    _read_coordinates,
)
