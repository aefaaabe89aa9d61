"""Where a ledger lies, an SQLite file or a PostgreSQL database; its transactions and writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    NullPool,
    Row,
    TextClause,
    bindparam,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from salesml.errors import ExportError
from salesml.export.ledger_lock import holding_database, holding_file
from salesml.export.ledger_schema import bring_up_to_date

__all__ = ["Store"]

_BUSY_SECONDS = 30.0
_AT_ONCE = 1000
_ALIVE = {"keepalives": 1, "keepalives_idle": 60, "keepalives_interval": 15}
_SERVERS = ("postgresql://", "postgres://")


class Store:
    """The file at *place*, made if it is not there, or the database at a ``postgresql://`` dsn.

    Raises ExportError where it cannot be used. Not for several threads at once.
    """

    def __init__(self, place: Path | str) -> None:
        self._url = _url(str(place))
        self._held: Connection | None = None
        self._inside: Connection | None = None
        with self._guarded():
            self._engine = _engine(self._url)
            with self._engine.connect() as link:
                bring_up_to_date(link)

    @property
    def shown(self) -> str:
        """Where it lies, without a password."""
        if self._local:
            return self._url.database or ""
        # what stands behind the question mark may be a password too
        return self._url.set(drivername="postgresql", query={}).render_as_string()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed at the end; those inside it are part of it."""
        if self._inside is not None:
            with self._guarded():
                yield self._inside
            return
        with self._guarded(), self._linked() as link, link.begin():
            self._inside = link
            try:
                yield link
            finally:
                self._inside = None

    @contextmanager
    def rehearsing(self) -> Iterator[None]:
        """Inside, nothing that is changed lasts."""
        with self._linked() as link:
            with self._guarded():
                self._inside, work = link, link.begin()
            try:
                yield
            finally:
                self._inside = None
                with self._guarded():
                    work.rollback()

    @contextmanager
    def writing(self, run_id: str) -> Iterator[None]:
        """Be the one writer; raises LockedError where somebody else is.

        The system ends it when this process dies. May be entered again by its holder.
        """
        if self._held is not None:
            yield
            return
        with self._linked() as link, self._alone(link, run_id):
            self._held = link
            try:
                yield
            finally:
                self._held = None

    # statements -------------------------------------------------------------------------------

    def all(self, sql: str, **values: object) -> Sequence[Row[Any]]:
        """All rows of a query."""
        with self.transaction() as link:
            return link.execute(text(sql), values).all()

    def one(self, sql: str, **values: object) -> Any:
        """The one value of a query; None where there is none."""
        with self.transaction() as link:
            return link.execute(text(sql), values).scalar()

    def among(self, sql: str, ids: Sequence[object], **values: object) -> list[Row[Any]]:
        """The rows of a query ``… in :ids``, whatever the number of *ids*."""
        found: list[Row[Any]] = []
        with self.transaction() as link:
            for part in _parts(ids):
                found += link.execute(_with_ids(sql), {**values, "ids": part})
        return found

    def change_among(self, sql: str, ids: Sequence[object], **values: object) -> None:
        """Run a statement ``… in :ids``, whatever the number of *ids*."""
        if ids:
            with self.transaction() as link:
                for part in _parts(ids):
                    link.execute(_with_ids(sql), {**values, "ids": part})

    def change_each(self, sql: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Run a statement for each of *rows*."""
        if rows:
            with self.transaction() as link:
                link.execute(text(sql), rows)

    # links ------------------------------------------------------------------------------------

    @contextmanager
    def _alone(self, link: Connection, run_id: str) -> Iterator[None]:
        if self._local:
            with ExitStack() as held:
                with self._guarded():
                    held.enter_context(holding_file(Path(self.shown), run_id))
                yield
            return
        # on the link that everything is written through: who loses it can write no more
        with self._guarded():
            holding_database(link, run_id, self.shown)
        yield

    @contextmanager
    def _linked(self) -> Iterator[Connection]:
        if self._held is not None:
            yield self._held
            return
        with self._guarded():
            link = self._engine.connect()
        try:
            yield link
        finally:
            link.close()

    @property
    def _local(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            why = getattr(error, "orig", None) or error
            raise ExportError(
                f"The ledger cannot be used: {why}",
                where=self.shown,
                fix="Check the place and the rights to it. Nothing is written without it.",
            ) from None


@cache
def _with_ids(sql: str) -> TextClause:
    return text(sql).bindparams(bindparam("ids", expanding=True))


def _parts(ids: Sequence[object]) -> Iterator[list[object]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield list(ids[start : start + _AT_ONCE])


def _url(place: str) -> URL:
    if "://" not in place:
        return URL.create("sqlite", database=place)
    try:
        url = make_url(place).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        url = None
    # a part of a password that holds an @ would be shown as the name of the host
    if url is None or not place.startswith(_SERVERS) or "@" in (url.host or ""):
        raise ExportError(
            "The dsn of the ledger cannot be understood (not shown).",
            fix="Write postgresql://user:password@host:5432/database, and in a password %40 for"
            " @, %2F for / and %3A for a colon.",
        )
    return url


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        server = {"connect_timeout": 20, **_ALIVE}
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=server)
        event.listen(engine, "connect", _prepare_server)
        return engine
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    local = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=local)
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare_server(link: Any, _record: object) -> None:
    # a plan that was made while the tables were small reads all of them ever after
    link.execute("set plan_cache_mode = force_custom_plan")
    link.commit()


def _prepare(link: Any, _record: object) -> None:
    link.execute("pragma journal_mode = wal")
    link.execute("pragma synchronous = full")
    # what is updated, the most valuable first, lies all over the tables
    link.execute("pragma cache_size = -64000")
    link.execute("pragma wal_autocheckpoint = 10000")
