"""The processes that score together: one, or as many as `torchrun` started, on one host or several.

The leading process (rank 0) runs the search and keeps the journal. It posts each generation as a round of subnets
in torch.distributed's key-value store, the longest first; every process, the leading one too, takes the next subnet
that nobody has, so none waits for the slowest. What a network gets right does not depend on who computed it, so the
search ends with the same answer on any number of processes.

A process shows that it lives by a number that it counts up. One that has not for `PATIENCE` seconds is taken for
dead, and its subnet is posted again in a round of its own.

    end              the search is over
    alive/RANK       counts up
    ROUND/subnets    the subnets and how far they go, as JSON
    ROUND/next       how many subnets have been taken
    ROUND/I/taker    the rank that has taken subnet I
    ROUND/I/verdict  what came of it, as JSON
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import numpy as np
import torch
import torch.distributed as dist
from attrs import define, field, frozen

from spacelang import notation
from spacelang_runtime.engine.distributed import choose
from spacelang_runtime.failure import Failure
from spacelang_runtime.search.answers import from_text, to_text
from spacelang_runtime.search.racing import Race
from spacelang_runtime.search.scoring import Fidelity, Subnet, Verdict

BEAT = 0.5  # seconds between two signs of life
PATIENCE = 15.0  # seconds without one, after which a process is taken for dead
PAUSE = 0.005  # seconds between two looks at the store

_MEETINGS = count()

# Networks, how far they go → the verdict on each as it comes. It takes a network when it begins with it.
Judge = Callable[[Iterable[Subnet], Fidelity], Iterator[Verdict]]


@frozen(eq=False)
class ScoringPool:
    """This process among those that score. rank: its number, from 0, which leads. store: where they meet; None for
    a process on its own."""

    rank: int
    size: int
    device: torch.device
    store: dist.Store | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is the process that runs the search, writes files and talks to the user."""
        return self.rank == 0


@contextmanager
def join(device: str = "auto") -> Iterator[ScoringPool]:
    """Meet the other processes (by torchrun's environment variables), and part from them in the end.

    device: as for `distributed.choose`; under torchrun each process of a host takes the GPU of its local rank.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose(device, int(os.environ.get("LOCAL_RANK", "0")) if size > 1 else None)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)  # kernels are launched on the current device
    if size == 1:
        yield ScoringPool(0, 1, chosen)
        return
    try:
        store, rank, size = next(iter(dist.rendezvous("env://")))
    except (RuntimeError, ValueError) as error:
        raise Failure(
            f"process {os.environ.get('RANK')} of {size} cannot reach the others: {error}",
            "start all of them with torchrun, with one address and port that every host can reach",
        ) from None
    # torchrun's store outlives the processes that it starts again: each start writes under a name of its own.
    # So does each meeting of one start: all processes have as many.
    name = f"search {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')} {next(_MEETINGS)}"
    pool = ScoringPool(rank, size, chosen, dist.PrefixStore(name, store))
    parted = threading.Event()
    mine = dist.PrefixStore(name, store.clone())  # a connection of its own: the other may be waiting for an answer
    beating = threading.Thread(target=beat, args=(mine, rank, parted), daemon=True)
    beating.start()
    try:
        yield pool
    finally:
        if pool.is_main:
            _part(pool)
        parted.set()
        beating.join()


@define
class Dispatcher:
    """The leading process's side of the store: one round after the other. images: that every process scores on.
    begin: which of them comes first."""

    pool: ScoringPool
    judge: Judge
    images: int
    begin: int = 0
    round: int = 0
    signs: dict[int, tuple[bytes, float]] = field(factory=dict)

    def __call__(self, subnets: Sequence[Subnet], fidelity: Fidelity) -> Iterator[Verdict]:
        """The verdict on each subnet, in the order in which they come."""
        store = self.pool.store
        if store is None:
            yield from self.judge(subnets, fidelity)
            return
        while subnets:
            self.round += 1
            store.set(f"{self.round}/subnets", round_text(subnets, fidelity, self.images))
            numbers = {subnet.digest: number for number, subnet in enumerate(subnets)}
            waiting = set(numbers.values())
            for verdict in self.judge(_taken(store, self.round, self.pool.rank, subnets), fidelity):
                yield verdict
                waiting.discard(numbers[verdict.digest])
                yield from self._come(store, waiting)
            lost: set[int] = set()
            idle = time.monotonic()
            while waiting - lost:
                yield from self._come(store, waiting)
                lost = {number for number in waiting if self._dead(store, number, idle)}
                time.sleep(PAUSE)
            subnets = [subnets[number] for number in sorted(waiting)]

    def _come(self, store: dist.Store, waiting: set[int]) -> Iterator[Verdict]:
        for number in sorted(waiting):
            key = f"{self.round}/{number}/verdict"
            if store.check([key]):
                waiting.discard(number)
                yield _read_verdict(store.get(key))

    def _dead(self, store: dist.Store, number: int, since: float) -> bool:
        """Whether the process that took a subnet has died. since: when every subnet had been taken."""
        key = f"{self.round}/{number}/taker"
        if not store.check([key]):  # it died just after it took the subnet
            return time.monotonic() - since > PATIENCE
        taker = int(store.get(key))
        sign = store.get(f"alive/{taker}") if store.check([f"alive/{taker}"]) else b""
        before, when = self.signs.get(taker, (None, 0.0))
        if sign != before:
            self.signs[taker] = (sign, time.monotonic())
            return False
        return time.monotonic() - when > PATIENCE


def follow(pool: ScoringPool, judge: Judge, images: int) -> None:
    """Score what the leading process posts, until the search is over.

    images: that this process scores on. Raises `Failure` where the leading one has another number of them, and
    where it is gone.
    """
    store = pool.store
    assert store is not None, "a process on its own leads"
    round_ = 0
    try:
        while True:
            round_ += 1
            while not store.check([f"{round_}/subnets"]):
                if store.check(["end"]):
                    store.add("parted", 1)
                    return
                time.sleep(PAUSE)
            subnets, fidelity, total = _read_round(store.get(f"{round_}/subnets"))
            if total != images:
                raise Failure(f"process {pool.rank} has {images} images, and the leading one {total}")
            numbers = {subnet.digest: number for number, subnet in enumerate(subnets)}
            for verdict in judge(_taken(store, round_, pool.rank, subnets), fidelity):
                store.set(f"{round_}/{numbers[verdict.digest]}/verdict", _verdict(verdict))
    except dist.DistError as error:
        raise Failure(f"process {pool.rank} has lost the leading one: {str(error).splitlines()[0]}") from None


def _taken(store: dist.Store, round_: int, rank: int, subnets: Sequence[Subnet]) -> Iterator[Subnet]:
    """The next subnet that nobody has, until there is none."""
    while (number := int(store.add(f"{round_}/next", 1)) - 1) < len(subnets):
        store.set(f"{round_}/{number}/taker", str(rank))
        yield subnets[number]


def beat(store: dist.Store, rank: int, parted: threading.Event) -> None:
    """Show that this process lives, until it parts."""
    count = 0
    try:
        while not parted.wait(BEAT):
            count += 1
            store.set(f"alive/{rank}", str(count))
    except RuntimeError:  # the store has gone with the leading process
        return


def _part(pool: ScoringPool) -> None:
    """Tell the others that it is over, and wait until those that live have heard: the store may go with us."""
    store = pool.store
    assert store is not None
    store.set("end", "")
    signs: list[bytes] = []
    while True:
        before, since = signs, time.monotonic()
        while time.monotonic() - since < 4 * BEAT:
            if int(store.add("parted", 0)) >= pool.size - 1:
                return
            time.sleep(PAUSE)
        keys = [f"alive/{rank}" for rank in range(1, pool.size)]
        signs = [store.get(key) for key in keys if store.check([key])]
        if signs == before:  # nobody is left who could hear
            return


def round_text(subnets: Sequence[Subnet], fidelity: Fidelity, images: int) -> str:
    race = fidelity.race
    return json.dumps(
        {
            "images": images,
            "subnets": [
                [notation.write(subnet.architecture), subnet.digest, *to_text(subnet.known)] for subnet in subnets
            ],
            "until": fidelity.images,
            "race": None if race is None else [race.rival.tolist(), race.score, list(race.looks), race.risk],
        }
    )


def _read_round(text: bytes) -> tuple[list[Subnet], Fidelity, int]:
    value = json.loads(text)
    subnets = [Subnet(notation.read(line), digest, from_text(*known)) for line, digest, *known in value["subnets"]]
    race = None
    if value["race"] is not None:
        rival, score, looks, risk = value["race"]
        race = Race(np.array(rival, np.float64), score, tuple(looks), risk)
    return subnets, Fidelity(value["until"], race), value["images"]


def _verdict(verdict: Verdict) -> str:
    return json.dumps([verdict.digest, *to_text(verdict.answers), verdict.used, verdict.seconds, verdict.device])


def _read_verdict(text: bytes) -> Verdict:
    digest, right, losses, count, used, seconds, device = json.loads(text)
    return Verdict(digest, from_text(right, losses, count), used, seconds, device)
