"""Pictures decoded once, all of a list: on the disk for those who come later, or in the memory of the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from hashlib import sha256

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from spacelang_runtime.data import cache
from spacelang_runtime.data.cache import UNREAD, Chunk, Pixels
from spacelang_runtime.data.decode import Broken
from spacelang_runtime.data.frame import Framing, Unframed
from spacelang_runtime.data.pictures import Files
from spacelang_runtime.data.workers import worked

CHUNK = 64
TOLD = 10.0  # seconds between two words on how far decoding has come

Say = Callable[[str], None]
Made = Framing | Unframed


def kept(files: Files, made: Made, workers: int, announcement: str, say: Say) -> Pixels:
    """The files decoded, from the disk where an earlier run has decoded them, else decoded now and kept there.

    made: what is made of each picture. announcement: said before they are decoded. Raises `Failure` and OSError
    where the disk refuses.
    """
    key = cache.key(files, str(made))
    with cache.alone(key):
        place = cache.found(key)
        if place is None:
            say(announcement)
            of = f"{len(files)} images of {files.encoded.place}"
            with closing(chunks(files, made, workers)) as parts:  # where the disk is full, the workers end now
                place = cache.write(key, of, str(made), made.channels, reported(parts, len(files), say))
        return cache.read(place)


def gathered(files: Files, made: Made, workers: int) -> Pixels:
    """The files decoded, in the memory of the process."""
    parts = [chunk.decoded for chunk in chunks(files, made, workers)]
    return Pixels(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.shapes for part in parts]),
        [one for part in parts for one in part.broken],
    )


def chunks(files: Files, made: Made, workers: int) -> Generator[Chunk, None, None]:
    """All files decoded, in chunks, in their order."""
    return worked(Chunks(files, made), range(-(-len(files) // CHUNK)), workers)


@frozen
class Chunks:
    """Decodes the chunk of that number."""

    files: Files
    made: Made

    def __call__(self, chunk: int) -> Chunk:
        pixels: list[NDArray[np.uint8]] = []
        shapes: list[tuple[int, ...]] = []
        broken: list[tuple[int, str]] = []
        content: list[bytes] = []
        for index in range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(self.files))):
            try:
                picture = self._picture(index, content)
            except Broken as error:
                broken.append((index, error.reason))
                shapes.append((0, 0))
                continue
            made = self.made(picture)
            pixels.append(made.reshape(-1))
            shapes.append(made.shape[1:] if isinstance(self.made, Framing) else made.shape[:2])
        whole = np.concatenate([np.zeros(0, np.uint8), *pixels])
        return Chunk(Pixels(whole, np.array(shapes, np.int64), broken), content)

    def _picture(self, index: int, content: list[bytes]) -> Image.Image:
        """A picture; the digest of its file joins the others also where it is broken."""
        try:
            read = self.files.content(index)
        except Broken:
            content.append(UNREAD)
            raise
        content.append(sha256(read).digest())
        return self.files.picture(index, read)


def reported(parts: Iterator[Chunk], count: int, say: Say) -> Iterator[Chunk]:
    """The same parts, and a word now and then on how many of `count` pictures they have been."""
    seen, last = 0, time.monotonic()
    for part in parts:
        yield part
        seen += len(part.decoded.shapes)
        if time.monotonic() - last > TOLD:
            last = time.monotonic()
            say(f"decoded {seen} of {count} images")
