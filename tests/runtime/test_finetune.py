"""One network trained further: it begins where it was, follows data and teacher, and stands on its own again."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from attrs import evolve
from networks import AWKWARD, draw, stirred
from tiny_training import RECIPE, SPACE, Noise, learn, new_run, new_setup

from spacelang import notation
from spacelang.lower.lowered import lower
from spacelang.recipe import Train
from spacelang_runtime.data import Batch, normalise
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.inherit import inherit
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import save
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.tasks.finetune import narrowest, recipe_of
from spacelang_runtime.tasks.supernet.sandwich import alone
from spacelang_runtime.tasks.supernet.teacher import Distilled, of_timm, teacher_of


@pytest.mark.parametrize("name", AWKWARD)
def test_a_network_put_into_a_supernet_comes_out_of_it_again(name: str) -> None:
    lowered = lower(AWKWARD[name])
    rng = random.Random(0)
    for architecture in (draw(lowered, rng) for _ in range(5)):
        network = stirred(Network(architecture))
        narrow = lower(narrowest(architecture, Train()))
        narrow.genotype(architecture)  # it is one of that space
        for within in (lowered, narrow):
            supernet = stirred(Supernet(within.space.frame, within.plan), seed=9)
            before = {key: tensor.clone() for key, tensor in supernet.state_dict().items()}
            inherit(supernet, architecture, network.state_dict())
            out = extract(supernet, architecture).state_dict()
            assert all(torch.equal(out[key], tensor) for key, tensor in network.state_dict().items())
            count = sum(p.numel() for p in network.parameters())
            changed = sum(int((before[key] != tensor).sum()) for key, tensor in supernet.state_dict().items())
            assert changed <= count, "weights outside the network were touched"


def test_weights_that_are_left_out_keep_what_is_there() -> None:
    lowered = lower(AWKWARD["pyramid"])
    supernet = stirred(Supernet(lowered.space.frame, lowered.plan))
    head = supernet.head.weight.clone()
    weights = stirred(Network(lowered.largest), seed=4).state_dict()
    inherit(supernet, lowered.largest, {k: t for k, t in weights.items() if not k.startswith("head.classify")})
    assert torch.equal(supernet.head.weight, head)
    assert torch.equal(supernet.stem.patches.weight, weights["stem.patches.weight"])


def test_the_narrowest_space_of_layers_of_one_kind_is_a_space_of_one() -> None:
    architecture = notation.read("i16-p2-c4/8:2xh2q8m2w4/16:h2q16m3.5w2")
    assert lower(narrowest(architecture, Train())).largest == architecture
    assert lower(narrowest(architecture, Train())).smallest == architecture


def test_fine_tuning_is_short_and_slow_and_retraining_is_the_given_recipe() -> None:
    given = Train(epochs=100, batch=512)
    fine, anew = recipe_of(False, given), recipe_of(True, given)
    assert anew == evolve(given, sandwich=anew.sandwich, holdout=0)
    assert (anew.sandwich.largest, anew.sandwich.size) == (1, 1)
    assert fine.epochs == 30
    assert fine.rate == given.rate / 30
    assert fine.holdout == 0


def test_only_the_one_network_is_trained(tmp_path: Path) -> None:
    architecture = lower(SPACE).smallest
    setup = new_setup(tmp_path, evolve(RECIPE, sandwich=recipe_of(True).sandwich))
    setup = evolve(setup, subnets=alone(architecture))
    before = extract(setup.model, architecture).state_dict()
    losses = []
    learn(setup, lambda step: losses.append(step.losses))
    after = extract(setup.model, architecture).state_dict()
    assert all(set(loss) == {"largest"} for loss in losses)
    assert any(not torch.equal(before[key], after[key]) for key in before)


class Certain(torch.nn.Module):
    """A teacher that is sure of class 2."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tensor([0.0, 0.0, 99.0, 0.0]).expand(len(images), -1)


def test_a_teacher_has_its_share_in_every_target() -> None:
    plain = list(Noise().train_batches(0, 3, 0, 1, torch.device("cpu")))
    taught = list(Distilled(Noise(), Certain(), 0.25).train_batches(0, 3, 0, 1, torch.device("cpu")))
    for one, other in zip(plain, taught, strict=True):
        assert isinstance(other, Batch)
        assert torch.equal(one.images, other.images)
        expected = 0.75 * one.targets + 0.25 * torch.tensor([0.0, 0, 1, 0])
        torch.testing.assert_close(other.targets, expected)


def test_a_taught_student_follows_its_teacher(tmp_path: Path) -> None:
    recipe = evolve(RECIPE, ema=Fraction(0), drop_path=Fraction(0))
    setup = new_setup(tmp_path, recipe)
    images = next(iter(Noise().train_batches(50, 1, 0, 1, torch.device("cpu")))).images
    setup = evolve(setup, dataset=Distilled(Noise(), Certain(), 1.0))
    learn(setup)
    with torch.no_grad():
        said = setup.model.eval()(images, lower(SPACE).largest).softmax(-1)
    assert said[:, 2].mean() > 0.5


def test_a_timm_teacher_reads_images_with_its_own_mean_and_size() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pretrained_cfg = {"input_size": (3, 6, 6), "fixed_input_size": True}
            self.pretrained_cfg |= {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.5, 1.0)}

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    pixels = torch.full((1, 3, 4, 4), 0.8)
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    found = of_timm(Model(), Preprocessing())((pixels - mean) / std)
    expected = torch.tensor([0.3 / 0.25, 0.3 / 0.5, 0.3]).view(1, 3, 1, 1).expand(1, 3, 6, 6)
    torch.testing.assert_close(found, expected)


def test_a_teacher_reads_the_pixels_that_the_student_reads_by_moments_of_its_own(tmp_path: Path) -> None:
    network = stirred(Network(notation.read("i8-p2-c5/8:h2q8m2w4"))).eval()
    own, shown = Preprocessing(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7)), Preprocessing(mean=(0.5,) * 3)
    save(network, tmp_path / "m", {}, preprocessing=own)
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    said = teacher_of(str(tmp_path / "m"), None, 5, tmp_path, shown)(normalise(pixels, shown))
    torch.testing.assert_close(said, network(normalise(pixels, own)))


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path) -> None:
    save(Network(notation.read("i8-p2-c5/8:h2q8m2w4")), tmp_path / "m", {})
    assert teacher_of(str(tmp_path / "m"), None, 5, tmp_path)(torch.randn(1, 3, 8, 8)).shape == (1, 5)
    with pytest.raises(Failure, match="tells 5 classes apart, and the data has 4"):
        teacher_of(str(tmp_path / "m"), None, 4, tmp_path)
    with pytest.raises(Failure, match="timm has no model resnet1111") as failure:
        teacher_of("timm:resnet1111", None, 4, tmp_path)
    assert failure.value.remedy.startswith("did you mean timm:resnet1")
    with pytest.raises(Failure, match="timm cannot make the teacher resnet18"):
        teacher_of("timm:resnet18", tmp_path / "w", 4, tmp_path)
    new_run(tmp_path / "runs")
    with pytest.raises(Failure, match="has kept no weights yet"):
        teacher_of("tiny-1", None, 4, tmp_path / "runs")
