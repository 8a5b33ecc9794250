"""The evaluation of networks: shares, loss, calibration, intervals; and that it reads its images once."""

from __future__ import annotations

import pytest
import torch
from tiny_training import new_setup

from spacelang_runtime.engine.evaluate import calibration_error, evaluate, evaluate_all
from spacelang_runtime.engine.wilson import wilson
from spacelang_runtime.failure import Failure

CPU = torch.device("cpu")


class Fixed(torch.nn.Module):
    """Logits that are the image's first pixels."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0].flatten(1)[:, :9]


def scaled(images: torch.Tensor) -> torch.Tensor:
    return images.float() / 64


def batches_of(count: int, classes: int, size: int = 3):
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=chance)
    labels = torch.randint(0, classes, (count,), generator=chance)
    return images, labels, list(zip(images.split(size), labels.split(size), strict=True))


def test_counts_are_those_of_sorting_every_image() -> None:
    images, labels, batches = batches_of(100, 9)
    ranks = images[:, 0].flatten(1)[:, :9].float().argsort(1, descending=True)
    places = (ranks == labels[:, None]).float().argmax(1)
    found = evaluate(Fixed(), batches, torch.Tensor.float, CPU)
    assert (found.images, found.first, found.five) == (100, int((places < 1).sum()), int((places < 5).sum()))
    assert found.top1 == found.first / 100
    logits = images[:, 0].flatten(1)[:, :9]
    assert torch.equal(logits.gather(1, found.predicted[:, None])[:, 0], logits.max(1).values)
    matrix = found.confusion(9)
    assert matrix.sum() == 100
    assert matrix.trace() == found.first
    for true in range(9):
        for taken in range(9):
            assert matrix[true, taken] == ((labels == true) & (found.predicted == taken)).sum()


def test_the_loss_is_the_mean_cross_entropy() -> None:
    images, labels, batches = batches_of(43, 7, 20)
    found = evaluate(Fixed(), batches, scaled, CPU)
    expected = torch.nn.functional.cross_entropy(Fixed()(scaled(images)), labels)
    assert found.loss == pytest.approx(float(expected), rel=1e-5)
    assert found.images_a_second > 0


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_size_of_batches_does_not_matter(size: int) -> None:
    expected = evaluate(Fixed(), batches_of(100, 9)[2], torch.Tensor.float, CPU)
    assert torch.equal(
        evaluate(Fixed(), batches_of(100, 9, size)[2], torch.Tensor.float, CPU).predicted, expected.predicted
    )


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    sure = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    right = torch.tensor([True, True, True, False, True, False])
    # In the bin of 0.9: 3 of 4 right; in that of 0.5: 1 of 2.
    assert calibration_error(sure, right) == pytest.approx(4 / 6 * abs(0.75 - 0.9) + 2 / 6 * 0.0)
    assert calibration_error(torch.ones(5), torch.ones(5, dtype=torch.bool)) == 0
    assert calibration_error(torch.zeros(5), torch.ones(5, dtype=torch.bool)) == 1


def test_no_images_are_no_error_and_a_batch_of_none_is_passed_over() -> None:
    assert evaluate(Fixed(), [], scaled, CPU).top1 == 0
    none = (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    _, _, batches = batches_of(10, 9)
    found = evaluate(Fixed(), [none, *batches], scaled, CPU)
    assert found.images == 10
    assert evaluate(Fixed(), [none], scaled, CPU).images == 0


def test_an_answer_that_is_no_number_is_refused() -> None:
    _, _, batches = batches_of(10, 9)
    with pytest.raises(Failure, match="answers 10 of 10 images with NaN"):
        evaluate(Fixed(), batches, lambda images: images.float() / 0 * 0, CPU)


def test_several_networks_read_each_batch_once_and_answer_as_each_alone(tmp_path) -> None:
    setup = new_setup(tmp_path)
    _, _, batches = batches_of(20, 4)
    networks = (setup.subnets.smallest, setup.subnets.largest)
    together = evaluate_all(setup.model, iter(batches), scaled, CPU, networks)
    for architecture, found in zip(networks, together, strict=True):
        alone = evaluate(setup.model, batches, scaled, CPU, architecture)
        assert torch.equal(found.predicted, alone.predicted)
        assert (found.loss, found.five) == (alone.loss, alone.five)
        assert found.images_a_second > 0


@pytest.mark.parametrize("training", [True, False])
def test_an_architecture_is_scored_without_drop_path_and_leaves_the_supernet_as_it_was(tmp_path, training) -> None:
    setup = new_setup(tmp_path)
    setup.model.train(training)
    before = {name: tensor.clone() for name, tensor in setup.model.state_dict().items()}
    images, labels, batches = batches_of(20, 4)
    architecture = setup.subnets.smallest

    def normalise(images: torch.Tensor) -> torch.Tensor:
        return images.float() / 128 - 1

    found = evaluate(setup.model, batches, normalise, CPU, architecture)
    assert setup.model.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in setup.model.state_dict().items())
    logits = setup.model.eval()(normalise(images), architecture)
    assert found.first == int((logits.argmax(1) == labels).sum())
    assert found.five == 20  # of four classes, all are among the first five


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for part, whole, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        assert wilson(part, whole) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert wilson(1, 29) == (pytest.approx(0.0061, abs=5e-5), pytest.approx(0.1718, abs=5e-5))
    low, high = wilson(20, 20)
    assert (1 - high, 1 - low) == pytest.approx(wilson(0, 20))
    assert wilson(0, 0) == (0, 1)
