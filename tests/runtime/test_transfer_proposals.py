"""What lies before the cascade and beside it: offsets, proposals, the pyramid, what maps have at boxes, masks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops import MultiScaleRoIAlign, box_iou, nms
from torchvision.ops.poolers import initLevelMapper

from spacelang_runtime.tasks.detect.assign import BACKGROUND, IGNORED
from spacelang_runtime.tasks.detect.box_coder import clip, decode, encode
from spacelang_runtime.tasks.detect.cascade import STAGES
from spacelang_runtime.tasks.detect.fpn import FPN
from spacelang_runtime.tasks.detect.masks import pasted, seen_through
from spacelang_runtime.tasks.detect.nms import surviving
from spacelang_runtime.tasks.detect.proposals import anchor_sides, matched, proposed
from spacelang_runtime.tasks.detect.roi_align import laid_out, pooled
from spacelang_runtime.tasks.detect.transforms import Targets

NONE, EMPTY = torch.zeros(0, 4), torch.zeros(1, 4)
TRUTH = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
SIZE = torch.tensor([[100, 100]])


def crowded(groups: int, count: int, seed: int = 0) -> torch.Tensor:
    """Boxes that overlap much: [groups, count, 4]."""
    chance = torch.Generator().manual_seed(seed)
    corners = 60 * torch.rand(groups, count, 2, generator=chance)
    return torch.cat([corners, corners + 5 + 30 * torch.rand(groups, count, 2, generator=chance)], -1)


def test_offsets_are_those_of_torchvision_and_lead_back() -> None:
    boxes, wanted = crowded(2, 50)
    for _, weights, _ in STAGES:
        by = encode(boxes, wanted, weights)
        torch.testing.assert_close(by, BoxCoder(weights).encode_single(wanted, boxes))
        torch.testing.assert_close(decode(boxes, by, weights), wanted, atol=1e-4, rtol=1e-4)
        far = 100 * by  # where a side's growth is bounded
        expected = BoxCoder(weights).decode_single(far, boxes)
        torch.testing.assert_close(decode(boxes, far, weights), expected, atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("overlap", [0.5, 0.7])
def test_the_boxes_that_survive_in_groups_are_those_that_survive_one_after_the_other(overlap: float) -> None:
    boxes = crowded(3, 400)
    found = surviving(boxes, overlap)
    for group, remains in zip(boxes, found, strict=True):
        assert torch.where(remains)[0].tolist() == nms(group, -torch.arange(400.0), overlap).tolist()


def test_a_chain_in_which_each_box_drops_the_next_is_followed_to_its_end() -> None:
    """Every other box remains: each is dropped by one that remains, or by none."""
    left = torch.arange(32.0)
    chain = torch.stack([left, torch.zeros(32), left + 9, torch.ones(32)], 1)
    assert surviving(chain[None], 0.7)[0].tolist() == [True, False] * 16


def test_an_anchor_is_what_torchvision_says() -> None:
    anchors, truth = crowded(2, 200)
    truth = torch.cat([truth[:6], EMPTY])
    expected = Matcher(0.7, 0.3, allow_low_quality_matches=True)(box_iou(truth[:6], anchors))
    assert matched(anchors, truth, NONE).tolist() == expected.tolist()
    assert {BACKGROUND, IGNORED} < set(expected.tolist())


def test_an_anchor_inside_a_crowd_is_no_background() -> None:
    anchors = torch.tensor([[0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0], [80.0, 80.0, 90.0, 90.0]])
    crowd = torch.tensor([[0.0, 0.0, 60.0, 60.0], [0.0, 0.0, 0.0, 0.0]])
    assert matched(anchors, TRUTH, crowd).tolist() == [0, IGNORED, BACKGROUND]


def test_proposals_are_the_surest_boxes_of_all_maps_then_empty_ones() -> None:
    anchors = [torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10]]), torch.tensor([[0.0, 0, 10, 10]])]
    scores = [torch.tensor([[1.0, 2.0, -3.0]]), torch.tensor([[0.0]])]
    moves = [torch.zeros(1, 3, 4), torch.zeros(1, 1, 4)]
    found = proposed(scores, moves, anchors, SIZE, 5)
    # The first overlaps a surer one of its map; the same box of the other map stays.
    assert found.tolist() == [[[0, 0, 10, 9], [0, 0, 10, 10], [20, 0, 30, 10], [0, 0, 0, 0], [0, 0, 0, 0]]]
    assert proposed(scores, moves, anchors, SIZE, 1).tolist() == [[[0, 0, 10, 9]]]
    assert proposed(scores, moves, anchors, torch.tensor([[50, 15]]), 3)[0, 2].tolist() == [0, 0, 0, 0]


def test_anchors_are_as_large_as_coco_has_them_and_smaller_where_photos_are() -> None:
    assert anchor_sides(5, 800) == [32, 64, 128, 256, 512]
    assert anchor_sides(5, 400) == [16, 32, 64, 128, 256]


@pytest.mark.parametrize(
    ("strides", "kept", "every"),
    [
        ((4, 8, 16, 32), (4, 8, 16, 32), (4, 8, 16, 32, 64)),
        ((2, 4, 8, 16), (4, 8, 16), (4, 8, 16, 32, 64)),
        ((1, 2, 4, 8), (4, 8), (4, 8, 16, 32, 64)),
        ((8, 16, 32, 64), (8, 16, 32, 64), (8, 16, 32, 64, 128)),
        ((16, 16, 16, 16), (16, 16, 16, 16), (16, 16, 16, 16, 32)),
        ((2, 2, 2, 2), (4,), (4, 8, 16, 32, 64)),
    ],
)
def test_a_pyramid_begins_at_a_quarter_of_the_image_and_has_five_maps(
    strides: tuple[int, ...], kept: tuple[int, ...], every: tuple[int, ...]
) -> None:
    channels = [3 + level for level in range(4)]
    made = FPN(channels, strides, 8)
    assert (made.strides, made.all) == (kept, every)
    maps = [torch.randn(2, c, 64 // s, 128 // s) for c, s in zip(channels, strides, strict=True)]
    shapes = [tuple(x.shape) for x in made(maps)]
    assert shapes == [(2, 8, max(1, 64 // s), -(-128 // s)) for s in every]


def test_what_finer_maps_know_is_all_in_the_finest_of_the_pyramid() -> None:
    """Each value of maps of stride 1, 2 and 4 is a value of its own of the place that it lies in."""
    maps = [torch.randn(1, 1, 32 // s, 32 // s) for s in (1, 2, 4)]
    made = FPN([1, 1, 1], (1, 2, 4), 8)
    joined: list[torch.Tensor] = []
    made.network = nn.Module()
    made.network.forward = lambda x: joined.append(x["0"]) or x
    made(maps)
    assert joined[0].shape == (1, 16 + 4 + 1, 8, 8)
    place = torch.cat(
        [maps[0][0, 0, 4:8, 8:12].flatten(), maps[1][0, 0, 2:4, 4:6].flatten(), maps[2][0, 0, 1:2, 2]]
    )
    assert joined[0][0, :, 1, 2].tolist() == place.tolist()


@pytest.mark.parametrize(("strides", "low", "high"), [((4, 8, 16, 32), 2, 5), ((4, 8), 2, 3), ((16, 16, 16), 4, 4)])
def test_boxes_see_what_they_see_with_a_search_for_the_boxes_of_each_map(
    strides: tuple[int, ...], low: int, high: int
) -> None:
    torch.manual_seed(0)
    maps = [torch.randn(2, 3, 480 // s, 640 // s, requires_grad=True) for s in strides]
    sides = 10 ** (1 + 1.8 * torch.rand(2, 60, 2))
    corners = torch.rand(2, 60, 2) * (torch.tensor([640.0, 480.0]) - sides).clamp(min=0)
    boxes = clip(torch.cat([corners, corners + sides], -1), torch.tensor([[480, 640], [470, 600]]))
    theirs = MultiScaleRoIAlign([str(level) for level in range(len(strides))], 7, sampling_ratio=2)
    theirs.scales, theirs.map_levels = [1 / s for s in strides], initLevelMapper(low, high)
    named = {str(level): x for level, x in enumerate(maps)}
    expected = theirs(named, list(boxes), [(480, 640)] * 2)
    found = pooled(laid_out(maps, strides), boxes, 7)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_a_box_is_seen_from_the_coarsest_map_on_which_it_is_14_places_wide() -> None:
    maps = [torch.full((1, 1, 800 // s, 800 // s), float(s)) for s in (4, 8, 16, 32)]
    sides = torch.tensor([0.0, 30, 111, 112, 223, 224, 447, 448, 800])
    boxes = torch.stack([torch.zeros(9), torch.zeros(9), sides, sides], 1)[None]
    found = pooled(laid_out(maps, (4, 8, 16, 32)), boxes, 1)
    assert found.flatten().tolist() == [4, 4, 4, 8, 8, 16, 16, 32, 32]


def test_a_box_sees_the_part_of_the_mask_that_it_shows_and_nothing_beside_it() -> None:
    masks = torch.zeros(1, 2, 8, 8, dtype=torch.uint8)
    masks[0, 1, :, :4] = 1  # the left half of the second object
    boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [10.0, 10.0, 26.0, 18.0]]])
    target = Targets(boxes, torch.tensor([[1, 1]]), masks, torch.zeros(1, 0, 4))
    shown = torch.tensor(
        [[[10.0, 10, 26, 18], [10, 10, 18, 18], [18, 10, 26, 18], [2, 10, 18, 26], [0, 0, 1e6, 1e6]]]
    )
    whole, left, right, larger, none = seen_through(shown, torch.tensor([[1, 1, 1, 1, BACKGROUND]]), target, 4)
    assert (whole > 0.5).tolist() == [[True, True, False, False]] * 4
    assert left.min() > 0.8
    assert right.max() < 0.2
    assert (larger > 0.5).tolist() == [[False, False, True, True]] * 2 + [[False] * 4] * 2
    assert none.shape == (4, 4)


def test_a_mask_is_stretched_over_its_box_as_torchvision_does() -> None:
    torch.manual_seed(0)
    masks = F.interpolate(torch.rand(5, 1, 4, 4), 28, mode="bicubic").clamp(0, 1)
    boxes = torch.tensor([[3, 5, 45, 61], [0, 0, 64, 64], [20, 30, 48, 58], [-9, 10, 19, 38], [50, 50, 78, 106]])
    found = pasted(masks[:, 0], boxes.float(), 64, 64)
    expected = paste_masks_in_image(masks, boxes.float(), (64, 64))[:, 0] > 0.5
    assert (found ^ expected).float().mean() < 0.02
    (full,) = pasted(torch.ones(1, 28, 28), torch.tensor([[4.0, 8.0, 24.0, 40.0]]), 64, 64)
    rows, columns = torch.where(full)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 39, 4, 23)
    assert full.sum() == 32 * 20
