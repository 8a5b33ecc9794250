"""The finalists of a search: the best few, on all images that it may read; and what the best is to be expected to
do on images that chose nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from spacelang.recipe import Score
from spacelang_runtime.engine.wilson import wilson
from spacelang_runtime.search.answers import Answers
from spacelang_runtime.search.candidate import Candidate
from spacelang_runtime.search.interval import IntervalEnds, of_mean
from spacelang_runtime.search.racing import Race

RISK = 0.05  # that any finalist is left which is as good as the one that it is compared with


@frozen
class Final:
    """A finalist. images: it was looked at on. loss, correct: on these. apart: the interval of its mean score less
    that of the best; None of the best itself, and of one that was left."""

    candidate: Candidate
    images: int
    loss: float
    correct: int
    apart: IntervalEnds | None = None

    @property
    def accuracy(self) -> float:
        return self.correct / self.images

    @property
    def level(self) -> bool:
        """Whether what was seen does not tell it from the best."""
        return self.apart is not None and self.apart[0] <= 0


@frozen
class Estimate:
    """What the best network does on images that neither chose it nor ranked a finalist. correct: of so many images.
    accuracy, loss: intervals."""

    images: int
    correct: int
    accuracy: IntervalEnds
    loss: IntervalEnds


def race(rival: Answers, score: Score, looks: tuple[int, ...], finalists: int) -> Race:
    """What the other finalists must reach: the one that led before, on all images."""
    return Race(rival.errors(score), score, looks, RISK / finalists)


def placed(
    finalists: Sequence[Candidate],
    answers: Mapping[str, Answers],
    used: Mapping[str, int],
    score: Score,
    images: int,
) -> tuple[Final, ...]:
    """The finalists, the best first, then those that saw all images, then those that were left; of equal scores, by
    loss, then by fewer MACs. answers: by digest. used: after how many of the images each was judged."""
    seen = {one.digest: answers[one.digest].first(used[one.digest]) for one in finalists}

    def key(one: Candidate) -> tuple[float | str, ...]:
        mine = seen[one.digest]
        return -len(mine), float(mine.errors(score).mean()), mine.loss, one.flops, one.digest

    ordered = sorted(finalists, key=key)
    best = seen[ordered[0].digest].errors(score)
    placed_ = []
    for place, one in enumerate(ordered):
        mine = seen[one.digest]
        compared = place > 0 and len(mine) == images
        apart = of_mean(mine.errors(score) - best) if compared else None
        placed_.append(Final(one, len(mine), mine.loss, mine.correct, apart))
    return tuple(placed_)


def estimated(answers: Answers, read: int) -> Estimate | None:
    """What a network did on the images after those that were read; None where there are none."""
    if len(answers) <= read:
        return None
    rest = Answers(answers.right[read:], answers.losses[read:])
    return Estimate(len(rest), rest.correct, wilson(rest.correct, len(rest)), of_mean(rest.errors("loss")))
