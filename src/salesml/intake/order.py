"""Which source is read before which, and which has gone stale."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from salesml.config import Project, SourceConfig
from salesml.errors import DataQualityError, SourceError
from salesml.store import Store

__all__ = ["reading_order", "require_fresh"]


def reading_order(sources: Mapping[str, SourceConfig]) -> list[str]:
    """Names of *sources*, each after those it refers to; raises SourceError for a circle."""
    order: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise SourceError(
                "Sources refer to each other in a circle.",
                received=" → ".join([*path[path.index(name) :], name]),
                fix="Drop one of these refers_to checks.",
            )
        if name not in order:
            for target in sources[name].checks.refers_to.values():
                if target.partition(".")[0] != name:
                    visit(target.partition(".")[0], (*path, name))
            order.append(name)

    for name in sources:
        visit(name, ())
    return order


def require_fresh(store: Store, project: Project, as_of: dt.date) -> None:
    """Raise DataQualityError naming the sources older than their ``fresh_within`` on *as_of*.

    Only what was known before *as_of* counts. Sources that were never read are passed over.
    """
    stale = []
    for name, source in project.sources.items():
        limit, manifest = source.checks.fresh_within, store.manifest(name)
        if limit is None or manifest is None:
            continue
        last = manifest.last_known(as_of)
        if last is None:
            stale.append(f"{name}: nothing known before {as_of}, {limit} days allowed")
        elif (as_of - last).days > limit:
            stale.append(f"{name}: last known {last}, {limit} days allowed")
    if stale:
        raise DataQualityError(
            f"{len(stale)} source{'s are' if len(stale) > 1 else ' is'} stale on {as_of}.",
            received="; ".join(stale),
            where=project.where("sources.yml", "sources", stale[0].partition(":")[0]),
            fix="Look at what fills these tables, or raise fresh_within.",
        )
