"""Being asked to stop: what is in hand is finished, and nothing new is begun."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from salesml.errors import StoppedError

__all__ = ["finishing", "pause", "require_going", "stop"]

_asked = threading.Event()


def stop() -> None:
    """Ask whoever works inside `finishing` to stop; waits end at once."""
    _asked.set()


def require_going() -> None:
    """Raise StoppedError if the run was asked to stop: call it before beginning something new."""
    if _asked.is_set():
        raise StoppedError(
            "The run was asked to stop; what was in hand is finished.",
            fix="Start it again: it goes on where it stopped.",
        )


def pause(seconds: float) -> None:
    """Wait; raises StoppedError as soon as the run is asked to stop."""
    if _asked.wait(max(0.0, seconds)):
        require_going()


@contextmanager
def finishing() -> Iterator[None]:
    """Inside, SIGTERM asks to stop instead of killing; what was asked is forgotten at the end.

    Signals reach the main thread alone: elsewhere this changes nothing.
    """
    _asked.clear()
    here = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _on_signal) if here else None
    try:
        yield
    finally:
        if here:
            signal.signal(signal.SIGTERM, before)
        _asked.clear()


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    stop()
