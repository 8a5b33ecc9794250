"""A space to search, and judges that need no network: what the tests of the search stand on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from attrs import define, evolve, field

from spacelang.architecture import Architecture
from spacelang.check import compile_text
from spacelang.lower.lowered import Lowered, lower
from spacelang.recipe import Bound, Evolve
from spacelang.resources import folder
from spacelang.source import read
from spacelang_runtime.engine.create import create
from spacelang_runtime.engine.record import Data, Limits, Record
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.search.answers import Answers
from spacelang_runtime.search.evolve import Ended, Method, ScoredCandidate, SearchOutcome
from spacelang_runtime.search.evolve import evolve as search
from spacelang_runtime.search.overlapped import overlapped
from spacelang_runtime.search.pool import Dispatcher, ScoringPool
from spacelang_runtime.search.scoring import Fidelity, Subnet, Verdict, judged
from spacelang_runtime.search.whole_run import Feasibility, WholeRun

IMAGES = 2000
RECIPE = Evolve(
    population=12, parents=4, generations=5, crossover=6, mutation=6, bounds=(Bound("flops", None, 100_000),)
)
CPU = torch.device("cpu")


@cache
def digits() -> Lowered:
    space = compile_text(read(folder("spaces") / "digits.space")).space
    assert space is not None
    return lower(space)


@cache
def answers(architecture: Architecture) -> Answers:
    """What a network is said to do: it depends on its layers, on how hard an image is, and on luck. An image is
    lost the more, the harder it is for the network."""
    layers = [layer for stage in architecture.stages for layer in stage.layers]
    merit = np.mean([(layer.mlp == 3) + (layer.heads == 2) + (layer.window == 2) for layer in layers])
    hard = np.random.default_rng(0).random(IMAGES)
    luck = np.random.default_rng(int(sha256(architecture.name.encode()).hexdigest()[:8], 16)).random(IMAGES)
    behind = hard + 0.1 * luck - (0.3 + 0.2 * merit)
    return Answers(behind < 0, np.log1p(np.exp(6 * behind)).astype(np.float16))


@define
class Pretender:
    """Judges as a scorer does, from `answers`. looked: by digest, how many images were looked at, each time. ahead:
    as of `Scorer`."""

    looked: list[tuple[str, int]] = field(factory=list)
    before: Callable[[Subnet], None] = lambda subnet: None
    ahead: int = 0

    def __call__(self, subnets: Iterable[Subnet], fidelity: Fidelity) -> Iterator[Verdict]:
        return overlapped((self._judging(subnet, fidelity) for subnet in subnets), self.ahead)

    def _judging(self, subnet: Subnet, fidelity: Fidelity) -> Generator[None, None, Verdict]:
        self.before(subnet)
        told = subnet.known
        while (used := judged(told, fidelity)) is None:
            yield
            told = answers(subnet.architecture).first(next(s for s in fidelity.stops if s > len(told)))
        self.looked.append((subnet.digest, len(told) - len(subnet.known)))
        return Verdict(subnet.digest, told, used, 0.001, "nowhere")


def new_run(runs: Path) -> RunFolder:
    space = digits().space
    record = Record("supernet", Data("d", "d", ""), Limits(1), "cpu", (), space="digits")
    return create(runs, record, "", space)


def searched(
    run: RunFolder,
    judge: Pretender,
    method: Method = Method(),
    recipe: Evolve = RECIPE,
    pool: ScoringPool = ScoringPool(0, 1, CPU),
    observe: Callable[[ScoredCandidate | Ended], None] = lambda seen: None,
    feasible: Feasibility | None = None,
) -> SearchOutcome:
    return search(run, digits(), recipe, method, Dispatcher(pool, judge, IMAGES), 1, observe, feasible)


def keeping(keeps: Callable[[Architecture], bool], beyond: float = 1.1) -> Feasibility:
    """What finds networks within a bound as it is told; those outside are beyond it by a factor."""

    def run(one: Architecture) -> WholeRun:
        return WholeRun((0, 1 if keeps(one) else 1 / beyond), "ms", 1, 1, None, 0, f"{one.name} runs whole")

    return Feasibility("flops", run)


def timeless(outcome: SearchOutcome) -> SearchOutcome:
    """An outcome without what may differ between two searches of the same account."""
    return evolve(outcome, seconds=0.0, scored=0)
