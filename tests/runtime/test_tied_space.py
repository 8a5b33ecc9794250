"""A space with tied choices and totals from end to end: trained, searched, exported, judged and moved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spacelang import notation
from spacelang.architecture import from_json
from spacelang.check import compile_text
from spacelang.check.lineage import texts
from spacelang.lower.lowered import Lowered, lower
from spacelang.source import Source
from tests.runtime.test_refine import TRAINING, spacelang

SPACE = Path(__file__).resolve().parents[2] / "spaces" / "digits_tied.space"
SEARCH = ["--set", "population=8", "--set", "parents=4", "--set", "generations=3"]
FEW = [word for line in ("samples=6", "top=2", "per_choice=2") for word in ("--set", line)]
JUDGED = ["--images", "100", *FEW, "--set", "confidence=0", "--set", "threshold=0.0001"]  # everything moves
CHILDREN = ["--set", "crossover=6", "--set", "mutation=6"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short run of the tied digits; to be read, and added to."""
    folder = tmp_path_factory.mktemp("tied")
    (folder / "digits_tied.space").write_text(SPACE.read_text(encoding="utf-8"), encoding="utf-8")
    said = spacelang("train", "digits_tied.space", "--steps", "12", "--set", "batch=16", here=folder)
    assert "next: spacelang evolve" in said.err
    return folder


def space(text: str) -> Lowered:
    found = compile_text(Source("x.space", text)).space
    assert found is not None
    return lower(found)


def test_what_is_searched_and_exported_is_a_network_of_the_space(here: Path) -> None:
    found = json.loads(spacelang("evolve", *SEARCH, *CHILDREN, "--json", here=here).out)
    lowered = space(SPACE.read_text(encoding="utf-8"))
    best = from_json(found["architecture"])
    lowered.genotype(best)
    assert len({layer.mlp for stage in best.stages for layer in stage.layers}) == 1
    assert all(len({layer.heads for layer in stage.layers}) == 1 for stage in best.stages)
    assert best.depth <= 5
    assert best.stages[0].embed == 8 * best.stages[0].layers[0].heads
    spacelang("export", "best", "-o", "model", here=here)
    line = notation.write(best)
    assert spacelang("eval", "model", "--data", "digits", "--json", here=here).out
    assert line in spacelang("inspect", "model", here=here).out


def test_a_small_tied_space_is_exhausted_and_said_to_be(here: Path) -> None:
    lines = [
        "mlp = 2",
        "stage 1 {",
        "  depth = 1",
        "}",
        "stage 2 {",
        "  depth = 1",
        "  embed = 16",
        "  heads = 2",
        "}",
    ]
    text = "\n".join(["edition 2026", "space few", 'narrows "digits_tied.space"', *lines, ""])
    (here / "few.space").write_text(text, encoding="utf-8")
    wide = ["--set", "population=40"]
    told = spacelang("evolve", "--space", "few.space", "--candidates", "60", *wide, *CHILDREN, here=here).err
    assert f"the space is exhausted: it has {space_of(here / 'few.space').count} networks" in told


def space_of(path: Path) -> Lowered:
    source = Source(str(path), path.read_text(encoding="utf-8"))
    found = compile_text(source, texts({str(path.parent / SPACE.name): SPACE.read_text(encoding="utf-8")})).space
    assert found is not None
    return lower(found)


def test_the_space_is_judged_and_its_tied_choices_move_where_they_stand(here: Path) -> None:
    said = spacelang("judge", *JUDGED, "--next", "next.space", "--report", "judged.html", here=here)
    text = (here / "next.space").read_text(encoding="utf-8")
    moved = space(text)
    assert "network" in said.out
    page = (here / "judged.html").read_text(encoding="utf-8")
    assert ">network</text>" in page
    assert "stage 0" not in page
    before, after = space(SPACE.read_text(encoding="utf-8")).space, moved.space
    assert before.stages != after.stages
    for one, other in zip(before.stages, after.stages, strict=True):
        for name in ("heads", "mlp"):
            assert getattr(one, name).tied == getattr(other, name).tied
    spacelang("refine", "digits_tied.space", "--rounds", "1", *JUDGED, *TRAINING, here=here)
