"""A space as JSON and back: what a run keeps, and what other programs read.

The same space gives the same bytes on every machine. Numbers stay exact: a fraction is a string such as "7/2".
"""

from __future__ import annotations

import hashlib
import json
import operator
from fractions import Fraction
from functools import partial
from typing import Any, Literal, get_args, get_origin

import attrs
import cattrs

from spacelang import sound
from spacelang.expression import Expression, Number, written
from spacelang.language.dimensions import LATER, STAGE_DIMENSIONS
from spacelang.language.recipes import LINES, RECIPES
from spacelang.outside import NotJson, parse, shown
from spacelang.recipe import Evolve
from spacelang.space import Dimension, Option, Space

FORMAT = "spacelang.space/3"
SECOND = "spacelang.space/2"  # in which a space is still written that declares no measures
FIRST = "spacelang.space/1"  # in which a space is still written that has none of the forms that came with 2
_LATER = ("among", "within", "total")
NEWER = tuple((level, word) for level in RECIPES for word in LINES[level] if word.later)
"""Lines of recipes that are written only where they say something new: other than the recipe does by default."""
_MUTATE = tuple(word for word in LINES["mutate"] if word.later)


class NotASpace(ValueError):
    """A JSON value that should describe a space and does not."""


def _number_out(value: Number) -> int | str:
    return int(value) if value.denominator == 1 else str(value)


def _number_in(value: Any, _: object = None) -> Number:
    return written(value)


def _option_in(value: Any, _: object = None) -> Option:
    return "global" if value == "global" else _number_in(value)


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, omit_if_default=False)
    converter.register_unstructure_hook(Fraction, _number_out)
    converter.register_structure_hook_func(lambda t: t == Number, _number_in)
    converter.register_unstructure_hook_func(
        lambda t: t in (Number, Option), lambda v: v if v == "global" else _number_out(v)
    )
    converter.register_structure_hook_func(lambda t: t == Option, _option_in)
    converter.register_structure_hook_func(
        lambda t: t == Number | None, lambda v, _: None if v is None else _number_in(v)
    )
    converter.register_unstructure_hook_func(
        lambda t: t == Number | None, lambda v: None if v is None else _number_out(v)
    )
    converter.register_structure_hook_func(
        lambda t: t == Expression | None,
        lambda v, _: None if v is None else converter.structure(v, Expression),  # type: ignore[arg-type]
    )
    _tag_members(converter, Expression, Dimension)
    return converter


def _tag_members(converter: cattrs.Converter, *unions: Any) -> None:
    """Write the members of closed unions under their lower-case names, without their places in the text."""
    for union in unions:
        members = {member.__name__.lower(): member for member in get_args(union)}

        def unstructure(value: Any) -> dict[str, Any]:
            record = {"is": type(value).__name__.lower()}
            for field in attrs.fields(type(value)):
                if field.name != "span":
                    record[field.name] = converter.unstructure(getattr(value, field.name), _type(field))
            return record

        def structure(record: Any, _: object, members: dict[str, type[Any]] = members) -> Any:
            if not isinstance(record, dict) or record.get("is") not in members:
                raise NotASpace(f"{shown(record)} is none of {', '.join(members)}")
            member = members[record["is"]]
            if missing := [f.name for f in attrs.fields(member) if f.name != "span" and f.name not in record]:
                raise NotASpace(f"{missing[0]!r} is missing in {shown(record)}")
            return converter.structure({k: v for k, v in record.items() if k != "is"}, member)

        converter.register_structure_hook_func(partial(operator.eq, union), structure)
        for member in members.values():
            attrs.resolve_types(member)
            converter.register_unstructure_hook(member, unstructure)


def _type(field: attrs.Attribute[Any]) -> Any:
    return None if field.type in get_args(Expression) or field.type in (Expression, Dimension) else field.type


_convert = _converter()


def to_json(space: Space) -> str:
    """The space as a line of canonical JSON.

    One that can be said in an earlier version is: its text, and what is known by it, stay what they were.
    """
    record = _convert.unstructure(space)
    newer = False
    for recipe, word in NEWER:
        if record[recipe][word.name] == word.default:
            del record[recipe][word.name]
        else:
            newer = True
    if record["train"]["bounds"]:
        newer = True
    else:
        del record["train"]["bounds"]
    steps = record["refine"]["steps"]
    for name, value in LATER.items():
        for place, usual in (
            (steps, None),
            *((stage, {"is": "settled", "value": value}) for stage in record["stages"]),
        ):
            if place[name] == usual:
                del place[name]
            else:
                newer = True
    if not space.measures:
        del record["measures"]
        first = None if newer else _first(record)
        record = {"format": SECOND, **record} if first is None else {"format": FIRST, **first}
    else:
        record = {"format": FORMAT, **record}
    return json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n"


def _first(value: Any) -> Any:
    """A JSON value as the first version has it; None where it has no such form."""
    match value:
        case {"is": str(kind)} if kind in _LATER:
            return None
        case {"is": "searched", "tied": tie} if tie is not None:
            return None
        case {"level": "network"}:
            return None
        case {"is": "previous", "name": str(name)} if name not in STAGE_DIMENSIONS:
            return None
        case dict():
            kept = value
            if value.get("is") == "searched":
                kept = {name: part for name, part in value.items() if name != "tied"}
            elif "measure" in value:
                kept = {name: part for name, part in value.items() if name != "total"}
                if value["total"] is not None:
                    return None
            elif "mutate" in value:
                mutate = _mutate(value["mutate"])
                if mutate is None:
                    return None
                kept = value | {"mutate": mutate}
            parts = {name: _first(part) for name, part in kept.items()}
            wrong = any(part is None and kept[name] is not None for name, part in parts.items())
            return None if wrong else parts
        case list() | tuple():
            row = [_first(part) for part in value]
            return None if any(part is None for part in row) else row
        case _:
            return value


def _mutate(record: dict[str, Any]) -> dict[str, Any] | None:
    """A mutation as it was before a stage or the network had choices; None where it says something of them."""
    if any(record[word.name] != _convert.unstructure(word.default) for word in _MUTATE):
        return None
    later = {word.name for word in _MUTATE}
    return {name: value for name, value in record.items() if name not in later}


def settings(recipe: Evolve) -> dict[str, Any]:
    """The lines of a search recipe, without those that came later where they say nothing new."""
    record: dict[str, Any] = attrs.asdict(recipe)
    own = ((record, word) for level, word in NEWER if level == "evolve")
    for lines, word in (*own, *((record["mutate"], word) for word in _MUTATE)):
        if lines[word.name] == word.default:
            del lines[word.name]
    for bound in record["bounds"]:
        if bound["total"] is None:
            del bound["total"]
    return record


def digest(space: Space) -> str:
    """SHA-256 of the space's JSON, in hexadecimal: the same for the same space on every machine."""
    return hashlib.sha256(to_json(space).encode()).hexdigest()


def from_json(text: str) -> Space:
    """The space that a JSON text describes. Raises `NotASpace` with the reason where it describes none."""
    try:
        record = parse(text)
    except NotJson as error:
        raise NotASpace(str(error)) from None
    version = record.pop("format", None) if isinstance(record, dict) else None
    if version not in (FIRST, SECOND, FORMAT):
        raise NotASpace(f"its format is neither {FORMAT!r} nor {SECOND!r} nor {FIRST!r}")
    if (version == FORMAT) != ("measures" in record):
        raise NotASpace(f"'measures' belongs to {FORMAT!r}, and to that alone")
    try:
        space = _convert.structure(_now(record) if version == FIRST else record, Space)
    except RecursionError:
        raise NotASpace("its expressions are nested without end") from None
    except (cattrs.BaseValidationError, cattrs.errors.StructureHandlerNotFoundError) as error:
        several = isinstance(error, cattrs.BaseValidationError)
        reasons = cattrs.transform_error(error, format_exception=_said) if several else [str(error)]
        raise NotASpace("; ".join(reasons)) from None
    try:
        sound.verify(space)
    except sound.NotSound as reason:
        raise NotASpace(str(reason)) from None
    return space


def _said(error: BaseException, kind: Any) -> str:
    """What is wrong with a value, in words. kind: what it should be."""
    if get_origin(kind) is Literal:
        return f"none of {', '.join(get_args(kind))}"
    if isinstance(error, AttributeError) and error.name == "keys":
        return "no object"
    return cattrs.v.format_exception(error, kind)


def _now(value: Any) -> Any:
    """A value of the first version as this one has it."""
    match value:
        case {"is": "searched"} if "tied" not in value:
            return value | {"tied": None}
        case {"is": str(kind)} if kind in _LATER:
            raise NotASpace(f"{kind!r} is none of the forms of {FIRST!r}")
        case dict():
            return {name: _now(part) for name, part in value.items()}
        case list():
            return [_now(part) for part in value]
        case _:
            return value
