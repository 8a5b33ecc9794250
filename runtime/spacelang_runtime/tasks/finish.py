"""A found network trained on alone, from the weights that it inherits, for a share of its supernet's seconds.

The share is turned into a number of steps once, by timing some on the device at hand; from then on the steps are
what counts, and a finish that was interrupted makes those that are left. It is a training of one network as
`tasks.finetune` has it, by the supernet's recipe with a short warm-up, on the supernet's images.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from fractions import Fraction

import attrs
from attrs import frozen
from torch import nn

from spacelang import notation
from spacelang.amount import counted, percent
from spacelang.architecture import Architecture
from spacelang.lower.lowered import lower
from spacelang.recipe import Train
from spacelang_runtime.data import Dataset
from spacelang_runtime.engine.distributed import World, broadcast
from spacelang_runtime.engine.evaluate import evaluate
from spacelang_runtime.engine.finished import FINISH, finishes, folder_of
from spacelang_runtime.engine.probe import LONGEST, seconds_a_step
from spacelang_runtime.engine.provenance import provenance
from spacelang_runtime.engine.record import Distillation, Finish
from spacelang_runtime.engine.run import RunFolder, find
from spacelang_runtime.engine.supernet import trained, untrained
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.inherit import inherit
from spacelang_runtime.nn.saved import save
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.tasks.finetune import ALONE, narrowest
from spacelang_runtime.tasks.supernet.data import Say, learned_by, preprocessing_of, share_of
from spacelang_runtime.tasks.supernet.objective import SupernetSetup, training
from spacelang_runtime.tasks.supernet.sandwich import alone
from spacelang_runtime.tasks.supernet.setup import TrainRequest, continued, created, opened
from spacelang_runtime.tasks.supernet.teacher import Distilled

# By docs/learning.md, "A finish": the peak as a part of the recipe's rate, and the share of the steps of warm-up.
PEAK, WARMUP = Fraction(1), Fraction(1, 20)
TIMING, SHORTEST = 0.1, 0.5  # of the finish's seconds; seconds at least


@frozen(eq=False)
class FinishRequest:
    """What is asked for. run: of the supernet; architecture: a network of its space, in its frame. share: of the
    supernet's seconds, above 0 to 1. recipe: see `recipe_of`. final: whether the held-out images are learned from
    too. taught: the part of a target that is the largest network's; 0: labels alone."""

    run: RunFolder
    architecture: Architecture
    share: Fraction
    recipe: Train
    final: bool = False
    taught: float = 0.0
    command: tuple[str, ...] = ()
    overrides: Mapping[str, str] = attrs.Factory(dict)

    @property
    def step(self) -> int:
        """Of the supernet's weights."""
        return self.run.state.step if self.run.state else 0

    @property
    def distillation(self) -> Distillation | None:
        return Distillation(self.run.name, self.taught) if self.taught else None


def recipe_of(given: Train, final: bool = False) -> Train:
    """The recipe of a finish, from the one that a supernet was trained by. final: whether nothing is held out."""
    return attrs.evolve(
        given,
        sandwich=ALONE,
        batches="shared",
        learning_rate=given.rate * PEAK,
        rate_law="constant",  # that peak was found in runs as short as a finish
        warmup=given.epochs * WARMUP,
        holdout=0 if final else given.holdout,
    )


def require_finishable(run: RunFolder) -> None:
    """Refuse a run whose networks cannot be finished."""
    if run.record.task != "supernet":
        raise Failure(f"{run.name} trains one network, and no supernet", "to train it further: spacelang finetune")
    if run.record.preview:
        raise Failure(
            f"{run.name} is a PREVIEW: its weights are not worth finishing",
            "train the space on images of your own: --data FOLDER",
        )
    if run.state is None:
        raise Failure(f"{run.name} has learned nothing yet", "wait for its first checkpoint")


def seconds_of(run: RunFolder, share: Fraction, processes: int) -> float:
    """A share of the seconds of all processes that trained a run, shared out among so many."""
    assert run.state is not None
    return float(share) * run.state.elapsed * run.record.processes / processes


def kept(request: FinishRequest) -> RunFolder | None:
    """The finish that this request has begun before, ended or not."""
    asked = (request.recipe, float(request.share), request.final, request.distillation)
    for one in reversed(finishes(request.run, request.architecture)):
        finish = one.record.finish
        assert finish is not None
        if (one.space.train, finish.share, finish.final, one.record.distillation) == asked:
            return one
    return None


def begun(request: FinishRequest, supernet: Supernet, world: World, workers: int, say: Say) -> SupernetSetup:
    """A new finish, or what goes on with one. supernet: the trained one of the request's run, on the device."""
    run, known = request.run, kept(request) if world.is_main else None
    name = broadcast(world, known.name if known else None)
    if name is not None:
        own = find(folder_of(run), name, (FINISH,))
        setup = continued(own, world, workers, say, begun=False)
        if setup.checkpoint is None:
            _hand_over(supernet, setup)
        return setup
    seconds = seconds_of(run, request.share, world.size)
    line = notation.write(request.architecture)
    asked = TrainRequest(
        narrowest(request.architecture, request.recipe),
        f"# The network {line} alone, from the supernet of {run.name}.\n",
        run.record.data.where,
        request.command,
        dict(request.overrides),
        network=line,
        distillation=request.distillation,
        finish=Finish(run.name, request.step, float(request.share), seconds, request.final),
        preprocessing=preprocessing_of(run, say),
        fingerprint=run.record.data.fingerprint,
        held_out=share_of(run),
        learned=learned_by(run),
    )
    asked, dataset = opened(asked, world, workers, say)
    every = _seconds_a_step(asked, dataset, request, supernet, world)
    setup = created(attrs.evolve(asked, steps=max(1, round(seconds / every))), dataset, folder_of(run), world, say)
    _hand_over(supernet, setup)
    return setup


def _hand_over(supernet: Supernet, setup: SupernetSetup) -> None:
    """Give the one network of a training the weights that it inherits."""
    own = setup.subnets.largest
    inherit(setup.model, own, extract(supernet, own).state_dict())


def _with_teacher(dataset: Dataset, request: FinishRequest, supernet: Supernet) -> Dataset | Distilled:
    if not request.taught:
        return dataset
    teacher: nn.Module = extract(supernet, lower(request.run.space).largest).requires_grad_(False)
    return Distilled(dataset, teacher, request.taught)


def _seconds_a_step(
    asked: TrainRequest, dataset: Dataset, request: FinishRequest, supernet: Supernet, world: World
) -> float:
    """What a step takes here, by some that are forgotten."""
    assert asked.finish is not None
    lowered = lower(asked.space)
    probe = SupernetSetup(
        request.run,
        asked.space,
        untrained(lowered, world.device),
        alone(attrs.evolve(request.architecture, frame=asked.space.frame)),
        _with_teacher(dataset, request, supernet),
        request.run.record.limits,
    )
    budget = min(LONGEST, max(SHORTEST, TIMING * asked.finish.seconds))
    return seconds_a_step(training(probe), world, budget, "the finish was stopped before its first step")


def write_model(setup: SupernetSetup, request: FinishRequest, supernet: Supernet, world: World) -> None:
    """Score a finish that has ended, and write its model into its folder."""
    run, architecture, device = setup.run, setup.subnets.largest, world.device
    model = trained(run, lower(run.space), device)
    before = after = None
    if not request.final and len(setup.dataset.search):
        images = setup.dataset.search
        for scored in (supernet, model):
            with closing(images.batches(device=device)) as batches:
                before, after = after, evaluate(scored, batches, images.normalise, device, architecture)
    finish, state = run.record.finish, run.state
    assert finish is not None
    assert state is not None
    network = extract(model, architecture)
    notes, said = provenance(request.run, architecture), None
    if after is not None and before is not None:
        images = counted(after.images, "held-out image")
        chosen = "; a search chose it by some of them" if notes["accuracy"] else ""
        said = f"{after.top1:.2%} of {images}; {before.top1:.2%} with inherited weights{chosen}"
    notes |= {
        "accuracy": said,
        "held_out_accuracy": after and after.top1,
        "inherited_held_out_accuracy": before and before.top1,
        "origin": f"{notes['origin']}; {said_of(request, state.step)}",
        "finish": {"steps": state.step, "seconds": round(state.elapsed, 3), "share": finish.share}
        | {"final": finish.final, "taught": request.taught},
    }
    save(network.cpu(), run.model, notes, force=True, preprocessing=setup.dataset.preprocessing)


def said_of(request: FinishRequest, steps: int) -> str:
    """How a network was finished, in words."""
    taught = ", taught by the largest network" if request.taught else ""
    images = ", on the images held out for the search too" if request.final else ""
    return (
        f"then trained alone for {counted(steps, 'step')}, {percent(request.share)} of its seconds{taught}{images}"
    )
