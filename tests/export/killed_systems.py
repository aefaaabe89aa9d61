"""Systems whose write-backs are killed."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
from crm.bottlecrm.server import Organisation, Server
from crm.fakes import serving
from crm.fault_proxy import FaultProxy
from crm.salesforce.fake import CLIENT, SECRET, Fake

from export.killing import id_of
from salesml.crm import connect
from salesml.export import Target

Shown = dict[str, tuple[object, ...]]


class SqliteSystem:
    """A table ``accounts`` of a SQLite file, whose triggers count the writes."""

    target = Target("crm", "accounts", "id", "update", {"score": "score", "reason": "reason"})

    def __init__(self, folder: Path, count: int) -> None:
        self.path = folder / "crm.sqlite"
        self.spec = {"type": "sqlite", "path": str(self.path)}
        with closing(sqlite3.connect(self.path)) as link:
            link.executescript(
                "create table accounts (id text primary key, score integer, reason text);"
                "create table writes (id text);"
                "create trigger counting after update on accounts begin"
                " insert into writes values (new.id); end;"
            )
            rows = [(id_of(i),) for i in range(count)]
            link.executemany("insert into accounts (id) values (?)", rows)
            link.commit()

    def shown(self) -> Shown:
        return {i: (score, reason) for i, score, reason in self._all("select * from accounts")}

    def written(self) -> Counter[str]:
        rows = self._all("select id, count(*) from writes group by id")
        return Counter(dict(rows))

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, timeout=30)) as link:
            return link.execute(sql).fetchall()


class SalesforceSystem:
    """Accounts of the Salesforce stand-in; a tenth of them is still to be made."""

    target = Target(
        "crm",
        "Account",
        "ExternalId__c",
        "upsert",
        {"Name": "name", "Score__c": "score", "Reason__c": "reason"},
    )

    def __init__(self, fake: Fake, address: str, count: int) -> None:
        self.fake = fake
        self.spec = {
            "type": "salesforce",
            "url": address,
            "client_id": CLIENT,
            "client_secret": SECRET,
        }
        there = [{"ExternalId__c": id_of(i), "Name": f"社{i}"} for i in range(count) if i % 10]
        fake.org.add("Account", there)

    def shown(self) -> Shown:
        with self.fake.org.lock:
            records = list(self.fake.org.records["Account"].values())
        names = list(self.target.fields)
        shown = {r["ExternalId__c"]: tuple(r.get(name) for name in names) for r in records}
        assert len(shown) == len(records), "an id is there twice"
        return shown

    def written(self) -> Counter[str]:
        org = self.fake.org
        with org.lock:
            ids = {i: record["ExternalId__c"] for i, record in org.records["Account"].items()}
            return Counter({ids[i]: n for i, n in org.writes.items()})


@contextmanager
def salesforce(count: int) -> Iterator[SalesforceSystem]:
    """An org of its own, served until the block is left."""
    fake = Fake()
    with serving(fake.app) as address:
        yield SalesforceSystem(fake, address, count)


class BottleCrmSystem:
    """Leads of a real BottleCRM, written through a proxy that counts what reached it."""

    target = Target("crm", "leads", "ours", "update", {"score": "score", "reason": "reason"})

    def __init__(self, org: Organisation, proxy: FaultProxy, address: str, count: int) -> None:
        self._proxy = proxy
        self._direct = {"type": "bottlecrm", "url": org.url, "token": org.token}
        self.spec = {**self._direct, "url": address}
        for key, kind in {"ours": "text", "score": "number", "reason": "text"}.items():
            org.field("leads", key, kind)
        with ThreadPoolExecutor(4) as threads:
            ids = [id_of(i) for i in range(count)]
            made = threads.map(lambda i: org.make("leads", custom_fields={"ours": i}), ids)
            self._ids = dict(zip(made, ids, strict=True))

    def shown(self) -> Shown:
        with duckdb.connect() as con:
            connect("crm", self._direct).load(con, "leads", "raw", options={}, since=None)
            rows = con.execute("select ours, score, reason from raw").fetchall()
        shown: Shown = {i: (score, reason) for i, score, reason in rows}
        assert len(shown) == len(rows), "an id is there twice"
        return shown

    def written(self) -> Counter[str]:
        reached = {"", "delay", "duplicate", "cut", "truncate"}
        return self._patches(reached) + self.repeated()

    def repeated(self) -> Counter[str]:
        """Writes that the proxy repeated."""
        return self._patches({"duplicate"})

    def _patches(self, faults: set[str]) -> Counter[str]:
        with self._proxy.lock:
            passed = [p.request for p in self._proxy.passed if p.fault in faults]
        found = (re.match("PATCH /api/leads/([-0-9a-f]+)/", request) for request in passed)
        return Counter(self._ids[m[1]] for m in found if m and m[1] in self._ids)


@contextmanager
def bottlecrm(server: Server, count: int, faults: str) -> Iterator[BottleCrmSystem]:
    """An organisation of its own behind a proxy with *faults* (``cut=0.01,drop=0.01``)."""
    org = server.organisation()
    pairs = (pair.split("=") for pair in faults.split(",") if pair)
    proxy = FaultProxy(org.url, 1, {kind: float(rate) for kind, rate in pairs})
    with proxy.serving() as address:
        yield BottleCrmSystem(org, proxy, address, count)
