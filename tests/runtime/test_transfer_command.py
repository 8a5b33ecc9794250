"""`spacelang transfer` from the command line: a model becomes a detector, a segmenter, an answerer; and what people
get wrong."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_transfer import MAKE, RECIPES, TRAIN, network, scene

from spacelang.cli import main
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.saved import save
from spacelang_runtime.tasks.detect.detector import Detections, Detector

Said = tuple[int, str, str]
LINES = {"detect": "box AP", "segment": "mIoU", "vqa": "accuracy"}


def toml(value: Any) -> str:
    return json.dumps(value)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, the data of all tasks, and a recipe for each."""
    folder = tmp_path_factory.mktemp("command")
    save(network(), folder / "model", {})
    for name, make in MAKE.items():
        make(folder / name)
        train = "\n".join(f"{key} = {toml(value)}" for key, value in TRAIN.items())
        own = "\n".join(f"{key} = {toml(value)}" for key, value in RECIPES[name].items())
        (folder / f"{name}.toml").write_text(f'task = "{name}"\n[train]\n{train}\n[{name}]\n{own}\n')
    scene(1)[0].save(folder / "photo.png")
    return folder


@pytest.fixture
def spacelang(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """`spacelang transfer …` in the folder `place`, in this process."""
    monkeypatch.chdir(place)

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["spacelang", "transfer", *words])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.mark.parametrize("task", sorted(RECIPES))
def test_a_model_is_trained_measured_and_asked(spacelang: Callable[..., Said], task: str, tmp_path: Path) -> None:
    runs = ("--runs", str(tmp_path), "--device", "cpu")
    code, out, err = spacelang(task, "model", "--data", task, "--recipe", f"{task}.toml", "--workers", "0", *runs)
    assert code == 0, err
    assert LINES[task] in out
    assert f"trained {task}-{task}-1" in err
    code, out, err = spacelang(task, f"{task}-{task}-1", "--eval", "--json", "--workers", "0", *runs)
    assert code == 0, err
    (note,) = [
        line
        for line in map(json.loads, (tmp_path / f"{task}-{task}-1" / "journal.jsonl").read_text().splitlines())
        if line["what"] == "measured"
    ]
    assert json.loads(out) == pytest.approx(note["figures"])
    asked = ("--question", "is there red?") if task == "vqa" else ()
    picture = tmp_path / "deep" / "out.png"
    code, out, err = spacelang(task, "--predict", "photo.png", *asked, "-o", str(picture), *runs)
    assert code == 0, err
    assert out.strip()
    assert Image.open(picture).width >= 64


def test_segments_are_measured_at_several_scales(spacelang: Callable[..., Said], tmp_path: Path) -> None:
    runs = ("--runs", str(tmp_path), "--workers", "0", "--device", "cpu")
    spacelang("segment", "model", "--data", "segment", "--recipe", "segment.toml", "--steps", "1", *runs)
    one, many = (spacelang("segment", "--eval", "--json", *more, *runs)[1] for more in ((), ("--multi-scale",)))
    assert json.loads(one).keys() == json.loads(many).keys()
    assert json.loads(one) != json.loads(many)


def test_inspect_says_which_command_tells_of_a_run_of_transfer(
    spacelang: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    spacelang(
        "segment", "model", "--data", "segment", "--recipe", "segment.toml", "--steps", "1", "--runs", str(tmp_path)
    )
    monkeypatch.setattr(sys, "argv", ["spacelang", "inspect", "segment-segment-1", "--runs", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert "spacelang transfer segment segment-segment-1 --eval tells its figures" in capsys.readouterr().err


def seen(self: Detector, images: list[torch.Tensor], sizes: list[tuple[int, int]]) -> list[Detections]:
    """What a perfect detector finds on a scene: each colour's rectangle."""
    (image,) = images
    masks = image > 170  # red, green and blue are one channel each
    labels = torch.tensor([number for number in range(3) if masks[number].any()]) + 1
    boxes = []
    for label in labels:
        rows, columns = torch.nonzero(masks[label - 1], as_tuple=True)
        boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return [Detections(torch.tensor(boxes).float(), torch.full((len(boxes),), 0.9), labels, masks[labels - 1])]


def test_perfect_detections_are_worth_all_whatever_numbers_annotations_have(
    spacelang: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ("--runs", str(tmp_path / "runs"), "--workers", "0", "--device", "cpu")
    spacelang("detect", "model", "--data", "detect", "--recipe", "detect.toml", "--steps", "1", *runs)
    monkeypatch.setattr(Detector, "find", seen)
    for numbers in ([0] * 12, [1, 2] * 6, range(12)):
        other = tmp_path / "other"
        shutil.copytree("detect", other, dirs_exist_ok=True)
        path = other / "annotations" / "instances_test.json"
        record = json.loads(path.read_text())
        for annotation, number in zip(record["annotations"], numbers, strict=True):
            annotation["id"] = number
            del annotation["area"]
        path.write_text(json.dumps(record))
        code, out, err = spacelang("detect", "--eval", "--json", "--data", str(other), *runs)
        assert code == 0, err
        assert list(json.loads(out).values()) == pytest.approx([1.0] * 6)


def test_what_is_undefined_is_a_dash_and_null(spacelang: Callable[..., Said], tmp_path: Path) -> None:
    runs = ("--runs", str(tmp_path / "runs"), "--workers", "0", "--device", "cpu")
    bare = tmp_path / "bare"
    shutil.copytree("detect", bare)
    path = bare / "annotations" / "instances_test.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": []}))
    words = ("detect", "model", "--data", str(bare), "--recipe", "detect.toml", "--steps", "1")
    code, out, err = spacelang(*words, *runs)
    assert code == 0, err
    assert "6 photos, without any object: AP is undefined" in err
    assert [line.split() for line in out.splitlines()][-1] == ["mask", "AP75", "–"]
    figures = json.loads(spacelang("detect", "--eval", "--json", *runs)[1])
    assert set(figures.values()) == {None}


@pytest.fixture
def scenes(place: Path, tmp_path: Path) -> Path:
    """Images and masks of its own."""
    shutil.copytree(place / "segment", tmp_path / "scenes")
    return tmp_path / "scenes"


def changed(mask: Path, number: int) -> None:
    numbers = np.array(Image.open(mask))
    numbers[2, 3] = number
    Image.fromarray(numbers).save(mask)


def cut(path: Path) -> bytes:
    """Cut a file in half; gives what it was."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return whole


SEGMENT = ("segment", "model", "--recipe", "segment.toml", "--workers", "0", "--device", "cpu")


def test_test_masks_are_looked_at_before_the_training_and_the_advice_helps(
    spacelang: Callable[..., Said], scenes: Path, tmp_path: Path
) -> None:
    for name in ("1.png", "4.png"):
        changed(scenes / "masks" / "test" / name, 5)
    words = (*SEGMENT, "--data", str(scenes), "--steps", "1", "--runs", str(tmp_path / "runs"))
    for more in ((), ("--dry-run",)):
        code, _, err = spacelang(*words, *more)
        assert code == 1
        assert "test/1.png has the number 5 at column 3, row 2" in err
        assert "(and 1 more file)" in err
        assert "say --set classes=6" in err
        assert not (tmp_path / "runs").exists()
    code, out, err = spacelang(*words, "--set", "classes=6")
    assert code == 0, err
    assert ["IoU", "class", "4", "–"] in [line.split() for line in out.splitlines()]


def test_broken_images_are_left_out_and_named_and_a_run_goes_on_with_mended_ones(
    spacelang: Callable[..., Said], scenes: Path, tmp_path: Path
) -> None:
    words = (*SEGMENT, "--data", str(scenes), "--steps", "1", "--runs", str(tmp_path / "runs"))
    paths = [scenes / "images" / "train" / "2.png", scenes / "images" / "test" / "1.png"]
    wholes = [cut(path) for path in paths]
    said = f"left out: broken images (2): {paths[0]}: "
    assert said in spacelang(*words, "--dry-run")[1]
    code, _, err = spacelang(*words)
    assert code == 0, err
    assert said in err
    again = ("segment", "--runs", str(tmp_path / "runs"), "--workers", "0", "--device", "cpu")
    code, out, err = spacelang(*again, "--eval", "--json")
    assert code == 0, err
    assert "has changed" not in err
    before = json.loads(out)
    for path, whole in zip(paths, wholes, strict=True):
        path.write_bytes(whole)
    code, out, err = spacelang(*again, "--eval", "--json")
    assert code == 0, err
    assert "images/test/1.png is whole again, images/train/2.png is whole again" in err
    assert json.loads(out) != before
    for steps, mended in ((2, True), (3, False)):
        code, _, err = spacelang(*again, "--resume", "--steps", str(steps))
        assert code == 0, err
        assert ("is whole again" in err) == mended


def test_a_run_goes_on_where_its_data_is_now_and_not_with_other_data(
    spacelang: Callable[..., Said], scenes: Path, tmp_path: Path
) -> None:
    how = ("--workers", "0", "--device", "cpu", "--runs", str(tmp_path / "runs"))
    code, _, err = spacelang(*SEGMENT, "--data", str(scenes), "--steps", "1", "--runs", str(tmp_path / "runs"))
    assert code == 0, err
    moved = scenes.rename(tmp_path / "moved")
    others = tmp_path / "others"
    shutil.copytree(moved, others)
    for path in others.glob("images/*/*.png"):
        Image.new("RGB", (64, 48)).save(path)
    code, _, err = spacelang("segment", "--resume", "--steps", "2", *how)
    assert code == 1
    assert f"the data of segment-scenes-1 is not here: {scenes}" in err
    assert "say where it is: --data FOLDER" in err
    code, _, err = spacelang("segment", "--resume", "--steps", "2", *how, "--data", str(others))
    assert code == 1
    assert "is not what segment-scenes-1 was trained on: it has changed: 12 changed" in err
    code, _, err = spacelang("segment", "--resume", "--steps", "2", *how, "--data", str(moved))
    assert code == 0, err
    assert "has changed" not in err
    assert spacelang("segment", "--resume", "--steps", "3", *how)[0] == 0


def test_a_model_is_kept_before_it_is_measured(
    spacelang: Callable[..., Said], scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise Failure("the disk of the test images is gone")

    words = (*SEGMENT, "--data", str(scenes), "--steps", "1", "--runs", str(tmp_path / "runs"))
    with monkeypatch.context() as broken:
        broken.setattr("spacelang_runtime.tasks.segment.task.measure", fails)
        code, _, err = spacelang(*words)
    assert (code, "is gone" in err) == (1, True)
    again = ("segment", "--runs", str(tmp_path / "runs"), "--workers", "0", "--device", "cpu")
    code, out, err = spacelang(*again, "--eval", "--json")
    assert code == 0, err
    code, resumed, err = spacelang(*again, "--resume")
    assert code == 0, err
    assert f"{json.loads(out)['mIoU']:.2%}" in resumed


@pytest.mark.parametrize("task", sorted(RECIPES))
def test_a_dry_run_says_what_would_be_and_leaves_nothing(
    spacelang: Callable[..., Said], task: str, tmp_path: Path
) -> None:
    words = ("--data", task, "--recipe", f"{task}.toml", "--dry-run", "--runs", str(tmp_path / "runs"))
    code, out, err = spacelang(task, "model", *words, "--device", "cpu", "--steps", "7", "--set", "schedule=poly")
    assert code == 0, err
    assert "7 steps of 4" in out
    assert "memory    about" in out
    assert re.search(r"^time      about \d+ .*: \d.* s a step on cpu, by some that were made$", out, re.MULTILINE)
    assert "train:" in out.replace("  ", "")
    assert "learning rate 8.57e-04" in out  # the first of seven steps towards 0
    assert not (tmp_path / "runs").exists()


MISTAKES: list[tuple[str, str, str]] = [
    ("detect", "by which recipe?", "for detect: coco-3x, coco-tiny, or a .toml file"),
    ("detect --recipe detect.toml", "which model?", "spacelang export"),
    ("detect model --recipe detect.toml", "on which data?", "--data FOLDER"),
    ("detect model --recipe coco-4x --data detect", "there is no recipe 'coco-4x'", "did you mean coco-3x?"),
    ("segment model --recipe detect.toml --data detect", "detect.toml is a recipe for detect", "camvid"),
    ("detect none --recipe detect.toml --data detect", "there is no folder none", "spacelang export"),
    ("detect model --recipe detect.toml --data nowhere", "there is no folder nowhere", "COCO"),
    ("detect model --recipe detect.toml --data segment", "instances_train.json", "COCO's annotations"),
    ("segment model --recipe segment.toml --data detect", "has no images with masks", "images/train"),
    ("vqa model --recipe vqa.toml --data segment", "has no questions in a form that is known", "train.csv"),
    ("vqa model --predict photo.png -o out.png", "what about the photo?", "--question"),
    ("detect model --predict photo.png", "where to?", "-o out.png"),
    ("detect model --predict photo.png -o out.txt", "model is no model of transfer", "--data"),
    ("detect --eval --runs empty", "there is no run of transfer detect in empty/ yet", "train one"),
    ("detect --resume --set batch=2", "a run goes on with its own recipe", "leave these options out"),
    ("vqa model --recipe vqa.toml --data vqa --bert segment", "there is no file segment/vocab.txt", "word piece"),
]


@pytest.mark.parametrize(("words", "message", "remedy"), MISTAKES, ids=[words for words, _, _ in MISTAKES])
def test_a_mistake_is_answered_with_its_remedy(
    spacelang: Callable[..., Said], words: str, message: str, remedy: str
) -> None:
    code, _, err = spacelang(*words.split())
    assert code == 1
    assert message in err
    assert remedy in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", ["detekt", "detect --question what", "segment --bert x", "vqa --multi-scale", "detect --eval --resume"]
)
def test_options_that_do_not_go_together_are_a_matter_of_usage(spacelang: Callable[..., Said], words: str) -> None:
    assert spacelang(*words.split())[0] == 2
