"""Runs from Python: trained, gone on with, tested, exported, loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import spacelang as sl

QUICK = {"batch": 64, "warmup": 0, "learning_rate": 0.001}


@pytest.fixture(scope="module")
def run(space: sl.Space, tmp_path_factory: pytest.TempPathFactory) -> sl.Run:
    steps: list[int] = []
    runs = tmp_path_factory.mktemp("runs")
    made = sl.train(
        space,
        steps=4,
        settings=QUICK,
        device="cpu",
        workers=0,
        runs=runs,
        observe=lambda step: steps.append(step.step),
    )
    assert steps
    return made


def test_a_run_is_opened_by_its_name_or_its_folder(run: sl.Run) -> None:
    assert sl.open_run(run.name, run.folder.parent) == sl.open_run(str(run.folder)) == run
    assert sl.open_run(runs=run.folder.parent).name == run.name
    assert run.finished
    assert run.step == 4
    assert "step 4, finished" in repr(run)
    assert "<table>" in run._repr_html_()
    with pytest.raises(sl.Failure):
        sl.open_run("nothing", run.folder.parent)


def test_a_run_goes_on_to_further_limits(space: sl.Space, tmp_path: Path) -> None:
    run = sl.train(space, steps=2, settings=QUICK, device="cpu", workers=0, runs=tmp_path)
    with pytest.raises(sl.Failure):
        sl.resume(run, device="cpu", workers=0)
    assert sl.resume(run, steps=3, device="cpu", workers=0).step == 3


def test_networks_of_a_run_are_tested_as_the_command_line_tests_them(run: sl.Run, spacelang: Any) -> None:
    found = run.evaluate("largest", "smallest", random=2, device="cpu")
    said = spacelang("eval", "largest", "smallest", "--random", "2", "--run", str(run.folder), "--json")
    theirs = json.loads(said.out)
    for row in (*theirs, *found.records()):
        del row["images_a_second"]
    assert found.records() == theirs
    assert "largest" in repr(found)
    assert "<table>" in found._repr_html_()


def test_an_exported_network_is_the_one_of_the_run(run: sl.Run, tmp_path: Path) -> None:
    made = run.export(tmp_path / "model", "smallest")
    assert made.architecture == run.space.smallest == run.architecture("smallest")
    images = torch.randn(2, 3, 8, 8)
    inherited, loaded = run.model("smallest"), sl.load_model(tmp_path / "model")
    assert torch.equal(inherited(images), loaded(images))
    assert run.space.smallest.model()(images).shape == (2, 10)
    with pytest.raises(sl.Failure, match="no image size"):
        run.export(tmp_path / "other", "smallest", image=16)
    with pytest.raises(sl.Failure, match="no format"):
        run.export(tmp_path / "other", "smallest", format="pt")  # type: ignore[arg-type]
    with pytest.raises(sl.Failure, match="searched"):
        run.export(tmp_path / "other")


def test_what_cannot_be_trained_is_refused_before_torch_is_loaded(space: sl.Space) -> None:
    with pytest.raises(sl.Failure, match="which images"):
        sl.train(sl.load("spaces/s3.space"))
    with pytest.raises(sl.Failure, match="text"):
        sl.train(sl.Space.from_json(space.to_json()))
    with pytest.raises(sl.Failure, match="epoch"):
        sl.train(space, settings={"epcohs": 3})
    with pytest.raises(sl.Failure, match="not a time"):
        sl.train(space, budget="ten minutes")
