"""The detector's own parts, against cases made by hand and against torchvision's, which go photo by photo."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spacelang_runtime.tasks.detect.assign import BACKGROUND, IGNORED, assign, covered, sample
from spacelang_runtime.tasks.detect.box_coder import clip, decode
from spacelang_runtime.tasks.detect.cascade import STAGES, Cascade, Chosen, select, stage_losses
from spacelang_runtime.tasks.detect.transforms import Targets

NONE = torch.zeros(0, 4)
TRUTH = torch.tensor([[0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]])
# Of the first object: all, 8/10, 5/10 and 4/10 of it; the second's half and a bit; nothing.
BOXES = torch.tensor(
    [[0, 0, 10, 10], [0, 0, 8, 10], [0, 0, 5, 10], [0, 0, 4, 10], [20, 0, 26.5, 10], [40, 40, 50, 50]]
).float()


EMPTY = torch.zeros(1, 4)


def targets(boxes: torch.Tensor = TRUTH, crowds: torch.Tensor = NONE) -> Targets:
    """A batch of one photo."""
    labels, masks = torch.arange(1, len(boxes) + 1), torch.zeros(len(boxes), 1, 1, dtype=torch.uint8)
    return Targets(*(part[None] for part in (boxes, labels, masks, crowds)))


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


def test_an_empty_box_is_neither_object_nor_background_and_an_empty_object_is_none() -> None:
    assert assign(EMPTY, TRUTH, NONE, 0.5).tolist() == [IGNORED]
    assert assign(torch.cat([BOXES, EMPTY]), EMPTY, EMPTY, 0.5).tolist() == [BACKGROUND] * 6 + [IGNORED]


def test_photos_of_a_batch_are_assigned_each_by_itself() -> None:
    boxes, truth = torch.stack([BOXES, BOXES.flip(0)]), torch.stack([TRUTH, TRUTH.flip(0)])
    both = assign(boxes, truth, torch.zeros(2, 0, 4), 0.5)
    assert both[0].tolist() == assign(BOXES, TRUTH, NONE, 0.5).tolist()
    assert both[1].tolist() == assign(BOXES.flip(0), TRUTH.flip(0), NONE, 0.5).tolist()


def test_samples_are_objects_up_to_their_share_then_background() -> None:
    assigned = torch.tensor([0] * 10 + [BACKGROUND] * 50 + [IGNORED] * 5)
    torch.manual_seed(0)
    places, few = sample(assigned, 16, 0.25)
    assert few.tolist() == [0] * 4 + [BACKGROUND] * 12
    assert assigned[places].tolist() == few.tolist()
    assert len(set(places.tolist())) == 16


def test_where_samples_do_not_suffice_others_follow_that_count_for_nothing() -> None:
    assigned = torch.tensor([IGNORED] * 3 + [0] * 8 + [BACKGROUND] * 9)
    places, found = sample(assigned, 16, 0.25)
    assert found.tolist() == [0] * 4 + [BACKGROUND] * 9 + [IGNORED] * 3
    assert sorted(places[4:13].tolist()) == list(range(11, 20))
    places, found = sample(assigned, 100, 1.0)
    assert sorted(places.tolist()) == list(range(20))
    assert found.tolist() == [0] * 8 + [BACKGROUND] * 9 + [IGNORED] * 3


def test_each_box_is_sampled_as_often_as_the_next() -> None:
    assigned = torch.tensor([0] * 4 + [BACKGROUND] * 12).expand(4000, 16)
    torch.manual_seed(0)
    places, _ = sample(assigned, 8, 0.25)
    counts = torch.bincount(places.flatten(), minlength=16) / 4000
    assert counts[:4].tolist() == pytest.approx([2 / 4] * 4, abs=0.03)
    assert counts[4:].tolist() == pytest.approx([6 / 12] * 12, abs=0.03)


@pytest.mark.parametrize(("stage", "weight"), [(0, 10.0), (1, 20.0), (2, 30.0)])
def test_a_stage_moves_boxes_by_its_weights(stage: int, weight: float) -> None:
    """Offsets (weight · 0.1, 0, 0, weight/2 · ln 2): a tenth of the width to the right, twice as high."""
    by = torch.tensor([[weight * 0.1, 0.0, 0.0, weight / 2 * math.log(2)]])
    found = decode(torch.tensor([[10.0, 10.0, 20.0, 20.0]]), by, STAGES[stage][1])
    torch.testing.assert_close(found, torch.tensor([[11.0, 5.0, 21.0, 25.0]]))


def test_moved_boxes_are_cut_to_their_photo() -> None:
    boxes = torch.tensor([[[15.0, -3.0, 25.0, 10.0]]] * 2)
    first, second = clip(boxes, torch.tensor([[50, 50], [8, 18]]))
    assert first.tolist() == [[15, 0, 25, 10]]
    assert second.tolist() == [[15, 0, 18, 8]]


def of_stage(boxes: torch.Tensor, which: list[int]) -> Chosen:
    return Chosen(boxes[None], torch.tensor([which]), torch.zeros(1, len(which), dtype=torch.bool))


def test_the_losses_of_a_stage_by_hand() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0], [0.0, 0.0, 0.0, 0.0]])
    target = targets(torch.tensor([[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 11.0, 10.0]]))
    logits = torch.tensor([[[0.0, 1.0, 2.0], [3.0, 0.0, 1.0], [9.0, 9.0, -9.0]]])
    by = torch.tensor([[[0.25, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0], [9.0, 9.0, 9.0, 9.0]]])
    chosen = of_stage(boxes, [1, BACKGROUND, IGNORED])
    of_class, of_box = stage_losses(logits, by, chosen, target, STAGES[0][1])
    # The box should move by a tenth of its width, weighed 10: offset 1. It says 0.25: (0.75)² / 2, over two
    # samples; the ignored one is none.
    assert of_box.item() == pytest.approx(0.75**2 / 2 / 2)
    assert of_class.item() == pytest.approx(F.cross_entropy(logits[0, :2], torch.tensor([2, 0])).item())


@pytest.mark.parametrize("which", [BACKGROUND, IGNORED])
def test_without_objects_there_is_no_loss_of_boxes_but_a_gradient(which: int) -> None:
    by = torch.zeros(1, 1, 4, requires_grad=True)
    _, found = stage_losses(torch.zeros(1, 1, 3), by, of_stage(EMPTY, [which]), targets(EMPTY), STAGES[1][1])
    found.backward()
    assert found.item() == 0
    assert by.grad is not None
    assert not by.grad.any()


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


def itself(boxes: torch.Tensor) -> torch.Tensor:
    """A pool that gives the boxes themselves."""
    return boxes.flatten(0, 1)


def cascade(samples: int = 64) -> tuple[Cascade, list[torch.Tensor]]:
    seen: list[torch.Tensor] = []
    made = Cascade(1, 7, 1, 2, samples)
    made.stages = nn.ModuleList(Tenth(weights[0], seen) for _, weights, _ in STAGES)
    return made, seen


SIZE = torch.tensor([[100, 100]])


def test_each_stage_begins_with_the_boxes_that_the_last_one_moved_and_empty_ones_are_not_found() -> None:
    made, seen = cascade()
    (found,) = made.detect(itself, torch.tensor([[[10.0, 10.0, 20.0, 20.0], [0.0, 0.0, 0.0, 0.0]]]), SIZE)
    assert [boxes[0, 0].item() for boxes in seen] == pytest.approx([10, 11, 12])
    assert found.boxes.flatten().tolist() == pytest.approx([13, 10, 23, 20] * 2)
    assert found.scores.tolist() == pytest.approx([1 / 3, 1 / 3])
    assert found.labels.tolist() == [1, 2]


def test_in_training_every_stage_gets_the_objects_own_boxes_anew_and_none_twice() -> None:
    made, seen = cascade()
    target = targets(torch.tensor([[10.0, 10.0, 20.0, 20.0]]))
    losses, first = made.losses(itself, torch.tensor([[[50.0, 50.0, 60.0, 60.0]]]), target, SIZE)
    starts = [sorted(boxes[boxes.any(1), 0].tolist()) for boxes in seen]
    assert starts[0] == [10, 50]
    assert starts[1] == pytest.approx([10, 51])  # the object's moved box is gone, its own is back
    assert starts[2] == pytest.approx([10, 52])
    assert sorted(losses) == ["box 1", "box 2", "box 3", "class 1", "class 2", "class 3"]
    assert first.boxes[first.which >= 0].tolist() == [[10, 10, 20, 20]]
    assert first.which.tolist() == [[0, BACKGROUND]]


def test_losses_are_weighed_by_their_stage() -> None:
    """All stages here say the same of the same boxes, and the objects' own ones should not move."""
    made, _ = cascade()
    target = targets(torch.tensor([[10.0, 10.0, 20.0, 20.0]]))
    losses, _ = made.losses(itself, torch.zeros(1, 3, 4), target, SIZE)
    assert [losses[f"class {stage}"].item() for stage in (1, 2, 3)] == pytest.approx(
        [math.log(3) * weight for weight in (1, 0.5, 0.25)]
    )
    # A tenth of the width too far, weighed 10, 20, 30: |1| - 1/2, |2| - 1/2, |3| - 1/2.
    assert [losses[f"box {stage}"].item() for stage in (1, 2, 3)] == pytest.approx([0.5, 1.5 * 0.5, 2.5 * 0.25])


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
