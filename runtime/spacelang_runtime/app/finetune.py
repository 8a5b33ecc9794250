"""One network trained further, or anew, and written as a model of its own."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from spacelang.runs import resuming
from spacelang_runtime.app.learn import Begun, TrainingOptions, TrainingSummary, learn
from spacelang_runtime.app.train import Resume
from spacelang_runtime.app.watching import Say, Watching, silent, watched_by
from spacelang_runtime.app.workers import readers

if TYPE_CHECKING:
    from spacelang.architecture import Architecture
    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.tasks.supernet.objective import SupernetSetup
    from spacelang_runtime.tasks.supernet.setup import TrainRequest


@frozen(eq=False)
class FinetuneRequest:
    """A training of one network, new or gone on with. output: the folder of the model; force: replace one that is
    there."""

    asked: TrainRequest | Resume
    output: Path
    force: bool = False


@frozen(eq=False)
class FinetuneResult:
    """A model that was written. origin: where its weights come from, in words."""

    run: RunFolder
    output: Path
    architecture: Architecture
    origin: str


def finetune(
    request: FinetuneRequest,
    runs: Path,
    options: TrainingOptions = TrainingOptions(),
    watching: Watching[Begun, Step | TrainingSummary] = watched_by(silent),
    say: Say = silent,
) -> FinetuneResult | None:
    """Train the network, and write its model; a run that has come to its end is written alone. None in a process
    that only helped.

    Raises `Failure` for what cannot be trained, for a place that cannot be written, and at once where another
    process writes the run.
    """
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.nn.files import require_folder
    from spacelang_runtime.nn.saved import require_new

    require_folder(request.output)
    again = request.asked if isinstance(request.asked, Resume) else None
    if not request.force and (again is None or not _ended(again)):  # what has ended may have written a part of it
        require_new(request.output)
    with sole_writer(again.run.folder) if again else nullcontext(), join(options.device) as world:
        tell = say if world.is_main else silent
        if again is not None and _ended(again):
            tell(f"{again.run.name} is trained")
            run = again.run
        else:
            setup = _begun(request, world, runs, options.workers, tell)
            stopped = f"go on with: {resuming(setup.run.folder, True, request.output)}"
            run = learn(setup, world, evolve(options, again=stopped), watching).run
        return _written(run, request.output, request.force, say) if world.is_main else None


def _ended(again: Resume) -> bool:
    """Whether a run has come to its end, and no further limits are given."""
    state = again.run.state
    return state is not None and state.finished and again.steps is None and again.budget is None


def _begun(request: FinetuneRequest, world: World, runs: Path, workers: int | None, say: Say) -> SupernetSetup:
    """What a new run is trained from, or one that goes on."""
    from spacelang_runtime.engine.run import removed_unless_saved
    from spacelang_runtime.nn.files import make
    from spacelang_runtime.nn.inherit import inherit
    from spacelang_runtime.nn.saved import load
    from spacelang_runtime.tasks.supernet.setup import new, resumed

    asked = request.asked
    if isinstance(asked, Resume):
        limits = (asked.steps, asked.budget, asked.micro)
        setup = resumed(asked.run, world, readers(workers), say, *limits, asked.data)
    else:
        network = load(asked.initial.model)  # before the run is made: a damaged folder leaves nothing behind
        setup = new(asked, runs, world, readers(workers), say)
        if not asked.initial.random:
            weights = network.state_dict()
            if setup.space.frame.classes != network.architecture.frame.classes:
                weights = {name: t for name, t in weights.items() if not name.startswith("head.classify")}
            inherit(setup.model, setup.subnets.largest, weights)
    with removed_unless_saved(setup.run):
        if world.is_main:
            make(request.output)  # a place that cannot be written is told before the training, not after
    return setup


def _written(run: RunFolder, output: Path, force: bool, say: Say) -> FinetuneResult:
    import torch

    from spacelang import notation
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.provenance import provenance
    from spacelang_runtime.engine.supernet import trained
    from spacelang_runtime.nn.extract import extract
    from spacelang_runtime.nn.saved import CONFIG, notes_of, save
    from spacelang_runtime.tasks.supernet.best_weights import best_weights
    from spacelang_runtime.tasks.supernet.data import preprocessing_of

    lowered = lower(run.space)
    architecture = evolve(notation.read(run.record.network), frame=lowered.space.frame)
    supernet = trained(run, lowered, torch.device("cpu"))
    best = best_weights(run) if run.record.keep == "best" else None
    if best is not None:
        supernet.load_state_dict(best.weights)
        say(f"kept: the weights of step {best.step}, {best.accuracy:.2%} of the held-out images")
    network = extract(supernet, architecture)
    initial, distillation = run.record.initial, run.record.distillation
    model = initial.model if initial else None
    known = notes_of(model) if model and (Path(model) / CONFIG).is_file() else {}
    how = "trained further" + (f" from {model}" if model else "")
    how = ("trained from scratch" if initial and initial.random else how) + f", {run.name}"
    notes = provenance(run, architecture) | {
        "origin": how + (f", taught by {distillation.teacher}" if distillation else ""),
        "space": known.get("space"),
        "constraint": known.get("constraint"),
    }
    if best is not None:
        notes["origin"] = f"{notes['origin']}, at its best look: step {best.step}"
        notes["held_out_accuracy"] = best.accuracy
        notes["accuracy"] = f"{best.accuracy:.2%} of the held-out images, the ones that chose its step"
    save(network, output, notes, force, preprocessing_of(run, say))
    return FinetuneResult(run, output, architecture, how)
