"""What is kept between commands in the user's own cache: small files that can be made again at any time.

A file begins with the SHA-256 of what follows; one that does not agree with it is as good as none. Files are
replaced whole, those used longest ago go where there are too many, and a folder that cannot be written is no error.
`SPACELANG_CACHE` names another folder, or switches the cache off: `SPACELANG_CACHE=off`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

MOST = 1 << 26  # bytes of all files together
_DIGEST = 32


def named() -> Path | None:
    """The folder that the cache is to lie in, whether it is there or not; None where it is switched off."""
    word = os.environ.get("SPACELANG_CACHE", "")
    if word.strip().lower() in ("off", "no", "0"):
        return None
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "spacelang"
    return Path(word).expanduser() if word else usual


def home() -> Path | None:
    """The folder of the cache, which exists and can be written; None where there is none."""
    if (folder := named()) is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def key(*parts: str) -> str:
    """The name of what follows from some texts alone."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def get(name: str) -> bytes | None:
    """What is kept under a name; None where nothing is, or where it has been damaged."""
    if (folder := home()) is None:
        return None
    path = folder / f"{name}.kept"
    try:
        found = path.read_bytes()
        if hashlib.sha256(found[_DIGEST:]).digest() != found[:_DIGEST]:
            path.unlink()
            return None
        os.utime(path)
    except OSError:
        return None
    return found[_DIGEST:]


def put(name: str, content: bytes) -> None:
    """Keep something under a name, as long as there is room for it."""
    if (folder := home()) is None or len(content) > MOST // 4:
        return
    with suppress(OSError):
        descriptor, part = tempfile.mkstemp(dir=folder, suffix=".part")
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
    files = sorted(((found.stat(), found) for found in folder.glob("*.kept")), key=lambda one: -one[0].st_mtime_ns)
    whole = 0
    for stat, path in files:
        whole += stat.st_size
        if whole > MOST:
            path.unlink(missing_ok=True)
