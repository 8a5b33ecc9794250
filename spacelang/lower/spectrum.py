"""Exact distributions of one measure on a grid: how many genotypes cost each value.

Layers that differ in their options differ in cost by multiples of one step (12 544 MACs in S3), so what a
run of stages can cost lies on few grids, each an array of counts. A layer more is one shifted sum per option:
no transform, no rounding. Counts are kept as digits of 2^40, so that their sums fit 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import gcd

import numpy as np
from attrs import frozen

from spacelang.lower.sums import Int
from spacelang.lower.terms import Law, PatternCell, Terms, weights
from spacelang.lower.too_large import TooLarge

DIGIT = 40
FACTOR = 1 << 22  # times a digit it fits 64 bits
LONGEST = 1 << 22  # cells of a grid: sums of so many digits stay below 2^63


@frozen(eq=False)
class CountGrid:
    """Counts of the values base, base + step, ...: digits (rows, cells), the lowest row first."""

    base: int
    step: int
    digits: Int


Spectrum = Mapping[int, CountGrid]  # by base modulo the step, which all grids of a spectrum share


def point(step: int) -> Spectrum:
    """The spectrum of nothing: one genotype that costs 0."""
    return {0: CountGrid(0, step, np.ones((1, 1), np.int64))}


def step_of(known: Terms, axis: int) -> int:
    """The greatest step of which all differences between options of one list are multiples."""
    costs = ([option.cost[axis] for option in options] for options in known.lists)
    return gcd(*(cost - found[0] for found in costs for cost in found)) or 1


def merged(parts: Iterable[tuple[int, Spectrum]]) -> Spectrum:
    """The sum of spectra, each moved up by a cost."""
    moved: dict[int, list[tuple[int, CountGrid]]] = {}
    for cost, spectrum in parts:
        for grid in spectrum.values():
            moved.setdefault((grid.base + cost) % grid.step, []).append((grid.base + cost, grid))
    together = {}
    for residue, grids in moved.items():
        step = grids[0][1].step
        base = min(start for start, _ in grids)
        cells = max((start - base) // step + grid.digits.shape[1] for start, grid in grids)
        digits = np.zeros((max(len(grid.digits) for _, grid in grids), cells), np.int64)
        for start, grid in grids:
            at = (start - base) // step
            digits[: len(grid.digits), at : at + grid.digits.shape[1]] += grid.digits
        together[residue] = CountGrid(base, step, carried(digits))
    return together


def layered(spectrum: Spectrum, costs: Sequence[int]) -> Spectrum:
    """The spectrum with one more layer, whose options cost `costs`."""
    least = min(costs)
    grids = {}
    for grid in spectrum.values():
        rows, cells = grid.digits.shape
        shifts = [(cost - least) // grid.step for cost in costs]
        digits = np.zeros((rows, cells + max(shifts)), np.int64)
        for shift in shifts:
            digits[:, shift : shift + cells] += grid.digits
        base = grid.base + least
        grids[base % grid.step] = CountGrid(base, grid.step, carried(digits))
    return grids


def times(spectrum: Spectrum, weight: int) -> Spectrum:
    """The spectrum with every count multiplied by a weight."""
    while weight > 1:
        factor = weight if weight < FACTOR else next(n for n in range(2, weight + 1) if weight % n == 0)
        if factor >= FACTOR:
            raise TooLarge(f"a list of {factor:,} options is too long to draw from in so deep a space")
        spectrum = {
            residue: CountGrid(grid.base, grid.step, carried(grid.digits * factor))
            for residue, grid in spectrum.items()
        }
        weight //= factor
    return spectrum


def carried(digits: Int) -> Int:
    """The same counts with every digit below 2^40, in place but for a row more where the last overflows."""
    for row in range(len(digits) - 1):
        digits[row + 1] += digits[row] >> DIGIT
        digits[row] &= (1 << DIGIT) - 1
    if digits[-1].max(initial=0) >> DIGIT:
        digits = np.concatenate([digits, digits[-1:] >> DIGIT])
        digits[-2] &= (1 << DIGIT) - 1
    return digits


def through(
    known: Terms, stage: int, found: Sequence[PatternCell], axis: int, ahead: Mapping[int, Spectrum], law: Law
) -> dict[int, Spectrum]:
    """One more stage in front of spectra `ahead` by its class there; by its class at the joint before it.

    Cells that differ in depth alone share the work: with S the spectrum ahead and P the options of a layer,
    x^a P^2 S + x^b P S is (x^a P S + x^b S) P.
    """
    joints = known.chain.joints
    after = joints[stage].left if stage < len(joints) else None
    before = joints[stage - 1].right if stage else None
    weight = dict(zip((place.cell for place in found), weights(tuple(found), law), strict=True))

    def kind(place: PatternCell) -> tuple[int, int, int]:
        cell = place.cell
        return (before[cell] if before else 0, after[cell] if after else 0, place.options)

    parts: dict[int, list[tuple[int, Spectrum]]] = {}
    for (label, met, options), group in groupby(sorted(found, key=kind), key=kind):
        if met not in ahead:
            continue
        costs = [option.cost[axis] for option in known.lists[options]]
        cells = list(group)
        grown: Spectrum = {}
        for free in range(max(place.free for place in cells), -1, -1):
            grown = layered(grown, costs)
            entering = [
                (place.base[axis], times(ahead[met], weight[place.cell])) for place in cells if place.free == free
            ]
            if entering:
                grown = merged([(0, grown), *entering])
        parts.setdefault(label, []).append((0, grown))
    return {label: merged(some) for label, some in parts.items()}


def before_joint(known: Terms, joint: int, axis: int, after: Mapping[int, Spectrum]) -> dict[int, Spectrum]:
    """Spectra by the class after a joint, seen from each class before it."""
    spectra = {}
    for label, row in enumerate(known.chain.joints[joint].table):
        parts = [
            (link.cost[axis], after[other]) for other, link in enumerate(row) if link is not None and other in after
        ]
        if parts:
            spectra[label] = merged(parts)
    return spectra


def whole(
    known: Terms, stages: Sequence[Sequence[PatternCell]], axis: int, step: int, law: Law = Law.UNIFORM
) -> Spectrum:
    """The spectrum of all stages, weighed by a law, in one pass from the last to the first."""
    ahead: dict[int, Spectrum] = {0: point(step)}
    for stage in reversed(range(len(stages))):
        if stage < len(known.chain.joints):
            ahead = before_joint(known, stage, axis, ahead)
        ahead = through(known, stage, stages[stage], axis, ahead, law)
    return ahead.get(0, {})
