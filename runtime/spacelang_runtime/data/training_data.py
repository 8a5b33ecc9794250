"""What a model has learned from, as far as its folder tells: so that no test is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from spacelang_runtime.data.decode import ANY_SIDE
from spacelang_runtime.data.listing import TESTS, Listing
from spacelang_runtime.data.splits import TestShare, source
from spacelang_runtime.failure import Failure


@frozen
class TrainingData:
    """The data of a training. share: held out of it for the test; fingerprint: of it, parted so. seen: whether the
    weights that the training began with may have learned from what is held out."""

    share: TestShare
    fingerprint: str
    seen: bool = False


@frozen
class HeldOut:
    """What is held out for the test, None where the data has a test split. seen: as of `TrainingData`."""

    share: TestShare | None
    seen: bool = False


def to_notes(share: float, seed: int, fingerprint: str, seen: bool) -> dict[str, Any]:
    """What a model's notes tell of the data that it was trained on. share: 0 where that had a test split."""
    return {"fingerprint": fingerprint, "test_share": share, "test_seed": seed, "test_seen": seen}


def from_notes(notes: Mapping[str, Any]) -> TrainingData | None:
    """The data whose training images are to be kept out of a test; None where the data had a test split of its own,
    and where nobody knows."""
    share, seed, digest = (notes.get(name) for name in ("test_share", "test_seed", "fingerprint"))
    if not isinstance(share, int | float) or not 0 < share < 1 or not isinstance(seed, int):
        return None
    seen = notes.get("test_seen") is True
    return TrainingData(TestShare(float(share), seed), digest, seen) if isinstance(digest, str) else None


def same(listing: Listing, learned: TrainingData) -> bool:
    """Whether data of one split is what was learned from."""
    try:
        return source(listing, ANY_SIDE, learned.share).fingerprint == learned.fingerprint
    except Failure:  # it cannot even be parted so
        return False


def held_out_again(
    listing: Listing, asked: TestShare | None, learned: TrainingData | None, say: Callable[[str], None]
) -> HeldOut:
    """What is held out for the test where weights that have learned from some data learn on.

    Of the same data it is by default what they have not seen, which is said; so is that another part is asked for.
    Of other data it is what is asked for.
    """
    if learned is None or listing.part(*TESTS) is not None or not same(listing, learned):
        return HeldOut(asked)
    if asked is None:
        say(f"{listing.name} has no test split: as where the weights come from, {learned.share}")
    if asked is None or asked == learned.share:
        return HeldOut(learned.share, learned.seen)
    seed = f" --test-seed {learned.share.seed}" if learned.share.seed else ""
    say(
        f"warning: the weights to begin with were trained on {listing.name}, with {learned.share}: they may have "
        f"learned from some of the images that are held out for the test now; --test-share "
        f"{learned.share.share:g}{seed} holds out those that they have not seen"
    )
    return HeldOut(asked, seen=True)
