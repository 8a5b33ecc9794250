"""What a trained transfer says of a photo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from spacelang.api.error import NotAnOption
from spacelang.api.trained import Say, silent

if TYPE_CHECKING:
    from spacelang_runtime.app.answer import Answer

Place = str | os.PathLike[str]


class TrainedTransfer(Protocol):
    """A transfer. task: `detect`, `segment` or `vqa`. model: the folder of its model."""

    @property
    def task(self) -> str: ...
    @property
    def model(self) -> Path: ...


def predict(
    learned: TrainedTransfer,
    photo: Place,
    question: str | None = None,
    *,
    output: Place | None = None,
    device: str = "auto",
    say: Say = silent,
) -> Answer:
    """What its model says of a photo: `picture`, the photo with it drawn on, and `said`, the same in words; as
    `spacelang transfer … --predict`.

    Args:
        photo: a file.
        question: of `vqa`, what to ask about the photo.
        output: where to write the picture too: a .png, .jpg or .webp file.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        say: told in lines what a person is to know.

    Raises:
        NotAnOption: for a question of another task, and where `vqa` has none.
        Failure: for a photo that cannot be read, and a place that is no picture's.
    """
    if question and learned.task != "vqa":
        raise NotAnOption("question", "it goes with vqa")
    if not question and learned.task == "vqa":
        raise NotAnOption("question", "vqa is asked one", 'such as question="what is on the table?"')

    from spacelang_runtime.app.answer import answer

    where = None if output is None else Path(output)
    return answer(learned.model, Path(photo), question or "", where, device, say)
