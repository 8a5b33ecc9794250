"""What every word of the language means, in a line or two: shown under the cursor and beside what may be typed."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs import frozen

from spacelang import recipe
from spacelang.check.domains import EVOLVE, MUTATE, REFINE, STEPS, TRAIN, Domain
from spacelang.expression import Number, decimal
from spacelang.lsp.context import Level


@frozen
class Meaning:
    """What a word stands for. unit: what its number counts. default: what holds where it is not said. values: what
    it may be."""

    text: str
    unit: str = ""
    default: str = ""
    values: str = ""


ROOT: Mapping[str, Meaning] = {
    "image": Meaning("The side of the square image that a network sees.", "pixels"),
    "patch": Meaning("The side of the square patch that becomes one token.", "pixels"),
    "channels": Meaning("The colours of an image.", "channels", "3"),
    "classes": Meaning("How many classes a network tells apart.", "classes"),
    "head_dim": Meaning(
        "The width of one attention head, for expressions such as `qkv = heads * head_dim`.", "channels", "32"
    ),
    "position": Meaning(
        "How tokens know where they are: a sum of encodings.",
        default="`bias` with several stages, `absolute` with one",
        values="`absolute`, `bias`, `relative`, joined by `+`",
    ),
    "token": Meaning(
        "Whether a class token stands beside those of the image.", default="none", values="`class`, `none`"
    ),
    "pool": Meaning(
        "What the classifier sees: the mean of the tokens, or the class token.",
        default="mean",
        values="`mean`, `token`",
    ),
    "stem_norm": Meaning(
        "Whether a layer norm follows the patch embedding.",
        default="`yes` with several stages, `no` with one",
        values="`yes`, `no`",
    ),
}
STAGE: Mapping[str, Meaning] = {
    "depth": Meaning("How many layers the stage has.", "layers"),
    "embed": Meaning("The width of every token in the stage.", "channels"),
}
LAYER: Mapping[str, Meaning] = {
    "heads": Meaning("How many attention heads a layer has.", "heads"),
    "qkv": Meaning(
        "The width of all queries of a layer together, and of its keys, and of its values: heads × head width.",
        "channels",
        "heads * head_dim",
    ),
    "mlp": Meaning("The hidden width of a layer's MLP, as a multiple of `embed`.", "× embed", "4"),
    "window": Meaning(
        "The side of the attention window. `global`: every token attends to every other, at any image size.",
        "tokens",
        "`global` with one stage",
    ),
}
_TRAIN: Mapping[str, tuple[str, str]] = {
    "epochs": ("How often training goes through the images.", "epochs"),
    "batch": ("Images of one step, over all GPUs together.", "images"),
    "learning_rate": ("The peak of the learning rate.", ""),
    "min_learning_rate": ("Where the learning rate ends.", ""),
    "weight_decay": ("The decay of the weights that are matrices.", ""),
    "warmup": ("How long the learning rate rises at the start.", "epochs"),
    "clip": ("The largest norm of the gradient; 0 for none.", ""),
    "label_smoothing": ("The share of a label that is spread over all classes.", ""),
    "mixup": ("The strength of mixup; 0 for none.", ""),
    "cutmix": ("The strength of CutMix; 0 for none.", ""),
    "rand_augment": ("The magnitude of RandAugment; 0 for none.", ""),
    "erasing": ("How probable random erasing is.", ""),
    "flip": ("How probable a horizontal flip is.", ""),
    "crop": ("The smallest share of an image that a random crop keeps; 1 for no crop.", ""),
    "repeats": ("Repeated augmentation: how many views of one image a batch holds.", "views"),
    "drop_path": ("Stochastic depth of the deepest layer; it rises linearly to there.", ""),
    "ema": ("The decay of the averaged weights; 0 for none.", ""),
    "holdout": ("The share of the training images that is kept for the search.", ""),
    "seed": ("Where random numbers begin.", ""),
}
_EVOLVE: Mapping[str, tuple[str, str]] = {
    "population": ("Networks of the first population.", "networks"),
    "parents": ("How many of the best have children.", "networks"),
    "generations": ("How often the parents have children.", "generations"),
    "crossover": ("Children of two parents in a generation.", "networks"),
    "mutation": ("Mutated children in a generation.", "networks"),
    "seed": ("Where random numbers begin.", ""),
}
_REFINE: Mapping[str, tuple[str, str]] = {
    "samples": ("Networks drawn inside the bounds, by which the space is measured.", "networks"),
    "top": (
        "How many of the samples are the best; the same share is taken of those that have a choice.",
        "networks",
    ),
    "per_choice": ("How many networks every choice is judged by, at least.", "networks"),
    "threshold": ("The error that one step has to be worth, as a share: 0.002 is a fifth of a point.", ""),
    "confidence": ("Of the interval in which the slope of a dimension that moves holds no zero.", ""),
    "rounds": ("How often the space moves.", "rounds"),
    "supernet": ("The most parameters that the largest network may have.", "parameters"),
    "networks": ("The most networks that the space may hold.", "networks"),
    "seed": ("Where random numbers begin.", ""),
}
_STEPS: Mapping[str, tuple[str, str]] = {
    name: (f"How far one step moves the options of `{name}`.", "") for name in STEPS
}
_MUTATE: Mapping[str, tuple[str, str]] = {
    "depth": ("How probable it is that a stage's depth is drawn anew.", ""),
    "embed": ("How probable it is that a stage's width is drawn anew.", ""),
    "layer": ("How probable it is that a layer is drawn anew.", ""),
    "stage": ("How probable it is that what a stage chooses once, beside these, is drawn anew.", ""),
    "network": ("How probable it is that what the network chooses once is drawn anew.", ""),
}


def _recipe(
    words: Mapping[str, tuple[str, str]], domains: Mapping[str, Domain], defaults: object, absent: str = "none"
) -> dict[str, Meaning]:
    """absent: what holds where a default is no number."""
    return {
        name: Meaning(text, unit, _default(getattr(defaults, name), absent), str(domains[name]))
        for name, (text, unit) in words.items()
    }


def _default(value: Number | None, absent: str) -> str:
    return decimal(value) if value is not None else absent


_SANDWICH = " + ".join(
    word if count == 1 else f"{count} * {word}" for word, count in attrs.asdict(recipe.Sandwich()).items()
)
SANDWICH = Meaning(
    "Which networks train on every batch: a sum of `largest`, `smallest` and `random`, each with a count.",
    default=_SANDWICH,
)
BATCHES = Meaning(
    "Whether every network of a sandwich learns from all images of a step (`shared`, Alg. 1), or each from its own "
    "part of them (`split`): as many images, so many times the updates for the same work.",
    default=recipe.Train().batches,
)
SCORE = Meaning(
    "By what networks are ranked on the held-out images: their mean cross-entropy (`loss`), which tells them apart "
    "on few images, or the share told right (`accuracy`).",
    default=recipe.Evolve().score,
)
ERRORS = Meaning(
    "By what the errors of networks are told: those that their losses stand for (`loss`), which are surer, or "
    "those counted (`accuracy`).",
    default=recipe.Refine().score,
)
ROUNDING = Meaning(
    "How slope / threshold becomes whole steps: toward `zero`, or the paper's `floor`, which moves one step up on "
    "the least negative slope.",
    default=recipe.Refine().rounding,
)
NAMES: Mapping[Level, Mapping[str, Meaning]] = {
    "root": {**ROOT, **STAGE, **LAYER},
    "stage": {**STAGE, "head_dim": ROOT["head_dim"], **LAYER},
    "layer": {**LAYER, "head_dim": ROOT["head_dim"]},
    "train": {
        "sandwich": SANDWICH,
        "batches": BATCHES,
        **_recipe(_TRAIN, TRAIN, recipe.Train(), "0.001 for a batch of 1024, in proportion"),
    },
    "evolve": {"score": SCORE, **_recipe(_EVOLVE, EVOLVE, recipe.Evolve())},
    "mutate": _recipe(_MUTATE, MUTATE, recipe.Mutate()),
    "refine": {"score": ERRORS, "rounding": ROUNDING, **_recipe(_REFINE, REFINE, recipe.Refine())},
    "steps": _recipe(_STEPS, STEPS, recipe.Steps(), "as far as its options are apart"),
}
"""The settings and choices of each scope."""

BLOCKS: Mapping[str, str] = {
    "stage": "A stage: layers of one width on one map. Between two stages the map's side halves. `each stage` "
    "speaks of all, `stage 1` of the first.",
    "layer": "What each layer of a stage may be, whatever the others are. It is always written `each layer`; what "
    "is chosen outside it is the same in all layers.",
    "train": "How the supernet is trained.",
    "evolve": "How the trained supernet is searched, and within which bounds.",
    "mutate": "What a mutation draws anew, each with its probability.",
    "refine": "How the space is measured, and how far its options move by what was measured.",
    "steps": "How far one step moves the options of each dimension.",
}
MEASURES: Mapping[str, str] = {
    "flops": "Multiply–accumulates of the whole network for one image, each counted once (MACs).",
    "params": "The parameters of the network that stands alone.",
    "latency": "How long the network takes on a device, by a table that `spacelang measure` writes: `5ms`.",
}
VALUES: Mapping[str, str] = {
    "global": "Every token attends to every other, at any image size.",
    "absolute": "A learned vector for each place, added to the tokens.",
    "bias": "Swin's table: a learned number for each offset and head, added to the attention.",
    "relative": "AutoFormer's tables of rows and columns, for keys and for values.",
    "class": "A class token stands beside those of the image.",
    "none": "No class token.",
    "mean": "The mean of the image's tokens.",
    "yes": "It is there.",
    "no": "It is not there.",
    "largest": "The network with the most MACs.",
    "smallest": "The network with the fewest MACs.",
    "random": "A network drawn at random.",
    "previous": "The stage before: `previous.embed`, `previous.depth`, and what that stage chooses once. A "
    "comparison with it is unknown in stage 1, and a rule that ends unknown holds.",
    "min": "The least of several numbers: `min(embed, 512)`.",
    "sum": "A total: `sum(depth)` over all stages, `sum(heads)` over all layers, of the network or of each stage.",
    "count": "How many layers it holds of: `count(window == 14)`.",
    "max": "The greatest of several numbers: `max(embed, 64)`.",
}
KEYWORDS: Mapping[str, str] = {
    "edition": "The edition of the language that the file is written in: its first statement.",
    "space": "The name of the space.",
    "extends": 'The space that this one is made from: `extends "other.space"`. A line here replaces the '
    "line of its name and scope there.",
    "narrows": 'The space of which this one is a subset: `narrows "other.space"`. A supernet of that one '
    "serves this one unchanged.",
    "each": "All stages, or all layers: `each stage { … }`, `each layer { … }`.",
    "in": "What is searched: the name takes any of these options, once where it is written: anew in every layer, "
    "once for a stage, or once for the network. In a condition: whether it is one of these.",
    "step": "How far one option of a range is from the next: `64..128 step 32`.",
    "require": "What must hold. `require each stage: …` and `require each layer: …` remove options; in `evolve` "
    "and `refine`, `require flops <= 4.5G` bounds the whole network. `require sum(depth) <= 24` limits a total.",
    "and": "Both hold.",
    "or": "At least one holds.",
    "not": "It does not hold.",
}


def meaning(word: str, level: Level = "root") -> Meaning | None:
    """What a word stands for where it stands: in its own scope first, then wherever it is known."""
    if word in KEYWORDS:
        return Meaning(KEYWORDS[word])
    near: tuple[Level, ...] = (level, "layer", "stage", "root", "train", "evolve", "refine")
    found = next((NAMES[scope][word] for scope in near if word in NAMES.get(scope, {})), None)
    if found is not None:
        return found
    text = BLOCKS.get(word) or MEASURES.get(word) or VALUES.get(word)
    return Meaning(text) if text else None
