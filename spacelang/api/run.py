"""A training that is kept, as the front door hands it out."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from spacelang.api import evaluate as _evaluate
from spacelang.api import evolution as _evolution
from spacelang.api import export as _export
from spacelang.api import finish as _finish
from spacelang.api import judgement as _judgement
from spacelang.api import report as _report
from spacelang.api.architecture import Architecture
from spacelang.api.space import Space
from spacelang.api.trained import Say, silent

if TYPE_CHECKING:
    from spacelang_runtime.engine.run import RunFolder

_MOST = 1_000_000  # networks of a search


@define(frozen=True, slots=False, repr=False)
class Run:
    """A run: a folder with a trained supernet, and with the searches of its space.

    kept: the value that the runtime works on. Networks of a run are named as on the command line: `best` of its
    last search, `cheapest` of its finalists that are no worse, `largest`, `smallest`, a name, a line, a JSON file.
    """

    kept: RunFolder

    # Each verb stands in a file of its own.
    search = _evolution.search
    judge = _judgement.judge
    finish = _finish.finish
    evaluate = _evaluate.evaluate
    export = _export.export
    model = _export.model
    report = _report.report

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

    def records(self) -> list[dict[str, Any]]:
        """A row for each of the networks that its last search looked at, the best first: name, line, accuracy and
        loss on so many held-out images, costs; of one that has ended, for each finalist. None before a search."""
        from spacelang_runtime.search.account import account_of
        from spacelang_runtime.search.journal_file import look

        with look(self.folder) as journal:
            last = journal.last()
            scored = journal.best(_MOST, account_of(last.account)["score"]) if last else []
        return [
            {
                "name": one.entry.architecture[:8],
                "line": one.entry.line,
                "accuracy": one.accuracy,
                "loss": one.loss,
                "images": one.images,
                "flops": one.entry.flops,
                "params": one.entry.params,
            }
            for one in scored
        ]

    def __repr__(self) -> str:
        state = "finished" if self.finished else "not finished"
        return f"<Run {self.name} of {self.kept.record.space}: step {self.step}, {state}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records, titled, written

        title = titled(repr(self)[1:-1], f"trained on {self.kept.record.data.name}")
        searched = of_records("its last search", rows[:10]) if (rows := self.records()) else ""
        return written(title) + self.space._repr_html_() + searched


def open_run(name: str | None = None, runs: str | os.PathLike[str] = "runs", *, say: Say = silent) -> Run:
    """The run of a name, or of a folder; where none is named, the latest in `runs` that has learned something.

    Args:
        name: of a run in `runs`, or a folder.
        runs: the folder of all runs.
        say: told of the runs that are passed over.

    Raises:
        Failure: where there is none.
    """
    from spacelang_runtime.engine.latest import serving

    return Run(serving(Path(runs), name, "weights", say))
