"""Make the picture of the report in the README: ``python -m tests.browser.screenshot FILE``."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
import tempfile
from pathlib import Path

from salesml import api
from salesml.config import load_project
from salesml.pipeline import nightly
from tests.browser.chromium import Opened, chromium

ROOT = Path(__file__).parents[2]
WEEK = dt.timedelta(days=7)  # between the nights, so that something has changed
SIZE = {"width": 1360, "height": 1000}
MOST = 400_000  # bytes


def main(target: Path) -> None:
    """Run the sample for two nights in a scratch folder and photograph the second report."""
    with tempfile.TemporaryDirectory(prefix="salesml-screenshot-") as folder:
        photograph(_report(Path(folder)), target)
    if target.stat().st_size > MOST:
        sys.exit(f"{target} has {target.stat().st_size:,} bytes, more than {MOST:,}")


def _report(root: Path) -> Path:
    for name in ("configs/sample", "features"):
        shutil.copytree(ROOT / name, root / name)
    api.make_sample(root / "var" / "sample")
    api.municipal_import("sample", root / "var" / "sample" / "published", root=root)
    first = load_project("sample", root).settings.as_of
    assert isinstance(first, dt.date)
    nightly("sample", first, root=root, tell=print)
    return nightly("sample", first + WEEK, root=root, tell=print).report


def photograph(report: Path, target: Path) -> None:
    """Save the top of *report*, in English, as PNG."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        page = Opened(browser.new_page(viewport=SIZE), report).page
        page.get_by_role("button", name="English").click()
        page.mouse.move(0, 0)
        page.screenshot(path=target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
