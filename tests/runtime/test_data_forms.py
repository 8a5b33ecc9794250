"""The same images are the same data, in whatever form they lie there."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from forms import FORMS, parquet, shards
from image_folder import frame, image_folder, opened, write_image

from spacelang_runtime.data import cache, in_memory, open_split
from spacelang_runtime.data.forms import parquet as parquet_form
from spacelang_runtime.data.forms.braces import expanded
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing

CLASSES = ("10", "A", "b a", "2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return image_folder(tmp_path_factory.mktemp("photos") / "photos", train=12, val=3, classes=CLASSES)


def bytes_of(batches) -> bytes:
    return b"".join(tensor.numpy().tobytes() for batch in batches for tensor in batch)


def everything(data) -> list[bytes]:
    """All that a run reads of data: batches of training, held-out and test images, in their order."""
    train = bytes_of((batch.images, batch.targets) for batch in data.train_batches(0, 6))
    return [train, bytes_of(data.search.batches(5)), bytes_of(data.test.batches(5))]


def test_a_folder_has_the_digest_and_the_order_that_it_always_had(tmp_path):
    for split, count in (("train", 12), ("val", 3)):
        for label, name in enumerate(CLASSES):
            for number in range(count):
                path = tmp_path / split / name / f"{number}.ppm"  # the same bytes by whatever library
                write_image(path, 100 * label + number, (4 + label, 5 + number))
    data = opened(tmp_path, holdout=0.25)
    assert data.fingerprint == "799a054e51f7cfe9e1cb80a483d84c7ccae8742ba2a20a1a97577e535185fa62"
    assert [data.train.pictures.name(index)[-8:] for index in (0, 20)] == ["0/10.ppm", "A/11.ppm"]
    assert [data.search.pictures.name(index)[-8:] for index in (0, 5)] == [" a/3.ppm", "10/0.ppm"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_digest_the_splits_and_the_batches_of_the_folder(form, folder, tmp_path):
    ours, theirs = opened(folder, holdout=0.25), opened(FORMS[form](folder, tmp_path), holdout=0.25)
    assert theirs.fingerprint == ours.fingerprint
    assert theirs.classes == ours.classes
    assert everything(theirs) == everything(ours)
    alone = open_split(str(FORMS[form](folder, make(tmp_path / "again"))), frame(), Preprocessing(), 0, print)
    assert alone.classes == ours.classes
    assert sorted(alone.labels) == sorted(ours.test.labels)


def make(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("form", FORMS)
def test_workers_read_every_form_and_give_the_same(form, folder, tmp_path):
    where = FORMS[form](folder, tmp_path)
    assert everything(opened(where, 2)) == everything(opened(where))


@pytest.mark.parametrize("form", FORMS)
def test_the_decoded_images_of_every_form_are_one_set(form, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(in_memory, "SMALL", 0)
    for where in (folder, FORMS[form](folder, tmp_path)):
        data = opened(where)
        bytes_of((batch.images, batch.targets) for batch in data.train_batches(0, 30))
        assert data.held
    assert sum("images of" in one.of and one.place.is_dir() for one in cache.every()) == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_only_others_may_write_is_read(form, folder, tmp_path, monkeypatch):
    where = FORMS[form](folder, make(tmp_path / "disk"))
    monkeypatch.setenv("SPACELANG_CACHE", "off")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "disk").rglob("*")}
    opened(where)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "disk").rglob("*")} == before


def test_headers_of_shards_are_read_once(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "cache"))
    where = shards(folder, tmp_path)
    first = opened(where)
    monkeypatch.setattr("spacelang_runtime.data.forms.shards.read", None)
    assert everything(opened(where)) == everything(first)
    assert [one.of for one in cache.every()] == ["what lies where in tars or Parquet files"]
    os.utime(where / "train-000000.tar")
    with pytest.raises(TypeError):
        opened(where)
    cache.clear()
    assert cache.every() == []


def test_an_index_that_is_cut_off_is_made_anew(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "cache"))
    first = opened(shards(folder, tmp_path))
    (index,) = cache.home().glob("*.npz")
    index.write_bytes(index.read_bytes()[:-40])
    assert opened(tmp_path / "shards").fingerprint == first.fingerprint


def test_large_groups_of_parquet_are_laid_out_once_in_the_cache(folder, tmp_path, monkeypatch):
    where = parquet(folder, tmp_path)
    in_place = opened(where)
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(parquet_form, "NEAR", 0)
    laid_out = opened(where)
    assert "laid out in the cache" in laid_out.form
    assert everything(laid_out) == everything(in_place)
    monkeypatch.setattr(parquet_form, "_read", None)
    assert everything(opened(where)) == everything(in_place)
    assert cache.clear() == 0, "what a process reads is not cleared away"


def test_groups_that_the_disk_does_not_take_are_read_where_they_are(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_form, "NEAR", 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 0))
    said: list[str] = []
    data = opened(parquet(folder, tmp_path), said=said)
    assert data.form == "4 Parquet files"
    assert "this will be slow (SPACELANG_CACHE=FOLDER elsewhere, or tar shards)" in said[0]
    assert everything(data) == everything(opened(folder))


@pytest.mark.parametrize("form", FORMS)
def test_an_image_of_every_form_goes_to_a_process_that_was_spawned(form, folder, tmp_path):
    pictures = opened(FORMS[form](folder, tmp_path)).train.pictures
    assert pickle.loads(pickle.dumps(pictures)).content(3) == pictures.content(3)


def test_braces_stand_for_files_in_order():
    assert expanded("a-{000..002}.tar") == ["a-000.tar", "a-001.tar", "a-002.tar"]
    assert expanded("{9..11}{x,y}") == ["9x", "9y", "10x", "10y", "11x", "11y"]
    assert expanded("plain") == ["plain"]
    with pytest.raises(Failure, match="no range"):
        expanded("{5..2}")
    with pytest.raises(Failure, match="more than"):
        expanded("{0..99999}{0..99999}")


def flat(root: Path, count: int = 10) -> Path:
    """Class folders without splits."""
    image_folder(root / "made", train=count)
    (root / "made" / "train").rename(root / "flat")
    return root / "flat"


def test_a_share_of_every_class_is_held_out_for_the_test_by_its_seed(tmp_path):
    where = str(flat(tmp_path))
    held = share(where, 0.2)
    assert np.bincount(held.test.labels).tolist() == [2, 2, 2]
    assert held.train_size + len(held.search) == 24
    assert share(where, 0.2).fingerprint == held.fingerprint
    other = share(where, 0.2, seed=1)
    assert other.fingerprint != held.fingerprint
    assert names(held.test) != names(other.test)
    assert not names(held.test) & (names(held.train) | names(held.search))


def share(where: str, of: float, seed: int = 0):
    from spacelang.recipe import Train
    from spacelang_runtime.data import TestShare, open_dataset

    return open_dataset(where, frame(), Train(batch=8), 0, lambda line: None, None, TestShare(of, seed))


def names(split) -> set[str]:
    return {split.pictures.name(index) for index in range(len(split))}


def test_a_flat_folder_without_a_share_is_told_of_it(tmp_path):
    with pytest.raises(Failure, match="has no test split: it is one split of 30 images") as failure:
        opened(flat(tmp_path))
    assert "--test-share 0.2" in failure.value.remedy


def test_a_share_of_data_with_a_test_split_is_refused(folder):
    with pytest.raises(Failure, match="has a test split of its own: val, 12 images"):
        share(str(folder), 0.2)


def test_a_share_that_leaves_a_class_untested_is_refused(tmp_path):
    where = flat(tmp_path)
    for path in sorted((where / "bee").iterdir())[1:]:
        path.unlink()
    with pytest.raises(Failure, match="takes no image of the class bee"):
        share(str(where), 0.2)


def test_the_share_of_a_zip_is_that_of_its_folder(tmp_path):
    where = flat(tmp_path)
    shutil.make_archive(str(tmp_path / "flat"), "zip", tmp_path, "flat")
    assert share(str(tmp_path / "flat.zip"), 0.3).fingerprint == share(str(where), 0.3).fingerprint


def test_train_alone_may_give_a_share_too(tmp_path):
    image_folder(tmp_path / "x")
    shutil.rmtree(tmp_path / "x" / "val")
    assert len(share(str(tmp_path / "x"), 0.2).test) == 6


def imagenet(root: Path, told: str, name: str) -> Path:
    """Three classes, whose test images lie in one folder, with a file that tells their classes."""
    image_folder(root)
    for path in sorted((root / "val").glob("*/*")):
        path.rename(root / "val" / f"{path.parent.name}-{path.name}")
    for path in list((root / "val").iterdir()):
        if path.is_dir():
            path.rmdir()
    lines = []
    for path in sorted((root / "val").iterdir()):
        first = path.name[0]
        of = {"name": path.name[:3], "number": "abc".index(first), "kit": "bca".index(first) + 1}
        lines.append(told.format(file=path.name, **of))
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines))
    return root


GROUND_TRUTHS = {
    "Kaggle's": ("{file},{name} 3 4 5 6", "LOC_val_solution.csv"),
    "Caffe's": ("{file} {number}", "val.txt"),
    "TensorFlow's": ("{name}", "imagenet_2012_validation_synset_labels.txt"),
    "tiny-imagenet's": ("{file}\t{name}\t0\t0\t62\t62", "val/val_annotations.txt"),
}


@pytest.mark.parametrize("whose", GROUND_TRUTHS)
def test_a_ground_truth_tells_the_classes_of_test_images(whose, tmp_path):
    said: list[str] = []
    data = opened(imagenet(tmp_path, *GROUND_TRUTHS[whose]), said=said)
    for index in range(len(data.test)):
        assert Path(data.test.pictures.name(index)).name[:3] == data.classes[data.test.labels[index]]
    assert "the classes of" in said[0]
    assert len(data.test) == 12


def test_numbers_of_the_development_kit_are_read_by_its_own_table(tmp_path):
    from scipy.io import savemat

    data = "ILSVRC2012_devkit_t12/data"
    root = imagenet(tmp_path, "{kit}", f"{data}/ILSVRC2012_validation_ground_truth.txt")
    with pytest.raises(Failure, match="own numbers") as failure:
        opened(root)
    assert "meta.mat" in failure.value.remedy
    rows = [(1, "bee", "", "", 0), (2, "cat", "", "", 0), (3, "ant", "", "", 0), (4, "animal", "", "", 3)]
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    savemat(root / data / "meta.mat", {"synsets": np.array(rows, dtype=kinds)[:, None]})
    found = opened(root)
    for index in range(len(found.test)):
        assert Path(found.test.pictures.name(index)).name[:3] == found.classes[found.test.labels[index]]


def test_tiny_imagenets_layout_is_read(tmp_path):
    image_folder(tmp_path)
    for path in list((tmp_path / "train").iterdir()):
        path.rename(tmp_path / "moved")
        (tmp_path / "moved").rename(make(path) / "images")
        (path / f"{path.name}_boxes.txt").touch()
    lines = []
    for path in sorted((tmp_path / "val").glob("*/*")):
        lines.append(f"{path.parent.name}{path.name}\t{path.parent.name}\t0\t0\t9\t9")
        (tmp_path / "val" / "images").mkdir(exist_ok=True)
        path.rename(tmp_path / "val" / "images" / f"{path.parent.name}{path.name}")
    for path in list((tmp_path / "val").iterdir()):
        if path.name != "images":
            path.rmdir()
    (tmp_path / "val" / "val_annotations.txt").write_text("\n".join(lines))
    image_folder(tmp_path / "unseen", train=1, val=1)
    (tmp_path / "test").mkdir()
    (tmp_path / "unseen" / "val" / "ant").rename(tmp_path / "test" / "images")
    shutil.rmtree(tmp_path / "unseen")
    said: list[str] = []
    data = opened(tmp_path, said=said, holdout=0)
    assert (data.train_size, len(data.test)) == (30, 12)
    assert [line for line in said if "left out" in line] == []
