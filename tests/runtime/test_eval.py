"""`spacelang eval`: what it needs, what it takes, and what it tells of each share and each class."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from image_folder import image_folder
from safetensors.torch import load_file, save_file

from spacelang import notation
from spacelang_runtime.engine.run import RunFolder, every
from spacelang_runtime.engine.wilson import wilson
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import DIGEST, save
from spacelang_runtime.preprocessing import Preprocessing

TOY = ("--set", "batch=2", "--set", "min_learning_rate=0")
HELD = "0.34 of every class held out for the test by seed 3"
TINY = """\
edition 2026
space tiny
image = 16
patch = 4
classes = 3
head_dim = 8
stage 1 {
  depth in 1..2
  embed = 16
  each layer {
    heads  = 2
    qkv    = 16
    mlp    = 2
    window = 4
  }
}
train { holdout = 0.2 }
"""


def write(weights: dict[str, torch.Tensor], folder: Path) -> None:
    """Other weights in a model's folder, which then states their digest."""
    save_file(weights, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["notes"][DIGEST] = sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))


def model(folder: Path, classes: int) -> str:
    torch.manual_seed(0)
    network = Network(notation.read(f"i16-p4-c{classes}/16:h2q16m2w4"))
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.add_(0.3 * torch.randn_like(tensor))
    save(network.eval(), folder, {}, preprocessing=Preprocessing())
    return str(folder)


def photos(folder: Path, classes: int) -> Path:
    return image_folder(folder, train=1, val=12, classes=tuple(f"k{number:02}" for number in range(classes)))


def test_a_model_is_tested_where_there_are_no_training_images(spacelang, tmp_path: Path) -> None:
    made, data = model(tmp_path / "m", 6), photos(tmp_path / "photos", 6)
    whole = json.loads(spacelang("eval", made, "--data", str(data), "--json", "--workers", "0").out)
    shutil.rmtree(data / "train")
    for where in (data, data / "val"):
        said = spacelang("eval", made, "--data", str(where), "--json", "--workers", "1")
        assert said.code == 0, said.err
        (found,) = json.loads(said.out)
        assert {**found, "images_a_second": 0} == {**whole[0], "images_a_second": 0}


def test_each_share_has_its_interval_and_each_class_its_share(spacelang, tmp_path: Path) -> None:
    made, data = model(tmp_path / "m", 6), photos(tmp_path / "photos", 6)
    (row,) = json.loads(spacelang("eval", made, "--data", str(data), "--classes", "--json").out)
    for top in ("top1", "top5"):
        assert row[f"{top}_interval"] == pytest.approx(wilson(round(72 * row[top]), 72))
    assert [sum(line) for line in row["confusion"]] == [12] * 6
    right = [row["confusion"][number][number] for number in range(6)]
    assert sum(right) == round(72 * row["top1"])
    assert [one["class"] for one in row["classes"]] == [f"k{number:02}" for number in range(6)]
    assert [one["top1"] for one in row["classes"]] == [count / 12 for count in right]
    assert [tuple(one["top1_interval"]) for one in row["classes"]] == [wilson(count, 12) for count in right]
    said = spacelang("eval", made, "--data", str(data), "--classes").out
    low, high = row["top1_interval"]
    assert f"{row['top1']:.2%} [{100 * low:.1f}, {100 * high:.1f}]" in said
    assert "images of each class (rows) that were taken for each (columns)" in said


def test_many_classes_are_told_by_their_most_frequent_confusions(spacelang, tmp_path: Path) -> None:
    made, data = model(tmp_path / "m", 21), photos(tmp_path / "photos", 21)
    (row,) = json.loads(spacelang("eval", made, "--data", str(data), "--classes", "--json").out)
    wrong = [
        (count, f"k{number:02}", f"k{taken:02}")
        for number, line in enumerate(row["confusion"])
        for taken, count in enumerate(line)
        if number != taken
    ]
    most = max(count for count, _, _ in wrong)
    lines = spacelang("eval", made, "--data", str(data), "--classes").out.split("most frequent confusions")[1]
    first = lines.splitlines()[3].split()
    assert (int(first[2]), first[0], first[1]) in wrong
    assert int(first[2]) == most


def test_among_five_classes_the_first_five_say_nothing(spacelang, tmp_path: Path) -> None:
    made, data = model(tmp_path / "m", 5), photos(tmp_path / "photos", 5)
    (row,) = json.loads(spacelang("eval", made, "--data", str(data), "--json").out)
    assert not {"top5", "top5_interval"} & row.keys()
    assert "–" in spacelang("eval", made, "--data", str(data)).out


@pytest.mark.parametrize("kept", ["float16", "bfloat16", "float64", "mixed"])
def test_weights_of_any_type_are_tested_in_float32(spacelang, tmp_path: Path, kept: str) -> None:
    made, data = Path(model(tmp_path / "m", 6)), photos(tmp_path / "photos", 6)
    weights = load_file(made / "model.safetensors")
    types = [torch.float16, torch.float64] if kept == "mixed" else [getattr(torch, kept)]
    cast = {name: tensor.to(types[number % len(types)]) for number, (name, tensor) in enumerate(weights.items())}
    write({name: tensor.float() for name, tensor in cast.items()}, made)
    (expected,) = json.loads(spacelang("eval", str(made), "--data", str(data), "--json").out)
    write(cast, made)
    said = spacelang("eval", str(made), "--data", str(data), "--json")
    assert said.code == 0, said.err
    (found,) = json.loads(said.out)
    assert {**found, "images_a_second": 0} == {**expected, "images_a_second": 0}


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_weights_that_are_no_numbers_are_refused_by_name(spacelang, tmp_path: Path, value: str) -> None:
    made, data = Path(model(tmp_path / "m", 6)), photos(tmp_path / "photos", 6)
    weights = load_file(made / "model.safetensors")
    name = sorted(weights)[0]
    weights[name].view(-1)[0] = float(value)
    write(weights, made)
    said = spacelang("eval", str(made), "--data", str(data))
    assert said.code == 1
    assert f"1 of the {weights[name].numel()} weights of {name} are NaN or infinite" in said.err


def newest(runs: Path) -> RunFolder:
    return max(every(runs), key=lambda run: run.record.created)


def of_one_split(folder: Path) -> Path:
    """Photos that nobody has parted, six of each class."""
    data = image_folder(folder / "parted", train=6, val=1, classes=("a", "b", "c"))
    return (data / "train").rename(folder / "whole")


def learned_from(spacelang, data: Path, folder: Path, *words: str) -> str:
    """The folder of a model that has learned from some data."""
    small = ("--set", "epochs=1", "--set", "batch=2", "--workers", "0", "--runs", str(folder / "runs"))
    first, made = model(folder / "first", 3), str(folder / "m")
    said = spacelang("finetune", first, "--data", str(data), *words, *small, "-o", made)
    assert said.code == 0, said.err
    return made


def test_a_model_is_not_tested_on_the_images_of_its_training(spacelang, tmp_path: Path) -> None:
    data = of_one_split(tmp_path)
    share = ("--test-share", "0.34", "--test-seed", "3")
    made = learned_from(spacelang, data, tmp_path, *share)
    asked = ("eval", made, "--data", str(data), "--workers", "0", "--json")
    again, own = spacelang(*asked), spacelang(*asked, *share)
    assert again.code == own.code == 0, again.err
    (one,), (other,) = json.loads(again.out), json.loads(own.out)
    assert {**one, "images_a_second": 0} == {**other, "images_a_second": 0}
    assert one["images"] == 6
    assert "tested as the model was trained, on 0.34 of every class held out for the test by seed 3" in again.err
    warning = "it may have learned from some of the images that are tested"
    assert warning in spacelang(*asked, "--test-share", "0.5").err
    assert warning not in own.err


def test_what_learns_on_is_not_tested_on_the_images_of_its_training(spacelang, tmp_path: Path) -> None:
    data = of_one_split(tmp_path)
    share = ("--test-share", "0.34", "--test-seed", "3")
    made, runs = learned_from(spacelang, data, tmp_path, *share), tmp_path / "runs"
    small = ("--data", str(data), "--steps", "1", *TOY, "--workers", "0", "--runs", str(runs))
    tune = ("finetune", made, *small, "--force", "-o", str(tmp_path / "n"))
    (tmp_path / "s.space").write_text(TINY)
    train = ("train", str(tmp_path / "s.space"), *small, "--weights")
    another, warning = ("--test-share", "0.34"), f"trained on whole, with {HELD}: they may have learned from some"
    for asked, words, warned in (
        (tune, another, True),
        (tune, share, False),
        (tune, (), False),
        ((*train, made), (), False),
        ((*train, "tiny-1"), another, True),
    ):
        said = spacelang(*asked, *words)
        assert said.code == 0, said.err
        assert (warning in said.err) == warned
        assert ("--test-share 0.34 --test-seed 3 holds out those" in said.err) == warned
        if not words:
            assert f"whole has no test split: as where the weights come from, {HELD}" in said.err
            data_of = newest(runs).record.data
            assert (data_of.test_share, data_of.test_seed) == (0.34, 3)
    assert spacelang(*tune, *another).code == 0
    further = ("finetune", str(tmp_path / "n"), *small, "--force", "-o", str(tmp_path / "o"))
    assert spacelang(*further).code == 0  # on what was held out last, and without a warning of its own
    seen = "may have learned from some of the images that are tested"
    for folder, told in (("m", False), ("n", True), ("o", True)):
        tested = spacelang("eval", str(tmp_path / folder), "--data", str(data), "--workers", "0")
        assert (f"was trained from weights that {seen}" in tested.err) == told
    for run, told in (("tiny-1", False), ("tiny-2", True)):
        tested = spacelang("eval", "smallest", "--run", run, "--runs", str(runs), "--workers", "0")
        assert (f"{run} began with weights that {seen}" in tested.err) == told
    anew = spacelang(*tune, "--from-scratch", "--test-share", "0.34")
    assert warning not in anew.err, "nothing of it is left"
    others = photos(tmp_path / "others", 3)
    assert warning not in spacelang(*tune[:3], str(others / "train"), *tune[4:], "--test-share", "0.5").err


def test_that_all_images_are_tested_is_said(spacelang, tmp_path: Path) -> None:
    data = of_one_split(tmp_path)
    made = learned_from(spacelang, data, tmp_path, "--test-share", "0.34")
    shutil.copy(data / "a" / sorted(path.name for path in (data / "a").iterdir())[0], data / "a" / "more.jpg")
    others = photos(tmp_path / "others", 3)
    for tested, where, images in ((made, data, 19), (model(tmp_path / "plain", 3), others / "val", 36)):
        said = spacelang("eval", tested, "--data", str(where), "--workers", "0", "--json")
        assert said.code == 0, said.err
        assert json.loads(said.out)[0]["images"] == images
        assert f"{where.name} has no test split: all of its images are tested" in said.err
    assert "all of its images" not in spacelang("eval", made, "--data", str(others), "--workers", "0").err
