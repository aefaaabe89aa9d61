"""salesml: nightly sales scores with reasons, from your CRM and back into it.

`salesml.api` has one call a command; `salesml.PropensityModel` is the estimator.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "ConfigError": "errors",
    "DataQualityError": "errors",
    "ExportError": "errors",
    "FeatureError": "errors",
    "LabelError": "errors",
    "LockedError": "errors",
    "ModelError": "errors",
    "NextActionModel": "actions.effect",
    "PropensityModel": "training",
    "SalesmlError": "errors",
    "SourceError": "errors",
    "Variant": "experiment",
    "load_project": "config",
}

__all__ = ["__version__", "api", *_HOME]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: some of them bring heavy packages."""
    if name == "api":
        return importlib.import_module("salesml.api")
    if name not in _HOME:
        raise AttributeError(f"module 'salesml' has no attribute '{name}'")
    return getattr(importlib.import_module(f"salesml.{_HOME[name]}"), name)
