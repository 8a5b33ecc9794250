"""Files that are either the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from spacelang_runtime.failure import Failure

_PART = re.compile(r"\..+\.(\d{1,18})\.part")


def replace(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Write a file beside `path` with `fill`, make sure that the disk has it, and put it in the place of `path`.

    A crash at any moment leaves the old file or the new one. Raises `Failure` where the disk is full or the
    folder cannot be written; the old file is then as it was.
    """
    if path.is_dir():
        raise Failure(f"cannot write {path}: it is a folder", f"name a file, such as {path / 'NAME'}")
    part = part_of(path)
    try:
        with open(part, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _settle(path.parent)
    except (OSError, RuntimeError) as error:  # torch's writer wraps the OSError of a full disk in a RuntimeError
        cause = _first(error)
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
        kept = "; the one written before is kept" if path.exists() else ""
        raise Failure(
            f"cannot write {path}: {reason}{kept}", f"make room or give write access in {path.parent}"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def require_place(path: Path, what: str) -> None:
    """Make sure that a file can come to be at `path`, before the work for it begins; what is to be written there is
    `what`. Raises `Failure`."""
    if path.is_dir():
        raise Failure(f"{path} is a folder, and {what} is one file", f"name a file, such as {path / 'NAME'}")
    if not path.parent.is_dir():
        raise Failure(f"there is no folder {path.parent}", f"make it, or write {what} elsewhere")


def replace_json(path: Path, value: Any) -> None:
    """Write a JSON value for people and programs to read."""
    replace(path, lambda file: file.write((json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()))


def part_of(path: Path) -> Path:
    """Where this process writes a file before it takes its place. What killed writers of the same file have left is
    removed."""
    for other in path.parent.glob(".*.part"):
        if other.name.startswith(f".{path.name}."):
            _sweep(other)
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def sweep(folder: Path) -> None:
    """Remove what killed writers have left in a folder, and in those directly inside."""
    for path in (*folder.glob(".*.part"), *folder.glob("*/.*.part")):
        _sweep(path)


def _sweep(part: Path) -> None:
    """Remove what a writer has left whose process is gone from this host, where nothing has been added for a
    minute."""
    match = _PART.fullmatch(part.name)
    with suppress(OSError):
        if match and _gone(int(match[1])) and time.time() - part.stat().st_mtime > 60:
            part.unlink()


def _gone(process: int) -> bool:
    """Whether a process has ended; one of our own number wrote before us, as in containers that start anew."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return process == os.getpid()


def _settle(folder: Path) -> None:
    """Have the disk keep the folder's new entry; systems that cannot open a folder keep it by themselves."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first(error: BaseException) -> BaseException:
    """What an error goes back to."""
    while before := error.__cause__ or error.__context__:
        error = before
    return error
