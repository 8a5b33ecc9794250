"""A run goes on with another form of its data as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from forms import FORMS, shards, zipped
from image_folder import image_folder
from test_train_start import RECIPE, REQUEST, _quiet
from tiny_training import ALONE, SPACE, learn

from spacelang_runtime.data import TestShare
from spacelang_runtime.engine import checkpoint
from spacelang_runtime.engine.run import find
from spacelang_runtime.engine.step import Step
from spacelang_runtime.failure import Failure, Stopped
from spacelang_runtime.tasks.supernet.data import dataset_of
from spacelang_runtime.tasks.supernet.setup import continued, new

SPACE_ = evolve(SPACE, train=evolve(RECIPE, holdout=0))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return image_folder(tmp_path_factory.mktemp("photos") / "photos", train=12, val=3, classes=tuple("abcd"))


def begun(where: Path | str, runs: Path, steps: int, held_out: TestShare | None = None):
    return new(
        evolve(REQUEST, data=str(where), steps=steps, space=SPACE_, held_out=held_out), runs, ALONE, 0, _quiet
    )


def interrupted(step: Step) -> None:
    """Ctrl-C in the second step."""
    if step.step == 2:
        os.kill(os.getpid(), signal.SIGINT)


def weights(run) -> dict[str, torch.Tensor]:
    return checkpoint.load(run.checkpoint, run.space).weights


@pytest.mark.parametrize("form", ["zip", "numbered shards by braces", "Parquet", "save_to_disk"])
def test_a_run_goes_on_in_the_middle_with_another_form(form, photos, tmp_path):
    learn(begun(photos, tmp_path / "whole", 4))
    whole = weights(find(tmp_path / "whole"))

    setup = begun(photos, tmp_path / "parts", 4)
    with pytest.raises(Stopped):
        learn(setup, observe=interrupted)
    run = find(tmp_path / "parts")
    moved = FORMS[form](photos, tmp_path)
    assert run.state.step < 4
    learn(continued(run, ALONE, 0, _quiet, where=str(moved)))
    after = find(tmp_path / "parts")
    assert after.record.data.where == str(moved)
    assert after.record.data.form
    assert after.state.step == 4
    assert all(torch.equal(one, whole[name]) for name, one in weights(after).items())


def test_a_run_keeps_what_was_held_out_for_its_test(photos, tmp_path):
    flat = tmp_path / "flat"
    image_folder(tmp_path / "made", train=10, classes=tuple("abcd"))
    (tmp_path / "made" / "train").rename(flat)
    setup = begun(flat, tmp_path / "runs", 2, TestShare(0.3, 7))
    run = find(tmp_path / "runs")
    assert (run.record.data.test_share, run.record.data.test_seed) == (0.3, 7)
    again = dataset_of(run, _quiet)
    assert again.fingerprint == setup.dataset.fingerprint
    assert np.bincount(again.test.labels).tolist() == [3, 3, 3, 3]


def test_data_of_other_names_is_refused(photos, tmp_path):
    run = begun(photos, tmp_path / "runs", 2).run
    other = zipped(image_folder(tmp_path / "other", classes=tuple("abcd")), tmp_path)
    with pytest.raises(Failure, match="its images have changed"):
        dataset_of(run, _quiet, where=str(other))


def test_the_same_images_under_other_names_are_other_data_and_that_is_said(photos, tmp_path):
    """Which images are held out follows from names: under others, a search would score on what was trained on."""
    run = begun(photos, tmp_path / "runs", 2).run
    renamed = Path(shutil.copytree(photos, tmp_path / "renamed"))
    for path in renamed.rglob("*.png"):
        path.rename(path.with_name(f"img_{path.name}"))
    with pytest.raises(Failure, match="as many images, of as many bytes, under other names") as failure:
        dataset_of(run, _quiet, where=str(renamed))
    assert "with the names that the files had" in failure.value.remedy


def test_shards_that_are_not_here_any_more_are_asked_for(photos, tmp_path):
    where = f"{shards(photos, tmp_path)}/{{train,val}}-{{000000..000002}}.tar"
    run = begun(where, tmp_path / "runs", 2).run
    (tmp_path / "shards").rename(tmp_path / "moved")
    with pytest.raises(Failure, match="the data of tiny-1 is not here"):
        dataset_of(run, _quiet)
    assert dataset_of(run, _quiet, where=str(tmp_path / "moved")).fingerprint == run.record.data.fingerprint
