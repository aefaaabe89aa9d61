"""Prefect flows: thin decorated calls of `salesml.pipeline`."""

import os
from pathlib import Path

# Before Prefect is imported: its own database lies with our runs, and it reports to nobody.
os.environ.setdefault("PREFECT_HOME", str(Path("var/prefect").resolve()))
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
