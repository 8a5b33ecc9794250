"""Ctrl-C, and SIGTERM, while a command is at work."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = 130  # the exit code of what was stopped by Ctrl-C


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt; while a module is loaded it ends the process there and then.

    Large libraries swallow the exception when it meets them half loaded, and nothing is at stake before they are.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a shell may have it ignored
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def stopped_in_words(said: str, remedy: str) -> Iterator[None]:
    """Inside, SIGTERM ends the command as Ctrl-C does, with exit code 1, and both say what becomes of its work."""
    from spacelang.cli.terminal import fail

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminated = threading.Event()

    def terminate(_: int, frame: FrameType | None) -> None:
        terminated.set()
        _raised(frame, said, 1)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt:
        fail(said, remedy, 1 if terminated.is_set() else STOPPED)
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(_: int, frame: FrameType | None) -> None:
    _raised(frame, "stopped", STOPPED)


def _raised(frame: FrameType | None, said: str, code: int) -> None:
    """The end of what is at work: an exception, or there and then while a module is loaded."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            print(f"error: {said}", file=sys.stderr, flush=True)
            os._exit(code)
        frame = frame.f_back
    raise KeyboardInterrupt
