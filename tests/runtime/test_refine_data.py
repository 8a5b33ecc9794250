"""A refinement of images that have no test split: a share of every class is held out, as for a training."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_folder import write_image
from test_refine import DIGITS, SMALL, spacelang

import spacelang as sl
from spacelang.api.refine_request import RefineRequest
from spacelang_runtime.engine.run import every

SETTINGS = {"samples": 24, "top": 2, "per_choice": 4}
TRAIN = {"batch": 16, "warmup": 1, "holdout": 0.2}
COMMAND = ("refine", "digits.space", "--data", "plants", "--rounds", "1", "--steps", "4")
COMMAND += (*SMALL, *(word for name, value in TRAIN.items() for word in ("--train", f"{name}={value}")))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the digits' space, and one folder of images a class."""
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    for label, name in enumerate(("ash", "birch")):
        for number in range(40):
            write_image(tmp_path / "plants" / name / f"{number}.png", 100 * label + number, (8, 8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_share_is_held_out_by_the_command_and_by_the_call_alike(here: Path) -> None:
    refused = spacelang(*COMMAND, here=here, code=1).err
    assert "help: hold some out for the test, the same share of every class: --test-share 0.2" in refused
    assert not list(here.glob("runs/*"))
    spacelang(*COMMAND, "--test-share", "0.25", "--test-seed", "3", here=here)
    data = {(run.record.data.test_share, run.record.data.test_seed) for run in every(here / "runs")}
    assert data == {(0.25, 3)}
    told: list[str] = []
    again = sl.refine(
        sl.load("digits.space"),
        "plants",
        rounds=1,
        steps=4,
        rule="guarded",
        settings=SETTINGS,
        train=TRAIN,
        test_share=0.25,
        test_seed=3,
        observe=lambda seen: told.append(type(seen).__name__),
    )
    assert set(told) == {"Outcome"}, "the call goes on with what the command has done: nothing is left to do"
    assert [again.folder] == list(Path().glob("runs/refine-*"))


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.2])
def test_what_is_no_share_is_refused(share: float, here: Path) -> None:
    with pytest.raises(sl.NotAnOption, match=r"^test_share: .* is no share of every class"):
        sl.refine(sl.load("digits.space"), "plants", test_share=share)
    with pytest.raises(sl.NotAnOption, match=r"^test_share: .* is no share of every class"):
        sl.train("digits.space", "plants", test_share=share)


def test_words_without_a_share_name_the_refinements_that_they_named_before_there_was_one() -> None:
    assert "test_share" not in RefineRequest().values()
    assert RefineRequest(test_share=(0.2, 0)).values()["test_share"] == (0.2, 0)
