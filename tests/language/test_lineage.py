"""Spaces made from others: what is inherited, what is proven, and what is said where it cannot be."""

import os
import re
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from spacelang.api.load import load
from spacelang.api.narrower import narrower
from spacelang.check import Checked, compile_text
from spacelang.check.lineage import texts
from spacelang.diagnostics import errors
from spacelang.lower.cells import Legal
from spacelang.lower.legal import legal
from spacelang.lower.lowered import lower
from spacelang.lower.subset import new
from spacelang.project import folder_of, loader
from spacelang.recipe import Bound
from spacelang.render import render
from spacelang.source import Source, read
from spacelang.space import Derived, Searched, Settled, Space, StageSpace
from spacelang_runtime.failure import Failure
from tests.test_laws import imported

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "golden" / "lineage"
RULER = "\n" + "=" * 60 + "\n"

WIDE = """edition 2026
space wide
image = 32
patch = 4
classes = 10
head_dim = 16
each stage {
  depth in 1..3
  each layer { window = 4 }
}
stage 1 {
  embed in {32, 48, 64}
  each layer { heads in {1, 2, 4} }
}
stage 2 {
  embed in {64, 96}
  each layer { heads in {2, 4} }
}
require each stage: embed >= previous.embed
train {
  epochs = 70
  batch = 640
}
evolve {
  mutate { depth = 0.5 }
  require flops <= 3M
}
"""


def files(text: str) -> dict[str, str]:
    """The files of a golden text: `x.space`, and each that follows a line with its name."""
    first, *rest = re.split(r"^-{5} (.*)\n", text, flags=re.MULTILINE)
    return {"x.space": first, **dict(zip(rest[::2], rest[1::2], strict=True))}


def compiled(text: str, **others: str) -> Checked:
    known = {f"{name}.space": other for name, other in others.items()}
    return compile_text(Source("x.space", text), texts(known))


def space(text: str, **others: str) -> Space:
    result = compiled(text, **others)
    assert result.space is not None, render(Source("x.space", text), result.diagnostics)
    return result.space


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda p: p.stem)
def test_golden(path: Path) -> None:
    text, _, expected = path.read_text(encoding="utf-8").partition(RULER)
    known = files(text + "\n")
    source = Source("x.space", known["x.space"])
    result = compile_text(source, texts(known))
    assert (result.space is None) == bool(errors(result.diagnostics))
    answer = render(source, result.diagnostics) or "ok\n"
    if os.environ.get("SPACELANG_GOLDEN") == "write":
        path.write_text(text + RULER + answer, encoding="utf-8")
    else:
        assert answer == expected


HEAD = 'edition 2026\nspace near\n{} "wide.space"\n'


def test_a_space_that_adds_nothing_is_the_other_under_its_own_name() -> None:
    wide = space(WIDE)
    for word in ("extends", "narrows"):
        assert space(HEAD.format(word), wide=WIDE) == evolve(wide, name="near")


def test_a_line_replaces_the_one_of_its_scope_and_a_nearer_line_still_replaces_a_farther_one() -> None:
    text = HEAD.format("extends") + "each stage { depth = 5 }\nstage 2 { embed = 128 }\n"
    near = space(text, wide=WIDE.replace("stage 1 {", "stage 1 {\n  depth = 2"))
    assert near.stages[0].depth == Settled(2)
    assert near.stages[1].depth == Settled(5)
    assert near.stages[0].embed == Searched((32, 48, 64))
    assert near.stages[1].embed == Settled(128)


def test_inherited_requires_stay_in_force() -> None:
    near = space(HEAD.format("extends") + "require each layer: heads <= 2\n", wide=WIDE)
    assert [rule.level for rule in near.requires] == ["stage", "layer"]
    assert near.evolve.bounds == (Bound("flops", None, 3_000_000),)
    tighter = space(HEAD.format("extends") + "evolve { require 1M <= flops <= 9M }\n", wide=WIDE)
    assert tighter.evolve.bounds == (Bound("flops", 1_000_000, 3_000_000),)


def test_recipes_are_inherited_line_by_line() -> None:
    near = space(HEAD.format("extends") + "train { batch = 320 }\nevolve { mutate { embed = 0.9 } }\n", wide=WIDE)
    assert (near.train.epochs, near.train.batch) == (70, 320)
    assert near.evolve.mutate.depth == space(WIDE).evolve.mutate.depth
    assert near.evolve.mutate.embed != space(WIDE).evolve.mutate.embed


def test_a_lineage_may_have_several_generations() -> None:
    middle = 'edition 2026\nspace middle\nextends "wide.space"\nclasses = 20\n'
    text = 'edition 2026\nspace near\nnarrows "middle.space"\nstage 1 { embed = 32 }\n'
    near = space(text, middle=middle, wide=WIDE)
    assert near.frame.classes == 20
    assert near.stages[0].embed == Settled(32)


def test_paths_are_relative_to_the_file_in_which_they_stand() -> None:
    known = {
        "a/b/near.space": 'edition 2026\nspace near\nextends "../middle.space"\n',
        "a/middle.space": 'edition 2026\nspace middle\nextends "c/wide.space"\n',
        "a/c/wide.space": WIDE,
    }
    result = compile_text(Source("a/b/near.space", known["a/b/near.space"]), texts(known))
    assert result.space == evolve(space(WIDE), name="near")
    assert [source.name for source in result.sources] == ["a/c/wide.space", "a/middle.space", "a/b/near.space"]


def test_the_shipped_mobile_space_holds_networks_of_s3_alone() -> None:
    path = ROOT / "spaces" / "s3_mobile.space"
    source = read(path)
    mobile = compile_text(source, loader(source.name)).space
    wide = compile_text(read(ROOT / "spaces" / "s3.space")).space
    assert mobile is not None
    assert wide is not None
    whole = lower(wide)
    for network in (lower(mobile).smallest, lower(mobile).largest):
        assert whole.architecture(whole.genotype(network)) == network


# The proof against brute force: a small space and a change of it, and all networks of both.

dims = st.sampled_from([(1,), (2,), (1, 2)])
widths = st.sampled_from([(8,), (16,), (8, 16)])
windows = st.sampled_from([(1,), (2,), (1, 2)])
rules = st.sets(
    st.sampled_from(
        [
            "require each stage: embed >= previous.embed",
            "require each stage: depth <= previous.depth",
            "require each layer: heads * 8 <= embed",
            "require each layer: heads <= depth or window == 2",
        ]
    )
)


@st.composite
def spaces(draw: st.DrawFn) -> str:
    def choice(name: str, values: tuple[int, ...]) -> str:
        return f"{name} in {{{', '.join(map(str, values))}}}"

    stages = "".join(
        f"stage {number} {{\n{choice('depth', draw(dims))}\n{choice('embed', draw(widths))}\neach layer {{\n"
        f"{choice('heads', draw(dims))}\n{choice('window', draw(windows))}\nqkv = heads * 4\n}}\n}}\n"
        for number in (1, 2)
    )
    requires = "\n".join(sorted(draw(rules)))
    return f"edition 2026\nspace x\nimage = 8\npatch = 2\nclasses = 2\n{stages}{requires}\n"


def networks(one: Space, options: Legal) -> set[object]:
    """Every pair of neighbouring stages with every sequence of layers, and so every network of two stages."""
    found: set[object] = set()
    for i, j in options.links[0]:
        halves = []
        for cell in (options.stages[0][i], options.stages[1][j]):
            rows: list[tuple[object, ...]] = [()]
            for _ in range(cell.depth):
                rows = [(*row, layer) for row in rows for layer in cell.options]
            halves.append([(cell.embed, row) for row in rows])
        found |= {(one.frame, first, second) for first in halves[0] for second in halves[1]}
    return found


@settings(deadline=None)
@given(spaces(), spaces())
def test_what_is_new_is_what_brute_force_finds(one: str, other: str) -> None:
    narrower, wider = compiled(one).space, compiled(other).space
    if narrower is None or wider is None:
        return
    left, right = legal(narrower), legal(wider)
    assert isinstance(left, Legal)
    assert isinstance(right, Legal)
    is_subset = networks(narrower, left) <= networks(wider, right)
    assert (not new((narrower.frame, left), (wider.frame, right))) == is_subset
    assert new((narrower.frame, left), (narrower.frame, left)) == ()


def test_files_outside_the_project_are_not_read(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "spaces").mkdir(parents=True)
    (project / "pyproject.toml").touch()
    (tmp_path / "secret.space").write_text(WIDE)
    (project / "spaces" / "link.space").symlink_to(tmp_path / "secret.space")
    (project / "wide.space").write_text(WIDE)
    main = project / "spaces" / "x.space"
    assert folder_of(main) == project.resolve()
    for path, code in [
        ("../wide.space", None),
        ("../../secret.space", "E0604"),
        ("link.space", "E0604"),
        ("../../project/wide.space", None),
        ("../../nowhere.space", "E0604"),
        ("missing.space", "E0603"),
        ("..", "E0603"),
    ]:
        main.write_text(f'edition 2026\nspace x\nextends "{path}"\n')
        source = read(main)
        found = errors(compile_text(source, loader(source.name)).diagnostics)
        assert [d.code for d in found] == ([code] if code else []), path


def test_without_a_project_the_file_s_own_folder_is_all_there_is(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "wide.space").write_text(WIDE)
    main = tmp_path / "other" / "x.space"
    main.write_text('edition 2026\nspace x\nextends "../wide.space"\n')
    source = read(main)
    assert [d.code for d in compile_text(source, loader(source.name)).diagnostics] == ["E0604"]


def test_warnings_about_inherited_lines_are_left_to_the_other_file() -> None:
    near = compiled(HEAD.format("narrows") + "require each layer: heads <= 2\n", wide=WIDE)
    assert near.diagnostics == ()
    text = HEAD.format("narrows") + "stage 1 { embed in {32, 64} }\nrequire each stage: embed > 32\n"
    own = compiled(text, wide=WIDE)
    assert [d.code for d in own.diagnostics] == ["W0502"]


def test_derived_dimensions_are_compared_by_their_values() -> None:
    near = HEAD.format("narrows") + "stage 2 { each layer { qkv = 16 * heads } }\n"
    stage: StageSpace = space(near, wide=WIDE).stages[1]
    assert isinstance(stage.qkv, Derived)
    other = compiled(near.replace("16 *", "8 *"), wide=WIDE)
    assert [d.code for d in other.diagnostics] == ["E0611"]


def test_a_supernet_serves_narrower_spaces_alone(tmp_path: Path) -> None:
    wide = lower(evolve(space(WIDE), frame=evolve(space(WIDE).frame, classes=3)))
    path = tmp_path / "near.space"
    (tmp_path / "wide.space").write_text(WIDE)
    path.write_text(HEAD.format("extends") + "stage 1 { embed = 32 }\n")
    near = narrower(load(path), wide)
    assert near.space.frame == wide.space.frame
    assert wide.genotype(near.largest)
    path.write_text(HEAD.format("extends") + "stage 1 { embed in {32, 40} }\n")
    with pytest.raises(Failure, match="stage 1: the wider space has no `embed` of 40"):
        narrower(load(path), wide)


@pytest.mark.parametrize("path", sorted((ROOT / "spacelang" / "check").glob("*.py")), ids=lambda p: p.stem)
def test_the_checker_reads_nothing_itself(path: Path) -> None:
    assert not imported(path) & {"os", "os.path", "pathlib", "io", "spacelang.project"}
