"""What every self-contained page is made with: templates, files beside them, what it may load."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from salesml.config import Project

__all__ = ["asset", "environment", "local", "policy"]


def environment(package: str, **names: object) -> Environment:
    """Return the templates of *package*, which may use *names*."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(names)
    return made


def asset(package: str, name: str) -> Markup:
    """Return a file beside the templates of *package*, to stand in the page as it is."""
    return Markup(files(package).joinpath("templates", name).read_text(encoding="utf-8"))


def policy(script: str) -> str:
    """The page may fetch nothing and run no script but its own, whatever a record contains."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = {
        "default-src": "'none'",
        "img-src": "data:",
        "script-src": f"'sha256-{digest}'",
        "style-src": "'unsafe-inline'",
    }
    return "; ".join(f"{kind} {sources}" for kind, sources in allowed.items())


def local(project: Project, now: dt.datetime) -> str:
    """Return *now*, naive UTC, as the project's clocks show it."""
    there = now.replace(tzinfo=dt.UTC).astimezone(project.zone)
    return f"{there:%Y-%m-%d %H:%M} ({project.settings.timezone})"
