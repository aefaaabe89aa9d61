"""One nightly on a generated CRM: seconds by stage, peak memory, and how both grow.

    python benchmarks/nightly.py                     100,000 accounts, 100 activities each
    python benchmarks/nightly.py --accounts 10000    that size; a tenth of it runs beside

A CRM of Parquet files is made in a temporary folder, a model is trained on two past dates, then
one nightly is measured: reading, features, scores, reasons, write-back and report.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import duckdb
import psutil
import typer
from rich.console import Console
from rich.table import Table

from salesml import pipeline
from salesml.pipeline import Run, TaskScores

AS_OF = dt.date(2026, 6, 1)
ACTIVITIES_PER_ACCOUNT = 100
FEATURES = Path(__file__).resolve().parent.parent / "features"

PROJECT = """
title: {ja: ベンチマーク, en: Benchmark}
as_of: 2026-06-01
buckets: %(buckets)d
workers: %(workers)d
"""
SOURCES = """
connections:
  crm: {type: files, path: crm}
sources:
  accounts:
    connection: crm
    table: accounts.parquet
    kind: state
    key: account_id
    entity: account_id
    known_at: created_at
    columns: {account_id: account_id, name: name, industry: industry, employees: employees,
              prefecture: prefecture, segment: segment, owner_id: owner_id, revenue: revenue,
              created_at: created_at, annual_fee: annual_fee}
  activities:
    connection: crm
    table: activities.parquet
    kind: events
    key: activity_id
    entity: account_id
    happened_at: happened_at
    known_at: happened_at
    columns: {activity_id: activity_id, account_id: account_id, opportunity_id: "null",
              contact_id: contact_id, rep_id: "null", channel: channel, direction: direction,
              kind: kind}
    checks: {accepted: {channel: [mail, phone, visit, meeting, web, event]}}
  contract_events:
    connection: crm
    table: contract_events.parquet
    kind: events
    key: event_id
    entity: account_id
    happened_at: happened_at
    known_at: happened_at
    columns: {event_id: event_id, contract_id: contract_id, account_id: account_id, kind: kind,
              plan: plan, monthly_fee: monthly_fee, renewal_on: renewal_on}
"""
TASK = """
entity: account
title: {ja: 解約, en: Churn}
question: {ja: 90日以内に解約するか, en: "Will this customer cancel within 90 days?"}
outcome_is: bad
horizon: 90 days
every: month
history: 2
population: |
  select account_id, name, owner_id as owner, segment, annual_fee as amount
  from accounts anti join (select account_id from contract_events where kind = 'cancelled')
  using (account_id)
outcome: |
  select s.account_id, s.as_of from spine s join contract_events c using (account_id)
  where c.kind = 'cancelled' and c.happened_at >= s.as_of and c.happened_at < s.horizon_end
features: [engagement, contract, profile]
bands:
  - {name: critical, ja: 危険, en: Critical, from: 80}
  - {name: warning, ja: 警戒, en: Warning, from: 60}
  - {name: healthy, ja: 健全, en: Healthy, from: 1}
"""
EXPORT = """
connections:
  out: {type: files, path: out}
targets:
  churn: {task: churn, connection: out, table: churn.csv, key: account_id, mode: upsert,
          fields: {score: score, band: band_ja, reasons: reasons_ja}}
"""


def make_crm(folder: Path, accounts: int) -> None:
    """Write accounts, activities and contract events; quiet accounts cancel more."""
    folder.mkdir(parents=True)
    con = duckdb.connect()
    con.execute("create macro draw(i, k, n) as (hash(i, k) % n)::bigint")
    con.execute(
        f"""create table accounts as select format('A{{:08d}}', i) as account_id,
            format('株式会社{{:d}}', i) as name, ['製造', '小売', '医療', '金融', 'IT'][i % 5 + 1]
            as industry, 10 + draw(i, 0, 2000) as employees, '東京都' as prefecture,
            ['S', 'A', 'B', 'C'][i % 4 + 1] as segment, format('R{{:04d}}', i % 200) as owner_id,
            1e8 as revenue, timestamp '2023-01-01' + interval (draw(i, 1, 500)) day as created_at,
            1e5 * (1 + draw(i, 2, 50)) as annual_fee, draw(i, 3, 1000) / 1000.0 as health
            from range({accounts}) t(i)"""
    )
    con.execute(
        f"""create table activities as select i as activity_id, a.account_id,
            format('C{{:d}}', draw(i, 4, 5)) as contact_id,
            ['mail', 'phone', 'visit', 'meeting', 'web', 'event'][draw(i, 5, 6) + 1] as channel,
            ['in', 'out'][draw(i, 6, 2) + 1] as direction, 'call' as kind,
            timestamp '2024-07-01' + interval (
                draw(i, 7, 1000000) / 1e6 * (400 + 300 * a.health) * 86400) second
            as happened_at from range({accounts * ACTIVITIES_PER_ACCOUNT}) t(i)
            join accounts a on a.rowid = i % {accounts}"""
    )
    con.execute(
        """create table contract_events as
            select row_number() over () as event_id, *, 'C' || account_id as contract_id,
            'standard' as plan, annual_fee / 12 as monthly_fee, date '2027-01-01' as renewal_on
            from (select account_id, annual_fee, 'started' as kind, created_at as happened_at
            from accounts union all select account_id, annual_fee, 'cancelled',
            timestamp '2025-09-01' + interval (draw(account_id, 9, 270)) day
            from accounts where draw(account_id, 8, 1000) / 1000.0 < 0.3 * (1 - health))"""
    )
    for table in ("accounts", "activities", "contract_events"):
        con.execute(f"copy {table} to '{folder / table}.parquet' (format parquet)")


def make_project(root: Path, buckets: int, workers: int) -> None:
    """Write the configuration of the benchmark beside its CRM."""
    folder = root / "configs" / "bench"
    (folder / "tasks").mkdir(parents=True)
    (root / "features").symlink_to(FEATURES)
    settings = {"buckets": buckets, "workers": workers}
    (folder / "project.yml").write_text(PROJECT % settings, encoding="utf-8")
    (folder / "sources.yml").write_text(SOURCES, encoding="utf-8")
    (folder / "export.yml").write_text(EXPORT, encoding="utf-8")
    (folder / "tasks" / "churn.yml").write_text(TASK, encoding="utf-8")


class PeakMemory:
    """The most memory that this process and its children held together, in GB."""

    def __enter__(self) -> PeakMemory:
        self.gigabytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process(os.getpid())
        while not self._stop.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.gigabytes = max(self.gigabytes, total / 1e9)


def measure(accounts: int, buckets: int, workers: int) -> dict[str, float]:
    """Seconds by stage of one nightly for *accounts*, and its peak memory in GB."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_crm(root / "crm", accounts)
        make_project(root, buckets, workers)
        found: dict[str, float] = {}
        with pipeline.open_run("bench", AS_OF, root=root) as run, PeakMemory() as reading:
            found["read"] = _seconds(lambda: pipeline.read_sources(run))
        with pipeline.open_run("bench", AS_OF, root=root) as run:
            found["(train)"] = _seconds(lambda: pipeline.train_task(run, "churn"))
        with pipeline.open_run("bench", AS_OF, root=root) as run, PeakMemory() as memory:
            start = time.perf_counter()
            scored = _score(run)
            found["score"] = time.perf_counter() - start
            found |= {f"· {stage}": value for stage, value in scored.seconds.items()}
            found["write back"] = _seconds(lambda: pipeline.write_back_scores(run))
            found["report"] = _seconds(lambda: pipeline.finish(run, [], [scored], []))
        found["peak GB"] = max(reading.gigabytes, memory.gigabytes)
    stages = ("read", "score", "write back", "report")
    return {"nightly": sum(found[stage] for stage in stages), **found}


def _score(run: Run) -> TaskScores:
    return pipeline.score_task(run, "churn")


def _seconds(call: object) -> float:
    start = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - start


def main(
    accounts: Annotated[int, typer.Option(help="Accounts; activities are 100 each.")] = 100_000,
    buckets: Annotated[int, typer.Option(help="Buckets of the store.")] = 16,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
) -> None:
    """Measure the size asked for and a tenth of it, and print both with their ratio."""
    small, large = measure(accounts // 10, buckets, workers), measure(accounts, buckets, workers)
    table = Table(title=f"Nightly, {accounts:,} accounts and {accounts * 100:,} activities")
    for title in ("stage", f"{accounts // 10:,}", f"{accounts:,}", "ratio"):
        table.add_column(title, justify="left" if title == "stage" else "right")
    for stage, value in large.items():
        ratio = value / small[stage] if small[stage] else float("nan")
        table.add_row(stage, f"{small[stage]:.2f}", f"{value:.2f}", f"{ratio:.1f}")
    Console().print(table)
    Console().print("Seconds; stages with a dot are summed over the processes.")


if __name__ == "__main__":
    typer.run(main)
