"""The images that a search scores on, decoded and resized once: kept on the disk for the searches to come."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.amount import counted
from spacelang_runtime.data import cache
from spacelang_runtime.data.chunks import gathered, kept
from spacelang_runtime.data.labelled import LabelledSplit
from spacelang_runtime.data.pictures import Files
from spacelang_runtime.failure import Failure

READ = 256  # images are decoded in a multiple of so many: what one count has decoded, another may find


@frozen(eq=False)
class Decoded:
    """pictures: uint8 [n, channels, side, side], in memory or mapped from a file. labels: int64 [n]."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def decoded(split: LabelledSplit, count: int | None, say: Callable[[str], None]) -> Decoded:
    """The first `count` images of a split (None: all) that can be read, of as many as are in the first batches of
    `READ` that hold so many."""
    asked = min(count or len(split), len(split))
    if not asked:
        raise Failure("no images are held out, and a search has nothing to score on", "train with a holdout")
    looked = np.arange(min(-(-asked // READ) * READ, len(split)))
    pictures, labels, framing = split.pictures, split.labels[looked], split.framing
    if not isinstance(pictures, Files):
        grey = [framing(pictures.read(index)) for index in range(asked)]
        return Decoded(np.stack(grey), labels[:asked])
    files = pictures.take(looked)
    try:
        if not cache.fits(len(files) * framing.channels * framing.side**2):
            raise Failure(f"the disk of {cache.home()} has too little room")
        announcement = f"decoding {counted(len(files), 'image')} for the search, once, into {cache.home()}"
        found = kept(files, framing, split.workers, announcement, say)
    except (Failure, OSError) as reason:
        said = reason.message if isinstance(reason, Failure) else f"{reason.strerror}: {reason.filename}"
        say(f"the decoded images are not kept for the next search: {said}")
        found = gathered(files, framing, split.workers)
    for index, why in found.broken:
        split.skip(files.name(index), why)
    framed = found.pixels.reshape(-1, framing.channels, framing.side, framing.side)
    return Decoded(framed[:asked], labels[found.shapes[:, 0] > 0][:asked])
