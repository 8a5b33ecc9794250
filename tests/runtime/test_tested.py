"""The test of a model: what `evaluate` counts, its loss, its calibration and its pace."""

from __future__ import annotations

import pytest
import torch

from spacelang_runtime.engine.evaluate import evaluate
from spacelang_runtime.engine.tested import calibration_error, examine


class Linear(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :7]


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randint(0, 256, (size, 3, 4, 4), generator=generator, dtype=torch.uint8),
            torch.randint(0, 7, (size,), generator=generator),
        )
        for size in (20, 20, 3)
    ]


def scaled(images: torch.Tensor) -> torch.Tensor:
    return images.float() / 64


def test_it_counts_what_evaluate_counts() -> None:
    cpu = torch.device("cpu")
    tested = examine(Linear(), batches(), scaled, cpu)
    assert tested.accuracy == evaluate(Linear(), batches(), scaled, cpu)
    logits = torch.cat([Linear()(scaled(images)) for images, _ in batches()])
    labels = torch.cat([labels for _, labels in batches()])
    assert tested.loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits, labels)), rel=1e-5)
    assert tested.images_a_second > 0


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    sure = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    right = torch.tensor([True, True, True, False, True, False])
    # In the bin of 0.9: 3 of 4 right; in that of 0.5: 1 of 2.
    assert calibration_error(sure, right) == pytest.approx(4 / 6 * abs(0.75 - 0.9) + 2 / 6 * 0.0)
    assert calibration_error(torch.ones(5), torch.ones(5, dtype=torch.bool)) == 0
    assert calibration_error(torch.zeros(5), torch.ones(5, dtype=torch.bool)) == 1


def test_no_images_are_no_error() -> None:
    assert examine(Linear(), [], scaled, torch.device("cpu")).accuracy.images == 0
