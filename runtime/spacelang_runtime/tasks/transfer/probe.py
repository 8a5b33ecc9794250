"""What a step of a task takes here, by steps of few images that are made and forgotten."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.probe import seconds_a_step
from spacelang_runtime.tasks.task import silent
from spacelang_runtime.tasks.transfer.objective import TransferSetup, training

FEW = 2  # images that it begins with: norms over a batch need two
ENOUGH = 1.0  # seconds that a step of more images is to take
PROBED = 3.0  # seconds of steps


@frozen
class StepTime:
    """seconds: of a step, in proportion to those of so many `images` (of vqa: texts), where it takes more."""

    seconds: float
    images: int


def step_time(setup: TransferSetup, world: World, say: Callable[[str], None] = lambda line: None) -> StepTime:
    """What a step takes, by steps of two images, and by steps of more where these are quick: so a step that takes
    many minutes is known in few. say: told what is made. The weights of the setup are changed."""
    say("making steps of few images, to tell the time: nothing of them is kept")
    own = setup.recipe.train.batch // setup.data.multiple // world.size
    count, seconds = _timed(setup, world, own, min(FEW, own))
    more = min(own, int(count * ENOUGH / seconds))
    if more > count:
        count, seconds = _timed(setup, world, own, more)
    return StepTime(seconds * own / count, count * setup.data.multiple)


def _timed(setup: TransferSetup, world: World, own: int, few: int) -> tuple[int, float]:
    """How many of the images of a step, at least so many of its `own`, are taken; and the seconds of such steps."""
    share = own // few
    made = training(setup, silent, share=share)
    return -(-own // share), seconds_a_step(made, world, PROBED, "stopped before there was anything to tell")
