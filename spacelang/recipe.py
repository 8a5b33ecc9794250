"""Recipes: how a space is trained, evolved and refined, as values.

The name of each field is its word in the language. Defaults are the method's where its source gives
them (Chen et al., 2021, supplement, Alg. 1 and 2), else AutoFormer's or Swin's published settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Literal, get_args

from attrs import frozen

from spacelang.amount import duration, short
from spacelang.expression import Expression, Number, written


@frozen
class Sandwich:
    """How many networks of each kind train on every batch (Alg. 1: one, one and two)."""

    largest: int = 1
    smallest: int = 1
    random: int = 2

    @property
    def size(self) -> int:
        return self.largest + self.smallest + self.random


Batches = Literal["shared", "split"]
BATCHES: tuple[Batches, ...] = get_args(Batches)


@frozen
class Train:
    """The training recipe. Numbers are exact as written; the trainer turns them into floats at its door."""

    sandwich: Sandwich = Sandwich()
    batches: Batches = "shared"  # each network on all images of a step (Alg. 1), or on its own part of them
    epochs: int = 300
    batch: int = 1024  # images a step over all GPUs
    learning_rate: Number | None = None  # None: 0.001 for a batch of 1024, in proportion
    min_learning_rate: Number = Fraction(1, 100_000)
    weight_decay: Number = Fraction(1, 20)
    warmup: Number = 20  # epochs of linear warm-up
    clip: Number = 5  # largest norm of the gradient; 0: none
    label_smoothing: Number = Fraction(1, 10)
    mixup: Number = Fraction(4, 5)
    cutmix: Number = 1
    rand_augment: Number = 9  # magnitude; 0: none
    erasing: Number = Fraction(1, 4)
    flip: Number = Fraction(1, 2)
    crop: Number = Fraction(8, 100)  # smallest share of the image that a random crop keeps; 1: no crop
    repeats: int = 1  # repeated augmentation: views of one image in a batch
    drop_path: Number = Fraction(1, 5)  # of the deepest layer
    ema: Number = 0  # decay of the averaged weights; 0: none
    holdout: Number = Fraction(1, 10)  # share of the training images kept for the search alone
    seed: int = 0

    @property
    def rate(self) -> Fraction:
        """The peak learning rate at this recipe's batch."""
        if self.learning_rate is not None:
            return Fraction(self.learning_rate)
        return Fraction(self.batch, 1024) / 1000


@frozen
class Mutate:
    """The probabilities P_d, P_e and P_m with which depth, embed and a layer become free (Alg. 2); and those of
    each choice that is made once for a stage, and of each that is made once for the network."""

    depth: Number = Fraction(1, 5)
    embed: Number = Fraction(1, 5)
    layer: Number = Fraction(2, 5)
    stage: Number = Fraction(1, 5)
    network: Number = Fraction(1, 5)


TIMES = ("latency",)  # measures that a table has to be given of; a recipe bounds them in nanoseconds
EACH_STAGE = "each stage: "  # the measure of a bound that every stage keeps by itself begins so


@frozen
class Bound:
    """`low <= measure <= high` for the whole network, both ends included; None leaves that side open.

    total: what is summed or counted, where the measure is that and not a cost; only its ends may be fractions. Of
    `each stage: sum(heads)` every stage keeps the bound by itself.
    """

    measure: str
    low: Number | None
    high: Number | None
    total: Expression | None = None

    @property
    def of_each_stage(self) -> bool:
        """Whether every stage keeps it by itself."""
        return self.measure.startswith(EACH_STAGE)

    def holds(self, value: Number) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def shown(self, value: Number) -> str:
        """A value of the measure in few digits, as a recipe has it."""
        return duration(value) if self.measure in TIMES else short(value)

    def ends(self, shown: Callable[[Number], str]) -> str:
        """In words, by what writes a value: `at most 4.5G`, `at least 4G`, `4G to 4.5G`."""
        match self.low, self.high:
            case None, None:
                return "any amount"
            case low, None if low is not None:
                return f"at least {shown(low)}"
            case None, high if high is not None:
                return f"at most {shown(high)}"
        assert self.low is not None
        assert self.high is not None
        return f"{shown(self.low)} to {shown(self.high)}"

    def __str__(self) -> str:
        left = "" if self.low is None else f"{self.shown(self.low)} <= "
        right = "" if self.high is None else f" <= {self.shown(self.high)}"
        return f"{left}{self.measure}{right}"


def to_record(bound: Bound) -> dict[str, int | str | None]:
    """A bound as JSON values; what it is a total of stays with the recipe."""
    ends = (
        None if end is None else int(end) if end.denominator == 1 else str(end) for end in (bound.low, bound.high)
    )
    return {"measure": bound.measure, **dict(zip(("low", "high"), ends, strict=True))}


def from_record(record: Mapping[str, int | str | None]) -> Bound:
    """The bound of such values."""
    low, high = (None if (end := record[side]) is None else written(end) for side in ("low", "high"))
    return Bound(str(record["measure"]), low, high)


Score = Literal["loss", "accuracy"]
SCORES: tuple[Score, ...] = get_args(Score)


@frozen
class Evolve:
    """The search recipe (Alg. 2). Parents, generations and the split of children are AutoFormer's."""

    population: int = 50
    parents: int = 10
    generations: int = 20
    score: Score = "loss"  # by what networks are ranked: their mean cross-entropy, or the share told right (Alg. 2)
    crossover: int = 25
    mutation: int = 25
    mutate: Mutate = Mutate()
    bounds: tuple[Bound, ...] = ()
    seed: int = 0


Rounding = Literal["zero", "floor"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)


@frozen
class Steps:
    """How far one step moves the options of a dimension; None: as far as its own options are apart."""

    depth: Number | None = None
    embed: Number | None = None
    heads: Number | None = None
    qkv: Number | None = None
    mlp: Number | None = None
    window: Number | None = None


@frozen
class Refine:
    """How a space is measured, and how its options move by what was measured.

    The number of samples and of rounds are the source's (Chen et al., 2021, §2.3), as is the top 50; it does not
    give its threshold. Why these defaults, docs/refining.md says.
    """

    samples: int = 1000  # networks drawn inside the bounds
    top: int = 50  # of them, the best: the same share is taken of the networks that have a choice
    per_choice: int = 100  # networks that every choice is judged by, at least
    threshold: Number = Fraction(1, 500)  # of error that one step has to be worth
    score: Score = "loss"  # by what errors are told: those that losses stand for, or those counted
    rounding: Rounding = "zero"  # of slope / threshold to whole steps
    confidence: Number = Fraction(99, 100)  # of the interval in which a slope that moves holds no zero
    rounds: int = 2  # how often the space moves
    supernet: int | None = None  # parameters of the largest network, at most
    networks: int | None = None  # that the space holds, at most
    steps: Steps = Steps()
    bounds: tuple[Bound, ...] = ()  # none: those of the search
    seed: int = 0
