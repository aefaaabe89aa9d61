"""An experiment in the terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from salesml.experiment.result import Experiment, Outcome, signed
from salesml.training import Interval

__all__ = ["experiment_table"]

_HEADS = ("columns", "chosen", "log loss", "difference", "AUC", "difference", "seconds")


def experiment_table(experiment: Experiment) -> Table:
    """One row a variant, legible from 120 columns on; clear differences are coloured."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("variant", overflow="fold")
    for head in _HEADS:
        table.add_column(head, justify="left" if head == "chosen" else "right")
    for number, outcome in enumerate(experiment.outcomes):
        table.add_row(Text(outcome.name), *_cells(outcome, compared=number > 0))
    return table


def _cells(outcome: Outcome, *, compared: bool) -> list[Text]:
    loss, auc = (outcome.metrics[name].value for name in ("log_loss", "roc_auc"))
    differences = [
        _difference(outcome.differences[name], digits, better) if compared else Text()
        for name, digits, better in (("log_loss", 4, -1), ("roc_auc", 3, 1))
    ]
    return [
        Text(str(len(outcome.columns))),
        Text(outcome.chosen),
        Text(f"{loss:.4f}"),
        differences[0],
        Text(f"{auc:.3f}"),
        differences[1],
        Text(f"{outcome.seconds:.1f}"),
    ]


def _difference(difference: Interval, digits: int, better: int) -> Text:
    """*better* is the sign of a gain."""
    low, high = sorted((better * difference.low, better * difference.high))
    style = "green" if low > 0 else "red" if high < 0 else ""
    return Text(signed(difference, digits), style)
