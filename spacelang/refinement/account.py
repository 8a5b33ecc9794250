"""A measurement as a value that can be kept: what was measured, on what, and the moves that followed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cattrs
from attrs import frozen

from spacelang import recipe
from spacelang.expression import Number, written
from spacelang.outside import parse
from spacelang.recipe import Bound, Score
from spacelang.refinement.curve import Curve
from spacelang.refinement.move import Move
from spacelang.refinement.slope import Quality, Slope
from spacelang.refinement.subspace import Unmoved

FORMAT = "spacelang.measurement/1"


@frozen
class Best:
    """The best network that a search has found in a space within the bounds, with its held-out error."""

    line: str
    error: float
    flops: int
    params: int


@frozen
class Costs:
    """What the networks that were drawn for all spend: the mean, and from the least to the most."""

    mean: float
    least: int
    most: int


@frozen
class Footing:
    """What an E-T error stands on. networks: that the space holds. smallest, largest: parameters of its smallest
    and its largest network, which is the supernet. flops, params: of the networks drawn. seconds: that its
    trainings took, over all processes; steps: of the whole one."""

    networks: int
    smallest: int
    largest: int
    flops: Costs
    params: Costs
    seconds: float
    steps: int


@frozen
class Account:
    """How good a space is, and where it is to go.

    step: of the training whose weights were measured. images: held-out images that every network was scored on.
    errors: of the networks drawn for all subspaces, ascending, as shares. scored: networks in all, those drawn for
    one choice too. left: what is searched and has no slope. next: the name of the next space; None where nothing
    moved. score: how errors are told. counted: the E-T error by errors counted, with the slopes by them; nats: by
    losses themselves. curve, to_come: how the supernet learns, and the E-T error once all is learned, of which the
    slopes then are; None where shorter trainings were not made. finished: the best found, trained on alone.
    """

    space: str
    run: str
    step: int
    images: int
    bounds: tuple[Bound, ...]
    threshold: Number
    confidence: Number
    scored: int
    quality: Quality
    errors: tuple[float, ...]
    moves: tuple[Move, ...]
    left: tuple[Unmoved, ...]
    next: str | None
    best: Best | None = None
    score: Score = "loss"
    counted: Quality | None = None
    counted_slopes: tuple[Slope, ...] = ()
    nats: Quality | None = None
    curve: Curve | None = None
    to_come: Quality | None = None
    footing: Footing | None = None
    finished: Best | None = None
    format: str = FORMAT


def converter() -> cattrs.Converter:
    """What turns accounts, and what contains them, into plain JSON values and back."""
    made = cattrs.Converter(forbid_extra_keys=True)
    made.register_unstructure_hook(Fraction, lambda v: int(v) if v.denominator == 1 else str(v))
    made.register_structure_hook_func(lambda t: t == Number, lambda v, _: written(v))
    made.register_unstructure_hook(Bound, recipe.to_record)
    made.register_structure_hook(Bound, lambda record, _: recipe.from_record(record))
    return made


_convert = converter()


def to_record(account: Account) -> dict[str, Any]:
    """The account as plain JSON values."""
    record: dict[str, Any] = _convert.unstructure(account)
    return record


def from_json(text: str) -> Account:
    """The account that a JSON text holds. Raises ValueError where it holds none of this version."""
    try:
        return _convert.structure(parse(text), Account)
    except (cattrs.BaseValidationError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(f"it is no measurement of this version ({FORMAT})") from error
