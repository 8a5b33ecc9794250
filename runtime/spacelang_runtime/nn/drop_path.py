"""Stochastic depth: samples whose residual branch is dropped (Huang et al., 2016, https://arxiv.org/abs/1603.09382)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class BatchSlice(NamedTuple):
    """Which samples of a batch some are: every `step`-th of `whole` from `first` on. What is drawn for them is what
    would be drawn for them in the whole batch, which may be that of several processes."""

    first: int
    whole: int
    step: int = 1

    def of(self, samples: int) -> slice:
        """Where so many of them lie in the whole batch."""
        return slice(self.first, self.first + samples * self.step, self.step)


def skipping(x: Tensor, chance: float, rows: BatchSlice | None = None) -> Tensor:
    """x with each sample zeroed by this chance, and the others scaled so that the expectation is x."""
    if chance == 0.0:
        return x
    samples = len(x) if rows is None else rows.whole
    keep = x.new_empty(samples, *(1,) * (x.dim() - 1)).bernoulli_(1.0 - chance)
    if rows is not None:
        keep = keep[rows.of(len(x))]
    return x * (keep / (1.0 - chance))
