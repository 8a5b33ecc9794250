"""An architecture: one network of a space, complete and on its own.

It says nothing of the space it came from. Two spaces that hold the same network hold equal values here, with
one JSON, one line of text and one digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from fractions import Fraction
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

from attrs import fields, frozen

from spacelang.expression import Number, exact
from spacelang.language.dimensions import LATER, LAYER, LAYER_DIMENSIONS, domain
from spacelang.language.domain import LARGEST
from spacelang.language.word import Word
from spacelang.outside import shown

PositionEncoding = Literal["absolute", "bias", "relative"]
Token = Literal["class", "none"]
Pool = Literal["mean", "token"]
LayerWindow = int | Literal["global"]
Option = Number | Literal["global"]


@frozen
class Frame:
    """What all networks of a space have in common.

    image: side of the square input in pixels. patch: side of a patch in pixels; it divides `image`.
    channels: of the input. classes: of the head. position: the position encodings, in alphabetical order.
    token: whether a class token stands before the patches. pool: what the head reads. stem_norm: whether a
    LayerNorm follows the patch embedding.
    """

    image: int
    patch: int
    channels: int
    classes: int
    position: tuple[PositionEncoding, ...]
    token: Token
    pool: Pool
    stem_norm: bool

    def side(self, stage: int) -> int:
        """The side of the feature map of a stage (counted from 0) in tokens; an odd map is padded to merge."""
        side = self.image // self.patch
        for _ in range(stage):
            side = -(-side // 2)
        return side

    def unlike(self, other: Frame) -> str:
        """In what another frame differs, with its value first: `classes = 4, not 10`; empty where it does not."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(Frame))
        return "; ".join(f"{name} = {_word(b)}, not {_word(a)}" for name, a, b in pairs if a != b)


def _word(value: object) -> str:
    return " + ".join(value) or "none" if isinstance(value, tuple) else str(value).lower()


@frozen(cache_hash=True)
class Layer:
    """One transformer layer.

    heads: attention heads. qkv: total width of the queries (and of the keys, and of the values), a multiple
    of `heads`. mlp: hidden width as a multiple of the stage's channels. window: side of the attention window
    in tokens, at most the map's, or "global".
    """

    heads: int
    qkv: int
    mlp: Number
    window: LayerWindow

    @property
    def head_width(self) -> int:
        return self.qkv // self.heads


@frozen
class Stage:
    """The layers of one resolution, all `embed` channels wide."""

    embed: int
    layers: tuple[Layer, ...]

    def hidden(self, layer: Layer) -> int:
        """Hidden channels of a layer's MLP."""
        return int(layer.mlp * self.embed)


@frozen
class Architecture:
    """One network: its frame and its stages."""

    frame: Frame
    stages: tuple[Stage, ...]

    @property
    def depth(self) -> int:
        """Layers in all."""
        return sum(len(stage.layers) for stage in self.stages)

    @property
    def digest(self) -> str:
        """SHA-256 of the network, in hexadecimal: the same for every text and every space that describe it."""
        text = json.dumps(to_json(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def name(self) -> str:
        """Eight hexadecimal digits to call it by."""
        return self.digest[:8]


FORMAT = "spacelang.architecture/1"
LARGEST_IMAGE = 16_384  # pixels a side
MOST_STAGES = 16
MOST_LAYERS = 16_000


def to_json(architecture: Architecture) -> dict[str, object]:
    """The architecture as plain JSON values. A fractional MLP ratio is a string such as "7/2", to stay exact."""
    frame = architecture.frame
    return {
        "format": FORMAT,
        "image": frame.image,
        "patch": frame.patch,
        "channels": frame.channels,
        "classes": frame.classes,
        "position": list(frame.position),
        "token": frame.token,
        "pool": frame.pool,
        "stem_norm": frame.stem_norm,
        "stages": [
            {
                "embed": stage.embed,
                "layers": [dict(_record(layer)) for layer in stage.layers],
            }
            for stage in architecture.stages
        ],
    }


@lru_cache(1 << 12)  # a search writes the same few layers again and again
def _record(layer: Layer) -> tuple[tuple[str, int | str], ...]:
    return tuple((name, _written(value)) for name, value in said(layer))


_VALUES = attrgetter(*LAYER_DIMENSIONS)
_USUAL = tuple(LATER.get(name) for name in LAYER_DIMENSIONS)


def said(layer: Layer) -> list[tuple[str, Option]]:
    """The dimensions of a layer that its JSON and its line say: all but those that came later and are as usual."""
    known = zip(LAYER_DIMENSIONS, _VALUES(layer), _USUAL, strict=True)
    return [(name, value) for name, value, usual in known if value != usual]


def _written(value: Option) -> int | str:
    # A whole ratio has one form, whatever set it was an option of: a network has one digest.
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else str(value)
    return value


class NotAnArchitecture(ValueError):
    """A text or JSON that should describe an architecture and does not."""


def from_json(value: Any) -> Architecture:
    """The architecture that a JSON value describes. Raises `NotAnArchitecture` with what is missing or wrong."""
    if not isinstance(value, dict) or not isinstance(value.get("stages"), list):
        raise NotAnArchitecture(f'it has no "format": "{FORMAT}" and no list of "stages"')
    if value.get("format") != FORMAT:
        raise NotAnArchitecture(
            f"its format is {shown(value.get('format'))}, and {FORMAT!r} is what this version reads"
        )
    try:
        frame = Frame(
            image=_whole(value, "image"),
            patch=_whole(value, "patch"),
            channels=_whole(value, "channels"),
            classes=_whole(value, "classes"),
            position=_positions(value["position"]),
            token=value["token"],
            pool=value["pool"],
            stem_norm=bool(value["stem_norm"]),
        )
        architecture = Architecture(frame, tuple(_stage(stage) for stage in value["stages"]))
    except KeyError as missing:
        raise NotAnArchitecture(f"{missing.args[0]!r} is missing") from None
    except (TypeError, AttributeError):
        raise NotAnArchitecture("a stage or a layer is not an object with the expected fields") from None
    verify(architecture)
    return architecture


def verify(architecture: Architecture) -> None:
    """Make sure that the network can be built; raises `NotAnArchitecture` that names what cannot be."""
    frame = architecture.frame
    if frame.image > LARGEST_IMAGE:
        raise NotAnArchitecture(f"image is {frame.image}, and an image has at most {LARGEST_IMAGE} pixels a side")
    if len(architecture.stages) > MOST_STAGES or architecture.depth > MOST_LAYERS:
        raise NotAnArchitecture(f"a network has at most {MOST_STAGES} stages, and {MOST_LAYERS} layers in all")
    if not frame.patch or frame.image % frame.patch:
        raise NotAnArchitecture(f"patch {frame.patch} does not divide image {frame.image}")
    if frame.token not in ("class", "none") or frame.pool not in ("mean", "token"):
        raise NotAnArchitecture("token is class or none, and pool is mean or token")
    if frame.pool == "token" and frame.token == "none":
        raise NotAnArchitecture("there is no token to pool: token is none")
    if frame.token == "class" and len(architecture.stages) > 1:
        raise NotAnArchitecture("a class token needs a network of one stage")
    if not architecture.stages or not all(stage.layers for stage in architecture.stages):
        raise NotAnArchitecture("a network has at least one stage, and a stage at least one layer")
    for number, stage in enumerate(architecture.stages, 1):
        for index, layer in enumerate(stage.layers, 1):
            where = f"stage {number}, layer {index}"
            if frame.token == "class" and layer.window != "global":
                raise NotAnArchitecture(f"{where}: a class token needs a global window")
            if not layer.heads or layer.qkv % layer.heads:
                raise NotAnArchitecture(f"{where}: qkv {layer.qkv} is not a multiple of heads {layer.heads}")
            if (layer.mlp * stage.embed).denominator != 1:
                raise NotAnArchitecture(f"{where}: mlp {layer.mlp} of {stage.embed} channels is not whole")
            if layer.window != "global" and layer.window > frame.side(number - 1):
                side = frame.side(number - 1)
                raise NotAnArchitecture(f"{where}: window {layer.window} is larger than its {side}×{side} map")


def _whole(record: dict[str, Any], name: str) -> int:
    value = record[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        raise NotAnArchitecture(f"{name!r} is {shown(value)}, and must be a whole number from 1 to {LARGEST}")
    return value


def _positions(value: Any) -> tuple[PositionEncoding, ...]:
    names: tuple[PositionEncoding, ...] = ("absolute", "bias", "relative")
    if not isinstance(value, list) or any(not isinstance(item, str) or item not in names for item in value):
        raise NotAnArchitecture("'position' is a list of absolute, bias and relative")
    return tuple(name for name in names if name in value)


def _stage(value: dict[str, Any]) -> Stage:
    if not isinstance(value["layers"], list):
        raise NotAnArchitecture("'layers' is not a list")
    return Stage(_whole(value, "embed"), tuple(_layer(layer) for layer in value["layers"]))


def _layer(value: dict[str, Any]) -> Layer:
    return Layer(**{word.name: _option(value, word) for word in LAYER})


def _option(record: dict[str, Any], word: Word) -> Any:
    name, known = word.name, domain(word.name)
    value = record.get(name, word.default) if word.later else record[name]
    if known.word is not None and value == known.word:
        return value
    if known.whole:
        return _whole({name: value}, name)
    if not re.fullmatch(r"[1-9]\d{0,8}(/[1-9]\d{0,8})?", str(value)):
        raise NotAnArchitecture(f'{name!r} is {shown(value)}, and must be a number such as 4 or "7/2"')
    return exact(Fraction(str(value)))
