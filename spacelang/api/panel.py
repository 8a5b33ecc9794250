"""The networks that a space is judged by, and what follows from what they do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang import interchange
from spacelang.project import loader
from spacelang.recipe import Refine
from spacelang.source import Source

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang.refinement.account import Account
    from spacelang.refinement.curve import ToCome
    from spacelang.refinement.error import Real
    from spacelang.refinement.next import Next
    from spacelang.refinement.paired import Profile
    from spacelang.refinement.ruler import PerImageScores
    from spacelang.refinement.sample import Sample
    from spacelang.refinement.slope import MeasuredSpace
    from spacelang.refinement.subspace import Subspace, Unmoved
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.refine.measure import Measurement


@frozen(eq=False)
class NetworkPanel:
    """The networks that a space is judged by. left: what of it has no slope. account: what they were drawn by, as
    text."""

    lowered: Lowered
    recipe: Refine
    parts: tuple[Subspace, ...]
    left: tuple[Unmoved, ...]
    samples: tuple[Sample, ...]
    account: str


def panel(lowered: Lowered, recipe: Refine) -> NetworkPanel:
    """The networks that a space is judged by, which follow from it and its recipe."""
    from spacelang.lower.bounds import windows
    from spacelang.refinement.sample import drawn
    from spacelang.refinement.subspace import subspaces

    parts, left = subspaces(lowered.space, recipe.steps)
    samples = drawn(lowered, recipe, windows(recipe.bounds, lowered.chain), parts)
    drawing = {name: getattr(recipe, name) for name in ("samples", "per_choice", "seed", "bounds")}
    record = {"space": interchange.digest(lowered.space), **drawing}
    return NetworkPanel(lowered, recipe, parts, left, samples, json.dumps(record, default=str, sort_keys=True))


def told_of(measurement: Measurement) -> PerImageScores:
    """What was measured, as arrays."""
    import numpy as np

    from spacelang.refinement.ruler import PerImageScores

    losses = np.stack([one.losses for one in measurement.answers]).astype(np.float32)
    return PerImageScores(losses, np.stack([~one.right for one in measurement.answers]).astype(np.float32))


def judged(
    run: RunFolder, by: NetworkPanel, source: Source, told: PerImageScores, expected: ToCome | None = None
) -> tuple[Account, Next]:
    """How good the space of a run is, and the next one. source: its text. told: what the panel does. expected:
    what it is to be judged by instead, once all is learned."""
    import numpy as np

    from spacelang.refinement.account import Account
    from spacelang.refinement.next import next_space
    from spacelang.refinement.ruler import line, smoothed

    recipe = by.recipe
    counted = told.wrong.mean(axis=1, dtype=np.float64)
    losses = told.losses.mean(axis=1, dtype=np.float64)
    by_loss = recipe.score == "loss"
    lossy = bool(np.isnan(losses).any())

    plainly = _quality(by, smoothed(told) if by_loss else counted)
    ruling = plainly
    if expected is not None:
        nat = max(0.0, line(losses, counted).slope)
        doubts = tuple(nat * one for one in expected.doubts)
        shown = smoothed(told, expected.told) if by_loss else expected.told.wrong.mean(axis=1, dtype=np.float64)
        ruling = _quality(by, shown, doubts)
    next_ = next_space(source, recipe, ruling.slopes, loader(source.name))
    by_count = _quality(by, counted) if by_loss else plainly
    state = run.state
    account = Account(
        space=by.lowered.space.name,
        run=run.name,
        step=state.step if state else 0,
        images=told.losses.shape[1],
        bounds=recipe.bounds,
        threshold=recipe.threshold,
        confidence=recipe.confidence,
        scored=len(by.samples),
        quality=plainly.quality,
        errors=plainly.errors,
        moves=next_.moves,
        left=by.left,
        next=next_.name if next_.text else None,
        score=recipe.score,
        counted=by_count.quality,
        counted_slopes=by_count.slopes,
        nats=None if lossy else _quality(by, losses).quality,
        to_come=ruling.quality if expected is not None else None,
    )
    return account, next_


def _quality(by: NetworkPanel, errors: Real, doubts: Sequence[float] = ()) -> MeasuredSpace:
    """What errors of a panel say of its space."""
    from spacelang.refinement.slope import measured as measured_by

    recipe = by.recipe
    share, confidence = recipe.top / recipe.samples, float(recipe.confidence)
    return measured_by(by.samples, errors, by.parts, share, confidence, recipe.seed, doubts=doubts)


def profiled(by: NetworkPanel, told: PerImageScores, expected: ToCome | None = None) -> Profile:
    """What the space is compared with others by."""
    from spacelang.refinement.paired import profile

    recipe = by.recipe
    networks = sum(sample.given is None for sample in by.samples)
    return profile(told, recipe.top / recipe.samples, recipe.seed, expected, networks)


def keep(run: RunFolder, account: Account, number: int) -> None:
    """Keep a judgement in its run: as a file, and in the journal with its measurement."""
    from spacelang.refinement.account import to_record
    from spacelang_runtime.atomic import replace_json
    from spacelang_runtime.refine.measure import judged as journalled

    replace_json(run.folder / "judgement.json", to_record(account))
    journalled(run, number, to_record(account))
