"""Files of the user: texts written whole or not at all, and what to do where the disk refuses."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Put a text in a file. What was there stays as it was until the new text is whole on the disk; a device or a
    pipe takes it as it comes. Raises OSError that names `path`."""
    from spacelang_runtime.atomic import part_of

    real = path.resolve()
    part = part_of(real)
    try:
        if real.exists() and not real.is_file():
            path.write_text(text, encoding="utf-8", newline="\n")
            return
        part.write_text(text, encoding="utf-8", newline="\n")
        if real.exists():
            shutil.copymode(real, part)
        os.replace(part, real)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def why(error: OSError) -> tuple[str, str]:
    """What the system refused, in a sentence, and what its user can do about it."""
    if error.filename is None:
        name, path = "the output", None
    else:
        name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
        path = Path(name)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk is full: {name} was not written", "make room, and give the same command again"
        case errno.ENOENT if path is not None:
            missing = [folder for folder in path.parents if not folder.exists()]
            if missing:
                return f"there is no folder {path.parent}", f"make it: mkdir -p {path.parent}"
            return f"there is no file {name}", "look for a slip in its name"
        case errno.EISDIR:
            return f"{name} is a folder", "name a file"
        case errno.ENOTDIR | errno.EEXIST if path is not None:
            file = next((part for part in (*reversed(path.parents), path) if part.is_file()), path)
            return f"{file} is a file, not a folder", "name another place"
        case errno.EACCES | errno.EPERM:
            place = f"; see: ls -ld {name}" if path is not None and path.exists() else ""
            return f"{name}: permission denied", f"choose a place of your own, or give yourself access{place}"
        case errno.EROFS:
            return f"{name} is on a disk that can only be read", "choose another place"
        case errno.ENAMETOOLONG:
            return f"the name {name[:40]}… is too long for a file", "choose a shorter one"
        case errno.ELOOP:
            return f"{name} is a link that leads to itself", "name the file that is meant"
        case errno.EFBIG:
            return f"{name}: {error.strerror}", "name a .space file"
        case errno.EMFILE | errno.ENFILE:
            return "too many files are open", "allow more: ulimit -n 4096"
        case _:
            return f"{name}: {error.strerror or error}", ""
