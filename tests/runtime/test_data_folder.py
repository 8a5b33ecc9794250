"""A folder of images is taken as it is, and what is wrong with it is said before training starts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from image_folder import PLAIN, frame, image_folder, opened, write_image
from PIL import Image, ImageDraw

from spacelang_runtime.data import open_split
from spacelang_runtime.data.decode import Broken, decode
from spacelang_runtime.data.frame import framed
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing


def broken_folder(root: Path) -> Path:
    """Three classes of ten, three of whose files cannot be read, and one dangling link in val."""
    image_folder(root)
    (root / "train" / "ant" / "003.png").write_bytes(b"not an image at all")
    half = root / "train" / "bee" / "004.png"
    half.write_bytes(half.read_bytes()[:300])
    (root / "train" / "cat" / "005.png").write_bytes(b"")
    (root / "val" / "ant" / "link.jpg").symlink_to(root / "gone.jpg")
    return root


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_broken_image_is_named_once_counted_and_never_seen(tmp_path, workers, in_memory):
    said: list[str] = []
    data = opened(broken_folder(tmp_path), workers, said, holdout=0, **PLAIN)
    data.room *= in_memory
    batches = list(data.train_batches(0, 9))
    assert {len(batch.images) for batch in batches} == {8}
    named = [line for line in said if line.startswith("skipped a broken image: ")]
    for name in ("ant/003.png", "bee/004.png", "cat/005.png"):
        assert sum(str(tmp_path / "train" / name) in line for line in named) == 1
    assert named[-1].endswith("(3 so far)")
    assert len(named) == 3
    assert data.skipped.keys() == {
        str(tmp_path / "train" / n) for n in ("ant/003.png", "bee/004.png", "cat/005.png")
    }


def test_a_replacement_does_not_depend_on_workers_or_memory(tmp_path):
    folder = broken_folder(tmp_path)
    runs = [opened(folder, workers, holdout=0) for workers in (0, 0, 2)]
    runs[0].room = 0
    first, *others = [list(run.train_batches(0, 4)) for run in runs]
    for other in others:
        for a, b in zip(first, other, strict=True):
            assert torch.equal(a.images, b.images)
            assert torch.equal(a.targets, b.targets)


@pytest.mark.parametrize("words", [{}, {"progressive": True}, {"quality": 10}])
def test_a_jpeg_that_was_cut_off_anywhere_is_broken(tmp_path, words):
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", **words)
    path = tmp_path / "cut.jpg"
    path.write_bytes(file.getvalue())
    assert decode(path, 64).size == (40, 24)
    for length in range(len(file.getvalue())):
        path.write_bytes(file.getvalue()[:length])
        for most in (8, 64):  # reduced while it is decoded, and not
            with pytest.raises(Broken) as broken:
                decode(path, most)
            assert broken.value.name == str(path)


def test_what_is_left_out_of_a_folder_is_counted_and_named(tmp_path):
    image_folder(tmp_path)
    write_image(tmp_path / "train" / "ant" / "more" / "1.png", 1)
    write_image(tmp_path / "train" / "ant" / "more" / "2.png", 2)
    write_image(tmp_path / "val" / "loose.png", 3)
    for name in ("train/bee/1.heic", "train/bee/2.heic", "val/cat/notes.txt", "val/cat/Thumbs.db"):
        (tmp_path / name).touch()
    said: list[str] = []
    again: list[str] = []
    opened(tmp_path, said=said)
    assert said[:2] == [
        "left out: 4 files that are no JPEG, PNG, WebP, BMP, TIFF or GIF image of a class (.heic 2, .txt 1, "
        ".png 1; first: train/bee/1.heic)",
        "left out: 2 images in folders inside of a class (first: train/ant/more): a class has its images in its "
        "own folder",
    ]
    open_split(str(tmp_path), frame(), Preprocessing(), 0, again.append)
    assert again == [
        "left out: 2 files that are no JPEG, PNG, WebP, BMP, TIFF or GIF image of a class (.txt 1, .png 1; first: "
        "val/cat/notes.txt)"
    ]


def test_pixels_of_unknown_white_are_no_picture(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(Broken, match="floating-point numbers"):
        decode(tmp_path / "f.tif", 64)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_is_left_out_of_scoring(tmp_path, workers):
    said: list[str] = []
    data = opened(broken_folder(tmp_path), workers, said)
    for _ in range(2):
        assert sum(len(labels) for _, labels in data.test.batches(5)) == 12
    assert len(data.test) == 13
    assert sum("link.jpg" in line for line in said) == 1


@pytest.mark.parametrize("workers", [0, 1])
def test_a_disk_that_is_gone_ends_the_run_with_one_message(tmp_path, workers):
    data = opened(image_folder(tmp_path / "photos", train=30), workers, **PLAIN)
    data.room = 0
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    with pytest.raises(Failure, match="images in a row that cannot be read") as failure:
        list(data.train_batches(0, 2))
    assert "disk" in failure.value.remedy


def test_a_thousand_broken_images_do_not_take_a_thousand_lines(tmp_path):
    said: list[str] = []
    folder = image_folder(tmp_path, val=70)
    for path in (folder / "val").glob("*/*"):
        path.write_bytes(b"?")
    data = opened(folder, said=said)
    assert sum(len(labels) for _, labels in data.test.batches()) == 0
    assert len(data.skipped) == 210
    assert len(said) == 20 + 3  # the 32nd, 64th and 128th
    assert said[-1].endswith("(128 so far)")


def refused(where: Path, **words: object) -> Failure:
    with pytest.raises(Failure) as failure:
        opened(where, **words)
    assert failure.value.remedy
    return failure.value


def test_a_missing_folder_is_refused(tmp_path):
    assert "nowhere: this data does not exist" in refused(tmp_path / "nowhere").message
    assert "digits (built in)" in refused(tmp_path / "nowhere").remedy


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "data.bin").touch()
    assert "data.bin: this data is a file of an unknown kind" in refused(tmp_path / "data.bin").message


def test_a_folder_without_its_splits_is_refused(tmp_path):
    (tmp_path / "train").mkdir()
    assert "there is no folder val (or test) in it" in refused(tmp_path).message
    (tmp_path / "train").rename(tmp_path / "val")
    assert "there is no folder train in it" in refused(tmp_path).message


def test_the_folder_above_the_data_is_refused_with_the_one_that_was_meant(tmp_path):
    image_folder(tmp_path / "birds")
    assert refused(tmp_path).remedy == f"did you mean {tmp_path / 'birds'}?"


def test_a_split_or_a_slip_in_place_of_the_data_is_refused_with_the_folder_that_was_meant(tmp_path, monkeypatch):
    folder = image_folder(tmp_path / "photos")
    for slip in (folder / "train", folder / "val", tmp_path / "Photos", tmp_path / "photo"):
        assert refused(slip).remedy == f"did you mean {folder}?"
    monkeypatch.chdir(folder)
    assert refused("train").remedy == f"did you mean {folder}?"


def test_one_class_in_place_of_the_data_is_refused_with_the_folder_around_it(tmp_path):
    for name in ("ant", "bee"):
        write_image(tmp_path / "photos" / name / "1.png", 1)
    assert refused(tmp_path / "photos" / "ant").remedy.endswith(f"name the folder around it, {tmp_path / 'photos'}")


def test_a_split_without_class_folders_is_refused(tmp_path):
    folder = image_folder(tmp_path)
    for path in list((folder / "val").glob("*/*")):
        path.rename(folder / "val" / f"{path.parent.name}{path.name}")
    for path in list((folder / "val").iterdir()):
        if path.is_dir():
            path.rmdir()
    failure = refused(folder)
    assert "val: holds 12 files and no class folder" in failure.message
    assert "folder of its class" in failure.remedy


def test_no_classes_at_all_are_refused(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()
    assert "train: holds nothing" in refused(tmp_path).message


def test_an_empty_class_is_refused_by_name(tmp_path):
    folder = image_folder(tmp_path)
    for path in (folder / "train" / "bee").iterdir():
        path.rename(path.with_suffix(".heic"))
    assert refused(folder).message == f"{folder / 'train' / 'bee'}: no image in this class" + (
        "; left out: 10 files that are no JPEG, PNG, WebP, BMP, TIFF or GIF image of a class (.heic 10; first: "
        "bee/000.heic)"
    )


def test_classes_of_one_split_only_are_refused_by_name(tmp_path):
    folder = image_folder(tmp_path)
    (folder / "val" / "bee").rename(folder / "val" / "been")
    message = refused(folder).message
    assert "train and val have different classes: bee (train only), been (val only)" in message


def test_a_single_class_is_refused(tmp_path):
    assert (
        "one class, ant, leaves nothing to tell apart" in refused(image_folder(tmp_path, classes=("ant",))).message
    )


def test_a_class_whose_name_cannot_be_printed_is_refused(tmp_path):
    folder = image_folder(tmp_path)
    for split in ("train", "val"):
        (folder / split / "bee").rename(folder / split / "b\nee")
    assert r"a class whose name cannot be printed: 'b\nee'" in refused(folder).message


def test_a_number_of_channels_that_pictures_do_not_have_is_refused():
    assert "channels = 4" in refused(Path("digits"), channels=4).message


def test_classes_are_folder_names_in_order_and_other_files_are_passed_over(tmp_path):
    folder = image_folder(tmp_path, classes=("b", "a", "C"))
    (folder / "train" / ".cache").mkdir()
    (folder / "train" / "notes.txt").touch()
    (folder / "train" / "a" / "Thumbs.db").touch()
    (folder / "train" / "a" / "._000.png").touch()
    data = opened(folder)
    assert data.classes == ("C", "a", "b")
    assert data.train_size + len(data.search) == 30


def test_a_test_folder_stands_in_where_there_is_no_val(tmp_path):
    folder = image_folder(tmp_path)
    (folder / "val").rename(folder / "test")
    assert len(opened(folder).test) == 12
    image_folder(tmp_path, val=5)
    assert len(opened(folder).test) == 15  # now there is a val


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".jfif", ".png", ".webp", ".bmp", ".tif", ".TIFF", ".gif"])
def test_each_format_is_read(tmp_path, suffix):
    folder = image_folder(tmp_path)
    write_image(folder / "val" / "ant" / f"new{suffix}", 5)
    assert sum(len(labels) for _, labels in opened(folder).test.batches()) == 13


def saved(image: Image.Image, path: Path, **words: object) -> np.ndarray:
    image.save(path, **words)
    picture = decode(path, 100)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def test_grey_palette_and_sixteen_bits_become_rgb(tmp_path):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey = np.repeat(ramp[..., None], 3, 2)
    assert (saved(Image.fromarray(ramp), tmp_path / "grey.png") == grey).all()
    assert (saved(Image.fromarray(ramp).convert("P"), tmp_path / "palette.png") == grey).all()
    sixteen = Image.fromarray(ramp.astype(np.uint16) * 257)
    assert sixteen.mode == "I;16"
    assert (saved(sixteen, tmp_path / "sixteen.png") == grey).all()
    assert set(np.unique(saved(Image.fromarray(ramp > 99), tmp_path / "bits.png"))) == {0, 255}


def test_cmyk_becomes_rgb(tmp_path):
    pixels = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), tmp_path / "red.jpg")
    assert (np.abs(pixels.astype(int) - [255, 0, 0]) < 10).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_over_white(tmp_path, mode):
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 7, 15), fill=(90, 90, 90, 255))
    pixels = saved(image.convert(mode), tmp_path / "clear.png")
    assert (pixels[:, :8] == 90).all()
    assert (pixels[:, 8:] == 255).all()


def test_a_file_of_another_kind_is_broken_whatever_it_is_called(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PCX")
    (tmp_path / "image.jpg").write_bytes(buffer.getvalue())
    with pytest.raises(Broken, match="not a JPEG, PNG, WebP, BMP, TIFF or GIF image") as broken:
        decode(tmp_path / "image.jpg", 10)
    assert broken.value.name == str(tmp_path / "image.jpg")


def test_a_large_picture_is_read_no_larger_than_the_limit(tmp_path):
    for suffix in ("jpg", "png"):
        write_image(tmp_path / f"large.{suffix}", 1, (640, 400))
        assert decode(tmp_path / f"large.{suffix}", 100).size == (160, 100)


def test_a_picture_is_framed_as_the_published_figures_are():
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 512).astype(np.uint8), (256, 1)))
    middle = np.asarray(framed(ramp, 224, Preprocessing(0.875)))
    assert middle.shape == (224, 224)
    # Shorter side 256 = 224 / 0.875, so nothing is resized and the middle 224 columns of 512 remain.
    assert (middle == np.asarray(ramp)[16:240, 144:368]).all()
    small, whole = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)), Preprocessing(1.0)
    assert (np.asarray(framed(small, 8, whole)) == np.asarray(small)).all()
    for preprocessing in (whole, Preprocessing(0.875)):
        assert framed(small, 24, preprocessing).size == (24, 24)
        assert framed(Image.new("L", (9, 300)), 24, preprocessing).size == (24, 24)
