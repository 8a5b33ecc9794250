"""A network with its weights, and what goes with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define

from spacelang.amount import counted
from spacelang.api.architecture import Architecture
from spacelang.api.predict import TOP, Place, Prediction, Predictions, photos_of, predicted
from spacelang.api.ranges import WORKERS, whole
from spacelang.runs import called
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from torch import Tensor

    from spacelang_runtime.nn.network import Network
    from spacelang_runtime.preprocessing import Preprocessing


@define(frozen=True, slots=False, repr=False, eq=False)
class Model:
    """A network as a module of torch, with its weights; called, it gives the logits of images.

    notes: what is known of where it comes from. preprocessing: how its images are prepared.
    """

    network: Network
    notes: dict[str, object]
    preprocessing: Preprocessing

    @property
    def architecture(self) -> Architecture:
        """What it is beside its weights."""
        return Architecture(self.network.architecture)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of its classes; `class 0`, `class 1` and so on, where nobody knows them."""
        from spacelang_runtime.nn.saved import class_names

        known = class_names(self.network.architecture, self.notes)
        return tuple(known or [f"class {number}" for number in range(self.network.architecture.frame.classes)])

    def __call__(self, images: Tensor) -> Tensor:
        """The logits [N, classes] of normalised images [N, channels, side, side]."""
        logits: Tensor = self.network(images)
        return logits

    def predict(
        self, photos: Place | Iterable[Place], top: int = TOP, *, device: str = "auto", workers: int | None = None
    ) -> Predictions:
        """What photos show: files, or folders of them. top: how many classes of each.

        Each is looked at as test images are (`eval`). One that cannot be read has `broken`, and no classes. Raises
        `NotAnOption` for numbers that cannot be, and `Failure` for a path that leads to nothing.
        """
        whole("top", top, 1)
        whole("workers", workers, *WORKERS)
        return Predictions(tuple(self.predicting(photos_of(photos), top, device, workers)))

    def predicting(
        self, photos: Sequence[Path], top: int = TOP, device: str = "auto", workers: int | None = None
    ) -> Iterator[Prediction]:
        """The same of files alone, one after the other, as they are read."""
        return predicted(self.network, self.preprocessing, self.classes, photos, top, device, workers)

    def __repr__(self) -> str:
        return f"<Model {self.architecture.name}: {counted(len(self.classes), 'class')}>"


def load_model(folder: str | os.PathLike[str]) -> Model:
    """The model of a folder that `spacelang export`, `import` or `finetune` wrote.

    Raises `Failure` where the folder holds no model.
    """
    from spacelang_runtime.nn.saved import load, notes_of, preprocessing_of

    path = Path(folder)
    return Model(load(path), notes_of(path), preprocessing_of(path))


def require_model(model: str, runs: Path, instead: str = "") -> None:
    """Refuse a run, or a network of one, before torch and data are loaded, and say how to make the model's folder.
    instead: what else a run may be good for, after the remedy."""
    from spacelang_runtime.engine.record import OF_SPACES
    from spacelang_runtime.engine.run import open_run
    from spacelang_runtime.search.target import OF_A_RUN

    folder = Path(model)
    if (folder / "config.json").is_file():
        return
    if model in OF_A_RUN:
        raise Failure(
            f"{model} is a network of a run, and no model's folder", f"first: spacelang export {model} -o model/"
        )
    for place in (runs / model, folder):
        run = open_run(place)
        if run is not None and run.record.task not in OF_SPACES:
            raise Failure(
                f"{model} is a trained transfer", "ask it by spacelang transfer: --eval, --predict, --resume"
            )
        if run is not None:
            first = f"first: spacelang export best --run {called(place)} -o model/"
            raise Failure(f"{model} is a run, and no model's folder", first + instead)
