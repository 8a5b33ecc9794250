"""What a rule says of the first stage, which has none before it: a comparison with `previous` is unknown there,
`not`, `and` and `or` follow Kleene, and a rule that ends unknown holds."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from attrs import frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spacelang.check import compile_text
from spacelang.check.lineage import texts
from spacelang.configspace import to_configspace
from spacelang.interchange import from_json, to_json
from spacelang.lower.lowered import lower
from spacelang.source import Source
from tests.language.test_interchange import configurations

Stage = tuple[int, int]  # depth, embed
HALF = Fraction(1, 2)

HEAD = "edition 2026\nspace x\nimage = 32\npatch = 4\nclasses = 10\nheads = 1\n"


@frozen
class Rule:
    """A condition as text, and its parts: a comparison, or `not`, `and`, `or` of others."""

    text: str
    parts: tuple[Rule, ...] = ()
    sign: str = ""
    left: str = ""
    right: str = ""

    def value(self, before: Stage | None, here: Stage) -> Fraction:
        """0 is false, 1 true, 1/2 unknown: `and` takes the lesser, `or` the greater, `not` what is left of 1."""
        match self.sign:
            case "not":
                return 1 - self.parts[0].value(before, here)
            case "and":
                return min(part.value(before, here) for part in self.parts)
            case "or":
                return max(part.value(before, here) for part in self.parts)
        names = {"depth": Fraction(here[0]), "embed": Fraction(here[1])}
        if before is not None:
            names |= {"previous.depth": Fraction(before[0]), "previous.embed": Fraction(before[1])}
        elif "previous" in self.text:
            return HALF
        a = names[self.left]
        b = names[self.right] if self.right in names else Fraction(self.right)
        return Fraction({"<": a < b, "<=": a <= b, "==": a == b, "!=": a != b, ">": a > b, ">=": a >= b}[self.sign])


def compared(sign: str, left: str, right: str) -> Rule:
    return Rule(f"{left} {sign} {right}", (), sign, left, right)


comparisons = st.one_of(
    st.builds(
        compared,
        st.sampled_from(["<", "<=", "==", "!=", ">", ">="]),
        st.just(name),
        st.sampled_from([f"previous.{name}", f"previous.{name}", *numbers]),
    )
    for name, numbers in (("depth", ("1", "2")), ("embed", ("32", "64")))
)
rules = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(lambda part: Rule(f"not ({part.text})", (part,), "not"), inner),
        st.builds(
            lambda sign, a, b: Rule(f"({a.text}) {sign} ({b.text})", (a, b), sign),
            st.sampled_from(["and", "or"]),
            inner,
            inner,
        ),
    ),
    max_leaves=5,
)


def networks(rule: Rule, stages: int) -> list[tuple[Stage, ...]]:
    found = product(product((1, 2, 3), (32, 64)), repeat=stages)
    return [
        one
        for one in found
        if all(rule.value(before, here) > 0 for before, here in zip((None, *one), one, strict=False))
    ]


def text_of(rule: Rule, stages: int) -> str:
    blocks = "".join(f"stage {number + 1} {{\n  window = 4\n}}\n" for number in range(stages))
    both = "each stage {\n  depth in 1..3\n  embed in {32, 64}\n}\n"
    return f"{HEAD}{both}{blocks}require each stage: {rule.text}\n"


@settings(max_examples=60, deadline=None)
@given(rules, st.integers(1, 3))
def test_rules_about_neighbours_leave_what_enumeration_says(rule: Rule, stages: int) -> None:
    expected = networks(rule, stages)
    found = compile_text(Source("x.space", text_of(rule, stages)))
    assert (found.space is not None) == bool(expected)
    if found.space is None:
        return
    lowered = lower(found.space)
    assert lowered.count == len(expected)
    shapes = [tuple((cell.depth, cell.embed) for cell in cells) for cells in lowered.legal.stages]
    for t, links in enumerate(lowered.legal.links):
        pairs = {(shapes[t][i], shapes[t + 1][j]) for i, j in links}
        assert pairs == {(one[t], one[t + 1]) for one in expected}
    again = from_json(to_json(found.space))
    assert lower(again).count == len(expected)


@settings(max_examples=20, deadline=None)
@given(rules)
def test_configspace_and_narrowing_take_the_same_rules(rule: Rule) -> None:
    expected = networks(rule, 2)
    assume(expected)
    found = compile_text(Source("x.space", text_of(rule, 2)))
    assert found.space is not None
    assert len(configurations(to_configspace(lower(found.space)))) == len(expected)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("not (embed == previous.embed)", "embed != previous.embed"),
        ("not (embed < previous.embed)", "embed >= previous.embed"),
        ("not (depth == 1 and embed == previous.embed)", "depth != 1 or embed != previous.embed"),
        ("not (not (embed >= previous.embed))", "embed >= previous.embed"),
        ("not (embed in {previous.embed})", "embed != previous.embed"),
    ],
)
def test_a_negation_means_what_it_comes_to(one: str, other: str) -> None:
    found = [compile_text(Source("x.space", text_of(Rule(text), 3))).space for text in (one, other)]
    legal = [lower(space).legal for space in found if space is not None]
    assert len(legal) == 2
    assert [[(c.depth, c.embed) for c in cells] for cells in legal[0].stages] == [
        [(c.depth, c.embed) for c in cells] for cells in legal[1].stages
    ]
    assert legal[0].links == legal[1].links


def test_each_narrows_the_other_where_they_mean_the_same() -> None:
    both = [text_of(Rule(text), 2) for text in ("not (embed == previous.embed)", "embed != previous.embed")]
    for one, other in (both, both[::-1]):
        narrower = 'edition 2026\nnarrows "wide.space"\n' + one.removeprefix("edition 2026\n")
        found = compile_text(Source("x.space", narrower), texts({"wide.space": other}))
        assert found.space is not None, [one.message for one in found.diagnostics]
