"""Recipes of transfer as values. The name of each field is its line's word; see `recipe_text` for the text."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen, validators


def _positive(least: float = 1) -> Any:
    return validators.ge(least)


_SHARE = validators.and_(validators.ge(0), validators.le(1))


@frozen
class TaskTrain:
    """How a model is trained, whatever its task.

    epochs or iterations: one of the two is given. batch: images (of vqa: texts) a step, over all GPUs; micro: how
    many of them one GPU takes at a time, the rest by accumulation (0: all). learning_rate: of the heads;
    backbone_learning_rate: of the backbone, the same where it is not given; at 0 it stays as it is, and drop_path
    and checkpointing mean nothing. warmup: iterations of linear warm-up, for a run as long as the recipe says; a
    shorter one warms up for as much less. schedule: `step` (divided by 10 at each of `steps`, counted as the run
    is, in epochs or iterations), `poly` (to 0, with `power`) or `cosine` (to 0). clip: largest norm of the
    gradient, 0: none. drop_path: of the backbone's last layer. checkpointing: whether the backbone computes its
    layers anew in the backward pass, to save memory. evaluations: over the run, evenly spaced, the last at its end.
    """

    batch: int = field(validator=_positive())
    learning_rate: float = field(validator=validators.gt(0))
    epochs: int | None = field(default=None, validator=validators.optional(_positive()))
    iterations: int | None = field(default=None, validator=validators.optional(_positive()))
    micro: int = field(default=0, validator=_positive(0))
    backbone_learning_rate: float | None = field(default=None, validator=validators.optional(validators.ge(0)))
    weight_decay: float = field(default=0.05, validator=validators.ge(0))
    warmup: int = field(default=0, validator=_positive(0))
    schedule: Literal["step", "poly", "cosine"] = "cosine"
    steps: tuple[int, ...] = ()
    power: float = field(default=1.0, validator=validators.gt(0))
    clip: float = field(default=0.0, validator=validators.ge(0))
    drop_path: float = field(default=0.0, validator=_SHARE)
    checkpointing: bool = False
    evaluations: int = field(default=1, validator=_positive())
    seed: int = 0

    def __attrs_post_init__(self) -> None:
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("give either epochs or iterations")
        if self.steps and max(self.steps) >= (self.epochs or self.iterations or 0):
            raise ValueError(f"steps = {list(self.steps)}: the last is not before the end")

    def iterations_of(self, per_epoch: int) -> int:
        """The updates of a whole run."""
        return self.iterations if self.iterations is not None else int(self.epochs or 0) * per_epoch


@frozen
class Detect:
    """Cascade Mask R-CNN. shorter: sides that an image's shorter side is resized to in training, one of them by
    chance; longest: what the longer side never exceeds; test: the shorter side in testing. channels: of the feature
    pyramid. hidden: width of the box heads. samples: boxes of an image that a stage learns from. flip: share of the
    images that are mirrored. split: names of the training and the test images (`train2017`)."""

    shorter: tuple[int, ...] = (480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800)
    longest: int = field(default=1333, validator=_positive())
    test: int = field(default=800, validator=_positive())
    channels: int = field(default=256, validator=_positive())
    hidden: int = field(default=1024, validator=_positive())
    samples: int = field(default=512, validator=_positive())
    flip: float = field(default=0.5, validator=_SHARE)
    train_split: str = "train2017"
    test_split: str = "val2017"


@frozen
class Segment:
    """UperNet. crop: side of the training crops. scales: smallest and largest factor by which an image is resized
    before the crop. test: what the shorter side is resized to in testing, 0: left as it is. resize: what the
    shorter side is resized to before `scales` in training, 0: left as it is. channels: of the heads; auxiliary:
    of the auxiliary head; auxiliary_weight: of its loss. classes: their names, or how many there are; first: the
    number that masks give the first of them; values: the numbers of all of them, in their order, where they do not
    count up; void: numbers in masks that are no class, besides 255, which is none unless `values` has it. flip:
    share mirrored; distortion: whether light and colours are changed. multi: the factors of multi-scale testing."""

    crop: int = field(default=512, validator=_positive(8))
    scales: tuple[float, float] = (0.5, 2.0)
    resize: int = field(default=512, validator=_positive(0))
    test: int = field(default=512, validator=_positive(0))
    channels: int = field(default=512, validator=_positive())
    auxiliary: int = field(default=256, validator=_positive())
    auxiliary_weight: float = field(default=0.4, validator=validators.ge(0))
    classes: tuple[str, ...] | int | None = None
    first: int = 0
    values: tuple[int, ...] = ()
    void: tuple[int, ...] = ()
    flip: float = field(default=0.5, validator=_SHARE)
    distortion: bool = True
    multi: tuple[float, ...] = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


@frozen
class Vqa:
    """An image and a text in one cross-modal transformer. sight: how an image reaches the answer: as `tokens`
    beside the words, by a `glance` that makes answers likely whatever is asked, or `both`. told: by what of the
    transformer's output the answer is told: that of [CLS] (`class`), or the mean over all its tokens (`words`).
    image: side of the images. texts: an image has so many in a batch, and `matched` of them are its own; for the
    others it learns only that they do not match. words: longest text, in tokens. layers, width, heads, dropout: of
    the transformer, where no BERT gives them. answers: an answer is a class where it was given at least so often in
    training. loss: `binary` (each answer by itself, with soft targets, as for VQA 2.0) or `softmax` (one answer
    among all). matching: weight of the loss of matching. blind: whether images are replaced by grey ones: the
    question-only model of the same size."""

    sight: Literal["tokens", "glance", "both"] = "tokens"
    told: Literal["class", "words"] = "class"
    image: int = field(default=384, validator=_positive(8))
    texts: int = field(default=4, validator=_positive())
    matched: int = field(default=2, validator=_positive())
    words: int = field(default=20, validator=_positive(3))
    layers: int = field(default=12, validator=_positive())
    width: int = field(default=768, validator=_positive())
    heads: int = field(default=12, validator=_positive())
    dropout: float = field(default=0.1, validator=_SHARE)
    answers: int = field(default=9, validator=_positive())
    loss: Literal["binary", "softmax"] = "binary"
    matching: float = field(default=1.0, validator=validators.ge(0))
    blind: bool = False

    def __attrs_post_init__(self) -> None:
        if self.matched > self.texts:
            raise ValueError(f"matched = {self.matched}: more than texts = {self.texts}")
        if self.sight == "glance" and (self.matched < self.texts or self.matching):
            raise ValueError(f"a glance cannot tell what matches: set matched = {self.texts} and matching = 0")
        if self.width % self.heads:
            raise ValueError(f"width = {self.width} is not shared out evenly among heads = {self.heads}")


@frozen
class TransferRecipe:
    """A recipe by name. model: the part that is the task's own, its section named as the task."""

    name: str
    task: str
    train: TaskTrain
    model: Detect | Segment | Vqa
