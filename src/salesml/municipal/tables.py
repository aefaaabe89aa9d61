"""The tables an import writes: their columns, and from when on each row may be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import pyarrow as pa

from salesml.municipal.publication import PublicationConfig
from salesml.municipal.published.finance import FIGURES
from salesml.municipal.published.ssdse import INDICATORS

__all__ = ["ALWAYS", "PUBLISHED", "SCHEMAS", "as_arrow", "known_at", "published_table"]

ALWAYS = pd.Timestamp("1900-01-01")
"""When facts are known that nothing ever waited for."""

_TEXT, _NUMBER, _WHOLE, _YES = pa.string(), pa.float64(), pa.int64(), pa.bool_()
_DATE, _TIME = pa.date32(), pa.timestamp("us")


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


SCHEMAS: dict[str, pa.Schema] = {
    "municipalities": _schema(
        municipality_id=_TEXT,
        name=_TEXT,
        name_kana=_TEXT,
        prefecture=_TEXT,
        prefecture_id=_TEXT,
        kind=_TEXT,
        **{"class": _TEXT},
        latitude=_NUMBER,
        longitude=_NUMBER,
        known_at=_TIME,
    ),
    "statistics": _schema(
        municipality_id=_TEXT,
        edition=_WHOLE,
        known_at=_TIME,
        data_year=_NUMBER,
        **dict.fromkeys(INDICATORS, _NUMBER),
    ),
    "finance": _schema(
        municipality_id=_TEXT,
        fiscal_year=_WHOLE,
        known_at=_TIME,
        **dict.fromkeys(FIGURES, _NUMBER),
    ),
    "card_uptake": _schema(
        municipality_id=_TEXT,
        counted_on=_DATE,
        known_at=_TIME,
        population=_NUMBER,
        cards=_NUMBER,
        rate=_NUMBER,
    ),
    "elections": _schema(
        municipality_id=_TEXT,
        held_on=_DATE,
        known_at=_TIME,
        office=_TEXT,
        candidates=_NUMBER,
        elected=_NUMBER,
        newcomer_share=_NUMBER,
        contested=_YES,
        lone_newcomer=_YES,
    ),
    "adoptions": _schema(
        municipality_id=_TEXT,
        programme=_TEXT,
        fiscal_year=_WHOLE,
        happened_at=_DATE,
        known_at=_TIME,
    ),
    "documents": _schema(
        municipality_id=_TEXT,
        document_id=_TEXT,
        kind=_TEXT,
        title=_TEXT,
        published_on=_DATE,
        known_at=_TIME,
        text=_TEXT,
    ),
}
"""Column types by table; statistics may have more columns, all of them doubles."""

PUBLISHED = tuple(name for name in SCHEMAS if name != "municipalities")


_KNOWN: dict[str, Callable[[pd.DataFrame, PublicationConfig], pd.Series]] = {
    "statistics": lambda frame, config: config.statistics.of(frame["edition"]),
    "finance": lambda frame, config: config.finance.of(frame["fiscal_year"]),
    "card_uptake": lambda frame, config: (
        frame["counted_on"] + pd.Timedelta(days=config.card_uptake_days)
    ),
    "elections": lambda frame, config: frame["held_on"] + pd.Timedelta(days=config.election_days),
    "adoptions": lambda frame, config: config.adoptions.of(frame["fiscal_year"]),
    "documents": lambda frame, _: frame["published_on"],
}


def known_at(table: str, frame: pd.DataFrame, config: PublicationConfig) -> pd.Series:
    """From when on each row of *frame* may be seen."""
    return _KNOWN[table](frame, config).astype("datetime64[us]")


def published_table(
    table: str, frames: Sequence[pd.DataFrame], config: PublicationConfig
) -> pd.DataFrame:
    """The joined *frames* as one table, in order, with ``known_at``; empty where there are none.

    Of documents with one id the last is kept.
    """
    if not frames:
        return pd.DataFrame(SCHEMAS[table].empty_table().to_pandas())
    whole = pd.concat(frames, ignore_index=True)
    # copied, so that columns read one by one lie together again
    whole = whole.reindex(columns=_columns(table, whole)).copy()
    whole = whole.assign(known_at=known_at(table, whole, config))
    if table == "adoptions":
        whole = whole.assign(happened_at=config.adopted.of(whole["fiscal_year"]))
    keys = [name for name in SCHEMAS[table].names if name in _KEYS]
    if table == "documents":
        whole = whole.drop_duplicates("document_id", keep="last")
    return whole.sort_values(keys, kind="stable", ignore_index=True)


_KEYS = (
    "municipality_id",
    "edition",
    "fiscal_year",
    "counted_on",
    "held_on",
    "office",
    "programme",
    "published_on",
    "document_id",
)


def _columns(table: str, frame: pd.DataFrame) -> list[str]:
    """The columns of *table*; of statistics also what further editions have."""
    names = SCHEMAS[table].names
    return [*names, *(n for n in frame if n not in names and table == "statistics")]


def as_arrow(frame: pd.DataFrame, table: str) -> pa.Table:
    """*frame* with the columns and types of *table*, nulls for those it lacks, others behind."""
    schema = SCHEMAS.get(table)
    if schema is None:
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    whole = frame.reindex(columns=_columns(table, frame))
    fields = [
        schema.field(name) if name in schema.names else pa.field(name, _NUMBER) for name in whole
    ]
    columns = [pa.array(whole[f.name], from_pandas=True).cast(f.type) for f in fields]
    return pa.table(columns, schema=pa.schema(fields))
