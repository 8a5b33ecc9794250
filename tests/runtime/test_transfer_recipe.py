"""Recipes: what the shipped ones say, how the rate goes, which items a step takes, and what is said of mistakes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacelang.cli.transfer import transfer
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.recipe_text import named, shipped, structured, unstructured
from spacelang_runtime.tasks.sampler import EpochSampler
from spacelang_runtime.tasks.transfer.schedule import rate_of


def test_the_papers_recipes_say_what_the_paper_says() -> None:
    """Chen et al. (2021), supplement, section C."""
    coco, ade, vqa = (
        named(*of) for of in (("coco-3x", "detect"), ("ade20k-160k", "segment"), ("vqa2-soho", "vqa"))
    )
    assert (coco.train.epochs, coco.train.steps, coco.train.batch) == (36, (27, 33), 16)
    assert (coco.train.learning_rate, coco.train.weight_decay) == (1e-4, 0.05)
    assert (min(coco.model.shorter), max(coco.model.shorter), coco.model.longest) == (480, 800, 1333)
    assert (ade.train.iterations, ade.train.learning_rate, ade.train.schedule) == (160_000, 6e-5, "poly")
    assert (ade.train.batch, ade.train.warmup, ade.model.crop) == (16, 1500, 512)
    assert (vqa.train.epochs, vqa.train.steps, vqa.train.warmup, vqa.train.batch) == (40, (25, 35), 500, 2048)
    assert (vqa.train.backbone_learning_rate, vqa.train.learning_rate) == (5e-6, 5e-5)
    assert (vqa.model.image, vqa.model.texts, vqa.model.matched) == (384, 4, 2)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_recipe_comes_back_from_json_as_it_was(name: str) -> None:
    recipe = named(name, shipped()[name])
    assert structured(unstructured(recipe), name, name) == recipe


def test_the_page_and_the_help_name_every_recipe() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "transfer.md").read_text(encoding="utf-8")
    for name in shipped():
        assert f"`{name}`" in page
        assert re.search(rf"\b{name}\b", str(transfer.__doc__))


def test_a_line_is_replaced_on_the_command_line() -> None:
    changed = named("coco-3x", "detect", ["batch=8", "shorter=[320]", "schedule=cosine", "drop_path=0"])
    assert (changed.train.batch, changed.train.schedule, changed.train.drop_path) == (8, "cosine", 0)
    assert changed.model.shorter == (320,)
    by_iterations = named("camvid", "segment", ["iterations=100"]).train
    assert (by_iterations.iterations, by_iterations.epochs) == (100, None)


@pytest.mark.parametrize(
    ("change", "expected"),
    [("shorter=96", (96,)), ("shorter=96,128", (96, 128)), ("shorter=[96, 128]", (96, 128))],
)
def test_a_list_needs_no_brackets_on_a_command_line(change: str, expected: tuple[int, ...]) -> None:
    assert named("coco-tiny", "detect", [change]).model.shorter == expected


def test_names_of_classes_need_no_quotation_marks_on_a_command_line() -> None:
    assert named("camvid", "segment", ["classes=sky, road"]).model.classes == ("sky", "road")
    assert named("camvid", "segment", ["classes=3"]).model.classes == 3


def test_a_shipped_recipe_is_found_by_its_path_from_anywhere(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert named("spaces/transfer/camvid.toml", "segment") == named("camvid", "segment")


def test_a_list_is_a_list_in_a_file() -> None:
    record = unstructured(named("coco-3x", "detect"))
    with pytest.raises(Failure, match=r"detect\.shorter: expected a list such as .*, found 5"):
        structured(record | {"detect": record["detect"] | {"shorter": 5}}, "mine", "mine.toml")


MISTAKES = {
    "batch": "'batch' is no setting",
    "epochs=ten": "train.epochs: expected a number, found 'ten'",
    "bach=3": "recipes for detect have no 'bach'",
    "batch=many": "train.batch: expected a number, found 'many'",
    "batch=0": "'batch' must be >= 1: 0",
    "schedule=line": "train.schedule: expected step, poly, cosine; found 'line'",
    "test=1.5": "detect.test: expected a whole number, found 1.5",
    "shorter=small": "detect.shorter.*expected a number, found 'small'",
    "crop=64": "recipes for detect have no 'crop': it is a line of segment",
    "checkpointing=1": "train.checkpointing: expected true or false, found 1",
    "steps=[40]": r"steps = \[40\]: the last is not before the end",
    "epochs=12": "epochs = 12 ends before the rate's last step, at 33",
    "flip=2": "'flip' must be <= 1",
}


@pytest.mark.parametrize("change", MISTAKES)
def test_a_wrong_line_is_named(change: str) -> None:
    with pytest.raises(Failure, match=MISTAKES[change]):
        named("coco-3x", "detect", [change])


def test_recipes_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="there is no recipe 'coco3x'") as caught:
        named("coco3x", "detect")
    assert caught.value.remedy == "did you mean coco-3x?"
    with pytest.raises(Failure, match=r"camvid\.toml is a recipe for segment"):
        named("camvid", "detect")
    own = tmp_path / "own.toml"
    own.write_text('task = "vqa"\n[train]\nbatch = 4\nlearning_rate = 1e-4\nepochs 4\n')
    with pytest.raises(Failure, match=r"own\.toml is not TOML.*line 5"):
        named(str(own), "vqa")
    own.write_text('task = "vqa"\n[train]\nbatch = 4\nlerning_rate = 1e-4\nbogus = 1\n[vka]\n')
    with pytest.raises(Failure) as wrong:
        named(str(own), "vqa")
    assert "'vka' is no section" in wrong.value.message
    assert "train has no 'lerning_rate': did you mean learning_rate?" in wrong.value.message
    assert "train has no 'bogus': there are batch, learning_rate, " in wrong.value.message


def test_the_rate_is_divided_by_ten_after_the_epochs_that_the_recipe_names() -> None:
    per_epoch = 7330  # COCO's 117 266 photos with objects, by 16
    rate = rate_of(named("coco-3x", "detect").train, per_epoch)

    def factor(step: int) -> float:
        return rate.factor(step / (36 * per_epoch))

    assert factor(250) == pytest.approx(0.5)
    assert factor(500) == factor(27 * per_epoch) == 1
    assert factor(27 * per_epoch + 1) == factor(33 * per_epoch) == pytest.approx(0.1)
    assert factor(33 * per_epoch + 1) == factor(36 * per_epoch) == pytest.approx(0.01)


def test_poly_goes_to_zero_in_a_line_after_its_warm_up() -> None:
    rate = rate_of(named("ade20k-160k", "segment").train, 1263)
    assert rate.factor(750 / 160_000) == pytest.approx(0.5 * (1 - 750 / 160_000))
    assert rate.factor(0.5) == pytest.approx(0.5)
    assert rate.factor(1.0) == 0


@given(
    items=st.integers(1, 60),
    batch=st.sampled_from([2, 4, 8]),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
    kinds=st.booleans(),
)
def test_an_epoch_takes_every_item_and_ranks_share_its_steps(
    items: int, batch: int, seed: int, epoch: int, kinds: bool
) -> None:
    order = EpochSampler(items, batch, seed, np.arange(items) % 3 // 2 if kinds else None)
    steps = range(epoch * order.per_epoch, (epoch + 1) * order.per_epoch)
    taken = Counter(item for step in steps for item, _ in order.of(step))
    assert set(taken) == set(range(items))
    assert sum(taken.values()) == order.per_epoch * batch
    for step in steps:
        shared = [one for rank in (0, 1) for one in order.of(step, rank, 2)]
        assert sorted(shared) == sorted(order.of(step))


def test_batches_are_of_one_kind_but_for_one() -> None:
    kinds = np.array([0] * 50 + [1] * 30)
    order = EpochSampler(80, 8, 0, kinds)
    mixed = [len({int(kinds[item]) for item, _ in order.of(step)}) > 1 for step in range(order.per_epoch)]
    assert sum(mixed) <= 1
    assert [item for item, _ in order.of(0)] != [item for item, _ in order.of(order.per_epoch)]
