"""One network trained further, or anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from attrs import define, evolve

from spacelang import notation
from spacelang.api.architecture import Architecture
from spacelang.api.error import NotAnOption
from spacelang.api.held_out import held_out
from spacelang.api.model import Model, load_model, require_model
from spacelang.api.ranges import between
from spacelang.api.recipe import Settings, lines, train_recipe
from spacelang.api.run import Run
from spacelang.api.space import Space
from spacelang.api.steps import Observe, steps_to
from spacelang.api.time import Time, time_of
from spacelang.api.train import require_limits
from spacelang.api.trained import Say, silent
from spacelang.recipe import Train
from spacelang.runs import resuming
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.app.train import Resume
    from spacelang_runtime.engine.record import Distillation
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.tasks.supernet.setup import TrainRequest

Place = str | os.PathLike[str]
Keep = Literal["last", "best"]
SHARE = 0.5  # of a teacher in a target


@define(frozen=True, slots=False, repr=False)
class Finetuned:
    """A model that was written. run: its training. folder: of the model. origin: where its weights come from, in
    words."""

    run: Run
    folder: Path
    architecture: Architecture
    origin: str

    def model(self) -> Model:
        """The network with its weights."""
        return load_model(self.folder)

    def __repr__(self) -> str:
        return f"<{self.folder}: {self.architecture.name}, {self.origin}>"


def finetune(
    model: Place | Run,
    data: Place | None = None,
    output: Place = "tuned",
    *,
    from_scratch: bool = False,
    recipe: Space | None = None,
    settings: Settings | None = None,
    test_share: float | str | None = None,
    test_seed: int = 0,
    teacher: Place | None = None,
    teacher_weights: Place | None = None,
    share: float | None = None,
    steps: int | None = None,
    budget: Time | None = None,
    keep: Keep = "last",
    resume: bool = False,
    force: bool = False,
    device: str = "auto",
    micro: int | None = None,
    workers: int | None = None,
    checkpointing: bool = False,
    runs: Place = "runs",
    observe: Observe = silent,
    say: Say = silent,
) -> Finetuned:
    """Train a model further on data of its own or other classes, and write it; as `spacelang finetune`.

    The head follows the data. By default the weights that it has learned are the beginning, for 30 epochs at a low
    rate. Under torchrun every process makes the same call.

    Args:
        model: a model's folder, as `run.export` and `spacelang import` write it; with `resume`, a run of finetune.
        data: where images are, in any form (docs/data.md), or `digits`; with `resume`, where they are now.
        output: the folder of the new model.
        from_scratch: whether to begin with random weights, by the recipe of a training: the paper's retraining.
        recipe: a space whose `train` block to follow.
        settings: lines of the recipe changed: `{"epochs": 5}`.
        test_share: of every class, to be held out for the test, of data without a test split.
        test_seed: of that share: which images it takes.
        teacher: what to learn from too: a run (its largest network), a model's folder, or `timm:NAME`.
        teacher_weights: the weights of a timm teacher; None: timm fetches them.
        share: of the teacher in what is learned; None: 0.5.
        steps: updates to stop after.
        budget: time to stop after: `"10m"`, or seconds.
        keep: which weights are written, the last ones, or the best of ten looks at images that are held out for it.
        resume: whether to go on with a run, exactly where it stopped.
        force: whether to replace a model that is there already.
        device, micro, workers, checkpointing, runs, observe, say: as for `sl.train`.

    Raises:
        NotAnOption: for words that are none, and numbers that cannot be.
        Failure: for what cannot be trained, and for a place that cannot be written.
    """
    require_limits(steps, micro, workers)
    between("share", share, 0, 1)
    if keep not in get_args(Keep):
        raise NotAnOption("keep", f"{keep!r} is none of {', '.join(get_args(Keep))}")
    name, place = (model.name if isinstance(model, Run) else str(model)), Path(output)
    where = None if data is None else str(data)
    new_words = (settings, recipe, from_scratch or None, test_share, teacher, teacher_weights, share)
    if resume and (keep != "last" or any(word is not None for word in new_words)):
        raise Failure(
            "a run goes on with its own recipe and teacher, and its own test images", "leave these options out"
        )
    if where is None and not resume:
        raise Failure("which images is it to learn from?", "name a folder of them, or data='digits'")
    learned = taught_by(teacher, teacher_weights, share)

    limit = None if budget is None else time_of(budget, "budget")
    asked: TrainRequest | Resume
    if resume:
        from spacelang_runtime.app.train import Resume

        kept = model.kept if isinstance(model, Run) else of_finetune(name, Path(runs))
        asked = Resume(kept, steps, limit, micro or 0, where)
    else:
        require_model(name, Path(runs), "; or go on with a run of finetune: resume=True")
        given = recipe.checked.train if recipe else Train()
        begins = request(
            name, str(where), from_scratch, given, settings, learned, (steps, limit, micro or 0), keep=keep
        )
        asked = evolve(begins, held_out=held_out(test_share, test_seed))

    from spacelang_runtime.app.finetune import FinetuneRequest
    from spacelang_runtime.app.finetune import finetune as finetune_
    from spacelang_runtime.app.learn import TrainingOptions

    options = TrainingOptions(device, workers, checkpointing=checkpointing)
    made = finetune_(FinetuneRequest(asked, place, force), Path(runs), options, steps_to(observe), say)
    if made is None:
        raise Failure("this process only helped", "the leading one, of rank 0, has what was trained")
    return Finetuned(Run(made.run), made.output, Architecture(made.architecture), made.origin)


def taught_by(teacher: Place | None, weights: Place | None, share: float | None) -> Distillation | None:
    """What is learned from besides labels; None where there is no teacher. Raises `Failure`."""
    if teacher is None:
        if weights is not None or share is not None:
            raise Failure("there is no teacher", "name one: --teacher, a run, a model's folder or timm:NAME")
        return None
    if weights is not None and not Path(weights).is_file():
        raise Failure(
            f"there is no file {weights}", "name the weights of the teacher, or leave --teacher-weights out"
        )
    from spacelang_runtime.engine.record import Distillation

    return Distillation(str(teacher), SHARE if share is None else share, None if weights is None else str(weights))


def request(
    model: str,
    data: str,
    from_scratch: bool,
    given: Train,
    settings: Settings | None,
    learned: Distillation | None,
    limits: tuple[int | None, float | None, int],
    command: Sequence[str] = (),
    keep: Keep = "last",
) -> TrainRequest:
    """The training of the network of a model's folder. given: the recipe that it begins with. limits: steps,
    seconds, and images that a process takes at a time (0: all). keep: see `finetune`. Raises `NotAnOption` for a
    line that no recipe has."""
    from spacelang_runtime.data.training_data import from_notes
    from spacelang_runtime.engine.record import Initial
    from spacelang_runtime.nn.saved import architecture_of, notes_of, preprocessing_of
    from spacelang_runtime.tasks.finetune import narrowest, recipe_of
    from spacelang_runtime.tasks.supernet.setup import TrainRequest

    architecture = architecture_of(model)
    chosen = train_recipe(recipe_of(from_scratch, given, keep == "best"), settings)
    line = notation.write(architecture)
    return TrainRequest(
        narrowest(architecture, chosen),
        f"# The network {line} alone, from {model}.\n",
        data,
        tuple(command),
        lines(settings),
        *limits,
        network=line,
        initial=Initial(model, from_scratch),
        distillation=learned,
        preprocessing=None if from_scratch else preprocessing_of(model),
        learned=None if from_scratch else from_notes(notes_of(model)),
        keep=keep,
    )


def of_finetune(name: str, runs: Path) -> RunFolder:
    """The run of finetune of a name. Raises `Failure` where it is one of a whole space."""
    from spacelang_runtime.engine.run import find

    run = find(runs, name)
    if run.record.task != "finetune":
        raise Failure(f"{run.name} is a run of a whole space", f"go on with it: {resuming(run.folder, False)}")
    return run
