"""A plan in the terminal: where the budget year stands, and the list with all there is to know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from salesml.approach.planning import Plan
from salesml.approach.stages import Stage
from salesml.report.formats import amount, clean, missing, percent, signed
from salesml.report.section import Tones

__all__ = ["plan_view"]

Record = Mapping[Hashable, Any]
_NAME = 24  # cells of a name
_CITED, _REASONS = 2, 2
_TONES = ("bold green", "green", "cyan", "bright_black", "bright_black")
_FEW_MONTHS = 2
_SOON = 14  # days from which a deadline is urgent
_SAID = {
    "title": ("{as_of}時点の優先順位", "Priorities as of {as_of}"),
    "shown": ("{n}件（全{total:,}件）", "{n} of {total:,}"),
    "none": ("この条件に合う自治体はありません。", "No municipality to approach."),
    "stage": ("予算段階", "Budget stage"),
    "meanwhile": ("並行", "Meanwhile"),
    "talk": ("話す相手", "Talk to"),
    "material": ("材料", "Bring"),
    "deadline": ("期限", "Deadline"),
    "left": ("あと{n}日", "{n} days left"),
    "today": ("今日まで", "today"),
    "tier": ("進め方", "Approach"),
    "cited": ("先行", "Cite"),
    "prefecture": ("都道府県内", "Prefecture"),
    "adopted": ("{n}件が導入済み", "{n} adopted"),
    "policy": ("政策", "Policy"),
    "election": ("首長選", "Election"),
    "months": ("約{n:.0f}か月後", "in about {n:.0f} months"),
    "contact": ("担当", "Contact"),
    "new": ("直近の異動で着任", "new since the last rotation"),
    "reasons": ("理由", "Reasons"),
    "outlook": ("段階別", "By stage"),
    "name": ("名称", "Name"),
    "score": ("スコア\nランク", "Score\nBand"),
    "probability": ("確率", "Probability"),
    "amount": ("確率\n期待金額", "Probability\nExpected"),
    "approach": ("アプローチ", "Approach window"),
    "left_out": ("データがないため省略：{parts}", "Left out, for want of data: {parts}"),
    "people": ("{n:,}人", "{n:,} people"),
}


def _say(key: str, language: str, **values: object) -> str:
    return _SAID[key][language == "en"].format(**values)


def plan_view(plan: Plan, total: int, language: str, currency: str) -> RenderableType:
    """The rows of *plan*, of *total* that were scored, in *language*; legible from 80 columns on.

    Nothing in the data is taken for markup or terminal codes.
    """
    parts: list[RenderableType] = [_title(plan, total, language), *_stages(plan, language)]
    parts.append(_table(plan, language, currency))
    if plan.left_out:
        words = "、" if language == "ja" else ", "
        names = words.join(_in(part, language) for part in plan.left_out)
        parts.append(Text(_say("left_out", language, parts=names), "dim"))
    if plan.outlook_note:
        parts.append(Text(_in(plan.outlook_note, language), "dim"))
    return Group(*parts)


def _in(words: object, language: str) -> str:
    return str(getattr(words, language))


def _title(plan: Plan, total: int, language: str) -> Text:
    head = _say("title", language, as_of=plan.as_of)
    shown = _say("shown", language, n=len(plan.rows), total=total)
    question = _in(plan.task.question, language)
    title = _in(plan.task.title, language)
    return Text.assemble((f"{title}  {head}", "bold"), f"  {shown}  ", (question, "dim"))


def _stages(plan: Plan, language: str) -> Iterator[RenderableType]:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for key, stages in (("stage", [plan.stage]), ("meanwhile", plan.parallel)):
        for stage in stages:
            grid.add_row(_say(key, language), _stage(stage, language))
    yield grid


def _stage(stage: Stage, language: str) -> Text:
    """Its dates, whom to talk to and what they care about, and what to bring."""
    told = Text.assemble((_in(stage, language), "bold"), f" {stage.starts_on} – {stage.ends_on}")
    people = [f"{_in(t, language)} ({getattr(t, f'cares_{language}')})" for t in stage.talks]
    told.append(f"\n{_say('talk', language)}: ", "dim").append(" → ".join(people))
    if stage.talks:
        material = getattr(stage.talks[0], f"material_{language}")
        told.append(f"\n{_say('material', language)}: ", "dim").append(material)
    return told


def _table(plan: Plan, language: str, currency: str) -> Table:
    amounts = bool(plan.rows["expected_value"].notna().any())
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_lines=True)
    if plan.rows.empty:
        table.show_header = False
        table.add_row(_say("none", language))
        return table
    table.add_column("", justify="right", no_wrap=True)
    table.add_column(_say("name", language), max_width=_NAME, overflow="fold")
    table.add_column(_say("score", language), justify="right", no_wrap=True)
    chance = "amount" if amounts else "probability"
    table.add_column(_say(chance, language), justify="right", no_wrap=True)
    table.add_column(_say("approach", language), overflow="fold")
    tones = Tones(plan.task)
    for row in plan.rows.to_dict("records"):
        chances = [percent(row["probability"])]
        chances += [amount(row["expected_value"], currency)] if amounts else []
        table.add_row(
            Text(str(row["rank"]), "dim"),
            _who(row, language),
            _score(row, tones, language),
            Text("\n".join(chances)),
            _approach(row, language),
        )
    return table


def _who(row: Record, language: str) -> Text:
    """Name, prefecture and code, how many people, and the owner."""
    name = Text(clean(row["name"]))
    name.truncate(_NAME, overflow="ellipsis")
    place = f"{clean(row['prefecture'])} {row['municipality_id']}".strip()
    lines = [place]
    if not missing(row["population"]):
        lines.append(_say("people", language, n=int(row["population"])))
    if row["owner"]:
        lines.append(clean(row["owner"]))
    return name.append("\n" + "\n".join(lines), "dim")


def _score(row: Record, tones: Tones, language: str) -> Text:
    band = tones.band(row["score"])
    style = _TONES[tones[band.name]]
    return Text.assemble((str(row["score"]), "bold"), "\n", (_in(band, language), style))


def _approach(row: Record, language: str) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for key, text in _lines(row, language):
        grid.add_row(_say(key, language), text)
    return grid


def _lines(row: Record, language: str) -> Iterator[tuple[str, Text]]:
    """What is known of one municipality, one line a kind; unknown kinds are left out."""
    yield "deadline", _deadlines(row, language)
    if row["tier"]:
        yield "tier", Text(row[f"approach_{language}"])
    if row["cited"]:
        yield "cited", Text(", ".join(_cited(peer) for peer in row["cited"][:_CITED]))
    if row["adopters_prefecture"]:
        yield "prefecture", _prefecture(row, language)
    if row["policy"]:
        yield "policy", _policy(row["policy"])
    if not missing(row["election_on"]):
        yield "election", Text(f"{row['election_on']} ({_until(row, language)})")
    if row["contact_new"]:
        yield "contact", Text(_say("new", language), "yellow")
    reasons = [*row["reasons_for"][:_REASONS], *row["reasons_against"][:_REASONS]]
    if reasons:
        yield "reasons", _reasons(reasons, language)
    if row["outlook"]:
        yield "outlook", _outlook(row["outlook"], language)


def _until(row: Record, language: str) -> str:
    """How long it is to the election: months, or days where there are few."""
    months = row["months_to_election"]
    if months < _FEW_MONTHS:
        return _say("left", language, n=round(months * 365.25 / 12))
    return _say("months", language, n=months)


def _deadlines(row: Record, language: str) -> Text:
    """The next of all, and the subsidy's where that comes later."""
    shown = [d for i, d in enumerate(row["deadlines"]) if i == 0 or d["kind"] == "subsidy"]
    return Text("\n").join(_deadline(each, language) for each in shown)


def _deadline(found: Mapping[str, Any], language: str) -> Text:
    days = found["days_left"]
    left = _say("left", language, n=days) if days else _say("today", language)
    style = "bold yellow" if days <= _SOON else ""
    return Text.assemble((f"{found['on']} ({left})", style), f" {clean(found[language])}")


def _cited(peer: Mapping[str, Any]) -> str:
    near = f", {peer['kilometres']:.0f} km" if peer.get("kilometres") is not None else ""
    place = f"{clean(peer['prefecture'])}{clean(peer['name'])}"
    return f"{place} ({_month(peer['adopted_on'])}, ≈{peer['similarity']:.2f}{near})"


def _prefecture(row: Record, language: str) -> Text:
    told = {peer["municipality_id"] for peer in row["cited"][:_CITED]}
    others = [peer for peer in row["cited_prefecture"] if peer["municipality_id"] not in told]
    names = [f"{clean(p['name'])} ({_month(p['adopted_on'])})" for p in others[:_CITED]]
    counted = _say("adopted", language, n=row["adopters_prefecture"])
    return Text(f"{counted}: {', '.join(names)}" if names else counted)


def _month(date: dt.date) -> str:
    return f"{date:%Y-%m}"


def _policy(found: Mapping[str, Any]) -> Text:
    passage = f"「{clean(found['passage'])}」" if found["passage"] else ""
    source = ", ".join(filter(None, (clean(found["title"]), f"≈{found['similarity']:.2f}")))
    return Text.assemble(passage, (f" ({source})", "dim"))


def _reasons(reasons: list[Mapping[str, Any]], language: str) -> Text:
    lines = [
        Text.assemble(
            (f"{signed(each['points']):>3}", "green" if each["points"] > 0 else "red"),
            f" {clean(each[f'text_{language}'])}",
        )
        for each in reasons
    ]
    return Text("\n").join(lines)


def _outlook(views: list[Mapping[str, Any]], language: str) -> Text:
    """The probability at the start of each stage, the highest one bold."""
    best = max(view["probability"] for view in views)
    told = [
        Text.assemble(
            (f"{view[language]} ", "dim"),
            (percent(view["probability"]), "bold" if view["probability"] == best else ""),
        )
        for view in views
    ]
    return Text(" → ").join(told)
