"""Small spaces with tied choices, totals and membership, and an evaluator of them that shares no code with the
compiler: it goes through every combination, and keeps those that the rules allow, as the language states them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import product

from attrs import evolve, frozen
from hypothesis import strategies as st

from .spaces import Layer, Network, Stage, Written

Root = tuple[object, ...]  # what the choices of the network come to, stage by stage
Cell = tuple[object, ...]  # depth, embed, and what is chosen once for the stage
Where = tuple[Root, tuple[Cell, ...]]
NAMES = ("heads", "mlp", "window")
SCOPES = ("layer", "stage", "root")


@frozen
class Rule:
    """A rule as text, and whether a network meets it. stage: the one (from 1) in whose block it stands."""

    text: str
    holds: Callable[[Network], bool]
    stage: int | None = None


@frozen
class Tied:
    """A space in which each dimension is chosen where `scope` says: in every layer, once a stage, or once.

    whole: the options of what is chosen once for the network. nearer: the one dimension of them, if any, that the
    last stage decides by a line of its own, in each of its layers.
    """

    stages: tuple[Stage, ...]
    scope: Mapping[str, str]
    whole: Mapping[str, tuple[object, ...]]
    nearer: str | None
    rules: tuple[Rule, ...]
    few: tuple[int, ...] | None  # require each layer: heads in few or mlp in 1..1

    @property
    def written(self) -> Written:
        return Written(self.stages, 2, growing=False, narrow=False, thin=None)

    def scope_of(self, name: str, stage: int) -> str:
        last = stage == len(self.stages) - 1
        return "layer" if name == self.nearer and last else self.scope[name]

    @property
    def text(self) -> str:
        lines = ["edition 2026", "space tied", "image = 32", "patch = 4", "classes = 10", "head_dim = 2"]
        if len(self.stages) == 1:
            lines += ["position = absolute + relative", "token = class"]
        lines += [f"{name} {_set(options)}" for name, options in self.whole.items()]
        for number, stage in enumerate(self.stages):
            lines.append(f"stage {number + 1} {{")
            for name in ("depth", "embed"):
                if name not in self.whole:
                    lines.append(f"  {name} {_set(getattr(stage, name))}")
            own = {name: self.scope_of(name, number) for name in NAMES}
            lines += [f"  {name} {_set(getattr(stage, name))}" for name in NAMES if own[name] == "stage"]
            lines.append("  each layer {")
            lines += [f"    {name} {_set(getattr(stage, name))}" for name in NAMES if own[name] == "layer"]
            lines += ["  }", *(f"  {rule.text}" for rule in self.rules if rule.stage == number + 1), "}"]
        if self.few is not None:
            lines.append(f"require each layer: heads in {{{', '.join(map(str, self.few))}}} or mlp in 1..1")
        return "\n".join([*lines, *(rule.text for rule in self.rules if rule.stage is None)]) + "\n"

    def networks(self, most: int) -> dict[Network, Where]:
        """Every network once, with where it lies; of more than `most`, some that are one more."""
        found: dict[Network, Where] = {}
        for values in product(*self.whole.values()):
            root = dict(zip(self.whole, values, strict=True))
            stages = [list(self._stage(number, root)) for number in range(len(self.stages))]
            for rows in product(*stages):
                network = tuple(row[0] for row in rows)
                if all(rule.holds(network) for rule in self.rules):
                    found[network] = tuple(row[2] for row in rows), tuple(row[1] for row in rows)
                    if len(found) > most:
                        return found
        return found

    def _stage(
        self, number: int, root: Mapping[str, object]
    ) -> Iterator[tuple[tuple[int, tuple[Layer, ...]], Cell, Root]]:
        stage, side = self.stages[number], 8 >> number
        clip = {"window": lambda w: w if w == "global" else min(int(w), side)}
        scope = {name: self.scope_of(name, number) for name in NAMES}

        def some(name: str) -> list[object]:
            options = [root[name]] if scope.get(name, "root") == "root" and name in root else getattr(stage, name)
            return list(dict.fromkeys(clip.get(name, lambda v: v)(option) for option in options))

        seen = tuple(some(name)[0] for name in root if scope.get(name, "root") == "root")
        once = [name for name in NAMES if scope[name] != "layer"]
        for depth, embed, *shared in product(some("depth"), some("embed"), *map(some, once)):
            fixed = dict(zip(once, shared, strict=True))
            layers = [
                (heads, int(str(heads)) * 2, mlp, window)
                for heads, mlp, window in product(*([fixed[n]] if n in fixed else some(n) for n in NAMES))
                if self.few is None or heads in self.few or mlp == 1
            ]
            own = tuple(fixed[name] for name in once if scope[name] == "stage")
            for block in product(layers, repeat=int(str(depth))):
                yield (int(str(embed)), block), (depth, embed, *own), seen  # type: ignore[misc]

    def key(self, number: int, layer: Layer) -> tuple[object, ...]:
        """What a layer has of its own."""
        values = dict(zip(NAMES, (layer[0], layer[2], layer[3]), strict=True))
        options = self.stages[number]
        return tuple(
            values[n] for n in NAMES if self.scope_of(n, number) == "layer" and len(getattr(options, n)) > 1
        )


def _set(values: tuple[object, ...]) -> str:
    words = [str(float(value)) if isinstance(value, Fraction) else str(value) for value in values]
    return f"= {words[0]}" if len(words) == 1 else f"in {{{', '.join(words)}}}"


def _layers(network: Network) -> list[Layer]:
    return [layer for _, layers in network for layer in layers]


@st.composite
def rules(draw: st.DrawFn, stages: int) -> Rule:
    """Totals of the network, of every stage, and of one."""
    size = draw(st.integers(1, 10))
    kind = draw(st.integers(0, 8))
    match kind:
        case 0:
            return Rule(f"require sum(depth) <= {size}", lambda n: len(_layers(n)) <= size)
        case 1:
            text = f"require {size} <= sum(heads) < {2 * size + 2}"
            return Rule(text, lambda n: size <= sum(la[0] for la in _layers(n)) < 2 * size + 2)
        case 2:
            most = size // 3
            text = f"require count(heads == 2 or mlp > 1) <= {most}"
            return Rule(text, lambda n: sum(la[0] == 2 or la[2] > 1 for la in _layers(n)) <= most)
        case 3:
            text = "require each stage: sum(heads) <= 2 * depth"
            return Rule(text, lambda n: all(sum(la[0] for la in ls) <= 2 * len(ls) for _, ls in n))
        case 4:
            text = f"require 2 * sum(mlp) >= {size}"
            return Rule(text, lambda n: 2 * sum(la[2] for la in _layers(n)) >= size)
        case 5:
            text = f"require sum(heads) - 2 * sum(depth) <= {size - 5} and sum(embed) <= {12 * size}"
            return Rule(
                text,
                lambda n: (
                    sum(la[0] for la in _layers(n)) - 2 * len(_layers(n)) <= size - 5
                    and sum(embed for embed, _ in n) <= 12 * size
                ),
            )
        case 6:
            at = draw(st.integers(1, stages))
            return Rule("require count(mlp == 1) >= 1", lambda n: any(la[2] == 1 for la in n[at - 1][1]), at)
        case 7:
            text = f"require count(depth == 1) == {size % 3}"
            return Rule(text, lambda n: sum(len(ls) == 1 for _, ls in n) == size % 3)
        case _:
            text = f"require each stage: count(heads in {{1, 4}}) + sum(depth) <= {size} and depth in 1..2"
            return Rule(text, lambda n: all(sum(la[0] in (1, 4) for la in ls) + len(ls) <= size for _, ls in n))


@st.composite
def tied(draw: st.DrawFn, rules_: int = 2) -> Tied:
    """Spaces of one to three stages in both families, with choices of every scope."""
    pyramid = draw(st.booleans())
    count = draw(st.integers(2, 3)) if pyramid else 1

    def some(values: tuple[object, ...], most: int) -> tuple[object, ...]:
        chosen = draw(st.sets(st.sampled_from(values), min_size=1, max_size=most))
        return tuple(sorted(chosen, key=values.index))

    ratios = (Fraction(1), Fraction(3, 2), Fraction(2))
    windows = (2, 4, 8, "global") if pyramid else ("global",)
    scope = {name: draw(st.sampled_from(SCOPES)) for name in NAMES}
    options = {"heads": some((1, 2, 4), 2), "mlp": some(ratios, 2), "window": some(windows, 2)}
    whole = {name: options[name] for name in NAMES if scope[name] == "root" and len(options[name]) > 1}
    scope |= {name: "layer" for name in NAMES if scope[name] == "root" and name not in whole}
    if draw(st.integers(0, 4)) == 0:
        whole["depth"] = (1, 2)
    if draw(st.integers(0, 4)) == 0:
        whole["embed"] = (8, 16)
    stages = [
        Stage(
            depth=whole.get("depth", some((1, 2), 2)),  # type: ignore[arg-type]
            embed=whole.get("embed", some((8, 16), 2)),  # type: ignore[arg-type]
            heads=whole.get("heads", some((1, 2, 4), 2)),  # type: ignore[arg-type]
            mlp=whole.get("mlp", some(ratios, 2 if number == 0 else 1)),  # type: ignore[arg-type]
            window=whole.get("window", some(windows, 2 if number == 1 else 1)),  # type: ignore[arg-type]
        )
        for number in range(count)
    ]
    shared = [name for name in NAMES if name in whole]
    nearer = draw(st.sampled_from(shared)) if shared and count > 1 and draw(st.booleans()) else None
    if nearer is not None:
        stages[-1] = evolve(stages[-1], **{nearer: options[nearer][:1]})
    made = tuple(draw(rules(count)) for _ in range(draw(st.integers(0, rules_))))
    few = draw(st.sampled_from((None, (1, 2), (2, 4))))
    return Tied(tuple(stages), scope, whole, nearer, made, few)
