"""A training that is kept, as the front door hands it out."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define

from spacelang.api.architecture import Architecture
from spacelang.api.space import Space
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.api.evaluate import Observe, Say, Split, Tested
    from spacelang.api.export import Exported, Format
    from spacelang.api.model import Model
    from spacelang_runtime.engine.run import Run as Kept


@define(frozen=True, slots=False, repr=False)
class Run:
    """A run: a folder with a trained supernet, and with the searches of its space.

    kept: the value that the runtime works on. Networks of a run are named as on the command line: `best` of its
    last search, `largest`, `smallest`, a name, a line, a JSON file.
    """

    kept: Kept

    @property
    def name(self) -> str:
        """The name of its folder."""
        return str(self.kept.name)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return Path(self.kept.folder)

    @cached_property
    def space(self) -> Space:
        """The space whose supernet it is, with the number of classes of its data."""
        return Space(self.kept.space)

    @property
    def step(self) -> int:
        """Updates so far."""
        return self.kept.state.step if self.kept.state else 0

    @property
    def finished(self) -> bool:
        """Whether it has come to the end of its limits."""
        return bool(self.kept.state and self.kept.state.finished)

    @property
    def preview(self) -> bool:
        """Whether it was only a look at how things work, whose numbers mean nothing."""
        return bool(self.kept.record.preview)

    def architecture(self, what: str = "best") -> Architecture:
        """A network of the run, by its word. Raises `Failure` where there is none."""
        from spacelang_runtime.search.target import resolve

        return Architecture(resolve(what, self.kept, self.space.lowered))

    def model(self, what: str | Architecture = "best", *, inherited: bool = False) -> Model:
        """A network of the run with the weights of its finish where it has one.

        Else, or where `inherited` says so, with those that it inherits from the supernet.
        """
        from spacelang.api.export import of_run

        return of_run(str(what), self.kept, self.space.lowered, inherited=inherited)

    def evaluate(
        self,
        *what: str | Architecture,
        random: int = 0,
        split: Split = "test",
        seed: int = 0,
        by_class: bool = False,
        inherited: bool = False,
        device: str = "auto",
        workers: int | None = None,
        observe: Observe = lambda _, __: None,
        say: Say = lambda _: None,
    ) -> Tested:
        """Networks of the run on the test images, or on those held out for its search; `best` where none is named.

        random: also the mean of so many random networks inside the bounds of the search. by_class: each class by
        itself, too. inherited: whether finishes are left aside. observe: told how many of the images have
        been seen.
        """
        from spacelang.api.evaluate import How, of_run

        names = [str(one) for one in what] or ["best"]
        how = How(device, workers, say, observe)
        return of_run(self.kept, self.space.lowered, names, random, split, seed, by_class, how, inherited)

    def export(
        self,
        output: str | os.PathLike[str],
        what: str | Architecture = "best",
        *,
        format: Format | None = None,
        image: int | None = None,
        force: bool = False,
        inherited: bool = False,
    ) -> Exported:
        """Write a network of the run as a model that stands on its own: a folder, or a file of `.onnx` or `.pt2`.

        format: `safetensors`, `timm`, `hf`, `swin`, `onnx` or `torch-export`; None: what the output's name says.
        image: of `onnx` and `torch-export`, another side of the images. force: replace what is there.
        inherited: whether its finish is left aside.
        """
        from spacelang.api.export import SUFFIXES, format_of, of_run, write

        path = Path(output)
        form = format_of(path, format)
        if image is not None and form not in SUFFIXES.values():
            raise Failure(f"{form} has no image size of its own", "it goes with onnx and torch-export")
        model = of_run(str(what), self.kept, self.space.lowered, inherited=inherited)
        return write(model, path, form, image, force)

    def __repr__(self) -> str:
        state = "finished" if self.finished else "not finished"
        return f"<Run {self.name} of {self.kept.record.space}: step {self.step}, {state}>"

    def _repr_html_(self) -> str:
        from spacelang.html import titled, written

        title = titled(repr(self)[1:-1], f"trained on {self.kept.record.data.name}")
        return written(title) + self.space._repr_html_()


def open_run(name: str | None = None, runs: str | os.PathLike[str] = "runs") -> Run:
    """The run of a name, or of a folder; the latest in `runs` where none is named. Raises `Failure`."""
    from spacelang_runtime.engine.run import find

    return Run(find(Path(runs), name))
