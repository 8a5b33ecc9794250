"""One writer a run: a lock on its folder that ends with its process, however that ends.

The operating system holds it, on network disks too, where these have locks. The file `lock` in the folder
tells who holds it, for the message to a second writer; looking takes no lock. Where a disk has no locks, that
note is all there is.

This module does not import torch, so that a second writer is refused at once.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from spacelang_runtime.atomic import sweep
from spacelang_runtime.failure import Failure

NAME = "lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_held: set[tuple[int, Path]] = set()  # by process: one that was forked does not hold what its parent does


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Inside, no other process writes into a run's folder; of those that torchrun started together, the leading one
    holds the lock for all. What holds it already may take it again.

    What killed writers have left there is removed first. Raises `Failure` at once where another process holds it,
    with its host and number.
    """
    place = os.getpid(), folder.resolve()
    if place in _held or os.environ.get("RANK", "0") != "0":
        yield
        return
    with _opened(folder) as file:
        _take(file, folder)
        sweep(folder)
        try:
            _tell(file, {"host": socket.gethostname(), "process": os.getpid()})
        except OSError as error:
            raise Failure(f"cannot write into {folder}: {error.strerror}", "make room there") from None
        _held.add(place)
        try:
            yield
        finally:
            _held.discard(place)
            _tell(file, None)


def remove_empty(folder: Path) -> None:
    """Take a folder away in which a writer has left nothing but its lock. Not to be called while one is held."""
    if {path.name for path in folder.iterdir()} <= {NAME}:
        (folder / NAME).unlink(missing_ok=True)
        folder.rmdir()


def _opened(folder: Path) -> BinaryIO:
    try:
        # Neither "r+" makes a file nor "w+" keeps what another has told.
        return open(os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    except OSError as error:
        raise Failure(
            f"cannot write into {folder}: {error.strerror}", "give write access, or take a copy of the run"
        ) from None


def _take(file: BinaryIO, folder: Path) -> None:
    """Have the system lock a file for this process: a POSIX lock, which no child of it keeps alive."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = _told(file)
        if error.errno not in _NO_LOCKS:
            said = "another process" if holder is None else f"process {holder[1]} on {holder[0]}"
            stop = "" if holder is None else f", or stop it there: kill {holder[1]}"
            raise Failure(f"{folder} is being written by {said}", f"wait for its end{stop}") from None
        if holder is not None and not _gone(*holder):
            raise Failure(
                f"{folder} is being written by process {holder[1]} on {holder[0]}, as far as can be told: its disk "
                "has no locks",
                f"wait for its end; if it has ended, delete {folder / NAME}",
            ) from None


def _told(file: BinaryIO) -> tuple[str, int] | None:
    """Who holds a lock: host and number of the process; None where nobody has said so."""
    try:
        told = json.loads(file.read(1000))
        return str(told["host"]), int(told["process"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tell(file: BinaryIO, holder: dict[str, object] | None) -> None:
    file.seek(0)
    file.truncate()
    if holder is not None:
        file.write(json.dumps(holder).encode())


def _gone(host: str, process: int) -> bool:
    """Whether a process is known to have ended: those of other hosts are not known."""
    if host != socket.gethostname():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return process == os.getpid()
