"""A command that names no run takes the latest that can serve it, and says which it passes over."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

DIGITS = str(Path(__file__).resolve().parents[2] / "spaces" / "digits.space")
TRAIN = ("train", DIGITS, "--steps", "2", "--set", "batch=16")
SEARCH = ("evolve", "--images", "50", *(f"--set={line}" for line in ("population=3", "parents=2", "generations=1")))
SEARCH += ("--set", "crossover=1", "--set", "mutation=1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, done_in) -> Path:
    """digits-1, searched; digits-2, trained; digits-3, stopped at step 0; digits-4, killed before its first
    checkpoint."""
    folder = tmp_path_factory.mktemp("latest")
    for words in (TRAIN, SEARCH, TRAIN, TRAIN, TRAIN):
        done_in(folder, *words)
    state = folder / "runs" / "digits-3" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"step": 0, "finished": False}))
    for name in ("state.json", "checkpoint.pt"):
        (folder / "runs" / "digits-4" / name).unlink()
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them, in the working directory."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


PASSED = ["digits-4: it has kept no weights", "digits-3: it was stopped before its first step"]
SEARCHED = [*PASSED, "digits-2: it has not been searched"]
ASKED = {
    "a search": (SEARCH, PASSED, "digits-2"),
    "a judgement": (
        ("judge", "--images", "50", "--set=samples=4", "--set=top=1", "--set=per_choice=2"),
        PASSED,
        "digits-2",
    ),
    "the largest": (("eval", "largest"), PASSED, ""),
    "the best": (("eval", "best"), SEARCHED, ""),
    "the best as a model": (("export", "best", "-o", "model"), SEARCHED, ""),
    "the largest as a model": (("export", "largest", "-o", "model"), PASSED, ""),
}


@pytest.mark.parametrize("case", ASKED)
def test_the_latest_that_can_serve_is_taken(case: str, spacelang, runs: Path) -> None:
    words, passed, taken = ASKED[case]
    said = spacelang(*words)
    assert said.code == 0, said.err
    told = [line for line in said.err.splitlines() if line.startswith("passed over ")]
    assert told == [f"passed over {line}" for line in passed]
    assert taken in said.err + said.out


def test_looking_shows_the_latest_as_it_is(spacelang, runs: Path) -> None:
    assert "digits-4" in spacelang("inspect").out


def test_where_none_can_serve_what_is_missing_is_said_of_the_latest(spacelang, runs: Path) -> None:
    for name in ("digits-1", "digits-2"):
        shutil.rmtree(runs / name)
    said = spacelang(*SEARCH)
    assert said.code == 1
    assert "no run in runs/ can serve; the latest, digits-4: it has kept no weights" in said.err
    shutil.rmtree(runs / "digits-4")
    said = spacelang("eval", "best")
    assert "digits-3: it was stopped before its first step" in said.err
    assert "spacelang train --resume digits-3" in said.err
    assert "train it: spacelang train --resume digits-3" in said.err
