"""A command in a process of its own that begins at once: a fork of this one, which has loaded what takes long.

This process must not have used threads. Each child leads a session; the processes that it leaves behind when it is
killed become children of this one, which so sees whether there are any.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from attrs import frozen

PATIENCE = 30.0  # seconds that a command may take to end after SIGTERM, and its own children after it
SUBREAPER = 36  # of prctl(2): orphans come to this process
CACHE, SAID, SCORED, LOADED = "cache", "said.log", "scored.log", "modules"


@frozen
class End:
    """How a command ended. code: as of `os.waitstatus_to_exitcode`, below 0 by a signal. seconds: that it took;
    late: after the signal. left: processes of its own that it left running."""

    code: int
    seconds: float
    late: float = 0.0
    left: bool = False
    sent: bool = False
    cpu: float = 0.0


def load(modules: list[str]) -> None:
    """Load modules by name, those that can be, and have forks share their memory."""
    for name in modules:
        if name.split(".")[0] != "__main__":
            with suppress(ImportError, AttributeError, KeyError, RuntimeError, OSError):
                import_module(name)
    gc.collect()
    gc.freeze()
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def begun(
    folder: Path, words: tuple[str, ...], prepare: Callable[[], None], more: Mapping[str, str] | None = None
) -> int:
    """Begin a command in a folder; gives the number of its process. What it says is in `SAID` beside the folder;
    in the end `LOADED` tells which modules it has loaded. prepare: what is done in the process before. more: its
    environment, besides this one's."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        said = os.open(folder.parent / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for to, descriptor in ((0, nothing), (1, said), (2, said)):
            os.dup2(descriptor, to)
        os.environ.update({"SPACELANG_CACHE": str(folder / CACHE), **(more or {})})
        sys.argv = ["spacelang", *words]
        prepare()
        from spacelang.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
            (folder.parent / LOADED).write_text(" ".join(sys.modules))
        os._exit(code)


def ended(child: int, after: float | None = None, by: signal.Signals = signal.SIGKILL) -> End:
    """Wait for a command. after: seconds after which it gets a signal, if it is still there; one that does not end
    by it in time is killed."""
    began, sent = time.monotonic(), None
    while True:
        found, status, used = os.wait4(child, os.WNOHANG)
        now = time.monotonic()
        if found:
            break
        if sent is None and after is not None and now - began >= after:
            os.kill(child, by)
            sent = now
        if now - (sent or began) > (PATIENCE if sent else 20 * PATIENCE):
            os.kill(child, signal.SIGKILL)
        time.sleep(0.004)
    late = now - sent if sent else 0.0
    return End(
        os.waitstatus_to_exitcode(status),
        now - began,
        late,
        _left(child),
        sent is not None,
        used.ru_utime + used.ru_stime,
    )


def _left(group: int) -> bool:
    """Whether processes of a group are still there after a while; they are then killed."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if os.waitpid(-group, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
        except ChildProcessError:
            return False
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return True


def said(folder: Path) -> str:
    """What the last command said."""
    return (folder.parent / SAID).read_text(encoding="utf-8", errors="replace")


def eased(scored: Path, often: float, steps: int) -> None:
    """In a child: have checkpoints kept often, write down each network that is begun to be scored, with the run in
    whose journal it will be, and have each finish make so many steps, however fast the machine is."""
    from spacelang_runtime.engine import train as trainer
    from spacelang_runtime.refine import measure
    from spacelang_runtime.search import evolve
    from spacelang_runtime.search.scoring import Scorer
    from spacelang_runtime.tasks import finish as finishing

    train, judging, writer = trainer.train, Scorer.judging, evolve.journal_writer
    log = os.open(scored, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    place = ""

    def kept(*given, **how):
        return train(*given, **(how | {"every": often}))

    def writer_there(journal):
        nonlocal place
        (file,) = (row[2] for row in journal.database.execute("PRAGMA database_list") if row[1] == "main")
        place = Path(file).parent.name
        return writer(journal)

    def noted(self, task, stretch):
        os.write(log, f"{place}/{task.digest} {len(task.known)}\n".encode())
        return judging(self, task, stretch)

    evolve.journal_writer = measure.journal_writer = writer_there
    trainer.train, Scorer.judging = kept, noted
    finishing._seconds_a_step = lambda asked, *_: asked.finish.seconds / steps
