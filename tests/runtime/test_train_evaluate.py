"""Accuracy is the share of images whose class comes first, or among the first five."""

import pytest
import torch
from tiny_training import new_setup

from spacelang_runtime.engine.evaluate import evaluate

CPU = torch.device("cpu")


class Fixed(torch.nn.Module):
    """Logits that are the image's first pixels."""

    def forward(self, images):
        return images[:, 0].flatten(1)[:, :9]


def _batches(count, classes, size=3):
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=chance)
    labels = torch.randint(0, classes, (count,), generator=chance)
    return images, labels, list(zip(images.split(size), labels.split(size), strict=True))


def test_counts_are_those_of_sorting_every_image():
    images, labels, batches = _batches(100, 9)
    ranks = images[:, 0].flatten(1)[:, :9].float().argsort(1, descending=True)
    places = (ranks == labels[:, None]).float().argmax(1)
    found = evaluate(Fixed(), batches, torch.Tensor.float, CPU)
    assert (found.images, found.first, found.five) == (100, int((places < 1).sum()), int((places < 5).sum()))
    assert found.top1 == found.first / 100


def test_the_size_of_batches_does_not_matter():
    for size in (1, 7, 100):
        *_, batches = _batches(100, 9, size)
        assert (
            evaluate(Fixed(), batches, torch.Tensor.float, CPU).first
            == evaluate(Fixed(), _batches(100, 9)[2], torch.Tensor.float, CPU).first
        )


def test_no_images_are_no_accuracy():
    assert evaluate(Fixed(), [], torch.Tensor.float, CPU).top1 == 0


@pytest.mark.parametrize("training", [True, False])
def test_an_architecture_is_scored_without_drop_path_and_leaves_the_supernet_as_it_was(tmp_path, training):
    setup = new_setup(tmp_path)
    setup.model.train(training)
    before = {name: tensor.clone() for name, tensor in setup.model.state_dict().items()}
    images, labels, batches = _batches(20, 4)
    architecture = setup.subnets.smallest

    def normalise(images):
        return images.float() / 128 - 1

    found = evaluate(setup.model, batches, normalise, CPU, architecture)
    assert setup.model.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in setup.model.state_dict().items())
    logits = setup.model.eval()(normalise(images), architecture)
    assert found.first == int((logits.argmax(1) == labels).sum())
    assert found.five == 20  # of four classes, all are among the first five
