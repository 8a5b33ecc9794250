"""What a network does on the held-out images, image by image: right or wrong, and its cross-entropy.

Both come from one pass and are kept for every image, in the one order in which images are looked at.
Cross-entropies are float16 from the start: whatever is compared is the rounded value that the journal keeps, so
that a search which goes on decides as it did. A sum of float16 in float64 is exact (multiples of 2⁻²⁴ below 2²⁹),
in any order.
"""

from __future__ import annotations

import base64

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.recipe import Score

Bool = NDArray[np.bool_]
Half = NDArray[np.float16]
Real = NDArray[np.float64]


@frozen(eq=False)
class Answers:
    """Of the first images [images]. right: whether each was told right. losses: cross-entropy in nats, as float16;
    NaN where it was never kept (journals before version 4)."""

    right: Bool
    losses: Half

    def __len__(self) -> int:
        return len(self.right)

    def first(self, images: int) -> Answers:
        """Those of the first images alone."""
        return Answers(self.right[:images], self.losses[:images])

    def then(self, more: Answers) -> Answers:
        """These, and those of the images after them."""
        return Answers(np.concatenate([self.right, more.right]), np.concatenate([self.losses, more.losses]))

    def errors(self, score: Score) -> Real:
        """What each image counts against the network, from 0 on: its cross-entropy, or 1 where it was told
        wrong."""
        match score:
            case "loss":
                return self.losses.astype(np.float64)
            case "accuracy":
                return (~self.right).astype(np.float64)

    @property
    def correct(self) -> int:
        """How many were told right."""
        return int(self.right.sum())

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats; NaN where it was not kept of each image, or there is none."""
        return float(self.losses.astype(np.float64).sum() / len(self)) if len(self) else float("nan")


UNKNOWN = Answers(np.zeros(0, np.bool_), np.zeros(0, np.float16))


def packed(answers: Answers) -> tuple[bytes, bytes | None]:
    """Eight answers a byte, and two bytes a loss, little-endian; None where losses were not kept."""
    losses = None if np.isnan(answers.losses).any() else answers.losses.astype("<f2").tobytes()
    return np.packbits(answers.right).tobytes(), losses


def unpacked(right: bytes, losses: bytes | None, images: int) -> Answers:
    """What was packed, of so many images."""
    bits = np.unpackbits(np.frombuffer(right, np.uint8), count=images).astype(np.bool_)
    if losses is None:
        return Answers(bits, np.full(images, np.nan, np.float16))
    return Answers(bits, np.frombuffer(losses, "<f2").astype(np.float16))


def to_text(answers: Answers) -> tuple[str, str | None, int]:
    """As JSON values."""
    right, losses = packed(answers)
    coded = None if losses is None else base64.b64encode(losses).decode()
    return base64.b64encode(right).decode(), coded, len(answers)


def from_text(right: str, losses: str | None, images: int) -> Answers:
    """The answers of such values."""
    return unpacked(base64.b64decode(right), None if losses is None else base64.b64decode(losses), images)
