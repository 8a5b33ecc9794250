"""What is kept between commands in the user's own cache: small files that can be made again at any time.

All lies in a folder `spacelang` of its own, inside what `SPACELANG_CACHE` names, else in the user's cache
(`$XDG_CACHE_HOME` or `~/.cache`); `SPACELANG_CACHE=off` does without it. The folder carries a tag by which backups
pass it over, and by which it is known to be ours: one of the same name with other things in it is left alone, and
so is one that others may write, since they could put answers into it.

A file begins with the SHA-256 of what follows; one that does not agree with it is as good as none. Files are
replaced whole, those used longest ago go where there are too many, and a folder that cannot be written is no error.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_IWGRP, S_IWOTH

MOST = 1 << 26  # bytes of all files together
_DIGEST = 32
TAG = "CACHEDIR.TAG"  # https://bford.info/cachedir/
_TAGGED = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# This folder is the cache of spacelang. It can be removed at any time: spacelang cache --clear\n"
)
OURS = re.compile(rf"{TAG}|train|decoded|[0-9a-f]+\.(kept|images|lock)|\..+\.part|tmp\w+\.part|grammar\.lark-cache")


def named() -> Path | None:
    """The folder that the cache is to lie in, whether it is there or not; None where it is switched off, and where
    a user has no home."""
    word = os.environ.get("SPACELANG_CACHE", "")
    if word.strip().lower() in ("off", "no", "0"):
        return None
    try:
        inside = Path(word or os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError:  # nobody of that number is known to the machine, and HOME is not set
        return None
    return inside / "spacelang"


def refused() -> str | None:
    """Why the cache is not used though it is there, in a line; None where nothing is wrong with it."""
    folder = named()
    if folder is None or not hasattr(os, "geteuid"):  # other systems have other rights
        return None
    try:
        status = folder.stat()
        if not S_ISDIR(status.st_mode):
            return f"the cache is not used: {folder} is no folder"
        if status.st_uid != os.geteuid():
            return f"the cache is not used: {folder} belongs to another user"
        if status.st_mode & (S_IWGRP | S_IWOTH):
            return f"the cache is not used: others may write into {folder} (chmod go-w {folder})"
        if not (folder / TAG).exists() and not all(OURS.fullmatch(entry.name) for entry in folder.iterdir()):
            return f"the cache is not used: {folder} holds other things"
    except OSError:  # it is not there, or may not be looked at
        pass
    return None


def home() -> Path | None:
    """The folder of the cache, which exists, is ours alone and can be written; None where there is none."""
    if (folder := named()) is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if refused() or not os.access(folder, os.W_OK):
            return None
        if not (folder / TAG).exists():
            (folder / TAG).write_bytes(_TAGGED)
    except OSError:
        return None
    return folder


def key(*parts: str) -> str:
    """The name of what follows from some texts alone."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def get(name: str) -> bytes | None:
    """What is kept under a name; None where nothing is, or where it has been damaged."""
    if (folder := home()) is None:
        return None
    path = folder / f"{name}.kept"
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            path.unlink()
            return None
        os.utime(path)
    except OSError:
        return None
    return content[_DIGEST:]


def put(name: str, content: bytes) -> None:
    """Keep something under a name, as long as there is room for it."""
    if (folder := home()) is None or len(content) > MOST // 4:
        return
    with suppress(OSError):
        descriptor, part = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
        try:
            with open(descriptor, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(part, folder / f"{name}.kept")
        except OSError:
            os.unlink(part)
            raise
        _make_room(folder)


def _make_room(folder: Path) -> None:
    """Remove the files used longest ago, until all together are no more than `MOST` bytes."""
    files = sorted(((file.stat(), file) for file in folder.glob("*.kept")), key=lambda one: -one[0].st_mtime_ns)
    whole = 0
    for stat, path in files:
        whole += stat.st_size
        if whole > MOST:
            path.unlink(missing_ok=True)
