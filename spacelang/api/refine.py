"""Searching the search space: train a space, judge it, move its options, and never end with a worse one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import define

from spacelang.amount import counted
from spacelang.api.load import made
from spacelang.api.measures import Amount
from spacelang.api.ranges import whole
from spacelang.api.recipe import Settings, train_recipe
from spacelang.api.refine_request import RefineRequest, refine_request
from spacelang.api.space import Space
from spacelang.api.spaces import panel_of, tried
from spacelang.api.steps import steps_to
from spacelang.api.supernets import RefinementObservers, RefinementOptions, leading, require_torchrun, shared
from spacelang.api.time import Time
from spacelang.api.train import require_limits
from spacelang.api.train_request import fits_digits
from spacelang.api.trained import Say, silent
from spacelang.api.worded import worded
from spacelang.project import loader
from spacelang.recipe import Score
from spacelang.refinement.curve import Curve
from spacelang.refinement.loop import CandidateSpace, Finding, Outcome, RefinementRule, refined
from spacelang.source import Source
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.recipe import Refine
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.refine.measure import Progress
    from spacelang_runtime.refine.refinement import Refinement
    from spacelang_runtime.search.outcome import Ended, ScoredCandidate

Observe = Callable[["Step | Progress | ScoredCandidate | Ended | Outcome"], None]


@define(frozen=True, slots=False, repr=False)
class Refined:
    """A refinement that has ended. folder: its page, figures, spaces and judgements. outcome: every space that was
    tried, which was kept, which is the best, and why it ends there."""

    folder: Path
    outcome: Outcome

    @cached_property
    def space(self) -> Space:
        """The space that it ends with."""
        return made(self.outcome.answer.candidate.source)

    @property
    def reason(self) -> str:
        """Why it ends there."""
        return self.outcome.reason

    @property
    def refusals(self) -> int:
        """How many spaces were taken back."""
        return self.outcome.refusals

    def records(self) -> list[dict[str, Any]]:
        """A row for each space that was tried."""
        from spacelang.refinement.report import record

        return [record(trial) for trial in self.outcome.trials]

    def __repr__(self) -> str:
        trials = self.outcome.trials
        error = self.outcome.answer.finding.account.quality.error.value
        tried = f"{counted(len(trials), 'space')} tried, {self.refusals} taken back"
        return f"<{tried}: {self.space.name}, E-T error {error:.2%}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        return of_records(repr(self)[1:-1], self.records())


@worded
def refine(
    space: Space,
    data: str | os.PathLike[str] | None = None,
    *,
    rounds: int | None = None,
    test_share: float | str | None = None,
    test_seed: int = 0,
    flops: Amount | None = None,
    params: Amount | None = None,
    steps: int | None = None,
    budget: Time | None = None,
    settings: Settings | None = None,
    train: Settings | None = None,
    images: int | None = None,
    score: Score | None = None,
    rule: RefinementRule = "guarded",
    inherit: bool = False,
    search: bool = False,
    finish: str | float | None = None,
    into: str | os.PathLike[str] | None = None,
    device: str = "auto",
    workers: int | None = None,
    runs: str | os.PathLike[str] = "runs",
    observe: Observe = silent,
    say: Say = silent,
) -> Refined:
    """Search the space itself (Chen et al., 2021, §2.3): train it, judge it by networks drawn from it, move the
    options of its stages against their slopes, and again.

    The same call goes on where it was stopped. Under torchrun every process makes the same call.

    Args:
        space: one made from text, which is moved.
        data: where images are, in any form (docs/data.md), or `digits`; None: the built-in digits, where the space
            was written for them.
        rounds: how many next spaces are tried at most; 0: the space itself is trained and judged; None: as the
            recipe says.
        test_share: of every class, to be held out for the test, of data without a test split.
        test_seed: of that share: which images it takes.
        flops: MACs of the networks drawn: `"4.5G"` is at most, `"4G..4.5G"` between; None: as the recipes say.
        params: their parameters, likewise.
        steps: updates of each training.
        budget: time of each training: `"10m"`, or seconds. With neither, the recipe's epochs.
        settings: lines of the `refine` recipe changed: `{"samples": 200}`.
        train: lines of the `train` recipe changed: `{"seed": 1}`.
        images: score on so many held-out images only.
        score: what errors are told by, instead of the recipe's line: `loss` or `accuracy`.
        rule: `guarded` judges by the weights as they are; `extrapolated` by what is expected once all is learned,
            from shorter trainings beside each (`spacelang.refinement.curve`). Both take back a move that makes the
            space worse (`spacelang.refinement.loop`). `paper` makes every move.
        inherit: begin each supernet with what the last one has in common with it.
        search: also find each space's best network inside the bounds.
        finish: and train it on alone, for that share of the supernet's seconds, such as `"5%"`.
        into: where spaces that are kept are written; None: beside the first.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: processes that read images; None: as many as suit.
        runs: the folder of all runs.
        observe: told of each `Step` of a training, `Progress` of a judgement, network of a search, and of the
            `Outcome` so far after each space.
        say: told in lines what a person is to know.

    Raises:
        NotABound, NotAnOption: for words that are none.
        Failure: for a space that was not made from text, and for what cannot be trained or judged.
    """
    require_limits(steps, None, workers)
    whole("rounds", rounds, 0)
    whole("images", images, 1)
    if space.source is None:
        raise Failure(
            "a refinement moves the text of a space, and this one was not made from text", "sl.load(FILE)"
        )
    if data is None and not fits_digits(space.checked):
        raise Failure(f"which images is {space.name} to be trained on?", 'name a folder of them, or data="digits"')
    train_recipe(space.checked.train, train, asked="train")
    words = refine_request(
        None if data is None else str(data),
        test_share=test_share,
        test_seed=test_seed,
        flops=flops,
        params=params,
        steps=steps,
        budget=budget,
        settings=settings,
        train=train,
        images=images,
        score=score,
        rule=rule,
        inherit=inherit,
        search=search,
        finish=finish,
    )
    from spacelang_runtime.app.watching import watched_by

    watched = watched_by(observe)
    seen = RefinementObservers(steps_to(observe), watched, watched)
    options = RefinementOptions(seen, device, workers, Path(runs), say)
    return gone_through(space.source, words, options, rounds, None if into is None else Path(into), observe)


def gone_through(
    source: Source,
    asked: RefineRequest,
    options: RefinementOptions,
    rounds: int | None,
    into: Path | None,
    observe: Callable[[Outcome], None],
) -> Refined:
    """A refinement from its first space to its end. source: the text of the first. observe: told of each space."""
    from spacelang_runtime.engine.lock import remove_empty, sole_writer
    from spacelang_runtime.refine.refinement import begun, reread

    require_torchrun()
    first = made(source).checked
    by = panel_of(asked, options, first, asked.preview)
    words = {"space": source.text, **asked.values(), "score": by.recipe.score}
    refinement = begun(options.runs, first.name, words)
    folder = refinement.folder
    path = Path(source.name)
    beside = into or (path.parent if path.exists() else Path())
    count = by.recipe.rounds if rounds is None else rounds
    if not leading():
        return Refined(folder, _loop(source, asked, options, count, refinement, by.recipe, beside, observe))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with sole_writer(folder):
            refinement = reread(refinement)
            return Refined(folder, _loop(source, asked, options, count, refinement, by.recipe, beside, observe))
    finally:
        with suppress(OSError):
            remove_empty(folder)


def _loop(
    source: Source,
    asked: RefineRequest,
    options: RefinementOptions,
    rounds: int,
    refinement: Refinement,
    recipe: Refine,
    beside: Path,
    observe: Callable[[Outcome], None],
) -> Outcome:
    """The loop, with every space tried on the disk."""
    curves: list[Curve | None] = []

    def judge(candidate: CandidateSpace) -> Finding:
        shared(options.device, lambda: _vacant(refinement, candidate, beside))
        finding = tried(asked, options, refinement, curves[0] if curves else None, candidate)
        curves.append(finding.account.curve)
        return finding

    def seen(now: Outcome) -> None:
        if leading():
            _keep(refinement, now, beside)
            observe(now)

    start = CandidateSpace(1, made(source).name, source)
    now = refined(start, recipe, rounds, asked.rule, judge, loader(source.name), seen)
    seen(now)
    return now


def _vacant(refinement: Refinement, candidate: CandidateSpace, beside: Path) -> None:
    """Refuse a candidate in whose place another file lies."""
    text, path = candidate.source.text.encode(), beside / Path(candidate.source.name).name
    if candidate.parent is not None and path.exists() and path.read_bytes() != text:
        raise Failure(
            f"{path} is there already, and is not what follows from {refinement.folder}",
            "move it away, or have the spaces written elsewhere",
        )


def _keep(refinement: Refinement, now: Outcome, beside: Path) -> None:
    """Keep what was decided, the space where it was kept, and the page with its figures."""
    from spacelang.canvas import save
    from spacelang.refinement.figures import distributions, moved, slopes
    from spacelang.refinement.report import page
    from spacelang_runtime.refine.refinement import keep, reread

    record = reread(refinement)
    verdicts = []
    for one, trial in zip(record.rounds, now.trials, strict=False):
        apart = trial.difference
        told = None if apart is None else (apart.value, apart.low, apart.high)
        verdicts.append(attrs.evolve(one, parent=trial.candidate.parent, kept=trial.kept, difference=told))
    rounds = (*verdicts, *record.rounds[len(verdicts) :])
    keep(attrs.evolve(record, rounds=rounds, best=now.best if now.reason else 0, reason=now.reason))
    last = now.trials[-1]
    name, text = Path(last.candidate.source.name).name, last.candidate.source.text.encode()
    _write(refinement.folder / name, text)
    if last.kept and last.candidate.parent is not None:
        beside.mkdir(parents=True, exist_ok=True)
        _write(beside / name, text)
    accounts = [trial.finding.account for trial in now.trials]
    _write(refinement.folder / "report.html", page(accounts, now).encode())
    canvases = {"distributions": distributions(accounts), "moved": moved(accounts)}
    canvases |= {f"slopes-{account.space}": slopes(account) for account in accounts}
    for name, canvas in canvases.items():
        for suffix in (".svg", ".png"):
            save(canvas, refinement.folder / f"{name}{suffix}")


def _write(path: Path, text: bytes) -> None:
    """Write a file, unless it says the same already."""
    from spacelang_runtime.atomic import replace

    if not path.exists() or path.read_bytes() != text:
        replace(path, lambda file: file.write(text))
