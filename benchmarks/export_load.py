"""A million changed records into a stand-in of Salesforce: rows per second and peak memory.

    python benchmarks/export_load.py                 1,000,000 records
    python benchmarks/export_load.py --rows 100000   fewer

The stand-in runs as a process of its own. `write_back` does all there is to do, with a ledger:
reading tables of scores, comparing, looking records up, writing, reading back. Then a bare client
does the very same requests with files that lie ready: that is what the stand-in can take.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from crm.fakes import spawned  # noqa: E402
from crm.salesforce.fake import CLIENT, SECRET, VERSION  # noqa: E402

from salesml import crm  # noqa: E402
from salesml.export import Ledger, Target, write_back  # noqa: E402

TYPES = {"score": int, "band": str, "reason": str, "hot": bool}
AS_OF = dt.date(2026, 6, 1)
BATCH = 10_000
TABLE = 50_000
FIELDS = {"Score__c": "score", "Band__c": "band", "Reason__c": "reason", "Hot__c": "hot"}


@dataclass(frozen=True)
class Measured:
    """What one way took."""

    seconds: float
    peak_mb: float
    calls: int


def ids_of(rows: range) -> list[str]:
    """External ids, as the stand-in numbers them."""
    return [f"A-{i:07d}" for i in rows]


def scores(rows: range, salt: int) -> pd.DataFrame:
    """Scores as a night brings them; *salt* makes all of them differ from others."""
    numbers = pd.Series(range(rows.start, rows.stop))
    return pd.DataFrame(
        {
            "external_id": ids_of(rows),
            "score": (numbers * 7 + salt) % 99 + 1,
            "band": [("A", "B", "C", "D")[(i + salt) % 4] for i in rows],
            "reason": [f"ログイン日数が{i % 30}日→{i % 7}日（30日）、{salt}回目" for i in rows],
            "hot": numbers % 2 == salt % 2,
        }
    )


def tables(rows: int, salt: int) -> Iterator[pd.DataFrame]:
    """The scores of a night, table by table."""
    for start in range(0, rows, TABLE):
        yield scores(range(start, min(start + TABLE, rows)), salt)


def ready(rows: int, salt: int) -> Iterator[tuple[Sequence[str], pd.DataFrame]]:
    """The scores of a night as the batches that travel together."""
    for table in tables(rows, salt):
        for start in range(0, len(table), BATCH):
            part = table.iloc[start : start + BATCH]
            yield list(part["external_id"]), part


# what the stand-in can take --------------------------------------------------------------------


def bare(url: str, rows: int) -> Measured:
    """The same requests by a client that does nothing else, its files made before."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
    with httpx.Client(base_url=url, timeout=120) as client:
        token = client.post("/services/oauth2/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        seconds, calls = 0.0, 0
        for ids, part in ready(rows, 1):
            queries, body = lookups(ids), upload(part)
            began = time.perf_counter()
            for query in queries:
                client.get(f"/services/data/v{VERSION}/queryAll/?q={query}").read()
            calls += len(queries) + job(client, body)
            seconds += time.perf_counter() - began
    return Measured(seconds, peak(), calls)


def lookups(ids: Sequence[str]) -> list[str]:
    """Addresses as long as Salesforce takes them."""
    head = f"select+Id,ExternalId__c,{','.join(FIELDS)}+from+Account+where+ExternalId__c+in+("
    parts = [ids[start : start + 900] for start in range(0, len(ids), 900)]
    return [head + ",".join(f"'{i}'" for i in part) + ")" for part in parts]


def upload(part: pd.DataFrame) -> bytes:
    """The file of one job."""
    text = io.StringIO()
    names = {"external_id": "ExternalId__c", **{v: k for k, v in FIELDS.items()}}
    part = part.assign(hot=part["hot"].map({True: "true", False: "false"}))
    part.rename(columns=names).to_csv(text, index=False, lineterminator="\n", quoting=csv.QUOTE_ALL)
    return text.getvalue().encode()


def job(client: httpx.Client, body: bytes) -> int:
    """One job from beginning to results; the requests it took."""
    root = f"/services/data/v{VERSION}/jobs/ingest"
    made = client.post(
        root,
        json={
            "object": "Account",
            "operation": "upsert",
            "externalIdFieldName": "ExternalId__c",
            "contentType": "CSV",
            "lineEnding": "LF",
        },
    ).json()["id"]
    client.put(f"{root}/{made}/batches", content=body, headers={"Content-Type": "text/csv"})
    client.patch(f"{root}/{made}", json={"state": "UploadComplete"})
    calls = 3
    while (told := client.get(f"{root}/{made}").json())["state"] != "JobComplete":
        calls += 1
        time.sleep(0.02)
    if told["numberRecordsFailed"]:
        raise RuntimeError(f"{told['numberRecordsFailed']} records failed")
    for kind in ("successfulResults", "failedResults"):
        client.get(f"{root}/{made}/{kind}/").read()
    return calls + 3


# what we do ------------------------------------------------------------------------------------


def ours(url: str, rows: int) -> Measured:
    """`write_back` of as many changed records."""
    spec = {"type": "salesforce", "url": url, "client_id": CLIENT, "client_secret": SECRET}
    connection = crm.connect("crm", spec)
    target = Target("accounts", "Account", "ExternalId__c", "update", FIELDS)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = write_back(
            target,
            tables(rows, 2),
            connection=connection,
            ledger=Ledger(Path(folder) / "ledger.sqlite"),
            as_of=AS_OF,
            run_id="load",
            types=TYPES,
            now=lambda: dt.datetime.now(dt.UTC).replace(tzinfo=None),
        )
        seconds = time.perf_counter() - began
    if result.stopped or result.written != rows:
        raise RuntimeError("\n".join(result.lines()))
    return Measured(seconds, peak(), connection.calls)


def peak() -> float:
    """Most memory this process held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alone(work: Callable[[str, int], Measured], url: str, rows: int) -> Measured:
    """*work* in a process of its own, so that its peak is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, url, rows).result()


def main(rows: Annotated[int, typer.Option(help="Changed records.")] = 1_000_000) -> None:
    """Measure both ways, one after the other."""
    with spawned("crm.salesforce.fake") as url:
        filled = {"object": "Account", "count": rows}
        httpx.post(f"{url}/_fake/records", json=filled, timeout=600).raise_for_status()
        found = {"write_back": alone(ours, url, rows), "bare client": alone(bare, url, rows)}
        state = httpx.get(f"{url}/_fake/state", timeout=60).json()
    shown = Table("", "seconds", "rows a second", "requests", "peak memory, MB")
    for name, m in found.items():
        rate = f"{rows / m.seconds:,.0f}"
        shown.add_row(name, f"{m.seconds:,.1f}", rate, f"{m.calls:,}", f"{m.peak_mb:,.0f}")
    console = Console()
    console.print(f"{rows:,} changed records into a stand-in of Salesforce", shown)
    console.print(f"Each record was written {state['most_writes']} times, once by each of the two.")


if __name__ == "__main__":
    typer.run(main)
