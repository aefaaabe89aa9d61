"""Write-backs that are killed with -9 at random moments, again and again, and what is left then.

    python benchmarks/killed_exports.py                        200 kills, 5,000 records, Salesforce
    python benchmarks/killed_exports.py --system bottlecrm     the same against a real BottleCRM
    python benchmarks/killed_exports.py --kills 20 --records 500

Each write-back is a process of its own that does what a nightly does. It is killed at a random
moment, half of the times while records are on their way, and begun again until it ends; then
values change and the next night begins. After each night the CRM must hold what the night's
rows say, no record may be there twice or have been written twice unless it was on its way at
a kill, and in the end an undisturbed write-back to another CRM must give the same (`--no-twin`
leaves that out). Salesforce is
the stand-in of the tests over HTTP; BottleCRM is the real one (`make .venv-crm/.migrated`),
behind a proxy that drops, delays, repeats and cuts off requests, and answers 429 and 503.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from crm.bottlecrm.server import missing, running  # noqa: E402
from export.killed_systems import bottlecrm, salesforce  # noqa: E402
from export.killing import Killing, Report  # noqa: E402

FAULTS = "cut=0.01,drop=0.01,truncate=0.005,delay=0.01,duplicate=0.01,busy=0.005,down=0.005"
LONGEST = 8.0
"""Seconds from the start of a run in which a kill comes, so that slow systems see many."""


class System(Enum):
    """What is written to."""

    salesforce = "salesforce"
    bottlecrm = "bottlecrm"


@contextmanager
def systems(kind: System, folder: Path, records: int, twin: bool) -> Iterator[list[Any]]:
    """The system whose write-backs are killed, and with *twin* another one for comparison."""
    with ExitStack() as stack:
        if kind is System.salesforce:
            yield [stack.enter_context(salesforce(records)) for _ in range(1 + twin)]
            return
        if reason := missing():
            raise typer.BadParameter(reason)
        server = stack.enter_context(running(folder / "bottlecrm"))
        faults = (FAULTS, "")[: 1 + twin]
        yield [stack.enter_context(bottlecrm(server, records, f)) for f in faults]


def main(
    system: Annotated[System, typer.Option()] = System.salesforce,
    kills: Annotated[int, typer.Option()] = 200,
    records: Annotated[int, typer.Option()] = 5_000,
    seed: Annotated[int, typer.Option()] = 0,
    twin: Annotated[bool, typer.Option()] = True,
) -> None:
    """Kill, and say what came of it; fails as soon as something is lost or written twice."""
    console = Console()

    def tell(report: Report) -> None:
        if report.kills % 10 == 0:
            console.print(f"{report.kills} kills, {report.nights} nights, {report.runs} runs")

    with tempfile.TemporaryDirectory() as name, systems(system, Path(name), records, twin) as made:
        forgiven = getattr(made[0], "repeated", None)
        more = {"forgiven": forgiven} if forgiven else {}
        folder = Path(name) / "killed"
        killing = Killing(made[0], folder, records, seed=seed, aimed=True, tell=tell, **more)
        within = LONGEST if system is System.bottlecrm else killing.undisturbed()
        console.print(f"{records:,} records, killed within {min(within, LONGEST):.1f} s")
        killing.kill(kills, min(within, LONGEST))
        for other in made[1:]:
            Killing(other, Path(name) / "twin", records).undisturbed_as(killing)
            assert made[0].shown() == other.shown(), "the undisturbed system differs"
    r = killing.report
    again = (
        f"{r.twice} of them again, of records that were on their way" if r.twice else "none again"
    )
    equal = ", equal to an undisturbed run" if twin else ""
    console.print(
        f"{system.value}: {r.kills} kills ({r.in_flight} with records on their way) in {r.nights}"
        f" nights of {r.records:,} records, {r.runs} runs, {r.seconds:.0f} s; {r.writes:,} writes,"
        f" {again}; nothing lost{equal}",
        soft_wrap=True,
    )


if __name__ == "__main__":
    typer.run(main)
