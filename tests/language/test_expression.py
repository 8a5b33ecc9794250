"""Expressions are exact, chain their comparisons, and read back as they were written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacelang.evaluation import UndefinedValue, evaluate, truth
from spacelang.expression import (
    Among,
    Binary,
    Call,
    Compare,
    Constant,
    Logic,
    Name,
    Negative,
    Not,
    Previous,
    Within,
    decimal,
)
from spacelang.infix import show
from spacelang.source import Source
from spacelang.syntax import parse
from spacelang.syntax.tree import Require

numbers = st.recursive(
    st.one_of(
        st.integers(0, 99).map(Constant),
        st.fractions(0, 9, max_denominator=8).filter(lambda f: 8 % f.denominator == 0).map(Constant),
        st.sampled_from(["embed", "depth"]).flatmap(lambda n: st.sampled_from([Name(n), Previous(n)])),
    ),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from("+-*/%"), inner, inner),
        st.builds(Negative, inner),
        st.builds(Call, st.sampled_from(["min", "max"]), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
relations = st.sampled_from(["<", "<=", "==", "!=", ">=", ">"])
truths = st.recursive(
    st.one_of(
        st.builds(Compare, numbers, st.lists(st.tuples(relations, numbers), min_size=1, max_size=2).map(tuple)),
        st.builds(Among, numbers, st.lists(numbers, min_size=1, max_size=3).map(tuple)),
        st.builds(Within, numbers, numbers, numbers, st.none() | numbers),
    ),
    lambda inner: st.one_of(st.builds(Logic, st.sampled_from(["and", "or"]), inner, inner), st.builds(Not, inner)),
    max_leaves=4,
)


def written(text: str):
    parsed = parse(Source("x", f"require each stage: {text}"))
    assert not parsed.diagnostics, parsed.diagnostics
    (statement,) = parsed.file.statements
    assert isinstance(statement, Require)
    return statement.condition


@given(truths)
def test_what_is_shown_reads_back_as_the_same_expression(expression) -> None:
    assert written(show(expression)) == expression


@given(truths, st.integers(1, 64), st.integers(1, 9), st.integers(1, 64), st.integers(1, 9))
def test_values_are_those_of_exact_arithmetic(expression, embed, depth, embed_before, depth_before) -> None:
    names = {"embed": embed, "depth": depth}
    before = {"embed": embed_before, "depth": depth_before}
    text = (
        show(expression).replace("previous.embed", str(embed_before)).replace("previous.depth", str(depth_before))
    )
    literal = written(text)
    try:
        expected = evaluate(literal, names)
    except UndefinedValue:
        with pytest.raises(UndefinedValue):
            evaluate(expression, names, before)
    else:
        assert evaluate(expression, names, before) == expected


def test_arithmetic_never_rounds() -> None:
    assert evaluate(written("0.1 + 0.2 == 0.3"), {}) is True
    assert evaluate(written("1 / 3 * 3 == 1"), {}) is True
    assert evaluate(written("4.5G == 4500000000"), {}) is True
    assert evaluate(written("7 % 4 == 3"), {}) is True


def test_comparisons_chain() -> None:
    assert evaluate(written("1 < 2 < 3"), {}) is True
    assert evaluate(written("1 < 3 < 2"), {}) is False


def test_a_rule_about_the_stage_before_is_true_of_the_first() -> None:
    assert evaluate(written("embed >= previous.embed"), {"embed": 1}, None) is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not embed == previous.embed", None),
        ("embed == 1 and embed == previous.embed", None),
        ("embed == 2 and embed == previous.embed", False),
        ("embed == previous.embed and embed == 2", False),
        ("embed == 1 or embed == previous.embed", True),
        ("embed == previous.embed or embed == 2", None),
        ("not (embed == previous.embed or embed == 1)", False),
        ("2 <= embed <= previous.embed", None),
    ],
)
def test_what_is_unknown_follows_kleene(text: str, expected: bool | None) -> None:
    assert truth(written(text), {"embed": 1}, None) is expected
    assert evaluate(written(text), {"embed": 1}, None) is (expected is not False)


def test_division_by_zero_has_a_place() -> None:
    with pytest.raises(UndefinedValue, match="division by zero"):
        evaluate(written("embed / (embed - embed) > 1"), {"embed": 3})


@given(st.fractions(-1000, 1000, max_denominator=1000))
def test_decimals_are_exact(value: Fraction) -> None:
    assert Fraction(decimal(value)) == value


@given(st.fractions(0, 9, max_denominator=4), st.integers(0, 4), st.integers(1, 4), st.integers(0, 3))
def test_a_range_in_a_condition_holds_what_it_holds_in_a_choice(value, low, step, steps) -> None:
    condition = written(f"depth in {low}..{low + steps * step} step {step}")
    members = [low + number * step for number in range(steps + 1)]
    assert evaluate(condition, {"depth": value}) == (value in members)
    listed = written("depth in {" + ", ".join(map(str, members)) + "}")
    assert evaluate(listed, {"depth": value}) == (value in members)


def test_membership_of_what_the_stage_before_has_is_true_of_the_first_stage() -> None:
    condition = written("embed in {previous.embed, 2 * previous.embed}")
    assert evaluate(condition, {"embed": 3}) is True
    assert evaluate(condition, {"embed": 3}, {"embed": 2}) is False
    assert evaluate(condition, {"embed": 4}, {"embed": 2}) is True
