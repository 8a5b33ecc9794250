"""What the numbers of a recipe may be, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from attrs import frozen

from spacelang.expression import Number, decimal


@frozen
class Domain:
    """What a recipe's number may be."""

    low: Number
    high: Number
    whole: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {decimal(self.low)} to {decimal(self.high)}"


_SHARE = Domain(0, 1)
_COUNT = Domain(1, 10**9, whole=True)
_AMOUNT = Domain(0, 10**9)

TRAIN: Mapping[str, Domain] = {
    "epochs": _COUNT,
    "batch": _COUNT,
    "learning_rate": _AMOUNT,
    "min_learning_rate": _AMOUNT,
    "weight_decay": _AMOUNT,
    "warmup": _AMOUNT,
    "clip": _AMOUNT,
    "label_smoothing": _SHARE,
    "mixup": _AMOUNT,
    "cutmix": _AMOUNT,
    "rand_augment": Domain(0, 10),
    "erasing": _SHARE,
    "flip": _SHARE,
    "crop": _SHARE,
    "repeats": Domain(1, 100, whole=True),
    "drop_path": _SHARE,
    "ema": _SHARE,
    "holdout": Domain(Fraction(1, 1000), Fraction(9, 10)),
    "seed": Domain(0, 2**32 - 1, whole=True),
}
EVOLVE: Mapping[str, Domain] = {
    "population": Domain(1, 10**6, whole=True),
    "parents": Domain(1, 10**6, whole=True),
    "generations": Domain(0, 10**6, whole=True),
    "crossover": Domain(0, 10**6, whole=True),
    "mutation": Domain(0, 10**6, whole=True),
    "seed": Domain(0, 2**32 - 1, whole=True),
}
REFINE: Mapping[str, Domain] = {
    "samples": Domain(2, 10**6, whole=True),
    "top": _COUNT,
    "per_choice": Domain(0, 10**6, whole=True),
    "threshold": Domain(Fraction(1, 10**6), 1),
    "confidence": Domain(0, Fraction(999, 1000)),
    "rounds": Domain(1, 100, whole=True),
    "supernet": Domain(1000, 10**12, whole=True),
    "networks": Domain(1, 10**14, whole=True),
    "seed": Domain(0, 2**32 - 1, whole=True),
}
STEPS: Mapping[str, Domain] = {
    "depth": _COUNT,
    "embed": _COUNT,
    "heads": _COUNT,
    "qkv": _COUNT,
    "mlp": Domain(Fraction(1, 1000), 100),
    "window": _COUNT,
}
MUTATE: Mapping[str, Domain] = dict.fromkeys(("depth", "embed", "layer", "stage", "network"), _SHARE)
