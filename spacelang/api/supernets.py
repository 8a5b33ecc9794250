"""What every space of a refinement is tried by, and the supernets that are trained for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs
from attrs import frozen

from spacelang.api.load import made
from spacelang.api.refine_request import RefineRequest
from spacelang.api.train_request import preview, request
from spacelang.api.trained import Say, silent
from spacelang.refinement.loop import CandidateSpace
from spacelang.runs import AGAIN
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.app.learn import Begun, TrainingSummary
    from spacelang_runtime.app.watching import Watching
    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.refine.measure import Progress
    from spacelang_runtime.refine.refinement import Refinement
    from spacelang_runtime.search.outcome import Ended, ScoredCandidate
    from spacelang_runtime.tasks.supernet.objective import SupernetSetup
    from spacelang_runtime.tasks.supernet.setup import TrainRequest

Of = TypeVar("Of")

SHARES = (Fraction(1, 2), Fraction(1, 4))  # of the length, of the shorter trainings


@frozen(eq=False)
class RefinementObservers:
    """From where a refinement is watched: its trainings and finishes, its judgements, its searches."""

    training: Watching[Begun, Step | TrainingSummary]
    judging: Watching[RunFolder, Progress]
    searching: Watching[RunFolder, ScoredCandidate | Ended]


@frozen(eq=False)
class RefinementOptions:
    """What the outcome does not depend on. command: what is kept of how each run came about."""

    watched: RefinementObservers
    device: str = "auto"
    workers: int | None = None
    runs: Path = Path("runs")
    say: Say = silent
    command: tuple[str, ...] = ()


def leading() -> bool:
    """Whether this is the process that writes files and talks, of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def require_torchrun() -> None:
    """Refuse several processes that torchrun has not started. A refinement has them meet again and again, and
    without torchrun the place where they meet goes with the process that keeps it: the others wait for ever."""
    if os.environ.get("WORLD_SIZE", "1") != "1" and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        raise Failure(
            "several processes refine a space together only where torchrun has started them",
            "torchrun --nproc-per-node 8 --no-python spacelang refine …; or for one process, unset WORLD_SIZE",
        )


def shared(device: str, make: Callable[[], Of]) -> Of:
    """What the leading process makes, in every process."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return make()
    from spacelang_runtime.engine.distributed import broadcast, join

    with join(device) as world:
        value: Of = broadcast(world, make() if world.is_main else None)
    return value


def trained(
    asked: RefineRequest,
    options: RefinementOptions,
    refinement: Refinement,
    candidate: CandidateSpace,
    share: Fraction | None,
) -> RunFolder:
    """The run of a candidate, trained to its end. share: of the length; None: the whole."""
    from spacelang_runtime.app import learn
    from spacelang_runtime.app.workers import readers
    from spacelang_runtime.engine.distributed import broadcast, join
    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.engine.run import find
    from spacelang_runtime.refine.refinement import reread
    from spacelang_runtime.tasks.supernet.setup import continued, new

    training = learn.TrainingOptions(options.device, options.workers, again=AGAIN)
    with join(options.device) as world:
        say = options.say if world.is_main else silent
        known = _known(options, refinement, candidate, share) if world.is_main else None
        name, ended = broadcast(world, known)
        if name is not None and ended:
            say(f"{name} is trained")
            return find(options.runs, name)
        inherited = None
        if name is not None:
            setup = continued(find(options.runs, name), world, readers(options.workers), say)
        else:
            request = _request(asked, options, refinement, candidate, share, world)
            setup = new(request, options.runs, world, readers(options.workers), say)
            if asked.inherit and candidate.parent is not None:
                inherited = _inherited(setup, options, refinement, candidate.parent, world)
                say(f"{inherited:.0%} of the weights of {setup.run.name} begin as those of the space before ended")
            if world.is_main:
                _record(reread(refinement), candidate, share, setup.run.name, inherited)
        with sole_writer(setup.run.folder):
            learn.learn(setup, world, training, options.watched.training)
        return find(options.runs, setup.run.name)


def _known(
    options: RefinementOptions, refinement: Refinement, candidate: CandidateSpace, share: Fraction | None
) -> tuple[str | None, bool]:
    """The run that was begun for a candidate before, and whether it has ended; None where it is to be begun."""
    from spacelang_runtime.engine.run import find
    from spacelang_runtime.refine.refinement import reread

    rounds = reread(refinement).rounds
    one = rounds[candidate.number - 1] if candidate.number <= len(rounds) else None
    names = () if one is None else one.shorter if share else (one.run,)
    place = SHARES.index(share) if share else 0
    name = names[place] if place < len(names) else None
    if name is None or not (options.runs / name).is_dir():
        return None, False
    run = find(options.runs, name)
    if run.source != candidate.source.text:
        raise Failure(
            f"{candidate.source.name} is not what {run.name} was trained on",
            f"move {refinement.folder} away, and refine anew",
        )
    ended = bool(run.state and run.state.finished)  # it may have been judged since, and its weights be gone
    return (name, ended) if ended or run.checkpoint.exists() else (None, False)


def _request(
    asked: RefineRequest,
    options: RefinementOptions,
    refinement: Refinement,
    candidate: CandidateSpace,
    share: Fraction | None,
    world: World,
) -> TrainRequest:
    """The training of a candidate: as it is asked for, or for a share of what its whole training came to."""
    from spacelang_runtime.engine.distributed import broadcast
    from spacelang_runtime.engine.run import find
    from spacelang_runtime.refine.refinement import reread

    space = made(candidate.source)
    lines = [f"{name}={value}" for name, value in asked.train.items()]
    whole = request(
        space,
        asked.data,
        steps=asked.steps,
        budget=asked.budget,
        settings=lines,
        test_share=asked.test_share,
        command=options.command,
    )
    whole = preview(whole) if asked.preview else whole
    if share is None:
        return whole
    first = broadcast(world, reread(refinement).rounds[candidate.number - 1].run if world.is_main else None)
    limits = find(options.runs, first).record.limits
    budget = None if limits.budget is None else float(share) * limits.budget
    return attrs.evolve(whole, steps=max(1, round(share * limits.steps)), budget=budget)


def _inherited(
    setup: SupernetSetup, options: RefinementOptions, refinement: Refinement, parent: int, world: World
) -> float:
    """Begin with what the supernet of the space before has in common; the share of the weights that is."""
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine import supernet
    from spacelang_runtime.engine.distributed import broadcast
    from spacelang_runtime.engine.run import find
    from spacelang_runtime.refine.inherit import inherit
    from spacelang_runtime.refine.refinement import reread

    name = broadcast(world, reread(refinement).rounds[parent - 1].run if world.is_main else None)
    before = find(options.runs, name)
    weights = supernet.trained(before, lower(before.space), world.device).state_dict()
    return float(inherit(setup.model, weights))


def _record(
    refinement: Refinement, candidate: CandidateSpace, share: Fraction | None, name: str, inherited: float | None
) -> None:
    """Keep which run trains a candidate."""
    from spacelang_runtime.refine.refinement import Round, keep, with_round

    own = refinement.rounds[candidate.number - 1 : candidate.number]
    one = own[0] if own else Round(candidate.source.name, parent=candidate.parent)
    if share is None:
        one = attrs.evolve(one, run=name, inherited=inherited, shorter=())
    else:
        one = attrs.evolve(one, shorter=(*one.shorter[: SHARES.index(share)], name))
    keep(with_round(refinement, candidate.number, one))
