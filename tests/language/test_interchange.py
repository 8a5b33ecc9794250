"""A space as JSON: the same on the way back, as the published schema says, and as ConfigSpace reads it."""

import copy
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacelang.check import compile_text
from spacelang.cli.commands import app
from spacelang.configspace import NotExpressible, to_configspace
from spacelang.interchange import FIRST, FORMAT, NEWER, SECOND, NotASpace, digest, from_json, to_json
from spacelang.lower.lowered import lower
from spacelang.project import loader
from spacelang.source import Source, read
from spacelang.space import Space
from tests.language.test_lineage import spaces

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "spaces").glob("*.space"))
SCHEMAS = {
    f"spacelang.space/{version}": json.loads(
        (ROOT / "docs" / "schema" / f"space-{version}.json").read_text(encoding="utf-8")
    )
    for version in (1, 2, 3)
}
VALIDATORS = {name: jsonschema.Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
VALIDATOR = VALIDATORS[FORMAT]

# Every form of the language that a space can keep, none deep inside of others: a schema that has a choice of forms
# takes several times as long with each level.
EVERYTHING = """edition 2026
space everything
image = 32
patch = 4
classes = 10
position = bias + relative + absolute
head_dim = 32
measure energy mJ
measure area
stage 1 {
  depth in 1..2
  embed in {32, 64}
  each layer {
    heads in {1, 2}
    window = global
    mlp in {3.5, 4}
    qkv = max(32, -(-32)) * heads
  }
}
stage 2 {
  embed = 2 * previous.embed
  depth = 1
  heads in {1, 2}
  window = global
  require each stage: embed > previous.embed / 3.3 - 1
  require each stage: heads >= 1 and previous.depth < 9
  require sum(heads) <= 4 * depth
}
require each layer: not heads > 2
require each layer: 1 <= heads < 5 or embed % 2 == 1
require each layer: heads != 3
require each layer: heads in {1, 2} or mlp in 2..4 step 0.5
require sum(depth) <= 4 and count(heads == 2) + 2 * sum(mlp) <= 40
evolve {
  require 1K <= flops <= 10M and sum(mlp) <= 12.5
  require energy < 2.5
  score = accuracy
  mutate { stage = 0.3 }
}
train {
  learning_rate = 0.001
  batches = split
  optimizer = muon
  rate_law = sqrt
  sampling = flops
  require 1K <= flops <= 8M and params <= 10M
  require sum(mlp) <= 12.5
}
refine {
  score = accuracy
  steps { mlp = 0.5 }
}
"""


def shipped(path: Path) -> Space:
    source = read(path)
    found = compile_text(source, loader(source.name)).space
    assert found is not None
    return found


def compiled(text: str) -> Space:
    result = compile_text(Source("x.space", text))
    assert result.space is not None, result.diagnostics
    return result.space


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_space_comes_back_from_its_json_and_is_what_the_schema_says(path: Path) -> None:
    space = shipped(path)
    text = to_json(space)
    assert from_json(text) == space
    assert to_json(from_json(text)) == text
    assert digest(from_json(text)) == digest(space)
    VALIDATORS[json.loads(text)["format"]].validate(json.loads(text))


def test_a_space_without_new_forms_is_written_as_ever_and_read_in_both_versions() -> None:
    space = shipped(ROOT / "spaces" / "s3.space")
    text = to_json(space)
    assert json.loads(text)["format"] == FIRST
    assert '"tied"' not in text
    assert '"total"' not in text

    def now(value: Any) -> Any:
        if isinstance(value, dict):
            value = {name: now(part) for name, part in value.items()}
            return value | ({"tied": None} if value.get("is") == "searched" else {})
        return [now(part) for part in value] if isinstance(value, list) else value

    newer = now(json.loads(text)) | {"format": SECOND}
    newer["evolve"]["mutate"] |= {"stage": "1/5", "network": "1/5"}
    for name in ("evolve", "refine"):
        newer[name]["bounds"] = [bound | {"total": None} for bound in newer[name]["bounds"]]
    VALIDATORS[SECOND].validate(newer)
    assert from_json(json.dumps(newer)) == space


@pytest.mark.parametrize(
    "form",
    [
        "mlp in {3, 4}",
        "require each layer: heads in {1, 2}",
        "require each layer: mlp in 3..4",
        "require sum(depth) <= 3",
        "evolve { require sum(depth) <= 3 }",
        "evolve {\n mutate { network = 0.3 }\n}",
        "train { batches = split }",
        "train { optimizer = muon }",
        "train { rate_law = sqrt }",
        "train { sampling = flops }",
        "train { require flops <= 2M }",
        "train { require each stage: sum(heads) <= 3 }",
        "evolve { score = accuracy }",
        "refine { score = accuracy }",
    ],
)
def test_a_space_with_a_new_form_is_written_in_the_second_version(form: str) -> None:
    head = "edition 2026\nspace x\nimage = 32\npatch = 4\nclasses = 10\n"
    stage = "stage 1 {\n depth in 1..2\n embed = 32\n each layer { heads in {1, 2} }\n}\n"
    space = compiled(head + stage + form + "\n")
    record = json.loads(to_json(space))
    assert record["format"] == SECOND
    assert from_json(to_json(space)) == space
    VALIDATORS[SECOND].validate(record)


def test_a_space_that_declares_measures_is_written_in_the_third_version() -> None:
    space = compiled(EVERYTHING)
    record = json.loads(to_json(space))
    assert record["format"] == FORMAT
    assert record["measures"] == [{"name": "area", "unit": ""}, {"name": "energy", "unit": "mJ"}]
    undeclared = {name: value for name, value in record.items() if name != "measures"}
    for wrong in (undeclared, record | {"format": SECOND}, record | {"measures": [{"name": "flops", "unit": ""}]}):
        with pytest.raises(NotASpace, match="measure"):
            from_json(json.dumps(wrong))


def test_every_form_comes_back_and_is_what_the_schema_says() -> None:
    space = compiled(EVERYTHING)
    text = to_json(space)
    assert from_json(text) == space
    VALIDATOR.validate(json.loads(text))


@settings(deadline=None)
@given(spaces())
def test_any_space_comes_back(text: str) -> None:
    space = compile_text(Source("x.space", text)).space
    if space is not None:
        assert from_json(to_json(space)) == space
        record = json.loads(to_json(space))
        VALIDATORS[record["format"]].validate(record)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each key of the objects in a JSON value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if isinstance(value, dict):
            yield (*way, key)
        yield from places(child, (*way, key))


RECORD = json.loads(to_json(compiled(EVERYTHING)))
# What is left out where it says nothing new: lines of recipes, and the bounds of a training.
LATER = {*((recipe, word.name) for recipe, word in NEWER), ("train", "bounds")}


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(list(places(RECORD))))
def test_schema_and_reader_refuse_keys_that_they_do_not_know(way: tuple[Any, ...]) -> None:
    record = copy.deepcopy(RECORD)
    inner = record
    for key in way[:-1]:
        inner = inner[key]
    inner[f"{way[-1]}_"] = inner.pop(way[-1])
    assert not VALIDATOR.is_valid(record)
    with pytest.raises(NotASpace):
        from_json(json.dumps(record))


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(list(places(RECORD))))
def test_the_schema_demands_every_key_and_the_reader_all_but_those_of_recipes(way: tuple[Any, ...]) -> None:
    record = copy.deepcopy(RECORD)
    inner = record
    for key in way[:-1]:
        inner = inner[key]
    del inner[way[-1]]
    assert VALIDATOR.is_valid(record) == (way in LATER)
    try:
        from_json(json.dumps(record))
    except NotASpace:
        return
    # A space that was written before a recipe had this line is still read.
    assert way[0] in ("train", "evolve", "refine") or way == ("requires",)


BEYOND = {
    "an image": (("frame", "image"), 16_385),
    "classes": (("frame", "classes"), 10**7 + 1),
    "no stage": (("stages",), []),
    "a batch": (("train", "batch"), 10**14 + 1),
    "less than no batch": (("train", "batch"), -1),
    "a rate below 0": (("train", "learning_rate"), "-1/2"),
    "a fraction of many digits": (("train", "weight_decay"), "1/" + "9" * 40),
    "options": (("stages", 0, "depth"), {"is": "searched", "options": [*range(1, 1002)], "tied": None}),
    "an option": (("stages", 0, "embed"), {"is": "settled", "value": 10**14 + 1}),
}


@pytest.mark.parametrize("case", BEYOND)
def test_schema_and_reader_refuse_what_is_beyond_all_networks(case: str) -> None:
    (*way, last), value = BEYOND[case]
    record = copy.deepcopy(RECORD)
    inner = record
    for key in way:
        inner = inner[key]
    inner[last] = value
    assert not VALIDATOR.is_valid(record)
    with pytest.raises(NotASpace):
        from_json(json.dumps(record))


def test_a_bound_of_a_training_on_what_a_table_tells_is_refused() -> None:
    record = copy.deepcopy(RECORD)
    record["train"]["bounds"].append({"measure": "latency", "low": None, "high": 5_000_000, "total": None})
    assert not VALIDATOR.is_valid(record)
    with pytest.raises(NotASpace, match='no table of "latency"'):
        from_json(json.dumps(record))


def named(name: str) -> dict[str, Any]:
    return {"is": "name", "name": name}


MEANINGLESS = {
    "a name that is none": ("qkv", named("haeds"), "`haeds` has no value here"),
    "itself": ("qkv", named("qkv"), "`qkv` has no value here"),
    "a circle": ("heads", named("qkv"), "'heads': it follows from itself"),
    "a condition for a number": ("qkv", {"is": "not", "operand": named("heads")}, "number"),
}


@pytest.mark.parametrize("case", MEANINGLESS)
def test_expressions_that_no_text_could_have_are_refused(case: str) -> None:
    name, expression, message = MEANINGLESS[case]
    record = json.loads(to_json(compiled((ROOT / "spaces" / "digits.space").read_text(encoding="utf-8"))))
    record["stages"][0][name] = {"is": "derived", "expression": expression}
    with pytest.raises(NotASpace, match=re.escape(message)):
        from_json(json.dumps(record))


def test_a_rule_that_is_no_condition_is_refused() -> None:
    text = (ROOT / "spaces" / "digits.space").read_text(encoding="utf-8") + "\nrequire each layer: heads <= 2\n"
    record = json.loads(to_json(compiled(text)))
    record["requires"][0]["expression"] = named("heads")
    with pytest.raises(NotASpace, match="'requires'"):
        from_json(json.dumps(record))


def test_a_word_that_a_line_does_not_have_is_told_those_that_it_has() -> None:
    record = json.loads(to_json(compiled((ROOT / "spaces" / "digits.space").read_text(encoding="utf-8"))))
    record["train"]["optimizer"] = "lion"
    with pytest.raises(NotASpace, match=re.escape("none of adamw, muon @ $.train.optimizer")):
        from_json(json.dumps(record))


@pytest.mark.parametrize(("name", "value", "place"), [("frame", 3, "frame"), ("stages", ["x"], "stages[0]")])
def test_what_is_no_object_is_told_by_its_key(name: str, value: object, place: str) -> None:
    record = json.loads(to_json(compiled((ROOT / "spaces" / "digits.space").read_text(encoding="utf-8"))))
    with pytest.raises(NotASpace, match=re.escape(f"no object @ $.{place}")):
        from_json(json.dumps(record | {name: value}))


def test_the_schema_is_a_schema_and_of_this_version() -> None:
    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["properties"]["format"] == {"const": name}
    assert {*SCHEMAS} == {FIRST, SECOND, FORMAT}


def test_the_command_writes_what_reads_back(tmp_path: Path) -> None:
    out = tmp_path / "space.json"
    result = CliRunner().invoke(app, ["compile", str(ROOT / "spaces" / "s3_mobile.space"), "-o", str(out)])
    assert result.exit_code == 0
    space = from_json(out.read_text(encoding="utf-8"))
    assert space == shipped(ROOT / "spaces" / "s3_mobile.space")
    assert digest(space) in result.stderr


# ConfigSpace's meaning of its JSON, in a few lines: all configurations that its conditions and clauses allow.


def configurations(record: dict[str, Any]) -> list[dict[str, Any]]:
    values = {
        p["name"]: [p["value"]] if p["type"] == "constant" else p["sequence"] for p in record["hyperparameters"]
    }
    needs = {c["child"]: (c["parent"], c["values"]) for c in record["conditions"]}
    clauses = [clause.get("clauses", [clause]) for clause in record["forbiddens"]]
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in product(*values.values()):
        chosen = dict(zip(values, row, strict=True))
        active = {
            name: value
            for name, value in chosen.items()
            if name not in needs or chosen[needs[name][0]] in needs[name][1]
        }
        forbidden = any(
            all(active.get(part["name"]) in part.get("values", [part.get("value")]) for part in parts)
            for parts in clauses
        )
        if not forbidden:
            found[tuple(active.items())] = active
    return list(found.values())


@settings(deadline=None, max_examples=30)
@given(spaces())
def test_configurations_are_the_networks_of_the_space(text: str) -> None:
    space = compile_text(Source("x.space", text)).space
    if space is None:
        return
    lowered = lower(space)
    record = to_configspace(lowered)
    found = configurations(record)
    assert len(found) == lowered.count
    usual = {p["name"]: p.get("default_value", p.get("value")) for p in record["hyperparameters"]}
    assert any(all(usual[name] == value for name, value in one.items()) for one in found), "its default is allowed"
    for one in found[:: max(1, len(found) // 10)]:
        for number, cells in enumerate(lowered.legal.stages, 1):
            depth, embed = one[f"stage{number}.depth"], one[f"stage{number}.embed"]
            (cell,) = [cell for cell in cells if (cell.depth, cell.embed) == (depth, embed)]
            for place in range(1, depth + 1):
                genes = {
                    name: one[f"stage{number}.layer{place}.{name}"]
                    for name in ("heads", "window")
                    if f"stage{number}.layer{place}.{name}" in one
                }
                assert any(all(getattr(layer, n) == v for n, v in genes.items()) for layer in cell.options)
            assert not any(name.startswith(f"stage{number}.layer{depth + 1}.") for name in one)


def test_rules_become_clauses_over_what_they_speak_of() -> None:
    record = to_configspace(lower(shipped(ROOT / "spaces" / "s3_initial.space")))
    named = {tuple(part["name"].split(".")[-1] for part in clause["clauses"]) for clause in record["forbiddens"]}
    assert named == {("heads", "qkv")}


def test_a_space_that_cannot_be_said_is_refused_with_the_reason(tmp_path: Path) -> None:
    values = ", ".join(str(8 * n) for n in range(1, 31))
    layer = "each layer {\n heads = 1\n window = 1\n }"
    text = f"""edition 2026
space x
image = 8
patch = 2
classes = 2
stage 1 {{
  depth = 1
  embed in {{{values}}}
  {layer}
}}
stage 2 {{
  depth in 1..30
  embed in {{{values}}}
  {layer}
}}
require each stage: (embed + previous.embed) % 5 != depth % 5
"""
    path = tmp_path / "x.space"
    path.write_text(text)
    with pytest.raises(NotExpressible, match="forbidden clauses"):
        to_configspace(lower(shipped(path)))
    result = CliRunner().invoke(app, ["compile", str(path), "--configspace"])
    assert result.exit_code == 1
    assert "x cannot be said in ConfigSpace's terms: its rules come to" in result.stderr
    assert result.stdout == ""
