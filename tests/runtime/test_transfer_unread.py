"""A test photo that breaks after it was looked at is left out of what is measured, and named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from test_transfer_command import seen
from tiny_transfer import MAKE, RECIPES, TRAIN, network, new_transfer

from spacelang_runtime.data.skipped import Skipped
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.train import train
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.saved import save
from spacelang_runtime.tasks import unread
from spacelang_runtime.tasks.detect.detector import Detector
from spacelang_runtime.tasks.task import silent
from spacelang_runtime.tasks.transfer.objective import TransferSetup, training

ALONE = World(0, 1, torch.device("cpu"))
PHOTO = {"detect": "test/000000000002.png", "segment": "images/test/2.png", "vqa": "images/8.png"}
EVERY = sorted(PHOTO)


def damage(path: Path) -> None:
    """Fill a file with other bytes, as many as it has: nothing but reading it tells."""
    path.write_bytes(b"?" * path.stat().st_size)


def measured(setup: TransferSetup, data: Any, workers: int = 0, skip: Any = silent) -> Any:
    return setup.task.measure(setup.model.eval(), data, setup.recipe, ALONE, workers, silent, False, skip)


@pytest.mark.parametrize(("name", "workers"), [("detect", 0), ("segment", 1), ("vqa", 0)])
def test_figures_are_those_of_the_other_photos(
    name: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Detector, "find", seen)
    setup = new_transfer(tmp_path, name)
    photo = tmp_path / "data" / name / PHOTO[name]
    number = setup.data.images().index(photo)
    others = measured(setup, setup.data.without(frozenset([number]), {}))
    damage(photo)
    said: list[str] = []
    assert measured(setup, setup.data, workers, Skipped(said.append)) == others
    (line,) = said
    assert line.startswith(f"skipped a broken image: {photo}: not a ")
    assert line.endswith("(1 so far)")
    if name == "detect":
        assert list(others.values()) == pytest.approx([1] * 6), "what is on the photo is not missed"


def test_a_mask_that_breaks_takes_its_image_along(tmp_path: Path) -> None:
    setup = new_transfer(tmp_path, "segment")
    folder = tmp_path / "data" / "segment"
    number = setup.data.images().index(folder / PHOTO["segment"])
    others = measured(setup, setup.data.without(frozenset([number]), {}))
    damage(folder / "masks/test/2.png")
    said: list[str] = []
    assert measured(setup, setup.data, skip=Skipped(said.append)) == others
    assert f"skipped a broken image: {folder}/masks/test/2.png: " in said[0]


@pytest.mark.parametrize("name", EVERY)
def test_a_training_ends_with_its_figures_and_notes_what_they_are_without(name: str, tmp_path: Path) -> None:
    setup = new_transfer(tmp_path, name)
    photo = tmp_path / "data" / name / PHOTO[name]
    damage(photo)
    said: list[str] = []
    assert train(training(setup, silent, said.append), ALONE, lambda _: None).figures
    assert sum(str(photo) in line for line in said) == 1
    journal = [json.loads(line) for line in (setup.run.folder / "journal.jsonl").read_text().splitlines()]
    (note,) = [line for line in journal if line["what"] == "measured"]
    assert list(note["skipped"]) == [str(photo)]


def test_where_no_test_photo_can_be_read_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = new_transfer(tmp_path, "segment")
    for path in (tmp_path / "data" / "segment" / "images" / "test").iterdir():
        damage(path)
    with pytest.raises(Failure, match="no test image can be read: ") as failure:
        measured(setup, setup.data)
    assert failure.value.remedy
    monkeypatch.setattr(unread, "PATIENCE", 3)
    with pytest.raises(Failure, match="nothing of 3 test images in a row can be read") as failure:
        measured(setup, setup.data)
    assert "disk" in failure.value.remedy


@pytest.mark.parametrize("name", EVERY)
def test_the_command_measures_the_others_and_names_it(
    name: str, spacelang: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    MAKE[name](tmp_path / "data")
    save(network(), tmp_path / "model", {})
    lines = [f"{key} = {json.dumps(value)}" for key, value in TRAIN.items()]
    own = [f"{key} = {json.dumps(value)}" for key, value in RECIPES[name].items()]
    Path("tiny.toml").write_text("\n".join([f'task = "{name}"', "[train]", *lines, f"[{name}]", *own]))
    how = ("--workers", "0", "--device", "cpu")
    done = spacelang("transfer", name, "model", "--data", "data", "--recipe", "tiny.toml", "--steps", "1", *how)
    assert done.code == 0, done.err
    photo = Path("data") / PHOTO[name]
    stamp = photo.stat()
    damage(photo)
    os.utime(photo, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    for more in ((), ("--data", "data")):
        said = spacelang("transfer", name, "--eval", "--json", *more, *how)
        assert said.code == 0, said.err
        assert json.loads(said.out)
        named = "left out: broken images (1): " if more else "skipped a broken image: "
        assert f"{named}{photo}: not a " in said.err
        assert "Traceback" not in said.err
