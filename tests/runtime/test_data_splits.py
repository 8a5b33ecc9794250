"""Three splits that share no image, the same on every machine and for every seed."""

from __future__ import annotations

import shutil
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_folder import frame, image_folder, opened, write_image

from spacelang_runtime.data import labelled, open_split
from spacelang_runtime.data.stratify import ranks, stratified
from spacelang_runtime.failure import Failure


def names(split) -> set[str]:
    return {str(split.pictures.encoded.path(index)) for index in range(len(split))}


def test_the_held_out_images_are_never_trained_on(tmp_path):
    data = opened(image_folder(tmp_path, train=20), holdout=Fraction(1, 4))
    assert not names(data.train) & names(data.search)
    assert len(names(data.train) | names(data.search)) == 60
    assert data.train_size == 45
    assert len(data.search) == 15
    assert np.bincount(data.search.labels).tolist() == [5, 5, 5]
    assert names(data.test) == {str(path) for path in (tmp_path / "val").glob("*/*")}


def test_the_split_is_the_same_for_every_training_seed_and_hardly_moves_with_the_files(tmp_path):
    folder = image_folder(tmp_path, train=20)
    first = names(opened(folder, seed=0).search)
    assert names(opened(folder, seed=5).search) == first
    write_image(folder / "train" / "bee" / "new.png", 99)
    assert len(names(opened(folder).search) ^ first) <= 2
    assert first <= names(opened(folder, holdout=Fraction(1, 2)).search)


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    share=st.fractions(0, Fraction(9, 10), max_denominator=20),
)
@settings(max_examples=40)
def test_every_class_gives_its_share_rounded_and_keeps_a_picture(sizes, share):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    count = round(share * len(labels))
    taken = stratified(labels, ranks(str(index).encode() for index in range(len(labels))), count)
    given = np.bincount(labels[taken], minlength=len(sizes))
    for size, out in zip(sizes, given, strict=True):
        exact = Fraction(count * size, len(labels))
        assert out < size
        assert out <= exact + 1
        assert out >= min(int(exact), size - 1)
    assert given.sum() <= count
    if all(size > count for size in sizes):
        assert given.sum() == count


def test_digits_have_exactly_360_test_images_of_all_classes():
    data = opened("digits")
    assert len(data.test) == 360
    assert data.train_size + len(data.search) + len(data.test) == 1797
    assert data.classes == tuple("0123456789")
    whole = np.bincount(np.concatenate([data.train.labels, data.search.labels, data.test.labels]))
    for split in (data.search, data.test):
        share = len(split) / 1797
        assert np.abs(np.bincount(split.labels) - share * whole).max() < 1.5


def test_digits_are_the_ones_that_scikit_learn_ships():
    from sklearn.datasets import load_digits

    data = opened("digits", image=8)
    images = np.concatenate([split.pictures.array for split in (data.train, data.search, data.test)])
    labels = np.concatenate([data.train.labels, data.search.labels, data.test.labels])
    ours = sorted(
        zip(labels.tolist(), (images / 255 * 16).round().astype(int).reshape(-1, 64).tolist(), strict=True)
    )
    bunch = load_digits()
    theirs = sorted(zip(bunch.target.tolist(), bunch.data.astype(int).tolist(), strict=True))
    assert ours == theirs


def test_what_is_scored_comes_in_one_fixed_order_mixed_over_the_classes(tmp_path):
    folder = image_folder(tmp_path, val=40)
    data = opened(folder)
    first, again = [list(data.test.batches(32)) for _ in range(2)]
    other = list(opened(folder, workers=2, seed=3).test.batches(32))
    for one in (again, other):
        assert all((a == c).all() and (b == d).all() for (a, b), (c, d) in zip(first, one, strict=True))
    assert [len(labels) for _, labels in first] == [32, 32, 32, 24]
    assert set(first[0][1].tolist()) == {0, 1, 2}


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_whole_however_many_pieces_they_come_in_and_may_be_left_early(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(labelled, "PIECE", 1)
    monkeypatch.setattr(labelled, "LEAST", 3)
    data = opened(image_folder(tmp_path, val=10), workers)
    whole = list(data.test.batches(256))
    assert [len(labels) for _, labels in whole] == [30]
    parts = list(data.test.batches(8))
    assert [len(labels) for _, labels in parts] == [8, 8, 8, 6]
    assert torch.equal(torch.cat([images for images, _ in parts]), whole[0][0])
    assert torch.equal(torch.cat([labels for _, labels in parts]), whole[0][1])
    left = data.test.batches(8)
    next(left)
    left.close()


def test_test_images_alone_are_those_of_the_whole_data_set(tmp_path):
    data = opened(image_folder(tmp_path))
    shutil.rmtree(tmp_path / "train")
    for where in (tmp_path, tmp_path / "val"):
        alone = open_split(str(where), frame(), data.preprocessing, 0, lambda line: None)
        assert alone.classes == data.classes
        for ours, theirs in zip(alone.batches(5), data.test.batches(5), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    digits = open_split("digits", frame(8), data.preprocessing, 0, lambda line: None)
    assert len(digits) == 360
    (tmp_path / "val").rename(tmp_path / "train")
    with pytest.raises(Failure, match=r"no folder val \(or test\) in it"):
        open_split(str(tmp_path), frame(), data.preprocessing, 0, lambda line: None)
    image_folder(tmp_path / "above" / "birds")
    with pytest.raises(Failure, match="no folder val") as failure:
        open_split(str(tmp_path / "above"), frame(), data.preprocessing, 0, lambda line: None)
    assert failure.value.remedy == f"did you mean {tmp_path / 'above' / 'birds'}?"


def test_the_fingerprint_knows_changed_data(tmp_path):
    folder = image_folder(tmp_path)
    first = opened(folder).fingerprint
    assert opened(folder, seed=9, workers=1).fingerprint == first
    image = folder / "val" / "ant" / "000.png"
    whole = image.read_bytes()
    image.write_bytes(whole + b"\0")
    assert opened(folder).fingerprint != first
    image.write_bytes(whole)
    assert opened(folder).fingerprint == first
    image.rename(image.with_name("other.png"))
    assert opened(folder).fingerprint != first


def test_a_holdout_of_nothing_is_refused_unless_it_was_asked_for(tmp_path):
    folder = image_folder(tmp_path, train=1)
    with pytest.raises(Failure, match=r"holdout 0\.1 of 3 training images is none"):
        opened(folder)
    assert len(opened(folder, holdout=0).search) == 0
