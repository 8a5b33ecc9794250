"""Images and masks: the layouts that are known, crops whose labels follow the picture, and how segments are
scored."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from attrs import evolve
from PIL import Image
from tiny_transfer import COLOURS, HIGH, WIDE, masks, network, recipe
from torch import nn

from spacelang_runtime.engine.distributed import World
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.backbone import resized
from spacelang_runtime.tasks.recipe import Segment
from spacelang_runtime.tasks.recipe_text import named
from spacelang_runtime.tasks.segment.iou import measure, probabilities
from spacelang_runtime.tasks.segment.layout import VOID, numbers, opened, read
from spacelang_runtime.tasks.segment.segmenter import loss
from spacelang_runtime.tasks.segment.task import build, open_masked
from spacelang_runtime.tasks.segment.transforms import LARGEST, cropped, place

ALONE = World(0, 1, torch.device("cpu"))
PLAINLY = (ALONE, 0, lambda *_: None, False, lambda *_: None)  # with nobody told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return masks(tmp_path / "scenes")


def test_the_classes_are_counted_in_the_masks_without_void(folder: Path) -> None:
    found = open_masked(folder, recipe("segment"), None, None)
    assert found.labels == {"classes": ["class 0", "class 1", "class 2", "class 3"]}


def test_classes_are_named_by_a_file(folder: Path) -> None:
    (folder / "classes.txt").write_text("grey\nred\ngreen\nblue\n")
    assert open_masked(folder, recipe("segment"), None, None).names == ("grey", "red", "green", "blue")
    with pytest.raises(Failure, match="names 4 classes, and the recipe says 3"):
        open_masked(folder, recipe("segment", classes=3), None, None)


LAYOUTS = {
    "ADE20K": {
        "images/train": "images/training",
        "masks/train": "annotations/training",
        "images/test": "images/validation",
        "masks/test": "annotations/validation",
    },
    "CamVid": {
        "images/train": "train",
        "masks/train": "trainannot",
        "images/test": "val",
        "masks/test": "valannot",
    },
    "val": {"images/test": "images/val", "masks/test": "masks/val"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_of_the_data_sets_are_known(folder: Path, layout: str) -> None:
    for before, after in LAYOUTS[layout].items():
        (folder / after).parent.mkdir(exist_ok=True)
        shutil.move(folder / before, folder / after)
    found = read(folder)
    assert [pair.image.name for pair in found.train] == [pair.mask.name for pair in found.train]
    assert len(found.train) == len(found.test) == 6


def test_one_folder_of_images_gives_every_fifth_for_testing(folder: Path) -> None:
    flat = folder.parent / "flat"
    shutil.copytree(folder / "images" / "train", flat / "images")
    shutil.copytree(folder / "masks" / "train", flat / "masks")
    found = read(flat)
    assert [pair.image.stem for pair in found.test] == ["4"]
    assert [pair.image.stem for pair in found.train] == ["0", "1", "2", "3", "5"]


def test_ade20k_counts_its_classes_from_one_and_zero_is_none() -> None:
    ade = named("ade20k-160k", "segment").model
    assert isinstance(ade, Segment)
    assert (ade.classes, ade.first, ade.void) == (150, 1, (0,))


def test_numbers_in_masks_become_labels_from_zero(folder: Path) -> None:
    settings = evolve(recipe("segment").model, first=1, void=(0, 9))
    _, labels = opened(read(folder).train[0], 3, settings)
    raw = np.asarray(Image.open(read(folder).train[0].mask)).astype(int)
    assert (labels == np.where((raw == 0) | (raw == 9), VOID, raw - 1)).all()


def remade(folder: Path, numbers: dict[int, int]) -> Path:
    """The folder with other numbers in its masks."""
    for path in folder.glob("masks/*/*.png"):
        mask = np.array(Image.open(path))
        for before, after in numbers.items():
            mask[np.array(Image.open(path)) == before] = after
        Image.fromarray(mask).save(path)
    return folder


BINARY = {0: 0, 1: 255, 2: 255, 3: 255, 9: 0}
PLAIN = recipe("segment", void=[])


def test_255_beside_one_number_is_a_question(folder: Path) -> None:
    remade(folder, BINARY)
    with pytest.raises(Failure, match="have the numbers 0 and 255 alone: is 255 a class, or void") as caught:
        open_masked(folder, PLAIN, None, None)
    assert caught.value.remedy == "a class: --set values=0,255; void: --set void=255"


def test_255_is_the_class_that_the_recipe_says(folder: Path) -> None:
    found = open_masked(remade(folder, BINARY), recipe("segment", void=[], values=[0, 255]), None, None)
    assert found.names == ("class 0", "class 255")
    pair = found.pairs.train[0]
    _, labels = opened(pair, 2, found.recipe.model)
    assert (labels == (np.asarray(Image.open(pair.mask)) == 255)).all()


def test_values_are_classes_in_their_order(folder: Path) -> None:
    found = open_masked(folder, recipe("segment", values=[3, 0, 2, 1]), None, None)
    pair = found.pairs.train[0]
    _, labels = opened(pair, 4, found.recipe.model)
    raw = np.asarray(Image.open(pair.mask))
    for label, value in enumerate((3, 0, 2, 1)):
        assert ((labels == label) == (raw == value)).all()
    assert ((labels == VOID) == (raw == 9)).all()
    strange = next(one for one in found.pairs.train if (numbers(one.mask) == 1).any())
    with pytest.raises(Failure, match=r"no class \(they are 3, 0, 2\)") as caught:
        opened(strange, 3, recipe("segment", values=[3, 0, 2]).model)
    assert "say --set values=3,0,2,1" in caught.value.remedy


def test_void_that_leaves_one_class_is_refused(folder: Path) -> None:
    with pytest.raises(Failure, match="has 1 class: one class leaves nothing to tell apart"):
        open_masked(remade(folder, BINARY), recipe("segment", void=[255]), None, None)


def test_numbers_with_large_gaps_are_a_question(folder: Path) -> None:
    remade(folder, {1: 85, 2: 170, 3: 255, 9: 0})
    with pytest.raises(Failure, match="have the numbers 0, 85, 170, 255 and no others up to 170") as caught:
        open_masked(folder, PLAIN, None, None)
    assert "--set values=0,85,170 (with 255 where it is one too: 0,85,170,255)" in caught.value.remedy
    assert "--set classes=171" in caught.value.remedy


def test_more_classes_than_labels_have_numbers_are_refused(folder: Path) -> None:
    with pytest.raises(Failure, match="255 classes are the most"):
        open_masked(folder, recipe("segment", classes=300), None, None)


@pytest.mark.parametrize("ending", ["bmp", "tif", "gif"])
def test_masks_are_read_in_every_form_that_keeps_numbers(folder: Path, ending: str) -> None:
    wanted = [np.asarray(Image.open(pair.mask)) for pair in read(folder).train]
    for path in list(folder.glob("masks/*/*.png")):
        mask = Image.open(path)
        if ending == "gif":
            mask = Image.fromarray(np.asarray(mask), "P")
            mask.putpalette([value for number in range(256) for value in (number, 0, 255 - number)])
        mask.save(path.with_suffix(f".{ending}"), **({"optimize": False} if ending == "gif" else {}))
        path.unlink()
    for pair, numbers_of in zip(read(folder).train, wanted, strict=True):
        assert (numbers(pair.mask) == numbers_of).all()


def test_what_is_no_pair_is_counted_and_named(folder: Path) -> None:
    (folder / "images" / "train" / "notes.txt").touch()
    (folder / "images" / "train" / "._0.png").touch()  # beside each file, by some systems
    (folder / "masks" / "test" / "99.png").touch()
    assert read(folder).left_out == (
        "left out: 1 file that is no JPEG, PNG, WebP, BMP, TIFF or GIF image of a class (.txt 1; first: "
        "train/notes.txt)",
        "left out: 1 masks without an image (first: test/99.png)",
    )


TURNED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@pytest.mark.parametrize("tag", TURNED)
def test_a_photo_is_turned_as_its_mask_was_drawn(folder: Path, tag: int) -> None:
    pair = read(folder).train[0]
    wanted, labels = opened(pair, 4, recipe("segment").model)
    exif = Image.Exif()
    exif[0x0112] = tag
    wanted.transpose(TURNED[tag]).save(pair.image, exif=exif)
    found, same = opened(pair, 4, recipe("segment").model)
    assert (np.asarray(found) == np.asarray(wanted)).all()
    assert (labels == same).all()


def test_a_photo_whose_mask_lies_as_it_is_stored_is_not_turned(folder: Path) -> None:
    pair = read(folder).train[0]
    wanted, _ = opened(pair, 4, recipe("segment").model)
    exif = Image.Exif()
    exif[0x0112] = 6
    wanted.save(pair.image, exif=exif)
    assert (np.asarray(opened(pair, 4, recipe("segment").model)[0]) == np.asarray(wanted)).all()


def test_labels_follow_the_picture_through_scale_crop_and_mirror(folder: Path) -> None:
    """Where a crop is coloured, its label is that colour's; where it is filled up, void."""
    found = open_masked(folder, recipe("segment", distortion=False, scales=[1.0, 1.0], crop=40), None, None)
    batches = found.parts(0, 1)
    for seed in range(12):
        image, labels = batches.sample(seed % 6, seed)
        assert image.shape == (3, 40, 40)
        for number, colour in enumerate(COLOURS.values(), 1):
            painted = (image == torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1)).all(0)
            assert (painted & (labels != VOID)).equal(labels == number)


def test_a_crop_beyond_the_picture_is_filled_with_grey_and_void() -> None:
    image = Image.new("RGB", (10, 6), "white")
    picture, labels = cropped(image, np.zeros((6, 10), dtype=np.uint8), (4, 0), 8)
    assert picture[:, 0, 0].tolist() == [255] * 3
    assert picture[:, 7, 7].tolist() == [124, 116, 104]
    assert (labels == VOID).equal(
        torch.tensor([[row > 5 or column > 5 for column in range(8)] for row in range(8)])
    )


def test_a_crop_of_nearly_one_class_is_drawn_again() -> None:
    """Classes meet in one corner of a large picture: most first draws are of one class, most crops are not."""
    labels = np.zeros((100, 100), dtype=np.uint8)
    labels[:, 60:] = 1
    shares = []
    for seed in range(40):
        left, top = place(labels, 40, random.Random(seed))
        counts = np.bincount(labels[top : top + 40, left : left + 40].ravel(), minlength=2)
        shares.append(counts.max() / counts.sum())
    assert np.mean(np.array(shares) < LARGEST) > 0.9


def test_the_loss_is_the_mean_over_pixels_that_have_a_class() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4)).byte()
    labels[0, :2] = VOID
    wanted = F.cross_entropy(logits.permute(0, 2, 3, 1)[labels != VOID], labels[labels != VOID].long())
    torch.testing.assert_close(loss(logits, labels), wanted)
    assert loss(logits, torch.full((2, 4, 4), VOID)).item() == 0


class Painter(nn.Module):
    """Tells classes by colour alone, from normalised images; wrong about blue, which it calls green."""

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        red, green, blue = images.unbind(1)
        grey = torch.full_like(red, 1.0)
        return torch.stack([grey, red, torch.maximum(green, blue), torch.full_like(red, -9.0)], 1)


def test_the_figures_are_those_of_a_count_by_hand(folder: Path) -> None:
    found = open_masked(folder, recipe("segment"), None, None)
    settings = recipe("segment").model
    figures = measure(Painter(), found.pairs.test, found.names, settings, *PLAINLY)
    met, either, right, whole = np.zeros(4), np.zeros(4), 0, 0
    for pair in found.pairs.test:
        image, labels = opened(pair, 4, settings)
        told = probabilities(Painter(), image, settings, ALONE.device, False).argmax(0).numpy()
        for number in range(4):
            met[number] += ((told == number) & (labels == number)).sum()
            either[number] += (((told == number) | (labels == number)) & (labels != VOID)).sum()
        right += ((told == labels) & (labels != VOID)).sum()
        whole += (labels != VOID).sum()
    assert figures["mIoU"] == pytest.approx(np.mean(met / either))
    assert figures["pixel accuracy"] == pytest.approx(right / whole)
    assert figures["IoU class 3"] == 0


def test_the_iou_of_a_class_that_is_nowhere_is_undefined(folder: Path) -> None:
    """mIoU is the mean of the others."""
    names = ("grey", "red", "green", "blue", "white")
    figures = measure(Painter(), read(folder).test, names, recipe("segment").model, *PLAINLY)
    each = [figures[f"IoU {name}"] for name in names]
    assert each[4] is None
    assert figures["mIoU"] == pytest.approx(np.mean(each[:4]))


def test_void_alone_measures_nothing(folder: Path) -> None:
    settings = evolve(recipe("segment").model, void=tuple(range(10)))
    figures = measure(Painter(), read(folder).test, ("a", "b", "c", "d"), settings, *PLAINLY)
    assert set(figures.values()) == {None}


def test_several_scales_and_mirrors_are_a_mean_that_agrees_on_what_is_clear(folder: Path) -> None:
    image = Image.new("RGB", (WIDE, HIGH), COLOURS["red"])
    settings = recipe("segment").model
    one, many = (probabilities(Painter(), image, settings, ALONE.device, multi) for multi in (False, True))
    torch.testing.assert_close(one, many, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(many.sum(0), torch.ones(HIGH, WIDE))


def test_a_mirrored_pass_is_mirrored_back(folder: Path) -> None:
    image = Image.new("RGB", (WIDE, HIGH), COLOURS["red"])
    image.paste(COLOURS["green"], (0, 0, WIDE // 2, HIGH))
    settings = evolve(recipe("segment").model, multi=(1.0,))
    one, many = (probabilities(Painter(), image, settings, ALONE.device, multi) for multi in (False, True))
    torch.testing.assert_close(one, many, atol=1e-4, rtol=1e-4)


def test_absolute_positions_are_resized_bicubically_for_the_crop() -> None:
    before = network("column")  # 5×5 places and a class token
    table = before.tokens.absolute.detach().clone()
    after = resized(network("column"), 32)
    square = table[1:].reshape(1, 5, 5, -1).permute(0, 3, 1, 2)
    wanted = F.interpolate(square, size=(8, 8), mode="bicubic", align_corners=False)[0].flatten(1).t()
    torch.testing.assert_close(after.tokens.absolute.detach(), torch.cat([table[:1], wanted]))
    # At that size it computes what the network computed by resizing as it went, and it can learn every place.
    images = torch.randn(1, 3, 32, 32)
    for mine, other in zip(before.features(images), after.features(images), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("family", ["pyramid", "column", "pyramid with all positions"])
def test_a_segmenter_answers_images_of_any_size(family: str) -> None:
    made = build(network(family), recipe("segment"), {"classes": ["a", "b"]}, None).eval()
    assert made.logits(torch.randn(1, 3, 37, 61)).shape == (1, 2, 37, 61)


def test_an_image_without_a_mask_is_named(folder: Path) -> None:
    (folder / "masks" / "train" / "3.png").unlink()
    with pytest.raises(Failure, match=r"train/3\.png has no mask"):
        read(folder)


def test_a_number_that_is_no_class_is_named_with_its_place(folder: Path) -> None:
    path = folder / "masks" / "train" / "2.png"
    mask = np.array(Image.open(path))
    mask[5, 7] = 77
    Image.fromarray(mask).save(path)
    with pytest.raises(Failure, match=r"2\.png has the number 77 at column 7, row 5: no class") as caught:
        opened(read(folder).train[2], 4, recipe("segment").model)
    assert "--set classes=78" in caught.value.remedy
    assert "--set void=9,77" in caught.value.remedy


@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        (Image.new("RGB", (WIDE, HIGH)), "is a picture of mode RGB"),
        (Image.new("L", (WIDE, 5)), f"is {WIDE}×5 pixels, and 2.png is {WIDE}×{HIGH}"),
    ],
)
def test_masks_that_are_none_are_named(folder: Path, replacement: Image.Image, message: str) -> None:
    replacement.save(folder / "masks" / "train" / "2.png")
    with pytest.raises(Failure, match=message):
        opened(read(folder).train[2], 4, recipe("segment").model)


def test_a_folder_without_masks_is_told_what_to_make(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(Failure, match="has no images with masks; there is: pictures"):
        read(tmp_path)
