"""The files of a model's folder, written all or none, and none that is there already replaced unasked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from spacelang_runtime.atomic import replace
from spacelang_runtime.failure import Failure

CONFIG = "config.json"  # the file by which a model's folder is known
WEIGHTS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")  # endings of files of weights, which are no models
_ENDING = re.compile(r"\.(?!v\d)[a-z][a-z0-9]{0,4}", re.IGNORECASE)


def fill(folder: Path, files: Mapping[str, bytes], force: bool) -> None:
    """Write files into a folder, all or none. force: whether others of these names may be replaced, and the folder
    may hold other things. Raises `Failure` where they may not, and where the folder cannot be written."""
    for name, content in files.items() if not force else ():
        require_free(folder / name, content)
    if not force:
        require_own(folder, files)
    make(folder)
    for name, content in files.items():
        replace(folder / name, lambda file, content=content: file.write(content))


def make(folder: Path) -> None:
    """Make a folder, where there is none, and sure that it can be written into. Raises `Failure`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the folder {folder}: {error.strerror}", "name another") from None
    if not os.access(folder, os.W_OK):
        raise Failure(f"cannot write into the folder {folder}", "give write access, or name another")


def file_like(path: Path) -> bool:
    """Whether the name of a folder that is to be made is a file's by its ending: up to five letters and digits, a
    letter first, such as `m.docx`. Versions and numbers are none (`net.v2`, `net.0`), nor is a folder that is there
    already."""
    ends = path.suffix.lower() in WEIGHTS or _ENDING.fullmatch(path.suffix) is not None
    return ends and not path.is_dir()


def require_folder(path: Path) -> None:
    """Refuse the name of a file where a model's folder is to be made. Raises `Failure`."""
    if file_like(path):
        raise Failure(f"{path} is the name of a file, and a model is a folder", f"take {path.with_suffix('')}/")


def as_json(value: Any) -> bytes:
    """A JSON value for people and programs to read."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def require_free(path: Path, content: bytes | None = None) -> None:
    """Make sure that a file may be written: there is none, or one with this very content. Raises `Failure`."""
    if path.exists() and (not path.is_file() or content is None or path.read_bytes() != content):
        other = "" if content is None else ", with other content"
        raise Failure(f"{path} is there already{other}", "write elsewhere, or replace it with --force")


def require_own(folder: Path, files: Collection[str] = ()) -> None:
    """Make sure that a folder is new, empty, a model's, or has some of these files, as a killed writer leaves it.
    Raises `Failure` for one that holds other things."""
    if not folder.is_dir() or (folder / CONFIG).is_file():
        return
    others = sorted(path.name for path in folder.iterdir() if path.name[0] != "." and path.name not in files)
    if others:
        some = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
        raise Failure(
            f"{folder} holds other things ({some}), and a model has a folder of its own",
            f"name a new one, such as {folder / 'model'}; or write there all the same with --force",
        )
