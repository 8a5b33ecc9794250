"""What a training is asked for: a space with its recipe as it will be, and what it is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from spacelang.api.bounded import bounded, in_words
from spacelang.api.held_out import held_out
from spacelang.api.measures import Amount
from spacelang.api.recipe import Settings, lines, train_recipe
from spacelang.api.space import Space
from spacelang.api.trained import Say, silent
from spacelang.space import Space as Checked
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.tasks.supernet.setup import TrainRequest


def request(
    space: Space,
    data: str | None,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    steps: int | None = None,
    budget: float | None = None,
    settings: Settings | None = None,
    micro: int = 0,
    test_share: tuple[float | str | None, int] = (None, 0),
    command: Sequence[str] = (),
    warn: Say = silent,
    say: Say = silent,
) -> TrainRequest:
    """The training of a space, with lines of its recipe replaced. flops, params: for networks inside these bounds.
    budget: in seconds. test_share: how much is held out for the test, and by which seed. warn: told what is
    doubtful; say: what else a person is to know.

    Raises `NotAnOption` for a line that no recipe has, `NotABound` for a bound that is none, and `Failure` for a
    space that was not made from text, and where no network is inside the bounds.
    """
    checked = space.checked
    if space.source is None:
        raise Failure("a run keeps the text of its space, and this one was not made from text", "sl.load(FILE)")
    overrides = lines(settings)
    recipe = train_recipe(checked.train, settings, warn)
    if flops is not None or params is not None:
        recipe = bounded(space.lowered, recipe, {"flops": flops, "params": params}, overrides)
        say(in_words(recipe))
    from spacelang_runtime.tasks.supernet.setup import TrainRequest  # torch comes with it: mistakes come before

    return TrainRequest(
        attrs.evolve(checked, train=recipe),
        space.source.text,
        data or "digits",
        tuple(command),
        overrides,
        steps,
        budget,
        micro,
        held_out=held_out(*test_share),
    )


def begun_with(asked: TrainRequest, weights: str, taught: float, runs: Path) -> TrainRequest:
    """The same from the weights of a network that has learned, which sees images as it has learned to."""
    from spacelang_runtime.engine.record import Distillation, Initial
    from spacelang_runtime.tasks.supernet.known import known

    begins = known(weights, runs)  # a name that is wrong is told before data is looked at
    return attrs.evolve(
        asked,
        initial=Initial(weights),
        distillation=Distillation(weights, taught) if taught else None,
        preprocessing=begins.preprocessing,
        learned=begins.learned,
    )


def warning(say: Say) -> Say:
    """What is only doubtful, as a line."""
    return lambda line: say(f"warning: {line}")


def fits_digits(space: Checked) -> bool:
    """Whether the built-in digits are what a space was written for, and not a stand-in for photos."""
    return space.frame.classes == 10 and space.frame.image <= 32


PREVIEW_BATCH, PREVIEW_BUDGET = 4, 100.0


def preview(asked: TrainRequest) -> TrainRequest:
    """The same training made small: a look at how things work, bounded in time."""
    recipe = asked.space.train
    recipe = attrs.evolve(recipe, batch=min(recipe.batch, PREVIEW_BATCH), repeats=1, warmup=0)
    return attrs.evolve(
        asked,
        space=attrs.evolve(asked.space, train=recipe),
        budget=asked.budget or PREVIEW_BUDGET,
        preview=True,
    )
