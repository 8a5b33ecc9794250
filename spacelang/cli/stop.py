"""Ctrl-C while a command is at work."""

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


def _stop(_: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            print("error: stopped", file=sys.stderr, flush=True)
            os._exit(STOPPED)
        frame = frame.f_back
    raise KeyboardInterrupt
