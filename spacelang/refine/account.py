"""A measurement as a value that can be kept: what was measured, on what, and the moves that followed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cattrs
from attrs import frozen

from spacelang import recipe
from spacelang.expression import Number, written
from spacelang.outside import parse
from spacelang.recipe import Bound
from spacelang.refine.move import Move
from spacelang.refine.slope import Quality
from spacelang.refine.subspace import Unmoved

FORMAT = "spacelang.measurement/1"


@frozen
class Best:
    """The best network that a search has found in a space within the bounds, with its held-out error."""

    line: str
    error: float
    flops: int
    params: int


@frozen
class Account:
    """How good a space is, and where it is to go.

    step: of the training whose weights were measured. images: held-out images that every network was scored on.
    errors: of the networks drawn for all subspaces, ascending, as shares. scored: networks in all, those drawn for
    one choice too. left: what is searched and has no slope. next: the name of the next space; None where nothing
    moved.
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
    format: str = FORMAT


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Fraction, lambda v: int(v) if v.denominator == 1 else str(v))
    converter.register_structure_hook_func(lambda t: t == Number, lambda v, _: written(v))
    converter.register_unstructure_hook(Bound, recipe.to_record)
    converter.register_structure_hook(Bound, lambda record, _: recipe.from_record(record))
    return converter


_convert = _converter()


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
