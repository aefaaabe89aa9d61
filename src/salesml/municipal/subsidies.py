"""Which municipalities meet the conditions of which subsidies, as known when announced."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb
import pandas as pd

from salesml.engine import connect, literal, outside_of, quote, tables_in
from salesml.errors import ConfigError, suggest
from salesml.municipal.programmes import ApplicationWindow, Programme, read_programmes
from salesml.municipal.settings import MunicipalConfig

__all__ = ["eligibility"]

_SEEN = "municipality"  # the table of municipalities that conditions are evaluated on
_ID = "municipality_id"
_COLUMNS = [
    _ID, "programme_id", "title", "title_en", "ministry", "opens_on", "closes_on", "rate", "cap",
    "known_at",
]  # fmt: skip
# tables, and of rows known at once the column whose largest value is the newest; where several
# have a column, the last one counts
_TABLES = {
    "municipalities": _ID,
    "statistics": "edition",
    "finance": "fiscal_year",
    "card_uptake": "counted_on",
}
_CARDS = {"rate": "card_rate"}  # of card_uptake, under a name that tells what it is a rate of

Tell = Callable[[str], object]


def eligibility(
    tables: Mapping[str, pd.DataFrame],
    settings: MunicipalConfig,
    folder: Path,
    tell: Tell = warnings.warn,
) -> pd.DataFrame:
    """Municipalities that may apply, one row for each of them, each programme and window.

    Conditions are evaluated for each window on what was known when it was announced: columns of
    *tables* ``municipalities``, and of the newest rows of ``statistics``, ``finance`` and
    ``card_uptake`` (its ``rate`` as ``card_rate``); ``tier`` is the tier of the population.

    Parameters
    ----------
    folder : ``configs/<project>``, with subsidies.yml, subsidies.csv, both or neither.
    tell : gets a sentence for each condition that holds for nobody, for everybody, or needs a
        table that is not there.

    Returns
    -------
    municipality_id, programme_id, title, title_en, ministry, opens_on, closes_on (dates), rate,
    cap, known_at (when announced, midnight). Raises ConfigError with every condition that is no
    expression over these columns, or not true or false.
    """
    programmes = read_programmes(folder)
    if not programmes or len(tables.get("municipalities", ())) == 0:
        return _table([])
    with connect(threads=1) as con:
        seen = _Seen(con, tables, settings)
        usable = _checked(con, seen, programmes, tell)
        return _table(list(_eligible(con, seen, usable, tell)))


class _Verdict(NamedTuple):
    """Who meets a condition on a date, and for how many it cannot be told."""

    met: list[str]
    unknown: int
    asked: int


class _Seen:
    """Municipalities as known on a date, a row each."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        tables: Mapping[str, pd.DataFrame],
        settings: MunicipalConfig,
    ) -> None:
        self._con = con
        self.absent = [name for name in _TABLES if name not in tables]
        self._present = [name for name in _TABLES if name in tables]
        for name in self._present:
            con.register(f"_{name}", tables[name])
        self._values = _values({name: tables[name] for name in self._present})
        if "population" in self._values:
            self._values["tier"] = _tier(settings, self._values["population"])
        self.show(dt.date.max)

    @property
    def columns(self) -> list[str]:
        """What conditions may name."""
        return list(self._values)

    @property
    def speaking(self) -> str:
        """The columns but for those that are called by their code, such as c2108."""
        return ", ".join(name for name in self.columns if not re.fullmatch(r"[a-z]+\d+\w*", name))

    def show(self, date: dt.date) -> None:
        """Make the table that conditions are evaluated on, as known on *date*."""
        values = ", ".join(f"{sql} as {quote(name)}" for name, sql in self._values.items())
        first, *others = (f"({_newest(name, date)}) {name}" for name in self._present)
        joined = " ".join([first, *(f"left join {other} using ({_ID})" for other in others)])
        self._con.execute(f"create or replace temp table {_SEEN} as select {values} from {joined}")


def _newest(table: str, date: dt.date) -> str:
    """SQL: the newest row of *table* on each municipality that was known on *date*."""
    return (
        f"select * from _{table} where known_at::timestamp <= timestamp {literal(date)} qualify "
        f"row_number() over (partition by {_ID} order by known_at desc, {_TABLES[table]} desc) = 1"
    )


def _values(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """SQL of each column: the value of the last table that has one."""
    found: dict[str, list[str]] = {_ID: [f"municipalities.{_ID}"]}
    for table, frame in tables.items():
        for column in frame.columns:
            name = _CARDS.get(column) if table == "card_uptake" else column
            if name and name not in (_ID, "known_at"):
                found.setdefault(name, []).insert(0, f"{table}.{quote(column)}")
    return {name: f"coalesce({', '.join(sources)})" for name, sources in found.items()}


def _tier(settings: MunicipalConfig, population: str) -> str:
    """SQL: the name of the tier of so many people, null where the number is not known."""
    whens = [
        f"when {population} {'is not null' if tier.below is None else f'< {tier.below}'} "
        f"then {literal(name)}"
        for name, tier in settings.tiers.items()
    ]
    return f"case {' '.join(whens)} end"


def _checked(
    con: duckdb.DuckDBPyConnection, seen: _Seen, programmes: Iterable[Programme], tell: Tell
) -> list[Programme]:
    """The *programmes* that can be judged; raises ConfigError with what is wrong with others."""
    usable, problems = [], []
    for programme in programmes:
        problem = _problem(con, seen, programme.config.condition)
        if problem is None:
            usable.append(programme)
        elif problem.waits:
            tell(f"Programme '{programme.id}' ({programme.where}) is left out: {problem.text}")
        else:
            problems.append(f"  {programme.where}: condition of '{programme.id}': {problem.text}")
    if problems:
        raise ConfigError(
            "Subsidies have conditions that cannot be evaluated:\n" + "\n".join(problems),
            fix="Write SQL that is true or false, over columns of municipalities: "
            f"{seen.speaking}.",
        )
    return usable


class _Problem(NamedTuple):
    """What is wrong with a condition, and whether a table that is not there may mend it."""

    text: str
    waits: bool = False


def _problem(con: duckdb.DuckDBPyConnection, seen: _Seen, condition: str) -> _Problem | None:
    sql = _judging(condition)
    try:
        foreign = [*sorted(tables_in(con, sql) - {_SEEN}), *sorted(outside_of(con, sql))]
        if foreign:
            return _Problem(f"it uses {', '.join(foreign)}, which is no column")
        described = con.execute(f"describe {sql}").fetchall()
        con.execute(sql).fetchall()
    except duckdb.Error as error:
        return _explained(seen, str(error))
    kind = "several values" if len(described) > 2 else described[1][1]
    return None if kind == "BOOLEAN" else _Problem(f"it is not true or false, but {kind}")


def _judging(condition: str) -> str:
    # a line of its own: the condition may end in a comment
    return f"select {_ID}, (\n{condition}\n) from {_SEEN}"


def _explained(seen: _Seen, message: str) -> _Problem:
    unknown = re.search(r'Referenced column "([^"]+)" (was )?not found', message)
    if unknown is None:
        return _Problem(message.splitlines()[0])
    name = unknown.group(1)
    hint = suggest(name.lower(), seen.columns)
    text = f"there is no column '{name}'.{hint}"
    if seen.absent and not hint:
        return _Problem(f"{text} Nothing of {', '.join(seen.absent)} is imported.", waits=True)
    return _Problem(text)


def _eligible(
    con: duckdb.DuckDBPyConnection, seen: _Seen, programmes: list[Programme], tell: Tell
) -> Iterator[pd.DataFrame]:
    verdicts: dict[str, list[_Verdict]] = {programme.id: [] for programme in programmes}
    windows = [
        (programme, window) for programme in programmes for window in programme.config.windows
    ]
    shown = None
    for programme, window in sorted(windows, key=lambda pair: pair[1].announced_on):
        if window.announced_on != shown:
            seen.show(shown := window.announced_on)
        verdict = _judge(con, programme)
        verdicts[programme.id].append(verdict)
        yield _rows(programme, window, verdict.met)
    for programme in programmes:
        for sentence in _doubts(programme, verdicts[programme.id]):
            tell(sentence)


def _judge(con: duckdb.DuckDBPyConnection, programme: Programme) -> _Verdict:
    try:
        rows = con.execute(f"{_judging(programme.config.condition)} order by 1").fetchall()
    except duckdb.Error as error:
        raise ConfigError(
            f"The condition of '{programme.id}' cannot be evaluated: {str(error).splitlines()[0]}",
            received=programme.config.condition,
            where=programme.where,
            fix="Use try_cast where texts are read as numbers.",
        ) from None
    met = [name for name, is_met in rows if is_met]
    return _Verdict(met, sum(is_met is None for _, is_met in rows), len(rows))


def _doubts(programme: Programme, verdicts: list[_Verdict]) -> Iterator[str]:
    """What looks like a slip in a condition; saying `true` is no slip."""
    asked = max(verdict.asked for verdict in verdicts)
    subject = f"The condition of programme '{programme.id}' ({programme.where})"
    if all(not verdict.met and verdict.unknown == verdict.asked for verdict in verdicts):
        yield f"{subject} needs figures that were not known when it was announced"
    elif all(not verdict.met for verdict in verdicts):
        yield f"{subject} holds for none of {asked:,} municipalities"
    elif programme.config.condition.strip().lower() != "true" and all(
        len(verdict.met) == verdict.asked for verdict in verdicts
    ):
        yield f"{subject} holds for all {asked:,} municipalities"


def _rows(programme: Programme, window: ApplicationWindow, met: list[str]) -> pd.DataFrame:
    config = programme.config
    return pd.DataFrame(
        {
            _ID: met,
            "programme_id": programme.id,
            "title": config.title.ja,
            "title_en": config.title.en,
            "ministry": config.ministry,
            "opens_on": window.opens_on,
            "closes_on": window.closes_on,
            "rate": config.rate,
            "cap": config.cap,
            "known_at": pd.Timestamp(window.announced_on),
        }
    )


def _table(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=_COLUMNS)
    kinds = {"rate": "float64", "cap": "float64", "known_at": "datetime64[us]"}
    return table.astype(kinds).sort_values([_ID, "programme_id", "opens_on"], ignore_index=True)
