"""One network, as the front door hands it out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import define

from spacelang import architecture as core
from spacelang import notation
from spacelang.language.dimensions import LAYER_DIMENSIONS, domain
from spacelang.outside import parse
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.nn.network import Network


@define(frozen=True, slots=False, repr=False)
class Architecture:
    """One network: what all layers of it are. Equal values are the same network, whatever space they came from.

    network: the value that the compiler and the runtime work on.
    """

    network: core.Architecture

    @classmethod
    def from_line(cls, line: str) -> Architecture:
        """The network of a line such as `i8-p2-c10/16:2xh2q16m2w2`. Raises `Failure` that names the wrong part."""
        try:
            return cls(notation.read(line))
        except core.NotAnArchitecture as reason:
            raise Failure(
                f"this line is not an architecture: {reason}", "copy it from `architecture.line`"
            ) from None

    @classmethod
    def from_json(cls, value: str | Mapping[str, Any]) -> Architecture:
        """The network of a JSON text, or of the values of one. Raises `Failure` that names what is wrong."""
        try:
            return cls(core.from_json(parse(value) if isinstance(value, str) else dict(value)))
        except ValueError as reason:  # `NotAnArchitecture`, and what is no JSON
            raise Failure(
                f"this JSON is not an architecture: {reason}", "write it with `architecture.to_json()`"
            ) from None

    @cached_property
    def line(self) -> str:
        """The network in one line, which every command and every call accepts."""
        return notation.write(self.network)

    def to_json(self) -> dict[str, Any]:
        """The network as plain JSON values."""
        return core.to_json(self.network)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network, in hexadecimal: the same for every text and every space that describe it."""
        return self.network.digest

    @property
    def name(self) -> str:
        """Eight hexadecimal digits to call it by."""
        return self.digest[:8]

    @property
    def frame(self) -> core.Frame:
        """What all networks of its space have in common: image, patch, channels, classes, position, token, pool."""
        return self.network.frame

    @property
    def stages(self) -> tuple[core.Stage, ...]:
        """Its stages, each with `embed` and `layers`; a layer has `heads`, `qkv`, `mlp` and `window`."""
        return self.network.stages

    @property
    def depth(self) -> int:
        """Layers in all."""
        return self.network.depth

    @property
    def flops(self) -> int:
        """Multiply-accumulates of one image, exactly."""
        return self._costs[0]

    @property
    def params(self) -> int:
        """Elements of the standalone model, exactly."""
        return self._costs[1]

    @cached_property
    def _costs(self) -> tuple[int, int]:
        from spacelang.lower import cost
        from spacelang.lower.plan import of_architecture

        whole = cost.total(of_architecture(self.network))
        return whole.flops, whole.params

    def model(self, drop_path: float = 0.0) -> Network:
        """The network as a module of torch with random weights: images [N, channels, side, side] to logits.

        drop_path: the chance, rising linearly to this at the deepest layer, that a sample skips half a layer in
        training.
        """
        from spacelang_runtime.nn.network import Network

        return Network(self.network, drop_path)

    def records(self) -> list[dict[str, Any]]:
        """A row for each layer: stage, embed, layer, and its dimensions (heads, qkv, mlp, window)."""
        return [
            {
                "stage": number,
                "embed": stage.embed,
                "layer": index,
                **{name: _plain(layer, name) for name in LAYER_DIMENSIONS},
            }
            for number, stage in enumerate(self.stages, 1)
            for index, layer in enumerate(stage.layers, 1)
        ]

    def __str__(self) -> str:
        return self.line

    def __repr__(self) -> str:
        return f"Architecture.from_line({self.line!r})"

    def _repr_html_(self) -> str:
        from spacelang.amount import short
        from spacelang.html import code, table, titled, written

        frame = self.frame
        said = (
            f"{short(self.flops)} MACs, {short(self.params)} params",
            f"image {frame.image}, patch {frame.patch}, {frame.classes} classes",
        )
        rows = self.records()
        body = table(list(rows[0]), [list(row.values()) for row in rows])
        return written(titled(self.name, *said), code(self.line), body)


def _plain(layer: core.Layer, name: str) -> int | float | str:
    """A dimension of a layer as a data frame has it: a ratio in floating point, whether it is whole or not."""
    value: int | str = getattr(layer, name)
    return value if domain(name).whole else float(value)


ArchitectureLike = Architecture | core.Architecture | str  # a network, however it is named


def known(value: ArchitectureLike) -> Architecture:
    """The network that a value, or a line, names. Raises `Failure`, or TypeError for what names none."""
    match value:
        case Architecture():
            return value
        case core.Architecture():
            return Architecture(value)
        case str():
            return Architecture.from_line(value)
    raise TypeError(f"{value!r} is no architecture: give one of this space's, or its line")
