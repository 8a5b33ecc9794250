"""Batches are made ahead in their order, whatever happens on the way, and nothing is left running."""

from __future__ import annotations

import multiprocessing
import threading
import time
from contextlib import closing
from fractions import Fraction

import pytest
import torch
from image_folder import image_folder, opened

from spacelang_runtime.data import resident
from spacelang_runtime.data.batch import ImageBatch
from spacelang_runtime.data.prefetch import _by_thread, whole
from spacelang_runtime.failure import Failure


def piece(start: int, count: int, broken: str = "") -> ImageBatch:
    images = torch.arange(start, start + count, dtype=torch.uint8).view(-1, 1, 1, 1)
    return ImageBatch(images, torch.arange(start, start + count), [(broken, "why")] if broken else [])


def test_a_batch_is_its_pieces_one_after_the_other():
    pieces = iter([piece(0, 4), piece(4, 1, "a"), piece(5, 4, "b"), piece(9, 1)])
    first, second = whole(pieces, 2, torch.device("cpu"))
    assert first.labels.tolist() == first.images.flatten().tolist() == [0, 1, 2, 3, 4]
    assert second.labels.tolist() == [5, 6, 7, 8, 9]
    assert (first.broken, second.broken) == ([("a", "why")], [("b", "why")])


def test_a_thread_gives_results_in_order_and_only_a_few_ahead():
    made = iter(range(100))
    with closing(_by_thread(lambda: next(made))) as results:
        assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
        time.sleep(0.05)
        assert next(made) <= 8
    assert "batches" not in [thread.name for thread in threading.enumerate()]


def test_a_failure_of_the_thread_comes_after_the_results_before_it():
    made = iter([1, 2, Failure("the disk is gone")])

    def make():
        result = next(made)
        if isinstance(result, Failure):
            raise result
        return result

    results = _by_thread(make)
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(Failure, match="the disk is gone"):
        next(results)
    assert "batches" not in [thread.name for thread in threading.enumerate()]


def test_a_training_that_stops_leaves_no_reader(tmp_path):
    data = opened(image_folder(tmp_path), workers=2)
    with closing(data.train_batches(0, 1000)) as batches:
        next(batches)
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("workers", [0, 3])
def test_a_gpu_is_fed_what_a_cpu_is(tmp_path, workers, monkeypatch):
    monkeypatch.setattr(resident, "fits", lambda held, device: False)  # else it crops itself: test_data_resident.py
    words = {"rand_augment": 9, "erasing": Fraction(1, 2), "mixup": 1, "cutmix": 1, "batch": 40}
    data = opened(image_folder(tmp_path, train=30), workers, **words)
    here = list(data.train_batches(0, 6))
    there = list(data.train_batches(0, 6, device="cuda"))
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(b.targets.cpu(), a.targets)
        assert ((b.images.cpu() - a.images).abs() > 0.03).float().mean() < 0.01  # two levels of 256
