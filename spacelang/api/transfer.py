"""A found network as the backbone of another task."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import define

from spacelang.api import answer as _answer
from spacelang.api.error import NotAnOption
from spacelang.api.model import require_model
from spacelang.api.recipe import Settings
from spacelang.api.time import Time, time_of
from spacelang.api.trained import Say, silent
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.app.train import Resume
    from spacelang_runtime.app.watching import Measuring
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.tasks.recipe import TransferRecipe
    from spacelang_runtime.tasks.transfer.setup import TransferRequest

TransferTask = Literal["detect", "segment", "vqa"]
Place = str | os.PathLike[str]
Figures = dict[str, float | None]
Observe = Callable[["Step | Measuring"], None]


@define(frozen=True, slots=False, repr=False)
class Transfer:
    """A training of a network on another task. kept: the value that the runtime works on. figures: on the test
    images at its end, the main one first, each between 0 and 1, or None where there is nothing to measure on."""

    kept: RunFolder
    figures: Figures

    predict = _answer.predict  # in a file of its own

    @property
    def name(self) -> str:
        """The name of its folder."""
        return str(self.kept.name)

    @property
    def task(self) -> str:
        """`detect`, `segment` or `vqa`."""
        return str(self.kept.record.task)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return Path(self.kept.folder)

    @property
    def model(self) -> Path:
        """The folder of its model, which `predict` asks."""
        return Path(self.kept.model)

    def evaluate(
        self,
        data: Place | None = None,
        *,
        multi_scale: bool = False,
        device: str = "auto",
        workers: int | None = None,
        say: Say = silent,
    ) -> Figures:
        """The figures of its model on the test images of its data, or of another folder. multi_scale: of `segment`,
        at several scales and mirrored."""
        from spacelang_runtime.app.learn import TrainingOptions
        from spacelang_runtime.app.transfer import measure

        if multi_scale and self.task != "segment":
            raise NotAnOption("multi_scale", "it goes with segment")
        where = None if data is None else Path(data)
        figures: Figures = (
            measure(self.model, self.kept, where, multi_scale, TrainingOptions(device, workers), say=say) or {}
        )
        return figures

    def records(self) -> list[dict[str, Any]]:
        """A row for each figure."""
        return [{"figure": name, "value": value} for name, value in self.figures.items()]

    def __repr__(self) -> str:
        said = ", ".join(f"{name} –" if v is None else f"{name} {v:.2%}" for name, v in self.figures.items())
        return f"<{self.task} {self.name}: {said}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        return of_records(f"{self.task} {self.name}", self.records())


def transfer(
    task: TransferTask,
    model: Place | Transfer,
    data: Place | None = None,
    recipe: str | None = None,
    *,
    settings: Settings | None = None,
    random_weights: bool = False,
    bert: Place | None = None,
    steps: int | None = None,
    budget: Time | None = None,
    resume: bool = False,
    device: str = "auto",
    micro: int | None = None,
    workers: int | None = None,
    profile: bool = False,
    runs: Place = "runs",
    observe: Observe = silent,
    say: Say = silent,
) -> Transfer:
    """Train a found network on detection, segmentation or visual question answering; as `spacelang transfer`.

    Under torchrun every process makes the same call.

    Args:
        task: `detect` (boxes and masks), `segment`, or `vqa` (answers to questions).
        model: a model's folder, as `run.export` and `spacelang import` write it; with `resume`, a transfer or its
            name.
        data: the folder of the data; with `resume`, where it is now.
        recipe: a shipped one, such as `coco-3x`, `camvid` or `easy-vqa`, or the path of a .toml file.
        settings: lines of the recipe changed: `{"batch": 8}`.
        random_weights: whether the network is taken without what it has learned, for comparison.
        bert: of vqa, a folder with BERT's config.json, vocab.txt and model.safetensors.
        steps: updates to stop after.
        budget: time to stop after: `"10m"`, or seconds.
        resume: whether to go on with a training, exactly where it stopped.
        observe: told of each `Step`, and how far a measurement has come (`Measuring`: share, said).
        device, micro, workers, profile, runs, say: as for `sl.train`.

    Raises:
        Failure: for what cannot be trained; where the extra `transfer` is not installed.
    """
    require_libraries()
    limit = None if budget is None else time_of(budget, "budget")
    asked: TransferRequest | Resume
    if resume:
        if recipe is not None or settings or bert is not None or random_weights:
            raise Failure("a run goes on with its own recipe", "leave these options out, or train a new run")
        from spacelang_runtime.app.train import Resume
        from spacelang_runtime.engine.latest import transferring

        known = model.kept if isinstance(model, Transfer) else None
        kept = known or transferring(Path(runs), str(model), (task,), "checkpoint", say)
        asked = Resume(kept, steps, limit, micro or 0, None if data is None else str(data))
    else:
        if bert is not None and task != "vqa":
            raise NotAnOption("bert", "it goes with vqa")
        changed = lines_of(settings, micro)
        chosen = recipe_of(task, recipe, changed)
        if data is None:
            raise Failure("on which data?", "name its folder")
        require_model(str(model), Path(runs))
        begins = (Path(str(model)), Path(data), random_weights, None if bert is None else Path(bert))
        asked = request(chosen, *begins, (steps, limit), changed)

    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.app.transfer import Transferred
    from spacelang_runtime.app.transfer import transfer as transfer_
    from spacelang_runtime.app.watching import watched_by

    def watch(seen: object) -> None:
        if not isinstance(seen, Transferred):
            observe(seen)

    options = TrainingOptions(device, workers, profile=profile)
    done = transfer_(asked, Path(runs), options, watched_by(watch), watched_by(watch), say)
    if done is None:
        raise Failure("this process only helped", "the leading one, of rank 0, has what was trained")
    return Transfer(done.run, done.figures)


def recipe_of(task: str, recipe: str | None, changed: Sequence[str]) -> TransferRecipe:
    """The recipe of a name or a file, with lines of it changed; found without torch. Raises `Failure`."""
    from spacelang_runtime.tasks.recipe_text import named, shipped

    if recipe is None:
        own = ", ".join(name for name, of in shipped().items() if of == task)
        raise Failure("by which recipe?", f"for {task}: {own}, or a .toml file: --recipe {own.split(', ')[0]}")
    return named(recipe, task, changed)


def lines_of(settings: Settings | None, micro: int | None) -> list[str]:
    """Lines of a recipe of a task, as written: `batch=8`."""
    given = [f"{name}={value}" for name, value in settings.items()] if isinstance(settings, Mapping) else settings
    return [*(given or ()), *([] if micro is None else [f"micro={micro}"])]


def request(
    recipe: TransferRecipe,
    model: Path,
    data: Path,
    random: bool,
    bert: Path | None,
    limits: tuple[int | None, float | None],
    changed: Sequence[str],
    command: Sequence[str] = (),
) -> TransferRequest:
    """The training of the network of a model's folder. limits: steps, and seconds. changed: lines of the recipe, as
    written. Raises `Failure` where the folder holds no model."""
    if model.is_file():
        held = (model.parent / "config.json").is_file()
        wanted = f"name its folder: {model.parent}" if held else "name a folder that spacelang export wrote"
        raise Failure(f"{model} is a file, and a model is a folder", wanted)
    if not (model / "config.json").is_file():
        said = f"{model} holds no model" if model.is_dir() else f"there is no folder {model}"
        raise Failure(said, "name a folder that spacelang export or spacelang import wrote")

    from spacelang_runtime.tasks.transfer.setup import TransferRequest

    return TransferRequest(
        recipe=recipe,
        model=model,
        data=data,
        random=random,
        bert=bert,
        steps=limits[0],
        budget=limits[1],
        command=tuple(command),
        overrides={name.strip(): value.strip() for name, _, value in (line.partition("=") for line in changed)},
    )


def require_libraries() -> None:
    """Refuse to go on where the extra is missing, with what to install."""
    missing = [name for name in ("transformers", "torchmetrics", "pycocotools") if find_spec(name) is None]
    if missing:
        raise Failure(f"transfer needs {', '.join(missing)}", "install the extra: pip install -e '.[transfer]'")
