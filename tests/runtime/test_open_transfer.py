"""A transfer that was trained before is opened again from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny_transfer import new_transfer, scene

import spacelang as sl
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.train import train
from spacelang_runtime.tasks.task import silent
from spacelang_runtime.tasks.transfer.objective import training

ALONE = World(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `runs` has a segmentation that was trained, and a detection that was only begun."""
    place = tmp_path_factory.mktemp("opened")
    train(training(new_transfer(place, "segment"), silent), ALONE, lambda _: None)
    new_transfer(place, "detect")
    scene(1)[0].save(place / "photo.png")
    return place


def test_by_name_by_folder_and_as_the_latest_it_is_one_with_its_figures(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    journal = [json.loads(line) for line in Path("runs/segment-segment-1/journal.jsonl").read_text().splitlines()]
    (figures,) = [line["figures"] for line in journal if line["what"] == "measured"]
    said: list[str] = []
    ways = [
        sl.open_transfer("segment-segment-1"),
        sl.open_transfer(Path("runs/segment-segment-1")),
        sl.open_transfer("runs/segment-segment-1/model"),
        sl.open_transfer(task="segment"),
        sl.open_transfer(say=said.append),
    ]
    for one in ways:
        assert (one.name, one.task, one.figures) == ("segment-segment-1", "segment", figures)
    assert said == ["passed over detect-detect-1: it was stopped before it had kept anything"]
    assert ways[0].evaluate(device="cpu", workers=0) == pytest.approx(figures)
    assert ways[0].predict("photo.png", device="cpu").said


def test_what_cannot_be_opened_says_why(folder: Path, tmp_path: Path) -> None:
    runs = folder / "runs"
    with pytest.raises(sl.Failure, match="detect-detect-1 has no model yet") as failure:
        sl.open_transfer("detect-detect-1", runs)
    assert failure.value.remedy.startswith("go on with: spacelang transfer detect ")
    with pytest.raises(sl.Failure, match="there is no run 'segmnt'") as failure:
        sl.open_transfer("segmnt", runs)
    with pytest.raises(sl.Failure, match=r"segment-segment-1 .*") as failure:
        sl.open_transfer("segment-segment-1", runs, task="detect")
    assert failure.value.remedy
    with pytest.raises(sl.Failure, match="no run of transfer detect, segment, vqa"):
        sl.open_transfer(runs=tmp_path)
    with pytest.raises(sl.Failure) as failure:
        sl.open_run("segment-segment-1", runs)
    assert "transfer" in failure.value.message
