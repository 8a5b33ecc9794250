"""Which pictures, in which views, make up the batch of a step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang_runtime.seeding import seed_of


@frozen
class Sampler:
    """The order of training, a closed formula of the step.

    An epoch is one shuffle of the pictures, each `repeats` times in a row, cut into steps of `batch`; the
    incomplete last batch is dropped. It keeps its length in steps whatever `repeats` is, so that with 3 repeats it
    sees a third of the pictures in three views each, as in DeiT (Touvron et al., 2021; after Hoffer et al., 2020).
    A batch is of no more pictures than there are.
    """

    pictures: int
    batch: int
    repeats: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        return self.pictures // self.batch

    def epoch(self, step: int) -> int:
        return step // self.steps_per_epoch

    def positions(self, step: int, rank: int, world: int) -> NDArray[np.int64]:
        """Where in its epoch the views of this rank stand: every `world`-th of the step's, from `rank` on.

        So the ranks share the batch out, and the views of one picture go to different ranks.
        """
        first = step % self.steps_per_epoch * self.batch
        return np.arange(first + rank, first + self.batch, world)

    def indices(self, step: int, rank: int, world: int) -> NDArray[np.int64]:
        """The pictures of those positions."""
        shuffled = _shuffled(self.pictures, self.seed, self.epoch(step))
        return shuffled[self.positions(step, rank, world) // self.repeats]


@lru_cache(maxsize=2)
def _shuffled(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed_of("order", seed, epoch)).permutation(count)
