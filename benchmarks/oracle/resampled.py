"""What a score of k held-out images is worth: networks that were judged once, judged again on draws of the images.

`mini-scores.npz` holds what 300 random networks of `mini.space` do on each held-out and each test image with the
weights of one supernet. Each draw takes 200 of them and some of the held-out images, both without replacement,
ranks the networks on these images, and asks the test images about the ranking. Ties go to the network drawn first.
All rows see the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.stats import kendalltau

from oracle.product import Answers, halved, raced
from oracle.published import shipped
from oracle.trees import averaged
from spacelang.recipe import Score

IMAGES = (100, 250, 500, 1000, 5000)
NETWORKS = 200  # of each draw

Bool = NDArray[np.bool_]
Real = NDArray[np.float32]
Index = NDArray[np.int64]


@frozen(eq=False)
class Scores:
    """What networks do on images [networks, images]: on the held-out ones right and cross-entropy, on the test
    images right."""

    right: Bool
    loss: Real
    test: Bool


@frozen(eq=False)
class Draw:
    """Networks, and all images in a random order: held-out and test."""

    networks: Index
    images: Index
    test: Index


@frozen
class Row:
    """Over the draws, each with its standard error. gain: of the picked network over the mean network, in points of
    test accuracy. tau: of the ranking against the test images; None: not every network has a score. images: spent
    a network, on average."""

    name: str
    images: float
    gain: tuple[float, float]
    tau: tuple[float, float] | None


# What a way of scoring says of a draw: scores, more is better, -inf where a network has none; the truth of each
# network; and images spent a network.
Way = Callable[[Scores, Draw], tuple[NDArray, NDArray, float]]


def scores(data: Path) -> Scores:
    """The file, as it is stored. data: the folder that holds it."""
    with np.load(data / "mini-scores.npz") as file:
        return Scores(file["S"].astype(bool), file["SL"].astype(np.float32), file["T"].astype(bool))


def draws(known: Scores, count: int) -> list[Draw]:
    """So many draws, always the same."""
    return [_drawn(known, np.random.default_rng(seed)) for seed in range(count)]


def _drawn(known: Scores, source: np.random.Generator) -> Draw:
    networks, images, tested = (*known.right.shape, known.test.shape[1])
    return Draw(source.permutation(networks)[:NETWORKS], source.permutation(images), source.permutation(tested))


def rows(known: Scores, taken: list[Draw]) -> Iterator[Row]:
    """Every way of scoring, one after the other."""
    for images in IMAGES:
        yield row(f"accuracy, {images} images", accuracy(images), known, taken)
    for images in IMAGES:
        yield row(f"cross-entropy, {images} images", entropy(images), known, taken)
    for images in (1000, 4000):
        yield row(f"races by accuracy, at most {images} images", races(images, "accuracy"), known, taken)
        yield row(f"races by cross-entropy, at most {images} images", races(images, "loss"), known, taken)
    for score in get_args(Score):
        yield row(f"halving by {NAMES[score]}, finalists on 4000", halving(4000, score), known, taken)
    yield row("half of the test images, asked the other half", half, known, taken)
    yield row("the test images themselves", itself, known, taken)


def row(name: str, way: Way, known: Scores, taken: list[Draw]) -> Row:
    """One way of scoring over all draws."""
    gains, taus, spent = [], [], []
    for one in taken:
        told, truth, images = way(known, one)
        gains.append(100 * (truth[told.argmax()] - truth.mean()))
        spent.append(images)
        if np.isfinite(told).all():
            taus.append(kendalltau(told, truth).statistic)
    whole = len(taus) == len(taken)
    return Row(name, float(np.mean(spent)), averaged(gains), averaged(taus) if whole else None)


def accuracy(images: int) -> Way:
    """The share of the first images told right."""

    def way(known: Scores, one: Draw) -> tuple[NDArray, NDArray, float]:
        told = known.right[np.ix_(one.networks, one.images[:images])].mean(1)
        return told, known.test[one.networks].mean(1), images

    return way


def entropy(images: int) -> Way:
    """The mean cross-entropy on the first images, less is better."""

    def way(known: Scores, one: Draw) -> tuple[NDArray, NDArray, float]:
        told = known.loss[np.ix_(one.networks, one.images[:images])].mean(1)
        return -told, known.test[one.networks].mean(1), images

    return way


NAMES: dict[Score, str] = {"loss": "cross-entropy", "accuracy": "accuracy"}


def races(images: int, score: Score) -> Way:
    """The product's races on the first images, of which all may be spent."""

    def way(known: Scores, one: Draw) -> tuple[NDArray, NDArray, float]:
        against, spent = raced(answers(known, one, images), score, shipped("mini"))
        return -against, known.test[one.networks].mean(1), spent

    return way


def halving(images: int, score: Score) -> Way:
    """The product's successive halving, and its finalists on the first images."""

    def way(known: Scores, one: Draw) -> tuple[NDArray, NDArray, float]:
        against, spent = halved(answers(known, one, images), score, shipped("mini"))
        return -against, known.test[one.networks].mean(1), spent

    return way


def answers(known: Scores, one: Draw, images: int) -> list[Answers]:
    """What the drawn networks do on the first images."""
    which = np.ix_(one.networks, one.images[:images])
    losses = known.loss[which].astype(np.float16)
    return [Answers(*both) for both in zip(known.right[which], losses, strict=True)]


def half(known: Scores, one: Draw) -> tuple[NDArray, NDArray, float]:
    """Chosen by half of the test images; the truth is the other half's, and has no bias."""
    half = len(one.test) // 2
    test = known.test[np.ix_(one.networks, one.test)]
    return test[:, :half].mean(1), test[:, half:].mean(1), half


def itself(known: Scores, one: Draw) -> tuple[NDArray, NDArray, float]:
    """Chosen by the truth: the most that these test images can show, their luck included."""
    truth = known.test[one.networks].mean(1)
    return truth, truth, known.test.shape[1]
