"""What a trained transfer says of a photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang_runtime.app.watching import Say, silent
from spacelang_runtime.failure import Failure
from spacelang_runtime.visualize.picture_file import require_picture, write

if TYPE_CHECKING:
    from PIL.Image import Image


@frozen(eq=False)
class Answer:
    """What a model says of a photo. picture: the photo with it drawn on. said: the same in words."""

    picture: Image
    said: str


def answer(
    folder: Path,
    photo: Path,
    question: str = "",
    output: Path | None = None,
    device: str = "auto",
    say: Say = silent,
) -> Answer:
    """Ask the model of a transfer about a photo.

    folder: of the model. question: of `vqa`. output: where to write the picture, a .png, .jpg or .webp file; None:
    nowhere. Raises `Failure` for a photo that cannot be read, a place that is no picture's, and a folder that holds
    no model.
    """
    if output is not None:
        require_picture(output)
    if not photo.is_file():
        raise Failure(f"{photo} is a folder" if photo.is_dir() else f"there is no file {photo}", "name a photo")

    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.tasks.files import Unreadable, picture
    from spacelang_runtime.tasks.recipe import Vqa
    from spacelang_runtime.tasks.registry import task
    from spacelang_runtime.tasks.transfer.model import load

    try:
        image = picture(photo)
    except Unreadable as failure:
        raise Failure(failure.message, "name a photo that can be read") from None
    where = choose(device)
    trained = load(folder, where)
    if isinstance(trained.recipe.model, Vqa) and trained.recipe.model.blind:
        say("this model was trained blind: it does not look at the photo")
    drawn, said = task(trained.recipe.task).predict(
        trained.model, trained.recipe, trained.labels, image, question, where
    )
    if output is not None:
        write(drawn, output)
    return Answer(drawn, said)
