"""The settings at the root: what all networks of the space have in common."""

from __future__ import annotations

from typing import cast

from spacelang.architecture import LARGEST_IMAGE, Frame, Pool, PositionEncoding, Token
from spacelang.check.outline import Outline
from spacelang.check.values import spot, whole, word
from spacelang.diagnostics import Diagnostic, Label
from spacelang.expression import Binary, Expression, Name
from spacelang.language.trunk import DEFAULTS, FRAME, SETTINGS, WORDS
from spacelang.language.word import ByStages
from spacelang.source import Span
from spacelang.syntax import tree

STAND_IN = Frame(224, 16, 3, 1000, ("absolute",), "none", "mean", stem_norm=False)


def frame(layout: Outline, found: list[Diagnostic]) -> Frame | None:
    """The frame that the root's settings describe, defaults filled in; None where one is missing or wrong."""
    several = len(layout.stages) > 1
    before = len(found)
    values = {name: _decided(layout, name, found) for name in layout.root if name in FRAME}
    numbers = {name: _number(layout, values, name, found) for name in SETTINGS}
    image, patch = numbers["image"], numbers["patch"]
    if image and patch and image % patch:
        nearest = max(patch, image // patch * patch)
        label = Label(_span(layout, "patch"), f"{image} / {patch} leaves {image % patch}")
        help_ = f"an image of {nearest} or {nearest + patch} has whole patches of {patch}"
        found.append(Diagnostic("E0220", "patches do not fill the image", label, help=help_))
    if image and image > LARGEST_IMAGE:
        message = f"an image has at most {LARGEST_IMAGE} pixels a side"
        help_ = "give the side in pixels, such as `image = 224`"
        found.append(Diagnostic("E0221", message, Label(_span(layout, "image")), help=help_))
    position = _positions(values.get("position"), found) or (cast(PositionEncoding, _usual("position", several)),)
    token = _word(values, "token", several, found)
    pool = _word(values, "pool", several, found)
    stem_norm = _word(values, "stem_norm", several, found)
    if token == "class" and several:
        message = "a class token needs a space of one stage: patch merging has no place for it"
        help_ = "write `token = none`, or describe one stage"
        found.append(Diagnostic("E0222", message, Label(_span(layout, "token")), help=help_))
    if pool == "token" and token == "none":
        help_ = "add `token = class`, or write `pool = mean`"
        found.append(Diagnostic("E0223", "there is no token to pool", Label(_span(layout, "pool")), help=help_))
    if len(found) > before or not all(numbers.values()):
        return None
    return Frame(
        image=cast(int, image),
        patch=cast(int, patch),
        channels=cast(int, numbers["channels"]),
        classes=cast(int, numbers["classes"]),
        position=position,
        token=cast(Token, token),
        pool=cast(Pool, pool),
        stem_norm=stem_norm == "yes",
    )


def _decided(layout: Outline, name: str, found: list[Diagnostic]) -> Expression | None:
    line = layout.root[name]
    match line:
        case tree.Setting(value=value):
            return value
        case tree.Choice(span=span):
            message = f"`{name}` is the same for all networks of a space, and cannot be searched"
            help_ = f"write `{name} = …`, and one file for each value"
            found.append(Diagnostic("E0224", message, Label(span), help=help_))
            return None


def _number(
    layout: Outline, values: dict[str, Expression | None], name: str, found: list[Diagnostic]
) -> int | None:
    if name not in values:
        default = cast(int | None, DEFAULTS[name])
        if default is None and name not in layout.meant:
            found.append(
                Diagnostic(
                    "E0212", f"`{name}` is missing", Label(Span(0, 1)), help=f"add a line `{name} = …` at the root"
                )
            )
        return default
    value = values[name]
    return whole(value, {}, found) if value is not None else None


def _word(values: dict[str, Expression | None], name: str, several: bool, found: list[Diagnostic]) -> str | None:
    value = values.get(name)
    return _usual(name, several) if value is None else word(value, WORDS[name], found)


def _usual(name: str, several: bool) -> str | None:
    """The word that holds where a setting is not said."""
    match DEFAULTS[name]:
        case ByStages(one, many):
            return many if several else one
        case default:
            return cast(str, default)


def _positions(expression: Expression | None, found: list[Diagnostic]) -> tuple[PositionEncoding, ...] | None:
    """`absolute + relative` as a set of words."""
    if expression is None:
        return None
    names: list[str] = []
    stack = [expression]
    while stack:
        match stack.pop():
            case Name("absolute" | "bias" | "relative" as name):
                names.append(name)
            case Binary("+", left, right):
                stack += [left, right]
            case other:
                found.append(
                    Diagnostic(
                        "E0225",
                        "`position` is a sum of absolute, bias and relative",
                        Label(spot(other)),
                        help="such as `position = absolute + relative`",
                    )
                )
                return None
    if len(set(names)) < len(names):
        help_ = "name each once"
        found.append(Diagnostic("E0229", "a position encoding is named twice", Label(spot(expression)), help=help_))
    order: tuple[PositionEncoding, ...] = ("absolute", "bias", "relative")
    return tuple(name for name in order if name in names)


def _span(layout: Outline, name: str) -> Span:
    return layout.root[name].span if name in layout.root else Span(0, 1)
