"""A picture as a file for people to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spacelang_runtime.atomic import replace
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from PIL.Image import Image

_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def require_picture(path: Path) -> None:
    """Refuse the name of a file that says no kind of picture. Raises `Failure`."""
    if path.suffix.lower() not in _KINDS:
        raise Failure(f"{path} is no kind of picture that can be written", "name a .png, .jpg or .webp file")


def write(picture: Image, path: Path) -> None:
    """Write a picture, in the folders that its path names. Raises `Failure` where that cannot be."""
    require_picture(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, lambda file: picture.save(file, _KINDS[path.suffix.lower()]))
