"""A space as JSON and back: what a run keeps, and what other programs read.

The same space gives the same bytes on every machine. Numbers stay exact: a fraction is a string such as "7/2".
"""

from __future__ import annotations

import hashlib
import json
import operator
from fractions import Fraction
from functools import partial
from typing import Any, get_args

import attrs
import cattrs

from spacelang.expression import Expression, Number, exact
from spacelang.space import Dimension, Option, Space

FORMAT = "spacelang.space/1"


class NotASpace(ValueError):
    """A JSON value that should describe a space and does not."""


def _number_out(value: Number) -> int | str:
    return int(value) if value.denominator == 1 else str(value)


def _number_in(value: Any, _: object = None) -> Number:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise NotASpace(f"{value!r} is not an exact number")
    return exact(Fraction(value))


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
                raise NotASpace(f"{record!r} is none of {', '.join(members)}")
            member = members[record["is"]]
            return converter.structure({k: v for k, v in record.items() if k != "is"}, member)

        converter.register_structure_hook_func(partial(operator.eq, union), structure)
        for member in members.values():
            attrs.resolve_types(member)
            converter.register_unstructure_hook(member, unstructure)


def _type(field: attrs.Attribute[Any]) -> Any:
    return None if field.type in get_args(Expression) or field.type in (Expression, Dimension) else field.type


_convert = _converter()


def to_json(space: Space) -> str:
    """The space as a line of canonical JSON."""
    record = {"format": FORMAT, **_convert.unstructure(space)}
    return json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n"


def digest(space: Space) -> str:
    """SHA-256 of the space's JSON, in hexadecimal: the same for the same space on every machine."""
    return hashlib.sha256(to_json(space).encode()).hexdigest()


def from_json(text: str) -> Space:
    """The space that a JSON text describes. Raises `NotASpace` with the reason where it describes none."""
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotASpace(f"it is not JSON: {error}") from None
    if not isinstance(record, dict) or record.pop("format", None) != FORMAT:
        raise NotASpace(f"its format is not {FORMAT!r}")
    try:
        return _convert.structure(record, Space)
    except (cattrs.BaseValidationError, cattrs.errors.StructureHandlerNotFoundError) as error:
        reasons = cattrs.transform_error(error) if isinstance(error, cattrs.BaseValidationError) else [str(error)]
        raise NotASpace("; ".join(reasons)) from None
