"""Which items a step takes: a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang_runtime.seeding import seed_of


@frozen
class EpochSampler:
    """Each epoch goes through all items once, in a new order; the last batch is filled from the next epoch's first.

    items: how many. batch: items a step, over all ranks. kinds: [items], where given: a batch is of items of one
    kind (such as upright and lying photos, which fit together with little padding) where their number allows.
    """

    items: int
    batch: int
    seed: int
    kinds: NDArray[np.int64] | None = field(default=None, eq=False)

    @property
    def per_epoch(self) -> int:
        """Updates an epoch."""
        return max(1, -(-self.items // self.batch))

    def of(self, step: int, rank: int = 0, world: int = 1) -> Iterator[tuple[int, int]]:
        """(item, seed of its augmentation) for a rank's share of a step, counted from 0."""
        epoch, place = divmod(step, self.per_epoch)
        order = self._epoch(epoch)
        for slot in range(place * self.batch + rank, (place + 1) * self.batch, world):
            yield int(order[slot]), seed_of("transfer view", self.seed, epoch, slot)

    def _epoch(self, epoch: int) -> NDArray[np.int64]:
        length = self.per_epoch * self.batch
        chance = np.random.default_rng(seed_of("transfer order", self.seed, epoch))
        order = np.concatenate([chance.permutation(self.items) for _ in range(-(-length // self.items))])[:length]
        if self.kinds is None:
            return order
        # Sorted by kind inside the shuffled order, then whole batches shuffled: at most one batch a kind is mixed.
        batches = order[np.argsort(self.kinds[order], kind="stable")].reshape(self.per_epoch, self.batch)
        return batches[chance.permutation(self.per_epoch)].reshape(-1)
