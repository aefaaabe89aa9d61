"""Pictures of a training's result, as PNG files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salesml.training.result import TrainingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

TOP = 15  # features shown
MOST_DOTS = 500  # rows shown
FONTS = ("Noto Sans CJK JP", "IPAexGothic", "IPAGothic", "Yu Gothic", "Hiragino Sans", "Meiryo")
INK, QUIET = "#1f4e79", "#999999"


def draw(result: TrainingResult, directory: Path) -> list[Path]:
    """Write calibration, gain, importance and contributions to *directory*; return the files."""
    pictures: dict[str, Callable[[Axes, TrainingResult], None]] = {
        "calibration": _calibration,
        "gain": _gain,
        "importance": _importance,
        "contributions": _contributions,
    }
    return [_save(directory / f"{name}.png", paint, result) for name, paint in pictures.items()]


def _save(
    file: Path, paint: Callable[[Axes, TrainingResult], None], result: TrainingResult
) -> Path:
    from matplotlib import rc_context  # here: only who draws pays for matplotlib
    from matplotlib.figure import Figure

    with rc_context({"font.family": _fonts()}), warnings.catch_warnings():
        # without a Japanese font on the machine, names of features show as boxes
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(7, 5), layout="constrained")
        paint(figure.subplots(), result)
        figure.savefig(file, dpi=110)
    return file


def _fonts() -> list[str]:
    from matplotlib.font_manager import get_font_names

    return [*(name for name in FONTS if name in set(get_font_names())), "DejaVu Sans"]


def _calibration(axes: Axes, result: TrainingResult) -> None:
    table = result.calibration_table
    p, observed = table["probability"], table["observed"]
    ends = np.clip([observed - table["low"], table["high"] - observed], 0, None)
    top = max(p.max(), table["high"].max()) * 1.05
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1)
    axes.errorbar(p, observed, yerr=ends, fmt="o", color=INK, capsize=3)
    axes.set(xlabel="predicted probability", ylabel="observed share", title="Calibration (test)")


def _gain(axes: Axes, result: TrainingResult) -> None:
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, label="at random")
    curve = result.gain_curve
    axes.fill_between(curve["contacted"], curve["low"], curve["high"], color=INK, alpha=0.15)
    axes.plot(curve["contacted"], curve["captured"], color=INK, label=result.deployed)
    axes.set(xlabel="share contacted, best first", ylabel="share of positives reached")
    axes.set_title("Gain (test)")
    axes.legend(loc="lower right")


def _importance(axes: Axes, result: TrainingResult) -> None:
    top = result.importance.head(TOP).iloc[::-1]
    axes.barh(np.arange(len(top)), top["importance"], color=INK)
    axes.set_yticks(np.arange(len(top)), _literal(top["feature"]))
    axes.set(xlabel="mean absolute contribution (log-odds)", title="Importance")


def _contributions(axes: Axes, result: TrainingResult) -> None:
    rows, contributions = result.explained.head(MOST_DOTS)
    values = result.model.encoder_.transform(rows).matrix
    order = contributions.abs().mean().to_numpy().argsort(kind="stable")[-TOP:]
    spread = np.random.default_rng(0).uniform(-0.3, 0.3, len(rows))
    for height, column in enumerate(order):
        colours = _ranks(values[:, column])
        axes.scatter(
            contributions.iloc[:, column], height + spread, c=colours, cmap="coolwarm", s=5
        )
    axes.axvline(0, color=QUIET, linewidth=1)
    axes.set_yticks(np.arange(len(order)), _literal(contributions.columns[order]))
    axes.set(xlabel="contribution (log-odds); red: high value", title="Contributions (test)")


def _ranks(values: Any) -> Any:
    """Ranks from 0 to 1, missing in the middle."""
    return pd.Series(values).rank(pct=True).fillna(0.5).to_numpy()


def _literal(names: Any) -> list[str]:
    """Names as they are: a dollar sign would start a formula."""
    return [str(name).replace("$", r"\$") for name in names]
