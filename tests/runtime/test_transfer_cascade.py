"""Cascade R-CNN's own parts, against cases made by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.detection._utils import BoxCoder

from spacelang_runtime.transfer.detect.assign import BACKGROUND, IGNORED, assign, covered, sample
from spacelang_runtime.transfer.detect.cascade import STAGES, Cascade, refine, select, stage_losses
from spacelang_runtime.transfer.detect.detector import anchor_sides, pooling
from spacelang_runtime.transfer.detect.views import Targets

NONE = torch.zeros(0, 4)
TRUTH = torch.tensor([[0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]])
# Of the first object: all, 8/10, 5/10 and 4/10 of it; the second's half and a bit; nothing.
BOXES = torch.tensor(
    [[0, 0, 10, 10], [0, 0, 8, 10], [0, 0, 5, 10], [0, 0, 4, 10], [20, 0, 26.5, 10], [40, 40, 50, 50]]
).float()


def targets(boxes: torch.Tensor = TRUTH, crowds: torch.Tensor = NONE) -> Targets:
    return Targets(boxes, torch.arange(1, len(boxes) + 1), torch.zeros(len(boxes), 1, 1, dtype=torch.uint8), crowds)


@pytest.mark.parametrize(
    ("threshold", "wanted"),
    [(0.5, [0, 0, 0, -1, 1, -1]), (0.6, [0, 0, -1, -1, 1, -1]), (0.7, [0, 0, -1, -1, -1, -1])],
)
def test_a_stage_asks_for_the_overlap_of_its_number(threshold: float, wanted: list[int]) -> None:
    assert assign(BOXES, TRUTH, NONE, threshold).tolist() == wanted


def test_a_box_that_overlaps_two_objects_is_of_the_one_it_overlaps_most() -> None:
    truth = torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0]])
    assert assign(torch.tensor([[0.9, 0.0, 10.9, 10.0], [0.1, 0.0, 10.1, 10.0]]), truth, NONE, 0.5).tolist() == [
        1,
        0,
    ]


def test_a_box_inside_a_crowd_is_neither_object_nor_background() -> None:
    crowds = torch.tensor([[35.0, 35.0, 60.0, 60.0], [0.0, 0.0, 10.0, 10.0]])
    found = assign(BOXES, TRUTH, crowds, 0.5)
    assert found.tolist() == [0, 0, 0, IGNORED, 1, IGNORED]  # objects stay objects, whatever lies over them


def test_half_of_a_box_in_a_crowd_is_enough_and_less_is_not() -> None:
    crowd = torch.tensor([[0.0, 0.0, 5.0, 10.0]])
    assert covered(torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0]]), crowd).tolist() == [
        0.5,
        pytest.approx(0.4),
    ]
    assert assign(torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0]]), NONE, crowd, 0.5).tolist() == [
        IGNORED,
        BACKGROUND,
    ]


def test_a_photo_without_objects_is_all_background() -> None:
    assert assign(BOXES, NONE, NONE, 0.5).tolist() == [BACKGROUND] * 6


def test_samples_are_objects_up_to_their_share_then_background() -> None:
    assigned = torch.tensor([0] * 10 + [BACKGROUND] * 50 + [IGNORED] * 5)
    torch.manual_seed(0)
    few = assigned[sample(assigned, 16, 0.25)].tolist()
    assert few == [0] * 4 + [BACKGROUND] * 12
    all_of_it = sample(assigned, 100, 0.25)
    assert sorted(all_of_it.tolist()) == list(range(60))


@pytest.mark.parametrize(("stage", "weight"), [(0, 10.0), (1, 20.0), (2, 30.0)])
def test_a_stage_moves_boxes_by_its_weights(stage: int, weight: float) -> None:
    """Offsets (weight · 0.1, 0, 0, weight/2 · ln 2): a tenth of the width to the right, twice as high."""
    coder = BoxCoder(STAGES[stage][1])
    offsets = torch.tensor([[weight * 0.1, 0.0, 0.0, weight / 2 * math.log(2)]])
    (moved,) = refine(coder, offsets, [torch.tensor([[10.0, 10.0, 20.0, 20.0]])], [(100, 100)])
    torch.testing.assert_close(moved, torch.tensor([[11.0, 5.0, 21.0, 25.0]]))


def test_moved_boxes_are_cut_to_their_photo() -> None:
    offsets = torch.tensor([[10.0, 0.0, 0.0, 0.0]] * 2)  # one width to the right
    boxes = [torch.tensor([[5.0, 0.0, 15.0, 10.0]]), torch.tensor([[5.0, 0.0, 15.0, 10.0]])]
    first, second = refine(BoxCoder(STAGES[0][1]), offsets, boxes, [(50, 50), (8, 18)])
    assert first.tolist() == [[15, 0, 25, 10]]
    assert second.tolist() == [[15, 0, 18, 8]]


def test_the_losses_of_a_stage_by_hand() -> None:
    boxes = [torch.tensor([[0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]])]
    which = [torch.tensor([1, BACKGROUND])]
    target = targets(torch.tensor([[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 11.0, 10.0]]))
    logits = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 1.0]])
    offsets = torch.tensor([[0.25, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]])
    found = stage_losses(1, 0.5, BoxCoder(STAGES[0][1]), logits, offsets, boxes, which, [target])
    # The box should move by a tenth of its width, weighed 10: offset 1. It says 0.25: (0.75)² / 2, over two
    # samples.
    assert found["box 1"].item() == pytest.approx(0.5 * 0.75**2 / 2 / 2)
    assert found["class 1"].item() == pytest.approx(0.5 * F.cross_entropy(logits, torch.tensor([2, 0])).item())


def test_background_alone_has_no_loss_of_boxes_but_a_gradient() -> None:
    offsets = torch.zeros(1, 4, requires_grad=True)
    found = stage_losses(
        2,
        1.0,
        BoxCoder(STAGES[1][1]),
        torch.zeros(1, 3),
        offsets,
        [BOXES[:1]],
        [torch.tensor([-1])],
        [targets(NONE)],
    )
    found["box 2"].backward()
    assert found["box 2"].item() == 0
    assert offsets.grad is not None


class Tenth(nn.Module):
    """A stage that moves every box by a tenth of its width to the right, and notes what it was given."""

    def __init__(self, weight: float, seen: list[torch.Tensor]) -> None:
        super().__init__()
        self.weight, self.seen = weight, seen

    def forward(self, pooled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.seen.append(pooled)
        offsets = torch.zeros(len(pooled), 4)
        offsets[:, 0] = self.weight * 0.1
        return torch.zeros(len(pooled), 3), offsets


class Itself(nn.Module):
    """A pool that gives the boxes themselves."""

    output_size = (7, 7)

    def forward(self, maps: object, boxes: list[torch.Tensor], sizes: object) -> torch.Tensor:
        return torch.cat(boxes)


def cascade(samples: int = 64) -> tuple[Cascade, list[torch.Tensor]]:
    seen: list[torch.Tensor] = []
    made = Cascade(Itself(), 1, 1, 2, samples)
    made.stages = nn.ModuleList(Tenth(weights[0], seen) for _, weights, _ in STAGES)
    return made, seen


def test_each_stage_begins_with_the_boxes_that_the_last_one_moved() -> None:
    made, seen = cascade()
    (found,) = made.detect({}, [torch.tensor([[10.0, 10.0, 20.0, 20.0]])], [(100, 100)])
    assert [boxes[0, 0].item() for boxes in seen] == pytest.approx([10, 11, 12])
    assert found.boxes[0].tolist() == pytest.approx([13, 10, 23, 20])
    assert found.scores.tolist() == pytest.approx([1 / 3, 1 / 3])


def test_in_training_every_stage_gets_the_objects_own_boxes_anew_and_none_twice() -> None:
    made, seen = cascade()
    target = targets(torch.tensor([[10.0, 10.0, 20.0, 20.0]]))
    losses, matched = made.losses({}, [torch.tensor([[50.0, 50.0, 60.0, 60.0]])], [target], [(100, 100)])
    starts = [sorted(boxes[:, 0].tolist()) for boxes in seen]
    assert starts[0] == [10, 50]
    assert starts[1] == pytest.approx([10, 51])  # the object's moved box is gone, its own is back
    assert starts[2] == pytest.approx([10, 52])
    assert sorted(losses) == ["box 1", "box 2", "box 3", "class 1", "class 2", "class 3"]
    assert matched[0].boxes.tolist() == [[10, 10, 20, 20]]
    assert matched[0].objects.tolist() == [0]


def test_the_stages_count_less_and_less() -> None:
    assert [(iou, weights[0], weight) for iou, weights, weight in STAGES] == [
        (0.5, 10, 1),
        (0.6, 20, 0.5),
        (0.7, 30, 0.25),
    ]


def test_detections_of_one_class_exclude_each_other_and_those_of_two_do_not() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0], [30.0, 0.0, 40.0, 10.0]])
    scores = torch.tensor([[0.9, 0.3], [0.8, 0.04], [0.2, 0.6]])
    found = select(boxes, scores)
    assert found.labels.tolist() == [1, 2, 2, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6, 0.3, 0.2])
    assert found.boxes[:, 0].tolist() == [0, 30, 0, 30]


def test_a_box_of_224_pixels_is_pooled_from_the_map_of_stride_16() -> None:
    pool = pooling(["0", "1", "2", "3"], (4, 8, 16, 32), 7)
    sides = torch.tensor([30.0, 112.0, 224.0, 448.0, 2000.0])
    boxes = torch.stack([torch.zeros(5), torch.zeros(5), sides, sides], 1)
    assert pool.map_levels([boxes]).tolist() == [0, 1, 2, 3, 3]
    assert pool.scales == [1 / 4, 1 / 8, 1 / 16, 1 / 32]


def test_anchors_are_eight_places_wide_and_on_equal_maps_of_all_sizes() -> None:
    assert anchor_sides((4, 8, 16, 32)) == [32, 64, 128, 256, 512]
    assert anchor_sides((16, 16, 16, 16)) == [32, 64, 128, 256, 512]
