"""How a supernet is trained. Defaults are AutoFormer's and Swin's published settings, and those of Alg. 1 (Chen et
al., 2021, supplement).

The name of each field is its word in the language; beside its default stands what it may be, in which unit, what
it means, and what other systems call it.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from typing import Literal, get_args

import attrs
from attrs import frozen

from spacelang.expression import Number
from spacelang.language.bound import Bound
from spacelang.language.domain import AMOUNT, COUNT, SEED, SHARE, Numbers, OneOf, SumOf
from spacelang.language.word import BEGIN, line


@frozen
class Sandwich:
    """How many networks of each kind train on every batch (Alg. 1: one, one and two)."""

    largest: int = 1
    smallest: int = 1
    random: int = 2

    @property
    def size(self) -> int:
        return self.largest + self.smallest + self.random

    def without(self, kinds: Collection[str]) -> Sandwich:
        """The same with random networks in the places of these kinds."""
        more = sum(getattr(self, kind) for kind in kinds)
        return attrs.evolve(self, **dict.fromkeys(kinds, 0), random=self.random + more)

    def __str__(self) -> str:
        counts = (("largest", self.largest), ("smallest", self.smallest), ("random", self.random))
        return " + ".join(kind if count == 1 else f"{count} * {kind}" for kind, count in counts if count)


BatchSharing = Literal["shared", "split"]
BATCHES: tuple[BatchSharing, ...] = get_args(BatchSharing)
OptimizerName = Literal["adamw", "muon"]
RULES: tuple[OptimizerName, ...] = get_args(OptimizerName)
RateLaw = Literal["constant", "sqrt"]
RATE_LAWS: tuple[RateLaw, ...] = get_args(RateLaw)
Sampling = Literal["choices", "flops"]
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)


@frozen
class Train:
    """The training recipe. Numbers are exact as written; the trainer turns them into floats at its door."""

    sandwich: Sandwich = line(
        Sandwich(),
        SumOf(("largest", "smallest", "random")),
        "",
        "Which networks train on every batch: a sum of `largest`, `smallest` and `random`, each with a count.",
    )
    batches: BatchSharing = line(
        "shared",
        OneOf(BATCHES),
        "",
        "Whether every network of a sandwich learns from all images of a step (`shared`, Alg. 1), or each from its "
        "own part of them (`split`): as many images, so many times the updates for the same work.",
        later=True,
    )
    sampling: Sampling = line(
        "choices",
        OneOf(SAMPLINGS),
        "",
        "How the random networks of a sandwich are drawn: choice by choice (`choices`, Alg. 1), so that most are "
        "of middling cost, or as many from each equal stretch of MACs (`flops`).",
        later=True,
    )
    epochs: int = line(
        300,
        COUNT,
        "epochs",
        "How often training goes through the images.",
        "num_epochs n_epochs max_epochs epoch total_epochs",
    )
    batch: int = line(
        1024, COUNT, "images", "Images of one step, over all GPUs together.", "batch_size bs global_batch minibatch"
    )
    learning_rate: Number | None = line(
        None,
        AMOUNT,
        "",
        "The peak of the learning rate.",
        "lr base_lr max_lr eta",
        otherwise="0.001 for a batch of 1024, in proportion",
    )
    rate_law: RateLaw = line(
        "constant",
        OneOf(RATE_LAWS),
        "",
        "What the peak is in a training shorter or longer than `epochs`: the same (`constant`), or divided by the "
        "root of how many times as many steps it has (`sqrt`), from four times the peak to a quarter.",
        later=True,
    )
    optimizer: OptimizerName = line(
        "adamw",
        OneOf(RULES),
        "",
        "What updates the weights: `adamw` all of them; or `muon` those that layers and mergings multiply by, by a "
        "momentum that is made orthogonal, and AdamW the rest.",
        "opt optim optimizer_type",
        later=True,
    )
    min_learning_rate: Number = line(
        Fraction(1, 100_000), AMOUNT, "", "Where the learning rate ends.", "min_lr eta_min final_lr"
    )
    weight_decay: Number = line(
        Fraction(1, 20), AMOUNT, "", "The decay of the weights that are matrices.", "wd decay l2"
    )
    warmup: Number = line(
        20, AMOUNT, "epochs", "How long the learning rate rises at the start.", "warmup_epochs warm_up warmup_steps"
    )
    clip: Number = line(
        5,
        AMOUNT,
        "",
        "The largest norm of the gradient; 0 for none.",
        "clip_grad grad_clip max_grad_norm gradient_clip",
    )
    label_smoothing: Number = line(
        Fraction(1, 10),
        SHARE,
        "",
        "The share of a label that is spread over all classes.",
        "smoothing label_smooth",
    )
    mixup: Number = line(Fraction(4, 5), AMOUNT, "", "The strength of mixup; 0 for none.")
    cutmix: Number = line(1, AMOUNT, "", "The strength of CutMix; 0 for none.")
    rand_augment: Number = line(
        9, Numbers(0, 10), "", "The magnitude of RandAugment; 0 for none.", "auto_augment randaug aa augment"
    )
    erasing: Number = line(
        Fraction(1, 4), SHARE, "", "How probable random erasing is.", "reprob random_erasing random_erase"
    )
    flip: Number = line(Fraction(1, 2), SHARE, "", "How probable a horizontal flip is.")
    crop: Number = line(
        Fraction(8, 100), SHARE, "", "The smallest share of an image that a random crop keeps; 1 for no crop."
    )
    repeats: int = line(
        1,
        Numbers(1, 100, whole=True),
        "views",
        "Repeated augmentation: how many views of one image a batch holds.",
        "repeated_aug repeated_augment num_repeats",
    )
    drop_path: Number = line(
        Fraction(1, 5),
        SHARE,
        "",
        "Stochastic depth of the deepest layer; it rises linearly to there.",
        "drop_path_rate stochastic_depth droppath",
    )
    ema: Number = line(0, SHARE, "", "The decay of the averaged weights; 0 for none.", "model_ema ema_decay")
    holdout: Number = line(
        Fraction(1, 10),
        Numbers(Fraction(1, 1000), Fraction(9, 10)),
        "",
        "The share of the training images that is kept for the search.",
        "val_split validation_split held_out",
    )
    seed: int = line(0, SEED, "", BEGIN, "random_seed manual_seed")
    bounds: tuple[Bound, ...] = ()

    @property
    def rate(self) -> Fraction:
        """The peak learning rate at this recipe's batch."""
        if self.learning_rate is not None:
            return Fraction(self.learning_rate)
        return Fraction(self.batch, 1024) / 1000
