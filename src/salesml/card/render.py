"""The model card: one HTML file that needs nothing but a browser."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment

from salesml.card import charts, dependence
from salesml.card.features import ConceptView, FeatureView, by_concept
from salesml.card.tables import bands, candidates, contacts, fairness, measures, segments
from salesml.card.words import candidate, phrase, say
from salesml.config import Project, TaskConfig, Words
from salesml.features import FeatureSet
from salesml.report import formats
from salesml.report.page import asset, environment, local, policy
from salesml.report.words import both, metric_words
from salesml.training import Decision, TrainingResult

__all__ = ["render_card"]

SWARM = 12  # features
CURVES = 6  # concepts, the top feature of each
CONCEPTS = 12  # listed before the rest
POPULATION = ("segment", "region", "kind", "tier")  # columns that are no features, with a title


def render_card(
    project: Project,
    task: TaskConfig,
    result: TrainingResult,
    decision: Decision,
    sets: Sequence[FeatureSet],
    *,
    as_of: dt.date,
    run_id: str,
    now: dt.datetime,
) -> str:
    """Return the card of a model just trained, as HTML.

    *sets* are the task's feature sets, *now* is naive UTC. Both languages are in it; the project's
    shows first.
    """
    concepts = by_concept(result, sets)
    page = _templates().get_template("card.html.j2")
    return page.render(
        project=project,
        settings=project.settings,
        task=task,
        result=result,
        decision=decision,
        reasons=_reasons(decision),
        as_of=formats.day(as_of),
        run_id=run_id,
        created=local(project, now),
        title=_title(task, as_of),
        warnings=result.warning_words,
        bands=bands(task, result),
        measures=measures(result),
        candidates=candidates(result),
        contacts=contacts(result, task, project.settings.currency),
        segments=segments(result, _titles(concepts)),
        fairness=fairness(result, _titles(concepts)),
        fair_share=formats.percent(result.fairness[0].share) if result.fairness else "",
        concepts=[concept for concept in concepts if concept.importance > 0],
        unused=[concept for concept in concepts if concept.importance == 0],
        listed=CONCEPTS,
        calibration=charts.calibration(result.calibration_table),
        gain=charts.gain(result.gain_curve, result.targeting),
        profit=charts.profit(result.targeting, project.settings.currency),
        **_effects(result, concepts),
        css=asset("salesml.report", "report.css") + asset("salesml.card", "card.css"),
        script=asset("salesml.card", "card.js"),
        policy=policy(asset("salesml.card", "card.js")),
    )


def _titles(concepts: Sequence[ConceptView]) -> dict[str, Words]:
    every = {f.name: f.title for concept in concepts for f in concept.features}
    return {name: phrase(name) for name in POPULATION} | every


def _effects(result: TrainingResult, concepts: Sequence[ConceptView]) -> dict[str, object]:
    """The drawings of what values do; nothing where no feature is used."""
    used = [concept for concept in concepts if concept.importance > 0]
    every = [feature for concept in used for feature in concept.features if feature.importance]
    strongest = sorted(every, key=lambda feature: -feature.importance)[:SWARM]
    leading = [concept.features[0] for concept in used[:CURVES]]
    found = dependence.curves(result.model, result.test.X, [f.name for f in leading])
    top = dependence.top_of(found)
    return {
        "swarm": charts.swarm(result, [f.name for f in strongest]) if strongest else None,
        "swarm_features": strongest,
        "curves": [_panel(f, curve, top) for f, curve in zip(leading, found, strict=True)],
        "curve_top": top,
    }


def _panel(feature: FeatureView, curve: dependence.Curve, top: float) -> dict[str, object]:
    plot = dependence.plot_of(curve, top) if curve.ordered else None
    most = max(curve.rows, default=1) or 1
    return {"feature": feature, "curve": curve, "plot": plot, "most": most}


def _reasons(decision: Decision) -> list[Words]:
    """A decision made elsewhere may give its reasons in English alone."""
    ja = decision.reasons_ja or decision.reasons
    return [Words(ja=j, en=e) for j, e in zip(ja, decision.reasons, strict=True)]


def _title(task: TaskConfig, as_of: dt.date) -> Words:
    card = phrase("card")
    return Words(
        ja=f"{task.title.ja} {card.ja} {as_of}", en=f"{task.title.en} {card.en.lower()} {as_of}"
    )


@cache
def _templates() -> Environment:
    return environment(
        "salesml.card",
        both=both,
        say=say,
        phrase=phrase,
        candidate=candidate,
        metric_words=metric_words,
        formats=formats,
    )
