"""The batch of a step follows from the data, the recipe, the step, the rank and the world, and nothing else."""

from __future__ import annotations

import random
from fractions import Fraction

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_folder import PLAIN, image_folder, opened, write_image

from spacelang_runtime.data import Batch, Dataset, normalise
from spacelang_runtime.data.sampler import Sampler
from spacelang_runtime.failure import Failure

HALF = Fraction(1, 2)
HEAVY = {"rand_augment": 9, "erasing": HALF, "flip": HALF, "crop": Fraction(1, 4), "mixup": 1, "cutmix": 1}
LIGHT = PLAIN | {"crop": HALF, "flip": HALF}


def same(ours: list[Batch], theirs: list[Batch]) -> bool:
    return len(ours) == len(theirs) and all(
        torch.equal(a.images, b.images) and torch.equal(a.targets, b.targets)
        for a, b in zip(ours, theirs, strict=True)
    )


def batches(dataset: Dataset, first: int = 0, steps: int = 6, rank: int = 0, world: int = 1) -> list[Batch]:
    return list(dataset.train_batches(first, steps, rank, world))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_changes_nothing(tmp_path, workers):
    folder = image_folder(tmp_path)
    assert same(batches(opened(folder, 0, **HEAVY)), batches(opened(folder, workers, **HEAVY)))


@pytest.mark.parametrize("recipe", [HEAVY, LIGHT])
@pytest.mark.parametrize("where", ["folder", "digits"])
def test_a_run_cut_anywhere_goes_on_as_the_uncut_one(tmp_path, where, recipe):
    data = opened(image_folder(tmp_path) if where == "folder" else where, **recipe)
    whole = batches(data)
    for cut in (1, 3, 4):
        again = opened(tmp_path if where == "folder" else where, **recipe)
        assert same(whole, batches(data, 0, cut) + batches(again, cut, 6 - cut))


def test_pictures_in_memory_are_those_on_disk(tmp_path):
    folder = image_folder(tmp_path)
    write_image(folder / "train" / "ant" / "large.png", 7, (100, 90))  # above the limit of twice the frame
    held, unheld = opened(folder, **HEAVY), opened(folder, **HEAVY)
    unheld.room = 0
    assert same(batches(held), batches(unheld))
    assert held._held is not None
    assert unheld._held is None


def test_another_seed_another_step_and_another_rank_give_other_batches(tmp_path):
    folder = image_folder(tmp_path)
    first = batches(opened(folder, **HEAVY))
    images = [batch.images for batch in first]
    assert not any(torch.equal(images[a], images[b]) for a in range(6) for b in range(a))
    assert not same(first, batches(opened(folder, seed=1, **HEAVY)))
    assert not same(batches(opened(folder, **HEAVY), world=2), batches(opened(folder, **HEAVY), rank=1, world=2))


@pytest.mark.parametrize("where", ["folder", "digits"])
@pytest.mark.parametrize("augmented", [LIGHT, HEAVY | {"mixup": 0, "cutmix": 0}])
@pytest.mark.parametrize("world", [2, 3])
def test_the_ranks_share_the_batch_out(tmp_path, where, augmented, world):
    data = opened(image_folder(tmp_path) if where == "folder" else where, **augmented)
    for step in (0, 3, 5):
        (whole,) = batches(data, step, 1)
        shares = [batches(data, step, 1, rank, world)[0] for rank in range(world)]
        for field in ("images", "targets"):
            joined = torch.cat([getattr(share, field) for share in shares])
            order = [index for rank in range(world) for index in range(rank, 8, world)]
            assert torch.equal(joined, getattr(whole, field)[order])


@pytest.mark.parametrize("recipe", [HEAVY, LIGHT])
def test_the_trainers_generators_are_left_as_they_were(recipe):
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    expected = torch.rand(3), random.random(), np.random.rand()
    for workers in (0, 1):
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)
        batches(opened("digits", workers, **recipe), steps=2)
        drawn = torch.rand(3), random.random(), np.random.rand()
        assert torch.equal(drawn[0], expected[0])
        assert drawn[1:] == expected[1:]


def test_without_augmentation_a_training_image_is_the_picture(tmp_path):
    folder = image_folder(tmp_path)
    data = opened(folder, holdout=HALF, **PLAIN)
    scored = {}
    for split in (data.train, data.search.split):
        images, labels = next(attrs.evolve(data.search, split=split.whole()).batches())
        scored[split is data.train] = {
            image.numpy().tobytes(): int(label) for image, label in zip(images, labels, strict=True)
        }
    assert not scored[True].keys() & scored[False].keys()
    seen = {}
    for batch in data.train_batches(0, data.steps_per_epoch(8)):
        for image, target in zip(batch.images, batch.targets, strict=True):
            seen[image.numpy().tobytes()] = int(target.argmax())
            assert target.sum() == 1
            assert target.max() == 1
    as_read = {
        normalise(torch.frombuffer(bytearray(image), dtype=torch.uint8).view(1, 3, 16, 16)).numpy().tobytes(): label
        for image, label in scored[True].items()
    }
    assert seen.items() <= as_read.items()
    assert len(seen) == data.train_size // 8 * 8


@given(
    pictures=st.integers(40, 100),
    batch=st.integers(1, 40),
    repeats=st.integers(1, 4),
    step=st.integers(0, 30),
    world=st.integers(1, 5),
)
@settings(max_examples=40)
def test_an_epoch_shows_each_picture_as_often_as_the_recipe_repeats_it(pictures, batch, repeats, step, world):
    schedule = Sampler(pictures, batch, repeats, seed=0)
    steps = schedule.steps_per_epoch
    assert steps == pictures // batch
    epoch = schedule.epoch(step)
    shown = np.concatenate([schedule.indices(epoch * steps + k, 0, 1) for k in range(steps)])
    assert len(shown) == steps * batch
    counts = np.bincount(shown, minlength=pictures)
    # Every picture shown has all its views, but for the last one's, which the end of the epoch may cut.
    assert counts.max() <= repeats
    assert np.count_nonzero(counts % repeats) <= 1
    shares = [schedule.indices(step, rank, world) for rank in range(world)]
    assert sorted(np.concatenate(shares)) == sorted(schedule.indices(step, 0, 1))


def test_the_views_of_a_repeated_picture_differ():
    (batch,) = batches(opened("digits", repeats=4, **LIGHT | {"crop": Fraction(1, 4)}), steps=1)
    assert torch.equal(batch.targets[0], batch.targets[3])
    assert not torch.equal(batch.images[0], batch.images[3])


def test_targets_are_distributions_over_the_classes_of_the_data(tmp_path):
    folder = image_folder(tmp_path)
    smooth = batches(opened(folder, **PLAIN | {"label_smoothing": Fraction(3, 10)}), steps=1)[0].targets
    assert smooth.shape == (8, 3)
    torch.testing.assert_close(smooth.sort().values[0], torch.tensor([0.1, 0.1, 0.8]))
    for recipe in ({"mixup": 1, "cutmix": 0}, {"mixup": 0, "cutmix": 1}, {"mixup": 1, "cutmix": 1}):
        for batch in batches(opened(folder, **PLAIN | recipe), steps=4):
            torch.testing.assert_close(batch.targets.sum(1), torch.ones(8))
            # A mixed pair shares its weights: image i with image b - 1 - i.
            torch.testing.assert_close((batch.targets + batch.targets.flip(0)).sum(1), torch.full((8,), 2.0))


def test_mixup_mixes_images_and_targets_by_the_same_weight(tmp_path):
    folder = image_folder(tmp_path)
    (plain,), (mixed,) = (batches(opened(folder, **PLAIN | {"mixup": m}), steps=1) for m in (0, 1))
    other = plain.images.flip(0)
    pair = int((plain.targets != plain.targets.flip(0)).any(1).nonzero()[0])
    weight = mixed.targets[pair][plain.targets[pair].argmax()]
    torch.testing.assert_close(mixed.images[pair], weight * plain.images[pair] + (1 - weight) * other[pair])


def test_an_odd_batch_is_mixed_but_for_its_last_image(tmp_path):
    folder = image_folder(tmp_path)
    plain, mixed = (batches(opened(folder, **PLAIN | {"mixup": m, "batch": 7}), steps=1)[0] for m in (0, 1))
    assert torch.equal(plain.images[6], mixed.images[6])
    assert torch.equal(plain.targets[6], mixed.targets[6])
    assert not torch.equal(plain.images[:6], mixed.images[:6])


def test_every_augmentation_reaches_the_image(tmp_path):
    folder = image_folder(tmp_path)
    (plain,) = batches(opened(folder, **PLAIN), steps=1)
    for word in ({"crop": HALF}, {"flip": 1}, {"rand_augment": 9}, {"erasing": 1}):
        (batch,) = batches(opened(folder, **PLAIN | word), steps=1)
        assert not torch.equal(batch.images, plain.images), word
    (flipped,) = batches(opened(folder, **PLAIN | {"flip": 1}), steps=1)
    # 20 × 16 pictures frame evenly, so the mirror image of the frame is the frame of the mirror image.
    assert torch.equal(flipped.images, plain.images.flip(-1))


def test_erasing_leaves_what_it_does_not_erase(tmp_path):
    folder = image_folder(tmp_path)
    (plain,) = batches(opened(folder, **PLAIN), steps=1)
    (batch,) = batches(opened(folder, **PLAIN | {"erasing": 1}), steps=1)
    changed = (plain.images != batch.images).any(1)
    for image in changed:
        rows, columns = image.any(1).nonzero(), image.any(0).nonzero()
        height, width = int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)
        # One rectangle: noise may hit a pixel's own value, but not often.
        assert image.sum() > 0.9 * height * width
        assert height * width <= 16 * 16 / 3 * 1.2


def test_the_light_views_of_digits_flip_crop_and_keep_the_scale_of_bytes():
    (plain,) = batches(opened("digits", **PLAIN), steps=1)
    (flipped,) = batches(opened("digits", **PLAIN | {"flip": 1}), steps=1)
    assert torch.equal(flipped.images, plain.images.flip(-1))
    (cropped,) = batches(opened("digits", **PLAIN | {"crop": Fraction(9, 10)}), steps=1)
    assert torch.equal(cropped.targets, plain.targets)
    assert not torch.equal(cropped.images, plain.images)
    # A crop of nine tenths moves hardly anything: each view is nearer to its own picture than to any other.
    distances = torch.cdist(cropped.images.flatten(1), plain.images.flatten(1))
    assert torch.equal(distances.argmin(1), torch.arange(8))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("recipe", [HEAVY, LIGHT])
@pytest.mark.parametrize("where", ["folder", "digits"])
def test_images_have_the_channels_and_the_side_of_the_frame(tmp_path, where, recipe, channels):
    data = opened(image_folder(tmp_path) if where == "folder" else where, image=24, channels=channels, **recipe)
    (batch,) = batches(data, steps=1)
    assert batch.images.shape == (8, channels, 24, 24)
    assert batch.images.dtype == torch.float32
    images, labels = next(data.search.batches())
    assert images.shape[1:] == (channels, 24, 24)
    assert images.dtype == torch.uint8
    assert labels.dtype == torch.int64


def test_a_batch_of_more_than_all_images_is_refused(tmp_path):
    data = opened(image_folder(tmp_path, train=2), batch=20, holdout=0, **PLAIN)
    for ask in (lambda: data.steps_per_epoch(20), lambda: batches(data)):
        with pytest.raises(Failure, match="a batch of 20 is more than the 6 training images"):
            ask()


def test_more_gpus_than_images_in_a_batch_is_refused(tmp_path):
    data = opened(image_folder(tmp_path), batch=2)
    with pytest.raises(Failure, match="a batch of 2 cannot be shared by 4 GPUs"):
        batches(data, world=4)


def test_normalised_images_have_imagenets_mean_at_zero():
    grey = torch.full((1, 3, 2, 2), 127, dtype=torch.uint8)
    expected = torch.tensor([(127 / 255 - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))])
    torch.testing.assert_close(normalise(grey)[0, :, 0, 0], expected)
    assert normalise(grey[:, :1]).shape == (1, 1, 2, 2)
