"""Models from the command line: taken away, looked into, trained further; and what people get wrong."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import frozen
from PIL import Image

from spacelang.cli import main
from spacelang_runtime.nn.saved import load, preprocessing_of
from spacelang_runtime.preprocessing import Preprocessing

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(ROOT / "tests" / "spaces" / "digits.space")  # three layers in a stage


@frozen
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def spacelang(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["spacelang", *words])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, done_in) -> Path:
    """A folder with a run `digits-1` of a few steps, its largest network in `m`, and photos; to be copied from."""
    place = tmp_path_factory.mktemp("made")
    (place / "photos").mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / "photos" / f"{seed}.png")
    train = ["train", DIGITS, "--steps", "6", "--set", "batch=32", "--attention", "photos/0.png"]
    for words in (train, ["export", "largest", "-o", "m"]):
        done_in(place, *words)
    return place


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_tensorboard_has_the_maps_of_a_training_that_was_asked_for_them(here: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (events,) = (here / "runs" / "digits-1" / "tensorboard").glob("*.attention")
    found = EventAccumulator(str(events)).Reload()
    assert found.Tags()["images"] == ["attention/stage 1", "attention/stage 2"]
    assert found.Images("attention/stage 1")[-1].step == 6


def test_a_model_is_exported_and_never_replaced_unasked(spacelang, here: Path) -> None:
    assert spacelang("export", "largest", "-o", "m").code == 0  # the same again
    said = spacelang("export", "smallest", "-o", "m")
    assert (said.code, "there already" in said.err, "--force" in said.err) == (1, True, True)
    assert spacelang("export", "smallest", "-o", "m", "--force").code == 0
    assert spacelang("export", "m", "--format", "hf", "-o", "other").code == 0
    assert load("other").architecture == load("m").architecture
    assert spacelang("export", "m", "-o", "x", "--format", "onxx").code == 2
    assert spacelang("export", "m", "-o", "x", "--image", "16").code == 2
    made = spacelang("export", "m", "-o", "m.pt2")
    assert made.code == 0, made.err
    images = torch.randn(3, 3, 8, 8)
    assert torch.equal(torch.export.load("m.pt2").module()(images), load("m")(images))
    assert "there already" in spacelang("export", "m", "-o", "m.pt2").err
    assert spacelang("export", "m", "-o", "M.PT2").code == 0
    assert Path("M.PT2").is_file()
    assert "it is at most 16384" in spacelang("export", "m", "-o", "x.pt2", "--image", "1000000").err


def test_a_model_is_trained_further_and_anew(spacelang, here: Path) -> None:
    before = json.loads(spacelang("eval", "m", "--data", "digits", "--json").out)[0]
    said = spacelang(
        "finetune", "m", "--data", "digits", "-o", "tuned", "--steps", "3", "--set", "batch=32",
        "--set", "learning_rate=0", "--set", "min_learning_rate=0", "--teacher", "digits-1",
    )  # fmt: skip
    assert said.code == 0, said.err
    after, again = json.loads(spacelang("eval", "tuned", "m", "--data", "digits", "--json").out)
    same = ("name", "top1", "top5", "loss", "calibration_error")
    assert [after[key] for key in same] == [before[key] for key in same], "nothing was learned at a rate of 0"
    assert [again[key] for key in same] == [before[key] for key in same]
    (run,) = (here / "runs").glob("net_*/run.json")
    record = json.loads(run.read_text())
    assert set(record["overrides"]) == {"batch", "learning_rate", "min_learning_rate"}
    assert record["initial"] == {"model": "m", "random": False, "bert": None}
    assert record["distillation"] == {"teacher": "digits-1", "share": 0.5, "weights": None}
    assert "taught by digits-1" in (here / "tuned" / "README.md").read_text()
    said = spacelang("finetune", "m", "--data", "digits", "-o", "new", "--from-scratch", "--steps", "2")
    assert said.code == 0, said.err
    assert json.loads(spacelang("inspect", "--json").out)["run"] == "digits-1", "the latest run is of a space"
    name = said.err.split("run ")[1].split(":")[0]
    ended = spacelang("finetune", name, "--resume", "-o", "anew")
    assert ended.code == 0, "a run that has ended writes its model"
    assert load("anew").architecture == load("new").architecture
    assert spacelang("finetune", name, "--resume", "--steps", "3", "-o", "on").code == 0
    assert load("on").architecture == load("new").architecture
    assert all(f"trained from scratch, {name} |" in Path(made, "README.md").read_text() for made in ("new", "on"))
    assert "whole space" in spacelang("finetune", "digits-1", "--resume", "-o", "no").err
    refused = spacelang("train", "--resume", name)
    assert (refused.code, f"go on with it: spacelang finetune {name} --resume" in refused.err) == (1, True)


def test_what_learned_by_a_preprocessing_goes_on_by_it(spacelang, here: Path) -> None:
    assert json.loads(Path("runs/digits-1/run.json").read_text())["preprocessing"]["crop"] == 1.0
    assert preprocessing_of("m") == Preprocessing(1.0)
    record = json.loads(Path("m/config.json").read_text())
    record["pretrained_cfg"] |= {"crop_pct": 0.8, "mean": [0.5, 0.5, 0.5]}
    Path("m/config.json").write_text(json.dumps(record))
    words = ("--data", "digits", "--steps", "2", "--set", "batch=32")
    assert spacelang("finetune", "m", "-o", "tuned", *words).code == 0
    assert spacelang("finetune", "m", "-o", "anew", "--from-scratch", *words).code == 0
    stated = preprocessing_of("tuned")
    assert stated == preprocessing_of("m") == Preprocessing(0.8, mean=(0.5, 0.5, 0.5))
    assert preprocessing_of("anew") == Preprocessing(1.0)
    assert spacelang("export", "tuned", "-o", "copy").code == 0
    assert preprocessing_of("copy") == stated
    assert spacelang("attention", "m", "--image", "photos/0.png").code == 0


def test_maps_and_similarities_are_drawn(spacelang, here: Path) -> None:
    for what in ((), ("m",), ("digits-1", "--network", "smallest")):
        said = spacelang("attention", *what, "--image", "photos/0.png", "-o", "look/map")
        assert said.code == 0, said.err
        assert "of stage 2" in said.out, "the third, or the last of fewer"
    assert {path.name for path in (here / "look").iterdir()} == {"map.png", "map.svg"}
    said = spacelang("attention", "m", "--similarity", "photos")
    assert said.code == 0, said.err
    assert len([line for line in said.out.splitlines() if " / " in line]) == 1 + 6
    assert Path("similarity.svg").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("eval", "besst"), "did you mean best"),
        (("eval", "photos", "--data", "digits"), "photos has no config.json"),
        (("eval", "photos"), "photos is a folder without config.json"),
        (("eval", "m"), "which images is m to be tested on"),
        (("eval", "m", "largest", "--data", "digits"), "--data goes with models' folders"),
        (("eval", "m", "lost", "--data", "digits"), "there is no folder lost"),
        (("eval", "m/model.safetensors", "--data", "digits"), "is a file, and a model is a folder"),
        (("eval", "m", "largest"), "m has weights of its own"),
        (("eval", "m", "--data", "digits", "--split", "search"), "no images held out for a search"),
        (("eval", "m", "--data", "digits", "--random", "2"), "has no random networks"),
        (("export", "m", "-o", "m.pt"), "m.pt is the name of a file, and a model is a folder"),
        (("export", "m", "-o", "m.onx"), "did you mean m.onnx?"),
        (("export", "m", "-o", "m.docx"), "m.docx is the name of a file, and no format ends in .docx"),
        (("export", "m", "-o", "m.h5"), "files end in .pt2, .onnx, .xml, .pte, .tflite, .mlpackage; for a folder"),
        (("export", "m", "-o", "m.zip"), "take m/, or say --format safetensors"),
        (("finetune", "m", "--data", "digits", "-o", "m.docx"), "m.docx is the name of a file, and a model is a"),
        (("import", "timm:swin_s3_tiny_224", "-o", "m.pth"), "m.pth is the name of a file, and a model is a"),
        (("finetune", "m", "-o", "x"), "which images is it to learn from"),
        (("finetune", "m", "--data", "digits"), "where to"),
        (("finetune", "nothing", "--data", "digits", "-o", "x"), "cannot read nothing"),
        (("finetune", "best", "--data", "digits", "-o", "x"), "first: spacelang export best -o model/"),
        (("finetune", "digits-1", "--data", "digits", "-o", "x"), "export best --run digits-1 -o model/"),
        (("finetune", "m", "--data", "digits", "-o", "x", "--share", "0.2"), "there is no teacher"),
        (("finetune", "m", "--data", "digits", "-o", "x", "--teacher-weights", "w.pth"), "there is no teacher"),
        (("finetune", "digits-1", "--resume", "-o", "x", "--share", "0.2"), "its own recipe and teacher"),
        (
            ("finetune", "m", "--data", "digits", "-o", "x", "--teacher", "timm:a", "--teacher-weights", "w.pth"),
            "there is no file w.pth",
        ),
        (("finetune", "m", "--data", "digits", "-o", "m"), "there already"),
        (("finetune", "m", "--data", "digits", "-o", "x", "--teacher", "nobody"), "there is no run 'nobody'"),
        (("attention",), "one photo for maps, or one folder"),
        (("attention", "m", "--image", "photos/0.png", "--stage", "3"), "m has 2 stages, not 3"),
        (("attention", "best", "--image", "photos/0.png"), "say --network best"),
        (("attention", "m", "--image", "photos/0.png", "--network", "largest"), "m is a model"),
        (("attention", "m", "--image", "photos/0.png", "--images", "2"), "--images goes with --similarity"),
        (("attention", "m", "--image", "photos/0.png", "-o", "photos/0"), "would replace photos/0.png"),
        (("attention", "m", "--image", "photos/0.png", "-o", "."), "is a folder, and no name of a figure"),
        (("attention", "m", "--similarity", "photos", "--stage", "2"), "compares the heads of every layer"),
        (("attention", "m", "--image", "photos/0.png", "--stage", "1", "--block", "9"), "has 3 blocks, not 9"),
        (("attention", "m", "--image", "no.png", "--stage", "1"), "there is no image no.png"),
        (("attention", "m", "--similarity", "runs"), "there are no images in runs"),
        (("import", "nowhere.pth", "-o", "x"), "there is no file nowhere.pth"),
        (("import", "m", "-o", "x"), "m is a folder"),
        (("import", "swin_s3_tiny_224", "-o", "x"), "is no source of networks"),
        (("import", "timm:swin_s3_tiny_224", "-o", "x", "--image", "64"), "leave --image out"),
    ],
)
def test_what_people_get_wrong_is_answered_with_the_reason(spacelang, here: Path, words, message: str) -> None:
    said = spacelang(*words)
    assert said.code == 1
    assert message in said.err


def test_a_folder_that_lost_a_file_is_known_as_such(spacelang, here: Path) -> None:
    shutil.copytree("m", "lost")
    Path("lost/config.json").unlink()
    for words in (("eval", "lost"), ("inspect", "lost")):
        assert "weights and no config.json" in spacelang(*words).err
    shutil.copytree("m", "bare")
    Path("bare/model.safetensors").unlink()
    assert "cannot read bare/model.safetensors" in spacelang("eval", "bare", "--data", "digits").err
    shown = spacelang("inspect", "bare")
    assert shown.code == 0
    assert "without weights" in shown.err


def test_other_classes_are_given_a_remedy(spacelang, here: Path) -> None:
    for split in ("train", "val"):
        for label in ("ant", "bee", "cat"):
            (here / "data" / split / label).mkdir(parents=True)
            for seed in range(4):
                pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(here / "data" / split / label / f"{seed}.png")
    said = spacelang("eval", "m", "--data", "data")
    assert "10 classes apart, and data has 3" in said.err
    assert "spacelang finetune m --data data" in said.err
    tuned = spacelang("finetune", "m", "--data", "data", "-o", "three", "--steps", "2", "--set", "batch=8")
    assert tuned.code == 0, tuned.err
    assert load("three").architecture.frame.classes == 3
    assert spacelang("eval", "three", "--data", "data").code == 0


def test_a_teacher_that_is_not_there_leaves_no_run_behind(made, tmp_path, monkeypatch, spacelang) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    said = spacelang("finetune", "m", "--data", "digits", "-o", "t", "--teacher", "nobody", "--steps", "2")
    assert said.code == 1
    assert "there is no run 'nobody'" in said.err
    assert [run.name for run in Path("runs").iterdir()] == ["digits-1"]


def test_a_place_that_cannot_be_written_is_told_before_the_training(spacelang, here: Path) -> None:
    Path("file").write_text("")
    Path("mine").mkdir()
    Path("mine/README.md").write_text("my own")
    for place, message in {"file": "cannot make the folder file", "mine": "README.md is there already"}.items():
        said = spacelang("finetune", "m", "--data", "digits", "-o", place, "--steps", "2")
        assert said.code == 1
        assert message in said.err
        assert "train " not in said.err
    assert [run.name for run in Path("runs").iterdir()] == ["digits-1"]


def test_a_figure_of_another_kind_and_images_of_nowhere_are_refused(made, tmp_path, monkeypatch, spacelang) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    said = spacelang("attention", "m", "--image", "photos/0.png", "--stage", "2", "-o", "heads.jpg")
    assert said.code == 1
    assert "name heads.png" in said.err
    assert "there is no folder nowhere" in spacelang("attention", "m", "--similarity", "nowhere").err


def test_a_report_for_a_folder_is_written_into_it(made, tmp_path, monkeypatch, spacelang) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert spacelang("report", "-o", ".").out == "digits-1.html\n"
    assert Path("digits-1.html").stat().st_size > 10**6
