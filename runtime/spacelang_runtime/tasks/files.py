"""Files of a data folder, opened with messages that name what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from PIL import Image

from spacelang.outside import NotJson, parse, read
from spacelang_runtime.data.decode import ANY_SIDE, Broken, decode, turn_of
from spacelang_runtime.failure import Failure


class Unreadable(Failure):
    """A picture that is none, or half of one."""


def read_json(path: Path, what: str) -> Any:
    """The JSON in a file. Raises `Failure` that says what the file should be."""
    try:
        return parse(read(path))
    except FileNotFoundError:
        raise Failure(f"there is no file {path}", f"it should hold {what}{_near(path)}") from None
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except NotJson as reason:
        raise Failure(f"{path} is not JSON: {reason}", f"it should hold {what}") from None


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a text file, stripped, without empty ones."""
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError:
        raise Failure(f"there is no file {path}", f"it should hold {what}{_near(path)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"cannot read {path}: {error}", f"it should hold {what}, as UTF-8 text") from None


def picture(path: Path, size: tuple[int, int] | None = None) -> Image.Image:
    """The picture in a file, in RGB, turned as its orientation tag says: that is how people look at it when they
    draw on it. size: width and height of what was drawn; where only the picture as it is stored has them, it is not
    turned. Raises `Unreadable` that names a file which holds none."""
    try:
        stored, turn = decode(path, ANY_SIDE), turn_of(path)
        turned = stored if turn is None else stored.transpose(turn)
        return stored if size not in (None, turned.size) and size == stored.size else turned
    except Broken as broken:
        raise Unreadable(
            f"{broken.name}: {broken.reason}", "restore the file, or take it out of the data"
        ) from None


def require_folder(folder: Path, what: str) -> None:
    """Make sure that a folder is there."""
    if not folder.is_dir():
        raise Failure(f"there is no folder {folder}", f"it should hold {what}{_near(folder)}")


def require_all(folder: Path, names: Iterable[str], whose: str) -> None:
    """Make sure that a folder has all the files that something speaks of."""
    there: dict[Path, set[str]] = {}
    missing = []
    for name in names:
        path = folder / name
        if path.parent not in there:
            there[path.parent] = {p.name for p in path.parent.iterdir()} if path.parent.is_dir() else set()
        if path.name not in there[path.parent]:
            missing.append(path)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Failure(f"{whose} speaks of {missing[0]}{more}, which is not there", "restore the images")


def fingerprint(parts: Iterable[object]) -> str:
    """A digest of what data consists of."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part}\n".encode("utf-8", "replace"))
    return digest.hexdigest()


def _near(path: Path) -> str:
    """What in the nearest folder might be meant."""
    if not path.parent.is_dir():
        return f"; {path.parent} is not there either"
    names = sorted(p.name for p in path.parent.iterdir())
    near = get_close_matches(path.name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there is: {', '.join(names[:8]) or 'nothing'}"
