"""What a training of a class folder reads is looked at before it begins, and by `--dry-run`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from image_folder import image_folder
from tiny_training import ALONE, SPACE

from spacelang import notation
from spacelang_runtime.engine.place import read_data
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import save
from spacelang_runtime.tasks.supernet import look
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(ROOT / "spaces" / "digits.space")
RECIPE = evolve(SPACE.train, rand_augment=0, erasing=0, mixup=0, cutmix=0)
QUICK = ("--set", "batch=8", "--device", "cpu", "--workers", "0")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos of three classes, of which some cannot be read."""
    folder = image_folder(tmp_path / "photos", train=10, val=4)
    (folder / "train/ant/000.png").write_bytes(b"no picture")
    whole = (folder / "val/bee/001.png").read_bytes()
    (folder / "val/bee/001.png").write_bytes(whole[: len(whole) // 2])  # its header is there
    (folder / "train/cat/notes.txt").write_text("no picture either")
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_training_says_before_it_begins_which_images_have_no_header(photos: Path, tmp_path: Path) -> None:
    said: list[str] = []
    request = TrainRequest(evolve(SPACE, train=RECIPE), "space tiny\n", "photos", steps=2)
    run = new(request, tmp_path / "runs", ALONE, 0, said.append).run
    told = [line for line in said if line.startswith("left out: broken images")]
    assert told == [
        "left out: broken images (1): photos/train/ant/000.png: not a JPEG, PNG, WebP, BMP, TIFF or GIF image"
    ]
    files, broken = read_data(run) or ({}, {})
    assert list(broken) == ["photos/train/ant/000.png"]
    assert files["train/ant"].startswith("10 images")


@pytest.mark.parametrize(("part", "called"), [("train", "training"), ("val", "test")])
def test_a_class_of_which_nothing_can_be_read_is_refused_before_there_is_a_run(
    part: str, called: str, photos: Path, tmp_path: Path
) -> None:
    for path in (photos / part / "cat").iterdir():
        path.write_bytes(b"no picture")
    request = TrainRequest(evolve(SPACE, train=RECIPE), "space tiny\n", "photos", steps=2)
    with pytest.raises(Failure, match=f"no (held-out|{called}) image of cat can be read") as failure:
        new(request, tmp_path / "runs", ALONE, 0, lambda _: None)
    assert "take the class out" in failure.value.remedy
    assert not (tmp_path / "runs").exists()


def test_a_class_of_which_only_those_looked_at_are_broken_is_not_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many images some are looked at, here four of thirty; where they are all that a class has of them, and
    broken, so are the others before it is refused."""
    monkeypatch.setattr(look, "MOST", 4)  # 0, 10, 19 and 29 of the training images: one or two of a class
    (photos / "train/bee/000.png").write_bytes(b"no picture")
    (photos / "train/bee/009.png").write_bytes(b"no picture")
    (photos / "train/bee/005.png").write_bytes(b"no picture")
    said: list[str] = []
    request = TrainRequest(evolve(SPACE, train=evolve(RECIPE, holdout=0)), "space tiny\n", "photos", steps=2)
    new(request, tmp_path / "runs", ALONE, 0, said.append)
    assert any("broken images (4)" in line for line in said), "ant's one, and three of bee, of which two were seen"
    for path in (photos / "train/bee").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(Failure, match="no training image of bee can be read"):
        new(request, tmp_path / "runs", ALONE, 0, lambda _: None)


def told_of(out: str) -> dict[str, str]:
    """The lines of a dry run, by their first words."""
    return dict(re.findall(r"^(\w+) +(.*(?:\n +.*)*)", out, re.MULTILINE))


def test_a_dry_run_of_train_tells_data_seconds_and_memory_and_leaves_nothing(spacelang: Any, photos: Path) -> None:
    lines = ("--set", "holdout=0.1", "--set", "rate_law=sqrt", "--set", "optimizer=muon")
    words = ("train", DIGITS, "--data", "photos", "--steps", "50", *lines, *QUICK)
    said = spacelang(*words, "--dry-run")
    assert said.code == 0, said.err
    told = told_of(said.out)
    assert "photos: 3 classes: ant, bee, cat" in told["data"]
    assert "27 images to train on, 3 held out, 12 to test on" in told["data"]
    assert re.search("[12] files? that (is|are) no ", told["data"])
    assert "broken images (2): photos/train/ant/000.png: not a " in told["data"], "the half picture is found too"
    assert told["schedule"].startswith("50 steps of 8 (3 an epoch: 16.7 epochs)")
    assert "step 2: learning rate 6.40e-02" in told["schedule"], "four times the recipe's, which is for 2400 steps"
    assert re.search(r"about \d.* s: .* s a step on cpu", told["time"])
    assert "GiB for weights, gradients and moments" in told["memory"]
    assert not Path("runs").exists()
    assert spacelang("train", "--resume", "--dry-run").code == 1


def test_the_rates_of_a_dry_run_are_those_of_the_steps_that_its_seconds_hold(spacelang: Any, photos: Path) -> None:
    said = spacelang("train", DIGITS, "--data", "photos", "--budget", "2s", *QUICK, "--dry-run")
    assert said.code == 0, said.err
    steps, rates = zip(*re.findall(r"about step ([\d ]+): learning rate (\S+)", said.out), strict=True)
    assert rates[-1] == "1.00e-05"
    assert int(steps[-1].replace(" ", "")) < 2400, "the steps of the recipe's epochs"


def test_a_dry_run_of_finetune_needs_no_place_to_write_to(spacelang: Any, photos: Path, tmp_path: Path) -> None:
    save(Network(notation.read("i16-p4-c3/16:h2q16m2w4")).eval(), tmp_path / "m", {})
    torch.manual_seed(0)
    said = spacelang("finetune", "m", "--data", "photos", "--steps", "5", "--dry-run", *QUICK)
    assert said.code == 0, said.err
    told = told_of(said.out)
    assert told["model"].startswith("the network of m; ")
    assert "30 images to train on, 12 to test on" in told["data"]
    assert not Path("runs").exists()


def test_a_batch_that_few_images_do_not_fill_is_made_to_fit_in_finetune_too(spacelang: Any, photos: Path) -> None:
    save(Network(notation.read("i16-p4-c3/16:h2q16m2w4")).eval(), "m", {})
    said = spacelang("finetune", "m", "--data", "photos", "--steps", "2", "--dry-run", "--device", "cpu")
    assert said.code == 0, said.err
    told = told_of(said.out)
    assert told["schedule"].startswith("2 steps of 3 (")
    assert "fewer than a batch of" in told["data"]
