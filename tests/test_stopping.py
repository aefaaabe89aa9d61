"""SIGTERM asks to stop; it kills nothing."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from salesml import stopping
from salesml.errors import StoppedError


def test_nothing_stops_unasked() -> None:
    with stopping.finishing():
        stopping.require_going()
        stopping.pause(0)
        stopping.pause(-1)


def test_a_signal_asks_to_stop_and_ends_waits() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopping.finishing():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StoppedError, match="was asked to stop"):
            stopping.pause(600)
        with pytest.raises(StoppedError):
            stopping.require_going()
    assert signal.getsignal(signal.SIGTERM) is before
    stopping.require_going()


def test_what_was_asked_before_is_forgotten() -> None:
    stopping.stop()
    with stopping.finishing():
        stopping.require_going()


def test_other_threads_are_asked_by_stop_alone() -> None:
    heard: list[str] = []

    def work() -> None:
        with stopping.finishing():
            stopping.stop()
            try:
                stopping.pause(600)
            except StoppedError as error:
                heard.append(error.what)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert len(heard) == 1
    stopping.require_going()  # forgotten there, too
