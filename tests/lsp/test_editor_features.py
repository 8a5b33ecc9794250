"""What an editor is told about a text: positions, hover, completion, definitions, fixes, formatting, renaming."""

from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacelang import recipe
from spacelang.check import compile_text
from spacelang.check.lineage import nothing, texts
from spacelang.check.outline import LAYER, ROOT, STAGE
from spacelang.diagnostics import Fix, errors
from spacelang.language.dimensions import LAYER_DIMENSIONS, STAGE_DIMENSIONS
from spacelang.language.vocabulary import KEYWORDS
from spacelang.language.words import NAMES, meaning
from spacelang.lower.cells import Legal
from spacelang.lower.legal import legal
from spacelang.lower.lowered import lower
from spacelang.lower.subset import taken
from spacelang.lsp.buffers import loader
from spacelang.lsp.completion import completion
from spacelang.lsp.context import context
from spacelang.lsp.definition import definition
from spacelang.lsp.fixes import fixes, together
from spacelang.lsp.formatting import formatting
from spacelang.lsp.hover import hover
from spacelang.lsp.positions import Lines
from spacelang.lsp.rename import Refused, renamable, rename
from spacelang.lsp.symbols import symbols
from spacelang.lsp.usage import networks, using
from spacelang.source import Source, read
from spacelang.space import Space
from spacelang.syntax.format import formatted

ROOT_FOLDER = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT_FOLDER / "spaces").glob("*.space"))

TINY = """edition 2026
space tiny
image = 32
patch = 4
classes = 10
head_dim = 8

each layer {
  mlp in {2, 4}
  qkv = heads * head_dim
}

stage 1 {
  depth in 1..2
  embed in {16, 24}
  each layer {
    heads in {1, 2}
    window = 4
  }
}

stage 2 {
  depth = 1
  embed = 32
  each layer {
    heads = 4
    window in {2, 4}
  }
}

require each stage: embed >= previous.embed
"""


def marked(text: str) -> tuple[Source, int]:
    """A text and the place in it where ‸ stood."""
    at = text.index("‸")
    return Source("x.space", text.replace("‸", "")), at


def edited(text: str, edits: tuple[Fix, ...]) -> str:
    """A text with edits made, as an editor makes them: all places are those of the old text, and what is put in at
    one place stands in the order of the edits."""
    for _, _, edit in sorted([(e.span.start, i, e) for i, e in enumerate(edits)], reverse=True):
        text = text[: edit.span.start] + edit.replacement + text[edit.span.end :]
    return text


def space(text: str) -> Space:
    result = compile_text(Source("x.space", text))
    assert result.space is not None, result.diagnostics
    return result.space


# Positions


def units(text: str, encoding: str) -> int:
    """How many units of an encoding a text takes, by Python's own encoder."""
    return len(text.encode({"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding])) // int(
        {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    )


TEXTS = st.text(st.sampled_from("ab \n\r\t#\x0c\u2028é€𝕊🦊\ufeff"), max_size=40)


@given(TEXTS, st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_columns_count_the_units_of_the_encoding(text: str, encoding: str) -> None:
    lines = Lines(text, encoding)  # type: ignore[arg-type]
    for offset in range(len(text) + 1):
        before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
        if text[:offset].endswith("\r") and text[offset:].startswith("\n"):
            continue  # between the two characters of one line end there is no place
        line, column = lines.position(offset)
        assert line == before.count("\n")
        assert column == units(before.rpartition("\n")[2], encoding)
        assert lines.offset(line, column) == offset


def test_a_column_inside_a_character_is_its_beginning_and_past_the_line_its_end() -> None:
    lines = Lines("# 🦊 fox\nx")
    assert [lines.offset(0, column) for column in (2, 3, 4)] == [2, 2, 3]
    assert lines.offset(0, 99) == len("# 🦊 fox")
    assert lines.offset(7, 0) == len("# 🦊 fox\nx")


# Scopes


@pytest.mark.parametrize(
    ("text", "level", "stage"),
    [
        ("‸", "root", None),
        ("stage 2 {\n  ‸", "stage", 2),
        ("stage 2 {\n  each layer {\n    heads in {1,\n  2‸", "layer", 2),
        ("each layer { heads in {1, 2}\n‸", "layer", None),
        ("evolve { mutate {\n‸", "mutate", None),
        ("stage 1 { depth = 1 }\ntrain {\n  # {{{\n  ‸", "train", None),
        ("stage 1 {\n  depth in {1,\n  embed = ‸", "stage", 1),
        ("stage {\n‸", "unknown", None),
    ],
)
def test_a_place_knows_its_scope_while_the_text_is_half_typed(text: str, level: str, stage: int | None) -> None:
    source, at = marked(text)
    found = context(source.text, at)
    assert (found.level, found.stage) == (level, stage)


# Words


def test_every_name_of_the_language_has_a_meaning() -> None:
    def fields(kind: type, *others: str) -> set[str]:
        return {field.name for field in attrs.fields(kind)} - set(others)

    assert set(NAMES["root"]) == set(ROOT)
    assert set(NAMES["stage"]) == set(STAGE)
    assert set(NAMES["layer"]) == set(LAYER)
    assert set(NAMES["train"]) == fields(recipe.Train, "bounds")
    assert set(NAMES["evolve"]) == fields(recipe.Evolve, "mutate", "bounds")
    assert set(NAMES["mutate"]) == fields(recipe.Mutate)
    grammar = (ROOT_FOLDER / "grammars" / "space.lark").read_text(encoding="utf-8")
    quoted = {part for part in grammar.split('"') if part.isalpha() and part.islower()}
    assert quoted >= set(KEYWORDS)
    assert all(meaning(word) for word in KEYWORDS)


# Usage


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_networks_are_counted_as_the_chain_counts_them(path: Path) -> None:
    found = compile_text(read(path), loader(str(path), {})).space
    assert found is not None
    lowered = lower(found)
    assert networks(lowered.legal) == lowered.count


def test_what_takes_an_option_is_what_is_lost_without_it() -> None:
    whole = legal(space(TINY))
    assert isinstance(whole, Legal)
    for name, stage, old, new in [
        ("heads", 1, "heads in {1, 2}", "heads = 1"),
        ("mlp", 1, "window = 4", "window = 4\n    mlp = 2"),
        ("embed", 1, "embed in {16, 24}", "embed = 16"),
        ("depth", 1, "depth in 1..2", "depth = 1"),
        ("window", 2, "window in {2, 4}", "window = 2"),
    ]:
        assert old in TINY
        less = legal(space(TINY.replace(old, new)))
        assert isinstance(less, Legal)
        lost = [
            option
            for option in taken(whole.stages[stage - 1], name)
            if option not in taken(less.stages[stage - 1], name)
        ]
        assert len(lost) == 1
        assert using(whole, stage, name, lost[0]) == networks(whole) - networks(less)


@pytest.mark.parametrize("name", STAGE_DIMENSIONS)
def test_every_network_takes_one_option_of_a_stage(name: str) -> None:
    found = legal(space(TINY))
    assert isinstance(found, Legal)
    for number, cells in enumerate(found.stages, 1):
        assert sum(using(found, number, name, option) for option in taken(cells, name)) == networks(found)


# Hover


def said(text: str, **others: str) -> str:
    source, at = marked(text)
    found = hover(source, at, texts({f"{name}.space": other for name, other in others.items()}))
    return found.markdown if found else ""


def test_hover_tells_meaning_unit_options_and_shares() -> None:
    text = said(TINY.replace("embed in {16", "em‸bed in {16"))
    assert "The width of every token in the stage." in text
    assert "Unit: channels." in text
    assert "stage 1: in 16, 24, `stage 1`, line 15" in text
    assert "50 % have 16, 50 % have 24" in text
    assert "stage 2" not in text


def test_hover_on_an_option_counts_the_networks_that_take_it() -> None:
    found = legal(space(TINY))
    assert isinstance(found, Legal)
    text = said(TINY.replace("heads in {1, 2", "heads in {1, 2‸"))
    assert f"stage 1: {using(found, 1, 'heads', 2)} of {networks(found)} networks" in text


def test_hover_on_a_stage_shows_what_is_inherited_from_where() -> None:
    near = 'edition 2026\nspace near\nextends "tiny.space"\nst‸age 1 { embed = 24 }\n'
    text = said(near, tiny=TINY)
    assert "`embed` = 24, `stage 1`, line 4" in text
    assert "line 4, in place of `tiny.space`, `stage 1`, line 15" in text
    assert "`mlp` in 2, 4, inherited from `tiny.space`, `each layer`, line 9" in text


def test_hover_on_a_path_tells_what_is_there() -> None:
    assert said('edition 2026\nspace near\nextends "ti‸ny.space"\n', tiny=TINY).startswith("**tiny**: ")
    assert "there is no file" in said('edition 2026\nspace near\nextends "ti‸ny.space"\n')


def test_hover_tells_the_meaning_in_a_broken_text_and_nothing_in_a_comment() -> None:
    assert "attention heads" in said("each layer {\n  hea‸ds in {1,\n")
    assert said("# hea‸ds\n") == ""
    assert said("space x\n\n‸\n") == ""
    assert "drawn anew" in said("evolve { mutate { dep‸th = 0.5 } }")


# Completion


def offered(text: str, files: tuple[str, ...] = ()) -> set[str]:
    source, at = marked(text)
    return {offer.label for offer in completion(source, at, files)}


def test_a_scope_offers_its_own_names_less_those_that_are_said() -> None:
    assert offered("edition 2026\nspace x\nimage = 32\n‸") >= {"patch", "classes", "each stage", "stage 1", "train"}
    assert offered("edition 2026\nspace x\nimage = 32\n‸") >= {"depth", "heads"}  # one for the network
    assert not offered("edition 2026\nspace x\nimage = 32\n‸") & {"image", "edition", "epochs"}
    assert offered("stage 1 {\n  depth = 2\n  ‸\n}") == {"embed", *LAYER, "each layer", "require"}
    assert offered("stage 1 {\n  each layer { ‸ }\n}") == set(LAYER)
    assert offered("train {\n  epochs = 3\n  ‸") == {*NAMES["train"], "require"} - {"epochs"}
    assert offered("evolve { mutate { de‸ } }") == set(NAMES["mutate"])
    assert "stage 3" in offered("stage 1 {}\nstage 2 {}\n‸")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("position = ‸", {"absolute", "bias", "relative"}),
        ("position = absolute + rel‸", {"absolute", "bias", "relative"}),
        ("token = ‸", {"class", "none"}),
        ("pool = ‸", {"mean", "token"}),
        ("stem_norm = ‸", {"yes", "no"}),
        ("train { sandwich = largest + ‸", {"largest", "smallest", "random"}),
        ("edition ‸", {"2026"}),
        ("each ‸", {"stage", "layer"}),
        ("stage 1 { each ‸", {"layer"}),
        ("require each ‸", {"stage", "layer"}),
        ("evolve {\n  require ‸", {"flops", "params", "latency", "sum", "count"}),
        ("train { sampling = ‸", {"choices", "flops"}),
        ("train {\n  require ‸", {"flops", "params", "sum", "count"}),
        ("refine {\n  require ‸", {"flops", "params", "sum", "count"}),
        ("require ‸", {"each", "sum", "count"}),
        ("require each stage: embed >= previous.‸", {"embed", *LAYER, "depth"}),
        ("stage 1 { embed in 64..128 ‸", {"step"}),
        ("image = ‸", set()),
        ("# ‸", set()),
        ("stage 1 { depth = 12‸", set()),
        ('extends "‸', {"a.space", "b.space"}),
        ('space "‸', set()),
    ],
)
def test_a_place_offers_what_may_stand_there(text: str, labels: set[str]) -> None:
    assert offered(text, ("a.space", "b.space")) == labels


def test_an_expression_offers_the_names_of_its_scope() -> None:
    inside = offered("each layer { qkv = ‸")
    assert inside >= {"heads", "head_dim", "embed", "min"}
    assert "qkv" not in inside
    assert "previous" not in inside
    assert offered("require each stage: ‸") >= {"embed", "depth", "previous"}
    assert "heads" in offered("require each stage: ‸")  # where a stage chooses it once
    assert "heads" in offered("require each layer: ‸")
    assert "global" in offered("each layer { window in {7, ‸")


def test_what_is_offered_replaces_the_word_that_is_typed() -> None:
    source, at = marked("# 🦊\nstage 1 {\n  emb‸\n}")
    offer = next(offer for offer in completion(source, at) if offer.label == "embed")
    assert edited(source.text, (Fix(offer.span, offer.label),)) == "# 🦊\nstage 1 {\n  embed\n}"


@settings(max_examples=30)
@given(st.data())
def test_no_place_of_a_mutilated_text_is_too_much_for_a_feature(data: st.DataObject) -> None:
    cut = sorted(data.draw(st.lists(st.integers(0, len(TINY)), min_size=2, max_size=2)))
    insert = data.draw(st.sampled_from(["", "{", "}", "(", '"', "\n", "in", "#", "🦊", "stage", "each", "extends"]))
    source = Source("x.space", TINY[: cut[0]] + insert + TINY[cut[1] :])
    at = data.draw(st.integers(0, len(source.text)))
    completion(source, at, ("a.space",))
    hover(source, at, nothing)
    definition(source, at, nothing)
    symbols(source)
    renamable(source, at)
    formatting(source)


# Definition


def gone_to(text: str, **others: str) -> list[tuple[str, int]]:
    source, at = marked(text)
    found = definition(source, at, texts({f"{name}.space": other for name, other in others.items()}))
    return [(target.source.name, target.source.position(target.span.start).line) for target in found]


def test_a_name_leads_to_the_lines_that_decide_it() -> None:
    assert gone_to(TINY.replace("= heads *", "= hea‸ds *")) == [("x.space", 17), ("x.space", 26)]
    assert gone_to(TINY.replace("* head_dim", "* head_‸dim")) == [("x.space", 6)]
    assert gone_to(TINY.replace("previous.embed", "previous.em‸bed")) == [("x.space", 15)]
    assert gone_to("# hea‸ds\n" + TINY) == []


def test_a_name_leads_into_the_file_that_decides_it() -> None:
    near = 'edition 2026\nspace near\nextends "tiny.space"\nstage 1 { each layer { qkv = hea‸ds * 16 } }\n'
    assert gone_to(near, tiny=TINY) == [("tiny.space", 17)]
    nearer = near.replace("qkv", "heads = 2\n qkv")
    assert gone_to(nearer, tiny=TINY) == [("x.space", 4)]


def test_a_path_leads_to_its_file() -> None:
    assert gone_to('edition 2026\nspace near\nnarrows "ti‸ny.space"\n', tiny=TINY) == [("tiny.space", 1)]
    assert gone_to('edition 2026\nspace near\nnarrows "tin‸y.space"\n') == []


# Fixes


def test_fixes_mend_a_broken_text() -> None:
    broken = (
        TINY.replace("image = 32", "img_size: 32;").replace("{16, 24}", "[16, 24]").replace("classes", "clases")
    )
    found = compile_text(Source("x.space", broken)).diagnostics
    for _ in range(4):
        offers = fixes(found, broken)
        if not offers:
            break
        broken = edited(broken, together(offers))
        found = compile_text(Source("x.space", broken)).diagnostics
    assert not errors(found)
    assert space(broken) == space(TINY)


def test_a_value_out_of_range_is_offered_the_nearest_and_not_mended_unasked() -> None:
    text = TINY + "train { holdout = 2 }\n"
    (offer,) = fixes(compile_text(Source("x.space", text)).diagnostics, text)
    assert not offer.preferred
    assert offer.title == "Replace `2` with `0.9`"
    assert "holdout = 0.9" in edited(text, (offer.fix,))


# Formatting


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@settings(max_examples=30)
@given(data=st.data())
def test_formatting_edits_make_the_canonical_text(newline: str, data: st.DataObject) -> None:
    lines = TINY.splitlines()
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(lines)))
        lines.insert(at, data.draw(st.sampled_from(["", "", "  # 🦊"])))
    blanks = data.draw(st.sampled_from(["", " ", "   "]))
    text = newline.join(blanks + line for line in lines) + data.draw(st.sampled_from(["", newline, newline * 3]))
    source = Source("x.space", text)
    wanted = formatted(source).text
    assert wanted is not None
    assert edited(text, formatting(source)) == wanted.replace("\n", newline)


def test_a_text_with_syntax_errors_is_left_alone() -> None:
    assert formatting(Source("x.space", "stage {{\n")) == ()


# Renaming


def test_the_space_can_be_renamed_and_nothing_else() -> None:
    source, at = marked(TINY.replace("space tiny", "space ti‸ny"))
    assert "space huge\n" in edited(source.text, rename(source, at, "huge"))  # type: ignore[arg-type]
    assert isinstance(rename(source, at, "in"), Refused)
    assert isinstance(rename(source, at, "two words"), Refused)
    for word, reason in [("embed", "word of the language"), ("24", "number"), ("require", "word of the language")]:
        refused = renamable(source, source.text.index(word) + 1)
        assert isinstance(refused, Refused)
        assert reason in refused.reason


# Symbols


def test_the_outline_holds_blocks_in_blocks_with_their_braces() -> None:
    source = Source("x.space", "# 🦊 {\n" + TINY)
    found = {symbol.name: symbol for symbol in symbols(source)}
    stage = found["stage 2"]
    assert source.excerpt(stage.span).endswith("}")
    assert [child.name for child in stage.children] == ["depth", "embed", "each layer"]
    assert [child.detail for child in stage.children[2].children] == ["= 4", "in {2, 4}"]
    assert found["tiny"].kind == "space"


# Buffers


def test_an_open_text_stands_for_its_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "wide.space").write_text(TINY, encoding="utf-8")
    near = Source(str(tmp_path / "near.space"), 'edition 2026\nspace near\nextends "wide.space"\n')
    opened = {str(tmp_path / "wide.space"): TINY.replace("classes = 10", "classes = 7")}
    for buffers, classes in (({}, 10), (opened, 7)):
        found = compile_text(near, loader(near.name, buffers)).space
        assert found is not None
        assert found.frame.classes == classes


def test_a_text_that_was_never_saved_can_be_extended_but_none_outside_the_project(tmp_path: Path) -> None:
    inside = tmp_path / "project"
    inside.mkdir()
    (inside / "pyproject.toml").touch()
    near = str(inside / "near.space")
    opened = {str(inside / "new.space"): TINY, str(tmp_path / "out.space"): TINY}
    for path, codes in (("new.space", []), ("../out.space", ["E0604"])):
        text = f'edition 2026\nspace near\nextends "{path}"\n'
        found = errors(compile_text(Source(near, text), loader(near, opened)).diagnostics)
        assert [d.code for d in found][:1] == codes


def test_the_dimensions_that_hover_counts_are_those_of_a_space() -> None:
    assert {*STAGE_DIMENSIONS, *LAYER_DIMENSIONS, "head_dim"} == {*STAGE, *LAYER}


# Measures of one's own

MEASURED = (
    TINY.replace("head_dim = 8\n", "head_dim = 8\nmeasure energy mJ\n") + "evolve {\n  require energy <= 2\n}\n"
)


def test_a_declared_measure_is_offered_told_found_and_listed() -> None:
    source = Source("x.space", MEASURED)
    at = source.text.index("energy <= 2")
    assert ("energy", "name") in {(c.label, c.kind) for c in completion(source, at)}
    told = hover(source, at, nothing)
    assert told is not None
    assert "in mJ" in told.markdown
    (target,) = definition(source, at, nothing)
    assert (target.source, target.span.start) == (source, source.text.index("energy mJ"))
    (symbol,) = [one for one in symbols(source) if one.kind == "measure"]
    assert (symbol.name, symbol.detail) == ("energy", "measure mJ")


def test_a_measure_that_another_file_declares_is_known_here() -> None:
    wide = Source("wide.space", MEASURED)
    near = Source("x.space", 'edition 2026\nspace x\nextends "wide.space"\nevolve { require energy <= 1 }\n')
    load, at = texts({"wide.space": MEASURED}), near.text.index("energy")
    assert "energy" in {c.label for c in completion(near, at, load=load)}
    told = hover(near, at, load)
    assert told is not None
    assert "in mJ" in told.markdown
    (target,) = definition(near, at, load)
    assert (target.source, target.span.start) == (wide, wide.text.index("energy mJ"))
    assert isinstance(renamable(near, at), Refused)


def test_a_declared_measure_is_renamed_wherever_the_text_speaks_of_it() -> None:
    source = Source("x.space", MEASURED)
    for at in (source.text.index("energy mJ"), source.text.index("energy <= 2")):
        edits = rename(source, at, "joules")
        assert not isinstance(edits, Refused)
        assert edited(source.text, edits) == MEASURED.replace("energy", "joules")
    for name, reason in (("flops", "of the language"), ("embed", "word of the language"), ("Big", "small letters")):
        refused = rename(source, source.text.index("energy"), name)
        assert isinstance(refused, Refused)
        assert reason in refused.reason
