"""The held-out images are decoded once, kept by what is in them, and come in the same batches everywhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from image_folder import image_folder, write_image
from PIL import Image
from searching import digits

from spacelang.architecture import Frame
from spacelang.recipe import Train
from spacelang_runtime.data import cache as cache_folders
from spacelang_runtime.data import open_dataset
from spacelang_runtime.data.dataset import Dataset
from spacelang_runtime.data.decoded import Decoded, decoded
from spacelang_runtime.engine.evaluate import evaluate
from spacelang_runtime.engine.supernet import untrained
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.search.halving import rungs
from spacelang_runtime.search.images import ScoringImages, batch_of, beginning, cuts, place
from spacelang_runtime.search.scoring import Fidelity, Scorer, Subnet

FRAME = Frame(16, 4, 3, 3, ("bias",), "none", "mean", True)
CPU = torch.device("cpu")
RECIPE = Train(holdout=0.5)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "spacelang"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return image_folder(tmp_path / "photos", train=20, val=2)


def opened(photos: Path, frame: Frame = FRAME) -> Dataset:
    return open_dataset(str(photos), frame, RECIPE, 0, lambda line: None)


def sets(cache: Path) -> list[Path]:
    return [index.parent for index in cache.glob("decoded/*/index.json")]


def test_decoded_images_are_those_of_the_data_set_and_are_read_the_second_time(cache: Path, photos: Path) -> None:
    said: list[str] = []
    expected = torch.cat([pictures for pictures, _ in opened(photos).search.batches()])
    for _ in range(2):
        found = decoded(opened(photos).search, None, said.append)
        assert np.array_equal(found.pictures, expected.numpy())
        assert found.pictures.dtype == np.uint8
    assert len(said) == 1
    assert len(sets(cache)) == 1
    assert np.array_equal(decoded(opened(photos).search, 7, said.append).pictures, expected.numpy()[:7])


def test_a_picture_that_changes_is_decoded_anew(cache: Path, photos: Path) -> None:
    dataset = opened(photos)
    before = decoded(dataset.search, None, lambda line: None)
    path = dataset.search.pictures.encoded.path(3)
    other = dataset.search.pictures.encoded.path(4)
    path.write_bytes(other.read_bytes())
    after = decoded(opened(photos).search, None, lambda line: None)
    assert not np.array_equal(after.pictures[3], before.pictures[3])
    assert len(sets(cache)) == 2


def test_another_crop_share_is_decoded_anew(cache: Path, photos: Path) -> None:
    kept = {}
    for preprocessing in (Preprocessing(1.0), Preprocessing(0.875), Preprocessing(0.875, "bilinear")):
        dataset = open_dataset(str(photos), FRAME, RECIPE, 0, lambda line: None, preprocessing)
        found = decoded(dataset.search, None, lambda line: None)
        kept[preprocessing] = found.pictures.tobytes()
    assert len(set(kept.values())) == len(sets(cache)) == 3


def test_what_is_scored_is_decoded_whole_and_what_is_trained_on_reduced(cache: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in "ab":
            for number in range(4):
                write_image(tmp_path / "large" / split / name / f"{number}.jpg", number, (160, 128))
    dataset = opened(tmp_path / "large")
    assert dataset.train.pictures.read(0).size == (40, 32)
    for split in (dataset.search, dataset.test):
        path = split.pictures.encoded.path(0)
        with Image.open(path) as picture:
            whole = picture.convert("RGB")
        assert split.pictures.read(0).size == whole.size == (160, 128)
        expected = np.asarray(whole.resize((22, 18), Image.Resampling.BICUBIC).crop((3, 1, 19, 17)))
        ((pictures, _),) = split.batches()
        assert np.array_equal(pictures[0].permute(1, 2, 0).numpy(), expected)


def test_a_broken_picture_is_left_out_with_its_label(cache: Path, photos: Path) -> None:
    dataset = opened(photos)
    labels = dataset.search.labels
    dataset.search.pictures.encoded.path(2).write_bytes(b"no picture")
    for _ in range(2):
        found = decoded(opened(photos).search, None, lambda line: None)
        assert np.array_equal(found.labels, np.delete(labels, 2))
        assert len(found.pictures) == len(labels) - 1


def test_a_folder_that_cannot_be_written_is_said_and_does_not_matter(
    tmp_path: Path, photos: Path, monkeypatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "file"))
    said: list[str] = []
    assert len(decoded(opened(photos).search, None, said.append)) == 30
    assert "not kept" in said[0]


def test_a_cache_that_is_switched_off_takes_nothing(tmp_path: Path, photos: Path, monkeypatch) -> None:
    monkeypatch.setenv("SPACELANG_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    said: list[str] = []
    assert len(decoded(opened(photos).search, None, said.append)) == 30
    assert "there is no cache" in said[0]
    with pytest.raises(Failure, match="there is no cache"):
        cache_folders.fits(1)
    assert set(tmp_path.iterdir()) == before


def test_a_scorer_counts_what_evaluate_counts() -> None:
    """Image by image, in one go or in parts: the answers add up to `evaluate`, and both scores come from one
    pass."""
    lowered = digits()
    dataset = open_dataset("digits", lowered.space.frame, lowered.space.train, 0, lambda line: None)
    model = untrained(lowered, CPU).eval()
    images = place(decoded(dataset.search, 200, lambda line: None), dataset.frame, CPU)
    scorer = Scorer(model, images, dataset.normalise)
    for architecture in (lowered.largest, lowered.smallest):
        told = scorer.answers(architecture)
        expected = evaluate(model, images.batches(), dataset.normalise, CPU, architecture)
        assert (len(told), told.correct) == (expected.images, expected.first)
        (pictures, labels), *_ = images.batches(0, 96)
        logits = model(dataset.normalise(pictures), architecture)
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        assert np.array_equal(told.losses[:96], losses.detach().half().numpy())
        for done in (96, 192):
            part = Subnet(architecture, architecture.digest, told.first(done))
            (again,) = scorer.judge([part], Fidelity(200))
            assert np.array_equal(again.answers.losses, told.losses)
            assert np.array_equal(again.answers.right, told.right)


def test_batches_do_not_depend_on_where_they_are_computed_and_races_have_looks() -> None:
    s3 = Frame(224, 4, 3, 1000, ("bias",), "none", "mean", True)
    assert batch_of(s3, 10_000) == 256
    assert batch_of(FRAME, 30) == 64
    for count in (359, 5000, 10_000):
        ends = cuts(count, batch_of(s3, count))
        assert len(ends) >= 3
        assert ends[-1] == count
        assert set(rungs(count)) <= set(ends)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("where", ["device", "pinned", "host"])
def test_images_are_the_same_wherever_they_lie(where) -> None:
    from attrs import evolve

    generator = np.random.default_rng(0)
    found = Decoded(generator.integers(0, 256, (1000, 3, 16, 16), np.uint8), generator.integers(0, 9, 1000))
    images = place(found, FRAME, torch.device("cuda:0"))
    pictures = torch.from_numpy(found.pictures)
    if where != "device":
        images = evolve(images, place=where, pictures=pictures.pin_memory() if where == "pinned" else pictures)
    assert torch.equal(torch.cat([p.cpu() for p, _ in images.batches(100)]), pictures[100:])


@pytest.mark.parametrize("begin", [0, 1, 250, 299])
def test_from_where_they_begin_every_image_comes_once_in_the_fixed_order(begin: int) -> None:
    numbers = torch.arange(300)
    images = ScoringImages(numbers, numbers, CPU, "device", 64, begin)
    expected = torch.roll(numbers, -begin)
    for start, end in ((0, 300), (96, 200), (200, 300)):
        seen = [torch.cat(part) for part in zip(*images.batches(start, end), strict=True)]
        assert all(torch.equal(part, expected[start:end]) for part in seen)


def test_where_images_begin_follows_from_the_seed_and_consecutive_seeds_leave_others_for_the_estimate() -> None:
    begins = [beginning(seed, 1000) for seed in range(10)]
    assert begins[0] == 0
    assert begins == [beginning(seed, 1000) for seed in range(10)]
    apart = np.diff(np.sort([*begins, 1000]))
    assert apart.min() > 40
    left = {(begin + place) % 1000 for begin in begins for place in range(800, 1000)}
    assert len(left) == 1000, "ten seeds leave every image once"
    assert all(0 <= beginning(2**32 - 1, images) < images for images in (1, 7, 10_000))
