"""Peers in the terminal: side by side, with how far each lies from the one asked about."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from salesml.approach.facts import ID
from salesml.approach.similar import PeerTable
from salesml.municipal.likeness import TraitConfig
from salesml.report.formats import MINUS, UNKNOWN, clean, missing

__all__ = ["peers_view"]

_NAME = 20  # cells of a name
_FACT = 7  # cells of a fact at least
_GAP = 2  # cells between columns
_BESIDE = 3 + _NAME + 7 + 8 + 4 * _GAP  # cells of the other columns
_FAR = 1.0  # standard deviations from which two are unlike
_FORMATS = {
    "population": "{:,.0f}",
    "density": "{:,.1f}",
    "fiscal_strength": "{:.2f}",
    "current_balance": "{:.1f}",
    "debt_service": "{:.1f}",
    "growth": "{:+.1%}",
}
_KINDS = {
    "prefecture": ("都道府県", "prefecture"),
    "designated": ("政令指定都市", "designated city"),
    "core": ("中核市", "core city"),
    "city": ("市", "city"),
    "ward": ("特別区", "ward"),
    "town": ("町", "town"),
    "village": ("村", "village"),
}
_SAID = {
    "title": ("{name}に似た自治体", "Municipalities like {name}"),
    "as_of": ("{as_of}時点", "as of {as_of}"),
    "similarity": ("類似度", "Alike"),
    "adopted": ("導入", "Adopted"),
    "none": ("この日に分かっている類似自治体はありません。", "No peers are known on this date."),
    "legend": (
        "かっこ内は本体との差（全自治体の標準偏差を1とする）、×は類似度での重み",
        "In brackets the distance, in standard deviations over all municipalities; × is the weight",
    ),
}
_Record = Mapping[Hashable, Any]


def _say(key: str, language: str, **values: object) -> str:
    return _SAID[key][language == "en"].format(**values)


def _head(trait: TraitConfig, language: str) -> str:
    """What a trait is called, and how much it counts where that is not one."""
    name = str(getattr(trait, language))
    return name if trait.weight == 1 else f"{name} ×{trait.weight:g}"


def peers_view(found: PeerTable, language: str) -> RenderableType:
    """*found*, a column for each fact; on a terminal too narrow for that, a block for each peer."""
    return _PeersView(found, language)


class _PeersView:
    """Chooses its shape by the width it is given."""

    def __init__(self, found: PeerTable, language: str) -> None:
        self._found, self._language = found, language
        self._values = found.values.to_dict("index")
        self._distances = found.distances.to_dict("index")
        known = found.values.notna().any()
        self._compared = {n: _head(t, language) for n, t in found.traits.items() if known[n]}

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        parts: list[RenderableType] = [self._title()]
        if self._found.rows.empty:
            parts.append(Text(_say("none", self._language)))
        else:
            facts = sum(_width(head) + _GAP for head in self._compared.values())
            fits = options.max_width >= _BESIDE + facts
            parts.append(self._wide() if fits else self._narrow())
            parts.append(Text(_say("legend", self._language), "dim"))
        yield Group(*parts)

    def _title(self) -> Text:
        own = self._found.own
        name = f"{clean(own['prefecture'])}{clean(own['name'])} ({own[ID]})"
        as_of = _say("as_of", self._language, as_of=self._found.as_of)
        return Text.assemble((_say("title", self._language, name=name), "bold"), f"  {as_of}")

    def _records(self) -> list[_Record]:
        """The one asked about, and its peers."""
        own: _Record = {str(name): value for name, value in self._found.own.items()}
        return [own, *self._found.rows.to_dict("records")]

    def _wide(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for key in ("similarity", "adopted"):
            table.add_column(_say(key, self._language), justify="right", no_wrap=True)
        for head in self._compared.values():
            table.add_column(head, justify="right", min_width=_width(head), overflow="fold")
        for row in self._records():
            facts = [self._fact(row[ID], name) for name in self._compared]
            rank = Text(str(row.get("rank", "")), "dim")
            table.add_row(rank, self._name(row), *self._about(row), *facts)
        return table

    def _narrow(self) -> Table:
        """Each peer as a row, its facts below each other."""
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_lines=True)
        table.add_column("", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("", overflow="fold")
        for row in self._records():
            grid = Table.grid(padding=(0, 1, 0, 0))
            for key, text in zip(("similarity", "adopted"), self._about(row), strict=True):
                grid.add_row(Text(_say(key, self._language), "dim"), text)
            for name, head in self._compared.items():
                grid.add_row(Text(head, "dim"), self._fact(row[ID], name, between=" "))
            table.add_row(Text(str(row.get("rank", "")), "dim"), self._name(row), grid)
        return table

    def _about(self, row: _Record) -> list[Text]:
        """How similar it is, and when it adopted."""
        similarity, adopted = row.get("similarity"), row.get("adopted_on")
        return [
            Text("" if missing(similarity) else f"{similarity:.2f}"),
            Text(UNKNOWN if missing(adopted) else f"{adopted:%Y-%m}"),
        ]

    def _fact(self, code: str, name: str, between: str = "\n") -> Text:
        """A value, and how far it is from that of the one asked about."""
        value = self._values[code][name]
        shown = _FORMATS.get(name, "{:.1%}").format(value).replace("-", MINUS)
        told = Text(UNKNOWN if missing(value) else shown)
        far = self._distances.get(code, {}).get(name)
        if far is not None and not missing(far):
            style = "yellow" if abs(far) >= _FAR else "dim"
            told.append(f"{between}({_signed(far)})", style)
        return told

    def _name(self, row: _Record) -> Text:
        """Its name, where it lies, and what it is: the class, which says more than the kind."""
        kind = _KINDS.get(str(row["kind"]), ("", ""))[self._language == "en"]
        lines = [clean(row["name"]), f"{clean(row['prefecture'])} {row[ID]}"]
        lines.append(kind if missing(row["class"]) else clean(row["class"]))
        name, *rest = (Text(line, "dim" if i else "") for i, line in enumerate(lines) if line)
        for text in (name, *rest):
            text.truncate(_NAME, overflow="ellipsis")
        return Text("\n").join([name, *rest])


def _width(head: str) -> int:
    """The cells of a column: no word of its head is broken, but Japanese is."""
    return max(_FACT, *(cell_len(word) for word in head.split() if word.isascii()), 0)


def _signed(far: float) -> str:
    size = f"{abs(far):.1f}"
    sign = "±" if not float(size) else "+" if far > 0 else MINUS
    return f"{sign}{size}"
