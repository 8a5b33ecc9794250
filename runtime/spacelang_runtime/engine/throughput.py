"""How long steps take, and how much of that is waiting for data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

from attrs import Factory, define

Value = TypeVar("Value")
NEW = 0.05  # the weight of a new step in the running means, once there have been enough of them


@define
class Throughput:
    """Running means over the last steps. seconds: a step. waited: of the last step, spent waiting for its batch.

    The first batch does not count: before it, worker processes are started and pictures may be decoded once.
    """

    seconds: float = 0.0
    waited: float = 0.0
    _waits: float = 0.0
    _made: int = 0
    _began: float = Factory(time.monotonic)

    @property
    def waiting(self) -> float:
        """The share of the time that was spent waiting, from 0 to 1."""
        return self._waits / self.seconds if self.seconds else 0.0

    def wait(self, batches: Iterator[Value]) -> Value:
        """The next batch. A step begins here."""
        asked = time.monotonic()
        batch = next(batches)
        now = time.monotonic()
        if self._made:
            self.waited = now - asked
        else:
            self._began = now
        return batch

    def rested(self) -> None:
        """What has happened since the last step was not a part of training."""
        self._began = time.monotonic()

    def stepped(self) -> None:
        """The step has ended."""
        now = time.monotonic()
        self._made += 1
        weight = max(NEW, 1 / self._made)
        self.seconds += weight * (now - self._began - self.seconds)
        self._waits += weight * (self.waited - self._waits)
        self._began = now
