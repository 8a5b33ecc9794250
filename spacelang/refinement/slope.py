"""How the E-T error of a space follows the choices of each subspace: a line through them, and how sure it is.

**What has a choice.** A network has an option of a stage's depth or width or has it not. Of what its layers
choose one by one, it has an option by the share of the stage's layers that take it: 4 of 6 layers with mlp 4
count 4/6 for mlp 4. So every drawn network serves every subspace. n_v is the sum of the shares of option v, and
Q_v the E-T error of the networks weighted by them.

**The slope.** Let x be an option in steps, x_i the mean of network i's stage, x̄ their mean. The slope is

    s = Σ_v n_v (x_v − x̄) Q_v / Σ_i (x_i − x̄)².

With the mean error for Q_v the sum above the line is Σ_i (x_i − x̄) e_i: s is the least-squares slope of the
networks' errors over their stages' means. Where all layers of a stage have one value, it is the least-squares
line through the points (x_v, Q_v), each with the weight of its networks. Where they choose one by one, the line
through these points is flatter than s by Σ_i (x_i − x̄)² / Σ_v n_v (x_v − x̄)², about one over the number of
layers, for they show what *one* layer's choice does, while a move moves the options of all of them. So s is the
change of the E-T error per step of the whole stage, in a deep stage as in a shallow one, and one threshold
serves all. The points that are shown are drawn apart by that factor around the line's middle: the error to be
expected where all layers take the option.

**The interval** is that of a normal distribution with the spread of the slope over redraws of the networks (the
bootstrap; draws for one choice are redrawn among themselves). Where nothing matters, one of 99 % leaves zero out
for 1.5 to 1.8 % of the slopes, and the bootstrap's percentiles do for 2.0 to 2.3 %: the best are few, and
percentiles of few are rough. It speaks of the draws alone: the supernet's weights and the held-out images are as
they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot
from statistics import NormalDist

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.expression import Number
from spacelang.lower.draw import Stream, stream
from spacelang.refinement.error import ErrorParts, Real, parts
from spacelang.refinement.sample import Given, Sample
from spacelang.refinement.subspace import Subspace

RESAMPLES = 1000
_PART = 1 << 21  # numbers that one step of the bootstrap holds at once


@frozen
class Interval:
    """A value, and between what it lies with the confidence that was asked for."""

    value: float
    low: float
    high: float

    @property
    def signed(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@frozen
class Quality:
    """How good a space is: Q_e, Q_t and Q, as shares from 0 to 1."""

    mean: Interval
    top: Interval
    error: Interval


@frozen
class OptionError:
    """An option, how many networks speak for it (shares added up), and the E-T error where all layers take it."""

    option: Number
    count: float
    error: float


@frozen
class Slope:
    """The line of a subspace. slope: change of the E-T error per step, as a share. level: of the line at
    `middle`,
    an option's value. points: of the options that some network has."""

    part: Subspace
    points: tuple[OptionError, ...]
    slope: Interval
    middle: float
    level: float


@frozen
class MeasuredSpace:
    """A space as measured: its quality, the slopes, and the errors of the networks that were drawn for all."""

    quality: Quality
    slopes: tuple[Slope, ...]
    errors: tuple[float, ...]


def measured(
    samples: Sequence[Sample],
    errors: Sequence[float] | Real,
    subspaces: Sequence[Subspace],
    share: float,
    confidence: float,
    seed: int = 0,
    resamples: int = RESAMPLES,
    doubts: Sequence[float] = (),
) -> MeasuredSpace:
    """What drawn networks and their errors (shares from 0 to 1) say of a space. A subspace of which only one option
    was seen has no slope, and is left out. doubts: of each subspace, a standard deviation of its slope that does
    not come from the draws."""
    order = np.argsort(np.asarray(errors, np.float64), kind="stable")
    ranked = np.asarray(errors, np.float64)[order]
    sorted_ = [samples[place] for place in order.tolist()]
    groups: dict[Given | None, list[int]] = {}
    for place, sample in enumerate(sorted_):
        groups.setdefault(sample.given, []).append(place)
    whole = np.array([sample.given is None for sample in sorted_], np.float64)
    times = _resampled([np.array(group) for group in groups.values()], len(sorted_), stream(seed), resamples)

    def interval(value: float, redrawn: Real, doubt: float = 0.0) -> Interval:
        either = NormalDist().inv_cdf((1 + confidence) / 2) * hypot(float(np.nanstd(redrawn)), doubt)
        return Interval(value, value - either, value + either)

    said, redrawn = parts(ranked, whole[None], share), _parts(ranked, whole, times, share)
    quality = Quality(
        interval(float(said.mean[0]), redrawn.mean),
        interval(float(said.top[0]), redrawn.top),
        interval(float(said.error[0]), redrawn.error),
    )
    slopes = []
    for part, doubt in zip(subspaces, doubts or [0.0] * len(subspaces), strict=True):
        shares = np.array([_shares(sample, part) for sample in sorted_])
        seen = shares.sum(axis=0) > 0
        if seen.sum() < 2:
            continue
        line = _line(part, shares, seen, ranked, np.ones((1, len(ranked))), share)
        bent = _line(part, shares, seen, ranked, times, share)
        slopes.append(_slope(part, seen, line, interval(float(line.slope[0]), bent.slope, doubt)))
    return MeasuredSpace(quality, tuple(slopes), tuple(ranked[whole > 0].tolist()))


def spread(errors: Real, share: float, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """The standard deviation of the E-T error of networks over redraws of them. errors: ascending."""
    times = _resampled([np.arange(len(errors))], len(errors), stream(seed), resamples)
    return float(np.nanstd(_parts(errors, np.ones(len(errors)), times, share).error))


def _shares(sample: Sample, part: Subspace) -> tuple[float, ...]:
    """Of the options of a subspace, what a sample has; nothing where it was drawn for another choice."""
    given = sample.given
    if given is not None and (given.stage, given.dimension) != (part.stage, part.dimension):
        return (0.0,) * len(part.options)
    return part.shares(sample.architecture)


@frozen(eq=False)
class _Line:
    """Lines by resample: counts and errors (resamples, options), and the middle, level, slope and lever of
    each."""

    counts: Real
    errors: Real
    middle: Real
    level: Real
    slope: Real
    lever: Real


def _line(part: Subspace, shares: Real, seen: NDArray[np.bool_], errors: Real, times: Real, share: float) -> _Line:
    """The lines through the options of a subspace, in steps. times (resamples, n): how often each network
    counts."""
    steps = np.array([float(option / part.step) for option in part.options])[seen]
    shares = shares[:, seen]
    counts = times @ shares
    found = [_parts(errors, column, times, share).error for column in shares.T]
    values = np.nan_to_num(np.stack(found, axis=1))  # an option that a resample lost has no weight
    with np.errstate(invalid="ignore", divide="ignore"):
        total = counts.sum(axis=1)
        middle = counts @ steps / total
        level = (counts * values).sum(axis=1) / total
        apart = counts * (steps - middle[:, None])
        own = shares.sum(axis=1)
        means = np.divide(shares @ steps, own, out=np.zeros_like(own), where=own > 0)
        spread = times @ (own * means**2) - total * middle**2  # Σ_i (x_i − x̄)²
        layers = (apart * (steps - middle[:, None])).sum(axis=1)  # Σ_v n_v (x_v − x̄)²
        slope = (apart * values).sum(axis=1) / spread
    slope = np.where(spread > 1e-9 * layers, slope, np.nan)
    return _Line(counts, values, middle, level, slope, layers / np.where(spread > 0, spread, np.nan))


def _slope(part: Subspace, seen: NDArray[np.bool_], line: _Line, slope: Interval) -> Slope:
    level, lever = float(line.level[0]), float(line.lever[0])
    options = [option for option, there in zip(part.options, seen.tolist(), strict=True) if there]
    points = tuple(
        OptionError(option, count, level + lever * (error - level))
        for option, count, error in zip(options, line.counts[0].tolist(), line.errors[0].tolist(), strict=True)
    )
    return Slope(part, points, slope, float(line.middle[0]) * float(part.step), level)


def _parts(errors: Real, weights: Real, times: Real, share: float) -> ErrorParts:
    """The E-T errors of one weighted set in every resample, of the networks that are in it."""
    there = np.nonzero(weights)[0]
    errors, weights = errors[there], weights[there]
    rows = max(1, _PART // max(1, len(there)))
    made = [
        parts(errors, times[start : start + rows, there] * weights, share) for start in range(0, len(times), rows)
    ]
    return ErrorParts(np.concatenate([one.mean for one in made]), np.concatenate([one.top for one in made]))


def _resampled(groups: Sequence[NDArray[np.int64]], count: int, numbers: Stream, resamples: int) -> Real:
    """How often each network is in each resample: every group is redrawn among itself."""
    times = np.zeros((resamples, count))
    for group in groups:
        for row in _rows(len(group), numbers, resamples):
            start, counted = row
            times[start : start + len(counted), group] = counted
    return times


def _rows(size: int, numbers: Stream, resamples: int) -> Iterator[tuple[int, Real]]:
    """Counts of `size` draws with replacement, for a few resamples at a time, with the number of the first."""
    rows = max(1, _PART // size)
    for start in range(0, resamples, rows):
        few = min(rows, resamples - start)
        drawn = (numbers.uniform(few * size) * size).astype(np.int64) + np.repeat(np.arange(few) * size, size)
        yield start, np.bincount(drawn, minlength=few * size).reshape(few, size).astype(np.float64)
