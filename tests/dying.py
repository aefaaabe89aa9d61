"""Nights that are killed on the way, each in a process of its own that has all imported already."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import signal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import tiny

from salesml.registry import ENVIRONMENT

os.environ.update(ENVIRONMENT)  # read when MLflow is imported
# a server that imports what takes seconds once, and forks for each night
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["salesml.pipeline", "mlflow.store.tracking.sqlalchemy_store"])


def die(root: Path, place: str, nth: int, moment: str, as_of: dt.date) -> None:
    """Run a night that is killed in, or right before, the *nth* call of the function at *place*.

    At the *moment* ``half``, the file that this call has just written is cut in half.
    """
    process = _processes.Process(target=_night, args=(root, place, nth, moment, as_of))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "what it said instead is in the captured stderr"


def _night(root: Path, place: str, nth: int, moment: str, as_of: dt.date) -> None:
    from salesml.pipeline import nightly

    _kill_in(place, nth, moment)
    nightly("tiny", as_of, root=root, now=tiny.NOW)


def _kill_in(place: str, nth: int, moment: str) -> None:
    module, _, path = place.partition(":")
    owner = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real, calls = getattr(owner, name), 0

    def dying(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < nth:
            return real(*arguments, **options)
        if moment == "half":
            real(*arguments, **options)
            file = Path(next(each for each in arguments if isinstance(each, os.PathLike)))
            os.truncate(file, file.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    setattr(owner, name, dying)
