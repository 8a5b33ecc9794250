"""What a network is scored by: chosen for data, stated in a folder for timm and transformers, read from there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from image_folder import frame, image_folder, opened
from PIL import Image

from spacelang import notation
from spacelang_runtime.data.frame import framed
from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.export.metadata import metadata
from spacelang_runtime.export.swin import write as write_swin
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import preprocessing_of, save
from spacelang_runtime.preprocessing import Preprocessing, chosen, from_cfg, to_cfg

SMALL = "i8-p2-c3/8:h2q8m2w4"


@pytest.mark.parametrize("image", [16, 64, 96, 160, 224, 256, 384])
@pytest.mark.parametrize("crop", [0.875, 0.9, 0.95, 1.0])
def test_every_picture_is_fitted_as_timm_fits_it(image: int, crop: float) -> None:
    """To the pixel, for sides whose share, whose scaled side and whose margin have to be rounded."""
    for interpolation in ("bicubic", "bilinear"):
        preprocessing = Preprocessing(crop, interpolation)
        transform = timm.data.create_transform(**to_cfg(preprocessing, frame(image)), is_training=False)
        chance = np.random.default_rng(image)
        for _ in range(12):
            height, width = chance.integers(8, 3 * image, 2)
            picture = Image.fromarray(chance.integers(0, 256, (height, width, 3), dtype=np.uint8))
            seen = torch.from_numpy(np.array(framed(picture, image, preprocessing))).permute(2, 0, 1)
            torch.testing.assert_close(normalise(seen[None])[0], transform(picture), rtol=0, atol=1e-5)


def test_pictures_are_looked_at_whole_where_their_median_is_not_larger_than_the_image() -> None:
    assert chosen([10, 64, 500], 64) == Preprocessing(1.0)
    assert chosen([10, 65, 500], 64) == Preprocessing(0.875)
    assert chosen([64, 65], 64) == Preprocessing(0.875)
    assert chosen([], 64) == Preprocessing(0.875)


def test_the_sizes_are_those_of_the_training_images_held_out_or_not(tmp_path: Path) -> None:
    photos = image_folder(tmp_path / "photos", size=(90, 16))
    for path in (photos / "val").rglob("*.png"):
        Image.new("RGB", (99, 99)).save(path)
    (photos / "train" / "ant" / "000.png").write_bytes(b"no picture")
    for holdout in (0, 0.5):
        assert opened(photos, image=16, holdout=holdout).preprocessing == Preprocessing(1.0)
    assert opened(photos, image=12).preprocessing == Preprocessing(0.875)
    assert opened("digits", image=8).preprocessing == Preprocessing(1.0)


def test_a_folder_states_what_it_is_given_to_timm_and_transformers_and_us(tmp_path: Path) -> None:
    network = Network(notation.read(SMALL))
    preprocessing = Preprocessing(0.9, "bilinear", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    names = ["ant", "bee", "cat|dog"]
    save(network, tmp_path, {"classes": names}, preprocessing=preprocessing)
    assert preprocessing_of(tmp_path) == preprocessing
    config = json.loads((tmp_path / "config.json").read_text())
    stated = config["pretrained_cfg"]
    assert stated["input_size"] == [3, 8, 8]
    assert (stated["crop_pct"], stated["crop_mode"], stated["interpolation"]) == (0.9, "center", "bilinear")
    assert (stated["mean"], stated["std"]) == ([0.5, 0.4, 0.3], [0.2, 0.3, 0.4])
    assert config["label_names"] == list(config["id2label"].values()) == list(config["label2id"]) == names
    processor = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert processor["pretrained_cfg"] == {name: stated[name] for name in processor["pretrained_cfg"]}
    assert processor["size"] == {"shortest_edge": 8}  # ⌊8 / 0.9⌋
    assert processor["crop_size"] == {"height": 8, "width": 8}
    assert processor["resample"] == Image.Resampling.BILINEAR
    card = (tmp_path / "README.md").read_text()
    assert "resized (bilinear) to 8 pixels, the middle cut out (crop_pct 0.9); mean 0.5, 0.4, 0.3" in card
    assert "| 3: ant, bee, cat&#124;dog |" in card


def test_a_model_in_one_file_tells_it_as_text() -> None:
    architecture = notation.read(SMALL)
    notes, preprocessing = {"classes": ["ant", "bee", "naïve"]}, Preprocessing(1.0)
    found = metadata(architecture, 16, notes, preprocessing)
    assert json.loads(found["input_size"]) == [3, 16, 16]
    assert (json.loads(found["crop_pct"]), found["interpolation"], found["crop_mode"]) == (1.0, "bicubic", "center")
    assert json.loads(found["label_names"]) == notes["classes"]
    assert json.loads(found["mean"]) == list(preprocessing.mean)
    assert "label_names" not in metadata(architecture, None, {"classes": ["ant"]}, preprocessing)


def test_classes_without_names_are_not_named_to_timm(tmp_path: Path) -> None:
    """So that it names ImageNet's itself."""
    network = Network(notation.read("i32-p2-c3/8:2xh2q8m2w4/16:2xh2q16m2w4"))
    save(network, tmp_path / "ours", {})
    write_swin(network, tmp_path / "swin", {})
    for name in ("ours", "swin"):
        assert "label_names" not in json.loads((tmp_path / name / "config.json").read_text())


def test_grey_images_take_the_averages(tmp_path: Path) -> None:
    save(Network(notation.read("i8-p2-c3-ch1/8:h2q8m2w4")), tmp_path, {})
    stated = json.loads((tmp_path / "config.json").read_text())["pretrained_cfg"]
    assert stated["mean"] == pytest.approx([0.449])
    assert preprocessing_of(tmp_path) == Preprocessing()


def test_what_timm_leaves_out_is_as_timm_has_it() -> None:
    sparse = {"crop_pct": None, "interpolation": "", "crop_mode": None, "mean": None}
    for cfg in ({}, sparse):
        found = from_cfg(cfg, frame(96), "m")
        filled = timm.data.resolve_data_config({}, pretrained_cfg={"input_size": (3, 96, 96), **cfg})
        assert from_cfg(filled, frame(96), "m") == found == Preprocessing()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"crop_mode": "squash"}, "states crop_mode squash, and the middle is what can be cut out"),
        ({"crop_pct": 1.2}, "crop_pct 1.2, and it is a share above 0, and at most 1"),
        ({"crop_pct": "all"}, "crop_pct all"),
        ({"interpolation": "random"}, "interpolation random, and it is one of nearest, box"),
        ({"input_size": [3, 16, 16]}, "input_size 3×16×16, and the network's images are 3×8×8"),
        ({"mean": [0.5, 0.5]}, r"mean \[0.5, 0.5\], and it is a number for each channel, and images have 3"),
        ({"std": [0.5, 0, 0.5]}, "std"),
    ],
)
def test_what_cannot_be_done_is_named_with_its_place(tmp_path: Path, changed: dict, message: str) -> None:
    save(Network(notation.read(SMALL)), tmp_path, {})
    record = json.loads((tmp_path / "config.json").read_text())
    record["pretrained_cfg"] |= changed
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(Failure, match=message) as failure:
        preprocessing_of(tmp_path)
    assert str(tmp_path / "config.json") in failure.value.message
    assert failure.value.remedy
