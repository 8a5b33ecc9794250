"""Run-length encodings of masks in COCO's form: how many pixels their runs cover.

pycocotools takes any runs. Where they are fewer than the pixels of a photo, it leaves the rest of the mask as the
memory was; where they are more, it stops the training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 2**31  # pixels
_LONGEST = 7  # characters of five bits, of a run below that


def covered(counts: list[object] | str) -> int | None:
    """The pixels that runs cover, as a list of numbers or as COCO's text; None where they are no runs."""
    if isinstance(counts, str):
        runs = _runs(counts)
        return None if runs is None or runs.min(initial=0) < 0 else int(runs.sum())
    sound = all(isinstance(run, int) and not isinstance(run, bool) and 0 <= run < MOST for run in counts)
    return sum(run for run in counts if isinstance(run, int)) if sound else None


def _runs(text: str) -> NDArray[np.int64] | None:
    """The runs in a text: numbers of five bits a character, the lowest first, of which bit 6 says that another one
    follows and bit 5 of the last is the sign; from the fourth number on, less the number two before."""
    codes = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero((codes & 32) == 0)
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or not len(ends) or ends[-1] != len(codes) - 1:
        return None
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST:
        return None
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    runs = np.add.reduceat((codes & 31) << shifts, starts)
    runs -= np.where(codes[ends] & 16, 1 << 5 * lengths, 0)
    for first in (1, 2):
        runs[first::2] = runs[first::2].cumsum()
    return runs
