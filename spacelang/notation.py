"""An architecture as one line of text, which `inspect` prints and every command accepts.

    i224-p4-c1000/96:2xh3q96m4w7/192:2xh6q192m4w7/384:6xh12q384m4w14/768:2xh24q768m4w7

First the frame: image, patch and classes, then what differs from the defaults (`ch1`, `bias`,
`absolute+relative`, `noposition`, `token`, `pooltoken`, `norm`, `nonorm`). Then each stage: its width, a
colon, and its layers as heads, qkv, mlp and window (`wg` for a global one), equal neighbours counted. No
character of it needs quoting in a shell.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from typing import Any, cast

from attrs import evolve

from spacelang.architecture import (
    Architecture,
    Frame,
    Layer,
    NotAnArchitecture,
    Option,
    PositionEncoding,
    Stage,
    said,
    verify,
)
from spacelang.expression import decimal, exact
from spacelang.language.dimensions import LAYER, domain
from spacelang.language.word import Word

_HEADER = re.compile(r"i(\d{1,6})-p(\d{1,6})-c(\d{1,7})((?:-[a-z0-9+]+)*)")


def _gene(word: Word) -> str:
    """The pattern of a dimension in a layer's part: its first letter, and its value."""
    known = domain(word.name)
    value = r"\d{1,7}" if known.whole else r"\d{1,7}(?:\.\d{1,9}|s\d{1,6})?"
    also = f"|{known.word[0]}" if known.word else ""
    return f"(?:{word.name[0]}({value}{also}))" + ("?" if word.later else "")


_LAYER = re.compile(r"(?:(\d{1,4})x)?" + "".join(map(_gene, LAYER)))
_MOST_LAYERS = 10_000
_DOMAINS = {word.name: domain(word.name) for word in LAYER}


def write(architecture: Architecture) -> str:
    """The line of an architecture."""
    frame, several = architecture.frame, len(architecture.stages) > 1
    parts = [f"i{frame.image}", f"p{frame.patch}", f"c{frame.classes}"]
    if frame.channels != 3:
        parts.append(f"ch{frame.channels}")
    if frame.position != _usual_position(several):
        parts.append("+".join(frame.position) or "noposition")
    if frame.token == "class":
        parts.append("token")
    if frame.pool == "token":
        parts.append("pooltoken")
    if frame.stem_norm != several:
        parts.append("norm" if frame.stem_norm else "nonorm")
    return "/".join(["-".join(parts), *map(_stage, architecture.stages)])


def _usual_position(several: bool) -> tuple[PositionEncoding, ...]:
    return ("bias",) if several else ("absolute",)


def _stage(stage: Stage) -> str:
    runs = [(layer, len(list(same))) for layer, same in groupby(stage.layers)]
    return f"{stage.embed}:" + ",".join((f"{n}x" if n > 1 else "") + write_layer(layer) for layer, n in runs)


@lru_cache(1 << 12)  # a search writes the same few layers again and again
def write_layer(layer: Layer) -> str:
    """A layer's part of the line, such as `h3q96m4w7`."""
    return "".join(f"{name[0]}{_written(value)}" for name, value in said(layer))


def _written(value: Option) -> str:
    # a ratio with no finite decimals: 10/3 is 10s3
    if isinstance(value, int):
        return str(value)
    return value[0] if isinstance(value, str) else decimal(value).replace("/", "s")


def looks_like(text: str) -> bool:
    """Whether a text is meant as such a line, rightly written or not."""
    return re.match(r"i\d+-p\d+-c\d+", text) is not None


def read(text: str) -> Architecture:
    """The architecture of a line. Raises `NotAnArchitecture` that names the part that cannot be read."""
    head, *rest = text.strip().split("/")
    match = _HEADER.fullmatch(head)
    if not match:
        raise NotAnArchitecture(f"{head!r} is not of the form i224-p4-c1000")
    if not rest:
        raise NotAnArchitecture("it has no stage")
    image, patch, classes = (int(match.group(i)) for i in (1, 2, 3))
    if min(image, patch, classes) < 1:
        raise NotAnArchitecture("image, patch and classes are at least 1")
    several = len(rest) > 1
    frame = Frame(image, patch, 3, classes, _usual_position(several), "none", "mean", several)
    for word in match.group(4).split("-")[1:]:
        frame = _with(frame, word)
    architecture = Architecture(frame, tuple(map(_read_stage, rest)))
    verify(architecture)
    return architecture


def _with(frame: Frame, word: str) -> Frame:
    if re.fullmatch(r"ch[1-9]\d{0,5}", word):
        return evolve(frame, channels=int(word[2:]))
    match word:
        case "token":
            return evolve(frame, token="class")
        case "pooltoken":
            return evolve(frame, pool="token")
        case "norm" | "nonorm":
            return evolve(frame, stem_norm=word == "norm")
        case "noposition":
            return evolve(frame, position=())
        case _ if set(word.split("+")) <= {"absolute", "bias", "relative"}:
            return evolve(frame, position=cast(tuple[PositionEncoding, ...], tuple(sorted(word.split("+")))))
        case _:
            raise NotAnArchitecture(f"{word!r} says nothing of a network")


def _read_stage(text: str) -> Stage:
    embed, _, layers = text.partition(":")
    if not re.fullmatch(r"[1-9]\d{0,7}", embed) or not layers:
        raise NotAnArchitecture(f"the stage {text!r} is not of the form 96:2xh3q96m4w7")
    read: list[Layer] = []
    for part in layers.split(","):
        match = _LAYER.fullmatch(part)
        if not match:
            raise NotAnArchitecture(f"the layer {part!r} is not of the form h3q96m4w7")
        times, *values = match.groups()
        options = {word.name: _option(word, value) for word, value in zip(LAYER, values, strict=True)}
        fits = all(option in _DOMAINS[name] or option == _DOMAINS[name].word for name, option in options.items())
        if not fits or times == "0" or len(read) > _MOST_LAYERS:
            raise NotAnArchitecture(f"the layer {part!r} has a size that no layer has")
        read += [Layer(**options)] * int(times or 1)
    return Stage(int(embed), tuple(read))


def _option(word: Word, value: str | None) -> Any:
    if value is None:
        return word.default
    if value.isdecimal():
        return int(value)
    if value.isalpha():
        return domain(word.name).word
    return 0 if re.search(r"s0+\Z", value) else exact(Fraction(value.replace("s", "/")))
