"""Sandwich training of a supernet as an objective (Alg. 1 of Chen et al., 2021, supplement): several networks of
the space, each with the weights of the supernet, on one batch; their gradients fused into one.

**Fused** is the mean over the sandwich, not the sum. AdamW divides a gradient by its own running size, so the
update is the same for either; what differs is clipping, whose threshold then means the same for one network as
for a sandwich of any size. A recipe's `learning_rate` and `clip` are for the mean.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from attrs import frozen
from torch import Tensor

from spacelang.lower.cost import price
from spacelang.recipe import OptimizerName, Sandwich, Train
from spacelang.runs import resuming
from spacelang.space import Space
from spacelang_runtime.data import Batch, Dataset
from spacelang_runtime.engine.adamw import ParameterGroup
from spacelang_runtime.engine.checkpoint import Checkpoint, digest
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.muon import Matrices
from spacelang_runtime.engine.objective import MicroStep, Objective, parts
from spacelang_runtime.engine.optimizer import ParameterSpans
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.engine.schedule import schedule
from spacelang_runtime.engine.train import Training
from spacelang_runtime.fused.learn import learn
from spacelang_runtime.nn.drop_path import BatchSlice
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.seeding import seed_of
from spacelang_runtime.tasks.supernet.held_out import LOOKS, TAG, looking
from spacelang_runtime.tasks.supernet.precompile import precompile
from spacelang_runtime.tasks.supernet.sandwich import KINDS, Kind, SandwichSubnet, Subnets, sandwich


@frozen(eq=False)
class SupernetSetup:
    """What a training of a supernet, or of one network as the only one of its space, is made from. model: the
    supernet, on its device. micro: images that a process takes at a time (0: all). checkpoint: where to go on
    from."""

    run: RunFolder
    space: Space
    model: Supernet
    subnets: Subnets
    dataset: Dataset
    limits: Limits
    checkpoint: Checkpoint | None = None
    micro: int = 0


def training(setup: SupernetSetup, looks: int = LOOKS) -> Training:
    """The training for the one trainer. Norms, biases, position tables and tokens do not decay: they are no factors
    of a product. looks: how often networks are looked at on the held-out images, where there are any."""
    recipe, model, held_out = setup.space.train, setup.model, setup.dataset.search
    apart = recipe.sandwich.size if recipe.batches == "split" else 1
    return Training(
        run=setup.run,
        model=model,
        objective=objective(setup),
        parameters=decaying_first(model, float(recipe.weight_decay), recipe.optimizer),
        rate=schedule(recipe, setup.dataset.steps_per_epoch(recipe.batch)).rate,
        limits=setup.limits,
        batch=recipe.batch,
        micro=setup.micro,
        work=price(setup.subnets.largest).flops * (recipe.batch // apart),
        clip=float(recipe.clip),
        ema=float(recipe.ema),
        resume=resuming(setup.run.folder, setup.run.record.task == "finetune"),
        remedy="train anew with a smaller learning_rate or a smaller clip",
        name=setup.space.name,
        digest=digest(setup.space),
        prepare=lambda world: precompile(model, setup.subnets, world.device, float(recipe.drop_path)),
        checkpoint=setup.checkpoint,
        evaluate=looking(setup.run, setup.subnets, recipe, setup.limits.steps, held_out),
        evaluations=looks if len(held_out) else 0,
        measured=TAG,
    )


def decaying_first(model: Supernet, decay: float, optimizer: OptimizerName = "adamw") -> ParameterSpans:
    """The parameters of a supernet that learn, for the optimizer. A rate is the schedule's own. What Muon updates
    lies first, each shape for itself."""
    free = model.no_weight_decay()
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    alike: dict[tuple[int, int, int], list[str]] = {}
    if optimizer == "muon":
        for name, shape in model.matrices().items():
            alike.setdefault(shape, []).append(name)
    rest = named.keys() - {name for names in alike.values() for name in names}
    return [
        *(
            (Matrices(1.0, decay, *shape), [named[name] for name in names])
            for shape, names in sorted(alike.items())
        ),
        (
            ParameterGroup("decaying", 1.0, decay),
            [named[name] for name in named if name in rest and name not in free],
        ),
        (ParameterGroup("others", 1.0, 0.0), [named[name] for name in named if name in rest and name in free]),
    ]


def objective(setup: SupernetSetup) -> Objective:
    """The mean loss over a step's sandwich: of each network over all images of a step, or, where the recipe splits
    batches, over its own part of them."""
    recipe = setup.space.train

    def batches(first: int, steps: int, micro: int, world: World) -> Generator[Batch, None, None]:
        return setup.dataset.train_batches(first, steps, world.rank, world.size, world.device)

    def micro_steps(step: int, batch: Batch, micro: int, world: World) -> list[MicroStep]:
        members = sandwich(setup.subnets, recipe.sandwich, recipe.seed, step)
        made = []
        for index, (member, own) in enumerate(zip(members, split(members, batch, recipe), strict=True)):
            # 0 and no rank: what is dropped is drawn for the batch of all processes, as views are.
            seed = seed_of("drop-path", recipe.seed, step, 0, index)
            made += [
                micro_step(setup.model, recipe, member, own, rows, seed, world)
                for rows in parts(len(own.images), micro)
            ]
        return made

    return Objective(
        losses=KINDS,
        reported=[kind for kind in KINDS if getattr(recipe.sandwich, kind)],
        batches=batches,
        micro_steps=micro_steps,
        less="compute activations anew (--checkpointing), or take a GPU with more memory",
    )


def micro_step(
    model: Supernet, recipe: Train, member: SandwichSubnet, batch: Batch, own: slice, seed: int, world: World
) -> MicroStep:
    """A network's pass over some of what it learns from. What is dropped depends neither on the rows nor on the
    world, whose processes have every n-th image of the whole batch."""
    count, whole = own.stop - own.start, len(batch.images)
    rows, share = None, count / whole
    if count < whole:
        batch = Batch(batch.images[own], batch.targets[own])
    if count < whole * world.size:
        rows = BatchSlice(own.start * world.size + world.rank, whole * world.size, world.size)
    kinds = shares(member, recipe.sandwich)

    def backward(weight: float) -> dict[Kind, Tensor]:
        loss = learn(model, member.architecture, batch.images, batch.targets, float(recipe.drop_path), weight, rows)
        return dict.fromkeys(kinds, loss)

    return MicroStep(
        network=member.architecture.name,
        seed=seed,
        images=count,
        weight=len(member.kinds) / recipe.sandwich.size * share,
        loss_weights={kind: value * share for kind, value in kinds.items()},
        backward=backward,
    )


def split(members: Sequence[SandwichSubnet], batch: Batch, recipe: Train) -> Sequence[Batch]:
    """What each network of a sandwich learns from: all images, or, of a split batch, as many of its parts as the
    network takes places. Parts differ by one image at most."""
    if recipe.batches == "shared":
        return [batch] * len(members)
    count, places = len(batch.images), recipe.sandwich.size
    ends = [count * place // places for place in range(places + 1)]
    own, taken = [], 0
    for member in members:
        rows = slice(ends[taken], ends[taken + len(member.kinds)])
        own.append(Batch(batch.images[rows], batch.targets[rows]))
        taken += len(member.kinds)
    return own


def shares(member: SandwichSubnet, mix: Sandwich) -> dict[Kind, float]:
    """How much a network counts in the mean loss of each kind that it is of."""
    return {kind: member.kinds.count(kind) / getattr(mix, kind) for kind in dict.fromkeys(member.kinds)}
