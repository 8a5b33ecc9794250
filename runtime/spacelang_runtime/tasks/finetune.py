"""One network trained further, or anew, by the trainer of supernets.

It is trained as the only network of the narrowest space that holds it: the run, its checkpoints, Ctrl-C and
`--resume` are those of any training.
"""

from __future__ import annotations

import attrs

from spacelang.architecture import Architecture
from spacelang.expression import Number
from spacelang.language.dimensions import LAYER_DIMENSIONS
from spacelang.recipe import Sandwich, Train
from spacelang.space import Dimension, Option, Searched, Settled, Space, StageSpace

ALONE = Sandwich(largest=1, smallest=0, random=0)
# Weights that have learned move less: a thirtieth of the rate, a tenth of the epochs (Liu et al., 2021, A2.1).
EPOCHS, WARMUP, PART = 30, 5, 30


def recipe_of(scratch: bool, given: Train = Train(), held_out: bool = False) -> Train:
    """The recipe to begin with. scratch: the given one as it is (the paper's retraining); else a short one with a
    low rate. held_out: whether a part is held out, as given; there is nothing to search, and else all is learned
    from."""
    alone = attrs.evolve(given, sandwich=ALONE, holdout=given.holdout if held_out else 0)
    if scratch:
        return alone
    return attrs.evolve(alone, epochs=EPOCHS, warmup=WARMUP, learning_rate=given.rate / PART, rate_law="constant")


def narrowest(architecture: Architecture, recipe: Train) -> Space:
    """A space whose stages have the architecture's depth and width, and whose layers have what its layers have."""
    stages = []
    for stage in architecture.stages:
        layers = stage.layers
        stages.append(
            StageSpace(
                depth=Settled(len(layers)),
                embed=Settled(stage.embed),
                head_dim=Settled(layers[0].head_width),
                **{name: _dimension({getattr(layer, name) for layer in layers}) for name in LAYER_DIMENSIONS},
            )
        )
    return Space(f"net_{architecture.name}", 2026, architecture.frame, tuple(stages), train=recipe)


def _dimension(options: set[Number] | set[Option]) -> Dimension:
    if len(options) == 1:
        return Settled(*options)
    return Searched(tuple(sorted(options, key=lambda option: float("inf") if option == "global" else option)))
