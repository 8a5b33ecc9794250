"""Small spaces as texts of the language, and an evaluator of them that shares no code with the compiler.

A `Written` space is kept beside its text as plain numbers. `networks` goes through every combination and
applies the rules as the language states them; `macs` and `params` count a network module by module.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

from attrs import frozen
from hypothesis import strategies as st

Layer = tuple[int, int, Fraction, int | str]  # heads, qkv, mlp, window
Network = tuple[tuple[int, tuple[Layer, ...]], ...]  # by stage: embed, layers


@frozen
class Stage:
    depth: tuple[int, ...]
    embed: tuple[int, ...]
    heads: tuple[int, ...]
    mlp: tuple[Fraction, ...]
    window: tuple[int | str, ...]


@frozen
class Written:
    """A space: one stage of plain attention with a class token, or several with shifted windows."""

    stages: tuple[Stage, ...]
    head_dim: int
    growing: bool  # require each stage: embed >= previous.embed
    narrow: bool  # require each layer: qkv <= embed
    thin: int | None  # require each stage: depth * embed <= thin

    @property
    def pyramid(self) -> bool:
        return len(self.stages) > 1

    @property
    def text(self) -> str:
        lines = ["edition 2026", "space small", "image = 32", "patch = 4", "classes = 10"]
        lines.append(f"head_dim = {self.head_dim}")
        if not self.pyramid:
            lines += ["position = absolute + relative", "token = class", "pool = mean"]
        for number, stage in enumerate(self.stages, 1):
            lines += [f"stage {number} {{", f"  depth {_set(stage.depth)}", f"  embed {_set(stage.embed)}"]
            lines += ["  each layer {", f"    heads {_set(stage.heads)}", f"    mlp {_set(stage.mlp)}"]
            lines += [f"    window {_set(stage.window)}", "    qkv = heads * head_dim", "  }", "}"]
        if self.growing:
            lines.append("require each stage: embed >= previous.embed")
        if self.narrow:
            lines.append("require each layer: qkv <= embed")
        if self.thin is not None:
            lines.append(f"require each stage: depth * embed <= {self.thin}")
        return "\n".join(lines) + "\n"

    def side(self, stage: int) -> int:
        return 8 >> stage

    def networks(self) -> Iterator[Network]:
        """Every network once."""
        choices = [sorted(self._stage(number), key=repr) for number in range(len(self.stages))]
        for network in product(*choices):
            embeds = [embed for embed, _ in network]
            if not self.growing or embeds == sorted(embeds):
                yield network

    def _stage(self, number: int) -> set[tuple[int, tuple[Layer, ...]]]:
        stage, side = self.stages[number], self.side(number)
        found = set()
        for depth, embed in product(stage.depth, stage.embed):
            if self.thin is not None and depth * embed > self.thin:
                continue
            layers = {
                (heads, heads * self.head_dim, mlp, window if window == "global" else min(int(window), side))
                for heads, mlp, window in product(stage.heads, stage.mlp, stage.window)
                if not self.narrow or heads * self.head_dim <= embed
            }
            found |= {(embed, block) for block in product(layers, repeat=depth)}
        return found

    def cost(self, network: Network) -> tuple[int, int]:
        """MACs and parameters, counted module by module."""
        pyramid, token = self.pyramid, int(not self.pyramid)
        first, last = network[0][0], network[-1][0]
        macs = 8 * 8 * first * 3 * 16 + last * 10
        params = first * 48 + first + 2 * last + last * 10 + 10
        params += 2 * first if pyramid else first + 65 * first
        for number, (c, layers) in enumerate(network):
            side = self.side(number)
            for heads, q, mlp, window in layers:
                hidden = int(mlp * c)
                span = side if window == "global" else int(window)
                padded = side if window == "global" else -(-side // span) * span
                seen = span * span + token
                rows = padded * padded + token
                macs += rows * c * 3 * q + rows * q * c + rows * seen * q * (2 if pyramid else 4)
                macs += (side * side + token) * 2 * c * hidden
                params += 2 * 2 * c + 3 * (c * q + q) + q * c + c + c * hidden + hidden + hidden * c + c
                if pyramid:
                    params += heads * (2 * span - 1) ** 2
                else:
                    params += 2 * 2 * (2 * side + 2) * (q // heads)
            if number + 1 < len(network):
                out = network[number + 1][0]
                macs += (side // 2) ** 2 * 4 * c * out
                params += 2 * 4 * c + 4 * c * out
        return macs, params


def _set(values: tuple[object, ...]) -> str:
    words = [str(float(value)) if isinstance(value, Fraction) else str(value) for value in values]
    return f"= {words[0]}" if len(words) == 1 else f"in {{{', '.join(words)}}}"


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Spaces of one to three stages, of some thousand networks at most, with at least one network."""
    pyramid = draw(st.booleans())
    head_dim = draw(st.sampled_from((2, 4)))
    stages = []
    for number in range(draw(st.integers(2, 3)) if pyramid else 1):

        def some(values: tuple[object, ...], most: int) -> tuple[object, ...]:
            chosen = draw(st.sets(st.sampled_from(values), min_size=1, max_size=most))
            return tuple(sorted(chosen, key=values.index))

        windows = (2, 4, 8, "global") if pyramid else ("global",)
        stages.append(
            Stage(
                depth=some((1, 2), 2),
                embed=some((8, 16, 24), 2),
                heads=some((1, 2, 4), 2),
                mlp=some((Fraction(1), Fraction(3, 2), Fraction(2)), 2 if number == 0 else 1),
                window=some(windows, 2 if number == 1 else 1),
            )
        )
    return Written(
        tuple(stages),
        head_dim,
        growing=pyramid and draw(st.booleans()),
        narrow=draw(st.booleans()),
        thin=draw(st.sampled_from((None, 24, 32))),
    )
